/**
 * A baseline: the stored runs that a result is compared with.
 *
 * @module
 */
import { isSameRun, type StoredRun } from "./runs.ts";

/** The runs of a baseline. */
export interface Baseline {
  /** At least one, oldest first where their times are known, else in the order in which they were given. */
  readonly runs: readonly StoredRun[];
  /** What the user should know of them, in words. */
  readonly notes: readonly string[];
}

/**
 * Puts runs from several files together. A run that is found twice, as in a record and in its CSV, counts once;
 * the copy with samples stays.
 *
 * @throws {RangeError} If no run holds a cell that is fit to be compared.
 */
export function mergeRuns(runs: readonly StoredRun[]): Baseline {
  const notes: string[] = [];
  const kept: StoredRun[] = [];
  for (const run of runs) {
    const unfit = run.cells.filter((cell) => cell.unfit !== null);
    if (unfit.length > 0) notes.push(describeUnfit(run, unfit.length));
    if (unfit.length === run.cells.length) continue;
    const index = kept.findIndex((one) => isSameRun(one, run));
    const twin = kept[index];
    if (twin === undefined) {
      kept.push(run);
      continue;
    }
    notes.push(
      `${run.source} is the same run as ${twin.source}: it counts once`,
    );
    if (hasSamples(run) && !hasSamples(twin)) kept[index] = run;
  }
  if (kept.length === 0) {
    throw new RangeError(
      "a cell that is fit to be compared was expected in a baseline, found none",
    );
  }
  return { runs: inOrder(kept), notes };
}

/** Returns the runs of a CSV, each with its samples where a record of the same run is among those given. */
export function withSamples(
  runs: readonly StoredRun[],
  records: readonly StoredRun[],
): StoredRun[] {
  return runs.map((run) => {
    const record = records.find((one) => isSameRun(one, run));
    return record === undefined ? run : { ...record, source: run.source };
  });
}

function hasSamples({ cells }: StoredRun): boolean {
  return cells.some(({ value }) => (value?.latenciesMs ?? null) !== null);
}

function inOrder(runs: readonly StoredRun[]): readonly StoredRun[] {
  const startMs = ({ timestamp }: StoredRun) => Date.parse(timestamp ?? "");
  return runs.every((run) => Number.isFinite(startMs(run)))
    ? runs.toSorted((a, b) => startMs(a) - startMs(b))
    : runs;
}

function describeUnfit(run: StoredRun, count: number): string {
  const first = run.cells.find(({ unfit }) => unfit !== null);
  return `${run.source}: ${count} of ${run.cells.length} cells are not used, since ${
    first?.unfit ?? ""
  }${count === 1 ? "" : " (the first)"}`;
}
