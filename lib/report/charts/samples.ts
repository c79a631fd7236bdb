/**
 * The chart of the samples of one cell: each in its turn, what looked odd marked, and their distribution beside them.
 *
 * @module
 */
import type { CellResult } from "../../record/run.ts";
import { type CellView, shownNumber } from "../view.ts";
import {
  axis,
  type Chart,
  type ChartOption,
  lines,
  type Mark,
  rectangles,
  shownTick,
  valueAxis,
} from "./svg.ts";

const SAMPLES_HEIGHT = 170;
/** More samples of a cell are thinned out evenly; those with a mark all stay. */
const MAX_POINTS = 300;
const BINS = 16;
/** The part of the width that the distribution takes, as a share of that of the samples. */
const DISTRIBUTION_SHARE = 0.28;

interface Sample {
  readonly latencyMs: number;
  readonly mark: "compile" | "stall" | "failed" | null;
  readonly outcome: string;
}

/** Draws the samples of one cell in the order in which they were sent, and their distribution beside them. */
export function samplesChart({ name, passes, summary }: CellView): Chart {
  const samples = passes.flatMap(samplesOf);
  const latencies = samples.flatMap(({ mark, latencyMs }) =>
    mark === "failed" ? [] : [latencyMs]
  );
  // Not spread into arguments: a cell may have more samples than the stack has room.
  const least = latencies.reduce((a, b) => Math.min(a, b), Infinity);
  const most = latencies.reduce((a, b) => Math.max(a, b), -Infinity);
  const isLog = most > 10 * least && least > 0;
  const pad = isLog ? 1 : 0.08 * Math.max(most - least, 0.02 * most);
  const [low, high] = isLog
    ? [least / 1.3, most * 1.5]
    : [Math.max(0, least - pad), most + 2 * pad];
  const count = samples.length;
  const bars = distribution(latencies, { low, high, isLog })
    .map(({ from, to, share }): Mark => ({
      from: [count * 1.05, from],
      to: [count * (1.05 + DISTRIBUTION_SHARE * share), to],
    }));
  const percentiles = summary === null ? [] : [
    { valueMs: summary.p50Ms, lineDash: {} },
    { valueMs: summary.p95Ms, lineDash: { lineDash: [4, 2] } },
    { valueMs: summary.p99Ms, lineDash: { lineDash: [1, 2] } },
  ];
  const step = Math.ceil(count / MAX_POINTS);
  const points = samples.map((sample, index) => ({ sample, index }))
    .filter(({ sample, index }) => sample.mark !== null || index % step === 0);
  return {
    height: SAMPLES_HEIGHT,
    label: `Latencies of ${name}, sample by sample, and their distribution`,
    option: {
      grid: { left: 52, right: 8, top: 10, bottom: 40 },
      xAxis: axis({
        type: "value",
        min: 0,
        max: count * (1.07 + DISTRIBUTION_SHARE),
        name: step > 1
          ? `sample, every ${step}th drawn`
          : passes.length > 1
          ? `sample, ${passes.length} passes in turn`
          : "sample",
        nameGap: 24,
        axisLabel: {
          customValues: [1, Math.ceil(count / 2), count],
          formatter: String,
        },
      }),
      yAxis: valueAxis({
        type: isLog ? "log" : "value",
        min: low,
        max: high,
        axisLabel: {
          formatter: shownTick,
          showMinLabel: false,
          showMaxLabel: false,
        },
      }),
      series: [
        rectangles(bars, { fill: "var(--bar)" }),
        ...percentiles.map(({ valueMs, lineDash }) =>
          lines([{
            from: [count * 1.05, valueMs],
            to: [count * (1.07 + DISTRIBUTION_SHARE), valueMs],
          }], { stroke: "var(--series1)", ...lineDash })
        ),
        {
          type: "scatter",
          symbolSize: 5,
          itemStyle: { color: "var(--series0)" },
          data: points.map(({ sample, index }) => ({
            value: [
              index + 1,
              sample.mark === "failed" ? high : sample.latencyMs,
            ],
            ...MARK_STYLES[sample.mark ?? "none"],
          })),
        },
      ],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const point = seriesIndex === 1 + percentiles.length
        ? points[dataIndex]
        : undefined;
      if (!point?.sample.mark) return null;
      const { latencyMs, mark, outcome } = point.sample;
      return `sample ${point.index + 1}: ${shownNumber(latencyMs)} ms, ${
        mark === "failed" ? `failed (${outcome})` : `looks like a ${mark}`
      }`;
    },
  };
}

const MARK_STYLES: Readonly<Record<string, ChartOption>> = {
  none: {},
  compile: {
    symbol: "triangle",
    symbolSize: 10,
    itemStyle: { color: "var(--bad)" },
  },
  stall: {
    symbol: "diamond",
    symbolSize: 10,
    itemStyle: { color: "var(--doubtful)" },
  },
  failed: {
    symbol: "rect",
    symbolSize: 8,
    itemStyle: { color: "var(--bad)" },
  },
};

function samplesOf({ samples, suspects }: CellResult): Sample[] {
  const kinds = new Map(suspects.map(({ index, kind }) => [index, kind]));
  return samples.outcome.map((outcome, i) => ({
    outcome,
    latencyMs: (samples.doneMs[i] ?? 0) - (samples.sentMs[i] ?? 0),
    mark: outcome === "ok" ? kinds.get(i) ?? null : "failed",
  }));
}

/** Counts latencies in bins of equal width on the axis; shares are of the fullest bin. */
function distribution(
  latencies: readonly number[],
  { low, high, isLog }: {
    readonly low: number;
    readonly high: number;
    readonly isLog: boolean;
  },
): { readonly from: number; readonly to: number; readonly share: number }[] {
  const place = isLog ? Math.log : (value: number) => value;
  const value = isLog ? Math.exp : (placed: number) => placed;
  const width = (place(high) - place(low)) / BINS;
  const counts = Array<number>(BINS).fill(0);
  for (const latencyMs of latencies) {
    const bin = Math.min(
      BINS - 1,
      Math.floor((place(latencyMs) - place(low)) / width),
    );
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const fullest = Math.max(...counts);
  return counts.flatMap((count, bin) =>
    count === 0 ? [] : [{
      from: value(place(low) + bin * width),
      to: value(place(low) + (bin + 1) * width),
      share: count / fullest,
    }]
  );
}
