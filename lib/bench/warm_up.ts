/**
 * Decides when a server has warmed up, and which timed samples look like a compile or a stall.
 *
 * On SGLang-JAX a shape that was not seen before costs seconds, and which shapes one request
 * makes differs from time to time, since its items are split over batches differently. A few
 * quiet answers therefore prove little; a fixed number of warm-up requests proves nothing.
 *
 * @module
 */
import type { Suspect } from "../record/run.ts";
import {
  MAD_TO_STANDARD_DEVIATION,
  median,
  medianAbsoluteDeviation,
} from "../stats/summary.ts";

/**
 * How many answers in a row must be alike. A recorded server of four items paused for two and
 * for one answer between compiles; eight leave a margin and cost milliseconds each.
 */
export const QUIET_ANSWERS = 8;

/** A quiet answer is at most this many times the median of its window; a compile is 10 to 100. */
const QUIET_RATIO = 2;

/** A stall is at least this many times the median: machine noise of 10 % stays far below. */
const STALL_RATIO = 3;

/** A stall is also this many (normal) standard deviations away, so that wide cells mark none. */
const STALL_DEVIATIONS = 6;

/** A compile is so many times the median and so much slower: retracing alone costs 0.2 s on a server with a disk cache. */
const COMPILE_RATIO = 10;
const COMPILE_EXTRA_MS = 150;

/**
 * A compile is also what takes three times the median and this much more, in milliseconds: on a TPU v6e-1 one of 87 s
 * was 9.05 times a median of 9.6 s, and no stall of a machine takes so long.
 */
const LONG_COMPILE_EXTRA_MS = 2_000;

/** Of several clients each has this many answers among those that must be alike. */
const QUIET_TURNS = 2;

/**
 * Tells whether the last answers of a warm-up are alike.
 *
 * Settled means that at least `minRequests` were answered and that none of the last
 * {@linkcode QUIET_ANSWERS}, or of two of each client, took more than twice their median.
 *
 * @param latenciesMs The latencies so far, in order, in milliseconds.
 * @param minRequests The least number of answers.
 * @param clients Clients that send side by side, at least 1.
 * @param quietFactor How many times as many have to be alike, at least 1.
 */
export function isSettled(
  latenciesMs: readonly number[],
  minRequests: number,
  clients = 1,
  quietFactor = 1,
): boolean {
  const quiet = quietFactor * Math.max(QUIET_ANSWERS, QUIET_TURNS * clients);
  if (latenciesMs.length < Math.max(minRequests, quiet)) return false;
  const window = latenciesMs.slice(-quiet);
  return Math.max(...window) <= QUIET_RATIO * median(window);
}

/**
 * Marks the samples of one cell that look like a compile or a stall.
 *
 * Nothing is dropped: a mark is a doubt that is shown beside the figures.
 *
 * @param latenciesMs The latencies of the good samples in milliseconds; fewer than three give no mark.
 */
export function findSuspects(latenciesMs: readonly number[]): Suspect[] {
  if (latenciesMs.length < 3) return [];
  const middleMs = median(latenciesMs);
  const spreadMs = MAD_TO_STANDARD_DEVIATION *
    medianAbsoluteDeviation(latenciesMs);
  const stallMs = Math.max(
    STALL_RATIO * middleMs,
    middleMs + STALL_DEVIATIONS * spreadMs,
  );
  const compileMs = Math.min(
    Math.max(COMPILE_RATIO * middleMs, middleMs + COMPILE_EXTRA_MS),
    Math.max(STALL_RATIO * middleMs, middleMs + LONG_COMPILE_EXTRA_MS),
  );
  return latenciesMs.flatMap((latencyMs, index): Suspect[] =>
    latencyMs >= compileMs
      ? [{ index, kind: "compile" }]
      : latencyMs > stallMs
      ? [{ index, kind: "stall" }]
      : []
  );
}
