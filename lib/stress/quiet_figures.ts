/**
 * The figures of a load without the seconds in which the server compiled.
 *
 * @module
 */
import { type Timeline, timelineRows } from "../load/timeline.ts";
import { histogramQuantile, mergeHistograms } from "../stats/histogram.ts";
import type { QuietFigures } from "./record.ts";

/** A line is read this much after it was written at most, in milliseconds; and an answer comes a little after its line. */
const READ_DELAY_MS = 250;
const ANSWER_DELAY_MS = 1000;

/**
 * Returns the figures of the intervals that no compile touched: it touches those from the start of the longest wait that
 * ended with it on.
 *
 * @param timeline The load, interval by interval.
 * @param compileTimesMs When each compile was read of, in milliseconds from the start of the load.
 * @param lengthMs The length of the load without its drain, in milliseconds.
 * @returns null where nothing was compiled, or no interval is left.
 */
export function quietFigures(
  timeline: Timeline,
  compileTimesMs: readonly number[],
  lengthMs: number,
): QuietFigures | null {
  if (compileTimesMs.length === 0) return null;
  const { intervalMs, waits } = timeline;
  const rows = timelineRows(timeline);
  const touched = compileTimesMs.map((timeMs) => {
    const writtenMs = timeMs - READ_DELAY_MS;
    const endMs = timeMs + ANSWER_DELAY_MS;
    const longestMs = Math.max(
      0,
      ...rows.filter(({ startMs }) =>
        startMs + intervalMs > writtenMs && startMs <= endMs
      ).map(({ maxMs }) => maxMs ?? 0),
    );
    return [writtenMs - longestMs, endMs] as const;
  });
  const isQuiet = (startMs: number) =>
    touched.every(([fromMs, toMs]) =>
      startMs + intervalMs <= fromMs || startMs > toMs
    );
  const whole = rows.filter(({ startMs }) => startMs + intervalMs <= lengthMs);
  const kept = whole.filter(({ startMs }) => isQuiet(startMs));
  if (kept.length === 0) return null;
  const counted = mergeHistograms(
    kept.flatMap(({ startMs }) =>
      waits[Math.round(startMs / intervalMs)] ?? []
    ),
  );
  const good = kept.reduce((sum, row) => sum + row.good, 0);
  return {
    leftOutSeconds: (whole.length - kept.length) * intervalMs / 1000,
    reachedPerSec: 1000 * good / (kept.length * intervalMs),
    p50Ms: histogramQuantile(counted, 0.5),
    p99Ms: histogramQuantile(counted, 0.99),
  };
}
