/**
 * Puts the passes of a cell together: what was measured again counts with what was measured first.
 *
 * @module
 */
import {
  cellId,
  type CellResult,
  type FailureCount,
  goodLatenciesMs,
  summariseCell,
} from "./run.ts";

/**
 * Returns each cell of each run once, its samples those of all its passes.
 *
 * @param cells The cells of a record, where several entries of one cell and repeat are its passes.
 * @returns In the order of the first passes; a cell with one pass is returned as it is.
 */
export function poolPasses(cells: readonly CellResult[]): CellResult[] {
  const groups = new Map<string, CellResult[]>();
  for (const cell of cells) {
    const id = cellId(cell.key, cell.repeat);
    groups.set(id, [...groups.get(id) ?? [], cell]);
  }
  return [...groups.values()].map((passes) => passes.reduce(poolTwo));
}

function poolTwo(first: CellResult, second: CellResult): CellResult {
  const before = first.samples.outcome.length;
  const samples = {
    plannedMs: [...first.samples.plannedMs, ...second.samples.plannedMs],
    sentMs: [...first.samples.sentMs, ...second.samples.sentMs],
    doneMs: [...first.samples.doneMs, ...second.samples.doneMs],
    outcome: [...first.samples.outcome, ...second.samples.outcome],
  };
  const slowestMs = [first.warmUp.slowestMs, second.warmUp.slowestMs]
    .filter((value) => value !== null);
  const reasons = new Set([first.reason, second.reason]);
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
    failures: addFailures(first.failures, second.failures),
    summary: first.summary === null || second.summary === null
      ? null
      : summariseCell(goodLatenciesMs(samples), first.key.batchSize),
    status: second.status === "INVALID" ? "INVALID" : first.status,
    reason: [...reasons].filter((reason) => reason !== "").join("; "),
  };
}

/** Adds the counts of failures of the same kind; the first example of each stays. */
export function addFailures(
  first: readonly FailureCount[],
  second: readonly FailureCount[],
): FailureCount[] {
  const counts = new Map(first.map((failure) => [failure.outcome, failure]));
  for (const failure of second) {
    const known = counts.get(failure.outcome);
    counts.set(failure.outcome, {
      ...known ?? failure,
      count: failure.count + (known?.count ?? 0),
    });
  }
  return [...counts.values()].toSorted((a, b) => b.count - a.count);
}
