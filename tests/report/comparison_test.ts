import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { applyComparison, compareRun } from "../../lib/baseline/comparison.ts";
import type { Run } from "../../lib/record/run.ts";
import { renderMarkdown } from "../../lib/report/markdown.ts";
import { renderView } from "../../lib/report/run/text.ts";
import { renderStressRun } from "../../lib/report/stress/text.ts";
import { viewOfComparison, viewOfRun } from "../../lib/report/view.ts";
import { renderRun } from "../support/shown_run.ts";
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

Deno.test("renderRun() begins with the verdict and closes with the counts", () => {
  const shown = (
    run: Run,
    more: Partial<Parameters<typeof compareRun>[2]> = {},
  ) => {
    const compared = applyComparison(run, compareRun(run, BASELINE, more));
    const lines = renderRun(compared, 200).trimEnd().split("\n");
    return { lines, verdict: lines[2] ?? "", counts: lines.at(-1) };
  };
  const same = shown(RESULT);
  assertEquals(same.verdict, "All 6 cells passed");
  assertEquals(same.counts, "Result: 6 OK");
  assert(
    same.lines.some((line) =>
      / \| Old \(IPS\) \| New \(IPS\) \| +Change \(%\) \|.* \| Status$/
        .test(line)
    ),
  );
  const slow = shown(measuredRun("slow", { slowness: [1, 1, 1, 1.4] }));
  assertStringIncludes(
    slow.verdict,
    "1 of 6 cells is slower (FAIL), most of all Batch 8, Labels 2: throughput -28.",
  );
  assertEquals(slow.counts, "Result: 5 OK, 1 FAIL");
  const warned = measuredRun("warn", { slowness: Array(6).fill(1.25) });
  const warning = shown(warned, { failPercent: 50, warnPercent: 5 });
  assertEquals(warning.counts, "Result: 6 WARN");
  assertStringIncludes(warning.verdict, "not every cell passed: 6 WARN");
  const fresh = shown({
    ...RESULT,
    cells: [...RESULT.cells, measuredCell(64, latenciesAround(9, "new"))],
  });
  assertEquals(fresh.counts, "Result: 6 OK, 1 NEW");
  const none = shown({ ...RESULT, cells: [] });
  assertEquals(
    none.verdict,
    "No verdict: no cell could be compared: 0 INVALID, 0 NEW",
  );
  assertEquals(
    none.counts,
    "No verdict: no cells, 0 of the baseline's 6 cells measured",
  );
  const refused = shown({
    ...RESULT,
    options: { ...RESULT.options, prefixCache: "hot" },
  });
  assertEquals(
    refused.counts,
    "No verdict: 6 INCONCLUSIVE, 6 cells not judged",
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
    renderView(
      viewOfComparison(
        compareRun(simulated("a"), baselineOf(simulated("b"))),
        "r.csv",
      ),
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
