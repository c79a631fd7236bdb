/** A made-up history for tests: nights in which the machine varies, and what is planted in them. */
import type { Run } from "../../lib/record/run.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";
import { measuredCell } from "./example_baseline.ts";
import { exampleRun } from "./example_run.ts";

/** What is planted: factors on the latency of a cell in a night. */
export interface HistoryShape {
  /** Nights. */
  readonly nights: number;
  /** Deviation of the logarithm that all cells of a night share. */
  readonly sharedNoise?: number;
  /** The factor on the latency of a cell in a night. */
  readonly slowness?: (night: number, cell: HistoryCell) => number;
  /** The deviation of the logarithm of a cell. */
  readonly noise?: (cell: HistoryCell) => number;
}

/** One cell of a history. */
export interface HistoryCell {
  /** Items. */
  readonly batchSize: number;
  /** Label ids. */
  readonly numLabels: number;
}

/** The cells of a history. */
export const HISTORY_CELLS: readonly HistoryCell[] = [1, 2, 4, 8, 16, 32]
  .flatMap((batchSize) =>
    [2, 4, 8].map((numLabels) => ({ batchSize, numLabels }))
  );

/** The commit of a night. */
export function commitOf(night: number): string {
  return `c0ffee${String(night).padStart(3, "0")}`;
}

/** Makes a history, a run a night. */
export function makeHistory(seed: string, shape: HistoryShape): Run[] {
  const rng = createRng(seed);
  const { sharedNoise = 0.03, slowness = () => 1, noise = () => 0.015 } = shape;
  return Array.from({ length: shape.nights }, (_, night) => {
    const shared = sharedNoise * normal(rng);
    const cells = HISTORY_CELLS.map((cell) => {
      const middleMs = (8 + 1.5 * cell.batchSize) * slowness(night, cell) *
        Math.exp(shared + noise(cell) * normal(rng));
      // Symmetric around the median, so that the median is the one that was planted.
      const latencies = [-0.02, -0.01, 0, 0.01, 0.02].map((part) =>
        middleMs * (1 + part)
      );
      return measuredCell(cell.batchSize, latencies, {
        key: { ...cell, model: "org/model", dtype: "bfloat16" },
        labelTokenIds: Array.from(
          { length: cell.numLabels },
          (_, i) => i + 1,
        ),
      });
    });
    return exampleRun({ cells }, {
      "timestamp": new Date(Date.UTC(2026, 0, 1 + night, 2)).toISOString(),
      "commit_hash": commitOf(night),
      "total_configurations": cells.length,
    });
  });
}

/** Two steps, one slow drift and one noisy cell, and where they are. */
export const PLANTED = {
  nights: 120,
  /** The first slower night of the three cells of batch 16. */
  groupStep: 40,
  /** The first slower night of all cells. */
  sharedStep: 85,
  shape: {
    nights: 120,
    slowness: (night: number, { batchSize, numLabels }: HistoryCell) =>
      (night >= 40 && batchSize === 16 ? 1.15 : 1) *
      (night >= 85 ? 1.12 : 1) *
      (batchSize === 32 && numLabels === 8 ? 1 + 0.2 * night / 119 : 1),
    noise: ({ batchSize, numLabels }: HistoryCell) =>
      batchSize === 1 && numLabels === 2 ? 0.15 : 0.015,
  },
} as const;
