import {
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type GateCell,
  type GateVerdict,
  judge,
  judgeThreshold,
} from "../../lib/gate/judge.ts";
import { judgeShifts } from "../../lib/gate/rule.ts";
import { cell, row, still } from "../support/gate_cells.ts";
import { SCENARIOS, simulate } from "../support/gate_simulation.ts";

/** Cells of five still baseline runs at 10 ms, with one still result each. */
function steady(resultsMs: readonly number[], runs = 5): GateCell[] {
  const baseline = Array.from({ length: runs }, () => still(10));
  return resultsMs.map((ms, index) => cell(`c${index}`, baseline, still(ms)));
}

function statuses(verdict: GateVerdict): Record<string, string> {
  return Object.fromEntries(
    verdict.cells.map(({ key, status }) => [key, status]),
  );
}

function tally(verdict: GateVerdict): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of verdict.cells) {
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

Deno.test("judge() tells a change of all cells from a change of one", () => {
  const same = Array.from({ length: 12 }, () => 10);
  assertEquals(tally(judge(steady(same))), { OK: 12 });
  assertEquals(tally(judge(steady(same.map(() => 12)))), { REGRESSION: 12 });
  assertEquals(tally(judge(steady(same.map(() => 8.5)))), { IMPROVED: 12 });
  const one = judge(steady(same.with(4, 12)));
  assertEquals(tally(one), { OK: 11, REGRESSION: 1 });
  assertEquals(one.cells[4]?.status, "REGRESSION");
});

Deno.test("judge() finds half of the cells slower and forgives the rest of an improved run", () => {
  const half = (slow: number, rest: number) =>
    steady(Array.from({ length: 12 }, (_, index) => index < 6 ? slow : rest));
  assertEquals(tally(judge(half(12.5, 10))), { REGRESSION: 6, OK: 6 });
  assertEquals(tally(judge(half(8, 10))), { IMPROVED: 6, OK: 6 });
});

Deno.test("judgeShifts() holds the threshold and the warning limit without noise", () => {
  const exact = (dropShare: number) =>
    judgeShifts({
      shifts: [{
        slowdown: -Math.log(1 - dropShare),
        ownVariance: { value: 1e-12, degreesOfFreedom: 20 },
      }],
      betweenRuns: { value: 1e-12, degreesOfFreedom: Infinity },
    }, { failShare: 0.1, warnShare: 0.05 });
  assertEquals([0, 0.05, 0.051, 0.1, 0.101].map((drop) => exact(drop)[0]), [
    "OK",
    "OK",
    "WARN",
    "WARN",
    "REGRESSION",
  ]);
});

Deno.test("judge() says how many more runs decide an INCONCLUSIVE cell", () => {
  // Enough samples for the noise to be known as well as it gets.
  const many = (latencyMs: number) => ({ ...still(latencyMs), count: 100 });
  const [first] = judge([cell("a", [many(10)], many(10.9))]).cells;
  assertEquals(first?.status, "INCONCLUSIVE");
  const more = first?.moreRuns ?? NaN;
  const after = (runs: number) =>
    judge([cell(
      "a",
      [many(10)],
      ...Array.from({ length: runs }, () => many(10.9)),
    )]).cells[0]?.status;
  assertEquals(after(more), "INCONCLUSIVE");
  assertEquals(after(1 + more) === "INCONCLUSIVE", false);
  assertStringIncludes(first?.reason ?? "", `${more} more run would decide`);
});

Deno.test("judge() calls one noisy sample INCONCLUSIVE, never OK", () => {
  const single = { ...still(10), count: 1, standardDeviationMs: null };
  const verdict = judge([{ key: "a", baseline: [single], result: [single] }]);
  assertEquals(statuses(verdict), { a: "INCONCLUSIVE" });
  assertEquals(verdict.cells[0]?.moreRuns, null);
});

Deno.test("judge() marks cells without a baseline row as NEW and judges the rest", () => {
  const verdict = judge([
    cell("new", [null, null], still(5)),
    cell("half", [null, still(10)], still(10)),
    cell("full", [still(10), still(10)], still(10)),
  ]);
  assertEquals(statuses(verdict), { new: "NEW", half: "OK", full: "OK" });
  assertEquals(verdict.cells[0]?.changePercent, null);
  assertEquals(judge([cell("new", [], still(5))]), {
    cells: [{
      key: "new",
      status: "NEW",
      changePercent: null,
      intervalPercent: null,
      reason: "the baseline holds no row for this cell",
      moreRuns: null,
    }],
    runWide: null,
    statistic: "mean latency of the fastest 90 %",
    notes: [],
    undecided: null,
  });
});

Deno.test("judge() passes a run against itself", () => {
  for (const scenario of ["a5", "quiet", "typ", "vm", "a15"] as const) {
    const { cells } = simulate(SCENARIOS[scenario], {
      cells: 24,
      samples: 20,
      baselineRuns: 1,
      slower: "none",
      slowdown: 0,
    }, scenario);
    const own = cells.map(({ key, result }) => ({
      key,
      baseline: result,
      result,
    }));
    const { OK = 0, INCONCLUSIVE = 0 } = tally(judge(own));
    assertEquals(OK + INCONCLUSIVE, 24);
    // One row of the noisiest machine leaves room for a hidden drop; it is said, and fails no run.
    if (scenario === "quiet") assertEquals(INCONCLUSIVE, 0);
  }
});

Deno.test("judge() finds a drift that each night hid from the next", () => {
  // 2 % a night for 24 nights, each appended to the baseline.
  const night = (index: number) => still(10 * 1.02 ** index);
  const cells = Array.from({ length: 6 }, (_, index) =>
    cell(
      `c${index}`,
      Array.from({ length: 24 }, (_, index) => night(index)),
      night(24),
    ));
  const kinds = judge(cells).notes.map(({ kind }) => kind);
  assertEquals(kinds.includes("slow-creep"), true);
  const steadyRuns = Array.from({ length: 24 }, () => still(10));
  assertEquals(judge([cell("a", steadyRuns, still(10))]).notes, []);
});

Deno.test("judgeThreshold() applies the specification's rule to means", () => {
  const against = (meanMs: number) =>
    judgeThreshold([
      cell("a", [row(1, 1, 500, 0), row(1, 1, 90, 0)], row(1, 1, meanMs, 0)),
    ]).cells[0];
  // Throughput 90 / latency: exactly 10 % and 5 % down are not beyond the limits.
  assertEquals(
    [90, 94, 90 / 0.95, 95, 100, 101].map((ms) => against(ms)?.status),
    [
      "OK",
      "OK",
      "OK",
      "WARN",
      "WARN",
      "REGRESSION",
    ],
  );
  assertAlmostEquals(against(100)?.changePercent ?? NaN, -10, 1e-9);
  assertEquals(
    judgeThreshold([cell("b", [], still(1))]).cells[0]?.status,
    "NEW",
  );
});

Deno.test("judge() refuses bad limits and bad values", () => {
  const cells = steady([10]);
  assertThrows(
    () => judge(cells, { failPercent: 100 }),
    RangeError,
    "Cannot judge cells as 0 < warning threshold < regression threshold < 100 percent must hold: current values are 5 and 100",
  );
  assertThrows(
    () => judge(cells, { failPercent: 5 }),
    RangeError,
    "Cannot judge cells as 0 < warning threshold < regression threshold < 100 percent must hold: current values are 5 and 5",
  );
  assertThrows(
    () => judge([cell("x", [still(10)])]),
    RangeError,
    "Cannot judge cell x as it must have a result: found none",
  );
  assertThrows(
    () => judge([cell("x", [still(10)], row(10, 10, 10, NaN))]),
    RangeError,
    "Cannot judge cell x as the standard deviation must be 0 ms or more: found NaN",
  );
  assertThrows(
    () => judge([cell("x", [{ ...still(10), count: 0 }], still(10))]),
    RangeError,
    "Cannot judge cell x as a run must hold at least 1 sample: found 0",
  );
  for (const latencyMs of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => judge([cell("x", [still(10)], still(latencyMs))]),
      RangeError,
      `Cannot judge cell x as latencies must be above 0 ms: found ${latencyMs}`,
    );
  }
});

Deno.test("judge() changes nothing that it is given", () => {
  const { cells } = simulate(SCENARIOS.typ, {
    cells: 6,
    samples: 20,
    baselineRuns: 3,
    slower: "none",
    slowdown: 0,
  }, "frozen");
  const before = JSON.stringify(cells);
  judge(Object.freeze(cells));
  assertEquals(JSON.stringify(cells), before);
});
