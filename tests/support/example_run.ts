/** A small stored run for tests, with overrides for what a test is about. */
import type { CellResult, Run } from "../../lib/record/run.ts";
import { summariseCell } from "../../lib/record/run.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

/** A good cell of two samples, 10 ms and 20 ms. */
export function exampleCell(changes: Partial<CellResult> = {}): CellResult {
  return {
    key: { batchSize: 4, numLabels: 2, model: "org/model", dtype: "bfloat16" },
    repeat: 0,
    numRuns: 2,
    warmupRuns: 1,
    labelTokenIds: [1, 2],
    warmUp: { requests: 9, failed: 0, slowestMs: 7385.25, settled: true },
    samples: {
      plannedMs: [100, 120],
      sentMs: [100, 120],
      doneMs: [110, 140],
      outcome: ["ok", "ok"],
    },
    suspects: [],
    failures: [],
    summary: summariseCell([10, 20], 4),
    status: "OK",
    doubts: [],
    ...changes,
  };
}

/** A run of the smoke profile on a URL with one good cell. */
export function exampleRun(
  changes: Partial<Run> = {},
  metadata: Partial<Run["metadata"]> = {},
): Run {
  return {
    schema: 2,
    kind: "bench",
    metadata: {
      "timestamp": "2026-01-02T03:04:05.678Z",
      "profile": "smoke",
      "hardware": "tpu-v6e-4",
      "platform": "linux 6.1.0 x86_64",
      "python_version": null,
      "commit_hash": "abc1234",
      "model": "org/model",
      "dtype": "bfloat16",
      "tp_size": 4,
      "total_configurations": 1,
      "total_runtime_seconds": 12.5,
      "tool_version": "0.1.0",
      "deno_version": "2.9.6",
      "target": "url",
      "target_address": "http://127.0.0.1:30000",
      "servers": [{
        model: "org/model",
        dtype: "bfloat16",
        tpSize: 4,
        version: "0.0.2",
        hardware: "tpu-v6e-4",
        info: { "page_size": 1, "internal_states": [{ "waiting": 0 }] },
      }],
      "prefix_cache": "cold",
      "apply_softmax": true,
      "data": [TEXT_RECORD],
      "seed": "seven",
      "label_token_ids": { "2": [1, 2] },
      "warmup_counts": [9],
      "interrupted": false,
      ...metadata,
    },
    options: {
      profile: "smoke",
      batchSizes: [4],
      numLabels: [2],
      numRuns: 2,
      warmupRuns: 1,
      models: ["org/model"],
      dtypes: ["bfloat16"],
      prefixCache: "cold",
      applySoftmax: true,
      labelTokenIds: null,
      data: [TEXT_RECORD],
      concurrency: [1],
      leastSamples: 0,
      slo: null,
      pricePerHour: null,
      repeats: 1,
      timeoutMs: 120_000,
      warmupTimeoutMs: 600_000,
      seed: "seven",
      target: "url",
      targetAddress: "http://127.0.0.1:30000",
      compareAddress: null,
      inTurn: false,
    },
    cells: [exampleCell()],
    calibration: [],
    doubts: [],
    ...changes,
  };
}
