import { joinDoubts } from "../../lib/record/doubts.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  applyComparison,
  compareRun,
  compareRuns,
} from "../../lib/baseline/comparison.ts";
import { runsOfCsv } from "../../lib/baseline/runs.ts";
import type { Run } from "../../lib/record/run.ts";
import { parseRun, stringifyRun } from "../../lib/record/run_file.ts";
import { renderView, runsToCsv } from "../../lib/report/run/text.ts";
import { renderRun } from "../support/shown_run.ts";
import { viewOfComparison, viewOfRun } from "../../lib/report/view.ts";
import {
  baselineOf,
  latenciesAround,
  measuredCell,
  measuredRun,
  statusesOf,
  withCells,
} from "../support/example_baseline.ts";

const FIVE = ["b1", "b2", "b3", "b4", "b5"].map((seed) => measuredRun(seed));
const BASELINE = baselineOf(...FIVE);
const RESULT = measuredRun("result");

Deno.test("compareRun() passes a run that did not change", () => {
  const comparison = compareRun(RESULT, BASELINE);
  assertEquals(statusesOf(comparison), Array(6).fill("OK"));
  assertEquals(comparison.exitCode, 0);
  assertEquals(comparison.mismatches, []);
  assertEquals(comparison.record.baseline, [
    "b1.json",
    "b2.json",
    "b3.json",
    "b4.json",
    "b5.json",
  ]);
  assertEquals(comparison.record.missing, []);
  assertEquals(comparison.record.notes, []);
  assertEquals(comparison.record.failure, null);
  assertEquals(comparison.cells[0]?.verdict?.baselineRuns, 5);
});

Deno.test("compareRun() passes a run against itself, with change 0, and says so", () => {
  for (const gate of ["statistical", "threshold"] as const) {
    const comparison = compareRun(RESULT, baselineOf(RESULT), { gate });
    assertEquals(comparison.exitCode, 0);
    for (const { status, verdict } of comparison.cells) {
      assertEquals(status, "OK");
      assertEquals(Math.abs(verdict?.changePercent ?? NaN), 0);
    }
    assert(
      comparison.record.notes.includes(
        "The result is itself a run of the baseline (b1.json)",
      ),
    );
  }
});

Deno.test("compareRun() fails a run that is slower everywhere, and one with a cell that is", () => {
  const all = measuredRun("slow", { slowness: Array(6).fill(1.3) });
  assertEquals(
    statusesOf(compareRun(all, BASELINE)),
    Array(6).fill("REGRESSION"),
  );
  assertEquals(compareRun(all, BASELINE).exitCode, 1);
  const one = measuredRun("slow", { slowness: [1, 1, 1, 1.4] });
  const comparison = compareRun(one, BASELINE);
  assertEquals(statusesOf(comparison), [
    "OK",
    "OK",
    "OK",
    "REGRESSION",
    "OK",
    "OK",
  ]);
  assertEquals(comparison.exitCode, 1);
});

Deno.test("compareRun() judges by the limits and the rule that are asked for", () => {
  const slower = measuredRun("slow", { slowness: Array(6).fill(1.25) });
  const options = { failPercent: 50, warnPercent: 40 };
  assertEquals(compareRun(slower, BASELINE, options).exitCode, 0);
  const threshold = compareRun(slower, BASELINE, { gate: "threshold" });
  assertEquals(threshold.exitCode, 1);
  assertEquals(threshold.cells[0]?.verdict?.intervalPercent, null);
  assertEquals(threshold.record.changePercent, null);
});

Deno.test("compareRuns() says the same whatever the order of rows and of cells", () => {
  const result = measuredRun("slow", { slowness: [1, 1.4, 1, 1.2, 1, 1] });
  const [header, ...rows] = runsToCsv([result]).trimEnd().split("\r\n");
  const verdicts = (lines: readonly string[]) =>
    compareRuns(
      runsOfCsv([header, ...lines].join("\n"), {
        source: "r.csv",
        metadata: null,
      }),
      BASELINE,
    ).cells.toSorted((a, b) => a.key.batchSize - b.key.batchSize);
  assertEquals(verdicts(rows.toReversed()), verdicts(rows));
});

Deno.test("compareRun() tells new cells, and lists cells that were not measured", () => {
  const baseline = baselineOf(
    ...FIVE.map((run) => withCells(run, (cell) => cell)).map((run) => ({
      ...run,
      cells: run.cells.slice(1),
    })),
  );
  const result = { ...RESULT, cells: RESULT.cells.slice(0, 4) };
  const comparison = compareRun(result, baseline);
  assertEquals(statusesOf(comparison), ["NEW", "OK", "OK", "OK"]);
  assertEquals(
    comparison.cells[0]?.reason,
    "the baseline holds no row for this cell",
  );
  assertEquals(
    comparison.record.missing.map(({ batchSize }) => batchSize),
    [16, 32],
  );
  assertEquals(comparison.exitCode, 0);
});

Deno.test("compareRun() passes a part of the baseline, and says how much of it that is", () => {
  const smoke = { ...RESULT, cells: RESULT.cells.slice(0, 2) };
  const comparison = compareRun(smoke, BASELINE);
  assertEquals(comparison.exitCode, 0);
  assertEquals(
    renderRun(applyComparison(smoke, comparison), 200).trimEnd().split("\n")
      .at(-1),
    "Result: 2 OK, 2 of the baseline's 6 cells measured",
  );
});

Deno.test("compareRun() exits with 3 where a planned cell has no result", () => {
  const planned = {
    ...RESULT,
    options: {
      ...RESULT.options,
      batchSizes: [1, 2, 4, 8, 16, 32],
      repeats: 2,
    },
  };
  const comparison = compareRun(planned, BASELINE);
  assertEquals(comparison.exitCode, 3);
  assertEquals(
    comparison.record.failure,
    "6 of 12 planned cells have no result: go on with --resume, or measure again",
  );
  // A regression stays one.
  const slow = measuredRun("slow", { slowness: Array(6).fill(1.4) });
  assertEquals(
    compareRun({ ...slow, options: planned.options }, BASELINE).exitCode,
    1,
  );
});

Deno.test("compareRun() asks whether a model was renamed of which nothing is left", () => {
  const named = (run: Run, model: string) =>
    withCells(
      run,
      (cell, i) => i < 3 ? cell : { ...cell, key: { ...cell.key, model } },
    );
  const baseline = baselineOf(...FIVE.map((run) => named(run, "org/old")));
  const slow = measuredRun("slow", { slowness: [1, 1, 1, 1.4, 1.4, 1.4] });
  const renamed = compareRun(named(slow, "org/new"), baseline);
  assertEquals(renamed.exitCode, 3);
  assertStringIncludes(
    renamed.record.failure ?? "",
    "model is org/old in the baseline (b1.json), org/new in the result (was it renamed?)",
  );
  // A model more is new, a model less is missing: neither was renamed.
  assertEquals(
    compareRun(named(RESULT, "org/old"), baselineOf(...FIVE)).exitCode,
    0,
  );
  const less = { ...RESULT, cells: RESULT.cells.slice(0, 3) };
  assertEquals(compareRun(less, baseline).exitCode, 0);
});

Deno.test("compareRun() does not pass a run that is slower beyond the limit, whatever the noise", () => {
  // Two baseline runs that differ twofold: nobody can say which of them the result should be like.
  const baseline = baselineOf(
    measuredRun("a"),
    measuredRun("b", { slowness: Array(6).fill(2) }),
  );
  const slow = measuredRun("slow", { slowness: Array(6).fill(2.8) });
  const comparison = compareRun(slow, baseline);
  assertEquals(statusesOf(comparison), Array(6).fill("INCONCLUSIVE"));
  assertEquals(comparison.exitCode, 3);
  assertStringIncludes(
    comparison.record.failure ?? "",
    "could not judge: throughput -",
  );
  assertMatch(
    comparison.record.failure ?? "",
    /\. The smallest drop of all cells that is found in 95 of 100 such runs is \d+\.\d %$/,
  );
});

Deno.test("compareRun() and renderRun() tell a cell with two kinds of answers", () => {
  const humps = Array.from(
    { length: 20 },
    (_, i) => (i % 5 < 2 ? 105 : 210) + i / 10,
  );
  const run = {
    ...RESULT,
    cells: [measuredCell(1, humps), ...RESULT.cells.slice(1)],
  };
  const text = "two kinds of answers: 40 % at 106 ms, 60 % at 211 ms";
  const comparison = compareRun(run, BASELINE);
  assertEquals(comparison.cells.map(({ humps }) => humps), [
    text,
    ...Array(5).fill(""),
  ]);
  assertStringIncludes(renderRun(run, 200), `Batch 1, Labels 2: ${text}`);
  assertStringIncludes(
    renderView(viewOfComparison(comparison, "r.csv"), 200),
    text,
  );
  assertEquals(viewOfRun(run).cells[0]?.reason, text);
});

Deno.test("compareRun() exits with 3 where nothing could be compared", () => {
  const others = withCells(RESULT, (cell) => ({
    ...cell,
    key: { ...cell.key, numLabels: 7 },
  }));
  const comparison = compareRun(others, BASELINE);
  assertEquals(statusesOf(comparison), Array(6).fill("NEW"));
  assertEquals(comparison.exitCode, 3);
  assertEquals(
    comparison.record.failure,
    "no cell of the result is in the baseline: give a baseline of these batch sizes, label counts, data and clients",
  );
  const invalid = withCells(
    RESULT,
    (cell, i) =>
      i === 0 ? { ...cell, key: { ...cell.key, numLabels: 7 } } : {
        ...cell,
        status: "INVALID",
        doubts: [{ kind: "invalid" as const, text: "1 failed" }],
      },
  );
  assertEquals(
    compareRun(invalid, BASELINE, { maxInvalid: 6 }).record.failure,
    "no cell could be compared: 5 INVALID, 1 NEW",
  );
  assertEquals(
    compareRun({ ...RESULT, cells: [] }, BASELINE).record.failure,
    "no cell could be compared: 0 INVALID, 0 NEW",
  );
});

Deno.test("compareRun() exits with 3 with more INVALID cells than allowed, but with 1 on a REGRESSION", () => {
  const invalid = (run: Run) =>
    withCells(
      run,
      (cell, i) =>
        i > 1 ? cell : {
          ...cell,
          status: "INVALID",
          doubts: [{ kind: "invalid" as const, text: "1 failed" }],
        },
    );
  const comparison = compareRun(invalid(RESULT), BASELINE);
  assertEquals(statusesOf(comparison).slice(0, 3), [
    "INVALID",
    "INVALID",
    "OK",
  ]);
  assertEquals(comparison.cells[0]?.reason, "1 failed");
  assertEquals(comparison.exitCode, 3);
  assertEquals(
    comparison.record.failure,
    "2 of 6 cells INVALID, more than the 0 of --max-invalid",
  );
  const codes = [1, 2].map((maxInvalid) =>
    compareRun(invalid(RESULT), BASELINE, { maxInvalid }).exitCode
  );
  assertEquals(codes, [3, 0]);
  const slow = measuredRun("slow", { slowness: Array(6).fill(1.4) });
  assertEquals(compareRun(invalid(slow), BASELINE).exitCode, 1);
});

Deno.test("compareRun() does not judge a cell with a compile inside, nor use one as baseline", () => {
  const compiled = (run: Run) =>
    withCells(
      run,
      (cell, i) =>
        i > 0 ? cell : { ...cell, suspects: [{ index: 2, kind: "compile" }] },
    );
  assertEquals(
    statusesOf(compareRun(compiled(RESULT), BASELINE))[0],
    "INVALID",
  );
  const baseline = baselineOf(...FIVE.map(compiled));
  assertEquals(statusesOf(compareRun(RESULT, baseline))[0], "NEW");
  assertEquals(baseline.notes.length, 5);
});

Deno.test("compareRun() judges a cell that was measured again on all of its passes", () => {
  const slow = measuredRun("slow", { slowness: [1.5] });
  const again = measuredCell(1, latenciesAround(11, "again"));
  const alone = compareRun(slow, BASELINE);
  const both = compareRun({ ...slow, cells: [...slow.cells, again] }, BASELINE);
  assertEquals(both.cells.length, 6);
  const [first, second] = [alone, both].map(({ cells }) =>
    cells[0]?.verdict?.changePercent ?? NaN
  );
  assert(first !== undefined && second !== undefined);
  assert(Math.abs(first - 100 * (1 / 1.5 - 1)) < 1, `${first}`);
  // Of 40 samples the slowest tenth is left out: 20 at 1 and 16 at 1.5 times the latency.
  const pooled = (20 + 16 * 1.5) / 36;
  assert(Math.abs(second - 100 * (1 / pooled - 1)) < 1, `${second}`);
});

Deno.test("compareRun() names the baseline run that does not belong, by its file", () => {
  const baseline = baselineOf(
    ...FIVE.slice(0, 4),
    measuredRun("bad", { slowness: Array(6).fill(1.5) }),
  );
  const note = compareRun(RESULT, baseline).record.notes.join("\n");
  assertStringIncludes(note, "Baseline run 5 of 5 does not belong");
  assertStringIncludes(note, "(b5.json)");
});

Deno.test("applyComparison() puts statuses, changes and notes into the run, which can be stored", () => {
  const slow = withCells(
    measuredRun("slow", { slowness: [1, 1, 1, 1.4] }),
    (cell, i) =>
      i === 0
        ? {
          ...cell,
          suspects: [{ index: 0, kind: "compile" }],
          doubts: [{ kind: "other" as const, text: "odd" }],
        }
        : cell,
  );
  const comparison = compareRun(slow, BASELINE);
  const run = applyComparison(slow, comparison);
  assertEquals(run.cells.map(({ status }) => status), statusesOf(comparison));
  assertEquals(
    joinDoubts(run.cells[0]?.doubts ?? []),
    "1 timed look like a compile; odd",
  );
  assertEquals(run.cells[0]?.verdict, undefined);
  assertEquals(joinDoubts(run.cells[3]?.doubts ?? []), "");
  assertEquals(
    run.cells[3]?.verdict,
    comparison.cells[3]?.verdict ?? undefined,
  );
  assertEquals(run.comparison, comparison.record);
  assertEquals(parseRun(stringifyRun(run)), run);
});
