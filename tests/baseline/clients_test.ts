import { assert } from "@std/assert";
import { compareRuns } from "../../lib/baseline/comparison.ts";
import { runsOfRecord } from "../../lib/baseline/runs.ts";
import { withClients } from "../../lib/record/cells.ts";
import type { CellKey, Run } from "../../lib/record/run.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";
import { exampleRun } from "../support/example_run.ts";
import { passOf, runQueue } from "../support/queue_law.ts";

const SHAPE: CellKey = {
  ...{ batchSize: 4, numLabels: 2, model: "org/model", dtype: "bfloat16" },
};
const CLIENTS = [1, 2, 4, 8, 16];

/** A run of a curve: one server with batches of 8, slower by a share, and as a whole off by 2 % or so. */
function curve(seed: number, slower = 0): Run {
  const factor = Math.exp(0.02 * normal(createRng(seed))) * (1 + slower);
  const law = {
    fixedMs: 20 * factor,
    perRequestMs: 2 * factor,
    maxBatch: 8,
    noise: 0.05,
  };
  const run = exampleRun();
  return {
    ...run,
    options: {
      ...run.options,
      batchSizes: [4],
      numLabels: [2],
      concurrency: CLIENTS,
    },
    cells: CLIENTS.map((clients) =>
      passOf(
        withClients(SHAPE, clients),
        runQueue(law, { clients, runs: 20, seed: 100 * seed + clients }),
      )
    ),
  };
}

function judge(seed: number, slower = 0): number {
  const baseline = Array.from(
    { length: 5 },
    (_, i) => runsOfRecord(curve(10 * seed + i), `b${i}`),
  ).flat();
  const result = runsOfRecord(curve(10 * seed + 9, slower), "result");
  return compareRuns(result, { runs: baseline, notes: [] }).exitCode;
}

Deno.test("compareRuns() fails at most 1 % of unchanged curves of clients against five baseline runs", () => {
  const runs = 300;
  let alarms = 0;
  for (let seed = 1; seed <= runs; seed++) if (judge(seed) === 1) alarms++;
  // One in a hundred is 3 of 300; 8 or more would come by chance in 1 of 80 tests of a gate that keeps it.
  assert(alarms <= 7, `${alarms} of ${runs}`);
});

Deno.test("compareRuns() finds a curve of clients that is 30 % slower", () => {
  const found = Array.from({ length: 20 }, (_, i) => judge(1000 + i, 0.3))
    .filter((code) => code === 1).length;
  assert(found >= 18, `${found} of 20`);
});
