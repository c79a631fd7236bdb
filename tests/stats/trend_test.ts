import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { createRng, normal } from "../../lib/stats/rng.ts";
import { quantile } from "../../lib/stats/summary.ts";
import {
  findTrend,
  isRise,
  mannKendall,
  pairSlopes,
  type SeriesPoint,
  slopeInterval,
  TREND_MIN_POINTS,
  whiten,
} from "../../lib/stats/trend.ts";

const seriesOf = (values: readonly number[]): SeriesPoint[] =>
  values.map((value, i) => ({ timeMs: 1000 * i, value }));

/** The example of Sen (1968), section 6. */
const SEN: readonly SeriesPoint[] = [
  { timeMs: 1, value: 9 },
  { timeMs: 2, value: 15 },
  { timeMs: 3, value: 19 },
  { timeMs: 4, value: 20 },
  { timeMs: 10, value: 45 },
  { timeMs: 12, value: 55 },
  { timeMs: 18, value: 78 },
];

Deno.test("pairSlopes() and slopeInterval() give the slope and the bounds of Sen's example", () => {
  const slopes = pairSlopes(SEN);
  assertEquals(slopes.length, 21);
  assertEquals(quantile(slopes, 0.5), 4);
  const { variance } = mannKendall(SEN.map(({ value }) => value));
  // The paper's level is 93 %: z = 1.8119. Its bounds are 26/7 and 35/8.
  const bounds = slopeInterval(
    slopes,
    1.8119106729525978 * Math.sqrt(variance),
  );
  assertAlmostEquals(bounds?.[0] ?? 0, 26 / 7, 1e-12);
  assertAlmostEquals(bounds?.[1] ?? 0, 35 / 8, 1e-12);
  assertEquals(slopeInterval(slopes, 100), null);
});

Deno.test("mannKendall() gives the published S and variance", () => {
  // Gilbert, "Statistical methods for environmental pollution monitoring" (1987), section 16.4.1: S = 4.
  assertEquals(mannKendall([10, 15, 14, 20]).s, 4);
  // n (n - 1) (2 n + 5) / 18 for n = 10 without ties (Kendall 1975).
  const ten = Array.from({ length: 10 }, (_, i) => i);
  assertEquals(mannKendall(ten), { s: 45, variance: 125 });
  assertEquals(mannKendall(ten.toReversed()).s, -45);
  // A tie of three takes 3 * 2 * 11 = 66 off the 2250.
  assertEquals(
    mannKendall([1, 2, 3, 4, 5, 6, 7, 8, 8, 8]),
    { s: 42, variance: (2250 - 66) / 18 },
  );
  assertEquals(mannKendall([5, 5, 5]), { s: 0, variance: 0 });
});

Deno.test("findTrend() finds a straight rise exactly, and nothing in a constant", () => {
  const rise = findTrend(seriesOf(Array.from({ length: 20 }, (_, i) => 3 * i)));
  assertEquals(rise?.change, 57);
  assertAlmostEquals(rise?.interval?.[0] ?? 0, 57, 1e-9);
  assertLess(rise?.pRise ?? 1, 1e-8);
  assertEquals([rise?.firstQuarter, rise?.lastQuarter], [6, 51]);
  assert(rise !== null && isRise(rise, 50) && !isRise(rise, 60));
  const flat = findTrend(seriesOf(Array.from({ length: 20 }, () => 7)));
  assertEquals([flat?.change, flat?.pRise, flat?.median], [0, 1, 7]);
  assert(flat !== null && !isRise(flat, 0));
});

Deno.test("findTrend() takes a fall for no rise, and too few points for nothing", () => {
  const values = Array.from({ length: 20 }, (_, i) => -i);
  const fall = findTrend(seriesOf(values));
  assert(fall !== null && !isRise(fall, -100));
  assertGreater(fall.pRise, 0.999);
  assertEquals(
    findTrend(seriesOf(values.slice(0, TREND_MIN_POINTS - 1))),
    null,
  );
});

Deno.test("whiten() takes the autocorrelation of a series out and leaves its slope", () => {
  const rng = createRng("whiten");
  let x = 0;
  const series = seriesOf(
    Array.from({ length: 2000 }, (_, i) => {
      x = 0.7 * x + normal(rng);
      return x + i / 10;
    }),
  );
  const { whitened, autocorrelation } = whiten(series);
  assertAlmostEquals(autocorrelation, 0.7, 0.05);
  assertEquals(whiten(whitened).autocorrelation < 0.05, true);
});

/** The share of autoregressive series without a trend in which a rise is found. */
function falseAlarms(count: number, r: number): number {
  const rng = createRng(`${count}/${r}`);
  const runs = 400;
  let alarms = 0;
  for (let run = 0; run < runs; run++) {
    let x = normal(rng) / Math.sqrt(1 - r * r);
    const values = Array.from({ length: count }, () => {
      x = r * x + normal(rng);
      return x;
    });
    const trend = findTrend(seriesOf(values));
    if (trend !== null && isRise(trend, 0)) alarms++;
  }
  return alarms / runs;
}

Deno.test("isRise() has at most 3 % false alarms on autoregressive series", () => {
  for (const count of [15, 30, 60]) {
    for (const r of [0, 0.5, 0.8]) {
      assertLessOrEqual(falseAlarms(count, r), 0.03);
    }
  }
});

Deno.test("isRise() finds a rise of 20 % under noise of 3 %", () => {
  const rng = createRng("power");
  for (let run = 0; run < 50; run++) {
    const values = Array.from(
      { length: 30 },
      (_, i) => 100 * (1 + 0.2 * i / 30) * Math.exp(0.03 * normal(rng)),
    );
    const trend = findTrend(seriesOf(values));
    assert(trend !== null && isRise(trend, 10), `run ${run}`);
  }
});
