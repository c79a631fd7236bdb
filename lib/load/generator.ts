/**
 * Runs loads in a worker and returns their samples.
 *
 * @module
 */
import type { WorkloadSpec } from "../score/workload.ts";
import { type Loop, splitLoop } from "./driver.ts";
import type { KnownLoad } from "./known_load.ts";
import type { LoadPulse } from "./observer.ts";
import { mergeSamples, type Samples } from "./samples.ts";
import { startThread } from "../thread.ts";

/** Where requests go and what they carry. Plain data; holds secrets, so never store or print it. */
export interface Endpoint {
  /** The base URL, `http:` or `https:`. */
  readonly url: string;
  /** Headers of every request, the authorization among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates to trust beside the system's, as PEM texts. */
  readonly caCerts: readonly string[];
  /** A Unix socket to connect to instead of the URL's host, or null. */
  readonly unixSocketPath: string | null;
  /** Texts that must not appear in any message. */
  readonly secrets: readonly string[];
}

/** One load: what to send, where, and when. Plain data. */
export interface LoadPlan {
  readonly endpoint: Endpoint;
  readonly workload: WorkloadSpec;
  /**
   * Payloads with known answers that are sent in place of the workload's: every answer is compared
   * with its reference, and the load is observed.
   */
  readonly known?: KnownLoad;
  /** The data type of the server, which decides how exact a row of scores can be. */
  readonly dtype: string;
  /** The index of the first payload of the whole load, so that a later load of the same cell sends new ones. */
  readonly firstIndex: number;
  readonly timeoutMs: number;
  /** How long connecting may take in milliseconds, where requests have a longer deadline than the one that was given. */
  readonly connectTimeoutMs?: number;
  readonly loop: Loop;
  /** When the load starts, in milliseconds on `performance.now()` of who asks for it; at once without it. */
  readonly startMs?: number;
}

/** What the worker is told. */
export type ToWorker =
  | {
    readonly type: "run";
    readonly plan: LoadPlan;
    /** The `performance.timeOrigin` that times in the plan count from. */
    readonly timeOriginMs: number;
  }
  | { readonly type: "abort" };

/** What the worker tells. */
export type FromWorker =
  | (Omit<LoadProgress, "pulses"> & {
    readonly type: "progress";
    readonly pulse: LoadPulse | null;
  })
  | {
    readonly type: "done";
    readonly samples: Samples;
    readonly timeOriginMs: number;
  }
  | { readonly type: "error"; readonly message: string };

/** How far a load is. */
export interface LoadProgress {
  /** Requests that were due. */
  readonly planned: number;
  readonly done: number;
  readonly failed: number;
  /** The last seconds of each thread; empty where the load is not observed. */
  readonly pulses: readonly LoadPulse[];
}

/** A load generator with its own thread. */
export interface LoadGenerator extends AsyncDisposable {
  /**
   * Runs one load; the times of its samples are on this thread's `performance.now()`.
   *
   * @param plan The load.
   * @param options The signal ends requests in flight and returns what there is; `onProgress` hears four times a second.
   * @throws {Error} If the plan cannot be run at all; a failed request is a sample.
   */
  run(
    plan: LoadPlan,
    options: {
      readonly signal: AbortSignal;
      readonly onProgress?: (progress: LoadProgress) => void;
    },
  ): Promise<Samples>;
}

/**
 * Starts a load generator; dispose of it to end its threads and close its connections.
 *
 * @param workers How many threads send, each with its share of the load. One core sends more than
 * servers answer, and more threads than cores only wait for each other.
 */
export function startLoadGenerator(workers = 1): LoadGenerator {
  const threads = Array.from({ length: workers }, startSender);
  return {
    async run(plan, options) {
      const loops = splitLoop(plan.loop, workers);
      const progress: ThreadProgress[] = loops.map(() => ({
        planned: 0,
        done: 0,
        failed: 0,
        pulse: null,
      }));
      const total = (name: "planned" | "done" | "failed") =>
        progress.reduce((sum, one) => sum + one[name], 0);
      const parts = await Promise.all(
        loops.map((loop, index) =>
          threads[index]?.run({ ...plan, loop }, {
            signal: options.signal,
            onProgress: (one) => {
              progress[index] = one;
              options.onProgress?.({
                planned: total("planned"),
                done: total("done"),
                failed: total("failed"),
                pulses: progress.flatMap(({ pulse }) => pulse ?? []),
              });
            },
          })
        ),
      );
      return mergeSamples(parts.filter((part) => part !== undefined));
    },
    [Symbol.asyncDispose]() {
      for (const thread of threads) thread.end();
      return Promise.resolve();
    },
  };
}

type ThreadProgress = Omit<
  Extract<FromWorker, { readonly type: "progress" }>,
  "type"
>;

interface Thread {
  readonly run: (
    plan: LoadPlan,
    options: {
      readonly signal: AbortSignal;
      readonly onProgress: (progress: ThreadProgress) => void;
    },
  ) => Promise<Samples>;
  readonly end: () => void;
}

function startSender(): Thread {
  const worker = startThread(new URL("./worker.ts", import.meta.url));
  return {
    async run(plan, options) {
      const { timeOrigin } = performance;
      const tell = (message: ToWorker) => worker.postMessage(message);
      const abort = () => tell({ type: "abort" });
      const { promise, resolve, reject } = Promise.withResolvers<Samples>();
      worker.onmessage = (event: MessageEvent<FromWorker>) => {
        const message = event.data;
        if (message.type === "progress") options.onProgress(message);
        else if (message.type === "error") reject(new Error(message.message));
        else resolve(onClockOf(timeOrigin, message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      tell({ type: "run", plan, timeOriginMs: timeOrigin });
      if (options.signal.aborted) abort();
      options.signal.addEventListener("abort", abort);
      try {
        return await promise;
      } finally {
        options.signal.removeEventListener("abort", abort);
      }
    },
    end: () => worker.terminate(),
  };
}

function onClockOf(
  timeOriginMs: number,
  message: { readonly samples: Samples; readonly timeOriginMs: number },
): Samples {
  const shiftMs = message.timeOriginMs - timeOriginMs;
  const shift = (times: Float64Array) => times.map((time) => time + shiftMs);
  const { samples } = message;
  return {
    ...samples,
    pausesMs: samples.pausesMs.map((value, i) =>
      i % 2 === 0 ? value + shiftMs : value
    ),
    plannedMs: shift(samples.plannedMs),
    sentMs: shift(samples.sentMs),
    doneMs: shift(samples.doneMs),
  };
}
