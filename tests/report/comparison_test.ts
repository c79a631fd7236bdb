import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { applyComparison, compareRun } from "../../lib/baseline/comparison.ts";
import type { Run } from "../../lib/record/run.ts";
import { renderComparison } from "../../lib/report/comparison.ts";
import { renderMarkdown } from "../../lib/report/markdown.ts";
import { renderRun } from "../../lib/report/run/text.ts";
import { renderStressRun } from "../../lib/report/stress/text.ts";
import { viewOfRun } from "../../lib/report/view.ts";
import {
  baselineOf,
  latenciesAround,
  measuredCell,
  measuredRun,
  withCells,
} from "../support/example_baseline.ts";
import { exampleStressRun } from "../support/example_stress.ts";

const BASELINE = baselineOf(
  ...["b1", "b2", "b3", "b4", "b5"].map((seed) => measuredRun(seed)),
);
const RESULT = measuredRun("result");

Deno.test("renderComparison() explains only the columns that the terminal has room for", () => {
  const comparison = compareRun(RESULT, BASELINE);
  const said = "mean, p95, p99: change of latency";
  assertStringIncludes(renderComparison(comparison, 200), said);
  const narrow = renderComparison(comparison, 70);
  assertEquals(narrow.includes(said), false);
  assertStringIncludes(
    narrow,
    "Columns left out to fit the terminal: mean, p95, p99",
  );
});

Deno.test("no text says all where cells of the baseline are missing, and one is one cell", () => {
  const run = { ...RESULT, cells: RESULT.cells.slice(0, 1) };
  const compared = applyComparison(run, compareRun(run, BASELINE));
  const view = viewOfRun(compared);
  const shown = [renderMarkdown([view]), renderRun(compared, 200)].join("\n");
  assertStringIncludes(shown, "1 cell of the result");
  assertStringIncludes(shown, "1 of the baseline's 6 cells measured");
  assertEquals(shown.match(/\bAll\b.*/g), null);
  assertEquals(shown.match(/\b1 (?:cells|configurations|runs)\b.*/g), null);
});

Deno.test("renderRun() closes with what was compared", () => {
  const closing = (
    run: Run,
    more: Partial<Parameters<typeof compareRun>[2]> = {},
  ) =>
    renderRun(applyComparison(run, compareRun(run, BASELINE, more)), 200)
      .trimEnd().split("\n");
  assertEquals(closing(RESULT).at(-1), "All 6 configurations passed");
  assert(
    closing(RESULT).some((line) => / \| +Change \| Status$/.test(line)),
  );
  const slow = measuredRun("slow", { slowness: [1, 1, 1, 1.4] });
  const lines = closing(slow);
  const ips = slow.cells[3]?.summary?.throughputItemsPerSec.toFixed(1);
  assertEquals(lines.slice(-3, -1), [
    "6 of 6 configurations compared: 5 OK, 1 FAIL",
    "FOUND 1 PERFORMANCE REGRESSIONS",
  ]);
  assertStringIncludes(
    lines.at(-1) ?? "",
    `  - Batch 8, Labels 2: ${ips} IPS (-28.`,
  );
  const warned = measuredRun("warn", { slowness: Array(6).fill(1.25) });
  assertEquals(
    closing(warned, { failPercent: 50, warnPercent: 5 }).slice(-2),
    [
      "6 of 6 configurations compared: 6 WARN",
      "Found 6 warnings (minor degradation)",
    ],
  );
  const fresh = {
    ...RESULT,
    cells: [...RESULT.cells, measuredCell(64, latenciesAround(9, "new"))],
  };
  assertEquals(
    closing(fresh).at(-1),
    "6 of 7 configurations compared: 6 OK, 1 NEW",
  );
  assertEquals(closing({ ...RESULT, cells: [] }).slice(-2), [
    "0 of 0 configurations compared: ; 0 of the baseline's 6 cells measured",
    "NO VERDICT: no cell could be compared: 0 INVALID, 0 NEW",
  ]);
  assertEquals(
    closing({
      ...RESULT,
      options: { ...RESULT.options, prefixCache: "hot" },
    }).slice(-2)[0],
    "0 of 6 configurations compared: 6 INCONCLUSIVE; 6 cells not judged",
  );
});

Deno.test("every table says that the engine was simulated, however it was reached", () => {
  const simulated = (seed: string) =>
    withCells(measuredRun(seed), (cell) => ({
      ...cell,
      key: { ...cell.key, model: "simulated/org/model" },
    }));
  const said = "SIMULATED ENGINE (no real server was measured)";
  assertStringIncludes(renderRun(simulated("a"), 200), said);
  assertStringIncludes(
    renderComparison(
      compareRun(simulated("a"), baselineOf(simulated("b"))),
      200,
    ),
    said,
  );
  const { metadata, ...stress } = exampleStressRun();
  assertStringIncludes(
    renderStressRun({
      ...stress,
      metadata: { ...metadata, target: "url", model: "simulated/org/model" },
    }, 200),
    "SIMULATED ENGINE (no real server was stressed)",
  );
  assertEquals(renderRun(measuredRun("a"), 200).includes(said), false);
});
