/**
 * The charts of one result: throughput, latency and change of all cells.
 *
 * @module
 */
import { shownBatchSize } from "../../record/cells.ts";
import type { ComparisonRecord } from "../../record/run.ts";
import type { Interval } from "../../stats/intervals.ts";
import { shownChange } from "../comparison.ts";
import { numberOf } from "../columns.ts";
import { metricOf } from "../../record/metrics.ts";
import { type CellView, shownNumber } from "../view.ts";
import {
  axis,
  type Chart,
  type ChartOption,
  lines,
  type Mark,
  shownTick,
  valueAxis,
} from "./svg.ts";

const CURVE_HEIGHT = 250;
const GRID = { left: 52, right: 12, top: 12, bottom: 44 };

/** Each curve has a colour and a shape of its own. */
const SYMBOLS = ["circle", "rect", "triangle", "diamond"] as const;
/** So many curves can be told apart; more share a colour with a shape of their own. */
const COLOURS = 6;

/** Returns the colour of a curve. */
export function colourOf(index: number): string {
  return `var(--series${index % COLOURS})`;
}

/** The shapes of the curves as text, for the legend. */
const SIGNS = ["●", "■", "▲", "◆"] as const;

/** Returns the sign of a curve for a legend, and its colour's number. */
export function legendSign(
  index: number,
): { readonly sign: string; readonly colour: number } {
  return {
    sign: SIGNS[index % SIGNS.length] ?? SIGNS[0],
    colour: index % COLOURS,
  };
}

/** Returns the label counts of cells, each a curve, in order. */
export function labelCounts(cells: readonly CellView[]): number[] {
  return [...new Set(cells.map(({ key }) => key.numLabels))]
    .toSorted((a, b) => a - b);
}

/** Tells whether the figures of a cell are those of the server, and so belong into a curve. */
export function isDrawable({ summary, status }: CellView): boolean {
  return summary !== null && status !== "INVALID";
}

/** Draws items a second against the batch size, a curve for each label count. */
export function throughputChart(cells: readonly CellView[]): Chart {
  return curves(byLabels(cells), THROUGHPUT);
}

/** Draws the median latency against the batch size, a curve for each label count. */
export function latencyChart(cells: readonly CellView[]): Chart {
  return curves(byLabels(cells), MEDIAN_LATENCY);
}

/**
 * Draws items a second, or median latencies, of several servers, models or data types against the batch size.
 *
 * @param series A curve each.
 * @param most The greatest value of all charts beside this one, so that they have one scale.
 */
export function overlayChart(
  series: readonly (readonly CellView[])[],
  shown: "throughput" | "latency",
  most: number,
): Chart {
  return curves(
    series,
    shown === "throughput" ? THROUGHPUT : MEDIAN_LATENCY,
    most,
  );
}

/** Returns the value of a cell in {@linkcode overlayChart}; null where it has none. */
export function overlayValue(
  cell: CellView,
  shown: "throughput" | "latency",
): number | null {
  return isDrawable(cell)
    ? (shown === "throughput" ? THROUGHPUT : MEDIAN_LATENCY).valueOf(cell)
    : null;
}

function byLabels(cells: readonly CellView[]): CellView[][] {
  return labelCounts(cells).map((count) =>
    cells.filter(({ key }) => key.numLabels === count)
  );
}

const throughputOf = (cell: CellView): number | null =>
  numberOf(metricOf("throughput_ips"), cell);

const THROUGHPUT: Curves = {
  label: "Throughput in items per second against the batch size",
  unit: "items/s",
  valueOf: throughputOf,
  intervalOf: ({ throughputInterval }) => throughputInterval,
};
const MEDIAN_LATENCY: Curves = {
  label: "Median latency in milliseconds against the batch size",
  unit: "ms",
  valueOf: ({ summary }) => summary?.p50Ms ?? null,
  intervalOf: (cell) => cell.medianInterval,
};

interface Curves {
  readonly label: string;
  readonly unit: string;
  readonly valueOf: (cell: CellView) => number | null;
  readonly intervalOf: (cell: CellView) => Interval | null;
}

/** Returns the end of an axis that holds a value: 1, 2, 2.5, 4, 5, 6, 8 or 10 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.2, 1.6, 2, 2.5, 4, 5, 6, 8, 10].find((one) =>
    one * power >= value
  );
  return (step ?? 10) * power;
}

/** Curves stand beside each other by this share of the distance between two batch sizes. */
const DODGE = 0.07;

function curves(
  series: readonly (readonly CellView[])[],
  shown: Curves,
  most?: number,
): Chart {
  const { label, unit, valueOf, intervalOf } = shown;
  const batches = [
    ...new Set(series.flat().map(({ key }) => key.batchSize)),
  ].toSorted((a, b) => a - b);
  const groups = series.map((cells, index, all) => {
    const shift = DODGE * (index - (all.length - 1) / 2);
    return cells.filter(isDrawable)
      .map((cell) => ({ cell, x: batches.indexOf(cell.key.batchSize) + shift }))
      .toSorted((a, b) => a.x - b.x);
  });
  const points = groups.map((group) =>
    group.flatMap(({ cell, x }) => {
      const value = valueOf(cell);
      return value === null ? [] : [{ cell, x, value }];
    })
  );
  const values = points.flat().map(({ value }) => value);
  // A factor of more than this hides the small batches at the foot of a linear axis.
  const isLog = Math.max(...values, most ?? 0) > 20 * Math.min(...values);
  return {
    height: CURVE_HEIGHT,
    label,
    option: {
      grid: GRID,
      xAxis: axis({
        type: "value",
        min: -0.4,
        max: batches.length - 0.6,
        name: "batch size",
        nameGap: 26,
        interval: 1,
        axisLabel: {
          // The axis starts between two batch sizes, and its labels are those of whole numbers.
          customValues: batches.map((_, i) => i),
          formatter: (i: number) => String(batches[i] ?? ""),
        },
      }),
      yAxis: valueAxis({
        type: isLog ? "log" : "value",
        ...(most === undefined || isLog ? {} : { max: niceCeiling(most) }),
        axisLabel: { formatter: shownTick },
      }),
      series: [
        ...points.map((data, index): ChartOption => ({
          type: "line",
          data: data.map(({ x, value }) => [x, value]),
          symbol: SYMBOLS[index % SYMBOLS.length],
          symbolSize: 8,
          itemStyle: { color: colourOf(index) },
          lineStyle: { color: colourOf(index), width: 1.5 },
        })),
        ...groups.map((group, index) =>
          lines(
            group.flatMap(({ cell, x }): Mark[] => {
              const interval = intervalOf(cell);
              return interval === null || (isLog && interval[0] <= 0)
                ? []
                : [{ from: [x, interval[0]], to: [x, interval[1]] }];
            }),
            { stroke: colourOf(index), lineWidth: 2 },
          )
        ),
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const point = points[seriesIndex]?.[dataIndex];
      if (point === undefined) return null;
      const interval = intervalOf(point.cell)?.map(shownNumber).join(" to ");
      return `${point.cell.name}: ${shownNumber(point.value)} ${unit}${
        interval === undefined ? "" : ` (${interval})`
      }`;
    },
  };
}

const ROW_HEIGHT = 22;
const ROW_LABEL_WIDTH = 148;

/** Draws the change of throughput of each cell with its interval, a row each. */
export function changeChart(
  cells: readonly CellView[],
  comparison: Pick<ComparisonRecord, "limitsPercent"> | null,
): Chart {
  const limits = comparison?.limitsPercent ?? [];
  const rows = cells.flatMap((cell) =>
    cell.verdict === null ? [] : [{ cell, verdict: cell.verdict }]
  );
  const marks = rows.flatMap(({ verdict }, y): Mark[] =>
    verdict.intervalPercent === null ? [] : [{
      from: [verdict.intervalPercent[0], y],
      to: [verdict.intervalPercent[1], y],
    }]
  );
  const farthest = Math.max(
    12,
    ...rows.map(({ verdict }) => Math.abs(verdict.changePercent)),
    ...marks.flatMap(({ from, to }) => [Math.abs(from[0]), Math.abs(to[0])]),
  );
  const interval = farthest <= 20 ? 5 : farthest <= 40 ? 10 : 25;
  // Beyond this nothing is decided any more: what is wider runs out of the chart.
  const limit = Math.min(100, Math.ceil(farthest / interval) * interval);
  return {
    height: ROW_HEIGHT * rows.length + 56,
    label: "Change of throughput of each cell in percent",
    option: {
      grid: { left: ROW_LABEL_WIDTH, right: 14, top: 4, bottom: 44 },
      xAxis: valueAxis({
        min: -limit,
        max: limit,
        interval,
        name: "slower ← throughput (%) → faster",
        nameGap: 28,
        axisLabel: { hideOverlap: true },
      }),
      yAxis: axis({
        type: "category",
        inverse: true,
        data: rows.map(({ cell }) => rowLabel(cell)),
        axisLabel: { interval: 0, color: "var(--ink)" },
      }),
      series: [
        lines([{ from: [0, -0.5], to: [0, rows.length - 0.5] }], {
          stroke: "var(--line)",
        }),
        ...limits.map((percent, i) =>
          lines(
            [{ from: [-percent, -0.5], to: [-percent, rows.length - 0.5] }],
            {
              stroke: i === 0 ? "var(--doubtful)" : "var(--bad)",
              lineDash: [4, 3],
            },
          )
        ),
        lines(marks, { stroke: "var(--muted)", lineWidth: 2 }),
        {
          type: "scatter",
          symbolSize: 10,
          data: rows.map(({ cell, verdict }, y) => ({
            value: [
              Math.max(-limit, Math.min(limit, verdict.changePercent)),
              y,
            ],
            symbol: cell.status === "REGRESSION"
              ? "triangle"
              : cell.status === "OK"
              ? "circle"
              : "diamond",
            itemStyle: { color: statusColour(cell), opacity: 1 },
          })),
        },
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const row = seriesIndex === 2 + limits.length
        ? rows[dataIndex]
        : undefined;
      return row === undefined
        ? null
        : `${row.cell.name}: ${
          shownChange(row.verdict)
        } ${row.cell.status}, ${row.verdict.baselineRuns} baseline runs`;
    },
  };
}

/** Returns how a cell is called at a row of a chart. */
function rowLabel(cell: CellView): string {
  const { numLabels, data, concurrency } = cell.key;
  const name = data === undefined ? "" : `${data} `;
  const clients = concurrency === undefined ? "" : ` × ${concurrency}`;
  const levels = ["old_throughput_ips", "new_throughput_ips"].map((level) =>
    numberOf(metricOf(level), cell)
  ).filter((value) => value !== null);
  return `${name}${shownBatchSize(cell.key)} × ${numLabels}${clients}${
    levels.length < 2 ? "" : `  ${levels.map(shownTick).join(" → ")}`
  }`;
}

function statusColour({ status }: CellView): string {
  switch (status) {
    case "REGRESSION":
      return "var(--bad)";
    case "IMPROVED":
      return "var(--good)";
    case "OK":
      return "var(--series0)";
    default:
      return "var(--doubtful)";
  }
}
