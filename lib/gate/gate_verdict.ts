/**
 * What a gate says: the verdict of each cell and of the whole comparison, in numbers and in words.
 *
 * @module
 */

import { studentUpperQuantile } from "../stats/distributions.ts";
import {
  addVariances,
  type CellShift,
  FALSE_ALARM_PROBABILITY,
  intervalOf,
  judgeShifts,
  OK_CONFIDENCE,
  sharedShift,
  type ShiftStatus,
  slowdownOfDrop,
  type Thresholds,
  type Variance,
} from "./gate_rule.ts";

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
  /** The key of the cell. */
  readonly key: string;
  /** The judgement. */
  readonly status: CellStatus;
  /** Change of throughput in percent, below 0 if slower; null without a baseline. */
  readonly changePercent: number | null;
  /** Bounds of the change in percent, each held with a confidence of 95 %; null where there is none. */
  readonly intervalPercent: readonly [low: number, high: number] | null;
  /** The judgement in words. */
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
  readonly kind:
    | "assumed-noise"
    | "odd-baseline-run"
    | "baseline-drift"
    | "tail";
  /** The note in words. */
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
  /** Doubts about the comparison. */
  readonly notes: readonly GateNote[];
}

/** The changes of all cells and the noise that they share. */
export interface Comparison {
  /** In the order of the cells. */
  readonly shifts: readonly CellShift[];
  /** Noise that all cells share. */
  readonly betweenRuns: Variance;
}

/** How much more could be measured, for the advice on INCONCLUSIVE cells. */
export interface Extension {
  /** Name of what would be added, singular and plural. */
  readonly unit: readonly [one: string, many: string];
  /** Amounts to try, ascending. */
  readonly amounts: readonly number[];
  /** Returns the comparison as it would be with so much more, the changes as they are. */
  readonly extended: (amount: number) => Comparison;
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
  if (!(failPercent > 0 && failPercent < 100)) {
    throw new RangeError(
      `Cannot judge cells as the regression threshold must be above 0 and below 100 percent: current value is ${failPercent}`,
    );
  }
  if (!(warnPercent > 0 && warnPercent < failPercent)) {
    throw new RangeError(
      `Cannot judge cells as the warning threshold must be above 0 and below the regression threshold of ${failPercent} percent: current value is ${warnPercent}`,
    );
  }
  return { failShare: failPercent / 100, warnShare: warnPercent / 100 };
}

/** Judges a comparison and describes every cell, in the order of the keys and shifts. */
export function describeCells(
  keys: readonly string[],
  comparison: Comparison,
  { thresholds, extension }: { thresholds: Thresholds; extension: Extension },
): CellVerdict[] {
  const { shifts, betweenRuns } = comparison;
  const statuses = judgeShifts(shifts, betweenRuns, thresholds);
  const more = amountsToDecide(statuses, extension, thresholds);
  const shared = percentOf(sharedShift(shifts).slowdown);
  return shifts.map((shift, index) => {
    const { low, high } = intervalOf(shift, betweenRuns);
    const cell = {
      key: keys[index] ?? "",
      status: statuses[index] ?? "INCONCLUSIVE",
      changePercent: percentOf(shift.slowdown),
      intervalPercent: [percentOf(high), percentOf(low)] as const,
      moreRuns: more[index] ?? null,
    };
    const size = `median throughput ${signed(cell.changePercent)}, ` +
      `of all cells ${signed(shared)}`;
    const reason = reasonOf(cell, thresholds, extension.unit);
    return { ...cell, reason: `${size}: ${reason}` };
  });
}

/** Describes what a comparison says of all cells together. */
export function describeShared(
  { shifts, betweenRuns }: Comparison,
  { failShare }: Thresholds,
): RunWideVerdict {
  const shared = sharedShift(shifts);
  const { low, high } = intervalOf(shared, betweenRuns);
  const total = addVariances(betweenRuns, shared.ownVariance);
  const deviation = Math.sqrt(total.value);
  const proven = deviation *
    studentUpperQuantile(FALSE_ALARM_PROBABILITY / 2, total.degreesOfFreedom);
  // A change is found in 95 of 100 runs if it exceeds the limit by the 95th percentile of its own noise.
  const found = Math.max(slowdownOfDrop(failShare), proven) +
    deviation * studentUpperQuantile(1 - OK_CONFIDENCE, Infinity);
  return {
    changePercent: percentOf(shared.slowdown),
    intervalPercent: [percentOf(high), percentOf(low)],
    noisePercent: 100 * deviation,
    smallestDropPercent: -percentOf(found),
  };
}

/** Returns a percentage with its sign and one decimal. */
export function signed(percent: number): string {
  return `${percent < 0 ? "" : "+"}${percent.toFixed(1)} %`;
}

/** Returns the change of throughput in percent that belongs to a difference of log latency. */
function percentOf(slowdown: number): number {
  return 100 * Math.expm1(-slowdown);
}

function reasonOf(
  cell: Omit<CellVerdict, "reason">,
  { failShare, warnShare }: Thresholds,
  [one, many]: readonly [string, string],
): string {
  const fail = `${Number((100 * failShare).toFixed(2))} %`;
  const warn = `${Number((100 * warnShare).toFixed(2))} %`;
  const worst = `at worst ${signed(cell.intervalPercent?.[0] ?? NaN)}`;
  switch (cell.status) {
    case "REGRESSION":
      return `a drop of more than ${fail} that chance does not explain`;
    case "WARN":
      return `probably a drop of more than ${warn}`;
    case "IMPROVED":
      return `a gain of more than ${fail} that chance does not explain`;
    case "OK":
      return `a drop of ${fail} would have shown, ${worst}`;
    default: {
      const seen = (cell.changePercent ?? 0) < -100 * warnShare
        ? `slower, but it may be chance, ${worst}`
        : `no clear drop, but one of ${fail} could hide, ${worst}`;
      const needed = cell.moreRuns === null
        ? `more ${many} like this would not decide it, more baseline or A/B may`
        : `${cell.moreRuns} more ${
          cell.moreRuns === 1 ? one : many
        } would decide`;
      return `${seen}; ${needed}`;
    }
  }
}

/** Returns for each INCONCLUSIVE cell the smallest amount after which it is decided; null for the rest. */
function amountsToDecide(
  statuses: readonly ShiftStatus[],
  { amounts, extended }: Extension,
  thresholds: Thresholds,
): (number | null)[] {
  const needed: (number | null)[] = statuses.map(() => null);
  const open = (index: number): boolean =>
    statuses[index] === "INCONCLUSIVE" && needed[index] === null;
  for (const amount of amounts) {
    if (!statuses.some((_, index) => open(index))) break;
    const { shifts, betweenRuns } = extended(amount);
    judgeShifts(shifts, betweenRuns, thresholds).forEach((status, index) => {
      if (open(index) && status !== "INCONCLUSIVE") needed[index] = amount;
    });
  }
  return needed;
}
