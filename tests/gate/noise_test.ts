import { assertAlmostEquals, assertEquals } from "@std/assert";
import { judge } from "../../lib/gate/judge.ts";
import { cell, row, still } from "../support/gate_cells.ts";
import { valueOf } from "../support/gate_simulation.ts";

function near(actual: readonly (number | undefined)[], expected: number[]) {
  assertEquals(actual.length, expected.length);
  expected.forEach((value, index) =>
    assertAlmostEquals(actual[index] ?? NaN, value, 1e-8)
  );
}

// Expected figures: the formulas of lib/gate/spread.ts, lib/gate/noise.ts and lib/gate/rule.ts, written a second time in Python with SciPy's t.

Deno.test("judge() gives the interval of one cell against one row", () => {
  const verdict = judge([cell("a", [still(10)], still(12))]);
  const [only] = verdict.cells;
  near([only?.changePercent ?? NaN, ...only?.intervalPercent ?? []], [
    -16.66666666666665,
    -22.92692291164936,
    -9.897921468947313,
  ]);
  near([verdict.runWide?.noisePercent, verdict.runWide?.smallestDropPercent], [
    4.743416490252569,
    18.696662655359965,
  ]);
  assertEquals(only?.status, "REGRESSION");
});

Deno.test("judge() gives the intervals of three cells against three runs", () => {
  const verdict = judge([
    cell(
      "a",
      [
        row(10, 10.9, 10.1, 0.5),
        row(10.2, 11.5, 10.4, 0.9),
        row(9.9, 10.6, 10, 0.4),
      ],
      row(11.9, 12.9, 12.1, 0.7),
    ),
    cell(
      "b",
      [
        row(20, 21, 20.1, 0.8),
        row(20.5, 22, 21, 3),
        row(19.6, 21, 19.8, 0.7),
      ],
      row(20.4, 21.4, 20.5, 0.6),
    ),
    cell(
      "c",
      [
        row(40, 41, 40.1, 1.1),
        row(41.1, 42.6, 41.2, 1.2),
        row(39.9, 41, 39.9, 0.9),
      ],
      row(40.9, 42.2, 41, 1),
    ),
  ]);
  const numbers = verdict.cells.map(({ changePercent, intervalPercent }) => [
    changePercent ?? NaN,
    ...intervalPercent ?? [],
  ]);
  near(numbers.flat(), [
    -16.135984404366422,
    -24.170852181854848,
    -7.249740842508793,
    -1.354702989184241,
    -10.051026822701626,
    8.182386953673113,
    -1.5156251702785335,
    -9.769473152479204,
    7.4932445201340725,
  ]);
  const { runWide } = verdict;
  near([
    runWide?.changePercent,
    ...runWide?.intervalPercent ?? [],
    runWide?.noisePercent,
    runWide?.smallestDropPercent,
  ], [
    -1.5156251702785335,
    -7.697221451663674,
    5.079957918297075,
    3.6914076958522215,
    16.248095366768965,
  ]);
});

Deno.test("judge() corrects cells for baseline runs that they lack", () => {
  // The second run was 8 % slower on every cell that it holds; cell "b" lacks it.
  const verdict = judge([
    cell("a", [still(10), still(10.8)], still(10)),
    cell("b", [still(10), null], still(10)),
    cell("c", [still(10), still(10.8)], still(10)),
  ]);
  const [a, b] = verdict.cells;
  assertAlmostEquals(a?.changePercent ?? NaN, b?.changePercent ?? NaN, 1e-9);
});

Deno.test("judge() trusts the noise of few samples less", () => {
  const few = (...[p50, p95, average, deviation]: Parameters<typeof row>) => ({
    ...row(p50, p95, average, deviation),
    count: 3,
  });
  const [only] =
    judge([cell("a", [few(10, 10.5, 10.1, 0.6)], few(12, 12.7, 12.1, 0.8))])
      .cells;
  near(only?.intervalPercent ?? [], [-34.72993887057188, 6.747567531198554]);
});

Deno.test("judge() learns no noise from the changes that it judges", () => {
  const width = (spread: number) => {
    const cells = Array.from(
      { length: 9 },
      (_, index) =>
        cell(`c${index}`, [still(10)], still(10 * (1 + spread * (index - 4)))),
    );
    const [low, high] = judge(cells).cells[4]?.intervalPercent ?? [0, 0];
    return high - low;
  };
  assertAlmostEquals(width(0), width(0.2), 1e-9);
});

Deno.test("judge() takes a run of slow answers alone for chance where the baseline has two kinds", () => {
  const slowMs = Array.from({ length: 20 }, (_, index) => 208 + 0.2 * index);
  const mixedMs = slowMs.map((ms, index) => index % 2 === 0 ? ms / 2 : ms);
  const baseline = Array.from({ length: 5 }, () => valueOf(mixedMs));
  const still = valueOf(slowMs.map(() => 10));
  const cells = [
    { key: "humps", baseline, result: [valueOf(slowMs)] },
    ...Array.from({ length: 5 }, (_, index) => ({
      key: `c${index}`,
      baseline: baseline.map(() => still),
      result: [still],
    })),
  ];
  assertEquals(judge(cells).cells[0]?.status, "INCONCLUSIVE");
});

Deno.test("judge() takes the level of a cell from the middle of its baseline runs, and says which run it leaves out", () => {
  const baselineMs = [10, 10.1, 1000, 9.9, 10];
  const cells = Array.from(
    { length: 6 },
    (_, index) => cell(`c${index}`, baselineMs.map(still), still(14.3)),
  );
  const verdict = judge(cells);
  assertEquals(verdict.cells.map(({ status }) => status), [
    "REGRESSION",
    "REGRESSION",
    "REGRESSION",
    "REGRESSION",
    "REGRESSION",
    "REGRESSION",
  ]);
  assertEquals(verdict.notes[0]?.kind, "odd-baseline-run");
  assertEquals(verdict.notes[0]?.baselineRun, 2);
  // Of one cell alone, all of a run is its own.
  const [alone] = judge(cells.slice(0, 1)).cells;
  assertAlmostEquals(alone?.changePercent ?? NaN, 100 * (10 / 14.3 - 1), 1);
});
