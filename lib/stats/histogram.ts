/**
 * A mergeable histogram of times, for loads of more samples than are kept one by one.
 *
 * Log-linear buckets as in HdrHistogram (Gil Tene): exact to the microsecond below 0.256 ms, then
 * 128 buckets an octave, so that a value is off by at most 0.4 % of itself.
 *
 * @module
 */

/** Buckets of an octave, and below twice as many microseconds a bucket each. */
const BUCKETS = 128;

/** Times above 2^42 us, seven weeks, are counted as that. */
const OCTAVES = 42 - 8;

/** Counts times; plain data, so that it can be sent between threads. */
export interface Histogram {
  /** How many times fell into each bucket; it is as long as the longest time needs, 7 KB for a second. */
  counts: Uint32Array;
}

/** Makes an empty histogram. */
export function createHistogram(): Histogram {
  return { counts: new Uint32Array(2 * BUCKETS) };
}

/** Counts one time in milliseconds; times below 0 count as 0. */
export function recordTime(histogram: Histogram, timeMs: number): void {
  const index = bucketOf(Math.max(0, Math.round(timeMs * 1000)));
  grow(histogram, index + 1);
  histogram.counts[index] = (histogram.counts[index] ?? 0) + 1;
}

/** Adds the counts of one histogram to another. */
export function addHistogram(to: Histogram, from: Histogram): void {
  grow(to, from.counts.length);
  from.counts.forEach((count, i) => {
    to.counts[i] = (to.counts[i] ?? 0) + count;
  });
}

/** Returns what one histogram of all times of several would be. */
export function mergeHistograms(parts: readonly Histogram[]): Histogram {
  const all = createHistogram();
  for (const part of parts) addHistogram(all, part);
  return all;
}

/** A histogram as it is stored: index and count of each bucket that is not empty, one after the other. */
export type PackedHistogram = readonly number[];

/** Makes a histogram fit to be stored. */
export function packHistogram({ counts }: Histogram): PackedHistogram {
  return Array.from(counts).flatMap((count, i) => count > 0 ? [i, count] : []);
}

/**
 * Returns a histogram that was stored.
 *
 * @throws {RangeError} If it is not of such a form, or of other buckets.
 */
export function unpackHistogram(packed: PackedHistogram): Histogram {
  const histogram = createHistogram();
  // The last bucket is the longest: room for all is made at once.
  const last = packed.at(-2) ?? 0;
  if (last > 0 && last < (OCTAVES + 2) * BUCKETS) grow(histogram, last + 1);
  for (let i = 0; i < packed.length; i += 2) {
    const [index = NaN, count = NaN] = [packed[i], packed[i + 1]];
    const isBucket = Number.isInteger(index) && index >= 0 &&
      index < (OCTAVES + 2) * BUCKETS;
    if (!isBucket || count !== count >>> 0 || count < 1) {
      throw new RangeError(
        `Cannot add bucket ${index} with count ${count}: expected one of ${
          (OCTAVES + 2) * BUCKETS
        } and a count from 1 to 2^32 - 1`,
      );
    }
    grow(histogram, index + 1);
    histogram.counts[index] = (histogram.counts[index] ?? 0) + count;
  }
  return histogram;
}

/** Returns how many times were counted. */
export function countTimes(histogram: Histogram): number {
  return histogram.counts.reduce((total, count) => total + count, 0);
}

/** Returns the mean in milliseconds, within 0.4 % of itself; null when nothing was counted. */
export function histogramMean(histogram: Histogram): number | null {
  const total = countTimes(histogram);
  if (total === 0) return null;
  const sumMs = histogram.counts.reduce(
    (sum, count, index) => sum + count * middleMs(index),
    0,
  );
  return sumMs / total;
}

/** Returns how many times were above a limit in milliseconds, which holds within 0.4 % of itself. */
export function countAbove(histogram: Histogram, limitMs: number): number {
  return histogram.counts.reduce(
    (above, count, index) => above + (middleMs(index) > limitMs ? count : 0),
    0,
  );
}

/**
 * Returns a quantile in milliseconds, interpolated between two ranks as that of single times is (Hyndman and Fan, type
 * 7), each the middle of its bucket.
 *
 * @param q From 0 to 1.
 * @returns null when nothing was counted.
 */
export function histogramQuantile(
  histogram: Histogram,
  q: number,
): number | null {
  const total = countTimes(histogram);
  if (total === 0) return null;
  const place = q * (total - 1);
  const rank = Math.floor(place);
  const lowMs = timeAt(histogram, rank);
  const share = place - rank;
  return share === 0
    ? lowMs
    : lowMs + share * (timeAt(histogram, rank + 1) - lowMs);
}

/** Returns the time of a rank, from 0, in milliseconds. */
function timeAt({ counts }: Histogram, rank: number): number {
  let seen = 0;
  const index = counts.findIndex((count) => (seen += count) > rank);
  return middleMs(index);
}

/** Makes room for so many buckets, octave by octave. */
function grow(histogram: Histogram, length: number): void {
  const { counts } = histogram;
  if (length <= counts.length) return;
  histogram.counts = new Uint32Array(Math.ceil(length / BUCKETS) * BUCKETS);
  histogram.counts.set(counts);
}

function bucketOf(timeUs: number): number {
  if (timeUs < 2 * BUCKETS) return timeUs;
  // The octave: 256..511 us is the first.
  // Counting leading zeros is much faster than a logarithm, but ends at 32 bits.
  const bits = timeUs < 2 ** 31
    ? 31 - Math.clz32(timeUs)
    : Math.floor(Math.log2(timeUs));
  const octave = Math.min(bits - 7, OCTAVES);
  const offset = Math.floor(timeUs / 2 ** octave);
  return octave * BUCKETS + Math.min(offset, 2 * BUCKETS - 1);
}

function middleMs(index: number): number {
  if (index < 2 * BUCKETS) return index / 1000;
  const octave = Math.floor(index / BUCKETS) - 1;
  const low = (index - octave * BUCKETS) * 2 ** octave;
  return (low + (2 ** octave - 1) / 2) / 1000;
}
