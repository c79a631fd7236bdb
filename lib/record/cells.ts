/**
 * What a cell is: its identity, its name, and what belongs to it.
 *
 * @module
 */
import { sum } from "../stats/summary.ts";
import { summarisePasses } from "./passes.ts";
import { addCompiles } from "./compiles.ts";
import { mergeDoubts } from "./doubts.ts";
import {
  type CellKey,
  type CellResult,
  type FailureCount,
  goodLatenciesMs,
  type RunOptions,
  type SampleColumns,
  type TargetKind,
} from "./run.ts";
import { AS_DATA, TEXT_DATA } from "../score/data.ts";

/** Returns a text that is the same for the same cell, and no other. */
export function cellId(
  { batchSize, numLabels, model, dtype, data, concurrency }: CellKey,
): string {
  return JSON.stringify([
    batchSize,
    numLabels,
    model,
    dtype,
    ...(data === undefined ? [] : [data]),
    ...(concurrency === undefined ? [] : [concurrency]),
  ]);
}

/** Returns a text that is the same for the same cell and repeat, and no other. */
export function repeatId(
  { key, repeat }: Pick<CellResult, "key" | "repeat">,
): string {
  return `${cellId(key)} ${repeat}`;
}

/** Names a cell for people, without its model and data type: as the specification does. */
export function describeCell(key: CellKey): string {
  const { numLabels, data, concurrency } = key;
  return [
    ...(data === undefined ? [] : [data]),
    `Batch ${shownBatchSize(key)}`,
    `Labels ${numLabels}`,
    ...(concurrency === undefined ? [] : [`${concurrency} clients`]),
  ].join(", ");
}

/** Returns the items of a request of a cell for people. */
export function shownBatchSize({ batchSize }: CellKey): string {
  return batchSize === 0 ? AS_DATA : String(batchSize);
}

/** Returns the cells that a run measures on one server, in order. */
export function plannedKeys(
  { batchSizes, numLabels, data, concurrency }: Pick<
    RunOptions,
    "batchSizes" | "numLabels" | "data" | "concurrency"
  >,
  server: Pick<CellKey, "model" | "dtype">,
): CellKey[] {
  return data.flatMap(({ name, file }) =>
    (file?.ownItems ? [0] : batchSizes).flatMap((batchSize) =>
      [file?.labels ?? numLabels].flat()
        .flatMap((labels) =>
          concurrency.map((clients): CellKey => ({
            batchSize,
            numLabels: labels,
            model: server.model,
            dtype: server.dtype,
            ...(name === TEXT_DATA ? {} : { data: name }),
            ...(clients === 1 ? {} : { concurrency: clients }),
          }))
        )
    )
  );
}

/** Returns the shapes of cells: each without its clients once, in order. */
export function shapesOf(keys: readonly CellKey[]): CellKey[] {
  const shapes = keys.map(({ concurrency: _, ...shape }) => shape);
  return [...new Map(shapes.map((key) => [cellId(key), key])).values()];
}

/** Returns the cell of a shape and a number of clients. */
export function withClients(
  { concurrency: _, ...shape }: CellKey,
  clients: number,
): CellKey {
  return clients === 1 ? shape : { ...shape, concurrency: clients };
}

/** Returns how cells are called among others: with model and data type only where there are several. */
export function cellNamer(keys: readonly CellKey[]): (key: CellKey) => string {
  const shown = (["model", "dtype"] as const).filter((name) =>
    new Set(keys.map((key) => key[name])).size > 1
  );
  return (key) =>
    [describeCell(key), ...shown.map((name) => key[name])].join(", ");
}

/**
 * Tells whether the numbers are those of a simulated engine, whichever way it was reached: it puts `simulated/` before
 * the names of its models.
 */
export function isSimulated(
  models: readonly string[],
  target?: TargetKind,
): boolean {
  return target === "simulated" ||
    models.some((model) => model.startsWith("simulated/"));
}

/** Groups what belongs to one cell, in the order of the first of each. */
export function groupCells<Entry extends { readonly key: CellKey }>(
  entries: readonly Entry[],
): (readonly [Entry, ...Entry[]])[] {
  return groupBy(entries, ({ key }) => cellId(key));
}

/** Returns the latencies of the good samples of all passes in milliseconds. */
export function pooledLatenciesMs(
  passes: readonly Pick<CellResult, "samples">[],
): number[] {
  return passes.flatMap(({ samples }) => goodLatenciesMs(samples));
}

/**
 * Returns each cell of each repeat once, its samples those of all its passes: what was measured again counts with
 * what was measured first.
 *
 * @param cells The cells of a record, where several entries of one cell and repeat are its passes.
 * @returns In the order of the first passes; a cell with one pass is returned as it is.
 */
export function poolPasses(cells: readonly CellResult[]): CellResult[] {
  return groupBy(cells, repeatId).map((passes) => passes.reduce(poolTwo));
}

function groupBy<Entry>(
  entries: readonly Entry[],
  idOf: (entry: Entry) => string,
): (readonly [Entry, ...Entry[]])[] {
  const groups = new Map<string, [Entry, ...Entry[]]>();
  for (const entry of entries) {
    const id = idOf(entry);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [entry]);
    else group.push(entry);
  }
  return [...groups.values()];
}

function poolTwo(first: CellResult, second: CellResult): CellResult {
  const before = first.samples.outcome.length;
  const samples: SampleColumns = {
    plannedMs: [...first.samples.plannedMs, ...second.samples.plannedMs],
    sentMs: [...first.samples.sentMs, ...second.samples.sentMs],
    doneMs: [...first.samples.doneMs, ...second.samples.doneMs],
    outcome: [...first.samples.outcome, ...second.samples.outcome],
    ...(first.samples.windows === undefined ||
        second.samples.windows === undefined
      ? {}
      : { windows: [...first.samples.windows, ...second.samples.windows] }),
    ...(first.samples.items === undefined ? {} : {
      items: [...first.samples.items, ...second.samples.items ?? []],
    }),
  };
  const slowestMs = [first.warmUp.slowestMs, second.warmUp.slowestMs]
    .filter((value) => value !== null);
  return {
    ...first,
    numRuns: first.numRuns + second.numRuns,
    warmUp: {
      requests: first.warmUp.requests + second.warmUp.requests,
      failed: first.warmUp.failed + second.warmUp.failed,
      slowestMs: slowestMs.length === 0 ? null : Math.max(...slowestMs),
      settled: first.warmUp.settled && second.warmUp.settled,
    },
    samples,
    suspects: [
      ...first.suspects,
      ...second.suspects.map(({ index, kind }) => ({
        index: index + before,
        kind,
      })),
    ],
    compiles: addCompiles(first.compiles, second.compiles),
    failures: mergeFailures([...first.failures, ...second.failures]),
    summary: first.summary === null || second.summary === null
      ? null
      : summarisePasses([samples], first.key),
    status: second.status === "INVALID" ? "INVALID" : first.status,
    doubts: mergeDoubts([first.doubts, second.doubts]),
  };
}

/** Adds up failures of one kind; the first example of each stays, the most frequent kind comes first. */
export function mergeFailures(
  failures: readonly FailureCount[],
): FailureCount[] {
  const kinds = Map.groupBy(failures, ({ outcome }) => outcome);
  return [...kinds].map(([outcome, all]) => ({
    outcome,
    count: countOf(all),
    example: all[0]?.example ?? "",
  })).toSorted((a, b) => b.count - a.count);
}

/** Returns the number of failures of all kinds. */
export function countOf(failures: readonly FailureCount[]): number {
  return sum(failures.map(({ count }) => count));
}
