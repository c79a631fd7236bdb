/**
 * Decides whether a cell that is measured again at the end of a run is still the same.
 *
 * @module
 */
import { levelOfSamples } from "../gate/spread.ts";

/** A drift below this is of no account: a warning starts at 5 % by the specification. */
const MIN_DRIFT = 0.05;

/** And it must be this many standard errors of the difference: one false finding in 30,000. */
const MIN_ERRORS = 4;

/**
 * Samples of one run resemble their neighbours, so that n of them are worth fewer; at an
 * autocorrelation of a third, half as many: (1 + r) / (1 - r).
 */
const CORRELATION_FACTOR = 2;

/**
 * Returns how much slower (above 0) or faster the same cell was the second time, or null where
 * the two agree.
 *
 * The statistic of the gate is compared, by its logarithms: they disagree when they are at least 5 % and four
 * standard errors apart, the scatter taken from the samples themselves, whatever their shape.
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
  const [first, second] = [levelOfSamples(firstMs), levelOfSamples(secondMs)];
  const shift = second.log - first.log;
  const error = Math.sqrt(
    CORRELATION_FACTOR * (first.variance.value + second.variance.value),
  );
  return Math.abs(shift) >= Math.max(MIN_DRIFT, MIN_ERRORS * error)
    ? Math.exp(shift) - 1
    : null;
}

/** Says how far the same cell lies from what it was. */
export function describeDrift(drift: number): string {
  return `measured again at the end of the run, it was ${
    Math.abs(100 * drift).toFixed(0)
  } % ${drift > 0 ? "slower" : "faster"}`;
}
