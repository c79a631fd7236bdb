/**
 * Sends the requests of a cell: those that are made, or those of a file.
 *
 * @module
 */
import { MAX_FAILED_IN_ROW } from "./cell.ts";
import type { LoadGenerator } from "../load/generator.ts";
import type { Samples } from "../load/samples.ts";
import type { CellKey, RunOptions, ServerRecord } from "../record/run.ts";
import { AS_DATA, TEXT_DATA } from "../score/data.ts";
import type { DataFile } from "../score/data_file.ts";
import { longest, type WorkloadSpec } from "../score/workload.ts";
import type { Target } from "../server/open.ts";

/** What the requests of one cell need. */
export interface CellLoad {
  /** Which cell. */
  readonly key: CellKey;
  /** What was asked for. */
  readonly options: RunOptions;
  /** The files of requests by their short names. */
  readonly files: ReadonlyMap<string, DataFile>;
  /** Where they go. */
  readonly target: Target;
  /** The label ids, where a file has none of its own. */
  readonly labelTokenIds: readonly number[];
  /** Decides the payloads. */
  readonly seed: string;
  /** Sends them. */
  readonly load: LoadGenerator;
  /** Ends them. */
  readonly signal: AbortSignal;
  /** Hears how many have ended. */
  readonly onDone: (done: number) => void;
}

/** Sends a number of requests one after another, the first with the payload of an index. */
export async function sendCell(
  cell: CellLoad,
  count: number,
  firstIndex: number,
): Promise<Samples> {
  const { key, options, files, target, seed, load, signal, onDone } = cell;
  const data = options.data.find(({ name }) =>
    name === (key.data ?? TEXT_DATA)
  );
  const file = key.data === undefined ? undefined : files.get(key.data);
  const hasOwnItems = key.batchSize === 0;
  const requests = file === undefined || count === 0 ? null : await file.read({
    first: firstIndex,
    count,
    batchSize: hasOwnItems ? null : key.batchSize,
    seed,
  });
  const workload: WorkloadSpec = {
    batchSize: key.batchSize,
    labelTokenIds: cell.labelTokenIds,
    model: key.model,
    applySoftmax: options.applySoftmax,
    prefixCache: options.prefixCache === AS_DATA || requests !== null
      ? "cold"
      : options.prefixCache,
    seed,
    tokens: data?.tokens ?? null,
    ...(requests === null ? {} : { requests }),
  };
  const samples = await load.run({
    endpoint: target.endpoint,
    workload,
    dtype: key.dtype,
    // What was read starts with the first that is sent.
    firstIndex: requests === null ? firstIndex : 0,
    timeoutMs: options.timeoutMs,
    loop: {
      kind: "closed",
      concurrency: 1,
      count,
      durationMs: null,
      maxFailedInRow: MAX_FAILED_IN_ROW,
    },
  }, { signal, onProgress: ({ done }) => onDone(done) });
  if (requests === null || !hasOwnItems) return samples;
  const items = Uint32Array.from(
    samples.outcome,
    (_, i) => requests[i % requests.length]?.items.length ?? 0,
  );
  return { ...samples, items };
}

/** Says why a server cannot take a prompt that would be sent, or null; to be called before its first cell. */
export function findTooLong(
  { data }: Pick<RunOptions, "data">,
  files: ReadonlyMap<string, DataFile>,
  { info }: ServerRecord,
): string | null {
  const most = mostTokens(info);
  if (most === null) return null;
  for (const { name, tokens } of data) {
    const ofFile = files.get(name)?.longest ?? null;
    const length = tokens === null
      ? ofFile?.tokens ?? 0
      : longest(tokens.query) + longest(tokens.item);
    if (length > most) {
      return `${name}${
        ofFile === null ? "" : `, line ${ofFile.line}`
      }: a prompt of at most ${most} tokens was expected, as the server takes no more, found one of ${length}`;
    }
  }
  return null;
}

/** The most tokens of a prompt: below `max_req_input_len`, else two below the context, as the contract has it. */
function mostTokens(info: ServerRecord["info"]): number | null {
  const [limit, context] = ["max_req_input_len", "context_length"]
    .map((name) => info?.[name]);
  if (typeof limit === "number") return limit - 1;
  return typeof context === "number" ? context - 2 : null;
}
