import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  runsToOpenMetrics,
  stressToOpenMetrics,
} from "../../lib/report/openmetrics.ts";
import { exampleCell, exampleRun } from "../support/example_run.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { COMPARED_VIEW, MODELS_VIEW } from "../support/example_views.ts";

/** A line of the text format: a comment, or a name, labels in quotes, and a number. */
const LINE_REGEXP =
  /^(?:# (?:HELP \w+ .+|TYPE \w+ gauge|EOF)|\w+\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+\} -?\d[\d.e+-]*)$/;

for (
  const [name, text] of Object.entries({
    "a run": runsToOpenMetrics([exampleRun()]),
    "a comparison": runsToOpenMetrics([COMPARED_VIEW]),
    "two models": runsToOpenMetrics([MODELS_VIEW, MODELS_VIEW]),
    "a stress run": stressToOpenMetrics([exampleStressRun()]),
  })
) {
  Deno.test(`OpenMetrics of ${name}: each line is of the format, each series is there once, families hold together`, () => {
    const lines = text.trimEnd().split("\n");
    assertEquals(lines.filter((line) => !LINE_REGEXP.test(line)), []);
    assertEquals(lines.at(-1), "# EOF");
    const series = lines.filter((line) => !line.startsWith("#"))
      .map((line) => line.slice(0, line.lastIndexOf(" ")));
    assertEquals(new Set(series).size, series.length);
    const families = series.map((line) => line.split("{")[0])
      .filter((family, i, all) => family !== all[i - 1]);
    assertEquals(new Set(families).size, families.length);
  });
}

Deno.test("runsToOpenMetrics() writes seconds, the change as a ratio and the status", () => {
  const text = runsToOpenMetrics([exampleRun()]);
  const labels =
    'model="org/model",dtype="bfloat16",batch_size="4",num_labels="2",data="text",concurrency="1",hardware="tpu-v6e-4",simulated="false"';
  assertStringIncludes(
    text,
    `scorebench_latency_seconds{${labels},quantile="0.5"} 0.015\n`,
  );
  assertStringIncludes(text, `scorebench_cell_status{${labels},status="OK"} 1`);
  assert(!text.includes("change_ratio"));
  const slow = COMPARED_VIEW.cells[0]?.verdict?.changePercent ?? NaN;
  assertStringIncludes(
    runsToOpenMetrics([COMPARED_VIEW]),
    `simulated="false"} ${slow / 100}\n`,
  );
});

Deno.test("runsToOpenMetrics() keeps a hostile name inside its quotes", () => {
  const key = { ...exampleCell().key, model: 'a"} 1\nb\\\u0007' };
  const text = runsToOpenMetrics([
    exampleRun({ cells: [exampleCell({ key })] }),
  ]);
  assertStringIncludes(text, 'model="a\\"} 1\\nb\\\\?"');
  assertEquals(
    text.trimEnd().split("\n").filter((line) => !LINE_REGEXP.test(line)),
    [],
  );
});
