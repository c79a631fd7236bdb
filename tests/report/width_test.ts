import { assert, assertEquals } from "@std/assert";
import type { Run } from "../../lib/record/run.ts";
import { renderStressRun } from "../../lib/report/stress/text.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { renderRun } from "../support/shown_run.ts";
import {
  AB_VIEW,
  BENCH_VIEW,
  COMPARED_VIEW,
  MODELS_VIEW,
} from "../support/example_views.ts";

const run = (record: Run) => (columns: number) => renderRun(record, columns);

const SHOWN: Readonly<Record<string, (columns: number) => string>> = {
  "a benchmark": run(BENCH_VIEW),
  "a comparison with a baseline": run(COMPARED_VIEW),
  "an A/B run": run(AB_VIEW),
  "two models": run(MODELS_VIEW),
  "a stress run with a ramp": (columns) =>
    renderStressRun(exampleStressRun(), columns),
};

for (const [name, render] of Object.entries(SHOWN)) {
  Deno.test(`${name}: no line is wider than a terminal of 60 to 140 columns`, () => {
    for (let columns = 60; columns <= 140; columns++) {
      const wide = render(columns).split("\n")
        .filter((line) => [...line].length > columns);
      assertEquals(wide, [], `${columns} columns`);
    }
  });
}

/** The words of the rows of a table, those that are wrapped put together by nothing. */
function wordsOf(text: string): Set<string> {
  return new Set(
    text.split("\n").filter((line) => line.includes(" | "))
      .flatMap((line) => line.split(/[ |,]+/)),
  );
}

for (const [name, render] of Object.entries(SHOWN)) {
  Deno.test(`${name}: no word of a table is broken from 60 columns on`, () => {
    const whole = new Set([
      ...wordsOf(render(1_000)),
      // Numbers that stand for names.
      ...["1", "2"],
    ]);
    for (let columns = 60; columns <= 140; columns++) {
      const broken = [...wordsOf(render(columns))].filter((word) =>
        !whole.has(word) && !/^-+$/.test(word)
      );
      assertEquals(broken, [], `${columns} columns`);
    }
  });
}

Deno.test("a comparison shows its verdict first, then what changed, then the rest, then all cells", () => {
  const lines = run(COMPARED_VIEW)(100).split("\n");
  const at = (text: string) => lines.findIndex((line) => line.includes(text));
  const order = [
    "is slower (FAIL)",
    "| FAIL",
    "| IMPROVED",
    "| OK",
    " Median |",
  ]
    .map(at);
  assertEquals(order, order.toSorted((a, b) => a - b));
  assert(order.every((index) => index >= 0), String(order));
});

Deno.test("notes that many cells share are said once, with the worst", () => {
  const text = run(MODELS_VIEW)(200);
  assertEquals(
    text.split("\n").filter((line) => line.includes("pause")),
    [
      "12 cells met a pause of the client (most: Batch 16, Labels 4, simulated/meta-llama/Llama-3.2-3B-Instruct-of-a-long-name, 12 samples)",
    ],
  );
});
