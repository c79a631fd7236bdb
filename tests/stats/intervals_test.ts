import { assertAlmostEquals, assertEquals } from "@std/assert";
import { meanInterval, medianInterval } from "../../lib/stats/intervals.ts";

Deno.test("meanInterval() is Student's interval", () => {
  // R: t.test(c(10, 12, 11, 13, 9))$conf.int
  const [low, high] = meanInterval([10, 12, 11, 13, 9]) ?? [0, 0];
  assertAlmostEquals(low, 9.036757, 1e-6);
  assertAlmostEquals(high, 12.963243, 1e-6);
  assertEquals(meanInterval([7]), null);
  assertEquals(meanInterval([]), null);
});

Deno.test("medianInterval() takes the order statistics of the binomial tables", () => {
  const upTo = (count: number) =>
    Array.from({ length: count }, (_, i) => i + 1);
  // Conover, table A3, p = 0.5: ranks from the ends, 1-based.
  assertEquals(medianInterval(upTo(5)), null);
  assertEquals(medianInterval(upTo(6)), [1, 6]);
  assertEquals(medianInterval(upTo(10)), [2, 9]);
  assertEquals(medianInterval(upTo(20)), [6, 15]);
  assertEquals(medianInterval(upTo(50).toReversed()), [18, 33]);
  assertEquals(medianInterval([]), null);
});

Deno.test("medianInterval() works on samples for which 2^-n is no number", () => {
  const values = Array.from({ length: 5000 }, (_, i) => i + 1);
  const [low, high] = medianInterval(values) ?? [0, 0];
  // Normal approximation: 2500.5 +- 1.96 sqrt(5000) / 2 = 2500.5 +- 69.3.
  assertAlmostEquals(low, 2431, 1.5);
  assertEquals(high, 5001 - low);
});
