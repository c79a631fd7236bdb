import { assert, assertEquals, assertFalse } from "@std/assert";
import type { CellResult } from "../../../lib/record/run.ts";
import {
  runsToCsv,
  runToMetadata,
  runToRows,
} from "../../../lib/report/run/text.ts";
import { renderRun } from "../../support/shown_run.ts";
import {
  applyComparison,
  compareRun,
} from "../../../lib/baseline/comparison.ts";
import {
  baselineOf,
  measuredCell,
  measuredRun,
} from "../../support/example_baseline.ts";
import { exampleCell, exampleRun } from "../../support/example_run.ts";

/** Latencies of 10, 11, 12, ... ms. */
const latenciesMs = (count: number) =>
  Array.from({ length: count }, (_, i) => 10 + i);

function cellOf(
  batchSize: number,
  count: number,
  changes: Partial<CellResult> = {},
): CellResult {
  return measuredCell(batchSize, latenciesMs(count), {
    numRuns: 2,
    ...changes,
  });
}

const RUN = exampleRun({
  cells: [
    cellOf(1, 19),
    cellOf(4, 20, { status: "WARN" }),
    cellOf(16, 100, { status: "REGRESSION" }),
    cellOf(32, 2, {
      status: "INVALID",
      doubts: [{ kind: "invalid", text: "1 of 3 requests failed" }],
      failures: [{
        outcome: "http-status",
        count: 1,
        example: 'status 500: "\u001b[31mboom"',
      }],
    }),
    cellOf(64, 0, {
      status: "INVALID",
      doubts: [{ kind: "invalid", text: "all 2 warm-up requests failed" }],
      failures: [{ outcome: "timeout", count: 2, example: "no answer in 5 s" }],
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
  doubts: [{
    kind: "server",
    text: "The server serves org/model, and only that is measured",
  }],
});

// To renew: run the tests, read the difference, and copy what is right.
const TABLE = `\
=============================================================================
BENCHMARK RESULTS - Profile: smoke
=============================================================================
 Batch | Labels | Throughput (IPS) | p50 (ms) | p95 (ms) | p99 (ms) | Status
 ----- | ------ | ---------------- | -------- | -------- | -------- | -------
     1 |      2 |             52.6 |    19.00 |   27.10* |   27.82* | OK
     4 |      2 |            205.1 |    19.50 |    28.05 |   28.81* | WARN
    16 |      2 |            268.9 |    59.50 |   104.05 |   108.01 | FAIL
    32 |      2 |           3047.6 |    10.50 |   10.95* |   10.99* | INVALID
    64 |      2 |                - |        - |        - |        - | INVALID
=============================================================================
Target: http://127.0.0.1:30000, model org/model, dtype bfloat16, hardware tpu-v6e-4, prefix cache
cold
* n too small: a p95 needs 20 samples and a p99 100; with fewer it is close to the slowest
Sent: text prompts
The client itself takes 0.25 ms of a request at the median and 1.50 ms in 1 of 100, and can send
12000 requests/s (300 B sent, 80 B answered, 1 in flight)
The server serves org/model, and only that is measured
Batch 32, Labels 2: 1 of 3 requests failed
Batch 64, Labels 2: all 2 warm-up requests failed
2 x timeout: no answer in 5 s (Batch 64, Labels 2)
1 x http-status: status 500: "\\x1b[31mboom" (Batch 32, Labels 2)
3 of 5 cells measured, 2 INVALID; nothing was compared (no baseline)
`;

Deno.test("renderRun() draws the table of the specification with its doubts below", () => {
  assertEquals(renderRun(RUN, 100), TABLE);
});

Deno.test("renderRun() says in the title that no real server was measured", () => {
  const simulated = exampleRun({}, {
    "target": "simulated",
    "target_address": "",
    "hardware": "simulated",
  });
  const lines = renderRun(simulated, 100).split("\n");
  assertEquals(
    lines[1],
    "BENCHMARK RESULTS - Profile: smoke - SIMULATED ENGINE (no real server was measured)",
  );
  assert(lines.some((line) => line.startsWith("Target: simulated engine, ")));
  for (const target of ["url", "launched"] as const) {
    assertFalse(
      renderRun(exampleRun({}, { target }), 100).includes("SIMULATED"),
    );
  }
});

Deno.test("renderRun() shows model and dtype where there are several", () => {
  const [one, two] = ["org/a", "org/b"].map((model) =>
    exampleCell({
      key: { batchSize: 4, numLabels: 2, model, dtype: "bfloat16" },
    })
  );
  assert(one !== undefined && two !== undefined);
  const titles = (cells: CellResult[]) =>
    renderRun(exampleRun({ cells }), 200).split("\n")[3];
  assertEquals(
    titles([one, two]),
    " Model | Batch | Labels | Throughput (IPS) | p50 (ms) | p95 (ms) | p99 (ms) | Status",
  );
  assertEquals(
    titles([one, { ...one, key: { ...one.key, dtype: "float32" } }]),
    " Dtype    | Batch | Labels | Throughput (IPS) | p50 (ms) | p95 (ms) | p99 (ms) | Status",
  );
});

Deno.test("renderRun() marks no percentile that rests on enough samples", () => {
  const text = renderRun(exampleRun({ cells: [cellOf(1, 100)] }), 100);
  assertFalse(text.includes("*"));
  assert(renderRun(exampleRun({ cells: [cellOf(1, 99)] }), 100).includes("*"));
});

Deno.test("renderRun() escapes what a server calls itself", () => {
  const hostile = "\u001b]0;owned\u0007\u202e\n=1+1";
  const key = { batchSize: 4, numLabels: 2, dtype: "bfloat16" };
  const text = renderRun(
    exampleRun({
      cells: [
        exampleCell({
          key: { ...key, model: hostile },
          doubts: [{ kind: "other", text: hostile }],
        }),
        exampleCell({ key: { ...key, model: "b" } }),
      ],
      doubts: [{ kind: "server", text: hostile }],
    }, { "model": hostile, "profile": hostile, "hardware": hostile }),
    200,
  );
  for (const character of ["\u001b", "\u0007", "\u202e"]) {
    assertFalse(text.includes(character));
  }
  assert(text.includes("\\x1b]0;owned\\x07\\u{202e}\\n=1+1"));
});

Deno.test("renderRun() says that a run was interrupted", () => {
  const lines = renderRun(exampleRun({}, { interrupted: true }), 100)
    .split("\n");
  assertEquals(
    lines.at(-2),
    "1 cell measured; nothing was compared (no baseline). The run was interrupted",
  );
});

Deno.test("runsToCsv() writes the specified columns first, at full precision, missing ones empty", () => {
  assertEquals(
    runsToCsv([RUN]).split("\r\n"),
    [
      "batch_size,num_labels,model,dtype,num_runs,warmup_runs,total_items,throughput_ips,throughput_rps,latency_p50_ms,latency_p95_ms,latency_p99_ms,latency_mean_ms,latency_std_ms,status,concurrency,data,failed_requests,warmup_requests,warmup_slowest_ms,suspect_samples,compiles,client_added_ms,run,sent,reason,timestamp,commit,target,hardware",
      "1,2,org/model,bfloat16,2,1,19,52.63157894736842,52.63157894736842,19,27.099999999999998,27.82,19,5.627314338711377,OK,1,text,0,9,7385.25,0,,,0,,,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4",
      "4,2,org/model,bfloat16,2,1,80,205.12820512820514,51.282051282051285,19.5,28.05,28.81,19.5,5.916079783099616,WARN,1,text,0,9,7385.25,0,,,0,,,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4",
      "16,2,org/model,bfloat16,2,1,1600,268.9075630252101,16.80672268907563,59.5,104.05,108.01,59.5,29.011491975882016,REGRESSION,1,text,0,9,7385.25,0,,,0,,,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4",
      "32,2,org/model,bfloat16,2,1,64,3047.6190476190477,95.23809523809524,10.5,10.95,10.99,10.5,0.7071067811865476,INVALID,1,text,1,9,7385.25,0,,,0,,1 of 3 requests failed,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4",
      "64,2,org/model,bfloat16,2,1,0,,,,,,,,INVALID,1,text,2,9,7385.25,0,,,0,,all 2 warm-up requests failed,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4",
      "",
    ],
  );
});

Deno.test("runsToCsv() keeps hostile names from terminals and spreadsheets", () => {
  const cell = exampleCell({
    key: { batchSize: 4, numLabels: 2, model: "=cmd()\u001b", dtype: 'a,"b' },
  });
  const row = runsToCsv([exampleRun({ cells: [cell] })]).split("\r\n")[1] ?? "";
  assertEquals(row.slice(0, 27), `4,2,'=cmd()\\x1b,"a,""b",2,1`);
});

Deno.test("runToRows() writes exactly the specified fields, missing ones null", () => {
  const rows = JSON.parse(runToRows(RUN));
  assertEquals(rows.length, 5);
  assertEquals(Object.entries(rows[4]), [
    ["batch_size", 64],
    ["num_labels", 2],
    ["model", "org/model"],
    ["dtype", "bfloat16"],
    ["num_runs", 2],
    ["warmup_runs", 1],
    ["total_items", 0],
    ["throughput_ips", null],
    ["throughput_rps", null],
    ["latency_p50_ms", null],
    ["latency_p95_ms", null],
    ["latency_p99_ms", null],
    ["latency_mean_ms", null],
    ["latency_std_ms", null],
    ["status", "INVALID"],
  ]);
  assertEquals(rows[1]["throughput_ips"], 205.12820512820514);
});

Deno.test("runToMetadata() writes the metadata as JSON", () => {
  assertEquals(JSON.parse(runToMetadata(RUN)), RUN.metadata);
});

Deno.test("runsToCsv() adds the change to the rows of a run that was compared", () => {
  const result = measuredRun("result");
  const baseline = baselineOf(measuredRun("b1"), measuredRun("b2"));
  const run = applyComparison(result, compareRun(result, baseline));
  const lines = runsToCsv([run]).split("\r\n");
  assert(
    lines[0]?.endsWith(
      ",run,sent,reason,old_throughput_ips,new_throughput_ips,change_percent,change_low_percent,change_high_percent,change_statistic,timestamp,commit,target,hardware",
    ),
  );
  const verdict = run.cells[0]?.verdict;
  const levels = verdict?.levelsMs?.map((levelMs) => 1000 / levelMs).join();
  assert(
    lines[1]?.endsWith(
      `,${levels},${verdict?.changePercent},${
        verdict?.intervalPercent?.join(",")
      },mean latency of the fastest 90 %,2026-01-02T03:04:05.678Z,abc1234,http://127.0.0.1:30000,tpu-v6e-4`,
    ),
    lines[1],
  );
});
