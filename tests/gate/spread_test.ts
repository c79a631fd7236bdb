import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import {
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
