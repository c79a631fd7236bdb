/**
 * The regression gate: judges the cells of a result against one or more stored baseline runs.
 *
 * `gate_spread.ts` and `gate_noise.ts` say how much runs differ when nothing has changed, `gate_rule.ts` turns changes
 * and noise into statuses, `gate_notes.ts` doubts the comparison as a whole, `gate_verdict.ts` puts it into words.
 *
 * @module
 */

import {
  baselineOf,
  estimateNoise,
  type GateCell,
  shiftsOf,
} from "./gate_noise.ts";
import { noiseNotes, tailNotes } from "./gate_notes.ts";
import type { RunValue } from "./gate_spread.ts";
import {
  type CellVerdict,
  describeCells,
  describeShared,
  type GateOptions,
  type GateVerdict,
  signed,
  thresholdsOf,
} from "./gate_verdict.ts";
import { mean } from "../stats/stats.ts";

export type { GateCell } from "./gate_noise.ts";
export type { RunValue } from "./gate_spread.ts";
export type * from "./gate_verdict.ts";

/** Numbers of further runs that are tried for the advice on INCONCLUSIVE cells: beyond 20, A/B is cheaper. */
const MORE_RUNS = Array.from({ length: 20 }, (_, index) => index + 1);

/** A drop of exactly the limit is not beyond it, whatever the last binary digit says. */
const ROUNDING_PERCENT = 1e-9;

/**
 * Judges cells on the medians of their latencies, with regard to the noise between runs.
 *
 * No status depends on the order of cells or of baseline runs, or on the unit of latency.
 *
 * @param cells Cells to judge, INVALID ones left out; none of them without a result.
 * @throws {RangeError} If a cell has no result, a value is out of its range, or a limit is out of its range.
 */
export function judge(
  cells: readonly GateCell[],
  options: GateOptions = {},
): GateVerdict {
  const thresholds = thresholdsOf(options);
  cells.forEach(checkCell);
  const known = cells.filter((cell) => baselineOf(cell).length > 0);
  if (known.length === 0) {
    return { cells: cells.map(newCell), runWide: null, notes: [] };
  }
  const noise = estimateNoise(known);
  const extended = (more: number) => shiftsOf(noise, more);
  const comparison = shiftsOf(noise);
  const extension = {
    unit: ["run", "runs"],
    amounts: MORE_RUNS,
    extended,
  } as const;
  const judged = describeCells(known.map(({ key }) => key), comparison, {
    thresholds,
    extension,
  });
  const verdicts = new Map(known.map((cell, index) => [cell, judged[index]]));
  return {
    cells: cells.map((cell) => verdicts.get(cell) ?? newCell(cell)),
    runWide: describeShared(comparison, thresholds),
    notes: [...noiseNotes(noise), ...tailNotes(known)],
  };
}

/**
 * Judges cells by the specification's rule: mean throughput against the newest baseline row, with no regard to noise.
 *
 * @throws {RangeError} If a cell has no result, a value is out of its range, or a limit is out of its range.
 */
export function judgeThreshold(
  cells: readonly GateCell[],
  options: GateOptions = {},
): GateVerdict {
  const { failShare, warnShare } = thresholdsOf(options);
  cells.forEach(checkCell);
  const judged = cells.map((cell): CellVerdict => {
    const newest = baselineOf(cell).at(-1);
    if (newest === undefined) return newCell(cell);
    const latencyMs = mean(cell.result.flat().map(({ meanMs }) => meanMs));
    const changePercent = 100 * (newest.meanMs / latencyMs - 1);
    return {
      key: cell.key,
      status: changePercent < -100 * failShare - ROUNDING_PERCENT
        ? "REGRESSION"
        : changePercent < -100 * warnShare - ROUNDING_PERCENT
        ? "WARN"
        : "OK",
      changePercent,
      intervalPercent: null,
      reason: `mean throughput ${signed(changePercent)} against the newest ` +
        "baseline row, noise not considered",
      moreRuns: null,
    };
  });
  return { cells: judged, runWide: null, notes: [] };
}

/**
 * Returns the keys of the cells to measure again before a run fails: all that may be slower than the warning limit.
 *
 * Add the new passes to `result` and judge again: the verdict then rests on all of the data, not on the last pass.
 */
export function suspects(
  verdict: GateVerdict,
  options: GateOptions = {},
): string[] {
  const { warnShare } = thresholdsOf(options);
  return verdict.cells
    .filter((cell) => isSuspect(cell, 100 * warnShare))
    .map(({ key }) => key);
}

/** Tells whether a cell is slower by more than `warnPercent` and not found to be OK. */
export function isSuspect(
  cell: { readonly status: string; readonly changePercent: number | null },
  warnPercent: number,
): boolean {
  return cell.status !== "OK" && (cell.changePercent ?? 0) < -warnPercent;
}

function checkCell(cell: GateCell): void {
  if (
    cell.result.length === 0 || cell.result.some(({ length }) => length < 1)
  ) {
    throw new RangeError(
      `Cannot judge cell ${cell.key} as every result run must hold a value: current count is 0`,
    );
  }
  [...baselineOf(cell), ...cell.result.flat()].forEach((value) =>
    checkValue(value, cell.key)
  );
}

function checkValue(value: RunValue, key: string): void {
  const { count, p50Ms, p95Ms, meanMs, latenciesMs } = value;
  for (const latencyMs of [p50Ms, p95Ms, meanMs, ...latenciesMs ?? []]) {
    if (!(latencyMs > 0 && latencyMs < Infinity)) {
      throw new RangeError(
        `Cannot judge cell ${key} as latencies must be above 0 ms: current value is ${latencyMs}`,
      );
    }
  }
  const deviationMs = value.standardDeviationMs ?? 0;
  if (!(deviationMs >= 0 && deviationMs < Infinity)) {
    throw new RangeError(
      `Cannot judge cell ${key} as the standard deviation must be 0 ms or more: current value is ${deviationMs}`,
    );
  }
  if (!(count >= 1)) {
    throw new RangeError(
      `Cannot judge cell ${key} as a run must hold at least 1 sample: current value is ${count}`,
    );
  }
}

function newCell({ key }: GateCell): CellVerdict {
  return {
    key,
    status: "NEW",
    changePercent: null,
    intervalPercent: null,
    reason: "the baseline holds no row for this cell",
    moreRuns: null,
  };
}
