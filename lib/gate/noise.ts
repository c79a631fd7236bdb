/**
 * The noise of a comparison with stored runs: how much runs differ when nothing has changed.
 *
 * Model: the log of the level of cell c in run r is `level_c + run_r + own_rc`. `run_r` is shared by all cells of a run
 * (clock, temperature, neighbours), `own_rc` is the rest, part of which is the scatter of the samples within the run.
 * Their variances are learned from the baseline runs, starting from an assumption that stands alone as long as there is
 * one baseline run. Nothing is learned from the changes that are to be judged: if half of the cells changed, their
 * scatter would pass for noise.
 *
 * Assumption and data are weighted as if the assumption were so many degrees of freedom of data: the moderated variance
 * of Smyth, "Linear models and empirical Bayes methods", Statistical Applications in Genetics and Molecular Biology 3 (2004).
 *
 * @module
 */

import { studentUpperTail } from "../stats/distributions.ts";
import {
  mean,
  median,
  MEDIAN_VARIANCE_FACTOR,
  squaresAboutMean,
  sum,
} from "../stats/summary.ts";
import {
  addVariances,
  type CellShift,
  type Comparison,
  type Variance,
} from "./rule.ts";
import {
  CORRELATION_FACTOR,
  levelsOf,
  type RunLevel,
  type RunValue,
} from "./spread.ts";

/** One cell as it was measured in the baseline and in the result. */
export interface GateCell {
  /** Names the cell in the verdict; unique. */
  readonly key: string;
  /** One entry for each baseline run, oldest first, the same runs for every cell; null where the run lacks the cell. */
  readonly baseline: readonly (RunValue | null)[];
  /** The result runs that hold the cell; what was measured again is pooled with the run's first samples. */
  readonly result: readonly RunValue[];
}

/** A baseline run among the others. */
export interface BaselineRun {
  /** Its place in the baseline. */
  readonly index: number;
  /** How far all of its cells lie from those of the other runs, as a difference of log latency. */
  readonly effect: number;
}

/** What is known of a comparison. */
export interface GateNoise {
  /** Returns the changes with their noise, as they would be with so many more result runs like these. */
  readonly comparison: (moreResultRuns: number) => Comparison;
  /** The baseline runs that count, in order; their effects have a mean of 0. */
  readonly runs: readonly BaselineRun[];
  /** The baseline runs that do not belong and are left out, with their distance from the others. */
  readonly oddRuns: readonly BaselineRun[];
}

/**
 * Assumed standard deviation between runs, 3 %: the noise at which one row suffices for a threshold of 10 %,
 * as 2.33 * sqrt(2) * 3 % = 9.9 %.
 */
export const ASSUMED_RUN_NOISE = 0.03;
/** Assumed standard deviation of one cell between runs beyond the scatter of its samples: half of it. */
const ASSUMED_CELL_NOISE = ASSUMED_RUN_NOISE / 2;
/**
 * Weight of what is assumed against what the baseline shows, in degrees of freedom. Simulated with 4 and 6: two baseline
 * runs of a quiet machine find 15 % slower everywhere in 14 and 95 % of runs, as one does; five of a machine with twice
 * the assumed noise give 1.8 and 2.1 % false alarms.
 */
const ASSUMPTION_WEIGHT = 6;
/** Weight of the noise of all cells against that of one cell, in degrees of freedom. */
const SHARING_WEIGHT = 20;
/** Chance that a sound baseline run is left out. */
const ODD_RUN_PROBABILITY = 0.01;
/** Fewest baseline runs among which one can be told from the others: of two, either may be the odd one. */
const ODD_RUN_MIN_RUNS = 3;

/**
 * Estimates the noise of a comparison from its own runs.
 *
 * @param cells Every cell has a result, and a value in at least one baseline run.
 */
export function estimateNoise(cells: readonly GateCell[]): GateNoise {
  const levels = cells.map((cell): CellLevels => {
    const levelOf = levelsOf([...baselineOf(cell), ...cell.result]);
    return {
      baseline: cell.baseline.map((value) => value && levelOf(value)),
      result: cell.result.map(levelOf),
    };
  });
  const { runs, oddRuns } = fitRuns(levels);
  const share = (cells.length - 1) / cells.length;
  const fits = levels.map((cell) => fitCell(cell, runs, share));
  const common = commonFactor(fits);
  const shifts = fits.map((fit) => withNoise(fit, common));
  const betweenRuns = runVariance(runs.map(({ effect }) => effect));
  const resultRuns = median(levels.map(({ result }) => result.length));
  return {
    comparison: (more) => ({
      shifts: shifts.map((shiftOf) => shiftOf(more)),
      betweenRuns: scaled(
        betweenRuns,
        1 / (resultRuns + more) + 1 / runs.length,
      ),
    }),
    runs,
    oddRuns,
  };
}

/** Returns the values of the baseline runs that hold a cell. */
export const baselineOf = (cell: GateCell): RunValue[] =>
  cell.baseline.filter((value) => value !== null);

/** The levels of a cell in all runs. */
interface CellLevels {
  readonly baseline: readonly (RunLevel | null)[];
  readonly result: readonly RunLevel[];
}

/** Returns the effect of each baseline run on all of its cells, a median over them; runs that do not belong are set apart. */
function fitRuns(
  levels: readonly CellLevels[],
): Pick<GateNoise, "runs" | "oddRuns"> {
  const centred = levels.map(({ baseline }) => {
    const centre = median(baseline.flatMap((level) => level?.log ?? []));
    return baseline.map((level) => level && level.log - centre);
  });
  const count = Math.max(...centred.map((logs) => logs.length));
  let runs = Array.from({ length: count }, (_, index) => index)
    .flatMap((index) => {
      const logs = centred.flatMap((cell) => cell[index] ?? []);
      return logs.length === 0 ? [] : { index, effect: median(logs) };
    });
  const oddRuns: BaselineRun[] = [];
  for (;;) {
    const odd = findOddRun(runs);
    const rest = runs.filter(({ index }) => index !== odd?.index);
    // A cell of which nothing else is left keeps its runs.
    const isNeeded = centred.some((cell) =>
      rest.every(({ index }) => (cell[index] ?? null) === null)
    );
    if (odd === null || isNeeded) break;
    oddRuns.push(odd);
    runs = rest;
  }
  const centre = mean(runs.map(({ effect }) => effect));
  return {
    runs: runs.map(({ index, effect }) => ({ index, effect: effect - centre })),
    oddRuns,
  };
}

/** Returns the run farthest from the others, with its distance from them, if chance does not explain it. */
function findOddRun(runs: readonly BaselineRun[]): BaselineRun | null {
  if (runs.length < ODD_RUN_MIN_RUNS) return null;
  const candidates = runs.map(({ index, effect }) => {
    const others = runs.filter((run) => run.index !== index)
      .map((run) => run.effect);
    const variance = runVariance(others);
    const distance = effect - mean(others);
    const t = Math.abs(distance) /
      Math.sqrt(variance.value * (1 + 1 / others.length));
    const p = 2 * studentUpperTail(t, variance.degreesOfFreedom);
    return { index, effect: distance, p };
  });
  const odd = candidates.reduce((a, b) => b.p < a.p ? b : a);
  return odd.p <= ODD_RUN_PROBABILITY / runs.length ? odd : null;
}

/** Returns the variance between runs from their effects (any common offset), weighted with the assumption. */
function runVariance(effects: readonly number[]): Variance {
  const degreesOfFreedom = ASSUMPTION_WEIGHT + effects.length - 1;
  const squares = ASSUMPTION_WEIGHT * ASSUMED_RUN_NOISE ** 2 +
    squaresAboutMean(effects);
  return {
    value: squares / degreesOfFreedom,
    degreesOfFreedom: effects.length === 1 ? Infinity : degreesOfFreedom,
  };
}

interface CellFit {
  /** The levels of the result runs. */
  readonly resultLogs: readonly number[];
  /** The levels of the baseline runs that hold the cell, without the effects of the runs. */
  readonly baselineLogs: readonly number[];
  /** Degrees of freedom of their scatter: the level takes one, the effects of the runs a share of every cell. */
  readonly freedom: number;
  /** What the samples leave to chance in a result run. */
  readonly ofResult: Variance;
  /** The same of a baseline run. */
  readonly ofBaseline: Variance;
  /** Own variance of a baseline run as it is predicted. */
  readonly predicted: number;
}

function fitCell(
  { baseline, result }: CellLevels,
  runs: readonly BaselineRun[],
  share: number,
): CellFit {
  const present = runs.flatMap(({ index, effect }) => {
    const level = baseline[index] ?? null;
    return level === null ? [] : { ...level, log: level.log - effect };
  });
  const ofSamples = (
    levels: readonly RunLevel[],
    average: (values: readonly number[]) => number,
  ) => ({
    value: CORRELATION_FACTOR *
      average(levels.map(({ variance }) => variance.value)),
    degreesOfFreedom: sum(
      levels.map(({ variance }) => variance.degreesOfFreedom),
    ),
  });
  // A median, since pauses in one baseline run say nothing of the others.
  const ofBaseline = ofSamples(present, median);
  const ofResult = ofSamples(result, mean);
  return {
    resultLogs: result.map(({ log }) => log),
    baselineLogs: present.map(({ log }) => log),
    freedom: (present.length - 1) * share,
    // All requests of one run may be of one kind by chance where there are two: it is no calmer than the baseline.
    ofResult: ofResult.value < ofBaseline.value ? ofBaseline : ofResult,
    ofBaseline,
    predicted: ASSUMED_CELL_NOISE ** 2 + ofBaseline.value,
  };
}

/**
 * Returns the factor that corrects the predicted variances of all cells, from the scatter of the baseline runs: the
 * median over the cells, so that a foreign value here and there does not count.
 */
function commonFactor(fits: readonly CellFit[]): number {
  const known = fits.filter(({ freedom }) => freedom > 0);
  if (known.length === 0) return 1;
  const all = sum(known.map(({ freedom }) => freedom));
  const middle = median(known.map(({ baselineLogs, predicted, freedom }) => {
    // The median of chi-square over its degrees of freedom: Wilson and Hilferty, PNAS 17 (1931).
    const ofChance = Math.max(1 - 2 / (9 * freedom), 0.1) ** 3;
    return squaresAboutMean(baselineLogs) / predicted / freedom / ofChance;
  }));
  return (ASSUMPTION_WEIGHT + all * middle) / (ASSUMPTION_WEIGHT + all);
}

/**
 * Returns the change of a cell with its noise: that of all cells, and what its own baseline runs add. Of these the
 * farthest from the level is drawn in to the next, since one of them may be foreign.
 */
function withNoise(
  fit: CellFit,
  common: number,
): (moreResultRuns: number) => CellShift {
  const { resultLogs, baselineLogs, freedom } = fit;
  const level = median(baselineLogs);
  const [, second = 0, ...rest] = baselineLogs.map((log) => (log - level) ** 2)
    .toSorted((x, y) => y - x);
  const drawnIn = freedom > 0 ? 2 * second + sum(rest) : 0;
  const degreesOfFreedom = SHARING_WEIGHT + freedom;
  const factor = (SHARING_WEIGHT * common + drawnIn / fit.predicted) /
    degreesOfFreedom;
  // Calm runs do not make the scatter of samples smaller than it was seen to be.
  const factorOfSamples = Math.max(factor, 1 / CORRELATION_FACTOR);
  const between = { value: factor * ASSUMED_CELL_NOISE ** 2, degreesOfFreedom };
  // The level of the baseline is a median: of one or two runs that is their mean.
  const ofLevel = (baselineLogs.length < 3 ? 1 : MEDIAN_VARIANCE_FACTOR) /
    baselineLogs.length;
  return (more) => {
    const ofMean = 1 / (resultLogs.length + more);
    return {
      slowdown: mean(resultLogs) - level,
      ownVariance: addVariances(
        scaled(between, ofMean),
        scaled(fit.ofResult, factorOfSamples * ofMean),
        scaled(between, ofLevel),
        scaled(fit.ofBaseline, factorOfSamples * ofLevel),
      ),
    };
  };
}

function scaled({ value, degreesOfFreedom }: Variance, by: number): Variance {
  return { value: value * by, degreesOfFreedom };
}
