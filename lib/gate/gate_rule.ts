/**
 * The rule that turns changes and their noise into statuses; used for stored baselines and for A/B alike.
 *
 * All changes are differences of natural logarithms of latency: above 0 is slower,
 * and a throughput drop of 10 % is -ln(1 - 0.10) = 0.105.
 *
 * The change of a cell is split in two parts with different noise. The *shared* part is the median change of all
 * cells: a machine that is slow today moves it as much as slower code does, so it is held against the noise between
 * runs. The *own* part is what the cell changed beyond the shared part (beyond no change, if the run as a whole
 * became faster): the noise between runs cancels in it, so it is held against the noise of a single cell.
 * A part counts only where chance is ruled out, and the parts that count, and the change itself, must exceed the threshold.
 *
 * @module
 */

import {
  holmRejections,
  studentUpperQuantile,
  studentUpperTail,
} from "../stats/distributions.ts";
import { mean, median, MEDIAN_VARIANCE_FACTOR, sum } from "../stats/stats.ts";

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
 * Chance of any false REGRESSION in a run, and as much of any false IMPROVED; half for each of the two parts.
 * The rate that users of a nightly gate may be expected to bear: one false alarm in a hundred nights.
 */
export const FALSE_ALARM_PROBABILITY = 0.01;
/** The same for WARN, which fails no run. */
export const FALSE_WARNING_PROBABILITY = 0.1;
/** A cell is OK if a drop beyond the threshold would have shown with this confidence. */
export const OK_CONFIDENCE = 0.95;
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
export function addVariances(a: Variance, b: Variance): Variance {
  const value = a.value + b.value;
  const uncertainty = a.value ** 2 / a.degreesOfFreedom +
    b.value ** 2 / b.degreesOfFreedom;
  return {
    value,
    degreesOfFreedom: uncertainty > 0 ? value ** 2 / uncertainty : Infinity,
  };
}

/** Returns the status of every cell, in the order given; `betweenRuns` is the noise that all cells share. */
export function judgeShifts(
  shifts: readonly CellShift[],
  betweenRuns: Variance,
  thresholds: Thresholds,
): ShiftStatus[] {
  const failAt = slowdownOfDrop(thresholds.failShare);
  const slower = exceeds(shifts, betweenRuns, {
    threshold: failAt,
    level: FALSE_ALARM_PROBABILITY,
  });
  const suspect = exceeds(shifts, betweenRuns, {
    threshold: slowdownOfDrop(thresholds.warnShare),
    level: FALSE_WARNING_PROBABILITY,
  });
  const mirrored = shifts.map((shift) => ({
    ...shift,
    slowdown: -shift.slowdown,
  }));
  const faster = exceeds(mirrored, betweenRuns, {
    threshold: Math.log1p(thresholds.failShare),
    level: FALSE_ALARM_PROBABILITY,
  });
  return shifts.map((shift, index) => {
    if (slower[index]) return "REGRESSION";
    if (suspect[index]) return "WARN";
    if (faster[index]) return "IMPROVED";
    const total = addVariances(betweenRuns, shift.ownVariance);
    const missed = studentUpperTail(
      (failAt - shift.slowdown) / Math.sqrt(total.value),
      total.degreesOfFreedom,
    );
    return missed <= 1 - OK_CONFIDENCE ? "OK" : "INCONCLUSIVE";
  });
}

/** Returns the bounds of a change that hold with {@linkcode OK_CONFIDENCE} each, as differences of log latency. */
export function intervalOf(
  shift: CellShift,
  betweenRuns: Variance,
): { low: number; high: number } {
  const total = addVariances(betweenRuns, shift.ownVariance);
  const margin =
    studentUpperQuantile(1 - OK_CONFIDENCE, total.degreesOfFreedom) *
    Math.sqrt(total.value);
  return { low: shift.slowdown - margin, high: shift.slowdown + margin };
}

/** Tells for each cell whether it is slower by more than the threshold, beyond chance. */
function exceeds(
  shifts: readonly CellShift[],
  betweenRuns: Variance,
  { threshold, level }: { threshold: number; level: number },
): boolean[] {
  const shared = sharedShift(shifts);
  const sharedNoise = addVariances(betweenRuns, shared.ownVariance);
  const sharedProven = studentUpperTail(
    shared.slowdown / Math.sqrt(sharedNoise.value),
    sharedNoise.degreesOfFreedom,
  ) <= level / 2;
  const explained = Math.max(shared.slowdown, 0);
  const ownProven = holmRejections(
    shifts.map(({ slowdown, ownVariance }) =>
      studentUpperTail(
        (slowdown - explained) /
          Math.sqrt(ownVariance.value + shared.ownVariance.value),
        ownVariance.degreesOfFreedom,
      )
    ),
    level / 2,
  );
  return shifts.map(({ slowdown }, index) => {
    const proven = (sharedProven ? explained : 0) +
      (ownProven[index] ? slowdown - explained : 0);
    return Math.min(slowdown, proven) > threshold + ROUNDING;
  });
}
