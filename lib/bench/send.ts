/**
 * Sends the requests of a cell: those that are made, or those of a file.
 *
 * @module
 */
import type { CellWorld } from "./cell_plan.ts";
import { MAX_FAILED_IN_ROW } from "./warming.ts";
import type { ClosedLoop } from "../load/driver.ts";
import type { LoadGenerator } from "../load/generator.ts";
import type { RuledLoad } from "../load/ruler.ts";
import type { Samples } from "../load/samples.ts";
import type { CellKey, RunOptions } from "../record/run.ts";
import { AS_DATA, TEXT_DATA } from "../score/data.ts";
import type { DataFile } from "../score/data_file.ts";
import { describeSize } from "../score/sent.ts";
import { defaultLabelTokenIds, type WorkloadSpec } from "../score/workload.ts";
import { hash32 } from "../stats/rng.ts";
import type { Target } from "../server/open.ts";
import { type BenchListener, type CellName, p50Of } from "./plan.ts";

/** What the requests of one cell need. */
export interface CellLoad {
  readonly key: CellKey;
  readonly options: RunOptions;
  /** The files of requests by their short names. */
  readonly files: ReadonlyMap<string, DataFile>;
  readonly target: Target;
  /** Decides the payloads. */
  readonly seed: string;
  readonly load: LoadGenerator;
  readonly signal: AbortSignal;
  readonly onDone: (done: number) => void;
}

/** Says what a cell sends, and what of it the prefix cache may know. */
export function describeSent(key: CellKey, options: RunOptions): string {
  const data = dataOf(key, options);
  const file = data?.file ?? null;
  if (file !== null) {
    const { items, kind, promptLength } = file;
    const own = items.min === items.max
      ? `${items.min}`
      : `${items.min} to ${items.max}`;
    return `${key.batchSize || own} items x ${key.numLabels} labels x ${
      promptLength.toFixed(0)
    } ${kind === "text" ? "bytes" : "tokens"}, prefix cache ${AS_DATA}`;
  }
  const size = describeSize({
    batchSize: key.batchSize,
    labelTokenIds: cellLabelIds(key, options),
    model: key.model,
    applySoftmax: options.applySoftmax,
    prefixCache: "cold",
    seed: options.seed,
    tokens: data?.tokens ?? null,
  });
  return `${size}, prefix cache ${options.prefixCache}`;
}

/** Returns the label ids of a cell; none where each request of a file has its own. */
export function cellLabelIds(
  key: CellKey,
  options: RunOptions,
): readonly number[] {
  const labels = dataOf(key, options)?.file?.labels ?? null;
  if (labels !== null) return [];
  return options.labelTokenIds?.slice(0, key.numLabels) ??
    defaultLabelTokenIds(key.numLabels);
}

function dataOf({ data = TEXT_DATA }: CellKey, options: RunOptions) {
  return options.data.find(({ name }) => name === data);
}

/** Labels of a fresh shape, for which nothing is compiled yet; every tokenizer has so many ids. */
const FRESH_LABELS = 3;
const FRESH_IDS = 250;

/** How far a cell is. */
export interface CellProgress {
  requests: number;
  /** The median of the last part of it in milliseconds. */
  p50Ms: number | null;
  /** The cell as a listener hears of it. */
  readonly name: CellName;
}

/** Returns what measuring a cell needs from the world. */
export function cellWorld(
  load: Omit<CellLoad, "onDone">,
  at: Pick<CellWorld, "startMs" | "calibration"> & {
    /** The index of the first payload, so that a later pass sends new ones. */
    readonly offset: number;
    readonly progress: CellProgress;
    readonly listener: BenchListener;
  },
): CellWorld {
  const { offset, progress, listener, startMs, calibration } = at;
  const tell = (done: number) =>
    listener.measuring(
      progress.name,
      progress.requests + done,
      progress.p50Ms,
    );
  const cell: CellLoad = { ...load, onDone: tell };
  return {
    ...watchOf(cell),
    startMs,
    calibration,
    isInterrupted: () => load.signal.aborted,
    send: async (count, firstIndex, phase) => {
      const samples = await sendCell(cell, {
        count,
        firstIndex: offset + firstIndex,
        phase,
      });
      progress.requests += count * (load.key.concurrency ?? 1);
      progress.p50Ms = p50Of(samples) ?? progress.p50Ms;
      tell(0);
      return samples;
    },
  };
}

/** Returns what watches a cell through the log of its server; nothing where there is no log. */
function watchOf(cell: CellLoad): Pick<CellWorld, "watch"> {
  const { target: { witness }, options, key } = cell;
  if (witness === undefined) return {};
  const { prefixCache } = options;
  return {
    watch: {
      witness,
      prefixCache: prefixCache === AS_DATA || key.data !== undefined
        ? null
        : prefixCache,
      sendFresh: () => sendFresh(cell),
    },
  };
}

/** Sends one small request with labels that nobody has sent, which is what SGLang-JAX compiles anew for. */
async function sendFresh(
  { key, options, target, seed, load, signal }: CellLoad,
): Promise<Samples> {
  const ids = new Set<number>();
  for (let i = 0; ids.size < FRESH_LABELS; i++) {
    ids.add(1 + hash32(`${seed}/fresh/${i}`) % FRESH_IDS);
  }
  return await load.run({
    endpoint: target.endpoint,
    workload: {
      batchSize: 1,
      labelTokenIds: [...ids],
      model: key.model,
      applySoftmax: options.applySoftmax,
      prefixCache: "cold",
      seed: `${seed}/fresh`,
      tokens: null,
    },
    dtype: key.dtype,
    firstIndex: 0,
    timeoutMs: Math.max(options.timeoutMs, options.warmupTimeoutMs),
    connectTimeoutMs: options.timeoutMs,
    loop: { kind: "closed", concurrency: 1, count: 1, durationMs: null },
  }, { signal });
}

/** Returns what the requests of a cell carry, for a number of them from an index on. */
async function cellWorkload(
  cell: Pick<CellLoad, "key" | "options" | "files" | "seed">,
  count: number,
  firstIndex: number,
): Promise<WorkloadSpec> {
  const { key, options, files, seed } = cell;
  const data = dataOf(key, options);
  const file = key.data === undefined ? undefined : files.get(key.data);
  const requests = file === undefined || count === 0 ? null : await file.read({
    first: firstIndex,
    count,
    batchSize: key.batchSize === 0 ? null : key.batchSize,
    seed,
  });
  return {
    batchSize: key.batchSize,
    labelTokenIds: requests?.[0]?.labelTokenIds ?? cellLabelIds(key, options),
    model: key.model,
    applySoftmax: options.applySoftmax,
    prefixCache: options.prefixCache === AS_DATA || requests !== null
      ? "cold"
      : options.prefixCache,
    seed,
    tokens: data?.tokens ?? null,
    ...(requests === null ? {} : { requests }),
  };
}

/**
 * Sends a number of requests of each client, one after another.
 *
 * @param firstIndex The index of the payload of the first.
 */
async function sendCell(
  cell: CellLoad,
  { count, firstIndex, phase }: {
    readonly count: number;
    readonly firstIndex: number;
    readonly phase: "warm-up" | "timed";
  },
): Promise<Samples> {
  const { key, options, target, load, signal, onDone } = cell;
  // Each client sends as many.
  const requestCount = count * (key.concurrency ?? 1);
  const workload = await cellWorkload(cell, requestCount, firstIndex);
  const { requests } = workload;
  const samples = await load.run({
    endpoint: target.endpoint,
    workload,
    dtype: key.dtype,
    // What was read starts with the first that is sent.
    firstIndex: requests === undefined ? firstIndex : 0,
    timeoutMs: phase === "timed"
      ? options.timeoutMs
      : Math.max(options.timeoutMs, options.warmupTimeoutMs),
    connectTimeoutMs: options.timeoutMs,
    loop: cellLoop(key, requestCount),
  }, { signal, onProgress: ({ done }) => onDone(done) });
  if (requests === undefined || key.batchSize > 0) return samples;
  const items = Uint32Array.from(
    samples.outcome,
    (_, i) => requests[i % requests.length]?.items.length ?? 0,
  );
  return { ...samples, items };
}

/** Returns what the client is measured with for a cell. */
export async function ruledCell(
  cell: Pick<CellLoad, "key" | "options" | "files" | "seed">,
): Promise<RuledLoad> {
  return {
    workload: await cellWorkload(cell, 1, 0),
    loop: cellLoop(cell.key, 1),
    isKnown: false,
  };
}

function cellLoop({ concurrency = 1 }: CellKey, count: number): ClosedLoop {
  return {
    kind: "closed",
    concurrency,
    count,
    durationMs: null,
    maxFailedInRow: MAX_FAILED_IN_ROW,
  };
}
