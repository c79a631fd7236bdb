/** One example of everything that people see of a result, with long names and many doubts, for tests of its looks. */
import { applyComparison, compareRun } from "../../lib/baseline/comparison.ts";
import { judgeAbRun } from "../../lib/bench/ab.ts";
import type { CellResult, Run } from "../../lib/record/run.ts";
import {
  baselineOf,
  latenciesAround,
  measuredCell,
  measuredRun,
} from "./example_baseline.ts";
import { exampleRun } from "./example_run.ts";

const MODELS = [
  "simulated/meta-llama/Llama-3.2-1B-Instruct",
  "simulated/meta-llama/Llama-3.2-3B-Instruct-of-a-long-name",
];

const PAUSES = (count: number): CellResult["doubts"] => [{
  kind: "pause",
  text: `${count} timed met a pause of the client`,
  count,
}];

/** Cells of three batch sizes and two label counts for each model and data type. */
function cellsOf(
  models: readonly string[],
  slowness: (index: number) => number = () => 1,
  seed = "views",
): CellResult[] {
  return models.flatMap((model, m) =>
    [1, 4, 16].flatMap((batchSize, b) =>
      [2, 4].map((numLabels, l) => {
        const index = 6 * m + 2 * b + l;
        const middleMs = (8 + 1.5 * batchSize) * (1 + m) * slowness(index);
        return measuredCell(
          batchSize,
          latenciesAround(middleMs, `${seed}/${index}`, 20),
          {
            key: { batchSize, numLabels, model, dtype: "bfloat16" },
            doubts: PAUSES(1 + index),
          },
        );
      })
    )
  );
}

const SIMULATED = { "target": "simulated", "target_address": "" } as const;

/** A run of one model, each cell with a doubt, one INVALID. */
export const BENCH_VIEW: Run = exampleRun({
  cells: cellsOf(MODELS.slice(0, 1)).map((cell, i) =>
    i !== 3 ? cell : {
      ...cell,
      status: "INVALID",
      doubts: [{ kind: "invalid", text: "2 of 20 requests failed" }],
      failures: [{
        outcome: "http-status",
        count: 2,
        example:
          "status 503: the server is overloaded, please try again later, says the gateway at https://gateway.example.com/a/very/long/path/that/has/no/blank/to/wrap/at",
      }],
    }
  ),
}, { ...SIMULATED, "model": MODELS[0] ?? "" });

/** The same cells on another server, a little faster. */
export const OTHER_VIEW: Run = exampleRun(
  { cells: cellsOf(MODELS.slice(0, 1), () => 0.8, "other") },
  {
    ...SIMULATED,
    "model": MODELS[0] ?? "",
    "timestamp": "2026-01-03T03:04:05.678Z",
    "commit_hash": "def5678",
  },
);

/** A run of two models with long names. */
export const MODELS_VIEW: Run = exampleRun(
  { cells: cellsOf(MODELS) },
  { ...SIMULATED, "model": MODELS.join() },
);

const SLOW = [1.5, 1.06, 1, 0.7, 1, 1];

/** A run that was compared with a baseline: slower, faster and as before. */
export const COMPARED_VIEW: Run = compared(
  measuredRun("views", { slowness: SLOW }),
);

function compared(run: Run): Run {
  const baseline = baselineOf(
    ...["a", "b", "c", "d", "e"].map((seed) => measuredRun(seed)),
  );
  return applyComparison(run, compareRun(run, baseline));
}

/** Two servers of two models that were compared request by request. */
export const AB_VIEW: Run = judgeAbRun({
  ...exampleRun(
    {
      cells: cellsOf(MODELS, (index) => SLOW[index % 6] ?? 1),
      reference: cellsOf(MODELS, () => 1, "reference"),
    },
    { ...SIMULATED, "model": MODELS.join() },
  ),
  options: {
    ...exampleRun().options,
    compareAddress: "http://a-server-with-a-long-name.example.com:30001",
  },
}, {});
