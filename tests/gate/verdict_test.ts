import { assertEquals } from "@std/assert";
import { type CellShift, judgeShifts } from "../../lib/gate/rule.ts";
import { describe } from "../../lib/gate/verdict.ts";

const THRESHOLDS = { failShare: 0.1, warnShare: 0.05 };
const NO_NOISE = { value: 1e-12, degreesOfFreedom: Infinity };

function shift(slowdown: number, deviation: number): CellShift {
  return {
    slowdown,
    ownVariance: { value: deviation ** 2, degreesOfFreedom: 1000 },
  };
}

Deno.test("describe() says for each cell the first amount that decides it", () => {
  const comparison = (divisor: number) => ({
    shifts: [0.07, 0.14, 0.01].map((noise) => shift(0, noise / divisor)),
    betweenRuns: NO_NOISE,
  });
  const { cells, undecided } = describe(["a", "b", "c"], comparison(1), {
    thresholds: THRESHOLDS,
    // A drop of 10 % is excluded from a deviation of 0.105 / 1.645 = 0.064 on.
    extension: {
      unit: ["run", "runs"],
      amounts: [1, 2, 3],
      extended: (amount) => comparison(1 + amount),
      otherwise: "A/B may",
    },
  });
  assertEquals(
    cells.map(({ status, moreRuns }) => [status, moreRuns]),
    [["INCONCLUSIVE", 1], ["INCONCLUSIVE", 2], ["OK", null]],
  );
  assertEquals(
    cells.map(({ reason }) => reason),
    [
      "throughput +0.0 %, of all cells +0.0 %: a drop of 10 % is neither seen nor ruled out; 1 more run would decide",
      "throughput +0.0 %, of all cells +0.0 %: a drop of 10 % is neither seen nor ruled out; 2 more runs would decide",
      "throughput +0.0 %, of all cells +0.0 %: a drop of 10 % would have shown",
    ],
  );
  assertEquals(undecided, null);
});

Deno.test("judgeShifts() does not hold the gain of other cells against a cell", () => {
  const improved = Array.from({ length: 8 }, () => shift(-0.16, 0.03));
  // 0.06 is two deviations from no change, and seven from the other cells.
  const statuses = judgeShifts({
    shifts: [...improved, shift(0.06, 0.03)],
    betweenRuns: NO_NOISE,
  }, THRESHOLDS);
  assertEquals(statuses.at(-1), "INCONCLUSIVE");
});

const EXTENSION = {
  unit: ["run", "runs"],
  amounts: [],
  extended: () => ({ shifts: [], betweenRuns: NO_NOISE }),
  otherwise: "A/B may",
} as const;

/** Statuses, and what is undecided, of shifts that are each slower by a share beside a noise between runs. */
function judged(slowdowns: readonly number[], own: number, between: number) {
  const { cells, undecided } = describe(
    slowdowns.map((_, index) => `c${index}`),
    {
      shifts: slowdowns.map((slowdown) => shift(slowdown, own)),
      betweenRuns: { value: between ** 2, degreesOfFreedom: 5 },
    },
    { thresholds: THRESHOLDS, extension: EXTENSION },
  );
  return { statuses: cells.map(({ status }) => status), undecided };
}

Deno.test("describe() lets no run pass that is slower beyond the limit and not decided", () => {
  const all = judged([0.6, 0.61, 0.62, 0.63], 0.02, 0.4);
  assertEquals(new Set(all.statuses), new Set(["INCONCLUSIVE"]));
  assertEquals(
    all.undecided,
    "could not judge: throughput -45.9 % of all cells, 4 of 4 cells slower by more than 10 %, " +
      "and the noise of 40.0 % between runs may be why: more runs like this would not decide it, A/B may. " +
      "The smallest drop of all cells that is found in 95 of 100 such runs is 91.3 %",
  );
  // More than half of the cells are enough, and so is one that its own noise does not explain.
  assertEquals(
    judged([0.6, 0.6, 0.6, 0, 0], 0.02, 0.4).undecided === null,
    false,
  );
  assertEquals(
    judged([0.2, 0, 0, 0, -0.2, -0.2, -0.2], 0.02, 0.4).statuses.includes(
      "REGRESSION",
    ),
    true,
  );
  // Half of the cells, each within its own noise: said of the cells, and no failure of the run.
  const few = judged([0.12, 0.12, 0, 0, 0], 0.2, 0.01);
  assertEquals(few.statuses.slice(0, 2), ["INCONCLUSIVE", "INCONCLUSIVE"]);
  assertEquals(few.undecided, null);
});

Deno.test("describe() calls an interval wholly beyond the limit a REGRESSION, and half of the cells too", () => {
  assertEquals(judged([1.1, 1.1, 1.1, 0, 0, 0], 0.02, 0.03).statuses, [
    "REGRESSION",
    "REGRESSION",
    "REGRESSION",
    "OK",
    "OK",
    "OK",
  ]);
  assertEquals(
    judged([0.7, 0.7, 0.7, -0.7, -0.7, -0.7], 0.02, 0.03).statuses,
    [
      "REGRESSION",
      "REGRESSION",
      "REGRESSION",
      "IMPROVED",
      "IMPROVED",
      "IMPROVED",
    ],
  );
});
