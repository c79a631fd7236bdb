/**
 * The table of metrics: every rendering of a result, to people and to files, is fed from it.
 *
 * @module
 */
import { joinDoubts } from "./doubts.ts";
import type { CellResult, CellVerdictRecord } from "./run.ts";

/** One column of every rendering. */
export interface Metric {
  /** The column name; the specification's where it has one. */
  readonly name: string;
  /** The unit as it is shown, empty for none. */
  readonly unit: string;
  /** Which way is better. */
  readonly better: "higher" | "lower" | "neither";
  /** Digits after the point where it is shown to people; files have all. */
  readonly digits: number;
  /** Reads the value of a cell; null where it is missing. */
  readonly value: (cell: CellResult) => string | number | null;
}

function metric(
  name: string,
  value: Metric["value"],
  shown: Partial<Omit<Metric, "name" | "value">> = {},
): Metric {
  return { name, unit: "", better: "neither", digits: 0, value, ...shown };
}

function latencyMetric(
  name: string,
  field: "p50Ms" | "p95Ms" | "p99Ms" | "meanMs" | "standardDeviationMs",
): Metric {
  return metric(name, (cell) => cell.summary?.[field] ?? null, {
    unit: "ms",
    better: "lower",
    digits: 2,
  });
}

/** The specification's fifteen columns, in its order. */
export const SPECIFIED_METRICS: readonly Metric[] = [
  metric("batch_size", (cell) => cell.key.batchSize),
  metric("num_labels", (cell) => cell.key.numLabels),
  metric("model", (cell) => cell.key.model),
  metric("dtype", (cell) => cell.key.dtype),
  metric("num_runs", (cell) => cell.numRuns),
  metric("warmup_runs", (cell) => cell.warmupRuns),
  metric("total_items", (cell) => cell.summary?.totalItems ?? 0),
  metric(
    "throughput_ips",
    (cell) => cell.summary?.throughputItemsPerSec ?? null,
    { unit: "items/s", better: "higher", digits: 1 },
  ),
  metric(
    "throughput_rps",
    (cell) => cell.summary?.throughputRequestsPerSec ?? null,
    { unit: "requests/s", better: "higher", digits: 1 },
  ),
  latencyMetric("latency_p50_ms", "p50Ms"),
  latencyMetric("latency_p95_ms", "p95Ms"),
  latencyMetric("latency_p99_ms", "p99Ms"),
  latencyMetric("latency_mean_ms", "meanMs"),
  latencyMetric("latency_std_ms", "standardDeviationMs"),
  metric("status", (cell) => cell.status),
];

/** All columns of a result file: the specification's, then what it has no room for. */
export const METRICS: readonly Metric[] = [
  ...SPECIFIED_METRICS,
  metric(
    "failed_requests",
    (cell) =>
      cell.failures.reduce((total, failure) => total + failure.count, 0),
  ),
  metric("warmup_requests", (cell) => cell.warmUp.requests),
  metric("warmup_slowest_ms", (cell) => cell.warmUp.slowestMs, {
    unit: "ms",
    digits: 2,
  }),
  metric("suspect_samples", (cell) => cell.suspects.length),
  metric("run", (cell) => cell.repeat),
  metric(
    "reason",
    (cell) =>
      [joinDoubts(cell.doubts), cell.verdict?.reason ?? ""]
        .filter((text) => text !== "").join("; "),
  ),
];

function changeMetric(
  name: string,
  value: (verdict: CellVerdictRecord) => number | null | undefined,
): Metric {
  return metric(
    name,
    ({ verdict }) => verdict === undefined ? null : value(verdict) ?? null,
    { unit: "%", better: "higher", digits: 1 },
  );
}

/** Further columns of the result file of a run that was compared: the change of throughput and its bounds. */
export const CHANGE_METRICS: readonly Metric[] = [
  changeMetric("change_percent", (verdict) => verdict.changePercent),
  changeMetric("change_low_percent", (verdict) => verdict.intervalPercent?.[0]),
  changeMetric(
    "change_high_percent",
    (verdict) => verdict.intervalPercent?.[1],
  ),
];
