/**
 * The noise of a comparison with stored runs: how much runs differ when nothing has changed.
 *
 * Model: the log of the median latency of cell c in run r is `level_c + run_r + own_rc`. `run_r` is shared by all cells
 * of a run (clock, temperature, neighbours), `own_rc` is the rest, part of which is the scatter of the samples
 * within the run. The variance of `run_r` and of `own_rc` is learned from the baseline runs, starting from an assumption
 * that stands alone as long as there is one baseline run: from one run the noise between runs cannot be known.
 *
 * The way in which assumption and data are weighted (as if the assumption were so many degrees of freedom of data)
 * is the moderated variance of Smyth, "Linear models and empirical Bayes methods", Statistical Applications in Genetics
 * and Molecular Biology 3 (2004).
 *
 * @module
 */

import type { CellShift, Variance } from "./gate_rule.ts";
import {
  ASSUMED_CORRELATION_FACTOR,
  medianScatter,
  type RunValue,
} from "./gate_spread.ts";
import {
  MAD_TO_STANDARD_DEVIATION,
  mean,
  median,
  sum,
} from "../stats/stats.ts";

/** One cell as it was measured in the baseline and in the result. */
export interface GateCell {
  /** Names the cell in the verdict; unique. */
  readonly key: string;
  /** One entry for each baseline run, oldest first, the same runs for every cell; null where the run lacks the cell. */
  readonly baseline: readonly (RunValue | null)[];
  /** The result runs, each with the passes in which it measured the cell: one, or more if it was measured again. */
  readonly result: readonly (readonly RunValue[])[];
}

/** Noise of one cell and its change. */
export interface CellNoise {
  /** Change of log latency against the baseline, above 0 if slower. */
  readonly slowdown: number;
  /** Own variance of one result run. */
  readonly resultRunVariance: number;
  /** Own variance of the mean of the baseline runs. */
  readonly baselineVariance: number;
  /** Degrees of freedom of both. */
  readonly degreesOfFreedom: number;
  /** Number of result runs that hold the cell. */
  readonly resultRuns: number;
}

/** Noise of a whole comparison. */
export interface GateNoise {
  /** In the order of the cells given. */
  readonly cells: readonly CellNoise[];
  /** Variance of the part that all cells of one run share. */
  readonly betweenRuns: Variance;
  /** How far each baseline run lies from their mean, as a difference of log latency; null for one without these cells. */
  readonly runEffects: readonly (number | null)[];
  /** Baseline runs of the typical cell. */
  readonly baselineRuns: number;
  /** Result runs of the typical cell. */
  readonly resultRuns: number;
}

/**
 * Assumed standard deviation between runs, 3 %: the noise at which one row suffices for a threshold of 10 %,
 * as 2.33 * sqrt(2) * 3 % = 9.9 %.
 */
const ASSUMED_RUN_NOISE = 0.03;
/**
 * Assumed standard deviation of one cell between runs beyond the scatter of its samples.
 * Simulated: with a third instead of half of the run noise, false alarms with one baseline run at a correlation of 0.8
 * rise from 0.7 % to 1.5 %, and 25 % slower in the noisiest cell of a typical machine is found in 93 % instead of 95 %.
 */
const ASSUMED_CELL_NOISE = ASSUMED_RUN_NOISE / 2;
/**
 * Weight of what is assumed against what the baseline shows, in degrees of freedom.
 * Simulated: with 3, two baseline runs find 15 % slower everywhere on a quiet machine in 23 % of the runs, with 4 in 90 %;
 * with 6, five baseline runs have 2 % false alarms on a machine with a run noise of 6 %, with 4 they have 1 %.
 */
const ASSUMPTION_WEIGHT = 4;
/**
 * Weight of the noise of all cells against that of one cell, in degrees of freedom.
 * Simulated: with 10, 25 % slower in the noisiest cell of a typical machine is found in 90 % of the runs, with 20 in 95 %;
 * with 40, false alarms with one baseline run at a correlation of 0.8 rise from 0.7 % to 1.3 %.
 */
const SHARING_WEIGHT = 20;
/** Variance of a standard deviation over that of one from the median absolute deviation, for normal values. */
const MAD_EFFICIENCY = 0.37;

/**
 * Estimates the noise of a comparison from its own runs.
 *
 * @param cells Every cell has a result, and a value in at least one baseline run.
 */
export function estimateNoise(cells: readonly GateCell[]): GateNoise {
  const runEffects = fitRunEffects(cells);
  const present = runEffects.filter((effect) => effect !== null);
  const betweenRuns = moderatedRunVariance(present);
  const fits = fitCells(cells, runEffects);
  const common = commonFactor(fits);
  const weight = sharingWeight(cells);
  return {
    cells: fits.map((fit) => {
      const degreesOfFreedom = weight + freedomOf(fit, fits.length);
      const factor = (weight * common + squaresOf(fit)) / degreesOfFreedom;
      return {
        slowdown: fit.slowdown,
        resultRunVariance: factor * fit.predicted.resultRun,
        baselineVariance: factor * fit.predicted.baselineRun /
          fit.residuals.length,
        degreesOfFreedom,
        resultRuns: fit.resultRuns,
      };
    }),
    betweenRuns: present.length === 1
      ? { ...betweenRuns, degreesOfFreedom: Infinity }
      : betweenRuns,
    runEffects,
    baselineRuns: median(fits.map(({ residuals }) => residuals.length)),
    resultRuns: median(fits.map(({ resultRuns }) => resultRuns)),
  };
}

/** Returns the variance between runs from their effects (any common offset), weighted with the assumption. */
export function moderatedRunVariance(effects: readonly number[]): Variance {
  const centre = mean(effects);
  const squares = sum(effects.map((effect) => (effect - centre) ** 2));
  const degreesOfFreedom = ASSUMPTION_WEIGHT + effects.length - 1;
  return {
    value: (ASSUMPTION_WEIGHT * ASSUMED_RUN_NOISE ** 2 + squares) /
      degreesOfFreedom,
    degreesOfFreedom,
  };
}

/** Returns the changes and the variance of the shared part, as they would be with more result runs like these. */
export function shiftsOf(
  noise: GateNoise,
  moreResultRuns = 0,
): { shifts: CellShift[]; betweenRuns: Variance } {
  return {
    shifts: noise.cells.map((cell) => ({
      slowdown: cell.slowdown,
      ownVariance: {
        value: cell.resultRunVariance / (cell.resultRuns + moreResultRuns) +
          cell.baselineVariance,
        degreesOfFreedom: cell.degreesOfFreedom,
      },
    })),
    betweenRuns: {
      value: noise.betweenRuns.value *
        (1 / (noise.resultRuns + moreResultRuns) + 1 / noise.baselineRuns),
      degreesOfFreedom: noise.betweenRuns.degreesOfFreedom,
    },
  };
}

/** Returns the values of the baseline runs that hold a cell. */
export function baselineOf(cell: GateCell): RunValue[] {
  return cell.baseline.filter((value) => value !== null);
}

/** The value of a cell in a run: mean log of the medians of its passes. */
function logMedian(passes: readonly RunValue[]): number {
  return mean(passes.map(({ p50Ms }) => Math.log(p50Ms)));
}

/** Returns the effect of each baseline run on all of its cells, a median over them; their mean is 0. */
function fitRunEffects(cells: readonly GateCell[]): (number | null)[] {
  const levels = new Map(
    cells.map((cell) => [
      cell,
      mean(baselineOf(cell).map(({ p50Ms }) => Math.log(p50Ms))),
    ]),
  );
  const runs = Math.max(...cells.map(({ baseline }) => baseline.length));
  const effects = Array.from({ length: runs }, (_, run) => {
    const differences = cells.flatMap((cell) => {
      const value = cell.baseline[run] ?? null;
      return value === null
        ? []
        : [Math.log(value.p50Ms) - (levels.get(cell) ?? NaN)];
    });
    return differences.length === 0 ? null : median(differences);
  });
  const centre = mean(effects.filter((effect) => effect !== null));
  return effects.map((effect) => effect === null ? null : effect - centre);
}

interface CellFit {
  readonly slowdown: number;
  readonly resultRuns: number;
  /** What is left of the baseline without level and run effects, one number for each run that holds the cell. */
  readonly residuals: readonly number[];
  /** Own variance of one run, from the assumption and the scatter of the samples. */
  readonly predicted: {
    readonly resultRun: number;
    readonly baselineRun: number;
  };
}

function fitCells(
  cells: readonly GateCell[],
  runEffects: readonly (number | null)[],
): CellFit[] {
  const runsOf = (cell: GateCell) => ({
    baseline: baselineOf(cell),
    result: cell.result.flat(),
  });
  const scatterOf = medianScatter(cells.map(runsOf));
  return cells.map((cell) => {
    const logs = cell.baseline.flatMap((value, run) =>
      value === null ? [] : [Math.log(value.p50Ms) - (runEffects[run] ?? 0)]
    );
    const level = mean(logs);
    const scatter = scatterOf(runsOf(cell));
    const passes = mean(cell.result.map((run) => run.length));
    return {
      slowdown: mean(cell.result.map(logMedian)) - level,
      resultRuns: cell.result.length,
      residuals: logs.map((log) => log - level),
      predicted: {
        resultRun: ASSUMED_CELL_NOISE ** 2 + scatter.result / passes,
        baselineRun: ASSUMED_CELL_NOISE ** 2 + scatter.baseline,
      },
    };
  });
}

/**
 * Returns the factor that corrects the predicted variances of all cells: from what is left in the baseline,
 * and from the scatter of the changes around their median (most of which should be none). One comparison may show
 * that there is more noise than predicted; to show that there is less takes several baseline runs.
 */
function commonFactor(fits: readonly CellFit[]): number {
  const squares = sum(fits.map(squaresOf));
  const freedom = sum(fits.map((fit) => freedomOf(fit, fits.length)));
  const shared = median(fits.map(({ slowdown }) => slowdown));
  const measured = MAD_TO_STANDARD_DEVIATION *
    median(fits.map(({ slowdown, resultRuns, residuals, predicted }) => {
      const variance = predicted.resultRun / resultRuns +
        predicted.baselineRun / residuals.length;
      return Math.abs(slowdown - shared) / Math.sqrt(variance);
    }));
  const scatter = Math.max(measured, 1);
  const scatterWeight = MAD_EFFICIENCY * (fits.length - 1);
  return (ASSUMPTION_WEIGHT + squares + scatterWeight * scatter ** 2) /
    (ASSUMPTION_WEIGHT + freedom + scatterWeight);
}

/** Weight of the noise of all cells: it is known no better than the samples behind it, correlated as they may be, allow. */
function sharingWeight(cells: readonly GateCell[]): number {
  const values = cells.flatMap((cell) => [
    ...baselineOf(cell),
    ...cell.result.flat(),
  ]);
  const freedom = sum(values.map(({ count }) => count - 1));
  return Math.min(
    Math.max(freedom / ASSUMED_CORRELATION_FACTOR, 1),
    SHARING_WEIGHT,
  );
}

/** Sum of squares of what is left, as a multiple of the predicted variance. */
function squaresOf({ residuals, predicted }: CellFit): number {
  return sum(residuals.map((residual) => residual ** 2)) /
    predicted.baselineRun;
}

/** Degrees of freedom of what is left: the level of the cell takes one, the run effects a share of every cell. */
function freedomOf({ residuals }: CellFit, cells: number): number {
  return (residuals.length - 1) * (cells - 1) / cells;
}
