/**
 * A load second by second: what was planned, sent and answered, and how long answers took.
 *
 * Bounded in memory whatever the length of the load: after {@linkcode MAX_INTERVALS} seconds the
 * intervals become two seconds long, then four, and so on.
 *
 * @module
 */
import type { Outcome } from "../outcome.ts";
import {
  addHistogram,
  createHistogram,
  type Histogram,
  histogramQuantile,
  type PackedHistogram,
  packHistogram,
  recordTime,
  unpackHistogram,
} from "../stats/histogram.ts";

/** One request that has ended, with its times on the clock of the load in milliseconds. */
export interface EndedRequest {
  readonly plannedMs: number;
  readonly sentMs: number;
  readonly doneMs: number;
  readonly outcome: Outcome;
}

/** What is counted in each interval; plain data, so that it can be sent between threads. */
export interface Timeline {
  /** The length of an interval in milliseconds: 1000, or a power of two times that. */
  readonly intervalMs: number;
  /** Requests that were due in each interval. */
  readonly planned: readonly number[];
  readonly sent: readonly number[];
  /** Right answers that came in it. */
  readonly good: readonly number[];
  /** Requests that failed in it, those that were never sent included. */
  readonly failed: readonly number[];
  /** Requests that ended in it after they had been sent. */
  readonly ended: readonly number[];
  /** The longest wait for a right answer, from plan to last byte, in milliseconds; 0 without one. */
  readonly maxMs: readonly number[];
  /** The waits for right answers, from plan to last byte. */
  readonly waits: readonly Histogram[];
}

/** One interval as it is stored and drawn. */
export interface TimelineRow {
  /** Its start in milliseconds from the start of the load. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Requests that were due. */
  readonly planned: number;
  readonly sent: number;
  /** Right answers. */
  readonly good: number;
  readonly failed: number;
  /** Median wait for a right answer from its planned time in milliseconds, within 0.4 %; null without one. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The longest, exact. */
  readonly maxMs: number | null;
  /** Requests in flight at its end. */
  readonly inFlight: number;
}

/** Twenty minutes of seconds: 9 MB where an answer takes a second. */
const MAX_INTERVALS = 1200;

const INTERVAL_MS = 1000;

/** Fills a timeline as requests end; its times count from the start of the load. */
export class TimelineRecorder {
  readonly #startMs: number;
  #timeline: MutableTimeline = emptyTimeline();

  /** Starts at a time on the clock of the load. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Counts one request; one that was interrupted counts as planned and sent, and on neither side. */
  record(request: EndedRequest): void {
    const { plannedMs, sentMs, doneMs, outcome } = request;
    const done = this.#interval(doneMs);
    this.#add("planned", this.#interval(plannedMs));
    if (outcome !== "dropped") {
      this.#add("sent", this.#interval(sentMs));
      this.#add("ended", done);
    }
    if (outcome === "aborted") return;
    if (outcome !== "ok") return this.#add("failed", done);
    this.#add("good", done);
    const waitMs = doneMs - plannedMs;
    const { maxMs, waits } = this.#timeline;
    maxMs[done] = Math.max(maxMs[done] ?? 0, waitMs);
    const counted = waits[done];
    if (counted !== undefined) recordTime(counted, waitMs);
  }

  /** Returns a view of what was counted so far; it changes as more is recorded. */
  get timeline(): Timeline {
    return this.#timeline;
  }

  #add(name: CountName, interval: number): void {
    const counts = this.#timeline[name];
    counts[interval] = (counts[interval] ?? 0) + 1;
  }

  #interval(timeMs: number): number {
    const fromStartMs = Math.max(0, timeMs - this.#startMs);
    while (fromStartMs >= MAX_INTERVALS * this.#timeline.intervalMs) {
      this.#timeline = halve(this.#timeline);
    }
    const interval = Math.floor(fromStartMs / this.#timeline.intervalMs);
    extend(this.#timeline, interval + 1);
    return interval;
  }
}

type CountName = "planned" | "sent" | "good" | "failed" | "ended";

const COUNT_NAMES = ["planned", "sent", "good", "failed", "ended"] as const;

interface MutableTimeline extends Record<CountName, number[]> {
  readonly intervalMs: number;
  readonly maxMs: number[];
  readonly waits: Histogram[];
}

function emptyTimeline(intervalMs = INTERVAL_MS): MutableTimeline {
  return {
    intervalMs,
    planned: [],
    sent: [],
    good: [],
    failed: [],
    ended: [],
    maxMs: [],
    waits: [],
  };
}

function extend(timeline: MutableTimeline, length: number): void {
  while (timeline.waits.length < length) {
    for (const name of COUNT_NAMES) timeline[name].push(0);
    timeline.maxMs.push(0);
    timeline.waits.push(createHistogram());
  }
}

/** Adds the intervals of one timeline to those of another that are `factor` times as long. */
function pour(to: MutableTimeline, from: Timeline): void {
  const factor = to.intervalMs / from.intervalMs;
  extend(to, Math.ceil(from.waits.length / factor));
  from.waits.forEach((waits, i) => {
    const at = Math.floor(i / factor);
    for (const name of COUNT_NAMES) {
      to[name][at] = (to[name][at] ?? 0) + (from[name][i] ?? 0);
    }
    to.maxMs[at] = Math.max(to.maxMs[at] ?? 0, from.maxMs[i] ?? 0);
    const sum = to.waits[at];
    if (sum !== undefined) addHistogram(sum, waits);
  });
}

function halve(timeline: Timeline): MutableTimeline {
  const half = emptyTimeline(2 * timeline.intervalMs);
  pour(half, timeline);
  return half;
}

/** Adds timelines of loads that started together. */
export function mergeTimelines(parts: readonly Timeline[]): Timeline {
  const longest = Math.max(
    INTERVAL_MS,
    ...parts.map((part) => part.intervalMs),
  );
  const all = emptyTimeline(longest);
  for (const part of parts) pour(all, part);
  return all;
}

/** A timeline as it is stored: of the waits of each interval only the buckets that are not empty. */
export interface PackedTimeline extends Omit<Timeline, "waits"> {
  /** The waits, interval by interval. */
  readonly waits: readonly PackedHistogram[];
}

/** Makes a timeline fit to be stored. */
export function packTimeline(timeline: Timeline): PackedTimeline {
  return { ...timeline, waits: timeline.waits.map(packHistogram) };
}

/**
 * Returns a timeline that was stored.
 *
 * @throws {RangeError} If it is none that {@linkcode TimelineRecorder} fills.
 */
export function unpackTimeline(packed: PackedTimeline): Timeline {
  const { intervalMs, waits, maxMs } = packed;
  const { length } = waits;
  const octave = Math.log2(intervalMs / INTERVAL_MS);
  const columns = [...COUNT_NAMES.map((name) => packed[name]), maxMs];
  if (
    !Number.isInteger(octave) || octave < 0 || length > MAX_INTERVALS ||
    columns.some((column) => column.length !== length)
  ) {
    throw new RangeError(
      `Cannot read a timeline of ${length} intervals of ${intervalMs} ms: expected columns of one length, at most ${MAX_INTERVALS}, and whole seconds by a power of two`,
    );
  }
  return { ...packed, waits: waits.map(unpackHistogram) };
}

/** Returns the intervals, one row each. */
export function timelineRows(timeline: Timeline): TimelineRow[] {
  const { intervalMs, waits } = timeline;
  let inFlight = 0;
  return waits.map((counted, i) => {
    const of = (name: CountName) => timeline[name][i] ?? 0;
    inFlight += of("sent") - of("ended");
    const good = of("good");
    return {
      startMs: i * intervalMs,
      durationMs: intervalMs,
      planned: of("planned"),
      sent: of("sent"),
      good,
      failed: of("failed"),
      p50Ms: histogramQuantile(counted, 0.5),
      p99Ms: histogramQuantile(counted, 0.99),
      maxMs: good === 0 ? null : timeline.maxMs[i] ?? null,
      inFlight,
    };
  });
}
