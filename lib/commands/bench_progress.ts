/**
 * What the benchmark says while it runs.
 *
 * @module
 */
import type { BenchListener } from "../bench/plan.ts";
import type { Progress } from "../cli/progress.ts";
import { joinDoubts } from "../record/doubts.ts";
import { describeClient } from "../load/client_limit.ts";

/** Returns what tells of cells and of the time left, for so many timed requests a cell. */
export function benchListener(
  progress: Progress,
  numRuns: number,
): BenchListener {
  return {
    expect: (weight) => progress.expect(weight),
    measuring: (cell, requests) =>
      progress.update(
        `cell ${cell.number} of ${cell.total}: ${cell.label}, ${requests} requests`,
        // Warm-up has no known end, so a cell is never quite done before it is.
        cell.weight * Math.min(0.9, requests / (2 * numRuns + 8)),
      ),
    measured: (cell, { summary, status, doubts }) =>
      progress.step(
        `cell ${cell.number} of ${cell.total}: ${cell.label}, ${
          summary === null ? "no figures" : `p50 ${summary.p50Ms.toFixed(2)} ms`
        }${status === "OK" ? "" : `, ${status}`}${
          doubts.length === 0 ? "" : `: ${joinDoubts(doubts)}`
        }`,
        cell.weight,
      ),
    calibrated: (calibration) => progress.note(describeClient(calibration)),
    warning: (text) => progress.note(`Warning: ${text}`),
  };
}
