/**
 * Descriptive statistics of small samples, exact at one or two values.
 *
 * No function sorts or edits its input. A statistic that the sample cannot give is null, never NaN.
 *
 * @module
 */

/** Numbers that are read and never changed. */
export type Numbers = readonly number[] | Float64Array;

/** The summary of the latencies of one cell, all in milliseconds. */
export interface LatencySummary {
  /** Number of samples, at least 1. */
  readonly count: number;
  readonly meanMs: number;
  /** Sample standard deviation (divisor n - 1); null for one sample. */
  readonly standardDeviationMs: number | null;
  readonly minMs: number;
  readonly maxMs: number;
  readonly p50Ms: number;
  /** 95th percentile; rests on more than the largest samples only from {@linkcode quantileMinSamples} on. */
  readonly p95Ms: number;
  /** 99th percentile; rests on more than the largest samples only from {@linkcode quantileMinSamples} on. */
  readonly p99Ms: number;
}

/**
 * Adds numbers with an error that does not grow with their count; 0 for none.
 *
 * Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54 (1974).
 */
export function sum(values: Numbers): number {
  let total = 0;
  let lost = 0;
  for (const value of values) {
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value)
      ? (total - next) + value
      : (value - next) + total;
    total = next;
  }
  return total + lost;
}

/**
 * Returns the arithmetic mean.
 *
 * @throws {RangeError} If there is no value.
 */
export function mean(values: Numbers): number {
  requireValues(values, "mean");
  return sum(values) / values.length;
}

/** Returns the sum of the squared distances from the mean; 0 for one value. */
export function squaresAboutMean(values: Numbers): number {
  const centre = mean(values);
  return sum(Float64Array.from(values, (value) => (value - centre) ** 2));
}

/** Returns the sample standard deviation (divisor n - 1), or null below two values. */
export function sampleStandardDeviation(values: Numbers): number | null {
  return values.length < 2
    ? null
    : Math.sqrt(squaresAboutMean(values) / (values.length - 1));
}

/**
 * Returns the quantile by linear interpolation between order statistics: type 7 of Hyndman and Fan,
 * "Sample quantiles in statistical packages", The American Statistician 50 (1996); NumPy's default.
 *
 * With h = (n - 1) q the result lies between the values at floor(h) and floor(h) + 1,
 * so the median of [1, 2] is 1.5.
 *
 * @param sorted The sample in ascending order.
 * @param q The fraction of the sample below the quantile, 0 to 1.
 * @throws {RangeError} If there is no value or `q` lies outside 0 to 1.
 */
export function quantile(sorted: Numbers, q: number): number {
  requireValues(sorted, "quantile");
  if (!(q >= 0 && q <= 1)) {
    throw new RangeError(
      `Cannot compute quantile as q must be from 0 to 1: current value is ${q}`,
    );
  }
  const position = (sorted.length - 1) * q;
  const index = Math.floor(position);
  const lower = sorted[index] ?? NaN;
  const upper = sorted[index + 1] ?? lower;
  return lower + (upper - lower) * (position - index);
}

/**
 * Returns the fewest samples with which a quantile is more than a name for the largest samples:
 * at least one sample is expected above it, n (1 - q) >= 1. 2 for p50, 20 for p95, 100 for p99.
 *
 * @param q The fraction of the sample below the quantile, 0 up to but not 1.
 * @throws {RangeError} If `q` lies outside this range.
 */
export function quantileMinSamples(q: number): number {
  if (!(q >= 0 && q < 1)) {
    throw new RangeError(
      `Cannot count samples of a quantile as q must be from 0 to below 1: current value is ${q}`,
    );
  }
  // 1 / (1 - 0.95) is 19.999999999999982 in binary fractions, 1 / (1 - 0.9) is 10.000000000000002.
  return Math.ceil(Number((1 / (1 - q)).toPrecision(12)));
}

/**
 * Returns the median.
 *
 * @throws {RangeError} If there is no value.
 */
export function median(values: Numbers): number {
  return quantile(ascending(values), 0.5);
}

/**
 * Factor that makes the median absolute deviation of a normal sample estimate its standard deviation:
 * 1 / (75th percentile of the standard normal distribution) = 1 / 0.674489750...
 */
export const MAD_TO_STANDARD_DEVIATION = 1.4826022185056018;

/**
 * Variance of the median of many normal values over the variance of their mean: pi / 2,
 * from the limit 1 / (4 n f(m)^2) with the normal density f(m) = 1 / sqrt(2 pi) at the median.
 */
export const MEDIAN_VARIANCE_FACTOR: number = Math.PI / 2;

/**
 * Returns the median of the distances from the median, NOT scaled;
 * multiply by {@linkcode MAD_TO_STANDARD_DEVIATION} for a standard deviation that outliers do not move.
 *
 * @throws {RangeError} If there is no value.
 */
export function medianAbsoluteDeviation(values: Numbers): number {
  const centre = median(values);
  return median(Float64Array.from(values, (value) => Math.abs(value - centre)));
}

/** Summarises latencies in milliseconds; null where there is none. */
export function summariseLatencies(
  latenciesMs: Numbers,
): LatencySummary | null {
  if (latenciesMs.length === 0) return null;
  const sorted = ascending(latenciesMs);
  return {
    count: sorted.length,
    meanMs: mean(sorted),
    standardDeviationMs: sampleStandardDeviation(sorted),
    minMs: quantile(sorted, 0),
    maxMs: quantile(sorted, 1),
    p50Ms: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    p99Ms: quantile(sorted, 0.99),
  };
}

/** Returns a sorted copy: a typed array, since its default order is by number. */
function ascending(values: Numbers): Float64Array {
  return Float64Array.from(values).sort();
}

function requireValues(values: Numbers, statistic: string): void {
  if (values.length === 0) {
    throw new RangeError(
      `Cannot compute ${statistic} as the sample must hold a value: current length is 0`,
    );
  }
}
