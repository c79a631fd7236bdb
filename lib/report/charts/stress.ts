/**
 * The charts of a stress run: each load second by second, and the steps of a ramp.
 *
 * @module
 */
import type { TimelineRow } from "../../load/timeline.ts";
import { median } from "../../stats/summary.ts";
import { rampResult } from "../../load/search.ts";
import type { RampStep, StressResult } from "../../stress/record.ts";
import { shownNumber } from "../view.ts";
import {
  axis,
  type Chart,
  type ChartOption,
  lines,
  markLine,
  shownTick,
  valueAxis,
} from "./svg.ts";

const HEIGHT = 344;
/** Two panels over one axis: rates above, latencies below. */
const GRIDS = [
  { left: 52, right: 12, top: 30, height: 112 },
  { left: 52, right: 12, top: 182, height: 114 },
] as const;
/** A drawing of a phone's width shows no more points than this apart. */
const MAX_POINTS = 180;

/** Returns the points of a timeline: intervals, put together until they fit a drawing. */
export function timelinePoints(rows: readonly TimelineRow[]): TimelineRow[] {
  const size = Math.ceil(rows.length / MAX_POINTS);
  const groups = Map.groupBy(
    rows,
    (row) => Math.floor(rows.indexOf(row) / size),
  );
  return [...groups.values()].map((group): TimelineRow => {
    const sum = (of: (row: TimelineRow) => number) =>
      group.reduce((total, row) => total + of(row), 0);
    const known = (of: (row: TimelineRow) => number | null) =>
      group.map(of).filter((value) => value !== null);
    const largest = (values: readonly number[]) =>
      values.length === 0 ? null : Math.max(...values);
    const p50s = known((row) => row.p50Ms);
    return {
      startMs: group[0]?.startMs ?? 0,
      durationMs: sum((row) => row.durationMs),
      planned: sum((row) => row.planned),
      sent: sum((row) => row.sent),
      good: sum((row) => row.good),
      failed: sum((row) => row.failed),
      p50Ms: p50s.length === 0 ? null : median(p50s),
      p99Ms: largest(known((row) => row.p99Ms)),
      maxMs: largest(known((row) => row.maxMs)),
      inFlight: group.at(-1)?.inFlight ?? 0,
    };
  });
}

/** Leaves out what little of an interval is left after the end of a load: its rate would fall to nothing. */
function wholeIntervals(
  { timeline, durationMs }: StressResult,
): readonly TimelineRow[] {
  const last = timeline.at(-1);
  const isShort = last !== undefined && last.failed === 0 &&
    durationMs - last.startMs < last.durationMs / 2;
  return isShort && timeline.length > 2 ? timeline.slice(0, -1) : timeline;
}

/** Draws a load over time: planned and reached rate with the failures, and the latencies below. */
export function timelineChart(result: StressResult): Chart {
  const points = timelinePoints(wholeIntervals(result));
  const at = (row: TimelineRow) => row.startMs / 1000;
  const perSec = (count: number, row: TimelineRow) =>
    count * 1000 / row.durationMs;
  const lastSec = Math.max(
    ...points.map((row) => (row.startMs + row.durationMs) / 1000),
  );
  const rate = (of: (row: TimelineRow) => number) =>
    points.map((row) => [at(row), perSec(of(row), row)]);
  const latencies = (field: "p50Ms" | "p99Ms") =>
    points.map((row) => [at(row), row[field]]);
  const p99s = points.flatMap(({ p99Ms }) => p99Ms ?? []);
  const p50s = points.flatMap(({ p50Ms }) => p50Ms ?? []);
  const isLog = p50s.length > 0 && Math.max(...p99s) > 20 * Math.min(...p50s);
  return {
    height: HEIGHT,
    label:
      `${result.scenario}, ${result.configuration}: rates and latencies over time`,
    option: {
      ...panels({
        x: { min: 0, max: lastSec, name: "seconds" },
        upper: "requests/s",
        lower: "ms",
        isLog,
      }),
      series: [
        {
          // A closed loop plans nothing: it sends when an answer came.
          ...curve(
            result.askedPerSec === null ? [] : rate((row) => row.planned),
            "var(--muted)",
          ),
          lineStyle: { color: "var(--muted)", width: 1.5, type: "dashed" },
          step: "end",
          // Above the reached rate, which is the same where all is well.
          z: 5,
        },
        curve(rate((row) => row.good), "var(--series0)"),
        {
          type: "scatter",
          symbol: "triangle",
          symbolSize: 8,
          itemStyle: { color: "var(--bad)", opacity: 1 },
          data: points.flatMap((row) =>
            row.failed === 0 ? [] : [[at(row), perSec(row.failed, row)]]
          ),
        },
        { ...curve(latencies("p50Ms"), "var(--series0)"), ...LOWER },
        { ...curve(latencies("p99Ms"), "var(--series1)"), ...LOWER },
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const row = points.filter(({ failed }) => failed > 0)[dataIndex];
      return seriesIndex !== 2 || row === undefined
        ? null
        : `second ${
          shownNumber(at(row))
        }: ${row.failed} failed, ${row.good} right`;
    },
  };
}

/** Returns the step at which the knee lies, the highest that held; null where none held. */
export function kneeOf(steps: readonly RampStep[]): RampStep | null {
  const { highest } = rampResult(steps);
  return steps.findLast(({ load, verdict }) =>
    load === highest && verdict === "held"
  ) ?? null;
}

/** A load that held, one that broke an objective, and one that the client could not send. */
const STEP_MARKS: Readonly<Record<RampStep["verdict"], ChartOption>> = {
  held: { symbol: "circle", itemStyle: { color: "var(--series0)" } },
  broke: { symbol: "triangle", itemStyle: { color: "var(--bad)" } },
  client: { symbol: "rect", itemStyle: { color: "var(--doubtful)" } },
};

/** Draws a ramp: what was reached and how long answers took at each load, with the knee. */
export function rampChart(
  steps: readonly RampStep[],
  unit: string,
  p99LimitMs: number | null,
): Chart {
  const ordered = steps.toSorted((a, b) => a.load - b.load);
  const knee = kneeOf(steps);
  const most = Math.max(...ordered.map(({ load }) => load));
  const p99s = ordered.flatMap(({ latency }) => latency?.p99Ms ?? []);
  const shownMs = [...p99s, ...(p99LimitMs === null ? [] : [p99LimitMs])];
  const isLog = p99s.length > 0 &&
    Math.max(...shownMs) > 20 * Math.min(...shownMs);
  const point = (step: RampStep, value: number | null): ChartOption => ({
    value: [step.load, value],
    ...STEP_MARKS[step.verdict],
  });
  const kneeLine = knee === null ? {} : {
    markLine: markLine([{
      at: { xAxis: knee.load },
      text: `holds ${shownTick(knee.load)}`,
      color: "var(--good)",
      type: "solid",
      label: { align: knee.load > 0.8 * most ? "right" : "center" },
    }]),
  };
  return {
    height: HEIGHT,
    label: `Ramp: right answers a second and p99 latency against ${unit}`,
    option: {
      ...panels({
        x: { min: 0, max: most * 1.05, name: unit },
        upper: "reached/s",
        lower: "p99 (ms)",
        isLog,
      }),
      series: [
        {
          ...curve(
            ordered.map((step) => point(step, step.reachedPerSec)),
            "var(--series0)",
          ),
          symbolSize: 8,
          showSymbol: true,
          ...kneeLine,
        },
        {
          ...curve(
            ordered.map((step) => point(step, step.latency?.p99Ms ?? null)),
            "var(--series1)",
          ),
          symbolSize: 8,
          showSymbol: true,
          ...LOWER,
          ...(p99LimitMs === null ? {} : { markLine: limitLine(p99LimitMs) }),
        },
        ...(unit === "requests/s asked"
          ? [
            lines([{ from: [0, 0], to: [most, most] }], {
              stroke: "var(--line)",
            }),
          ]
          : []),
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const step = seriesIndex < 2 ? ordered[dataIndex] : undefined;
      return step === undefined
        ? null
        : `${shownNumber(step.load)} ${unit}: ${
          shownNumber(step.reachedPerSec)
        }/s reached, ${step.verdict}${
          step.reason === "" ? "" : `: ${step.reason}`
        }`;
    },
  };
}

/** The objective, as a line across; the axis is made to hold it by the series. */
function limitLine(limitMs: number): ChartOption {
  return markLine([{
    at: { yAxis: limitMs },
    text: `objective ${shownTick(limitMs)} ms`,
    color: "var(--bad)",
    type: "dashed",
    label: { position: "insideStartTop" },
  }]);
}

/** Where the series of the lower panel belong. */
const LOWER = { xAxisIndex: 1, yAxisIndex: 1 } as const;

function curve(data: readonly unknown[], color: string): ChartOption {
  return {
    type: "line",
    showSymbol: false,
    data,
    connectNulls: false,
    itemStyle: { color },
    lineStyle: { color, width: 1.5 },
  };
}

function panels(
  { x, upper, lower, isLog }: {
    readonly x: ChartOption;
    readonly upper: string;
    readonly lower: string;
    readonly isLog: boolean;
  },
): ChartOption {
  const names = {
    nameLocation: "end",
    nameGap: 14,
    nameTextStyle: {
      color: "var(--muted)",
      fontSize: 13,
      align: "left",
      padding: [0, 0, 0, -44],
    },
    splitNumber: 3,
    axisLabel: { formatter: shownTick },
  };
  const type = isLog ? "log" : "value";
  return {
    grid: GRIDS,
    xAxis: [
      axis({
        type: "value",
        ...x,
        name: "",
        gridIndex: 0,
        axisLabel: { show: false },
      }),
      axis({
        type: "value",
        ...x,
        gridIndex: 1,
        nameGap: 26,
        axisLabel: { hideOverlap: true, showMaxLabel: false },
      }),
    ],
    yAxis: [
      valueAxis({ gridIndex: 0, name: upper, ...names }),
      valueAxis({ gridIndex: 1, type, name: lower, ...names }),
    ],
  };
}
