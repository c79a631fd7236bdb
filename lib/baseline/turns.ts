/**
 * What is judged of several clients: the time that each of them takes for a request, and how it scatters.
 *
 * @module
 */
import { busySpans } from "../record/passes.ts";
import type { SampleColumns } from "../record/run.ts";

/** A load is cut into so many parts, as many as the samples of a usual cell, if each client can have an answer in each. */
const MOST_PARTS = 20;

/**
 * Cuts a load of several clients into parts of as many right answers each, and returns for each the time that a client
 * took for a request: the length of the part times the clients over the answers.
 *
 * Its mean is the clients over the throughput. Neighbouring requests are answered together, so that single latencies
 * say too little of how a throughput scatters; whole parts show it, two humps of the latencies included.
 *
 * @returns In their order; fewer than {@linkcode MOST_PARTS} where the answers are few.
 */
export function turnTimesMs(
  samples: SampleColumns,
  clients: number,
): number[] {
  const spans = busySpans(samples);
  // On a clock that stands still while nothing is in flight, as between two passes.
  const busyAt = (timeMs: number) =>
    spans.reduce(
      (sum, { fromMs, toMs }) =>
        sum + Math.max(0, Math.min(toMs, timeMs) - fromMs),
      0,
    );
  const done = samples.doneMs.filter((_, i) => samples.outcome[i] === "ok")
    .toSorted((a, b) => a - b);
  const parts = Math.min(MOST_PARTS, Math.floor(done.length / clients));
  let startMs = 0;
  return Array.from({ length: parts }, (_, part) => {
    const [from, to] = [part, part + 1].map((n) =>
      Math.floor(n * done.length / parts)
    ) as [number, number];
    const endMs = busyAt(done[to - 1] ?? 0);
    const turnMs = (endMs - startMs) * clients / (to - from);
    startMs = endMs;
    return turnMs;
  }).filter((turnMs) => turnMs > 0);
}
