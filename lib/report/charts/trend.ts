/**
 * The charts of a history: the median latency of a cell in each run, its level, and the gate's band around it.
 *
 * @module
 */
import { DEFAULT_FAIL_PERCENT } from "../../gate/verdict.ts";
import type { HistoryRun } from "../../history/runs.ts";
import type { CellTrend, TrendEvent, TrendGroup } from "../../history/trend.ts";
import { median } from "../../stats/summary.ts";
import { shownNumber } from "../view.ts";
import {
  axis,
  type Chart,
  type ChartOption,
  markLine,
  shownTick,
  valueAxis,
} from "./svg.ts";
import { cellId, describeCell } from "../../record/cells.ts";
import { escapeForTerminal } from "../../escape.ts";

const HEIGHT = 190;
/** The newest runs have a mark each, which tells of the run; older ones are a line alone, to keep the page small. */
export const MARKED_RUNS = 150;
/** Drop and gain of throughput at which the gate fails a run or calls it improved, as factors on latency. */
const BAND = [
  1 / (1 + DEFAULT_FAIL_PERCENT / 100),
  1 / (1 - DEFAULT_FAIL_PERCENT / 100),
] as const;

/** Returns what is shown of a run that is pointed at. */
export function describeHistoryRun(run: HistoryRun): string {
  const { timestamp, commit, versions, conditions } = run;
  return `${timestamp.slice(0, 16).replace("T", " ")}, commit ${commit}, ${
    conditions.hardware ?? "unknown hardware"
  }, ${versions}`;
}

/** Returns the changes of one cell, oldest first. */
export function eventsOf(
  cell: CellTrend,
  events: readonly TrendEvent[],
): TrendEvent[] {
  const text = cellId(cell.key);
  return events.filter(({ cells }) =>
    cells.some(({ key }) => cellId(key) === text)
  ).toReversed();
}

/** A curve over the runs of a group. */
export interface TrendCurve {
  /** What it shows, for those who do not see it; not escaped. */
  readonly label: string;
  /** Its values, one for each run; null where there is none. */
  readonly values: readonly (number | null)[];
  readonly unit: string;
  readonly levels: readonly (number | null)[];
  /** Where it changed, with the change of throughput in percent there. */
  readonly marks: readonly {
    readonly index: number;
    /** Below 0 is slower. */
    readonly percent: number;
    readonly kind: TrendEvent["kind"];
  }[];
}

/** Returns the curve of one cell. */
export function cellCurve(
  cell: CellTrend,
  events: readonly TrendEvent[],
): TrendCurve {
  const { key, p50Ms, levelMs } = cell;
  return {
    label: `Median latency of ${describeCell(key)} over time`,
    values: p50Ms,
    unit: "ms",
    levels: levelMs,
    marks: eventsOf(cell, events).map((event) => ({
      index: event.index,
      kind: event.kind,
      percent: changeIn(cell, event),
    })),
  };
}

/** Returns the curve of what all cells share, as a latency of which 100 is the usual one. */
export function sharedCurve({ shared, events }: TrendGroup): TrendCurve {
  const indexOf = (log: number) => 100 * Math.exp(log);
  return {
    label: "Median of all cells over time, 100 is the usual latency",
    values: shared.logs.map(indexOf),
    unit: "% of the usual latency",
    levels: shared.levels.map(indexOf),
    marks: events.filter(({ isEverywhere }) => isEverywhere).toReversed()
      .map(({ index, kind, cells }) => ({
        index,
        kind,
        percent: median(cells.map(({ changePercent }) => changePercent)),
      })),
  };
}

/** Draws a curve over the runs of its group. */
export function trendChart(
  { label, values, unit, levels, marks }: TrendCurve,
  runs: readonly HistoryRun[],
): Chart {
  const measured = values.flatMap((value, index) =>
    value === null ? [] : [{ index, value }]
  );
  const marked = measured.slice(-MARKED_RUNS);
  const band = (factor: number) =>
    levels.map((level) => level === null ? null : level * factor);
  const shown = [...values, ...band(BAND[0]), ...band(BAND[1])]
    .filter((value) => value !== null);
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  return {
    height: HEIGHT,
    label,
    option: {
      grid: { left: 48, right: 12, top: 22, bottom: 26 },
      xAxis: timeAxis(runs),
      yAxis: valueAxis({
        min: Math.max(0, least - 0.05 * (most - least)),
        max: most + 0.05 * (most - least),
        axisLabel: {
          formatter: shownTick,
          showMinLabel: false,
          showMaxLabel: false,
        },
      }),
      series: [
        {
          ...line(band(BAND[0]), { width: 0 }),
          stack: "band",
          z: 1,
        },
        {
          ...line(band(BAND[1] - BAND[0]), { width: 0 }),
          stack: "band",
          areaStyle: { color: "var(--band)", opacity: 1 },
          z: 1,
        },
        line(values, { color: "var(--series0)", width: 1, opacity: 0.5 }),
        {
          ...line(levels, { color: "var(--ink)", width: 2 }),
          z: 4,
          markLine: changeLines(marks, runs.length),
        },
        {
          type: "scatter",
          z: 3,
          symbolSize: 4.5,
          itemStyle: { color: "var(--series0)", opacity: 1 },
          data: marked.map(({ index, value }) => [index, value]),
        },
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const point = seriesIndex === 4 ? marked[dataIndex] : undefined;
      const run = runs[point?.index ?? -1];
      return point === undefined || run === undefined
        ? null
        : `${shownNumber(point.value)} ${unit}, ${describeHistoryRun(run)}`;
    },
  };
}

/** The dates of the first, the middle and the last run. */
function timeAxis(runs: readonly HistoryRun[]): ChartOption {
  const places = [0, Math.floor(runs.length / 2), runs.length - 1];
  return axis({
    type: "category",
    data: runs.map(({ timestamp }) =>
      escapeForTerminal(timestamp.slice(0, 10))
    ),
    boundaryGap: false,
    axisLabel: {
      interval: (index: number) => places.includes(index),
      alignMinLabel: "left",
      alignMaxLabel: "right",
      showMinLabel: true,
      showMaxLabel: true,
    },
  });
}

function line(
  data: readonly (number | null)[],
  lineStyle: ChartOption,
): ChartOption {
  return {
    type: "line",
    symbol: "none",
    silent: true,
    connectNulls: true,
    data,
    lineStyle,
  };
}

function changeLines(marks: TrendCurve["marks"], count: number): ChartOption {
  return markLine(marks.map(({ index, percent, kind }) => ({
    at: { xAxis: index },
    text: `${kind === "drift" ? "drift " : ""}${percent < 0 ? "" : "+"}${
      percent.toFixed(1)
    } %`,
    color: percent < 0 ? "var(--bad)" : "var(--good)",
    type: kind === "drift" ? "dashed" : "solid",
    label: {
      position: "end",
      distance: 3,
      align: index > 0.85 * count
        ? "right"
        : index < 0.15 * count
        ? "left"
        : "center",
    },
  })));
}

function changeIn(cell: CellTrend, event: TrendEvent): number {
  const text = cellId(cell.key);
  return event.cells.find(({ key }) => cellId(key) === text)?.changePercent ??
    0;
}
