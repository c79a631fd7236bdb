/** A compared run whose names, errors and notes are made to break out of every format. */
import { applyComparison, compareRun } from "../../lib/baseline/comparison.ts";
import { mergeRuns } from "../../lib/baseline/merge.ts";
import { runsOfRecord } from "../../lib/baseline/runs.ts";
import type { Run } from "../../lib/record/run.ts";
import { measuredRun } from "./example_baseline.ts";

/** Control sequences, markup, XML ends, Markdown, mentions, references, formulas and reordered text. */
export const NASTY =
  "=1+1</script><img src=x onerror=alert(1)><b>&amp;]]>--> @octocat @org/team #12 GH-7 a/b#3 https://github.com/a/b/issues/1 www.a.b [l](http://c.d) ![i](e.f) |x| `y` *z* _w_ ~v~ $u$ \x1b]0;t\x07\x1b[31m\0\r\n\u202e\u200b\ud800\ufffe";

/** Six cells that were compared with two runs, one of them slower, all of a model with that name. */
export function hostileRun(): Run {
  const named = (run: Run): Run => ({
    ...run,
    metadata: { ...run.metadata, "model": NASTY, "target_address": NASTY },
    cells: run.cells.map((cell) => ({
      ...cell,
      key: { ...cell.key, model: NASTY },
    })),
  });
  const baseline = mergeRuns(
    ["a", "b", "c"].flatMap((seed) =>
      runsOfRecord(named(measuredRun(seed)), `${seed}.json`)
    ),
  );
  const run = named(measuredRun("r", { slowness: [1, 1, 1, 1.6] }));
  const cells = run.cells.map((cell, i) =>
    i > 0 ? cell : {
      ...cell,
      status: "INVALID" as const,
      doubts: [{ kind: "other" as const, text: NASTY }],
      failures: [{
        outcome: "http-status" as const,
        count: 2,
        example: `=${NASTY}`,
      }],
    }
  );
  const whole = {
    ...run,
    cells,
    doubts: [{ kind: "server" as const, text: NASTY }],
  };
  return applyComparison(whole, compareRun(whole, baseline));
}
