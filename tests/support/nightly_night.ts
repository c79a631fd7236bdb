/** Nights for tests: run records with judged cells, and what is known of a night. */
import type { NightFacts, StepRecord } from "../../lib/nightly/verdict.ts";
import type { CellResult, Run, Status } from "../../lib/record/run.ts";
import { exampleCell, exampleRun } from "./example_run.ts";

/** A cell with a judgement of its own, told from others by its batch size. */
export function judgedCell(batchSize: number, status: Status): CellResult {
  const changePercent = status === "REGRESSION" ? -23.4 : 0.5;
  return exampleCell({
    key: { batchSize, numLabels: 2, model: "org/model", dtype: "bfloat16" },
    status,
    verdict: {
      changePercent,
      intervalPercent: [changePercent - 2, changePercent + 2],
      baselineRuns: 5,
      moreRuns: null,
      reason: `the reason of ${batchSize}`,
    },
  });
}

/** A compared run of cells with these statuses, by batch size. */
export function comparedRun(
  statuses: Readonly<Record<number, Status>>,
  failure: string | null = null,
  missing: readonly number[] = [],
): Run {
  return exampleRun({
    cells: Object.entries(statuses).map(([batchSize, status]) =>
      judgedCell(Number(batchSize), status)
    ),
    comparison: {
      baseline: ["baselines/tpu-v6e-baseline.csv"],
      changePercent: null,
      intervalPercent: null,
      statistic: "mean latency of the fastest 90 %",
      missing: missing.map((batchSize) => judgedCell(batchSize, "OK").key),
      baselineCells: Object.keys(statuses).length + missing.length,
      notes: [],
      failure,
    },
  });
}

/** How a script ended. */
export function step(
  exitCode: number,
  changes: Partial<StepRecord> = {},
): StepRecord {
  return { exitCode, lastWords: "the last words", isFirst: false, ...changes };
}

/** What is known of a night in which bench.ts ended so. */
export function facts(
  exitCode: number,
  run: Run | string,
  changes: Partial<NightFacts> = {},
): NightFacts {
  return {
    bench: step(exitCode),
    stress: null,
    run,
    jobResult: exitCode === 0 ? "success" : "failure",
    lane: "tpu-v6e-baseline",
    ...changes,
  };
}

/** The key of the regression of the cell of a batch size. */
export function regressionKey(batchSize: number): string {
  return `regression/tpu-v6e-4/org%2Fmodel/bfloat16/${batchSize}/2`;
}
