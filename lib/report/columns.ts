/**
 * The columns that people see of a result, in every view: which, in which order, and which go first where there is
 * no room.
 *
 * @module
 */
import type { CellVerdictRecord } from "../record/run.ts";
import { shownBatchSize } from "../record/cells.ts";
import { type Metric, metricOf } from "../record/metrics.ts";
import { type Price, usdPerMillion } from "../record/price.ts";
import { quantileMinSamples } from "../stats/summary.ts";
import { counted } from "../wrap.ts";
import { shownChange, shownStatus } from "./comparison.ts";
import type { CellView, ReportView } from "./view.ts";

/** One column of a table for people. */
export interface ShownColumn {
  /** The text at its head, with the unit. */
  readonly title: string;
  /** Names are shortened where there is no room; numbers stand on the right. */
  readonly kind: "name" | "number" | "status";
  /** The higher, the sooner it is left out; 0 for never. */
  readonly rank: number;
  /** What stands in it; not escaped. */
  readonly text: (cell: CellView) => string;
  /** What stands in it for all cells together; empty for nothing. */
  readonly total: string;
}

/** What stands where nothing is known. */
export const MISSING = "-";

/** Returns the columns of a view. */
export function shownColumns(
  { cells, comparison, price }: Pick<
    ReportView,
    "cells" | "comparison" | "price"
  >,
): ShownColumn[] {
  const names = (["model", "dtype"] as const).filter((name) =>
    new Set(cells.map(({ key }) => key[name])).size > 1
  );
  const isSent = cells.some(({ key }) => key.data !== undefined);
  return [
    ...[...names, ...(isSent ? ["data"] : [])].map((name): ShownColumn => ({
      title: metricOf(name).title,
      kind: "name",
      rank: 0,
      text: (cell) => shownValue(metricOf(name), cell),
      total: "",
    })),
    {
      ...numberColumn(metricOf("batch_size"), 0),
      text: ({ key }) => shownBatchSize(key),
      total: "Median",
    },
    numberColumn(metricOf("num_labels"), 0),
    ...(cells.some(({ key }) => key.concurrency !== undefined)
      ? [numberColumn(metricOf("concurrency"), 0)]
      : []),
    ...(comparison === null ? [numberColumn(metricOf("throughput_ips"), 0)] : [
      numberColumn(metricOf("old_throughput_ips"), 2),
      numberColumn(metricOf("new_throughput_ips"), 1),
      changeColumn(comparison),
    ]),
    ...(price === null ? [] : priceColumns(price)),
    numberColumn(metricOf("latency_p50_ms"), 3),
    percentileColumn("latency_p95_ms", 4),
    percentileColumn("latency_p99_ms", 5),
    {
      title: metricOf("status").title,
      kind: "status",
      rank: 0,
      text: ({ status }) => shownStatus(status),
      total: "",
    },
  ];
}

/** What the items of a cell cost, and how many a chip scores. */
function priceColumns(price: Price): ShownColumn[] {
  const column = (title: string, of: (itemsPerSec: number) => string) => ({
    title,
    kind: "number" as const,
    rank: 0,
    text: ({ summary }: CellView) =>
      summary === null ? MISSING : of(summary.throughputItemsPerSec),
    total: "",
  });
  const { chips } = price;
  return [
    column(
      "USD/1M items",
      (itemsPerSec) => usdPerMillion(price, itemsPerSec).toPrecision(3),
    ),
    ...(chips === null ? [] : [
      column("IPS/chip", (itemsPerSec) => (itemsPerSec / chips).toFixed(1)),
    ]),
  ];
}

/** What the mark of a percentile means. */
export const PERCENTILE_NOTE: string = `* n too small: a p95 needs ${
  quantileMinSamples(0.95)
} samples and a p99 ${
  quantileMinSamples(0.99)
}; with fewer it is close to the slowest`;

/** Tells whether a percentile of a cell is marked. */
export function hasWeakPercentile({ summary }: CellView): boolean {
  return summary !== null && summary.count < quantileMinSamples(0.99);
}

/** Returns a value of a column for people, without its unit. */
export function shownValue({ value, digits }: Metric, cell: CellView): string {
  const found = value(cell);
  return found === null
    ? MISSING
    : typeof found === "number"
    ? found.toFixed(digits)
    : found;
}

/** Returns a number of a column, null where it is missing. */
export function numberOf({ value }: Metric, cell: CellView): number | null {
  const found = value(cell);
  return typeof found === "number" ? found : null;
}

/** Returns what a cell came to in few words: `106.1 IPS, p50 8.17 ms, p95 9.01* ms, 20 samples`; empty without figures. */
export function shownFigures(cell: CellView): string {
  if (cell.summary === null) return "";
  const [rate, p50] = [metricOf("throughput_ips"), metricOf("latency_p50_ms")];
  return [
    `${shownValue(rate, cell)} ${rate.unit}`,
    `p50 ${shownValue(p50, cell)} ${p50.unit}`,
    `p95 ${shownPercentile("latency_p95_ms", cell)} ${p50.unit}`,
    counted(cell.summary.count, "sample"),
  ].join(", ");
}

/** Returns a percentile with a mark where the samples are too few for it. */
export function shownPercentile(
  name: "latency_p95_ms" | "latency_p99_ms",
  cell: CellView,
): string {
  const needed = quantileMinSamples(name === "latency_p95_ms" ? 0.95 : 0.99);
  const isWeak = cell.summary !== null && cell.summary.count < needed;
  return `${shownValue(metricOf(name), cell)}${isWeak ? "*" : ""}`;
}

function titleOf({ title, unit }: Metric): string {
  return unit === "" ? title : `${title} (${unit})`;
}

function numberColumn(metric: Metric, rank: number): ShownColumn {
  return {
    title: titleOf(metric),
    kind: "number",
    rank,
    text: (cell) => shownValue(metric, cell),
    total: "",
  };
}

function percentileColumn(
  name: "latency_p95_ms" | "latency_p99_ms",
  rank: number,
): ShownColumn {
  return {
    ...numberColumn(metricOf(name), rank),
    text: (cell) => shownPercentile(name, cell),
  };
}

function changeColumn(
  { changePercent, intervalPercent }: {
    readonly changePercent: number | null;
    readonly intervalPercent: CellVerdictRecord["intervalPercent"];
  },
): ShownColumn {
  return {
    title: "Change (%)",
    kind: "number",
    rank: 0,
    text: ({ verdict }) => bare(shownChange(verdict)),
    total: changePercent === null
      ? ""
      : bare(shownChange({ changePercent, intervalPercent })),
  };
}

/** The unit is in the title. */
function bare(change: string): string {
  return change.replace(" %", "");
}
