/**
 * Simulated A/B comparisons: two servers on one machine that heats up and wanders.
 *
 * @module
 */

import type { AbCell } from "../../lib/gate/ab.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";
import { gridOf } from "./gate_simulation.ts";

/** Shape of one simulated comparison of two live servers. */
export interface AbComparison {
  /** Blocks of a cell. */
  readonly blocks: number;
  /** Which cells of B are slower. */
  readonly slower: "none" | "all" | "one";
  /** By how much, as a share of latency. */
  readonly slowdown: number;
  /** Share of the requests that take half as long, in every cell. @default {0} */
  readonly humps?: number;
}

/** Scatter of one latency in an A/B comparison. */
const AB_WITHIN_RUN = 0.03;
/** Growth of latency over the whole comparison. */
const AB_HEAT_UP = 0.08;
/** Random drift from one request to the next. */
const AB_WANDER = 0.002;
/** Difference of two processes of the same code: a part that all cells share, and one for each cell. */
const AB_PROCESS = 0.005;

/** Simulates two servers of 24 cells, measured in blocks A B B A on a machine that drifts. */
export function simulateAb(
  comparison: AbComparison,
  seed: string,
): { cells: AbCell[]; slowKey: string } {
  const rng = createRng(seed);
  const grid = gridOf(24);
  const slowCell = Math.floor(grid.length / 2);
  const process = AB_PROCESS * normal(rng);
  const requests = 4 * comparison.blocks * grid.length;
  const { humps = 0 } = comparison;
  let drift = 0;
  const request = (log: number): number => {
    drift += AB_HEAT_UP / requests + AB_WANDER * normal(rng);
    const isFast = humps > 0 && rng() < humps;
    return Math.exp(log + drift + AB_WITHIN_RUN * normal(rng)) /
      (isFast ? 2 : 1);
  };
  const cells = grid.map((cell, index) => {
    const slow = comparison.slower === "all" ||
      (comparison.slower === "one" && index === slowCell);
    const a = Math.log(cell.typicalMs);
    const b = a + process + AB_PROCESS * normal(rng) +
      (slow ? Math.log1p(comparison.slowdown) : 0);
    const blocks = Array.from({ length: comparison.blocks }, () => ({
      a1Ms: request(a),
      b1Ms: request(b),
      b2Ms: request(b),
      a2Ms: request(a),
    }));
    return { key: cell.key, blocks };
  });
  return { cells, slowKey: cells[slowCell]?.key ?? "" };
}
