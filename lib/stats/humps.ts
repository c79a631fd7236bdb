/**
 * Tells latencies with two humps: a server that answers the same request in two ways, as one batch or as two.
 *
 * @module
 */

import { mean, median, sum } from "./summary.ts";

/** One kind of answers. */
export interface Hump {
  /** Share of the samples, 0 to 1. */
  readonly share: number;
  readonly medianMs: number;
}

/** Fewest samples in which two humps are looked for. */
const MIN_SAMPLES = 10;
/** Fewest samples of a hump: one or two slow requests are outliers. */
const MIN_HUMP_SAMPLES = 3;
/** Smallest share of a hump. */
const MIN_HUMP_SHARE = 0.1;
/**
 * Smallest distance of the humps in standard deviations, D of Ashman, Bird and Zepf, "Detecting bimodality in
 * astronomical datasets", The Astronomical Journal 108 (1994). They ask for 2 where the split is given; the best split
 * of 20 normal samples reached 5 in 1 of 100, and 6 with the smallest ratio in none of 5,000.
 */
const MIN_SEPARATION = 6;
/** Smallest ratio of the slower to the faster that is worth a word. */
const MIN_RATIO = 1.2;

/**
 * Returns the two humps of a sample, the faster first, or null where it has one: the split of the sorted logarithms
 * with the least squares within both parts, if their distance is many times their spread.
 *
 * @param latenciesMs Latencies in milliseconds, above 0, in any order.
 */
export function findHumps(
  latenciesMs: readonly number[],
): readonly [Hump, Hump] | null {
  const count = latenciesMs.length;
  if (count < MIN_SAMPLES) return null;
  const sorted = latenciesMs.toSorted((x, y) => x - y);
  const logs = sorted.map(Math.log);
  const fewest = Math.max(MIN_HUMP_SAMPLES, Math.ceil(MIN_HUMP_SHARE * count));
  // The least squares within is the largest distance between, weighted with the sizes of the parts.
  const total = sum(logs);
  let [split, largest, partial] = [0, -1, 0];
  logs.forEach((log, index) => {
    const size = index + 1;
    partial += log;
    if (size < fewest || count - size < fewest) return;
    const between = (partial / size - (total - partial) / (count - size)) ** 2 *
      size * (count - size);
    if (between > largest) [split, largest] = [size, between];
  });
  const [fast, slow] = [logs.slice(0, split), logs.slice(split)];
  const distance = mean(slow) - mean(fast);
  const spread = Math.sqrt((varianceOf(fast) + varianceOf(slow)) / 2);
  if (!(distance > Math.max(MIN_SEPARATION * spread, Math.log(MIN_RATIO)))) {
    return null;
  }
  return [
    { share: split / count, medianMs: median(sorted.slice(0, split)) },
    { share: 1 - split / count, medianMs: median(sorted.slice(split)) },
  ];
}

/** Says where the humps of a sample are, in words; empty where it has one. */
export function describeHumps(latenciesMs: readonly number[]): string {
  const humps = findHumps(latenciesMs);
  return humps === null
    ? ""
    : `two kinds of answers: ${
      humps.map(({ share, medianMs }) =>
        `${Math.round(100 * share)} % at ${Number(medianMs.toPrecision(3))} ms`
      ).join(", ")
    }`;
}

function varianceOf(values: readonly number[]): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
}
