import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  addHistogram,
  countAbove,
  countTimes,
  createHistogram,
  histogramMean,
  histogramQuantile,
  mergeHistograms,
  recordTime,
} from "../../lib/stats/histogram.ts";
import { createRng } from "../../lib/stats/rng.ts";
import { quantile } from "../../lib/stats/summary.ts";

Deno.test("recordTime() is exact to the microsecond below 0.256 ms", () => {
  for (const timeMs of [0, 0.001, 0.1, 0.254, 0.255]) {
    const histogram = createHistogram();
    recordTime(histogram, timeMs);
    assertEquals(histogramQuantile(histogram, 0.5), timeMs);
  }
});

Deno.test("histogramQuantile() is off by at most 0.4 % at every size up to an hour", () => {
  for (let timeMs = 0.256; timeMs < 3_600_000; timeMs *= 1.0173) {
    const histogram = createHistogram();
    recordTime(histogram, timeMs);
    const found = histogramQuantile(histogram, 1) ?? NaN;
    // Half a microsecond of rounding comes on top.
    assert(
      Math.abs(found - timeMs) <= 0.004 * timeMs + 0.0005,
      `${timeMs}: ${found}`,
    );
  }
});

Deno.test("histogramMean() weighs each time, the rare long one too", () => {
  const histogram = createHistogram();
  assertEquals(histogramMean(histogram), null);
  for (let i = 0; i < 9_999; i++) recordTime(histogram, 0.1);
  assertAlmostEquals(histogramMean(histogram) ?? 0, 0.1, 1e-12);
  // One time in 10,000 makes a third of the mean.
  recordTime(histogram, 500);
  assertAlmostEquals(histogramMean(histogram) ?? 0, 0.15, 0.0003);
});

Deno.test("countAbove() counts the times above a limit", () => {
  const histogram = createHistogram();
  for (const timeMs of [0, 1, 9, 9.9, 10.1, 11, 400]) {
    recordTime(histogram, timeMs);
  }
  assertEquals([0, 10, 390, 500].map((ms) => countAbove(histogram, ms)), [
    6,
    3,
    1,
    0,
  ]);
});

Deno.test("histogramQuantile() interpolates between ranks as quantile() does", () => {
  const histogram = createHistogram();
  for (let i = 1; i <= 200; i++) recordTime(histogram, i / 1000);
  const timesMs = Array.from({ length: 200 }, (_, i) => (i + 1) / 1000);
  for (const q of [0, 0.001, 0.5, 0.99, 1]) {
    const found = histogramQuantile(histogram, q) ?? NaN;
    assertAlmostEquals(found, quantile(timesMs, q), 1e-12);
  }
});

Deno.test("histogramQuantile() is null when nothing was counted", () => {
  assertEquals(histogramQuantile(createHistogram(), 0.5), null);
});

Deno.test("addHistogram() makes of two parts what one histogram of all would be", () => {
  const rng = createRng("parts");
  const [whole, left, right] = [
    createHistogram(),
    createHistogram(),
    createHistogram(),
  ];
  for (let i = 0; i < 10_000; i++) {
    const timeMs = 1000 * rng() ** 4;
    recordTime(whole, timeMs);
    recordTime(i % 3 === 0 ? left : right, timeMs);
  }
  addHistogram(left, right);
  assertEquals(left, whole);
  assertEquals(countTimes(left), 10_000);
  assertEquals(mergeHistograms([left, left]).counts.length, left.counts.length);
  assertEquals(countTimes(mergeHistograms([whole, left])), 20_000);
  assertEquals(countTimes(left), 10_000);
});

Deno.test("recordTime() counts what is out of range at its ends", () => {
  const histogram = createHistogram();
  recordTime(histogram, -5);
  recordTime(histogram, 1e15);
  assertEquals(countTimes(histogram), 2);
  assertEquals(histogramQuantile(histogram, 0), 0);
});
