import { assertEquals, assertThrows } from "@std/assert";
import { parseMetadata } from "../../lib/baseline/conditions.ts";
import {
  runsOfCsv,
  runsOfRecord,
  type StoredRun,
} from "../../lib/baseline/runs.ts";
import {
  appendCsv,
  appendMetadata,
  appendRecord,
  findUpdateProblem,
} from "../../lib/baseline/update.ts";
import { parseRun, stringifyRun } from "../../lib/record/run_file.ts";
import { runsToCsv } from "../../lib/report/run/text.ts";
import {
  latenciesAround,
  measuredCell,
  measuredRun,
} from "../support/example_baseline.ts";
import { exampleRun } from "../support/example_run.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

const RUN = measuredRun("one");
const OTHER = measuredRun("two");

function fromCsv(text: string, source = "a.csv"): StoredRun[] {
  return runsOfCsv(text, { source, metadata: null });
}

function mediansOf(runs: readonly StoredRun[]): (number | undefined)[][] {
  return runs.map(({ cells }) => cells.map(({ value }) => value?.p50Ms));
}

Deno.test("appendCsv() starts a file with exactly the specified columns, and appends without touching what is there", () => {
  const started = appendCsv(null, RUN);
  assertEquals(
    started.split("\r\n")[0],
    "batch_size,num_labels,model,dtype,num_runs,warmup_runs,total_items,throughput_ips,throughput_rps,latency_p50_ms,latency_p95_ms,latency_p99_ms,latency_mean_ms,latency_std_ms,status",
  );
  const appended = appendCsv(started, OTHER);
  assertEquals(appended.slice(0, started.length), started);
  assertEquals(appended.trimEnd().split("\r\n").length, 13);
  // A last line without its end is ended first.
  assertEquals(appendCsv(started.trimEnd(), OTHER), appended);
});

Deno.test("appendCsv() writes the repeats of a cell in their order", () => {
  const cells = [1, 0].map((repeat) =>
    measuredCell(1, latenciesAround(10 + repeat, "r"), { repeat })
  );
  const medians = mediansOf(fromCsv(appendCsv(null, exampleRun({ cells }))));
  assertEquals(medians, [
    [cells[1]?.summary?.p50Ms],
    [cells[0]?.summary?.p50Ms],
  ]);
});

Deno.test("appendCsv() appends to what the Python tool wrote", async () => {
  const text = await Deno.readTextFile("tests/testdata/python_tool.csv");
  const appended = appendCsv(text, RUN);
  assertEquals(appended.slice(0, text.length), text);
  assertEquals(fromCsv(appended).length, 1);
  assertEquals(fromCsv(appended)[0]?.cells.length, 12);
});

Deno.test("appendCsv() refuses a damaged file and one with further columns", () => {
  assertThrows(() => appendCsv("<html>", RUN), SyntaxError, "line 1: a CSV");
  assertThrows(
    () => appendCsv(runsToCsv([RUN]), OTHER),
    SyntaxError,
    "line 1: exactly the columns batch_size,",
  );
});

Deno.test("appendMetadata() describes the newest run and keeps a history", () => {
  const first = appendMetadata(null, RUN);
  const second = JSON.parse(appendMetadata(
    first,
    measuredRun("two", { metadata: { "commit_hash": "def5678" } }),
  ));
  assertEquals(second["commit_hash"], "def5678");
  assertEquals(second["data"], [TEXT_RECORD]);
  const entry = {
    "timestamp": "2026-01-02T03:04:05.678Z",
    "profile": "smoke",
    "commit_hash": "abc1234",
    "server_versions": ["0.0.2"],
    "total_configurations": 6,
  };
  assertEquals(second["runs"], [entry, { ...entry, "commit_hash": "def5678" }]);
  assertEquals(parseMetadata(first).conditions.data, { text: "text prompts" });
  assertEquals(parseMetadata(first).isHistory, true);
});

Deno.test("appendMetadata() begins the history with a run of the Python tool", async () => {
  const python = await Deno.readTextFile(
    "tests/testdata/python_tool-metadata.json",
  );
  const { runs } = JSON.parse(appendMetadata(python, RUN));
  assertEquals(runs[0], {
    "timestamp": "2026-01-02T03:04:05.678901Z",
    "profile": "smoke",
    "commit_hash": "abc1234",
    "server_versions": [],
    "total_configurations": 6,
  });
  assertEquals(runs.length, 2);
  assertThrows(() => appendMetadata("[]", RUN), SyntaxError);
});

Deno.test("appendRecord() makes a record of several runs, each with its samples", () => {
  const three = appendRecord(
    appendRecord(appendRecord(null, RUN), OTHER),
    measuredRun("three"),
  );
  const runs = runsOfRecord(parseRun(three), "r.json");
  assertEquals(
    mediansOf(runs),
    mediansOf(
      [RUN, OTHER, measuredRun("three")].flatMap((run) =>
        runsOfRecord(run, "")
      ),
    ),
  );
  assertEquals(parseRun(three).metadata["total_configurations"], 18);
  assertEquals(appendRecord(null, RUN), stringifyRun(RUN));
  const comparison = {
    baseline: [],
    changePercent: null,
    intervalPercent: null,
    statistic: "",
    missing: [],
    baselineCells: 0,
    notes: [],
    failure: null,
  };
  assertEquals(appendRecord(null, { ...RUN, comparison }), stringifyRun(RUN));
});

Deno.test("findUpdateProblem() keeps interrupted, INVALID and confirming measurements out of a baseline", () => {
  const again = exampleRun({
    cells: [
      measuredCell(1, latenciesAround(1, "a")),
      measuredCell(1, latenciesAround(1, "b")),
    ],
  });
  const invalid = exampleRun({
    cells: [
      measuredCell(4, [1, 2, 3], {
        status: "INVALID",
        doubts: [{ kind: "invalid" as const, text: "1 failed" }],
      }),
    ],
  });
  assertEquals(
    [
      RUN,
      measuredRun("x", { metadata: { interrupted: true } }),
      exampleRun({ cells: [] }),
      invalid,
      again,
    ].map(findUpdateProblem),
    [
      null,
      "the run was interrupted",
      "nothing was measured",
      "1 of 1 cell INVALID, as Batch 4, Labels 2: 1 failed",
      "cells were measured again to confirm a regression: measure a run without",
    ],
  );
});
