/**
 * One stored run as it is compared, whichever file it comes from.
 *
 * @module
 */
import { summarisePasses } from "../record/passes.ts";
import type { RunValue } from "../gate/spread.ts";
import type { CellKey, CellResult, Run } from "../record/run.ts";
import { sum } from "../stats/summary.ts";
import {
  type Conditions,
  conditionsOf,
  type StoredMetadata,
  targetOfModels,
  UNKNOWN_CONDITIONS,
} from "./conditions.ts";
import { type CsvRow, parseResultCsv } from "./csv.ts";
import { TEXT_DATA } from "../score/data.ts";
import { turnTimesMs } from "./turns.ts";
import { describeTooFew, findUnfitness, MIN_SAMPLES } from "./fitness.ts";
import {
  cellId,
  groupCells,
  plannedKeys,
  pooledLatenciesMs,
} from "../record/cells.ts";

/** One run: each cell at most once. */
export interface StoredRun {
  /** Where it was found: the file and, if it holds several, the number of the run. */
  readonly source: string;
  /** When it started, ISO 8601; null where that is not known of this very run. */
  readonly timestamp: string | null;
  /** What it must have in common with another run to be compared. */
  readonly conditions: Conditions;
  readonly cells: readonly StoredCell[];
  /** Cells that were planned and have no result; 0 where the file does not tell what was planned. */
  readonly lackingCells: number;
}

/** The figures of a stored cell. */
export interface StoredValue extends RunValue {
  /** Items a second. */
  readonly throughputItemsPerSec: number;
}

/** One cell of a stored run. */
export interface StoredCell {
  readonly key: CellKey;
  /** The figures, of all passes together where the cell was measured again; null if it is not fit to be compared. */
  readonly value: StoredValue | null;
  /** Why the cell is not fit to be compared; null if it is. */
  readonly unfit: string | null;
}

/**
 * Returns the runs of a record, one for each repeat. Several entries of one cell and repeat are passes of one run.
 *
 * @param source The name of the file.
 */
export function runsOfRecord(run: Run, source: string): StoredRun[] {
  const repeats = [...new Set(run.cells.map(({ repeat }) => repeat))]
    .toSorted((a, b) => a - b);
  const runs = repeats.map((repeat, index) => ({
    source: sourceOf(source, index, repeats.length),
    timestamp: run.metadata.timestamp,
    conditions: conditionsOf(run),
    cells: groupCells(run.cells.filter((cell) => cell.repeat === repeat))
      .map(cellOfRecord),
    lackingCells: 0,
  }));
  const last = runs.pop();
  if (last === undefined) return [];
  const lackingCells = plannedCells(run) -
    sum([...runs, last].map(({ cells }) => cells.length));
  return [...runs, { ...last, lackingCells: Math.max(lackingCells, 0) }];
}

/** Returns how many cells a run was to measure, each repeat counted. */
function plannedCells(
  { options }: Run,
): number {
  const { models, dtypes, repeats, target } = options;
  // Which clients are tried is then the server's.
  if (options.slo !== null) return 0;
  // A server that runs has one model and data type, whatever was asked for.
  const targets = target === "url" ? 1 : models.length * dtypes.length;
  const keys = plannedKeys(options, { model: "", dtype: "" });
  return keys.length * targets * repeats;
}

/**
 * Returns the runs of a result file: the n-th row of a cell belongs to the n-th run.
 *
 * @param metadata What lies beside the file, or null.
 * @throws {SyntaxError} If the file is not as expected, or has fewer rows than its metadata say.
 */
export function runsOfCsv(
  text: string,
  { source, metadata }: { source: string; metadata: StoredMetadata | null },
): StoredRun[] {
  const known = metadata?.conditions ?? UNKNOWN_CONDITIONS;
  const rows = withData(parseResultCsv(text), known);
  if (
    metadata !== null && !metadata.isHistory &&
    rows.length < metadata.configurations
  ) {
    throw new SyntaxError(
      `line ${
        (rows.at(-1)?.line ?? 1) + 1
      }: ${metadata.configurations} rows were expected, as its metadata say, found ${rows.length}`,
    );
  }
  const cells = groupCells(rows);
  const count = Math.max(...cells.map((group) => group.length));
  return Array.from({ length: count }, (_, index) => ({
    source: sourceOf(source, index, count),
    // The metadata of a file of several runs are those of the newest.
    timestamp: index === count - 1 ? metadata?.timestamp ?? null : null,
    conditions: {
      ...known,
      // Where nothing else is told, a server is the rule.
      target: targetOfModels(rows.map(({ key }) => key)) ?? known.target ??
        "server",
    },
    cells: cells.flatMap((group) => group[index] ?? []).map(cellOfRow),
    lackingCells: 0,
  }));
}

/**
 * Tells whether two stored runs are copies of one: all cells that both hold have the same median and mean to the last
 * digit. A cell may be missing in one copy, since a record tells of doubts that a CSV has no room for.
 */
export function isSameRun(a: StoredRun, b: StoredRun): boolean {
  const figuresOf = ({ cells }: StoredRun) =>
    new Map(
      cells.flatMap(({ key, value }) =>
        value === null
          ? []
          : [[cellId(key), `${value.p50Ms} ${value.meanMs}`] as const]
      ),
    );
  const others = figuresOf(b);
  const common = [...figuresOf(a)].filter(([key]) => others.has(key));
  return common.length > 0 &&
    common.every(([key, figures]) => others.get(key) === figures);
}

function sourceOf(source: string, index: number, count: number): string {
  return count === 1 ? source : `${source}, run ${index + 1}`;
}

function cellOfRecord(
  passes: readonly [CellResult, ...CellResult[]],
): StoredCell {
  const { key } = passes[0];
  const unfit = passes.map(findUnfitness).find((reason) => reason !== null) ??
    null;
  if (unfit !== null) return { key, value: null, unfit };
  // Recomputed, so that the figures are those of the samples whatever the file says, and pooled sample by sample:
  // a mean of the medians of passes is a figure that no request had.
  const latenciesMs = pooledLatenciesMs(passes);
  const summary = summarisePasses(passes.map(({ samples }) => samples), key);
  if (summary === null || summary.minMs <= 0) {
    return { key, value: null, unfit: "a latency is not above 0 ms" };
  }
  const { concurrency = 1 } = key;
  if (concurrency === 1) {
    return { key, value: { ...summary, latenciesMs }, unfit };
  }
  const turns = passes.flatMap(({ samples }) =>
    turnTimesMs(samples, concurrency)
  );
  return {
    key,
    value: {
      ...summary,
      meanMs: 1000 * concurrency / summary.throughputRequestsPerSec,
      latenciesMs: turns.length < MIN_SAMPLES ? null : turns,
    },
    unfit,
  };
}

/** Files of version 0.1.0 tell what was sent in their metadata alone. */
function withData(rows: CsvRow[], { data }: Conditions): CsvRow[] {
  const [only = TEXT_DATA, ...others] = Object.keys(data ?? {});
  if (only === TEXT_DATA || others.length > 0) return rows;
  return rows.map((row) => ({ ...row, key: { data: only, ...row.key } }));
}

function cellOfRow({ key, figures, reason }: CsvRow): StoredCell {
  if (figures === null) return { key, value: null, unfit: reason || "INVALID" };
  return figures.count < MIN_SAMPLES
    ? { key, value: null, unfit: describeTooFew(figures.count) }
    : { key, value: { ...figures, latenciesMs: null }, unfit: null };
}
