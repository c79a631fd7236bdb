import { assertEquals, assertThrows } from "@std/assert";
import { parseMetadata } from "../../lib/baseline/conditions.ts";
import { findUnfitness } from "../../lib/baseline/fitness.ts";
import { mergeRuns, withSamples } from "../../lib/baseline/merge.ts";
import {
  runsOfCsv,
  runsOfRecord,
  type StoredRun,
} from "../../lib/baseline/runs.ts";
import { appendCsv } from "../../lib/baseline/update.ts";
import { runsToCsv, runToMetadata } from "../../lib/report/run/text.ts";
import {
  latenciesAround,
  measuredCell,
  measuredRun,
} from "../support/example_baseline.ts";
import { exampleRun } from "../support/example_run.ts";

const RUN = measuredRun("one");
const OTHER = measuredRun("two");

function fromCsv(text: string, source = "a.csv"): StoredRun[] {
  return runsOfCsv(text, { source, metadata: null });
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
      measuredCell(1, twenty, {
        status: "INVALID",
        doubts: [{ kind: "invalid" as const, text: "1 failed" }],
      }),
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
      data: null,
      labelTokenIds: null,
      serverArgs: null,
      versions: {},
      serverVersion: null,
    },
  });
});

Deno.test("parseMetadata() refuses what is no metadata, and names the field", () => {
  const json = JSON.parse(runToMetadata(RUN));
  const cases: [text: string, message: string][] = [
    ["a,b", "metadata were expected, not JSON: "],
    [
      JSON.stringify({ ...json, "hardware": 4 }),
      "metadata were expected; at hardware: Invalid type: Expected string but received 4",
    ],
  ];
  for (const [text, message] of cases) {
    const found = assertThrows(() => parseMetadata(text), SyntaxError).message;
    assertEquals(found.slice(0, message.length), message);
  }
});

Deno.test("mergeRuns() counts a record and its CSV once, with its samples", () => {
  const csv = fromCsv(runsToCsv([RUN]));
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
  const unknown = fromCsv(runsToCsv([RUN]));
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
  assertEquals(first?.cells[0]?.value?.latenciesMs?.length, 20);
  assertEquals(second?.cells[0]?.value?.latenciesMs, null);
});
