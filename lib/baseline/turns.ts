/**
 * What is judged of several clients: the time that each of them takes for a request, and how it scatters.
 *
 * @module
 */
import type { SampleColumns } from "../record/run.ts";

/** A load is cut into so many parts, as many as the samples of a usual cell, if each client can have an answer in each. */
const MOST_PARTS = 20;

/**
 * Cuts each load of several clients into parts of as many requests each, and returns for each the time that a client
 * took for a request: from the first send of the part to that of the next one, times the clients over the requests.
 *
 * Its mean is the clients over the throughput. Neighbouring requests are answered together, so that single latencies
 * say too little of how a throughput scatters; whole parts show it, two humps of the latencies included.
 *
 * @returns In their order; fewer than {@linkcode MOST_PARTS} a load where the requests are few, and none of samples
 * that tell no windows.
 */
export function turnTimesMs(
  { sentMs, windows = [] }: SampleColumns,
  clients: number,
): number[] {
  let from = 0;
  return windows.flatMap(({ count, durationMs }) => {
    const sent = sentMs.slice(from, from + count).toSorted((a, b) => a - b);
    from += count;
    const startMs = sent[0] ?? 0;
    const parts = Math.min(MOST_PARTS, Math.floor(count / clients));
    const borderOf = (part: number) => Math.floor(part * count / parts);
    const timeOf = (part: number) =>
      part === parts ? startMs + durationMs : sent[borderOf(part)] ?? startMs;
    return Array.from(
      { length: parts },
      (_, part) =>
        (timeOf(part + 1) - timeOf(part)) * clients /
        (borderOf(part + 1) - borderOf(part)),
    );
  }).filter((turnMs) => turnMs > 0);
}
