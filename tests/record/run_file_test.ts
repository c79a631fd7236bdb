import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { parseRun, stringifyRun } from "../../lib/record/run_file.ts";
import { exampleCell, exampleRun } from "../support/example_run.ts";

const RUN = exampleRun({
  cells: [
    exampleCell(),
    exampleCell({
      status: "INVALID",
      doubts: [{ kind: "invalid", text: "1 of 2 requests failed", count: 1 }],
      samples: {
        plannedMs: [0.001, 20],
        sentMs: [0.001, 20.5],
        doneMs: [110, 140],
        outcome: ["timeout", "ok"],
      },
      suspects: [{ index: 1, kind: "stall" }],
      failures: [{ outcome: "timeout", count: 1, example: 'no "answer"\n' }],
      warmUp: { requests: 2, failed: 2, slowestMs: null, settled: false },
      summary: null,
    }),
  ],
  calibration: [{
    clients: 1,
    requestBytes: 300,
    answerBytes: 80,
    addedP50Ms: 0.25,
    addedP99Ms: 1.5,
    ceilingRequestsPerSec: 12_000,
    closedLoopRatio: 1,
  }],
  doubts: [{ kind: "server", text: "The server serves \u001b[31m" }],
});

/** What the reader says of the example with one value replaced. */
function complaint(path: string, value: unknown): string {
  const damaged = JSON.parse(stringifyRun(RUN));
  const names = path.split(".");
  const last = names.pop() ?? "";
  const parent = names.reduce((object, name) => object[name], damaged);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  const error = assertThrows(
    () => parseRun(JSON.stringify(damaged)),
    SyntaxError,
  );
  return error.message;
}

Deno.test("parseRun() reads back what stringifyRun() wrote", () => {
  assertEquals(parseRun(stringifyRun(RUN)), RUN);
  const empty = exampleRun({ cells: [] });
  assertEquals(parseRun(stringifyRun(empty)), empty);
});

Deno.test("stringifyRun() writes plain JSON with one line a cell", () => {
  const text = stringifyRun(RUN);
  assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(RUN)));
  const lines = text.split("\n");
  assertEquals(
    lines.filter((line) => line.startsWith('    {"key":')).length,
    2,
  );
  assertEquals(lines.slice(0, 3), [
    "{",
    '  "schema": 2,',
    '  "kind": "bench",',
  ]);
  assertEquals(lines.slice(-3), ["  ]", "}", ""]);
});

Deno.test("parseRun() names the place of each kind of damage", () => {
  const start = "a run record of schema 2 was expected; at ";
  const cases: [string, unknown, string][] = [
    ["schema", 3, "schema: Invalid type: Expected 2 but received 3"],
    ["schema", "1", 'schema: Invalid type: Expected 2 but received "1"'],
    [
      "kind",
      "stress",
      'kind: Invalid type: Expected "bench" but received "stress"',
    ],
    [
      "metadata.hardware",
      5,
      "metadata.hardware: Invalid type: Expected string but received 5",
    ],
    [
      "metadata.interrupted",
      "no",
      'metadata.interrupted: Invalid type: Expected boolean but received "no"',
    ],
    [
      "metadata.servers.0.model",
      null,
      "metadata.servers.0.model: Invalid type: Expected string but received null",
    ],
    [
      "options.batchSizes.0",
      0,
      "options.batchSizes.0: Invalid value: Expected >=1 but received 0",
    ],
    ["options.numRuns", 1.5, "options.numRuns: Invalid integer: Received 1.5"],
    [
      "options.prefixCache",
      "warm",
      'options.prefixCache: Invalid type: Expected ("cold" | "shared" | "hot" | "as data") but received "warm"',
    ],
    ["cells", {}, "cells: Invalid type: Expected Array but received Object"],
    [
      "cells.1.status",
      "FINE",
      'cells.1.status: Invalid type: Expected ("OK" | "WARN" | "REGRESSION" | "IMPROVED" | "INCONCLUSIVE" | "NEW" | "INVALID") but received "FINE"',
    ],
    [
      "cells.1.samples.sentMs.0",
      null,
      "cells.1.samples.sentMs.0: Invalid type: Expected number but received null",
    ],
    [
      "cells.1.samples.outcome",
      ["ok"],
      "cells.1.samples: columns of one length were expected",
    ],
    [
      "cells.0.summary.p50Ms",
      -1,
      "cells.0.summary.p50Ms: Invalid value: Expected >=0 but received -1",
    ],
    [
      "cells.0.failures.0",
      7,
      "cells.0.failures.0: Invalid type: Expected Object but received 7",
    ],
    [
      "cells.0.suspects.0",
      { index: -1, kind: "stall" },
      "cells.0.suspects.0.index: Invalid value: Expected >=0 but received -1",
    ],
  ];
  for (const [path, value, found] of cases) {
    assertEquals(complaint(path, value), start + found);
  }
});

Deno.test("parseRun() names each field that is missing", () => {
  const whole = JSON.parse(stringifyRun(RUN));
  const paths = [
    ...Object.keys(whole),
    ...Object.keys(whole.metadata).map((name) => `metadata.${name}`),
    // Older records do not have these.
    ...Object.keys(whole.options).filter((name) =>
      !["warmupTimeoutMs", "inTurn"].includes(name)
    )
      .map((name) => `options.${name}`),
    ...Object.keys(whole.cells[0]).map((name) => `cells.0.${name}`),
    ...Object.keys(whole.cells[0].key).map((name) => `cells.0.key.${name}`),
    ...Object.keys(whole.cells[0].summary).map((n) => `cells.0.summary.${n}`),
  ];
  for (const path of paths) {
    assertEquals(
      complaint(path, undefined).split(": ")[0],
      `a run record of schema 2 was expected; at ${path}`,
    );
  }
});

Deno.test("parseRun() refuses what is not a run at all", () => {
  for (const text of ["null", "5", '"run"', "[]", "{}"]) {
    assertThrows(
      () => parseRun(text),
      SyntaxError,
      "a run record of schema 2 was expected; at ",
    );
  }
  for (const text of ["", "batch_size,num_labels\r\n", "<html>"]) {
    assertThrows(
      () => parseRun(text),
      SyntaxError,
      "a run record of schema 2 was expected, not JSON: ",
    );
  }
});

Deno.test("parseRun() refuses every torn file", () => {
  const text = stringifyRun(RUN);
  for (let length = 0; length < text.length - 2; length += 7) {
    assertThrows(
      () => parseRun(text.slice(0, length)),
      SyntaxError,
      "not JSON",
    );
  }
});

Deno.test("parseRun() bounds what it says of a hostile file", () => {
  const long = "x".repeat(1_000_000);
  assertLess(complaint("schema", long).length, 500);
  assertLess(complaint("metadata.hardware", [long]).length, 500);
  assertLess(complaint("metadata.label_token_ids", { [long]: 5 }).length, 500);
  const error = assertThrows(() => parseRun(long), SyntaxError);
  assertLess(error.message.length, 500);
});

Deno.test("parseRun() names the first of very many faults", () => {
  const many = Array.from({ length: 200_000 }, () => "x");
  assertEquals(
    complaint("cells.0.samples.plannedMs", many),
    'a run record of schema 2 was expected; at cells.0.samples.plannedMs.0: Invalid type: Expected number but received "x"',
  );
});

Deno.test("parseRun() refuses deep nesting that it could not write back", () => {
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assertThrows(() => parseRun(deep(1_000_000)), SyntaxError);
  const withInfo = (levels: number) =>
    stringifyRun(RUN).replace('"page_size": 1', `"page_size": ${deep(levels)}`);
  assertThrows(
    () => parseRun(withInfo(100_000)),
    SyntaxError,
    "at metadata.servers.0.info: at most 16 levels were expected",
  );
  const bearable = parseRun(withInfo(10));
  assertEquals(parseRun(stringifyRun(bearable)), bearable);
});

Deno.test("parseRun() leaves out what it does not know", () => {
  const text = stringifyRun(RUN).replace('"schema"', '"extra": 1, "schema"');
  assertEquals(parseRun(text), RUN);
});

Deno.test("parseRun() reads the runs of version 0.1.0 as repeats", () => {
  const { repeats, ...options } = exampleRun().options;
  const old = { ...exampleRun(), options: { ...options, runs: 5 } };
  assertEquals(parseRun(JSON.stringify(old)).options.repeats, 5);
  assertEquals(repeats, 1);
});

Deno.test("parseRun() bounds cells, names and numbers", () => {
  const refuse = (run: unknown, text: string) =>
    assertThrows(() => parseRun(JSON.stringify(run)), SyntaxError, text);
  const cell = exampleCell();
  refuse(
    exampleRun({ cells: Array.from({ length: 10_001 }, () => cell) }),
    "at most 10000 cells were expected",
  );
  refuse(
    exampleRun({
      cells: [{ ...cell, key: { ...cell.key, model: "m".repeat(5_000_000) } }],
    }),
    "a name of at most 2000 characters was expected",
  );
  refuse(
    exampleRun({}, { "target_address": "a".repeat(5_000_000) }),
    "at metadata.target_address: a text of at most 100000 characters",
  );
  refuse(
    exampleRun({
      cells: [{
        ...cell,
        samples: {
          ...cell.samples,
          doneMs: cell.samples.doneMs.map(() => 1e308),
        },
      }],
    }),
    "at cells.0.samples.doneMs.0",
  );
});

Deno.test("parseRun() reads schema 1, whose doubts were texts", () => {
  const { doubts, cells, ...rest } = RUN;
  const old = {
    ...rest,
    schema: 1,
    warnings: doubts.map(({ text }) => text),
    cells: cells.map(({ doubts, ...cell }) => ({
      ...cell,
      reason: doubts.map(({ text }) => text).join("; "),
    })),
  };
  const read = parseRun(JSON.stringify(old));
  assertEquals(read.schema, 2);
  assertEquals(
    read.doubts,
    doubts.map(({ text }) => ({ kind: "other", text })),
  );
  assertEquals(
    read.cells.map(({ doubts }) => doubts),
    cells.map(({ doubts, status }) =>
      doubts.map(({ text }) => ({
        kind: status === "INVALID" ? "invalid" : "other",
        text,
      }))
    ),
  );
});
