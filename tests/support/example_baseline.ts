/** Stored runs with samples for tests: six cells, a little noise, nothing changed unless asked for. */
import { type Baseline, mergeRuns } from "../../lib/baseline/merge.ts";
import { runsOfRecord } from "../../lib/baseline/runs.ts";
import {
  type CellResult,
  type Run,
  summariseCell,
} from "../../lib/record/run.ts";
import { createRng } from "../../lib/stats/rng.ts";
import { exampleCell, exampleRun } from "./example_run.ts";

/** A good cell with the latencies given, in milliseconds. */
export function measuredCell(
  batchSize: number,
  latenciesMs: readonly number[],
  changes: Partial<CellResult> = {},
): CellResult {
  const count = latenciesMs.length;
  return exampleCell({
    key: { batchSize, numLabels: 2, model: "org/model", dtype: "bfloat16" },
    numRuns: count,
    samples: {
      plannedMs: Array(count).fill(0),
      sentMs: Array(count).fill(0),
      doneMs: latenciesMs,
      outcome: Array(count).fill("ok"),
    },
    summary: summariseCell(latenciesMs, batchSize),
    ...changes,
  });
}

/** Latencies around a middle that vary by 2 %. */
export function latenciesAround(
  middleMs: number,
  seed: string,
  count = 20,
): number[] {
  const rng = createRng(seed);
  return Array.from(
    { length: count },
    () => middleMs * (0.98 + 0.04 * rng()),
  );
}

/** What {@linkcode measuredRun} may differ in. */
export interface RunShape {
  /** Factors on the latencies of batch 1, 2, 4, 8, 16 and 32; 1 where there is none. */
  readonly slowness?: readonly number[];
  /** Samples of a cell. */
  readonly count?: number;
  /** Other fields of the metadata. */
  readonly metadata?: Partial<Run["metadata"]>;
}

/** A run of batches 1, 2, 4, 8, 16 and 32. */
export function measuredRun(seed: string, shape: RunShape = {}): Run {
  const { slowness = [], count = 20, metadata = {} } = shape;
  return exampleRun({
    cells: [1, 2, 4, 8, 16, 32].map((batchSize, i) =>
      measuredCell(
        batchSize,
        latenciesAround(
          (10 + batchSize) * (slowness[i] ?? 1),
          `${seed}/${batchSize}`,
          count,
        ),
      )
    ),
  }, { "total_configurations": 6, ...metadata });
}

/** Makes a baseline of runs, from the files `b1.json`, `b2.json` and so on. */
export function baselineOf(...runs: readonly Run[]): Baseline {
  return mergeRuns(
    runs.flatMap((run, i) => runsOfRecord(run, `b${i + 1}.json`)),
  );
}

/** Names the status of each cell of a comparison. */
export function statusesOf(
  comparison: { readonly cells: readonly { readonly status: string }[] },
): string[] {
  return comparison.cells.map(({ status }) => status);
}

/** Changes each cell of a run. */
export function withCells(
  run: Run,
  change: (cell: CellResult, index: number) => CellResult,
): Run {
  return { ...run, cells: run.cells.map(change) };
}
