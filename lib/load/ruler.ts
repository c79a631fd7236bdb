/**
 * Measures the ruler: what this process on this machine adds to a latency, and the most it sends.
 *
 * @module
 */
import { type Calibration, goodLatenciesMs } from "../record/run.ts";
import { itemsOf, requestBody, type WorkloadSpec } from "../score/workload.ts";
import { summariseLatencies } from "../stats/summary.ts";
import { startThread } from "../thread.ts";
import { closedLoopRatio } from "./client_limit.ts";
import type { Loop } from "./driver.ts";
import type { LoadGenerator, LoadPlan } from "./generator.ts";
import { type Samples, toColumns } from "./samples.ts";

/** What a ruler is measured for. */
export interface RuledLoad {
  /** What will be sent; of several kinds the largest. */
  readonly workload: WorkloadSpec;
  readonly loop: Loop;
  /** Whether each answer will be compared with a reference. */
  readonly isKnown: boolean;
}

/** Measures what the client adds to loads. */
export interface Ruler extends AsyncDisposable {
  /**
   * Drives a null server on loopback with the payload, answer size, regime and number of clients of a load, by the
   * code that measures. The latency against it is that of the client, the loopback and an answer that costs next to
   * nothing: an upper bound of what the client adds. Loads whose requests and answers are of one size share it: both
   * up to 4 KB, or up to the same power of two.
   *
   * @returns Null when it was ended early, or when this process may not use the network.
   */
  readonly measure: (load: RuledLoad) => Promise<Calibration | null>;
}

/** Connections at which the ceiling of an open load is measured; more send no more on one core. */
const CROWD = 16;

/** A ruler is measured for this long, in milliseconds: some hundred requests one after another. */
const MEASURE_MS = 80;
/** So long at least, and for this share of what is left of the time for all of them, in milliseconds. */
const MEASURE_MS_MIN = 15;
const LEFT_SHARE = 0.1;
const ALL_MS = 1_500;
/** Before it, unmeasured, so that the code is compiled: this share of its time, the first time more. */
const WARM_UP_SHARE = 0.2;
const FIRST_WARM_UP_MS = 30;

/** Sizes below this make no difference, in bytes. */
const SMALL_BYTES = 4_096;

/**
 * Starts the null server; it is closed with the ruler.
 *
 * @param load The load generator that the run will use.
 * @param signal Ends it early.
 */
export function startRuler(load: LoadGenerator, signal: AbortSignal): Ruler {
  const known = new Map<string, Promise<Calibration | null>>();
  /** Those of open loads, by those of as many clients as they have in flight at most. */
  const open = new Map<Calibration, Calibration>();
  const server = startNullServer();
  // A ruler that is never used must not end the program by what it could not do.
  server.catch(() => {});
  let leftMs = ALL_MS;
  let isFirst = true;

  async function run(
    subject: Subject,
    durationMs: number,
  ): Promise<Samples | null> {
    const { port = null } = await server ?? {};
    if (port === null || signal.aborted) return null;
    const loop = {
      ...{ kind: "closed", count: null } as const,
      ...{ concurrency: subject.clients, durationMs },
    };
    return await load.run(planFor(port, subject, loop), { signal });
  }

  async function measure(subject: Subject): Promise<Calibration | null> {
    const durationMs = Math.max(
      MEASURE_MS_MIN,
      Math.min(MEASURE_MS, LEFT_SHARE * leftMs),
    );
    const warmUpMs = isFirst ? FIRST_WARM_UP_MS : WARM_UP_SHARE * durationMs;
    isFirst = false;
    leftMs -= durationMs + warmUpMs;
    await run(subject, warmUpMs);
    const samples = await run(subject, durationMs);
    return samples === null ? null : calibrationOf(subject, samples);
  }

  function measureOnce(subject: Subject): Promise<Calibration | null> {
    const key = JSON.stringify([
      subject.clients,
      subject.isKnown,
      subject.workload.prefixCache,
      subject.workload.requests === undefined,
      sizeClass(subject.requestBytes),
      sizeClass(subject.answerBytes),
    ]);
    const found = known.get(key) ?? measure(subject);
    known.set(key, found);
    return found;
  }

  return {
    async measure({ workload, loop, isKnown }) {
      const clients = loop.kind === "closed" ? loop.concurrency : CROWD;
      const subject = subjectOf(workload, { clients, isKnown });
      const crowd = await measureOnce(subject);
      if (loop.kind === "closed" || crowd === null) return crowd;
      // The requests of an open load seldom wait for each other in the client.
      const alone = await measureOnce({ ...subject, clients: 1 });
      if (alone === null) return null;
      const { clients: _, addedP50Ms, addedP99Ms } = alone;
      const found = open.get(crowd) ??
        { ...crowd, clients: 1, addedP50Ms, addedP99Ms };
      open.set(crowd, found);
      return found;
    },
    async [Symbol.asyncDispose]() {
      (await server.catch(() => null))?.end();
    },
  };
}

interface Subject {
  readonly workload: WorkloadSpec;
  readonly clients: number;
  readonly isKnown: boolean;
  readonly rows: number;
  readonly requestBytes: number;
  readonly answerBytes: number;
}

function subjectOf(
  workload: WorkloadSpec,
  { clients, isKnown }: { readonly clients: number; readonly isKnown: boolean },
): Subject {
  const rows = itemsOf(workload, 0);
  return {
    workload,
    clients,
    isKnown,
    rows,
    requestBytes: requestBody(workload, 0).length,
    answerBytes: rows * workload.labelTokenIds.length * BYTES_A_SCORE,
  };
}

/** A score of sixteen digits, with what stands between it and the next. */
const BYTES_A_SCORE = 20;

function sizeClass(bytes: number): number {
  return Math.ceil(Math.log2(Math.max(SMALL_BYTES, bytes)));
}

function calibrationOf(
  { clients, requestBytes, answerBytes }: Subject,
  samples: Samples,
): Calibration | null {
  const columns = toColumns(samples, 0);
  const latency = summariseLatencies(goodLatenciesMs(columns));
  if (latency === null) return null;
  // The request that was sent last need not be the last to end.
  const windowMs = columns.doneMs.reduce((last, ms) => Math.max(last, ms), 0) -
    (columns.sentMs[0] ?? 0);
  return {
    clients,
    requestBytes,
    answerBytes,
    addedP50Ms: latency.p50Ms,
    addedP99Ms: latency.p99Ms,
    ceilingRequestsPerSec: latency.count * 1000 / windowMs,
    closedLoopRatio: closedLoopRatio({
      latencySumMs: latency.meanMs * latency.count,
      windowMs,
      concurrency: clients,
    }),
  };
}

/** Starts the null server, where it may listen. */
async function startNullServer(): Promise<
  { readonly port: number | null; readonly end: () => void } | null
> {
  // A worker that may not listen prints a stack trace that cannot be caught.
  const loopback = { name: "net", host: "127.0.0.1" } as const;
  const { state } = await Deno.permissions.query(loopback);
  if (state !== "granted") return null;
  const server = startThread(new URL("./null_server.ts", import.meta.url));
  const port = await new Promise<number | null>((resolve) => {
    server.onmessage = (event: MessageEvent<number>) => resolve(event.data);
    server.onerror = (event) => {
      event.preventDefault();
      resolve(null);
    };
  });
  return { port, end: () => server.terminate() };
}

function planFor(port: number, subject: Subject, loop: Loop): LoadPlan {
  const { workload: { requests, ...made }, rows, isKnown } = subject;
  const labels = made.labelTokenIds.length;
  const [own] = requests ?? [];
  const workload = {
    ...made,
    // Its answers sum to 1, whatever is asked for.
    applySoftmax: true,
    ...own === undefined ? {} : { requests: [own] },
  };
  return {
    endpoint: {
      url: `http://127.0.0.1:${port}/${rows}/${labels}`,
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    workload,
    ...isKnown
      ? {
        known: {
          workloads: [{
            spec: workload,
            payloads: 1,
            references: new Float64Array(rows * labels).fill(1 / labels),
            weight: 1,
          }],
          tolerance: { relative: 0.01, absolute: 0.0001 },
        },
      }
      : {},
    dtype: "float32",
    firstIndex: 0,
    timeoutMs: 5_000,
    loop,
  };
}
