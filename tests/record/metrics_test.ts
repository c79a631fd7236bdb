import { assertEquals } from "@std/assert";
import { METRICS, SPECIFIED_METRICS } from "../../lib/record/metrics.ts";
import { exampleCell } from "../support/example_run.ts";

Deno.test("SPECIFIED_METRICS are the fifteen columns of test plan 004 in their order", () => {
  const cell = exampleCell();
  assertEquals(
    SPECIFIED_METRICS.map((metric) => [metric.name, metric.value(cell)]),
    [
      ["batch_size", 4],
      ["num_labels", 2],
      ["model", "org/model"],
      ["dtype", "bfloat16"],
      ["num_runs", 2],
      ["warmup_runs", 1],
      ["total_items", 8],
      // 8 items and 2 requests in 30 ms.
      ["throughput_ips", 4000 / 15],
      ["throughput_rps", 1000 / 15],
      ["latency_p50_ms", 15],
      ["latency_p95_ms", 19.5],
      ["latency_p99_ms", 19.9],
      ["latency_mean_ms", 15],
      ["latency_std_ms", Math.sqrt(50)],
      ["status", "OK"],
    ],
  );
});

Deno.test("METRICS begin with the specified ones and add what these have no room for", () => {
  assertEquals(METRICS.slice(0, 15), SPECIFIED_METRICS);
  const cell = exampleCell({
    repeat: 3,
    doubts: [{ kind: "other", text: "why" }],
    failures: [
      { outcome: "timeout", count: 2, example: "" },
      { outcome: "reset", count: 3, example: "" },
    ],
    suspects: [{ index: 0, kind: "stall" }],
    compiles: { level: "found", count: 3, seconds: 1.25, reason: "" },
    clientAddedMs: 0.07,
  });
  assertEquals(
    METRICS.slice(15).map((metric) => [metric.name, metric.value(cell)]),
    [
      ["concurrency", 1],
      ["data", "text"],
      ["failed_requests", 5],
      ["warmup_requests", 9],
      ["warmup_slowest_ms", 7385.25],
      ["suspect_samples", 1],
      ["compiles", "found 3 (1.25 s)"],
      ["client_added_ms", 0.07],
      ["run", 3],
      ["sent", null],
      ["reason", "why"],
    ],
  );
});

Deno.test("METRICS give null for what was not measured, never 0", () => {
  const cell = exampleCell({
    summary: null,
    warmUp: { requests: 2, failed: 2, slowestMs: null, settled: false },
  });
  const missing = METRICS.filter((metric) => metric.value(cell) === null);
  assertEquals(missing.map((metric) => metric.name), [
    "throughput_ips",
    "throughput_rps",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_mean_ms",
    "latency_std_ms",
    "warmup_slowest_ms",
    "compiles",
    "client_added_ms",
    "sent",
  ]);
});

Deno.test("METRICS say which way is better and in which unit", () => {
  assertEquals(
    METRICS.filter((metric) => metric.better !== "neither")
      .map(({ name, better, unit }) => [name, better, unit]),
    [
      ["throughput_ips", "higher", "IPS"],
      ["throughput_rps", "higher", "requests/s"],
      ["latency_p50_ms", "lower", "ms"],
      ["latency_p95_ms", "lower", "ms"],
      ["latency_p99_ms", "lower", "ms"],
      ["latency_mean_ms", "lower", "ms"],
      ["latency_std_ms", "lower", "ms"],
    ],
  );
  assertEquals(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
});
