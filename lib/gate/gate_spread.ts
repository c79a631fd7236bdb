/**
 * The scatter of samples within a run, and what it leaves in the median of the run.
 *
 * It is read from summaries alone, so that a CSV row is enough; samples, where they are known, add their correlation.
 *
 * @module
 */

import {
  MAD_TO_STANDARD_DEVIATION,
  mean,
  median,
  MEDIAN_VARIANCE_FACTOR,
  medianAbsoluteDeviation,
  sum,
} from "../stats/stats.ts";

/** The latencies of one cell in one run, or in one pass of it. */
export interface RunValue {
  /** Number of samples. */
  readonly count: number;
  /** Median, above 0. */
  readonly p50Ms: number;
  /** 95th percentile. */
  readonly p95Ms: number;
  /** Arithmetic mean, above 0. */
  readonly meanMs: number;
  /** Sample standard deviation; null for one sample. */
  readonly standardDeviationMs: number | null;
  /** The samples in the order in which they were measured, where they are known. */
  readonly latenciesMs: readonly number[] | null;
}

/** All that was measured of one cell. */
export interface CellRuns {
  /** Baseline runs that hold the cell. */
  readonly baseline: readonly RunValue[];
  /** Passes of all result runs. */
  readonly result: readonly RunValue[];
}

/** Variance of the log of one median that comes from the samples of its run. */
export interface MedianScatter {
  /** Of a baseline run. */
  readonly baseline: number;
  /** Of one pass of a result run. */
  readonly result: number;
}

/**
 * Samples with which a cell's own scatter weighs as much as that of the typical cell.
 * Simulated: 4, 10 and 20 have the same false alarms, 20 finds most in the noisiest cells.
 */
const TYPICAL_CELL_SAMPLES = 20;
/**
 * Factor on the variance of a median for correlated neighbouring samples, where it cannot be measured: correlation 0.5.
 * Simulated with one baseline run: with 2, single cells of five samples on a shared machine have half as many
 * false alarms again; with 4, 25 % slower in one cell of a typical machine is found in 39 % of the runs, with 3 in 60 %.
 */
export const ASSUMED_CORRELATION_FACTOR = 3;
/** Fewest samples of a run from which their correlation is measured: below, its bias is as large as itself. */
const CORRELATION_MIN_SAMPLES = 10;
/** Largest correlation that is believed: beyond it the factor explodes. */
const MAX_CORRELATION = 0.85;
/** Distance from the median, in standard deviations, beyond which a sample is drawn in. */
const DRAW_IN_LIMIT = 3;
/** The 95th percentile of the standard normal distribution. */
const NORMAL_P95 = 1.6448536269514722;
/** Standard deviation of log latency taken where every cell has one sample: too large to prove anything. */
const UNKNOWN_SPREAD = 1;

/**
 * Returns a function that predicts the scatter of the medians of a cell: pi / 2 * factor * spread^2 / samples.
 *
 * The spread is that of the typical cell in the same runs, times how many times noisier this cell is in all runs:
 * a result run that is noisier as a whole is seen, one pair of pauses in one cell is not taken for noise.
 */
export function medianScatter(
  cells: readonly CellRuns[],
): (cell: CellRuns) => MedianScatter {
  const typical = {
    baseline: typicalSpread(cells.flatMap(({ baseline }) => baseline)),
    result: typicalSpread(cells.flatMap(({ result }) => result)),
  };
  const factor = MEDIAN_VARIANCE_FACTOR *
    correlationFactor(
      cells.flatMap((cell) => [...cell.baseline, ...cell.result]),
    );
  return ({ baseline, result }) => {
    const relative = relativeVariance([...baseline, ...result], [
      ...baseline.map((value) => ratioTo(typical.baseline, value)),
      ...result.map((value) => ratioTo(typical.result, value)),
    ]);
    const variance = (spread: number, values: readonly RunValue[]): number =>
      factor * relative * spread ** 2 / mean(values.map(({ count }) => count));
    return {
      baseline: variance(typical.baseline, baseline),
      result: variance(typical.result, result),
    };
  };
}

function typicalSpread(values: readonly RunValue[]): number {
  const known = values.map(spreadOf).filter((spread) => spread !== null);
  return known.length === 0 ? UNKNOWN_SPREAD : median(known);
}

function ratioTo(typical: number, value: RunValue): number | null {
  const spread = spreadOf(value);
  return spread === null || typical === 0 ? null : spread / typical;
}

/**
 * Returns the variance of a cell over that of the typical cell; with few samples it leans on the typical cell.
 *
 * The lower of the two middle runs counts, since a pair of pauses makes one run look many times noisier.
 */
function relativeVariance(
  values: readonly RunValue[],
  ratios: readonly (number | null)[],
): number {
  const known = ratios.filter((ratio) => ratio !== null);
  const middle = known.toSorted((x, y) => x - y)[
    Math.floor((known.length - 1) / 2)
  ];
  if (middle === undefined) return 1;
  const samples = sum(values.map(({ count }) => count));
  return (samples * middle ** 2 + TYPICAL_CELL_SAMPLES) /
    (samples + TYPICAL_CELL_SAMPLES);
}

/**
 * Returns the standard deviation of log latency within a run, or null for one sample: the smaller of two estimates,
 * so that neither one pause (which moves the standard deviation) nor a 95th percentile that is the largest sample
 * passes for scatter.
 */
function spreadOf(value: RunValue): number | null {
  if (value.standardDeviationMs === null) return null;
  const relative = value.standardDeviationMs / value.meanMs;
  return value.p95Ms > value.p50Ms
    ? Math.min(relative, Math.log(value.p95Ms / value.p50Ms) / NORMAL_P95)
    : relative;
}

/**
 * Returns (1 + r) / (1 - r) for the correlation r of neighbouring samples, pooled over all runs that hold samples:
 * so many times fewer samples would be worth the same without correlation.
 *
 * Outliers are drawn in first; r is corrected for its bias of -(1 + 3 r) / n
 * (Marriott and Pope, "Bias in the estimation of autocorrelations", Biometrika 41, 1954).
 */
function correlationFactor(values: readonly RunValue[]): number {
  const series = values
    .map(({ latenciesMs }) => latenciesMs ?? [])
    .filter((latencies) => latencies.length >= CORRELATION_MIN_SAMPLES)
    .map(centredLogs);
  const squares = sum(series.flat().map((value) => value ** 2));
  if (squares === 0) return ASSUMED_CORRELATION_FACTOR;
  const products = sum(
    series.flatMap((logs) =>
      logs.slice(1).map((value, index) => value * (logs[index] ?? 0))
    ),
  );
  const raw = products / squares;
  const bias = (1 + 3 * raw) / median(series.map((logs) => logs.length));
  const correlation = Math.min(Math.max(raw + bias, 0), MAX_CORRELATION);
  return (1 + correlation) / (1 - correlation);
}

function centredLogs(latenciesMs: readonly number[]): number[] {
  const logs = latenciesMs.map(Math.log);
  const centre = median(logs);
  const limit = DRAW_IN_LIMIT * MAD_TO_STANDARD_DEVIATION *
    medianAbsoluteDeviation(logs);
  const drawnIn = logs.map((log) =>
    Math.min(Math.max(log - centre, -limit), limit)
  );
  const average = mean(drawnIn);
  return drawnIn.map((value) => value - average);
}
