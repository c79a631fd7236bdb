/**
 * The rule that turns changes and their noise into statuses; used for stored baselines and for A/B alike.
 *
 * All changes are differences of natural logarithms of latency: above 0 is slower,
 * and a throughput drop of 10 % is -ln(1 - 0.10) = 0.105.
 *
 * That a cell is slower may be proven in three ways, each held against its own noise: its *total* change, against all
 * noise, whatever the other cells did; its *own* change beyond the *shared* one (the median change of all cells), in
 * which the noise between runs cancels; the shared change, against the noise between runs. What is proven counts
 * only where it exceeds the threshold, and the cell's change does.
 *
 * @module
 */

import {
  holmRejections,
  studentUpperQuantile,
  studentUpperTail,
} from "../stats/distributions.ts";
import { mean, median, MEDIAN_VARIANCE_FACTOR, sum } from "../stats/summary.ts";

/** A variance and how well it is known. */
export interface Variance {
  /** Variance of a logarithm of latency. */
  readonly value: number;
  /** Degrees of freedom of the estimate, above 0; Infinity where it is assumed. */
  readonly degreesOfFreedom: number;
}

/** What is known of the change of one cell. */
export interface CellShift {
  /** Difference of the logarithms of latency, above 0 if slower. */
  readonly slowdown: number;
  /** Noise of this difference that the cell does not share with the others. */
  readonly ownVariance: Variance;
}

/** The changes of all cells and the noise that they share. */
export interface Comparison {
  /** In the order of the cells. */
  readonly shifts: readonly CellShift[];
  /** Noise that all cells share. */
  readonly betweenRuns: Variance;
}

/** Limits of the judgement, as shares of throughput. */
export interface Thresholds {
  /** Smallest drop of throughput that is a regression, 0 to 1. */
  readonly failShare: number;
  /** Smallest drop of throughput that is a warning, 0 to 1. */
  readonly warnShare: number;
}

/** How one change is judged. */
export type ShiftStatus =
  | "OK"
  | "WARN"
  | "REGRESSION"
  | "IMPROVED"
  | "INCONCLUSIVE";

/**
 * Chance of any false REGRESSION in a run, and as much of any false IMPROVED; a third for each way to prove it.
 * The rate that users of a nightly gate may be expected to bear: one false alarm in a hundred nights.
 */
export const FALSE_ALARM_PROBABILITY = 0.01;
/** The same for WARN, which fails no run. */
const FALSE_WARNING_PROBABILITY = 0.1;
/** Confidence of OK for one cell, and of the intervals for all cells together. */
export const CONFIDENCE = 0.95;
/** Differences below this are rounding: a drop of exactly the threshold is not beyond it. */
const ROUNDING = 1e-9;

/** Returns the change of log latency that belongs to a drop of throughput by a share of 0 to 1. */
export function slowdownOfDrop(share: number): number {
  return -Math.log1p(-share);
}

/** Returns the median change of all cells, and the noise that the cells themselves leave in it. */
export function sharedShift(shifts: readonly CellShift[]): CellShift {
  const own = mean(shifts.map((shift) => shift.ownVariance.value)) /
    shifts.length;
  return {
    slowdown: median(shifts.map((shift) => shift.slowdown)),
    ownVariance: {
      // The median of one or two values is their mean.
      value: shifts.length < 3 ? own : own * MEDIAN_VARIANCE_FACTOR,
      degreesOfFreedom: sum(
        shifts.map((shift) => shift.ownVariance.degreesOfFreedom),
      ),
    },
  };
}

/**
 * Returns the variance of a sum of independent terms, with the degrees of freedom of
 * Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
 */
export function addVariances(...parts: readonly Variance[]): Variance {
  const value = sum(parts.map((part) => part.value));
  const uncertainty = sum(
    parts.map((part) => part.value ** 2 / part.degreesOfFreedom),
  );
  return {
    value,
    degreesOfFreedom: uncertainty > 0 ? value ** 2 / uncertainty : Infinity,
  };
}

/** Returns the status of every cell, in the order given. */
export function judgeShifts(
  comparison: Comparison,
  { failShare, warnShare }: Thresholds,
): ShiftStatus[] {
  const { shifts, betweenRuns } = comparison;
  const failAt = slowdownOfDrop(failShare);
  const warnAt = slowdownOfDrop(warnShare);
  const slower = findSlower(comparison, failAt, FALSE_ALARM_PROBABILITY);
  const suspicious = findSlower(comparison, warnAt, FALSE_WARNING_PROBABILITY);
  const faster = findSlower(
    { shifts: shifts.map(mirrored), betweenRuns },
    Math.log1p(failShare),
    FALSE_ALARM_PROBABILITY,
  );
  return shifts.map((shift, index) => {
    if (slower[index]) return "REGRESSION";
    // Beyond the limit and not proven is no small matter: it is not decided.
    if (exceeds(shift, failAt)) return "INCONCLUSIVE";
    if (suspicious[index]) return "WARN";
    if (faster[index]) return "IMPROVED";
    const missed = chanceOf(mirrored(shift), betweenRuns, -failAt);
    return missed <= 1 - CONFIDENCE ? "OK" : "INCONCLUSIVE";
  });
}

/**
 * Tells whether a run without a REGRESSION is undecided as a whole: the shared change or that of more than half of the
 * cells is beyond the threshold, or that of a cell whose own noise does not explain it, so that only the machine may.
 */
export function isUndecided(
  { shifts }: Comparison,
  { failShare }: Thresholds,
): boolean {
  const failAt = slowdownOfDrop(failShare);
  const beyond = shifts.filter((shift) => exceeds(shift, failAt));
  if (2 * beyond.length > shifts.length) return true;
  if (exceeds(sharedShift(shifts), failAt)) return true;
  const unexplained = ownRejections(shifts, 0, FALSE_ALARM_PROBABILITY / 3);
  return shifts.some((shift, index) =>
    unexplained[index] && exceeds(shift, failAt)
  );
}

/**
 * Returns the bounds of the changes, as differences of log latency: all of them hold together with {@linkcode CONFIDENCE}
 * at each end (Bonferroni), so that among many cells none is beyond the limit by chance.
 */
export function intervalsOf(
  { shifts, betweenRuns }: Comparison,
): { low: number; high: number }[] {
  return shifts.map((shift) => {
    const total = addVariances(betweenRuns, shift.ownVariance);
    const margin = Math.sqrt(total.value) *
      studentUpperQuantile(
        (1 - CONFIDENCE) / shifts.length,
        total.degreesOfFreedom,
      );
    return { low: shift.slowdown - margin, high: shift.slowdown + margin };
  });
}

/** Tells for each cell whether it is slower by more than the threshold, beyond chance. */
function findSlower(
  { shifts, betweenRuns }: Comparison,
  threshold: number,
  level: number,
): boolean[] {
  const shared = sharedShift(shifts);
  // A cell that stayed as it was in a faster run is not slower.
  const explained = Math.max(shared.slowdown, 0);
  const isShared = exceeds(shared, threshold) &&
    chanceOf(shared, betweenRuns) <= level / 3;
  const total = holmRejections(
    shifts.map((shift) => chanceOf(shift, betweenRuns)),
    level / 3,
  );
  const own = ownRejections(shifts, explained, level / 3);
  // Of two halves that differ the shared change is between: it is that of neither.
  const isApart = ownRejections(
    shifts.map(mirrored),
    -shared.slowdown,
    level / 3,
  );
  // The whole interval of intervalsOf() is beyond the threshold.
  const isBeyond = (shift: CellShift) =>
    chanceOf(shift, betweenRuns, threshold) <=
      (1 - CONFIDENCE) / shifts.length;
  return shifts.map((shift, index) =>
    exceeds(shift, threshold) &&
    (isShared && isApart[index] === false || total[index] === true ||
      own[index] === true && exceeds(shift, threshold + explained) ||
      isBeyond(shift))
  );
}

/** Tells for each cell whether its own noise does not explain what it is slower by beyond `explained`. */
function ownRejections(
  shifts: readonly CellShift[],
  explained: number,
  level: number,
): boolean[] {
  const { value } = sharedShift(shifts).ownVariance;
  return holmRejections(
    shifts.map((shift) =>
      chanceOf(shift, { value, degreesOfFreedom: Infinity }, explained)
    ),
    level,
  );
}

function mirrored(shift: CellShift): CellShift {
  return { ...shift, slowdown: -shift.slowdown };
}

function exceeds({ slowdown }: CellShift, threshold: number): boolean {
  return slowdown > threshold + ROUNDING;
}

/** Returns the chance of such a slowdown, or a larger one, where there is none beyond `explained`. */
function chanceOf(
  { slowdown, ownVariance }: CellShift,
  noise: Variance,
  explained = 0,
): number {
  const { value, degreesOfFreedom } = addVariances(ownVariance, noise);
  return studentUpperTail(
    (slowdown - explained) / Math.sqrt(value),
    degreesOfFreedom,
  );
}
