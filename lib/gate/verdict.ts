/**
 * What a gate says: the verdict of each cell and of the whole comparison, in numbers and in words.
 *
 * @module
 */

import { studentUpperQuantile } from "../stats/distributions.ts";
import {
  addVariances,
  type Comparison,
  CONFIDENCE,
  FALSE_ALARM_PROBABILITY,
  intervalsOf,
  isUndecided,
  judgeShifts,
  sharedShift,
  type ShiftStatus,
  slowdownOfDrop,
  type Thresholds,
} from "./rule.ts";

/** How a cell is judged; INVALID is given by the caller, who keeps such cells from the gate. */
export type CellStatus = ShiftStatus | "NEW";

/** Limits of a gate. */
export interface GateOptions {
  /** Smallest drop of throughput that is a regression, in percent, above `warnPercent` and below 100. @default {10} */
  readonly failPercent?: number;
  /** Smallest drop of throughput that is a warning, in percent, above 0. @default {5} */
  readonly warnPercent?: number;
}

/** The judgement of one cell. */
export interface CellVerdict {
  readonly key: string;
  readonly status: CellStatus;
  /** Change of throughput in percent, below 0 if slower; null without a baseline. */
  readonly changePercent: number | null;
  /** Bounds of the change in percent, held with a confidence of 95 % by all cells together; null where there is none. */
  readonly intervalPercent: readonly [low: number, high: number] | null;
  readonly reason: string;
  /** Runs (A/B: blocks) to add until an INCONCLUSIVE cell is decided, if its change stays as it is; null if too many. */
  readonly moreRuns: number | null;
}

/** What the whole comparison says. */
export interface RunWideVerdict {
  /** Median change of throughput of all cells in percent, below 0 if slower. */
  readonly changePercent: number;
  /** Its bounds in percent, each held with a confidence of 95 %. */
  readonly intervalPercent: readonly [low: number, high: number];
  /** Standard deviation of this change, in percent, between runs of the same code. */
  readonly noisePercent: number;
  /** Smallest drop of throughput of all cells, in percent, that is found in 95 of 100 runs. */
  readonly smallestDropPercent: number;
}

/** A doubt about a comparison, shown with it; it changes no status. */
export interface GateNote {
  /** What the note is about. */
  readonly kind: "assumed-noise" | "odd-baseline-run" | "slow-creep" | "tail";
  readonly message: string;
  /** Index of the baseline run that does not belong; null in other notes. */
  readonly baselineRun: number | null;
}

/** The judgement of a comparison. */
export interface GateVerdict {
  /** One for each cell given, in that order. */
  readonly cells: readonly CellVerdict[];
  /** The comparison as a whole; null if no cell has a baseline or the rule looks at cells alone. */
  readonly runWide: RunWideVerdict | null;
  /** By what a change is measured, in words. */
  readonly statistic: string;
  readonly notes: readonly GateNote[];
  /** Why the run can be taken neither for a regression nor for a pass, and what to do, in words; null if it can. */
  readonly undecided: string | null;
}

/** How much more could be measured, for the advice on INCONCLUSIVE cells. */
export interface Extension {
  /** Name of what would be added, singular and plural. */
  readonly unit: readonly [one: string, many: string];
  /** Amounts to try, ascending. */
  readonly amounts: readonly number[];
  /** Returns the comparison as it would be with so much more, the changes as they are. */
  readonly extended: (amount: number) => Comparison;
  /** What else may decide where none of the amounts does. */
  readonly otherwise: string;
}

/** Drop of throughput in percent that fails a run, as the specification has it. */
export const DEFAULT_FAIL_PERCENT = 10;
/** Drop of throughput in percent that warns, as the specification has it. */
export const DEFAULT_WARN_PERCENT = 5;

/**
 * Checks the limits of a gate and returns them as shares of throughput.
 *
 * @throws {RangeError} If a limit is out of its range.
 */
export function thresholdsOf(options: GateOptions): Thresholds {
  const failPercent = options.failPercent ?? DEFAULT_FAIL_PERCENT;
  const warnPercent = options.warnPercent ?? DEFAULT_WARN_PERCENT;
  if (!(0 < warnPercent && warnPercent < failPercent && failPercent < 100)) {
    throw new RangeError(
      "Cannot judge cells as 0 < warning threshold < regression threshold < 100 percent must hold: " +
        `current values are ${warnPercent} and ${failPercent}`,
    );
  }
  return { failShare: failPercent / 100, warnShare: warnPercent / 100 };
}

/** Returns the drops of throughput in percent that warn and fail. */
export function limitsOf(
  options: GateOptions,
): readonly [warn: number, fail: number] {
  return [
    options.warnPercent ?? DEFAULT_WARN_PERCENT,
    options.failPercent ?? DEFAULT_FAIL_PERCENT,
  ];
}

/** Returns a verdict on cells alone, each by itself. */
export function verdictOnCells(
  cells: readonly CellVerdict[],
  statistic: string,
): GateVerdict {
  return { cells, runWide: null, statistic, notes: [], undecided: null };
}

/** Judges a comparison: every cell, in the order of the keys and shifts, and all cells together. */
export function describe(
  keys: readonly string[],
  comparison: Comparison,
  { thresholds, extension }: { thresholds: Thresholds; extension: Extension },
): Omit<GateVerdict, "notes" | "statistic"> {
  const statuses = judgeShifts(comparison, thresholds);
  const more = amountsToDecide(statuses, extension, thresholds);
  const intervals = intervalsOf(comparison);
  const runWide = describeShared(comparison, thresholds);
  const cells = comparison.shifts.map(({ slowdown }, index) => {
    const { low, high } = intervals[index] ?? { low: NaN, high: NaN };
    const cell = {
      key: keys[index] ?? "",
      status: statuses[index] ?? "INCONCLUSIVE",
      changePercent: percentOf(slowdown),
      intervalPercent: [percentOf(high), percentOf(low)] as const,
      moreRuns: more[index] ?? null,
    };
    const size = `throughput ${signed(cell.changePercent)}, ` +
      `of all cells ${signed(runWide.changePercent)}`;
    const reason = reasonOf(cell, thresholds, extension);
    return { ...cell, reason: `${size}: ${reason}` };
  });
  const isDecided = statuses.includes("REGRESSION") ||
    !isUndecided(comparison, thresholds);
  return {
    cells,
    runWide,
    undecided: isDecided
      ? null
      : describeUndecided(cells, runWide, thresholds, extension),
  };
}

/** Describes what a comparison says of all cells together. */
function describeShared(
  { shifts, betweenRuns }: Comparison,
  { failShare }: Thresholds,
): RunWideVerdict {
  const shared = sharedShift(shifts);
  const [interval] = intervalsOf({ shifts: [shared], betweenRuns });
  const { low, high } = interval ?? { low: NaN, high: NaN };
  const total = addVariances(betweenRuns, shared.ownVariance);
  const deviation = Math.sqrt(total.value);
  const proven = deviation *
    studentUpperQuantile(FALSE_ALARM_PROBABILITY / 3, total.degreesOfFreedom);
  // A change is found in 95 of 100 runs if it exceeds the limit by the 95th percentile of its own noise.
  const found = Math.max(slowdownOfDrop(failShare), proven) +
    deviation * studentUpperQuantile(1 - CONFIDENCE, Infinity);
  return {
    changePercent: percentOf(shared.slowdown),
    intervalPercent: [percentOf(high), percentOf(low)],
    noisePercent: 100 * deviation,
    smallestDropPercent: -percentOf(found),
  };
}

function describeUndecided(
  cells: readonly Omit<CellVerdict, "reason">[],
  { changePercent, noisePercent, smallestDropPercent }: RunWideVerdict,
  { failShare }: Thresholds,
  extension: Extension,
): string {
  const beyond = cells.filter((cell) =>
    (cell.changePercent ?? 0) < -100 * failShare
  );
  const needed = beyond.map(({ moreRuns }) => moreRuns ?? Infinity)
    .reduce((a, b) => Math.max(a, b), 0);
  return `could not judge: throughput ${signed(changePercent)} of all cells, ` +
    `${beyond.length} of ${cells.length} cells slower by more than ${
      shown(failShare)
    }, and the noise of ${noisePercent.toFixed(1)} % between runs may be why: ${
      adviceOf(Number.isFinite(needed) ? needed : null, extension)
    }. The smallest drop of all cells that is found in 95 of 100 such runs is ${
      smallestDropPercent.toFixed(1)
    } %`;
}

/** Says how much more decides; null for nothing that was tried. */
function adviceOf(
  needed: number | null,
  { unit: [one, many], otherwise }: Extension,
): string {
  return needed === null
    ? `more ${many} like this would not decide it, ${otherwise}`
    : `${needed} more ${needed === 1 ? one : many} would decide`;
}

/** Returns a percentage with its sign and one decimal. */
export function signed(percent: number): string {
  return `${percent < 0 ? "" : "+"}${percent.toFixed(1)} %`;
}

/** Returns the change of throughput in percent that belongs to a difference of log latency. */
function percentOf(slowdown: number): number {
  return 100 * Math.expm1(-slowdown);
}

/** Returns a share as a percentage without needless digits. */
function shown(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

function reasonOf(
  cell: Omit<CellVerdict, "reason">,
  { failShare, warnShare }: Thresholds,
  extension: Extension,
): string {
  const fail = shown(failShare);
  const warn = shown(warnShare);
  switch (cell.status) {
    case "REGRESSION":
      return `a drop of more than ${fail} that chance does not explain`;
    case "WARN":
      return `probably a drop of more than ${warn}`;
    case "IMPROVED":
      return `a gain of more than ${fail} that chance does not explain`;
    case "OK":
      return `a drop of ${fail} would have shown`;
    default: {
      const seen = (cell.changePercent ?? 0) < -100 * warnShare
        ? "slower, but it may be chance"
        : `a drop of ${fail} is neither seen nor ruled out`;
      return `${seen}; ${adviceOf(cell.moreRuns, extension)}`;
    }
  }
}

/** Returns for each INCONCLUSIVE cell the smallest amount after which it is decided; null for the rest. */
function amountsToDecide(
  statuses: readonly ShiftStatus[],
  { amounts, extended }: Extension,
  thresholds: Thresholds,
): (number | null)[] {
  if (!statuses.includes("INCONCLUSIVE")) return statuses.map(() => null);
  const later = amounts.map((amount) =>
    judgeShifts(extended(amount), thresholds)
  );
  return statuses.map((status, index) =>
    status !== "INCONCLUSIVE" ? null : amounts[
      later.findIndex((after) => after[index] !== "INCONCLUSIVE")
    ] ?? null
  );
}
