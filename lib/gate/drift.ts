/**
 * Decides whether a cell that is measured again at the end of a run is still the same.
 *
 * @module
 */
import {
  MAD_TO_STANDARD_DEVIATION,
  median,
  medianAbsoluteDeviation,
} from "../stats/stats.ts";

/** A drift below this is of no account: a warning starts at 5 % by the specification. */
const MIN_DRIFT = 0.05;

/** And it must be this many standard errors of the difference: one false finding in 30,000. */
const MIN_ERRORS = 4;

/** The variance of a median of n normal samples is this over n (pi / 2). */
const MEDIAN_EFFICIENCY = Math.PI / 2;

/**
 * Samples of one run resemble their neighbours, so that n of them are worth fewer; at an
 * autocorrelation of a third, half as many: (1 + r) / (1 - r).
 */
const CORRELATION_FACTOR = 2;

/**
 * Returns how much slower (above 0) or faster the same cell was the second time, or null where
 * the two agree.
 *
 * The logarithms of the medians are compared: they disagree when they are at least 5 % and four
 * standard errors apart, the scatter taken from the samples themselves (scaled median absolute deviation).
 *
 * @param firstMs Latencies of the first time in milliseconds, above 0; fewer than two never disagree.
 * @param secondMs Latencies of the second time.
 * @returns A share: 0.1 is 10 % slower.
 */
export function findDrift(
  firstMs: readonly number[],
  secondMs: readonly number[],
): number | null {
  if (firstMs.length < 2 || secondMs.length < 2) return null;
  const spreads = [firstMs, secondMs].map((latenciesMs) => {
    const logs = latenciesMs.map((latencyMs) => Math.log(latencyMs));
    const deviation = MAD_TO_STANDARD_DEVIATION * medianAbsoluteDeviation(logs);
    return {
      middle: median(logs),
      variance: CORRELATION_FACTOR * MEDIAN_EFFICIENCY * deviation ** 2 /
        logs.length,
    };
  });
  const [first, second] = spreads;
  if (first === undefined || second === undefined) return null;
  const shift = second.middle - first.middle;
  const error = Math.sqrt(first.variance + second.variance);
  return Math.abs(shift) >= Math.max(MIN_DRIFT, MIN_ERRORS * error)
    ? Math.exp(shift) - 1
    : null;
}
