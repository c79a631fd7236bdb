import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type GateCell,
  type GateVerdict,
  judge,
  type RunValue,
} from "../../lib/gate/judge.ts";
import { findHumps } from "../../lib/stats/humps.ts";
import { valueOf } from "../support/gate_simulation.ts";

/**
 * Seven runs of a real SGLang-JAX server on a CPU in which nothing changed: batches of 1, 2 and 4 items, two labels,
 * 20 requests each. A batch of two runs as one or as 1 + 1, at about 105 or 210 ms.
 */
const RUNS = [
  ...Map.groupBy(
    Deno.readTextFileSync(
      new URL("../testdata/unchanged_runs.csv", import.meta.url),
    ).trim().split("\n").slice(1).map((line) => line.split(",")),
    ([run]) => run,
  ).values(),
].map((rows) =>
  new Map(
    [...Map.groupBy(rows, ([, batchSize]) => batchSize ?? "")].map((
      [batchSize, cell],
    ) => [
      batchSize,
      valueOf(cell.map(([, , latencyMs]) => Number(latencyMs))),
    ]),
  )
);

/** Judges each run against every choice of so many others; with `isSummary` as from CSV files. */
function judgeAll(baselineRuns: number, isSummary: boolean): GateVerdict[] {
  const shown = (value: RunValue | undefined): RunValue => {
    if (value === undefined) throw new Error("a run lacks a cell");
    return isSummary ? { ...value, latenciesMs: null } : value;
  };
  return RUNS.flatMap((result) => {
    const others = RUNS.filter((run) => run !== result);
    // Of six runs there are six choices of one, and six of five: all but one.
    const choices = others.map((one) =>
      baselineRuns === 1 ? [one] : others.filter((run) => run !== one)
    );
    return choices.map((baseline) =>
      judge([...result].map(([key, value]): GateCell => ({
        key,
        baseline: baseline.map((run) => shown(run.get(key))),
        result: [shown(value)],
      })))
    );
  });
}

for (const baselineRuns of [1, 5]) {
  Deno.test(`judge() raises no alarm on unchanged runs of a real server, ${baselineRuns} in the baseline`, () => {
    for (const isSummary of [false, true]) {
      const statuses = judgeAll(baselineRuns, isSummary).flatMap(({ cells }) =>
        cells.map(({ status }) => status)
      );
      assertEquals(statuses.length, 7 * 6 * 3);
      assertEquals(statuses.includes("REGRESSION"), false);
      assertEquals(statuses.includes("IMPROVED"), false);
    }
  });
}

Deno.test("findHumps() tells the real cell with two kinds of answers, in every run", () => {
  for (const run of RUNS) {
    const [fast, slow] = findHumps(run.get("2")?.latenciesMs ?? []) ?? [];
    assertAlmostEquals(fast?.medianMs ?? NaN, 95, 25);
    assertAlmostEquals(slow?.medianMs ?? NaN, 220, 30);
    assertEquals(findHumps(run.get("1")?.latenciesMs ?? []), null);
  }
});
