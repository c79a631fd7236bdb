import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { judge } from "../lib/gate/gate.ts";
import { cell, row, still } from "./gate_cells.ts";

function near(actual: readonly (number | undefined)[], expected: number[]) {
  assertEquals(actual.length, expected.length);
  expected.forEach((value, index) =>
    assertAlmostEquals(actual[index] ?? NaN, value, 1e-9)
  );
}

// Expected intervals: the formulas of gate_spread.ts, gate_noise.ts and gate_rule.ts, written a second time in Python with SciPy's t.

Deno.test("judge() gives the interval of one cell against one row", () => {
  const verdict = judge([cell("a", [still(10)], still(12))]);
  const [only] = verdict.cells;
  near([only?.changePercent ?? NaN, ...only?.intervalPercent ?? []], [
    -16.66666666666665,
    -22.938989739168598,
    -9.883812566960733,
  ]);
  near([verdict.runWide?.noisePercent, verdict.runWide?.smallestDropPercent], [
    4.743416490252569,
    18.204276802837192,
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
    -15.6927686321883,
    -21.051934444400377,
    -9.969811028490769,
    -1.8139455286097412,
    -7.865379564008676,
    4.634948806853332,
    -1.3943966162833532,
    -7.313743709591971,
    4.902985704829445,
  ]);
  const { runWide } = verdict;
  near([
    runWide?.changePercent,
    ...runWide?.intervalPercent ?? [],
    runWide?.noisePercent,
    runWide?.smallestDropPercent,
  ], [
    -1.8139455286097412,
    -7.632720405041785,
    4.371389250972733,
    3.3075707947732056,
    15.102055639536538,
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
  // Two runs of three samples: the own variance has 4 / 3 degrees of freedom instead of 20.
  const few = (latencyMs: number) => ({ ...still(latencyMs), count: 3 });
  const [only] = judge([cell("a", [few(10)], few(12))]).cells;
  near(only?.intervalPercent ?? [], [-23.093061183868077, -9.703278386269808]);
});

Deno.test("judge() takes scatter between cells for noise, and calm for chance", () => {
  const width = (spread: number) => {
    const cells = Array.from(
      { length: 9 },
      (_, index) =>
        cell(`c${index}`, [still(10)], still(10 * (1 + spread * (index - 4)))),
    );
    const [low, high] = judge(cells).cells[4]?.intervalPercent ?? [0, 0];
    return high - low;
  };
  // The cells are assumed to differ by 2.1 % as they are.
  assertEquals(width(0), width(0.001));
  assertLess(width(0.001), width(0.03));
});
