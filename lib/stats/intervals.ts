/**
 * Intervals that hold the mean and the median behind a sample in 95 of 100 cases.
 *
 * Both take the samples as independent. Where neighbours are alike the true intervals are wider.
 *
 * @module
 */
import { studentUpperQuantile } from "./distributions.ts";
import { mean, type Numbers, sampleStandardDeviation } from "./summary.ts";

/** The lower and the upper end. */
export type Interval = readonly [low: number, high: number];

/** What each tail leaves out: 5 % in both. */
const TAIL_PROBABILITY = 0.025;

/** Returns Student's interval of the mean, or null below two values. */
export function meanInterval(values: Numbers): Interval | null {
  const deviation = sampleStandardDeviation(values);
  if (deviation === null) return null;
  const margin = deviation / Math.sqrt(values.length) *
    studentUpperQuantile(TAIL_PROBABILITY, values.length - 1);
  const centre = mean(values);
  return [centre - margin, centre + margin];
}

/**
 * Returns the interval of the median between two order statistics, whatever the distribution, or null
 * below six values, where even the smallest and the largest hold it less often than in 95 of 100 cases.
 *
 * By the binomial distribution: Conover, "Practical Nonparametric Statistics", 3rd edition, section 3.2.
 */
export function medianInterval(values: Numbers): Interval | null {
  const sorted = Float64Array.from(values).sort();
  const count = sorted.length;
  // The chance that at most `rank` of all values lie below the median, as a logarithm: 2^-n may be no number.
  let logTerm = -count * Math.LN2;
  let tail = Math.exp(logTerm);
  let rank = -1;
  while (tail <= TAIL_PROBABILITY) {
    rank++;
    logTerm += Math.log((count - rank) / (rank + 1));
    tail += Math.exp(logTerm);
  }
  const [low, high] = [sorted[rank], sorted[count - 1 - rank]];
  return low === undefined || high === undefined ? null : [low, high];
}
