/**
 * What the benchmark says while it runs.
 *
 * @module
 */
import { Forecast } from "../bench/forecast.ts";
import type { BenchListener } from "../bench/plan.ts";
import { formatDuration, type Progress } from "../cli/progress.ts";
import { counted } from "../wrap.ts";
import { describeClient } from "../load/client_limit.ts";

/**
 * Returns what tells of cells and of the time left.
 *
 * @param numRuns Timed requests of a cell.
 * @param now The clock, in milliseconds.
 */
export function benchListener(
  progress: Progress,
  numRuns: number,
  now: () => number,
): BenchListener {
  const forecast = new Forecast({ numRuns });
  let begun: { readonly number: number; readonly atMs: number } | null = null;
  return {
    planned: (batchSizes, why) => {
      forecast.plan(batchSizes, why === null);
      if (why === null) return;
      const leftMs = forecast.leftMs(null);
      progress.note(
        `${why}${leftMs === null ? "" : `, ${formatDuration(leftMs)}`}`,
      );
    },
    measuring: (
      { label, number, total, key: { batchSize, concurrency } },
      requests,
      p50Ms,
    ) => {
      if (begun?.number !== number) {
        begun = { number, atMs: now() };
        forecast.begin(batchSize);
      }
      progress.update({
        where: `cell ${number} of ${total}`,
        what: `${label}, ${
          p50Ms === null
            ? counted(requests, "request")
            : `p50 ${p50Ms.toFixed(1)} ms${
              batchSize === 0
                ? ""
                : `, ${
                  (1000 * batchSize * (concurrency ?? 1) / p50Ms).toFixed(0)
                } IPS`
            }`
        }`,
        leftMs: forecast.leftMs({ batchSize, elapsedMs: now() - begun.atMs }),
      });
    },
    measured: ({ label, number, total }, result) => {
      const { summary, status, doubts } = result;
      if (begun?.number === number) forecast.learn(result, now() - begun.atMs);
      const why = doubts.find(({ kind }) => kind === "invalid")?.text;
      progress.step(
        `cell ${number} of ${total}: ${label}, ${
          summary === null ? "no figures" : `p50 ${summary.p50Ms.toFixed(2)} ms`
        }${status === "OK" ? "" : `, ${status}`}${
          why === undefined ? "" : `: ${why}`
        }`,
      );
    },
    calibrated: (calibration) => progress.step(describeClient([calibration])),
    warning: (text) => progress.note(`Warning: ${text}`),
  };
}
