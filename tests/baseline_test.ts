import { assert, assertEquals, assertThrows } from "@std/assert";
import { mergeRuns, withSamples } from "../lib/gate/baseline.ts";
import {
  appendCsv,
  appendMetadata,
  appendRecord,
  findUpdateProblem,
} from "../lib/gate/baseline_update.ts";
import { parseMetadata } from "../lib/gate/conditions.ts";
import { runToCsv, runToMetadata } from "../lib/report/report_run.ts";
import { parseRun, stringifyRun } from "../lib/run_file.ts";
import {
  isSameRun,
  pooled,
  runsOfCsv,
  runsOfRecord,
  type StoredRun,
} from "../lib/gate/stored_run.ts";
import { findUnfitness } from "../lib/gate/validity.ts";
import {
  latenciesAround,
  measuredCell,
  measuredRun,
} from "./example_baseline.ts";
import { exampleRun } from "./example_run.ts";

const RUN = measuredRun("one");
const OTHER = measuredRun("two");

function fromCsv(text: string, source = "a.csv"): StoredRun[] {
  return runsOfCsv(text, { source, metadata: null });
}

function mediansOf(runs: readonly StoredRun[]): (number | undefined)[][] {
  return runs.map(({ cells }) => cells.map(({ passes }) => passes[0]?.p50Ms));
}

Deno.test("findUnfitness() takes a good cell, and one stall in it", () => {
  const latencies = latenciesAround(10, "s", 5);
  assertEquals(findUnfitness(measuredCell(1, latencies)), null);
  assertEquals(
    findUnfitness(
      measuredCell(1, latencies, { suspects: [{ index: 0, kind: "stall" }] }),
    ),
    null,
  );
});

Deno.test("findUnfitness() names what was measured instead of the server", () => {
  const stalls = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      index,
      kind: "stall" as const,
    }));
  const twenty = latenciesAround(10, "s");
  assertEquals(
    [
      measuredCell(1, twenty, { status: "INVALID", reason: "1 failed" }),
      measuredCell(1, [1, 2]),
      measuredCell(1, twenty, {
        warmUp: { requests: 100, failed: 0, slowestMs: 1, settled: false },
      }),
      measuredCell(1, twenty, { suspects: [{ index: 3, kind: "compile" }] }),
      measuredCell(1, twenty, { suspects: stalls(2) }),
      measuredCell(1, twenty, { suspects: stalls(3) }),
      measuredCell(1, twenty.slice(0, 5), { suspects: stalls(2) }),
    ].map(findUnfitness),
    [
      "1 failed",
      "n too small: need 3 samples, found 2",
      "latencies had not settled after 100 warm-up requests",
      "1 timed look like a compile",
      null,
      "3 of 20 timed look like a stall",
      "2 of 5 timed look like a stall",
    ],
  );
});

Deno.test("runsOfRecord() makes a run of each repeat, and passes of what was measured again", () => {
  const [first, second, third] = ["a", "b", "c"].map((seed) =>
    latenciesAround(10, seed)
  );
  assert(first !== undefined && second !== undefined && third !== undefined);
  const cells = [first, second, third].map((one, i) =>
    measuredCell(1, one, { repeat: i === 2 ? 1 : 0 })
  );
  const runs = runsOfRecord(exampleRun({ cells }), "r.json");
  assertEquals(runs.map(({ source }) => source), [
    "r.json, run 1",
    "r.json, run 2",
  ]);
  assertEquals(
    runs.map((run) =>
      run.cells.map(({ passes }) => passes.map((pass) => pass.latenciesMs))
    ),
    [[[first, second]], [[third]]],
  );
});

Deno.test("pooled() puts the samples of all passes together", () => {
  const [run] = runsOfRecord(
    exampleRun({
      cells: [measuredCell(1, [10, 20, 30]), measuredCell(1, [40, 50, 60])],
    }),
    "r.json",
  );
  const value = pooled(run?.cells[0]?.passes ?? []);
  assertEquals([value?.count, value?.p50Ms, value?.meanMs], [6, 35, 35]);
  assertEquals(pooled([]), null);
});

Deno.test("runsOfRecord() computes the figures anew, and takes none of a latency of 0", () => {
  const summary = measuredCell(1, latenciesAround(99, "x")).summary;
  const [run] = runsOfRecord(
    exampleRun({
      cells: [
        measuredCell(1, [10, 20, 30], { summary }),
        measuredCell(2, [0, 20, 30]),
      ],
    }),
    "r.json",
  );
  assertEquals(run?.cells[0]?.passes[0]?.p50Ms, 20);
  assertEquals(run?.cells[1]?.unfit, "a latency is not above 0 ms");
  assertEquals(run?.cells[1]?.passes, []);
});

Deno.test("runsOfCsv() gives the n-th row of a cell to the n-th run, whatever the order of cells", () => {
  const text = appendCsv(appendCsv(null, RUN), OTHER);
  const [header, ...rows] = text.trimEnd().split("\r\n");
  const expected = mediansOf([
    ...runsOfRecord(RUN, ""),
    ...runsOfRecord(OTHER, ""),
  ]);
  assertEquals(mediansOf(fromCsv(text)), expected);
  // All rows of one cell, then all of the next.
  const byCell = [0, 1, 2, 3, 4, 5].flatMap((i) => [rows[i], rows[i + 6]]);
  const shuffled = [header, ...byCell].join("\n");
  assertEquals(mediansOf(fromCsv(shuffled)), expected);
});

Deno.test("runsOfCsv() refuses a file with fewer rows than its metadata say", () => {
  const metadata = parseMetadata(runToMetadata(RUN));
  const text = runToCsv(RUN);
  assertEquals(runsOfCsv(text, { source: "a.csv", metadata }).length, 1);
  const cut = text.split("\r\n").slice(0, -2).join("\r\n");
  const error = assertThrows(
    () => runsOfCsv(cut, { source: "a.csv", metadata }),
    SyntaxError,
  );
  assertEquals(
    error.message,
    "line 7: 6 rows were expected, as its metadata say, found 5",
  );
});

Deno.test("parseMetadata() reads the specification's eleven fields", async () => {
  const metadata = parseMetadata(
    await Deno.readTextFile("tests/testdata/python_tool-metadata.json"),
  );
  assertEquals(metadata, {
    timestamp: "2026-01-02T03:04:05.678901Z",
    configurations: 6,
    isHistory: false,
    conditions: {
      hardware: "tpu-v6e-4x",
      tpSize: 4,
      target: null,
      prefixCache: null,
      applySoftmax: null,
      lengths: null,
      labelTokenIds: null,
      serverVersion: null,
    },
  });
});

Deno.test("parseMetadata() refuses what is no metadata, and names the field", () => {
  const json = JSON.parse(runToMetadata(RUN));
  const cases: [text: string, message: string][] = [
    ["a,b", "metadata in JSON were expected, found other text"],
    [
      JSON.stringify({ ...json, "hardware": 4 }),
      "metadata were expected; at hardware: Invalid type: Expected string but received 4",
    ],
  ];
  for (const [text, message] of cases) {
    assertEquals(
      assertThrows(() => parseMetadata(text), SyntaxError).message,
      message,
    );
  }
});

Deno.test("isSameRun() tells a run from another by its figures, not by its file", () => {
  const [record, csv, other] = [
    runsOfRecord(RUN, "a.json")[0],
    fromCsv(runToCsv(RUN))[0],
    runsOfRecord(OTHER, "b.json")[0],
  ];
  assert(record !== undefined && csv !== undefined && other !== undefined);
  assertEquals(isSameRun(record, csv), true);
  assertEquals(isSameRun(record, other), false);
  // The record knows of a compile that the CSV does not tell.
  const doubted = runsOfRecord({
    ...RUN,
    cells: RUN.cells.map((cell, i) =>
      i > 0 ? cell : { ...cell, suspects: [{ index: 0, kind: "compile" }] }
    ),
  }, "a.json")[0];
  assert(doubted !== undefined);
  assertEquals(isSameRun(doubted, csv), true);
  assertEquals(isSameRun({ ...csv, cells: [] }, csv), false);
});

Deno.test("mergeRuns() counts a record and its CSV once, with its samples", () => {
  const csv = fromCsv(runToCsv(RUN));
  const record = runsOfRecord(RUN, "a.json");
  for (const runs of [[...csv, ...record], [...record, ...csv]]) {
    const baseline = mergeRuns([...runs, ...runsOfRecord(OTHER, "b.json")]);
    assertEquals(
      baseline.runs.map(({ source }) => source),
      ["a.json", "b.json"],
    );
    assertEquals(baseline.notes, [
      `${runs[1]?.source} is the same run as ${
        runs[0]?.source
      }: it counts once`,
    ]);
  }
});

Deno.test("mergeRuns() sorts runs by their time only if it is known of all", () => {
  const at = (seed: string, timestamp: string) =>
    runsOfRecord(measuredRun(seed, { metadata: { timestamp } }), seed);
  const late = at("late", "2026-02-01T00:00:00Z");
  const early = at("early", "2026-01-01T00:00:00Z");
  const sources = (runs: readonly StoredRun[]) =>
    mergeRuns(runs).runs.map(({ source }) => source);
  assertEquals(sources([...late, ...early]), ["early", "late"]);
  const unknown = fromCsv(runToCsv(RUN));
  assertEquals(
    sources([...late, ...unknown, ...early]),
    ["late", "a.csv", "early"],
  );
});

Deno.test("mergeRuns() leaves out cells that are not fit, says so, and refuses a baseline of nothing else", () => {
  const unfit = exampleRun({
    cells: [measuredCell(1, [1, 2]), measuredCell(2, [1, 2])],
  });
  const runs = [...runsOfRecord(unfit, "u.json"), ...runsOfRecord(RUN, "a")];
  assertEquals(mergeRuns(runs).runs.length, 1);
  assertEquals(mergeRuns(runs).notes, [
    "u.json: 2 of 2 cells are not used, since n too small: need 3 samples, found 2 (the first)",
  ]);
  for (const none of [[], runs.slice(0, 1)]) {
    assertThrows(
      () => mergeRuns(none),
      RangeError,
      "a cell that is fit to be compared was expected in a baseline, found none",
    );
  }
});

Deno.test("withSamples() completes the runs of a CSV, and adds none", () => {
  const [first, second, ...rest] = withSamples(
    fromCsv(appendCsv(appendCsv(null, RUN), OTHER)),
    [
      ...runsOfRecord(RUN, "a.json"),
      ...runsOfRecord(measuredRun("three"), "c.json"),
    ],
  );
  assertEquals(rest, []);
  assertEquals(first?.source, "a.csv, run 1");
  assertEquals(first?.cells[0]?.passes[0]?.latenciesMs?.length, 20);
  assertEquals(second?.cells[0]?.passes[0]?.latenciesMs, null);
});

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
    () => appendCsv(runToCsv(RUN), OTHER),
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
  assertEquals(second["tokens"], null);
  const entry = {
    "timestamp": "2026-01-02T03:04:05.678Z",
    "profile": "smoke",
    "commit_hash": "abc1234",
    "server_versions": ["0.0.2"],
    "total_configurations": 6,
  };
  assertEquals(second["runs"], [entry, { ...entry, "commit_hash": "def5678" }]);
  assertEquals(parseMetadata(first).conditions.lengths, "text prompts");
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
    missing: [],
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
      measuredCell(4, [1, 2, 3], { status: "INVALID", reason: "1 failed" }),
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
      "1 of 1 cells INVALID, as batch 4, labels 2: 1 failed",
      "cells were measured again to confirm a regression: measure a run without",
    ],
  );
});
