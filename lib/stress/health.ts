/**
 * What a run under load says of the health of a server: whether answers got slower, whether its
 * memory grew, and how long it stood still.
 *
 * @module
 */
import type { LoadObservations, Standstill } from "../load/observer.ts";
import type { Timeline } from "../load/timeline.ts";
import { histogramQuantile, mergeHistograms } from "../stats/histogram.ts";
import { quantile } from "../stats/summary.ts";
import {
  findTrend,
  isRise,
  pairSlopes,
  type SeriesPoint,
  type Trend,
  TREND_MIN_POINTS,
} from "../stats/trend.ts";

/** What is watched. */
export const WATCHED = [
  "latency",
  "resident memory",
  "KV cache tokens lost",
  "queued requests",
] as const;

/** One of {@linkcode WATCHED}. */
export type Watched = typeof WATCHED[number];

/** What became of one watched quantity. */
export interface HealthCheck {
  readonly watched: Watched;
  readonly unit: "ms" | "bytes" | "tokens" | "requests";
  /** Why nothing can be said, in words; null where it was observed. */
  readonly unobserved: string | null;
  /** How it went; null where it was not observed. */
  readonly trend: Trend | null;
  readonly grew: boolean;
}

/** The health of a server during one load. */
export interface Health {
  /** The quantities, in the order of {@linkcode WATCHED}. */
  readonly checks: readonly HealthCheck[];
  /** The longest time in which requests were in flight and none ended. */
  readonly standstill: Standstill;
  /** Whether that is a stall: long, and far longer than an answer takes. */
  readonly isStall: boolean;
}

/** Measurements of a server during a load, each a series, or why there are none. */
export interface ServerSeries {
  /** Resident memory of the server's processes in bytes. */
  readonly residentBytes: readonly SeriesPoint[] | string;
  /** Tokens of the KV pool that are neither free nor cached, beyond those at the start. */
  readonly lostTokens: readonly SeriesPoint[] | string;
  /** The size of the pool in tokens; null where it is not told. */
  readonly poolTokens: number | null;
  /** Requests that wait for a batch, as the server counts them: one an item. */
  readonly queuedRequests: readonly SeriesPoint[] | string;
}

/** Answers that got slower by less than this share of their median over a run are not worth a search. */
const LEAST_DRIFT_SHARE = 0.1;

/** Memory that grew by less than this share of its median, or by less than 16 MiB, may be any allocator's. */
const LEAST_LEAK_SHARE = 0.02;
const LEAST_LEAK_BYTES = 16 * 2 ** 20;

/** Tokens of the KV pool that are lost matter from this share of the pool on. */
const LEAST_LOST_SHARE = 0.01;

/** A queue that grew by fewer requests than this is not worth a search, */
const LEAST_QUEUE_GROWTH = 4;

/** nor is one whose median of the last quarter is not above this: that is a batch or two. */
const LEAST_LONG_QUEUE = 8;

/** A standstill is a stall from this length on, in milliseconds, */
const LEAST_STALL_MS = 1000;

/** and when it is as many times as long as the median answer takes. */
const STALL_FACTOR = 10;

/** More groups say no more of a trend. */
const MAX_GROUPS = 60;

/** Caches and allocators fill up at first; this share of a memory series is not looked at. */
const SETTLING_SHARE = 0.25;

/** Growth that slows down to less than this share of its pace is that of something that fills up. */
const LASTING_SHARE = 1 / 3;

/**
 * Judges the health of a server by one load.
 *
 * @param observed What was seen of the load.
 * @param windowMs The planned length of the load, or what there was of it.
 * @param server What was measured of the server meanwhile.
 */
export function judgeHealth(
  observed: LoadObservations,
  windowMs: number,
  server: ServerSeries,
): Health {
  const { timeline, standstills } = observed;
  const standstill = standstills[0] ?? { startMs: 0, durationMs: 0 };
  const median = histogramQuantile(mergeHistograms(timeline.waits), 0.5);
  return {
    checks: [
      checkLatency(timeline, windowMs),
      checkMemory(
        { watched: "resident memory", unit: "bytes" },
        server.residentBytes,
        (trend) => Math.max(LEAST_LEAK_BYTES, LEAST_LEAK_SHARE * trend.median),
      ),
      checkMemory(
        { watched: "KV cache tokens lost", unit: "tokens" },
        server.lostTokens,
        () => LEAST_LOST_SHARE * (server.poolTokens ?? Infinity),
      ),
      checkQueue(
        server.queuedRequests,
        windowMs,
      ),
    ],
    standstill,
    isStall: standstill.durationMs >= LEAST_STALL_MS && median !== null &&
      standstill.durationMs >= STALL_FACTOR * median,
  };
}

function checkLatency(timeline: Timeline, windowMs: number): HealthCheck {
  const base = { watched: "latency", unit: "ms" } as const;
  const trend = findTrend(medianWaits(timeline, windowMs));
  if (trend === null) {
    return {
      ...base,
      unobserved: `fewer than ${TREND_MIN_POINTS} seconds with answers`,
      trend,
      grew: false,
    };
  }
  const grew = isRise(trend, LEAST_DRIFT_SHARE * trend.median);
  return { ...base, unobserved: null, trend, grew };
}

/** Returns the median wait of each group of whole intervals inside the window. */
function medianWaits(timeline: Timeline, windowMs: number): SeriesPoint[] {
  const { intervalMs, waits } = timeline;
  const whole = Math.min(waits.length, Math.floor(windowMs / intervalMs));
  const size = Math.max(1, Math.ceil(whole / MAX_GROUPS));
  const points: SeriesPoint[] = [];
  for (let from = 0; from + size <= whole; from += size) {
    const group = mergeHistograms(waits.slice(from, from + size));
    const value = histogramQuantile(group, 0.5);
    const timeMs = (from + size / 2) * intervalMs;
    if (value !== null) points.push({ timeMs, value });
  }
  return points;
}

/** Judges a queue inside the window: while a load drains it shrinks however long it has grown. */
function checkQueue(
  series: readonly SeriesPoint[] | string,
  windowMs: number,
): HealthCheck {
  const base = { watched: "queued requests", unit: "requests" } as const;
  const nothing = { ...base, trend: null, grew: false };
  if (typeof series === "string") return { ...nothing, unobserved: series };
  const endMs = (series[0]?.timeMs ?? 0) + windowMs;
  const points = series.filter(({ timeMs }) => timeMs < endMs);
  const trend = findTrend(points);
  if (trend === null) return { ...nothing, unobserved: describeShort(points) };
  const grew = isRise(trend, LEAST_QUEUE_GROWTH) &&
    trend.lastQuarter > LEAST_LONG_QUEUE;
  return { ...base, unobserved: null, trend, grew };
}

function describeShort(series: readonly SeriesPoint[]): string {
  return `too short: ${series.length} measurements`;
}

function checkMemory(
  base: Pick<HealthCheck, "watched" | "unit">,
  series: readonly SeriesPoint[] | string,
  leastOf: (trend: Trend) => number,
): HealthCheck {
  const nothing = { ...base, trend: null, grew: false };
  if (typeof series === "string") return { ...nothing, unobserved: series };
  const settled = series.slice(Math.floor(SETTLING_SHARE * series.length));
  const trend = findTrend(settled);
  if (trend === null) {
    return { ...nothing, unobserved: describeShort(series) };
  }
  const late = pairSlopes(settled.slice(Math.floor(settled.length / 2)));
  const lateSlope = late.length === 0 ? 0 : quantile(late, 0.5);
  const lasts = lateSlope >= LASTING_SHARE * trend.change / trend.spanMs;
  const grew = lasts && isRise(trend, leastOf(trend));
  return { ...base, unobserved: null, trend, grew };
}
