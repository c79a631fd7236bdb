import { assertEquals } from "@std/assert";
import { describeCells } from "../lib/gate/gate_verdict.ts";
import { type CellShift, judgeShifts } from "../lib/gate/gate_rule.ts";

const THRESHOLDS = { failShare: 0.1, warnShare: 0.05 };
const NO_NOISE = { value: 1e-12, degreesOfFreedom: Infinity };

function shift(slowdown: number, deviation: number): CellShift {
  return {
    slowdown,
    ownVariance: { value: deviation ** 2, degreesOfFreedom: 1000 },
  };
}

Deno.test("describeCells() says for each cell the first amount that decides it", () => {
  const comparison = (divisor: number) => ({
    shifts: [0.07, 0.14, 0.01].map((noise) => shift(0, noise / divisor)),
    betweenRuns: NO_NOISE,
  });
  const cells = describeCells(["a", "b", "c"], comparison(1), {
    thresholds: THRESHOLDS,
    // A drop of 10 % is excluded from a deviation of 0.105 / 1.645 = 0.064 on.
    extension: {
      unit: ["run", "runs"],
      amounts: [1, 2, 3],
      extended: (amount) => comparison(1 + amount),
    },
  });
  assertEquals(
    cells.map(({ status, moreRuns }) => [status, moreRuns]),
    [["INCONCLUSIVE", 1], ["INCONCLUSIVE", 2], ["OK", null]],
  );
  assertEquals(
    cells.map(({ reason }) => reason),
    [
      "median throughput +0.0 %, of all cells +0.0 %: no clear drop, but one of 10 % could hide, at worst -10.9 %; 1 more run would decide",
      "median throughput +0.0 %, of all cells +0.0 %: no clear drop, but one of 10 % could hide, at worst -20.6 %; 2 more runs would decide",
      "median throughput +0.0 %, of all cells +0.0 %: a drop of 10 % would have shown, at worst -1.6 %",
    ],
  );
});

Deno.test("judgeShifts() does not hold the gain of other cells against a cell", () => {
  const improved = Array.from({ length: 8 }, () => shift(-0.16, 0.03));
  // 0.06 is two deviations from no change, and seven from the other cells.
  const statuses = judgeShifts(
    [...improved, shift(0.06, 0.03)],
    NO_NOISE,
    THRESHOLDS,
  );
  assertEquals(statuses.at(-1), "INCONCLUSIVE");
});
