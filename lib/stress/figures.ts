/**
 * The figures of one load, out of its samples.
 *
 * @module
 */
import type { Loop } from "../load/driver.ts";
import { sharedDueTimesMs } from "../load/pacing.ts";
import type { Samples } from "../load/samples.ts";
import { countOf } from "../record/cells.ts";
import { OUTCOMES } from "../outcome.ts";
import {
  countAbove,
  type Histogram,
  histogramMean,
  histogramQuantile,
} from "../stats/histogram.ts";
import { summariseLatencies } from "../stats/summary.ts";
import type { StressResult, TimeFigures } from "./record.ts";

/** What a load came to. */
export interface LoadFigures extends
  Pick<
    StressResult,
    "reachedPerSec" | "latency" | "service" | "lag" | "failures"
  > {
  /** Requests that were due. */
  readonly planned: number;
  /** Right answers. */
  readonly good: number;
  /** Failures, arrivals that could not be sent among them. */
  readonly failed: number;
  /** Requests that an interrupt ended. */
  readonly unfinished: number;
  /** The share of requests that failed, 0 to 1; null when none came to an end. */
  readonly errorShare: number | null;
}

/** A send is late from here on, in milliseconds: the waits of this client end within 3 ms of the plan. */
export const LATE_SEND_MS = 10;

/**
 * Computes the figures of a load; exact where every sample was kept.
 *
 * @param samples What was recorded.
 * @param loop The load that was asked for.
 * @param elapsedMs How long it went on; less than was asked for where it was interrupted.
 */
export function loadFigures(
  samples: Samples,
  loop: Loop,
  elapsedMs: number,
): LoadFigures {
  const { totals } = samples;
  const { planned, good } = totals;
  const unfinished = countOf(
    samples.failures.filter(({ outcome }) => outcome === "aborted"),
  );
  const failed = planned - good - unfinished;
  const isWhole = samples.outcome.length === planned;
  const times = (
    histogram: Histogram,
    choose: (outcome: string, i: number) => number | null,
    longestMs: number | null = null,
  ) =>
    isWhole
      ? timeFigures(chosen(samples, choose))
      : histogramFigures(histogram, longestMs);
  const service = times(
    totals.service,
    (outcome, i) =>
      outcome === "ok"
        ? (samples.doneMs[i] ?? 0) - (samples.sentMs[i] ?? 0)
        : null,
  );
  const latency = loop.kind === "closed" ? service : times(
    totals.response,
    (outcome, i) =>
      outcome === "ok"
        ? (samples.doneMs[i] ?? 0) - (samples.plannedMs[i] ?? 0)
        : null,
    longestWaitMs(samples),
  );
  const lag = times(
    totals.lag,
    (outcome, i) =>
      outcome === "dropped"
        ? null
        : (samples.sentMs[i] ?? 0) - (samples.plannedMs[i] ?? 0),
  );
  return {
    planned,
    good,
    failed,
    unfinished,
    failures: samples.failures.filter(({ outcome }) => outcome !== "aborted"),
    errorShare: good + failed === 0 ? null : failed / (good + failed),
    latency,
    service,
    lag: lag === null || loop.kind === "closed"
      ? null
      : { ...lag, late: countAbove(totals.lag, LATE_SEND_MS) },
    reachedPerSec: loop.durationMs === null
      ? (service === null ? null : 1000 / service.meanMs)
      : goodPerSec(
        samples,
        isWholePlan(loop, planned)
          ? loop.durationMs
          : Math.min(loop.durationMs, elapsedMs),
      ),
  };
}

function longestWaitMs({ observed }: Samples): number | null {
  return observed?.timeline.maxMs.reduce((a, b) => Math.max(a, b), 0) ?? null;
}

function chosen(
  samples: Samples,
  choose: (outcome: string, i: number) => number | null,
): number[] {
  return Array.from(samples.outcome).flatMap((code, i) =>
    choose(OUTCOMES[code] ?? "aborted", i) ?? []
  );
}

/** Returns the figures of times in milliseconds; null without any. */
export function timeFigures(timesMs: readonly number[]): TimeFigures | null {
  const summary = summariseLatencies(timesMs);
  if (summary === null) return null;
  const { meanMs, p50Ms, p95Ms, p99Ms, maxMs } = summary;
  return { meanMs, p50Ms, p95Ms, p99Ms, maxMs };
}

/** Each figure is within 0.4 % of itself; `longestMs` is the longest time where it is known exactly. */
function histogramFigures(
  histogram: Histogram,
  longestMs: number | null,
): TimeFigures | null {
  const meanMs = histogramMean(histogram);
  if (meanMs === null) return null;
  const at = (q: number) => histogramQuantile(histogram, q) ?? 0;
  return {
    meanMs,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    maxMs: longestMs ?? at(1),
  };
}

/** Whether every arrival of an open load was planned: such a load may end with its last answer, before its window does. */
function isWholePlan(loop: Loop, planned: number): boolean {
  if (loop.kind === "closed") return false;
  let due = 0;
  for (const _ of sharedDueTimesMs(loop, loop.share)) {
    if (++due > planned) return false;
  }
  return true;
}

/** Right answers a second: those that came within the window, so that neither draining nor a last slow answer counts. */
function goodPerSec(
  { totals: { planned, inTime } }: Samples,
  windowMs: number,
): number | null {
  return planned === 0 || windowMs <= 0 ? null : inTime * 1000 / windowMs;
}
