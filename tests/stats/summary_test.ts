import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  MAD_TO_STANDARD_DEVIATION,
  mean,
  median,
  medianAbsoluteDeviation,
  quantile,
  quantileMinSamples,
  sampleStandardDeviation,
  squaresAboutMean,
  sum,
  summariseLatencies,
} from "../../lib/stats/summary.ts";

/** 1 to 100 in a scrambled order (37 is coprime to 101). */
const HUNDRED = Object.freeze(
  Array.from({ length: 100 }, (_, i) => (37 * (i + 1)) % 101),
);

Deno.test("sum() keeps what plain addition loses", () => {
  // Neumaier's own example: plain and Kahan summation both give 0.
  assertEquals(sum([1, 1e100, 1, -1e100]), 2);
  assertEquals(sum(Array.from({ length: 10 }, () => 0.1)), 1);
  assertEquals(sum([]), 0);
});

Deno.test("mean() is exact on small samples and refuses none", () => {
  assertEquals(mean([3]), 3);
  assertEquals(mean(Float64Array.of(1, 2, 4)), 7 / 3);
  assertThrows(
    () => mean([]),
    RangeError,
    "Cannot compute mean as the sample must hold a value: current length is 0",
  );
});

Deno.test("sampleStandardDeviation() divides by n - 1 and is null below two values", () => {
  assertEquals(sampleStandardDeviation([]), null);
  assertEquals(sampleStandardDeviation([5]), null);
  assertEquals(sampleStandardDeviation([7, 7, 7]), 0);
  // Python's statistics.stdev([2, 4, 4, 4, 5, 5, 7, 9])
  assertAlmostEquals(
    sampleStandardDeviation([2, 4, 4, 4, 5, 5, 7, 9]) ?? NaN,
    2.138089935299395,
    1e-15,
  );
  // NIST StRD NumAcc4: 1001 values around 1e7 with a standard deviation of exactly 0.1.
  const numAcc4 = [10000000.2];
  for (let i = 0; i < 500; i++) numAcc4.push(10000000.1, 10000000.3);
  assertAlmostEquals(sampleStandardDeviation(numAcc4) ?? NaN, 0.1, 1e-8);
});

Deno.test("quantile() interpolates linearly as Hyndman and Fan's type 7", () => {
  assertEquals(quantile([1, 2], 0.5), 1.5);
  assertEquals(quantile([42], 0.99), 42);
  // R: quantile(c(1, 2, 4, 8, 16), c(0, .1, .25, .9, 1)) = 1.0 1.4 2.0 12.8 16.0
  const sorted = [1, 2, 4, 8, 16];
  assertEquals(quantile(sorted, 0), 1);
  assertAlmostEquals(quantile(sorted, 0.1), 1.4, 1e-15);
  assertEquals(quantile(sorted, 0.25), 2);
  assertAlmostEquals(quantile(sorted, 0.9), 12.8, 1e-14);
  assertEquals(quantile(sorted, 1), 16);
});

Deno.test("quantile() refuses an empty sample and a fraction outside 0 to 1", () => {
  assertThrows(() => quantile([], 0.5), RangeError, "current length is 0");
  for (const q of [-0.1, 1.1, NaN]) {
    assertThrows(
      () => quantile([1], q),
      RangeError,
      `Cannot compute quantile as q must be from 0 to 1: current value is ${q}`,
    );
  }
});

Deno.test("quantileMinSamples() asks for one sample above the quantile", () => {
  assertEquals([0, 0.5, 0.9, 0.95, 0.99, 0.999].map(quantileMinSamples), [
    1,
    2,
    10,
    20,
    100,
    1000,
  ]);
  assertThrows(() => quantileMinSamples(1), RangeError, "current value is 1");
});

Deno.test("median() and medianAbsoluteDeviation() ignore one wild value", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([10, 9, 1000]), 10);
  // The textbook example: distances from 2 are 1 1 0 0 2 4 7.
  assertEquals(medianAbsoluteDeviation([1, 1, 2, 2, 4, 6, 9]), 1);
  assertAlmostEquals(MAD_TO_STANDARD_DEVIATION * 0.6744897501960817, 1, 1e-15);
});

Deno.test("squaresAboutMean() adds the squared distances from the mean", () => {
  assertEquals(squaresAboutMean([1, 2, 6]), 14);
  assertEquals(squaresAboutMean([7]), 0);
});

Deno.test("summariseLatencies() gives every figure of 1 to 100", () => {
  assertEquals(summariseLatencies(HUNDRED), {
    count: 100,
    meanMs: 50.5,
    // sqrt(n (n + 1) / 12)
    standardDeviationMs: 29.011491975882016,
    minMs: 1,
    maxMs: 100,
    p50Ms: 50.5,
    p95Ms: 95.05,
    p99Ms: 99.01,
  });
});

Deno.test("summariseLatencies() handles no, one and two samples", () => {
  assertEquals(summariseLatencies([]), null);
  assertEquals(summariseLatencies([8]), {
    count: 1,
    meanMs: 8,
    standardDeviationMs: null,
    minMs: 8,
    maxMs: 8,
    p50Ms: 8,
    p95Ms: 8,
    p99Ms: 8,
  });
  assertEquals(summariseLatencies([2, 1])?.p50Ms, 1.5);
});

Deno.test("no statistic changes its input", () => {
  const input = Float64Array.of(3, 1, 2);
  median(input);
  medianAbsoluteDeviation(input);
  squaresAboutMean(input);
  summariseLatencies(input);
  assertEquals([...input], [3, 1, 2]);
  // A frozen array throws when it is sorted in place.
  squaresAboutMean(HUNDRED);
});
