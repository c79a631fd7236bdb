import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import {
  correlationFactor,
  levelOfSamples,
  levelOfSummary,
  levelsOf,
  type RunValue,
} from "../../lib/gate/spread.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";
import { mean, sampleStandardDeviation } from "../../lib/stats/summary.ts";
import { row } from "../support/gate_cells.ts";
import { valueOf } from "../support/gate_simulation.ts";

const ONE_PAUSE_MS = [
  10,
  10.4,
  10.3,
  9.8,
  9.7,
  10.1,
  10.5,
  10.6,
  30,
  10.2,
  9.9,
  9.6,
];
const TWO_PAUSES_MS = [...ONE_PAUSE_MS, 10, 11, 12, 10.5, 9.9, 10, 10.1, 25];
const TWO_HUMPS_MS = Array.from(
  { length: 20 },
  (_, index) => index < 8 ? 100 : 210,
);

function assertLevel(
  level: ReturnType<typeof levelOfSamples>,
  [log, value, degreesOfFreedom]: readonly [number, number, number],
): void {
  assertAlmostEquals(level.log, log, 1e-12);
  assertAlmostEquals(level.variance.value, value, 1e-12);
  assertAlmostEquals(level.variance.degreesOfFreedom, degreesOfFreedom, 1e-12);
}

// Expected values: the formulas written a second time in Python.

Deno.test("levelOfSamples() leaves out the slowest tenth, a sample at the border in part", () => {
  assertLevel(levelOfSamples(ONE_PAUSE_MS), [
    2.311618245024778,
    0.00012208839799510984,
    9.8,
  ]);
  assertLevel(levelOfSamples(TWO_PAUSES_MS), [
    2.327819564172587,
    0.00033305221691627256,
    17,
  ]);
});

Deno.test("levelOfSummary() recovers the level of the samples from mean, deviation and percentiles", () => {
  for (const latenciesMs of [ONE_PAUSE_MS, TWO_HUMPS_MS]) {
    const { log, variance } = levelOfSamples(latenciesMs);
    assertLevel(levelOfSummary(valueOf(latenciesMs)), [
      log,
      variance.value,
      variance.degreesOfFreedom,
    ]);
  }
  // The third largest of two that are left out is not in a summary: the level is exact, its error is estimated.
  assertLevel(levelOfSummary(valueOf(TWO_PAUSES_MS)), [
    2.327819564172587,
    0.0002293934125787533,
    17,
  ]);
});

Deno.test("levelOfSummary() takes a summary whose figures contradict each other as it is", () => {
  // Two samples of 50 ms would make a larger deviation than 1 ms.
  const { log, variance } = levelOfSummary(row(10, 50, 12, 1));
  assertAlmostEquals(log, Math.log(12), 1e-12);
  assertAlmostEquals(variance.value, 1 / 20 / 12 ** 2, 1e-12);
  const single = { ...row(10, 10, 10, 0), count: 1, standardDeviationMs: null };
  assertEquals(levelOfSummary(single).variance, {
    value: 1,
    degreesOfFreedom: 1,
  });
});

Deno.test("levelOfSamples() gives an error that is honest for one hump, two humps and pauses", () => {
  const rng = createRng("honest");
  const shapes: readonly (() => number)[] = [
    () => 10 * Math.exp(0.05 * normal(rng)),
    () => (rng() < 0.4 ? 105 : 210) * Math.exp(0.05 * normal(rng)),
    () => 10 * Math.exp(0.05 * normal(rng)) * (rng() < 0.02 ? 6 : 1),
  ];
  for (const draw of shapes) {
    const levels = Array.from(
      { length: 2000 },
      () => levelOfSamples(Array.from({ length: 20 }, draw)),
    );
    const actual = sampleStandardDeviation(levels.map(({ log }) => log)) ?? NaN;
    const claimed = Math.sqrt(
      mean(levels.map(({ variance }) => variance.value)),
    );
    // Above 1 with pauses, as three of 20 are seldom, and leave one in the mean.
    assertLess(0.9, claimed / actual);
    assertLess(claimed / actual, 1.4);
  }
});

Deno.test("levelsOf() compares samples with samples only", () => {
  const withSamples = valueOf(TWO_PAUSES_MS);
  const without: RunValue = { ...withSamples, latenciesMs: null };
  assertEquals(
    levelsOf([withSamples, withSamples])(withSamples),
    levelOfSamples(TWO_PAUSES_MS),
  );
  assertEquals(
    levelsOf([withSamples, without])(withSamples),
    levelOfSummary(withSamples),
  );
});

Deno.test("correlationFactor() measures the correlation of samples, drawing outliers in, and assumes one where there are none", () => {
  const summary = row(10, 11, 10.1, 0.4);
  const assumed = { factor: 5, leastFactor: 1 };
  assertEquals(correlationFactor([summary]), assumed);
  // Nine samples are too few for it.
  assertEquals(
    correlationFactor([valueOf(ONE_PAUSE_MS.slice(0, 9))]),
    assumed,
  );
  const rng = createRng("correlated");
  const factorOf = (correlation: number, pauseShare = 0) => {
    const runs = Array.from({ length: 200 }, () => {
      let log = normal(rng);
      return valueOf(Array.from({ length: 20 }, () => {
        log = correlation * log +
          Math.sqrt(1 - correlation ** 2) * normal(rng);
        return 10 * Math.exp(0.02 * log) * (rng() < pauseShare ? 5 : 1);
      }));
    });
    const { factor, leastFactor } = correlationFactor(runs);
    assertEquals(factor, leastFactor);
    return factor;
  };
  assertAlmostEquals(factorOf(0), 1, 0.15);
  assertAlmostEquals(factorOf(0.5), 3, 0.5);
  assertAlmostEquals(factorOf(0.7), 17 / 3, 1.2);
  // A few pauses hide it in part, not wholly.
  assertLess(2, factorOf(0.5, 0.02));
});
