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

/** A queue is worth a search that grew by so many requests, and whose last quarter has a median above a batch or two. */
const LEAST_QUEUE_GROWTH = 4;
const LEAST_LONG_QUEUE = 8;

/** A standstill is a stall from this length on, in milliseconds, where it is so many times as long as the median answer. */
const LEAST_STALL_MS = 1000;
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
      check(
        ["latency", "ms"],
        medianWaits(timeline, windowMs),
        (trend) => isRise(trend, LEAST_DRIFT_SHARE * trend.median),
        () => `fewer than ${TREND_MIN_POINTS} seconds with answers`,
      ),
      checkMemory(
        ["resident memory", "bytes"],
        server.residentBytes,
        (trend) => Math.max(LEAST_LEAK_BYTES, LEAST_LEAK_SHARE * trend.median),
      ),
      checkMemory(
        ["KV cache tokens lost", "tokens"],
        server.lostTokens,
        () => LEAST_LOST_SHARE * (server.poolTokens ?? Infinity),
      ),
      check(
        ["queued requests", "requests"],
        withinWindow(server.queuedRequests, windowMs),
        (trend) =>
          isRise(trend, LEAST_QUEUE_GROWTH) &&
          trend.lastQuarter > LEAST_LONG_QUEUE,
      ),
    ],
    standstill,
    isStall: standstill.durationMs >= LEAST_STALL_MS && median !== null &&
      standstill.durationMs >= STALL_FACTOR * median,
  };
}

/** Looks for a trend in a series, if there is one. */
function check(
  [watched, unit]: readonly [Watched, HealthCheck["unit"]],
  series: readonly SeriesPoint[] | string,
  hasGrown: (trend: Trend) => boolean,
  tooShort = (length: number) => `too short: ${length} measurements`,
): HealthCheck {
  const trend = typeof series === "string" ? null : findTrend(series);
  const unobserved = trend !== null
    ? null
    : typeof series === "string"
    ? series
    : tooShort(series.length);
  const grew = trend !== null && hasGrown(trend);
  return { watched, unit, unobserved, trend, grew };
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

/** A queue is judged inside the window: while a load drains it shrinks however long it has grown. */
function withinWindow(
  series: readonly SeriesPoint[] | string,
  windowMs: number,
): readonly SeriesPoint[] | string {
  if (typeof series === "string") return series;
  const endMs = (series[0]?.timeMs ?? 0) + windowMs;
  return series.filter(({ timeMs }) => timeMs < endMs);
}

function checkMemory(
  what: readonly [Watched, HealthCheck["unit"]],
  series: readonly SeriesPoint[] | string,
  leastOf: (trend: Trend) => number,
): HealthCheck {
  const settled = typeof series === "string"
    ? []
    : series.slice(Math.floor(SETTLING_SHARE * series.length));
  const shown = typeof series === "string" ? series : settled;
  return check(what, shown, (trend) => {
    const late = pairSlopes(settled.slice(Math.floor(settled.length / 2)));
    const lateSlope = late.length === 0 ? 0 : quantile(late, 0.5);
    const lasts = lateSlope >= LASTING_SHARE * trend.change / trend.spanMs;
    return lasts && isRise(trend, leastOf(trend));
  });
}
