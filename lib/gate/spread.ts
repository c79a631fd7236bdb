/**
 * What is judged of one cell in one run, and how far chance alone moves it: the mean latency of the fastest 90 % of
 * its requests.
 *
 * A mean, so that latencies with two humps are averaged where a median would jump between them; without the slowest
 * tenth, so that one pause does not decide. Its standard error comes from the cell's own samples, whatever their shape.
 *
 * @module
 */

import {
  type LatencySummary,
  squaresAboutMean,
  sum,
} from "../stats/summary.ts";
import type { Variance } from "./rule.ts";

/** The latencies of one cell in one run. */
export interface RunValue extends Omit<LatencySummary, "minMs" | "maxMs"> {
  /** The samples in the order in which they were measured, where they are known. */
  readonly latenciesMs: readonly number[] | null;
}

/** The statistic that is judged, of one run. */
export interface RunLevel {
  /** Natural logarithm of the statistic in milliseconds. */
  readonly log: number;
  /** What the samples of the run leave to chance in `log`, taken as independent of each other. */
  readonly variance: Variance;
}

/** Name of the statistic that is judged, for tables and pages. */
export const JUDGED_STATISTIC = "mean latency of the fastest 90 %";

/** Share of the samples that is left out at the slow end: two of twenty, as pauses come to 1 or 2 % of the requests. */
const TRIM_SHARE = 0.1;
/** Variance of a logarithm taken where one sample tells nothing of its scatter: too large to prove anything. */
const UNKNOWN_VARIANCE: Variance = { value: 1, degreesOfFreedom: 1 };
/** Up to here both percentiles of type 7 lie between the two largest samples, so that two equations give both. */
const BOTH_KNOWN_MAX_SAMPLES = 21;
/** Up to here the 99th percentile still says enough of the largest sample: at least 0.3 of its weight. */
const LARGEST_KNOWN_MAX_SAMPLES = 71;
/**
 * Factor on the variance for the correlation of neighbouring samples, of two thirds: (1 + r) / (1 - r) times fewer
 * samples would be worth the same without it. Baseline runs that scatter less may undercut it, down to no correlation.
 */
export const CORRELATION_FACTOR = 5;

/**
 * Returns a function for the runs of one cell: from samples where all of its runs have them, else from the summaries,
 * so that one statistic is compared with itself.
 */
export function levelsOf(
  values: readonly RunValue[],
): (value: RunValue) => RunLevel {
  return values.every(({ latenciesMs }) => latenciesMs !== null)
    ? ({ latenciesMs }) => levelOfSamples(latenciesMs ?? [])
    : levelOfSummary;
}

/** Returns the mean of the fastest 90 %; a sample at the border counts in part. */
export function levelOfSamples(latenciesMs: readonly number[]): RunLevel {
  const sorted = latenciesMs.toSorted((x, y) => x - y);
  const trimmed = TRIM_SHARE * sorted.length;
  const dropped = Math.floor(trimmed);
  const kept = sorted.slice(0, sorted.length - dropped);
  const border = kept.at(-1) ?? NaN;
  const drawnIn = sorted.map((latencyMs) => Math.min(latencyMs, border));
  return levelOf({
    count: sorted.length,
    trimmed,
    keptSum: sum(kept) - (trimmed - dropped) * border,
    squares: squaresAboutMean(drawnIn),
  });
}

/**
 * Returns the same from a summary: the two largest samples are told by the percentiles and taken out of mean and
 * standard deviation again. Nothing is taken out where they cannot be told or where the figures contradict each other,
 * as with percentiles of another definition: the error is then that of the whole sample, pauses included.
 */
export function levelOfSummary(value: RunValue): RunLevel {
  const { count, meanMs, standardDeviationMs } = value;
  if (standardDeviationMs === null || count < 2) {
    return { log: Math.log(meanMs), variance: UNKNOWN_VARIANCE };
  }
  const all = {
    count,
    trimmed: 0,
    keptSum: count * meanMs,
    squares: (count - 1) * standardDeviationMs ** 2,
  };
  const largest = largestTwo(value, standardDeviationMs);
  if (largest === null) return levelOf(all);
  const [second, first] = largest;
  const rest = count - 2;
  const restMean = (all.keptSum - first - second) / rest;
  const restSquares = all.squares + count * meanMs ** 2 - first ** 2 -
    second ** 2 - rest * restMean ** 2;
  // Rounded figures may leave a little less than nothing.
  const rounding = 1e-3 * all.squares;
  if (rest < 1 || restSquares < -rounding || restMean > second) {
    return levelOf(all);
  }
  const within = Math.max(restSquares, 0);
  const trimmed = Math.min(TRIM_SHARE * count, 2);
  // The largest that is not left out whole. Of two that are it is the third: not known, but seldom farther out.
  const border = trimmed < 1
    ? first
    : trimmed < 2
    ? second
    : Math.min(second, restMean + 2 * Math.sqrt(within / rest));
  const drawnIn = Math.min(second, border);
  const drawnInMean = (rest * restMean + drawnIn + border) / count;
  return levelOf({
    count,
    trimmed,
    keptSum: all.keptSum - Math.min(trimmed, 1) * first -
      Math.max(trimmed - 1, 0) * second,
    squares: within + rest * (restMean - drawnInMean) ** 2 +
      (drawnIn - drawnInMean) ** 2 + (border - drawnInMean) ** 2,
  });
}

/**
 * Turns sums into a level. The variance of a trimmed mean is that of the sample with the trimmed values drawn in,
 * over the square of the share that is kept: Tukey and McLaughlin, Sankhya A 25 (1963); Yuen, Biometrika 61 (1974).
 */
function levelOf({ count, trimmed, keptSum, squares }: {
  readonly count: number;
  readonly trimmed: number;
  readonly keptSum: number;
  /** Sum of squares of the drawn-in sample about its mean. */
  readonly squares: number;
}): RunLevel {
  const level = keptSum / (count - trimmed);
  const log = Math.log(level);
  if (count < 2) return { log, variance: UNKNOWN_VARIANCE };
  const keptShare = 1 - trimmed / count;
  return {
    log,
    variance: {
      value: squares / (count - 1) / count / keptShare ** 2 / level ** 2,
      degreesOfFreedom: Math.max(count - trimmed - 1, 1),
    },
  };
}

/** Returns the two largest samples in ascending order, or null where the percentiles do not tell them. */
function largestTwo(
  { count, p95Ms, p99Ms, meanMs }: RunValue,
  standardDeviationMs: number,
): readonly [second: number, first: number] | null {
  if (count < 3 || count > LARGEST_KNOWN_MAX_SAMPLES) return null;
  // A percentile of type 7 between the two largest lies so far beyond the smaller one.
  const [of95, of99] = [0.95, 0.99].map((q) => (count - 1) * q - (count - 2));
  if (of95 === undefined || of99 === undefined) return null;
  const second = count <= BOTH_KNOWN_MAX_SAMPLES
    ? p95Ms - of95 * (p99Ms - p95Ms) / (of99 - of95)
    : p95Ms;
  const solved = second + (p99Ms - second) / of99;
  // No sample lies farther out: Samuelson, "How deviant can you be?", Journal of the American Statistical Association 63 (1968).
  const farthest = meanMs +
    standardDeviationMs * (count - 1) / Math.sqrt(count);
  return [second, Math.min(solved, Math.max(farthest, second))];
}
