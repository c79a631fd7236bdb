/**
 * The one table of columns: every rendering of a result, to people and to files, is fed from it.
 *
 * @module
 */
import { countOf } from "./cells.ts";
import { describeCompiles } from "./compiles.ts";
import { type Doubt, joinDoubts } from "./doubts.ts";
import { TEXT_DATA } from "../score/data.ts";
import type {
  CellFigures,
  CellKey,
  CellResult,
  CellSummary,
  CellVerdictRecord,
  Status,
} from "./run.ts";

/** What a column reads of a cell; what is absent is not known, as of a cell of a CSV. */
export interface MetricCell extends
  Partial<
    Pick<
      CellResult,
      | "repeat"
      | "numRuns"
      | "warmupRuns"
      | "warmUp"
      | "sent"
      | "compiles"
      | "failures"
      | "suspects"
      | "clientAddedMs"
    >
  > {
  readonly key: CellKey;
  readonly status: Status;
  /** The figures; null where no sample was good. */
  readonly summary: CellFigures & Partial<CellSummary> | null;
  readonly doubts: readonly Doubt[];
  /** The change; absent or null where it was not compared. */
  readonly verdict?: CellVerdictRecord | null;
}

/** One column of every rendering. */
export interface Metric {
  /** The column name; the specification's where it has one. */
  readonly name: string;
  /** What people read at its head, without the unit. */
  readonly title: string;
  /** The unit as it is shown, empty for none. */
  readonly unit: string;
  readonly better: "higher" | "lower" | "neither";
  /** Digits after the point where it is shown to people; files have all. */
  readonly digits: number;
  /** Reads the value of a cell; null where it is missing. */
  readonly value: (cell: MetricCell) => string | number | null;
}

function metric(
  name: string,
  value: Metric["value"],
  shown: Partial<Omit<Metric, "name" | "value">> = {},
): Metric {
  return {
    name,
    title: name.replaceAll("_", " "),
    unit: "",
    better: "neither",
    digits: 0,
    value,
    ...shown,
  };
}

function latencyMetric(
  name: string,
  title: string,
  field: "p50Ms" | "p95Ms" | "p99Ms" | "meanMs" | "standardDeviationMs",
): Metric {
  return metric(name, (cell) => cell.summary?.[field] ?? null, {
    title,
    unit: "ms",
    better: "lower",
    digits: 2,
  });
}

function rateMetric(
  name: string,
  unit: string,
  rateOf: (summary: NonNullable<MetricCell["summary"]>) => number,
): Metric {
  return metric(
    name,
    ({ summary }) => summary === null ? null : rateOf(summary),
    { title: "Throughput", unit, better: "higher", digits: 1 },
  );
}

/** The specification's fifteen columns, in its order. */
export const SPECIFIED_METRICS: readonly Metric[] = [
  metric("batch_size", (cell) => cell.key.batchSize, { title: "Batch" }),
  metric("num_labels", (cell) => cell.key.numLabels, { title: "Labels" }),
  metric("model", (cell) => cell.key.model, { title: "Model" }),
  metric("dtype", (cell) => cell.key.dtype, { title: "Dtype" }),
  metric("num_runs", (cell) => cell.numRuns ?? null),
  metric("warmup_runs", (cell) => cell.warmupRuns ?? null),
  metric(
    "total_items",
    ({ summary, key }) =>
      summary?.totalItems ?? (summary?.count ?? 0) * key.batchSize,
  ),
  rateMetric(
    "throughput_ips",
    "IPS",
    ({ throughputItemsPerSec }) => throughputItemsPerSec,
  ),
  rateMetric(
    "throughput_rps",
    "requests/s",
    ({ throughputRequestsPerSec, meanMs }) =>
      throughputRequestsPerSec ?? 1000 / meanMs,
  ),
  latencyMetric("latency_p50_ms", "p50", "p50Ms"),
  latencyMetric("latency_p95_ms", "p95", "p95Ms"),
  latencyMetric("latency_p99_ms", "p99", "p99Ms"),
  latencyMetric("latency_mean_ms", "Mean", "meanMs"),
  latencyMetric(
    "latency_std_ms",
    "Standard deviation",
    "standardDeviationMs",
  ),
  metric("status", (cell) => cell.status, { title: "Status" }),
];

/** What tells cells apart beside the specification's columns; in a baseline only where it tells some apart. */
export const KEY_METRICS: readonly Metric[] = [
  metric("concurrency", (cell) => cell.key.concurrency ?? 1, {
    title: "Clients",
  }),
  metric("data", (cell) => cell.key.data ?? TEXT_DATA, { title: "Data" }),
];

/** All columns of a result file: the specification's, then what it has no room for. */
export const METRICS: readonly Metric[] = [
  ...SPECIFIED_METRICS,
  ...KEY_METRICS,
  metric(
    "failed_requests",
    ({ failures }) => failures === undefined ? null : countOf(failures),
  ),
  metric("warmup_requests", (cell) => cell.warmUp?.requests ?? null),
  metric("warmup_slowest_ms", (cell) => cell.warmUp?.slowestMs ?? null, {
    unit: "ms",
    digits: 2,
  }),
  metric("suspect_samples", (cell) => cell.suspects?.length ?? null),
  metric(
    "compiles",
    ({ compiles }) =>
      compiles === undefined ? null : describeCompiles(compiles),
  ),
  metric("client_added_ms", (cell) => cell.clientAddedMs ?? null, {
    unit: "ms",
    digits: 2,
  }),
  metric("run", (cell) => cell.repeat ?? null),
  metric("sent", (cell) => cell.sent ?? null),
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
    ({ verdict }) => verdict ? value(verdict) ?? null : null,
    { title: "Change", unit: "%", better: "higher", digits: 1 },
  );
}

/** The throughput of the baseline (0) or of the result (1), by the statistic that was judged. */
function levelMetric(name: string, title: string, index: 0 | 1): Metric {
  return metric(name, ({ key, summary, verdict }) => {
    const levelMs = verdict?.levelsMs?.[index];
    if (levelMs === undefined || summary === null) return null;
    const { batchSize, concurrency = 1 } = key;
    // Of several clients the level is the time that one of them takes for a request.
    const { throughputItemsPerSec, meanMs, totalItems, count } = summary;
    const items = batchSize ||
      (totalItems === undefined
        ? throughputItemsPerSec * meanMs / 1000 / concurrency
        : totalItems / count);
    return items * concurrency * 1000 / levelMs;
  }, { title, unit: "IPS", better: "higher", digits: 1 });
}

/** Further columns of the result file of a run that was compared: what was compared, and the change with its bounds. */
export const CHANGE_METRICS: readonly Metric[] = [
  levelMetric("old_throughput_ips", "Old", 0),
  levelMetric("new_throughput_ips", "New", 1),
  changeMetric("change_percent", (verdict) => verdict.changePercent),
  changeMetric("change_low_percent", (verdict) => verdict.intervalPercent?.[0]),
  changeMetric(
    "change_high_percent",
    (verdict) => verdict.intervalPercent?.[1],
  ),
];

const BY_NAME = new Map(
  [...METRICS, ...CHANGE_METRICS].map((one) => [one.name, one]),
);

/**
 * Returns the column of a name.
 *
 * @throws {RangeError} If there is none.
 */
export function metricOf(name: string): Metric {
  const found = BY_NAME.get(name);
  if (found === undefined) {
    throw new RangeError(`Cannot find a column: found the name ${name}`);
  }
  return found;
}
