/**
 * Measures the ruler: what this process on this machine adds to a latency, and the most it sends.
 *
 * @module
 */
import type { Calibration } from "../record/run.ts";
import { goodLatenciesMs } from "../record/run.ts";
import { summariseLatencies } from "../stats/summary.ts";
import { closedLoopRatio } from "./client_limit.ts";
import type { Loop } from "./driver.ts";
import type { LoadGenerator, LoadPlan } from "./generator.ts";
import { toColumns } from "./samples.ts";
import { startThread } from "../thread.ts";

/** Long enough for a thousand requests one after another on a slow machine, in milliseconds. */
const ALONE_MS = 250;

/** Long enough for a stable rate, in milliseconds. */
const CROWDED_MS = 300;

/** Connections at which the ceiling is measured; more send no more on one core. */
const CROWD = 16;

/**
 * Drives a null server on loopback, one client and then many, with the code that measures.
 *
 * The latency against it is that of the client, the loopback and an answer that costs nothing: an
 * upper bound of what the client adds to every measured latency.
 *
 * @param load The load generator that the run will use.
 * @param signal Ends it early.
 * @returns Null when it was ended, or when this process may not use the network.
 */
export async function calibrate(
  load: LoadGenerator,
  signal: AbortSignal,
): Promise<Calibration | null> {
  // A worker that may not listen prints a stack trace that cannot be caught.
  const loopback = { name: "net", host: "127.0.0.1" } as const;
  const { state } = await Deno.permissions.query(loopback);
  if (state !== "granted") return null;
  const server = startThread(new URL("./null_server.ts", import.meta.url));
  try {
    const port = await new Promise<number | null>((resolve) => {
      server.onmessage = (event: MessageEvent<number>) => resolve(event.data);
      server.onerror = (event) => {
        event.preventDefault();
        resolve(null);
      };
    });
    if (port === null) return null;
    const run = async (loop: Loop) => {
      const samples = await load.run(planFor(port, loop), { signal });
      const columns = toColumns(samples, 0);
      return {
        latency: summariseLatencies(goodLatenciesMs(columns)),
        // The request that was sent last need not be the last to end.
        windowMs: columns.doneMs.reduce((last, ms) => Math.max(last, ms), 0) -
          (columns.sentMs[0] ?? 0),
      };
    };
    const closed = { kind: "closed", count: null } as const;
    // Once unmeasured, so that the code is compiled before it is timed.
    await run({ ...closed, concurrency: 1, durationMs: ALONE_MS / 5 });
    const alone = await run({
      ...closed,
      concurrency: 1,
      durationMs: ALONE_MS,
    });
    const crowded = await run({
      ...closed,
      concurrency: CROWD,
      durationMs: CROWDED_MS,
    });
    if (alone.latency === null || crowded.latency === null) return null;
    return {
      addedP50Ms: alone.latency.p50Ms,
      addedP99Ms: alone.latency.p99Ms,
      ceilingRequestsPerSec: crowded.latency.count * 1000 / crowded.windowMs,
      closedLoopRatio: closedLoopRatio({
        latencySumMs: crowded.latency.meanMs * crowded.latency.count,
        windowMs: crowded.windowMs,
        concurrency: CROWD,
      }),
    };
  } finally {
    server.terminate();
  }
}

/** What null_server.ts answers. */
const NULL_SCORES = [0.25, 0.75];

function planFor(port: number, loop: Loop): LoadPlan {
  const workload = {
    batchSize: 1,
    labelTokenIds: [1, 2],
    model: "null",
    applySoftmax: true,
    prefixCache: "hot",
    seed: 0,
    tokens: null,
  } as const;
  return {
    endpoint: {
      url: `http://127.0.0.1:${port}`,
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    workload,
    // Read and compared as the answers of loads are: the copy of an answer would be told faster.
    known: {
      workloads: [{
        spec: workload,
        payloads: 1,
        references: Float64Array.from(NULL_SCORES),
        weight: 1,
      }],
      tolerance: { relative: 0.01, absolute: 0.0001 },
    },
    dtype: "float32",
    firstIndex: 0,
    timeoutMs: 5_000,
    loop,
  };
}
