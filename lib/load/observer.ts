/**
 * Watches a load as it runs: second by second, and its first errors.
 *
 * @module
 */
import {
  type EndedRequest,
  mergeTimelines,
  type Timeline,
  TimelineRecorder,
} from "./timeline.ts";
import { histogramQuantile, mergeHistograms } from "../stats/histogram.ts";
import { sum } from "../stats/summary.ts";
import { type Deviation, worseOf } from "../score/truth.ts";

/** The specification shows the first ten errors. */
export const SHOWN_ERRORS = 10;

/** An error as it was seen. */
export interface SeenError {
  /** When its request ended, in milliseconds from the start of the load. */
  readonly atMs: number;
  /** Its outcome and what is said of it. */
  readonly text: string;
}

/** A time in which requests were in flight and none ended. */
export interface Standstill {
  /** Its start in milliseconds, on the clock of the load or from its start. */
  readonly startMs: number;
  readonly durationMs: number;
}

/** More say no more of a load, and several threads have theirs compared. */
export const KEPT_STANDSTILLS = 16;

/** What was seen of a load beside its samples. */
export interface LoadObservations {
  readonly timeline: Timeline;
  /** The first {@linkcode SHOWN_ERRORS} errors in the order in which they were seen. */
  readonly errors: readonly SeenError[];
  /** The longest standstills, from the start of the load, the longest first; of several threads, where they all stood still. */
  readonly standstills: readonly Standstill[];
  /** The worst deviation of an answer of the right shape from its reference. */
  readonly deviation: Deviation;
}

/** The last seconds of a load, for people who watch it. */
export interface LoadPulse {
  /** Requests a second that were answered rightly. */
  readonly ratePerSec: number;
  /** Median wait in milliseconds, null without a right answer. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The last seconds that a pulse speaks of. */
const PULSE_INTERVALS = 5;

/** Collects what {@linkcode LoadObservations} hold. */
export class LoadObserver {
  readonly #startMs: number;
  readonly #recorder: TimelineRecorder;
  readonly #errors: SeenError[] = [];

  /** Starts at a time on the clock of the load. */
  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#recorder = new TimelineRecorder(startMs);
  }

  /** Takes note of a request that has ended and was judged. */
  observe(request: EndedRequest, message: string): void {
    const { outcome, doneMs } = request;
    this.#recorder.record(request);
    if (outcome === "ok" || outcome === "aborted") return;
    if (this.#errors.length === SHOWN_ERRORS) return;
    this.#errors.push({
      atMs: doneMs - this.#startMs,
      text: `${outcome}: ${message}`,
    });
  }

  /** Returns how the last whole seconds went. */
  pulse(): LoadPulse {
    const { timeline } = this.#recorder;
    const waits = mergeHistograms(
      timeline.waits.slice(-PULSE_INTERVALS - 1, -1),
    );
    const good = timeline.good.slice(-PULSE_INTERVALS - 1, -1);
    const spanMs = good.length * timeline.intervalMs;
    return {
      ratePerSec: spanMs === 0 ? 0 : sum(good) * 1000 / spanMs,
      p50Ms: histogramQuantile(waits, 0.5),
      p99Ms: histogramQuantile(waits, 0.99),
    };
  }

  /** Returns all that was seen; `standstills` are those of the recorder. */
  finish(
    deviation: Deviation,
    standstills: readonly Standstill[],
  ): LoadObservations {
    return {
      timeline: this.#recorder.timeline,
      errors: this.#errors,
      standstills: standstills.map(({ startMs, durationMs }) => ({
        startMs: startMs - this.#startMs,
        durationMs,
      })),
      deviation,
    };
  }
}

/** Puts together what several threads or hosts saw of one load, each from its start. */
export function mergeObservations(
  parts: readonly LoadObservations[],
): LoadObservations | undefined {
  const [first, ...others] = parts;
  if (first === undefined) return undefined;
  return {
    timeline: mergeTimelines(parts.map(({ timeline }) => timeline)),
    errors: parts.flatMap(({ errors }) => errors)
      .toSorted((a, b) => a.atMs - b.atMs).slice(0, SHOWN_ERRORS),
    // A server that stands still does so for all threads at once.
    standstills: others.reduce(
      (shared, { standstills }) => overlaps(shared, standstills),
      first.standstills,
    ),
    deviation: parts.map(({ deviation }) => deviation).reduce(worseOf),
  };
}

/** Returns the times that lie in one of the left and in one of the right, the longest first. */
function overlaps(
  left: readonly Standstill[],
  right: readonly Standstill[],
): Standstill[] {
  const endOf = ({ startMs, durationMs }: Standstill) => startMs + durationMs;
  return left.flatMap((one) =>
    right.map((other) => {
      const startMs = Math.max(one.startMs, other.startMs);
      const endMs = Math.min(endOf(one), endOf(other));
      return { startMs, durationMs: endMs - startMs };
    })
  )
    .filter(({ durationMs }) => durationMs > 0)
    .toSorted((a, b) => b.durationMs - a.durationMs)
    .slice(0, KEPT_STANDSTILLS);
}
