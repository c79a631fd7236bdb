/**
 * The regression gate: judges the cells of a result against one or more stored baseline runs.
 *
 * `spread.ts` and `noise.ts` say how much runs differ when nothing has changed, `rule.ts` turns changes
 * and noise into statuses, `notes.ts` doubts the comparison as a whole, `verdict.ts` puts it into words.
 *
 * @module
 */

import { mean } from "../stats/summary.ts";
import { baselineOf, estimateNoise, type GateCell } from "./noise.ts";
import { noiseNotes, tailNotes } from "./notes.ts";
import { JUDGED_STATISTIC } from "./spread.ts";
import {
  type CellVerdict,
  describe,
  type GateNote,
  type GateOptions,
  type GateVerdict,
  signed,
  thresholdsOf,
  verdictOnCells,
} from "./verdict.ts";

export type { GateCell } from "./noise.ts";
export type { RunValue } from "./spread.ts";
export type * from "./verdict.ts";

/** Numbers of further runs that are tried for the advice on INCONCLUSIVE cells: beyond 20, A/B is cheaper. */
const MORE_RUNS = Array.from({ length: 20 }, (_, index) => index + 1);

/** So many of the oldest baseline runs are a baseline of their own, where there are at least twice as many. */
const OLDEST_RUNS = 3;

/** A drop of exactly the limit is not beyond it, whatever the last binary digit says. */
const ROUNDING_PERCENT = 1e-9;

/**
 * Judges cells by the mean latency of their fastest 90 %, with regard to the noise within and between runs.
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
    return verdictOnCells(cells.map(newCell), JUDGED_STATISTIC);
  }
  const noise = estimateNoise(known);
  const verdict = describe(known.map(({ key }) => key), noise.comparison(0), {
    thresholds,
    extension: {
      unit: ["run", "runs"],
      amounts: MORE_RUNS,
      extended: noise.comparison,
      otherwise: "more baseline runs or A/B may",
    },
  });
  const verdicts = new Map(
    known.map((cell, index) => [cell, verdict.cells[index]]),
  );
  return {
    ...verdict,
    statistic: JUDGED_STATISTIC,
    cells: cells.map((cell) => verdicts.get(cell) ?? newCell(cell)),
    notes: [
      ...noiseNotes(noise),
      ...creepNotes(known, options),
      ...tailNotes(known),
    ],
  };
}

/**
 * Holds the result against the oldest baseline runs alone: where every night that passes is appended, each is close to
 * the nights before it, however far they have crept away together.
 */
function creepNotes(
  cells: readonly GateCell[],
  options: GateOptions,
): GateNote[] {
  const runs = Math.max(...cells.map(({ baseline }) => baseline.length));
  if (runs < 2 * OLDEST_RUNS) return [];
  const oldest = judge(
    cells.map((cell) => ({
      ...cell,
      baseline: cell.baseline.slice(0, OLDEST_RUNS),
    })),
    options,
  );
  const slower = oldest.cells.filter(({ status }) => status === "REGRESSION");
  return slower.length === 0 ? [] : [{
    kind: "slow-creep",
    message:
      `Slow creep: against the ${OLDEST_RUNS} oldest baseline runs ${slower.length} of ` +
      `${cells.length} cells are a regression, all cells ${
        signed(oldest.runWide?.changePercent ?? NaN)
      } of throughput, though each step was small. ` +
      "If that was intended, start a new baseline",
    baselineRun: null,
  }];
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
    const latencyMs = mean(cell.result.map(({ meanMs }) => meanMs));
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
  return verdictOnCells(judged, "mean latency");
}

function checkCell(cell: GateCell): void {
  const refuse = (what: string, found: unknown) => {
    throw new RangeError(
      `Cannot judge cell ${cell.key} as ${what}: found ${found}`,
    );
  };
  if (cell.result.length === 0) refuse("it must have a result", "none");
  for (const value of [...baselineOf(cell), ...cell.result]) {
    const { count, p50Ms, p95Ms, p99Ms, meanMs, latenciesMs } = value;
    const wrong = [p50Ms, p95Ms, p99Ms, meanMs, ...latenciesMs ?? []]
      .find((latencyMs) => !(latencyMs > 0 && latencyMs < Infinity));
    if (wrong !== undefined) refuse("latencies must be above 0 ms", wrong);
    const deviationMs = value.standardDeviationMs ?? 0;
    if (!(deviationMs >= 0 && deviationMs < Infinity)) {
      refuse("the standard deviation must be 0 ms or more", deviationMs);
    }
    if (!(count >= 1)) refuse("a run must hold at least 1 sample", count);
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
