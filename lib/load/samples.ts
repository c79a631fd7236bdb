/**
 * Records requests in typed arrays: exact, small, and without work for the garbage collector.
 *
 * The first {@linkcode EXACT_SAMPLES} are kept one by one; all are counted in histograms, so that
 * a load of any length fits into the same memory.
 *
 * @module
 */
import { sum } from "../stats/summary.ts";
import { type Outcome, outcomeCode, OUTCOMES } from "../outcome.ts";
import { mergeFailures } from "../record/cells.ts";
import type { FailureCount, SampleColumns } from "../record/run.ts";
import {
  createHistogram,
  type Histogram,
  mergeHistograms,
  recordTime,
} from "../stats/histogram.ts";
import {
  KEPT_STANDSTILLS,
  type LoadObservations,
  mergeObservations,
  type Standstill,
} from "./observer.ts";
import type { EndedRequest } from "./timeline.ts";

/** How many samples of a load are kept one by one: 3.3 MB, and more than any profile's cell has. */
export const EXACT_SAMPLES = 131_072;

/** Counts over all requests of a load. */
export interface LoadTotals {
  readonly planned: number;
  /** Requests with a right answer. */
  readonly good: number;
  /** Those of them that were answered by the end of the planned length of the load. */
  readonly inTime: number;
  /** Of the good ones: from sent to done. */
  readonly service: Histogram;
  /** Of the good ones: from planned to done, which is what a user of the server waits. */
  readonly response: Histogram;
  /** Of all that were sent: from planned to sent, the lateness of the client. */
  readonly lag: Histogram;
}

/** The samples of one load, a column each, of one length; fit to be moved between threads. */
export interface Samples {
  /** Counts over all requests, also those beyond the columns. */
  readonly totals: LoadTotals;
  /** When each request was due, in milliseconds on the clock of the driver. */
  readonly plannedMs: Float64Array;
  /** When its first byte was written. */
  readonly sentMs: Float64Array;
  /** When its last byte, or its failure, arrived. */
  readonly doneMs: Float64Array;
  /** Codes of outcomes, as in {@linkcode OUTCOMES}. */
  readonly outcome: Uint8Array;
  /** When this thread stood still: start and length of each pause, one after the other. */
  readonly pausesMs: Float64Array;
  /** Failures by kind, most frequent first, each with the first message. */
  readonly failures: readonly FailureCount[];
  /** Requests that were sent again on a new connection, since a reused one had been closed. */
  readonly retried: number;
  /** Items of each request; absent where all have those of the workload. */
  readonly items?: Uint32Array;
  /** What else was seen; absent where the load was not observed. */
  readonly observed?: LoadObservations;
}

const FIRST_CAPACITY = 1024;

/** Grows with the load; a slot is taken when a request is planned and filled when it has ended. */
export class SampleRecorder {
  #length = 0;
  #plannedMs = new Float64Array(FIRST_CAPACITY);
  #sentMs = new Float64Array(FIRST_CAPACITY);
  #doneMs = new Float64Array(FIRST_CAPACITY);
  #outcome = new Uint8Array(FIRST_CAPACITY);
  #failures = new Map<Outcome, { count: number; example: string }>();
  #done = 0;
  #failed = 0;
  #pausesMs: number[] = [];
  #retried = 0;
  #standstills: Standstill[] = [];
  #inTime = 0;
  #windowEndMs = Infinity;
  readonly #totals = {
    service: createHistogram(),
    response: createHistogram(),
    lag: createHistogram(),
  };
  readonly #observe: (request: EndedRequest, message: string) => void;

  /** Starts empty; `observe` hears of each request when it has ended. */
  constructor(
    observe: (request: EndedRequest, message: string) => void = () => {},
  ) {
    this.#observe = observe;
  }

  /** Requests that were planned so far. */
  get planned(): number {
    return this.#length;
  }

  /** Requests that have ended so far, good or not. */
  get done(): number {
    return this.#done;
  }

  /** Requests that failed so far. */
  get failed(): number {
    return this.#failed;
  }

  /** Notes when the planned length of the load ends; without it all answers are in time. */
  endWindow(endMs: number): void {
    this.#windowEndMs = endMs;
  }

  /** Takes the next slot for a request that is due at a time; until it has ended it counts as aborted. */
  plan(plannedMs: number): number {
    const slot = this.#length++;
    if (slot >= EXACT_SAMPLES) return slot;
    if (slot === this.#outcome.length) this.#grow();
    this.#keep(slot, {
      plannedMs,
      sentMs: plannedMs,
      doneMs: plannedMs,
      outcome: "aborted",
    });
    return slot;
  }

  /** Notes how the request of a slot ended; `message` is kept for the first of each kind. */
  end(slot: number, request: EndedRequest, message: string): void {
    const { plannedMs, sentMs, doneMs, outcome } = request;
    if (slot < EXACT_SAMPLES) this.#keep(slot, request);
    this.#observe(request, message);
    this.#done++;
    if (outcome !== "dropped") recordTime(this.#totals.lag, sentMs - plannedMs);
    if (outcome === "ok") {
      if (doneMs <= this.#windowEndMs) this.#inTime++;
      recordTime(this.#totals.service, doneMs - sentMs);
      recordTime(this.#totals.response, doneMs - plannedMs);
      return;
    }
    this.#failed++;
    const known = this.#failures.get(outcome);
    if (known === undefined) {
      this.#failures.set(outcome, { count: 1, example: message });
    } else {
      known.count++;
    }
  }

  #keep(slot: number, request: EndedRequest): void {
    this.#plannedMs[slot] = request.plannedMs;
    this.#sentMs[slot] = request.sentMs;
    this.#doneMs[slot] = request.doneMs;
    this.#outcome[slot] = outcomeCode(request.outcome);
  }

  /** Notes that a request was sent again on a new connection. */
  retry(): void {
    this.#retried++;
  }

  /** The longest standstills so far, on the clock of the load, the longest first. */
  get standstills(): readonly Standstill[] {
    return this.#standstills;
  }

  /** Notes that requests were in flight and none ended between two times. */
  stand(fromMs: number, toMs: number): void {
    const durationMs = toMs - fromMs;
    const shortest = this.#standstills[KEPT_STANDSTILLS - 1]?.durationMs ?? 0;
    if (durationMs <= shortest) return;
    this.#standstills = [
      ...this.#standstills,
      { startMs: fromMs, durationMs },
    ].toSorted((a, b) => b.durationMs - a.durationMs)
      .slice(0, KEPT_STANDSTILLS);
  }

  /** Notes that the thread stood still, from a time on. */
  pause(startMs: number, durationMs: number): void {
    this.#pausesMs.push(startMs, durationMs);
  }

  /** Returns all that was recorded; the recorder must not be used after it. */
  finish(): Samples {
    const kept = Math.min(this.#length, EXACT_SAMPLES);
    return {
      totals: {
        planned: this.#length,
        good: this.#done - this.#failed,
        inTime: this.#inTime,
        ...this.#totals,
      },
      plannedMs: this.#plannedMs.slice(0, kept),
      sentMs: this.#sentMs.slice(0, kept),
      doneMs: this.#doneMs.slice(0, kept),
      outcome: this.#outcome.slice(0, kept),
      pausesMs: Float64Array.from(this.#pausesMs),
      failures: [...this.#failures]
        .map(([outcome, { count, example }]) => ({ outcome, count, example }))
        .toSorted((a, b) => b.count - a.count),
      retried: this.#retried,
    };
  }

  #grow(): void {
    const wider = (column: Float64Array) => {
      const copy = new Float64Array(column.length * 2);
      copy.set(column);
      return copy;
    };
    this.#plannedMs = wider(this.#plannedMs);
    this.#sentMs = wider(this.#sentMs);
    this.#doneMs = wider(this.#doneMs);
    const codes = new Uint8Array(this.#outcome.length * 2);
    codes.set(this.#outcome);
    this.#outcome = codes;
  }
}

/**
 * Puts the samples of several drivers together, in the order of their planned times. Totals and observations add up
 * also where the samples themselves were not kept.
 *
 * @param parts At least one; a single one is returned as it is.
 */
export function mergeSamples(parts: readonly Samples[]): Samples {
  const [first, ...others] = parts;
  if (first === undefined) {
    throw new RangeError("Cannot merge samples as there are none");
  }
  if (others.length === 0) return first;
  const all = parts.flatMap((part) =>
    Array.from(part.plannedMs, (plannedMs, i) => ({ part, i, plannedMs }))
  ).toSorted((a, b) => a.plannedMs - b.plannedMs);
  const column = (name: "plannedMs" | "sentMs" | "doneMs") =>
    Float64Array.from(all, ({ part, i }) => part[name][i] ?? 0);
  const observed = mergeObservations(
    parts.flatMap((part) => part.observed ?? []),
  );
  return {
    totals: parts.map(({ totals }) => totals).reduce(addTotals),
    plannedMs: column("plannedMs"),
    sentMs: column("sentMs"),
    doneMs: column("doneMs"),
    outcome: Uint8Array.from(all, ({ part, i }) => part.outcome[i] ?? 0),
    pausesMs: Float64Array.from(
      parts.flatMap((part) => Array.from(part.pausesMs)),
    ),
    failures: mergeFailures(parts.flatMap(({ failures }) => failures)),
    retried: sum(parts.map(({ retried }) => retried)),
    ...(observed === undefined ? {} : { observed }),
  };
}

function addTotals(left: LoadTotals, right: LoadTotals): LoadTotals {
  const add = (name: "service" | "response" | "lag") =>
    mergeHistograms([left[name], right[name]]);
  return {
    planned: left.planned + right.planned,
    good: left.good + right.good,
    inTime: left.inTime + right.inTime,
    service: add("service"),
    response: add("response"),
    lag: add("lag"),
  };
}

/** Turns samples into the columns that are stored, with times from the start of the run. */
export function toColumns(samples: Samples, startMs: number): SampleColumns {
  // Microseconds are finer than the clock of any server; more digits would only fill the file.
  const offsets = (times: Float64Array) =>
    Array.from(times, (time) => Math.round((time - startMs) * 1000) / 1000);
  return {
    plannedMs: offsets(samples.plannedMs),
    sentMs: offsets(samples.sentMs),
    doneMs: offsets(samples.doneMs),
    outcome: Array.from(samples.outcome, (code) => OUTCOMES[code] ?? "aborted"),
    ...(samples.items === undefined ? {} : { items: [...samples.items] }),
  };
}
