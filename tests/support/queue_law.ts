/**
 * A server of a known law: one queue, batches up to a limit, and a service time that grows with the batch; some clients
 * in front of it, each of which sends its next request when the last one is answered.
 *
 * @module
 */
import type {
  CellKey,
  CellResult,
  SampleColumns,
} from "../../lib/record/run.ts";
import {
  EDGE_TURNS,
  steadyPart,
  summarisePasses,
} from "../../lib/record/passes.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

/** The law: a batch of n takes `fixedMs + n x perRequestMs`, times a factor of the median 1. */
export interface QueueLaw {
  /** What a batch costs. */
  readonly fixedMs: number;
  /** What each request in it costs. */
  readonly perRequestMs: number;
  /** The most requests of a batch. */
  readonly maxBatch: number;
  /** Standard deviation of the logarithm of the factor. */
  readonly noise: number;
}

/** Runs a closed load through such a server. */
export function runQueue(
  law: QueueLaw,
  load: {
    readonly clients: number;
    /** Requests that each client sends and that count. */
    readonly runs: number;
    readonly seed: number;
  },
): SampleColumns {
  const count = load.clients * (load.runs + EDGE_TURNS);
  const rng = createRng(load.seed);
  const sentMs: number[] = [];
  const doneMs: number[] = [];
  // Who waits, in the order of arrival; at first all clients, one after the other.
  let waiting = Array.from({ length: load.clients }, () => 0);
  let nowMs = 0;
  while (sentMs.length < count) {
    // Those that arrived while the last batch ran are the next one, up to the limit.
    const size = nowMs === 0 ? 1 : Math.min(law.maxBatch, waiting.length);
    const batch = waiting.slice(0, size);
    waiting = waiting.slice(size);
    nowMs += (law.fixedMs + size * law.perRequestMs) *
      Math.exp(law.noise * normal(rng));
    for (const sent of batch) {
      if (sentMs.length === count) break;
      sentMs.push(sent);
      doneMs.push(nowMs);
      waiting.push(nowMs);
    }
  }
  return steadyPart({
    plannedMs: sentMs,
    sentMs,
    doneMs,
    outcome: sentMs.map(() => "ok" as const),
  }, load.clients);
}

/** Makes a pass of a cell of what such a server answered. */
export function passOf(key: CellKey, samples: SampleColumns): CellResult {
  return {
    key,
    repeat: 0,
    numRuns: samples.outcome.length / (key.concurrency ?? 1),
    warmupRuns: 0,
    labelTokenIds: [1, 2],
    warmUp: { requests: 0, failed: 0, slowestMs: null, settled: true },
    samples,
    suspects: [],
    failures: [],
    summary: summarisePasses([samples], key),
    status: "OK",
    doubts: [],
  };
}
