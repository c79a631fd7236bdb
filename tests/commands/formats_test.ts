import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { applyComparison, compareRun } from "../../lib/baseline/comparison.ts";
import { mergeRuns } from "../../lib/baseline/merge.ts";
import { runsOfRecord } from "../../lib/baseline/runs.ts";
import {
  COMPARISON_FORMATS,
  RECORD_FORMATS,
  STRESS_FORMATS,
} from "../../lib/commands/formats.ts";
import type { Run } from "../../lib/record/run.ts";
import { stringifyRun } from "../../lib/record/run_file.ts";
import { kneeOf } from "../../lib/report/charts/stress.ts";
import { renderJunit } from "../../lib/report/junit.ts";
import { cutToBytes, renderMarkdown } from "../../lib/report/markdown.ts";
import { runsToCsv } from "../../lib/report/run/text.ts";
import { viewOfComparison, viewOfRun } from "../../lib/report/view.ts";
import type { RampStep } from "../../lib/stress/record.ts";
import { measuredRun } from "../support/example_baseline.ts";
import { exampleCell, exampleRun } from "../support/example_run.ts";
import {
  EXAMPLE_STEPS,
  exampleLoad,
  exampleStressRun,
} from "../support/example_stress.ts";
import { hostileRun, NASTY } from "../support/hostile_run.ts";

const BASELINE = mergeRuns(
  ["a", "b", "c"].flatMap((seed) =>
    runsOfRecord(measuredRun(seed), `${seed}.json`)
  ),
);

function compared(run: Run): Run {
  return applyComparison(run, compareRun(run, BASELINE));
}

const SLOW = compared(
  measuredRun("slow", { slowness: [1, 1, 1, 1, 1, 1.5] }),
);

async function render(extension: string, run: Run): Promise<string> {
  return await RECORD_FORMATS[extension]?.([run]) ?? "";
}

/** Elements of a text that is not parsed: those that no page of this project has. */
const FOREIGN_REGEXP = /<(?:script|img|a|b>&|iframe|object|link|base)\b/i;
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800]/;

Deno.test("RECORD_FORMATS writes each format", async () => {
  assertEquals(await render(".csv", SLOW), runsToCsv([SLOW]));
  assertEquals(await render(".json", SLOW), stringifyRun(SLOW));
});

Deno.test("RECORD_FORMATS lets nothing of a server through as markup, control or formula", async () => {
  const run = hostileRun();
  for (const extension of [".csv", ".md", ".html", ".xml"]) {
    const text = await render(extension, run);
    assertFalse(CONTROL_REGEXP.test(text.replaceAll("\r\n", "\n")), extension);
    if (extension !== ".csv") assertFalse(FOREIGN_REGEXP.test(text), extension);
  }
  assertFalse((await render(".xml", run)).includes("\ufffe"));
  const rows = (await render(".csv", run)).split("\r\n");
  assertEquals(rows.length, 8);
  assert(rows.slice(1, -1).every((row) => row.includes("'=1+1")));
});

Deno.test("renderMarkdown() leaves no mention, reference, link or table cell of a server", () => {
  const text = renderMarkdown([viewOfRun(hostileRun())]);
  const plain = text.replaceAll(/&#\d+;/g, "\u200b");
  for (const part of ["@octocat", "@org", "#12", "GH-7", "https://", "www.a"]) {
    assertFalse(plain.includes(part), part);
  }
  // Signs are entities, and what GitHub would still read is broken by a zero-width space.
  assertStringIncludes(text, "&#64;&#8203;octocat");
  const table = text.split("\n").filter((line) => line.startsWith("|"));
  const widths = new Set(table.map((line) => line.split("|").length));
  assertEquals([...widths].toSorted((a, b) => a - b), [4, 11]);
});

Deno.test("renderMarkdown() puts the verdict first, then what changed, then folds", () => {
  const text = renderMarkdown([viewOfRun(SLOW)]);
  const [first = ""] = text.split("\n");
  assertStringIncludes(first, "## ❌ 1 of 6 cells is slower");
  const places = [
    "### What changed",
    "| 32 | 2 |",
    "<summary>6 cells of the result",
    "<summary>How it was measured",
  ].map((part) => text.indexOf(part));
  assert(places.every((place) => place > 0), String(places));
  assertEquals(places, places.toSorted((a, b) => a - b));
  // Before the fold stand only the cells that are not plainly OK.
  assertFalse(text.slice(0, places[2]).includes("| 16 | 2 |"));
});

Deno.test("renderMarkdown() passes only what passed, and says what is simulated", () => {
  const first = (run: Run) => renderMarkdown([viewOfRun(run)]).split("\n")[0];
  assertEquals(first(compared(measuredRun("r"))), "## ✅ All 6 cells passed");
  assertEquals(
    first(exampleRun()),
    "## 📏 1 cell measured; nothing was compared (no baseline)",
  );
  const invalid = exampleCell({
    status: "INVALID",
    doubts: [{ kind: "invalid" as const, text: "2 requests failed" }],
  });
  assertEquals(
    first(exampleRun({ cells: [invalid] })),
    "## ⚠️ 0 of 1 cell measured, 1 INVALID; nothing was compared (no baseline)",
  );
  const other = compared(
    measuredRun("r", { metadata: { "hardware": "tpu-v5e-1" } }),
  );
  assertStringIncludes(first(other) ?? "", "## ⚠️ No verdict");
  assertStringIncludes(
    renderMarkdown([viewOfRun(exampleRun({}, { "target": "simulated" }))]),
    "**Simulated engine: no real server was measured",
  );
});

Deno.test("cutToBytes() cuts at a line, within the limit, and closes the fold", () => {
  const text = `# é\n<details>\n${"| é |\n".repeat(50)}</details>\n`;
  assertEquals(cutToBytes(text), text);
  const cut = cutToBytes(text, 300);
  assert(new TextEncoder().encode(cut).length <= 300);
  assertStringIncludes(cut, "| é |\n\n</details>\n\n*Cut here");
  assertFalse(cut.includes("\ufffd"));
});

Deno.test("renderMarkdown() stays below the limit of GitHub whatever a record holds", () => {
  const { cells } = exampleRun();
  const many = Array.from({ length: 5000 }, (_, i) => ({
    ...(cells[0] ?? exampleCell()),
    key: { batchSize: i + 1, numLabels: 2, model: NASTY, dtype: "bfloat16" },
    doubts: [{ kind: "other" as const, text: NASTY }],
  }));
  const text = renderMarkdown([viewOfRun(exampleRun({ cells: many }))]);
  assert(new TextEncoder().encode(text).length <= 1024 * 1024);
  assertStringIncludes(text, "4950 more are in the table below.");
});

Deno.test("renderJunit() makes a case of each cell: REGRESSION fails, INVALID is an error, the rest is skipped", () => {
  const cells =
    (["OK", "REGRESSION", "INVALID", "INCONCLUSIVE", "NEW", "WARN"] as const)
      .map((status, i) =>
        exampleCell({
          status,
          doubts: [{ kind: "other" as const, text: `because ${i}` }],
          key: { batchSize: i + 1, numLabels: 2, model: "m", dtype: "d" },
        })
      );
  const xml = renderJunit([viewOfRun(exampleRun({ cells }))]);
  const counts = 'tests="6" failures="1" errors="1"';
  assertStringIncludes(xml, `<testsuites ${counts}`);
  assertStringIncludes(
    xml,
    `<testsuite name="scorebench: Profile: smoke" ${counts}`,
  );
  assertStringIncludes(xml, '<failure message="FAIL: because 1"/>');
  assertStringIncludes(xml, '<error message="INVALID: because 2"/>');
  assertStringIncludes(xml, '<skipped message="INCONCLUSIVE: because 3"/>');
  assertStringIncludes(xml, '<skipped message="NEW: because 4"/>');
  assertStringIncludes(xml, 'name="Batch 1, Labels 2 (m, d)" time="0.030"');
});

Deno.test("renderJunit() and renderMarkdown() name the cells of the baseline that were not measured", () => {
  const result = measuredRun("result");
  const run = { ...result, cells: result.cells.slice(0, 5) };
  const view = viewOfRun(compared(run));
  const xml = renderJunit([view]);
  assertStringIncludes(xml, 'tests="6" failures="0" errors="0"');
  assertStringIncludes(xml, 'name="Batch 32, Labels 2 (org/model, bfloat16)"');
  assertStringIncludes(
    xml,
    '<skipped message="in the baseline, but not measured in this run"/>',
  );
  assertEquals(
    view.headline,
    "5 cells passed, 5 of the baseline's 6 cells measured",
  );
  assertStringIncludes(
    renderMarkdown([view]),
    "In the baseline, not measured: 1 cell: Batch 32, Labels 2",
  );
});

Deno.test("renderJunit() shows a comparison that came to nothing as an error", () => {
  const run = measuredRun("r", { metadata: { "hardware": "tpu-v5e-1" } });
  const xml = renderJunit([viewOfRun(compared(run))]);
  assertStringIncludes(xml, 'name="verdict of the whole run"');
  assertStringIncludes(xml, 'tests="7" failures="0" errors="1"');
});

Deno.test("RECORD_FORMATS writes several runs below each other, and refuses to put them into one record", () => {
  const runs = [measuredRun("a"), measuredRun("b")];
  const csv = String(RECORD_FORMATS[".csv"]?.(runs)).trim().split("\r\n");
  assertEquals(csv.length, 13);
  const at = csv[0]?.split(",").indexOf("run") ?? -1;
  assertEquals(csv.slice(1).map((row) => row.split(",")[at]), [
    ...Array(6).fill("0"),
    ...Array(6).fill("1"),
  ]);
  assertThrows(
    () => RECORD_FORMATS[".json"]?.(runs),
    RangeError,
    "Cannot write a record as it must hold one run: current count is 2",
  );
});

Deno.test("COMPARISON_FORMATS writes a comparison of which no record is known", async () => {
  const comparison = compareRun(SLOW, BASELINE);
  const shown = { comparison, view: viewOfComparison(comparison, "r.csv") };
  const csv = String(COMPARISON_FORMATS[".csv"]([shown])).trim().split("\r\n");
  assertEquals(csv.length, 7);
  assertStringIncludes(csv[6] ?? "", "REGRESSION");
  const html = await COMPARISON_FORMATS[".html"]([shown]);
  assertStringIncludes(html, "1 of 6 cells is slower");
  assertFalse(html.includes("Samples and their distribution"));
});

Deno.test("RECORD_FORMATS writes HTML that holds nothing but itself, under a strict policy", async () => {
  const html = await render(".html", hostileRun());
  assertStringIncludes(
    html,
    "content=\"default-src 'none'; style-src 'sha256-",
  );
  const style = html.slice(
    html.indexOf("<style>") + 7,
    html.indexOf("</style>"),
  );
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(style),
  );
  assertStringIncludes(html, `'sha256-${new Uint8Array(digest).toBase64()}'`);
  assertFalse(/ style=| on\w+=|<style[^>]+>|(?:src|href)=/.test(
    html.replaceAll(/>[^<]*</g, "><"),
  ));
  assertFalse(/url\(|@import|https?:(?!\/\/www\.w3\.org)/.test(style));
  assertStringIncludes(html, "<title>Batch 8, Labels 2: ");
  // The same result makes the same page.
  assertEquals(await render(".html", hostileRun()), html);
});

Deno.test("RECORD_FORMATS draws in HTML what was measured of a cell, marks with it", async () => {
  const run = measuredRun("r");
  const [first, ...rest] = run.cells;
  assert(first !== undefined);
  const marked = {
    ...first,
    suspects: [{ index: 3, kind: "compile" as const }],
    doubts: [{ kind: "other" as const, text: "1 timed look like a compile" }],
  };
  const html = await render(".html", { ...run, cells: [marked, ...rest] });
  assertStringIncludes(html, "<title>sample 4: ");
  assertStringIncludes(html, "ms, looks like a compile</title>");
  assertEquals(
    html.match(/sample by sample, and their distribution"/g)?.length,
    6,
  );
  assertStringIncludes(html, "5 cells without doubts");
});

Deno.test("STRESS_FORMATS writes a stress run in each format, its failures first", async () => {
  const run = exampleStressRun({
    warnings: [NASTY],
    results: [
      exampleLoad({
        verdict: "FAIL",
        findings: [{ kind: "failed requests", text: NASTY }],
        errors: [NASTY],
      }),
      exampleLoad({ verdict: "INVALID" }),
      exampleLoad(),
    ],
  });
  const of = async (extension: string) =>
    await STRESS_FORMATS[extension]?.([run]) ?? "";
  for (const extension of [".csv", ".md", ".html", ".xml"]) {
    const text = await of(extension);
    assertFalse(CONTROL_REGEXP.test(text.replaceAll("\r\n", "\n")), extension);
    if (extension !== ".csv") assertFalse(FOREIGN_REGEXP.test(text), extension);
  }
  assertStringIncludes(await of(".md"), "## ❌ 1 of 3 loads failed");
  assertStringIncludes(
    await of(".xml"),
    'tests="3" failures="1" errors="1"',
  );
  assertStringIncludes(await of(".html"), "1 of 3 loads failed");
  assertEquals(JSON.parse(await of(".json")), run);
  assertEquals((await of(".csv")).trim().split("\r\n").length, 4);
});

Deno.test("kneeOf() is the highest load that held, whatever the order of the steps", () => {
  const of = (...steps: (readonly [number, RampStep["verdict"]])[]) =>
    kneeOf(steps.flatMap(([load, verdict]) => {
      const [first] = EXAMPLE_STEPS;
      return first === undefined ? [] : [{ ...first, load, verdict }];
    }))?.load;
  assertEquals(of([10, "held"], [20, "broke"], [15, "held"]), 15);
  assertEquals(of([10, "held"], [20, "client"]), 10);
  assertEquals(of([10, "broke"]), undefined);
  assertEquals(of([10, "held"], [20, "held"]), 20);
});

Deno.test("STRESS_FORMATS draws the load over time and the knee of a ramp", async () => {
  const html = await STRESS_FORMATS[".html"]?.([exampleStressRun()]) ?? "";
  assertStringIncludes(html, "The ramp holds 160 requests/s asked");
  assertStringIncludes(html, ">holds 160</text>");
  assertStringIncludes(html, "<title>second 140: 8 failed, 12 right</title>");
});

Deno.test("JUnit keeps to what the schema of Jenkins allows on each element", async () => {
  const allowed: Readonly<Record<string, readonly string[]>> = {
    testsuites: ["name", "time", "tests", "failures", "disabled", "errors"],
    testsuite: [
      ...["name", "tests", "failures", "errors", "time", "disabled", "skipped"],
      ...["timestamp", "hostname", "id", "package"],
    ],
    testcase: ["name", "assertions", "time", "classname", "status"],
    failure: ["message", "type"],
    error: ["message", "type"],
    skipped: ["message", "type"],
    "system-out": [],
  };
  const texts = [
    await render(".xml", hostileRun()),
    await STRESS_FORMATS[".xml"]?.([exampleStressRun()]) ?? "",
  ];
  for (const text of texts) {
    for (
      const [, name = "", attributes = ""] of text.matchAll(
        /<([\w-]+)([^>]*)>/g,
      )
    ) {
      const found = [...attributes.matchAll(/ ([\w-]+)="/g)].map(([, one]) =>
        one
      );
      assertEquals(
        found.filter((one) => !allowed[name]?.includes(one ?? "")),
        [],
        name,
      );
    }
    for (const [, name = ""] of text.matchAll(/classname="([^"]*)"/g)) {
      assertMatch(name, /^[\w.]+$/);
    }
  }
});
