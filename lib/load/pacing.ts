/**
 * When each request is due: pure schedules on an absolute time line.
 *
 * Send times are computed from the start of the load, never from the last send, so that
 * lateness does not add up (k6's constant arrival rate and wrk2 work the same way).
 *
 * @module
 */
import { createRng, exponential } from "../stats/rng.ts";

/** How arrivals follow each other: evenly, or as a Poisson process. */
export const ARRIVALS = ["constant", "poisson"] as const;

/** One of {@linkcode ARRIVALS}. */
export type Arrival = typeof ARRIVALS[number];

/** A part of a load that several drivers share: every `of`-th arrival or client, from `index` on. */
export interface Share {
  /** Which part this is, from 0. */
  readonly index: number;
  /** How many there are, at least 1. */
  readonly of: number;
}

/** All of a load. */
export const WHOLE: Share = { index: 0, of: 1 };

/** Returns the number in the whole load of the request with a number in a share. */
export function numberInWhole({ index, of }: Share, number: number): number {
  return index + number * of;
}

/** An open-loop schedule. */
export interface Schedule {
  readonly arrival: Arrival;
  /** Arrivals a second, above 0. */
  readonly ratePerSec: number;
  /** The length of the window in milliseconds; arrivals are due in [0, durationMs). */
  readonly durationMs: number;
  readonly seed: string | number;
}

/**
 * Yields the due times of a schedule in milliseconds from its start, in order.
 *
 * Constant: `i * 1000 / ratePerSec`, so that n seconds at r/s are exactly n * r arrivals.
 * Poisson: sums of exponential gaps with mean `1000 / ratePerSec`, the first gap included.
 */
export function* dueTimesMs(schedule: Schedule): Generator<number> {
  const { arrival, ratePerSec, durationMs, seed } = schedule;
  if (arrival === "constant") {
    // One rounding each: i * (1000 / 49) would give one arrival too many in a second.
    for (let i = 0; i * 1000 / ratePerSec < durationMs; i++) {
      yield i * 1000 / ratePerSec;
    }
    return;
  }
  const gapMs = 1000 / ratePerSec;
  const rng = createRng(seed);
  let dueMs = exponential(rng) * gapMs;
  while (dueMs < durationMs) {
    yield dueMs;
    dueMs += exponential(rng) * gapMs;
  }
}

/** Yields the due times of a share of a schedule, each exactly as in the whole. */
export function* sharedDueTimesMs(
  schedule: Schedule,
  { index, of }: Share,
): Generator<number> {
  let arrival = 0;
  for (const dueMs of dueTimesMs(schedule)) {
    if (arrival++ % of === index) yield dueMs;
  }
}
