/**
 * The chart of a capacity: throughput against latency, a point for each number of clients.
 *
 * @module
 */
import { parseObjectives } from "../../load/objectives.ts";
import type { CapacityRecord } from "../../record/run.ts";
import { shownNumber } from "../view.ts";
import {
  axis,
  type Chart,
  type ChartOption,
  shownTick,
  valueAxis,
} from "./svg.ts";

const HEIGHT = 250;

/** Draws items a second against the p99 of each number of clients, with the objective of the p99 and the knee. */
export function capacityChart(found: CapacityRecord): Chart {
  const points = found.rungs.flatMap((rung) =>
    rung.p99Ms === null || rung.throughputItemsPerSec === null ? [] : {
      ...rung,
      p99Ms: rung.p99Ms,
      throughputItemsPerSec: rung.throughputItemsPerSec,
    }
  );
  const limitMs = p99LimitOf(found.slo);
  const { knee } = found;
  const line = (at: ChartOption, text: string, colour: string) => ({
    ...at,
    lineStyle: { color: colour, type: "solid", width: 1.5 },
    label: { formatter: text, color: colour, fontSize: 13, align: "right" },
  });
  const farthest = Math.max(limitMs ?? 0, ...points.map(({ p99Ms }) => p99Ms));
  return {
    height: HEIGHT,
    label: "Throughput in items per second against the p99 latency",
    option: {
      grid: { left: 56, right: 16, top: 24, bottom: 44 },
      xAxis: axis({
        type: "value",
        min: 0,
        max: farthest * 1.05,
        name: "p99 (ms)",
        nameGap: 26,
      }),
      yAxis: valueAxis({
        type: "value",
        axisLabel: { formatter: shownTick },
      }),
      series: [{
        type: "line",
        symbolSize: 9,
        lineStyle: { color: "var(--series0)", width: 1.5 },
        data: points.map((point) => ({
          value: [point.p99Ms, point.throughputItemsPerSec],
          symbol: point.verdict === "held" ? "circle" : "triangle",
          itemStyle: {
            color: point.verdict === "held" ? "var(--series0)" : "var(--bad)",
          },
        })),
        markLine: {
          silent: true,
          symbol: "none",
          data: [
            ...(limitMs === null
              ? []
              : [line({ xAxis: limitMs }, `${limitMs} ms`, "var(--bad)")]),
            ...(knee === null ? [] : [
              line(
                { yAxis: knee.throughputItemsPerSec },
                `knee, ${knee.clients}`,
                "var(--good)",
              ),
            ]),
          ],
        },
      }],
    },
    tooltip: (seriesIndex, dataIndex) => {
      const point = seriesIndex === 0 ? points[dataIndex] : undefined;
      return point === undefined
        ? null
        : `${point.clients} clients: ${
          shownNumber(point.throughputItemsPerSec)
        } items/s at a p99 of ${shownNumber(point.p99Ms)} ms, ${point.verdict}${
          point.reason === "" ? "" : `: ${point.reason}`
        }`;
    },
  };
}

function p99LimitOf(slo: string): number | null {
  try {
    return parseObjectives(slo).find(({ name }) => name === "p99")?.limit ??
      null;
  } catch {
    // A record from elsewhere may hold anything.
    return null;
  }
}
