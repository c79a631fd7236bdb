/**
 * Simulated runs for the evaluation of the gate: what a machine measures when nothing, or something known, has changed.
 *
 * @module
 */

import type { GateCell, RunValue } from "../../lib/gate/judge.ts";
import { createRng, normal, type Rng } from "../../lib/stats/rng.ts";
import { summariseLatencies } from "../../lib/stats/summary.ts";

/** Noise of a machine; shares of latency, 0 to 1. */
export interface Scenario {
  /** Coefficient of variation of one latency within a run (lognormal). */
  readonly withinRun: number;
  /** Share of requests that take 3 to 10 times as long. */
  readonly outliers: number;
  /** Correlation of neighbouring latencies. */
  readonly correlation: number;
  /** Standard deviation between runs, shared by all cells. */
  readonly betweenRuns: number;
  /** Standard deviation between runs of one cell, half of whose variance stays when it is measured again. */
  readonly betweenRunsCell: number;
  /** True if small batches are noisier: 1.7 times at 1 down to 0.6 times at 128. */
  readonly noisySmallBatches: boolean;
  /** How much slower the result run becomes from the first to the last cell. */
  readonly heatUp: number;
  /** How much slower each run is than the one before; the result comes 10 runs after the baseline. */
  readonly driftPerRun: number;
  /** How much slower one of the baseline runs is. */
  readonly badRun: number;
  /** Further share of requests of the result that take 3 to 10 times as long. */
  readonly tail: number;
  /** Share of latency that the first half of the cells improved by. */
  readonly improvement: number;
  /** Share of the requests that take half as long, in cells with two humps; that of one run scatters by 0.05. */
  readonly humps: number;
  /** Which cells have two humps. */
  readonly humped: "every third" | "all";
}

const NO_NOISE: Scenario = {
  withinRun: 0.05,
  outliers: 0,
  correlation: 0,
  betweenRuns: 0,
  betweenRunsCell: 0,
  noisySmallBatches: false,
  heatUp: 0,
  driftPerRun: 0,
  badRun: 0,
  tail: 0,
  improvement: 0,
  humps: 0,
  humped: "every third",
};
const HUMPS: Scenario = {
  ...NO_NOISE,
  withinRun: 0.04,
  betweenRuns: 0.015,
  betweenRunsCell: 0.0075,
};
const ONE_PERCENT: Scenario = {
  ...NO_NOISE,
  betweenRuns: 0.01,
  betweenRunsCell: 0.0033,
};

/** The machines that the gate is evaluated on. */
export const SCENARIOS = {
  quiet: {
    ...NO_NOISE,
    withinRun: 0.02,
    betweenRuns: 0.005,
    betweenRunsCell: 0.003,
    outliers: 0.002,
    noisySmallBatches: true,
  },
  typ: {
    ...NO_NOISE,
    betweenRuns: 0.015,
    betweenRunsCell: 0.0075,
    outliers: 0.01,
    correlation: 0.3,
    noisySmallBatches: true,
  },
  vm: {
    ...NO_NOISE,
    withinRun: 0.08,
    betweenRuns: 0.03,
    betweenRunsCell: 0.015,
    outliers: 0.02,
    correlation: 0.5,
    noisySmallBatches: true,
  },
  a5: NO_NOISE,
  a15: { ...NO_NOISE, withinRun: 0.15 },
  b5: { ...NO_NOISE, outliers: 0.02 },
  c5: { ...NO_NOISE, correlation: 0.8 },
  d1: ONE_PERCENT,
  d3: { ...NO_NOISE, betweenRuns: 0.03, betweenRunsCell: 0.01 },
  d6: { ...NO_NOISE, betweenRuns: 0.06, betweenRunsCell: 0.02 },
  e1: { ...ONE_PERCENT, heatUp: 0.08 },
  e2: { ...ONE_PERCENT, driftPerRun: 0.005 },
  bad: { ...ONE_PERCENT, badRun: 0.22 },
  tail: { ...ONE_PERCENT, outliers: 0.01, tail: 0.1 },
  impr: { ...ONE_PERCENT, improvement: 0.15 },
  bi40: { ...HUMPS, humps: 0.4 },
  bi50: { ...HUMPS, humps: 0.5 },
  bi45all: { ...HUMPS, humps: 0.45, humped: "all", outliers: 0.01 },
} satisfies Record<string, Scenario>;

/** Which cells became slower: the middle one, or a share of them by batch size. */
export type Where =
  | "none"
  | "all"
  | "one"
  | "quarter"
  | "half"
  | "three quarters";

/** Shape of one simulated comparison. */
export interface Comparison {
  /** Number of cells: 1, 6, 24 or 84. */
  readonly cells: number;
  /** Samples of a cell in a run. */
  readonly samples: number;
  /** Baseline runs. */
  readonly baselineRuns: number;
  /** Which cells of the result became slower. */
  readonly slower: Where;
  /** By how much, as a share of latency. */
  readonly slowdown: number;
  /** By how much the other cells became faster, as a share of latency. @default {0} */
  readonly othersFaster?: number;
}

/** One simulated comparison. */
export interface SimulatedCells {
  /** What a gate sees. */
  readonly cells: readonly GateCell[];
  /** Two further passes of each cell of the result run. */
  readonly passes: readonly (readonly RunValue[])[];
  /** Keys of the cells that became slower. */
  readonly slowKeys: ReadonlySet<string>;
  /** Index of the slow run of the baseline, if the scenario has one. */
  readonly badRun: number;
}

const GRIDS: Record<
  number,
  { batches: number[]; labels: number[]; models: string[]; dtypes: string[] }
> = {
  1: { batches: [8], labels: [2], models: ["m"], dtypes: ["bf16"] },
  6: {
    batches: [1, 4, 16, 32, 64, 128],
    labels: [2],
    models: ["m"],
    dtypes: ["bf16"],
  },
  24: {
    batches: [1, 4, 16, 32, 64, 128],
    labels: [2, 8],
    models: ["m"],
    dtypes: ["bf16", "fp32"],
  },
  84: {
    batches: [1, 2, 4, 8, 16, 32, 64],
    labels: [2, 4, 8],
    models: ["m-small", "m-large"],
    dtypes: ["bf16", "fp32"],
  },
};

/** Simulates one comparison; the same seed gives the same one. */
export function simulate(
  scenario: Scenario,
  comparison: Comparison,
  seed: string,
): SimulatedCells {
  const rng = createRng(seed);
  const gauss = (deviation: number): number => deviation * normal(rng);
  const grid = gridOf(comparison.cells);
  const isSlow = slowCells(grid, comparison.slower);
  const badRun = Math.floor(rng() * comparison.baselineRuns);
  const measure = (cell: GridCell, shift: number, outliers: number): RunValue =>
    valueOf(
      latencies(scenario, {
        cell,
        shift,
        outliers,
        humps: scenario.humps === 0 ||
            scenario.humped === "every third" && grid.indexOf(cell) % 3 !== 1
          ? 0
          : scenario.humps + gauss(0.05),
        samples: comparison.samples,
        rng,
      }),
    );
  const runEffects = Array.from(
    { length: comparison.baselineRuns },
    (_, run) =>
      gauss(scenario.betweenRuns) + scenario.driftPerRun * run +
      (run === badRun && comparison.baselineRuns > 1 ? scenario.badRun : 0),
  );
  const resultEffect = gauss(scenario.betweenRuns) +
    scenario.driftPerRun * (comparison.baselineRuns + 9);
  const passes: RunValue[][] = [];
  const cells = grid.map((cell, index) => {
    const own = scenario.betweenRunsCell * cell.noise;
    const slow = isSlow[index] ?? false;
    const change = (slow
      ? Math.log1p(comparison.slowdown)
      : Math.log1p(-(comparison.othersFaster ?? 0))) +
      (index < grid.length / 2 && !slow
        ? Math.log1p(-scenario.improvement)
        : 0);
    const baseline = runEffects.map((effect) =>
      measure(cell, effect + gauss(own), scenario.outliers)
    );
    const lasting = resultEffect + change + gauss(own * Math.SQRT1_2);
    const again = (heat: number): RunValue =>
      measure(
        cell,
        lasting + gauss(own * Math.SQRT1_2) + scenario.heatUp * heat,
        scenario.outliers + scenario.tail,
      );
    const result = again(index / Math.max(grid.length - 1, 1));
    passes.push([again(1), again(1)]);
    return { key: cell.key, baseline, result: [result] };
  });
  const slowKeys = new Set(
    cells.filter((_, index) => isSlow[index]).map(({ key }) => key),
  );
  return { cells, passes, slowKeys, badRun };
}

const SHARES = { "quarter": 0.25, "half": 0.5, "three quarters": 0.75 };

function slowCells(grid: readonly GridCell[], where: Where): boolean[] {
  if (where === "none" || where === "all") {
    return grid.map(() => where === "all");
  }
  if (where === "one") {
    return grid.map((_, index) => index === Math.floor(grid.length / 2));
  }
  // The largest batches first, as code that is slow for large batches would have it.
  const order = grid.map((cell, index) => ({ cell, index }))
    .toSorted((a, b) => a.cell.noise - b.cell.noise || a.index - b.index)
    .slice(0, Math.round(SHARES[where] * grid.length));
  const slow = new Set(order.map(({ index }) => index));
  return grid.map((_, index) => slow.has(index));
}

/** One cell of a simulated grid. */
export interface GridCell {
  /** Its key. */
  readonly key: string;
  /** Latency without any noise. */
  readonly typicalMs: number;
  /** How many times noisier than others it is where small batches are noisier. */
  readonly noise: number;
}

/** Returns the cells of a grid of 1, 6, 24 or 84. */
export function gridOf(cells: number): GridCell[] {
  const grid = GRIDS[cells];
  if (grid === undefined) {
    throw new RangeError(
      `Cannot simulate cells as the number must be 1, 6, 24 or 84: current value is ${cells}`,
    );
  }
  const { batches, labels, models, dtypes } = grid;
  return dtypes.flatMap((dtype) =>
    models.flatMap((model) =>
      labels.flatMap((label) =>
        batches.map((batch) => ({
          key: `${batch}/${label}/${model}/${dtype}`,
          typicalMs: (6 + 0.35 * batch + 0.01 * batch * label) *
            (model === "m-large" ? 2.5 : 1) *
            (dtype === "fp32" ? 1.6 : 1),
          noise: 1.7 - 1.1 * Math.min(Math.log2(batch) / 7, 1),
        }))
      )
    )
  );
}

function latencies(
  scenario: Scenario,
  { cell, shift, outliers, humps, samples, rng }: {
    cell: GridCell;
    shift: number;
    outliers: number;
    humps: number;
    samples: number;
    rng: Rng;
  },
): number[] {
  const noise = scenario.noisySmallBatches ? cell.noise : 1;
  const deviation = Math.sqrt(Math.log1p((scenario.withinRun * noise) ** 2));
  let z = normal(rng);
  return Array.from({ length: samples }, (_, index) => {
    if (index > 0) {
      z = scenario.correlation * z +
        Math.sqrt(1 - scenario.correlation ** 2) * normal(rng);
    }
    const isFast = humps > 0 && rng() < humps;
    const latency = cell.typicalMs * Math.exp(shift + deviation * z) /
      (isFast ? 2 : 1);
    return rng() < outliers ? latency * (3 + 7 * rng()) : latency;
  });
}

/** Summarises latencies; at least one. */
export function valueOf(latenciesMs: readonly number[]): RunValue {
  const summary = summariseLatencies(latenciesMs);
  if (summary === null) {
    throw new RangeError(
      "Cannot simulate a run as it must hold a sample: current count is 0",
    );
  }
  return { ...summary, latenciesMs };
}
