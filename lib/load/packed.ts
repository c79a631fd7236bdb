/**
 * What was recorded of a load in a form that is small, exact and adds up: histograms and seconds in place of samples.
 *
 * @module
 */
import type { FailureCount } from "../record/run.ts";
import {
  type PackedHistogram,
  packHistogram,
  unpackHistogram,
} from "../stats/histogram.ts";
import type { LoadObservations } from "./observer.ts";
import type { LoadTotals, Samples } from "./samples.ts";
import {
  type PackedTimeline,
  packTimeline,
  unpackTimeline,
} from "./timeline.ts";

/** What is stored of {@linkcode Samples}; plain JSON. */
export interface PackedSamples {
  /** Counts over all requests. */
  readonly totals:
    & Omit<LoadTotals, "service" | "response" | "lag">
    & Readonly<Record<"service" | "response" | "lag", PackedHistogram>>;
  readonly failures: readonly FailureCount[];
  /** Requests that were sent again on a new connection. */
  readonly retried: number;
  /** What else was seen; null where the load was not observed. */
  readonly observed:
    | Omit<LoadObservations, "timeline"> & { readonly timeline: PackedTimeline }
    | null;
}

/** Leaves out what does not add up: the single samples, and the pauses of one thread. */
export function packSamples(samples: Samples): PackedSamples {
  const { totals, failures, retried, observed } = samples;
  return {
    totals: {
      ...totals,
      service: packHistogram(totals.service),
      response: packHistogram(totals.response),
      lag: packHistogram(totals.lag),
    },
    failures,
    retried,
    observed: observed === undefined
      ? null
      : { ...observed, timeline: packTimeline(observed.timeline) },
  };
}

/**
 * Returns samples of which only the totals and what was observed are there.
 *
 * @throws {RangeError} If a histogram or the timeline is none.
 */
export function unpackSamples(packed: PackedSamples): Samples {
  const { totals, failures, retried, observed } = packed;
  const nothing = () => new Float64Array();
  return {
    totals: {
      ...totals,
      service: unpackHistogram(totals.service),
      response: unpackHistogram(totals.response),
      lag: unpackHistogram(totals.lag),
    },
    ...{ plannedMs: nothing(), sentMs: nothing(), doneMs: nothing() },
    ...{ outcome: new Uint8Array(), pausesMs: nothing() },
    failures,
    retried,
    ...observed === null ? {} : {
      observed: { ...observed, timeline: unpackTimeline(observed.timeline) },
    },
  };
}
