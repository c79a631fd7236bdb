/**
 * Judges two live servers that were measured in one run, request by request, in blocks A B B A.
 *
 * What is compared is paired: a drift of the machine over a block, as long as it is even, cancels in
 * `(ln b1 + ln b2 - ln a1 - ln a2) / 2`, and there is no noise between runs. What remains is the scatter of the blocks
 * and a difference between any two processes of the same code (memory layout, placement, compilation).
 *
 * @module
 */

import { mean, median, squaresAboutMean } from "../stats/summary.ts";
import { addVariances, type CellShift, type Comparison } from "./rule.ts";
import {
  describe,
  type GateOptions,
  type GateVerdict,
  thresholdsOf,
  verdictOnCells,
} from "./verdict.ts";

/** Latencies of four requests in milliseconds, in the order in which they were sent: A, B, B, A. */
export interface AbBlock {
  readonly a1Ms: number;
  readonly b1Ms: number;
  readonly b2Ms: number;
  readonly a2Ms: number;
}

/** One cell as it was measured on both servers. */
export interface AbCell {
  readonly key: string;
  /** At least two; incomplete blocks left out. */
  readonly blocks: readonly AbBlock[];
}

/** Name of the statistic that is judged. */
const STATISTIC = "mean ratio of the middle 60 % of the blocks";
/** Share of the blocks that is dropped at each end, so that pauses do not count. */
const TRIM = 0.2;
/**
 * Assumed standard deviation of one cell between two processes of the same code.
 * Measured: pairs of processes on the same core differ by 0.3 to 1.1 %.
 */
const PROCESS_NOISE = 0.01;
/** Multiples of the blocks at hand that are tried for the advice on INCONCLUSIVE cells. */
const MORE_BLOCKS = [1, 2, 3, 4, 5, 7, 9];

/**
 * Judges B against A: a change below 0 means that B is slower.
 *
 * @throws {RangeError} If a cell has fewer than two blocks, a latency is not above 0, or a limit is out of its range.
 */
export function judgeAb(
  cells: readonly AbCell[],
  options: GateOptions = {},
): GateVerdict {
  const thresholds = thresholdsOf(options);
  if (cells.length === 0) return verdictOnCells([], STATISTIC);
  const estimates = cells.map(estimateOf);
  const blocks = median(cells.map((cell) => cell.blocks.length));
  const verdict = describe(
    cells.map(({ key }) => key),
    comparisonOf(estimates, 1),
    {
      thresholds,
      extension: {
        unit: ["block", "blocks"],
        amounts: MORE_BLOCKS.map((multiple) => Math.ceil(multiple * blocks)),
        extended: (amount) =>
          comparisonOf(estimates, (blocks + amount) / blocks),
        otherwise: "a quieter machine may",
      },
    },
  );
  return { ...verdict, statistic: STATISTIC, notes: [] };
}

/** Returns the comparison as it would be with `multiple` times as many blocks. */
function comparisonOf(
  estimates: readonly CellShift[],
  multiple: number,
): Comparison {
  return {
    shifts: estimates.map(({ slowdown, ownVariance }) => ({
      slowdown,
      ownVariance: addVariances(
        { ...ownVariance, value: ownVariance.value / multiple },
        { value: 2 * PROCESS_NOISE ** 2, degreesOfFreedom: Infinity },
      ),
    })),
    // Half of what two processes differ by is taken to be shared by all cells, as half of its variance in one process.
    betweenRuns: { value: PROCESS_NOISE ** 2 / 2, degreesOfFreedom: Infinity },
  };
}

/**
 * Returns the trimmed mean of the log ratios of a cell, with its variance from the winsorised sample:
 * Tukey and McLaughlin, "Less vulnerable confidence and significance procedures for location", Sankhya A 25 (1963).
 */
function estimateOf({ key, blocks }: AbCell): CellShift {
  if (blocks.length < 2) {
    throw new RangeError(
      `Cannot judge cell ${key} as A/B needs at least 2 blocks: current count is ${blocks.length}`,
    );
  }
  const sorted = blocks.map((block) => ratioOf(block, key))
    .toSorted((x, y) => x - y);
  const dropped = Math.floor(TRIM * sorted.length);
  const kept = sorted.slice(dropped, sorted.length - dropped);
  const [low = NaN, high = NaN] = [kept[0], kept.at(-1)];
  const drawnIn = sorted.map((ratio) => Math.min(Math.max(ratio, low), high));
  const degreesOfFreedom = kept.length - 1;
  return {
    slowdown: mean(kept),
    ownVariance: {
      value: squaresAboutMean(drawnIn) / (kept.length * degreesOfFreedom),
      degreesOfFreedom,
    },
  };
}

function ratioOf({ a1Ms, b1Ms, b2Ms, a2Ms }: AbBlock, key: string): number {
  for (const latencyMs of [a1Ms, b1Ms, b2Ms, a2Ms]) {
    if (!(latencyMs > 0 && latencyMs < Infinity)) {
      throw new RangeError(
        `Cannot judge cell ${key} as latencies must be above 0 ms: current value is ${latencyMs}`,
      );
    }
  }
  return (Math.log(b1Ms) + Math.log(b2Ms) - Math.log(a1Ms) - Math.log(a2Ms)) /
    2;
}
