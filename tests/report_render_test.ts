// deno-lint-ignore-file no-console
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stringifyRun } from "../lib/record/run_file.ts";
import { runsToCsv } from "../lib/report/run/text.ts";
import { stringifyStressRun } from "../lib/stress/file.ts";
import { main } from "../report.ts";
import { makeTestFolder } from "./support/bench_runner.ts";
import { measuredRun } from "./support/example_baseline.ts";
import { commitOf, makeHistory, PLANTED } from "./support/example_history.ts";
import { exampleStressRun } from "./support/example_stress.ts";

const RUN = measuredRun("r");
const SLOW = measuredRun("slow", { slowness: Array(6).fill(1.4) });

/** Runs report.ts in this process. */
async function report(...args: string[]) {
  const { log, error } = console;
  const [out, err]: string[][] = [[], []];
  console.log = (...words) => out?.push(`${words.join(" ")}\n`);
  console.error = (...words) => err?.push(`${words.join(" ")}\n`);
  try {
    const code = await main(args);
    return { code, out: out?.join("") ?? "", err: err?.join("") ?? "" };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** How the text of each format begins. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  csv: "batch_size,num_labels,",
  md: "## ",
  html: "<!doctype html>",
  xml: '<?xml version="1.0" encoding="UTF-8"?>',
};

Deno.test("report.ts shows runs and writes them in each format", async () => {
  await using folder = await makeTestFolder();
  const run = `${folder.path}/run.json`;
  await Deno.writeTextFile(run, stringifyRun(RUN));
  const paths = [...Object.keys(BEGINNINGS), "json"]
    .map((extension) => `${folder.path}/again.${extension}`);
  const { code, out, err } = await report(
    run,
    ...paths.flatMap((path) => ["--output", path]),
  );
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "BENCHMARK RESULTS - Profile: smoke");
  for (const [extension, beginning] of Object.entries(BEGINNINGS)) {
    const text = await Deno.readTextFile(`${folder.path}/again.${extension}`);
    assertEquals(text.slice(0, beginning.length), beginning);
  }
  const again = await Deno.readTextFile(`${folder.path}/again.json`);
  assertEquals(JSON.parse(again), JSON.parse(stringifyRun(RUN)));
  const two = await report(run, run, "-o", `${folder.path}/two.md`);
  assertEquals(two.code, 0);
  const text = await Deno.readTextFile(`${folder.path}/two.md`);
  assertEquals(text.split("\n## ").length, 2);
});

Deno.test("report.ts shows stress runs and writes them in each format", async () => {
  await using folder = await makeTestFolder();
  const run = `${folder.path}/run.json`;
  await Deno.writeTextFile(run, stringifyStressRun(exampleStressRun()));
  const paths = ["md", "xml", "html", "csv", "json"]
    .map((extension) => `${folder.path}/again.${extension}`);
  const { code, out, err } = await report(
    run,
    ...paths.flatMap((path) => ["--output", path]),
  );
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "STRESS TEST RESULTS");
  const read = (extension: string) =>
    Deno.readTextFile(`${folder.path}/again.${extension}`);
  assertStringIncludes(await read("md"), "## ❌ 1 of 2 loads failed");
  assertStringIncludes(await read("xml"), 'tests="2" failures="1"');
  assertStringIncludes(await read("html"), "The ramp and its knee");
  assertStringIncludes(await read("csv"), "scenario,configuration,success,");
  assertEquals(JSON.parse(await read("json")), exampleStressRun());
  const bench = `${folder.path}/bench.json`;
  await Deno.writeTextFile(bench, stringifyRun(RUN));
  const mixed = await report(run, bench);
  assertEquals(mixed.code, 2);
  assertStringIncludes(mixed.err, "Cannot show benchmarks and stress tests");
});

Deno.test("report.ts refuses what it cannot show or write, each with its reason", async () => {
  await using folder = await makeTestFolder();
  const run = `${folder.path}/run.json`;
  await Deno.writeTextFile(run, stringifyRun(RUN));
  await Deno.writeTextFile(`${folder.path}/torn.json`, "{");
  const cases: [string[], string][] = [
    [[`${folder.path}/none.json`], "there is no such file"],
    [[`${folder.path}/torn.json`], "a run record of schema 2 was expected"],
    [["run.csv"], "judged with: report compare BASELINE run.csv"],
    [[run, "-o", "x.pdf"], "expected a name that ends in .csv, .json, .md,"],
    [
      [run, run, "-o", `${folder.path}/x.json`],
      "Cannot write 2 runs to",
    ],
    [["trend", folder.path, "-o", "x.md"], "a name that ends in .html"],
    [["trend", `${folder.path}/none`], "Cannot read folder"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await report(...args);
    assertStringIncludes(err, message);
    assertEquals(code, 2, args.join(" "));
  }
  assertEquals((await report("trend", "--help")).code, 0);
});

Deno.test("report.ts compare writes each format, of records and of CSV files", async () => {
  await using folder = await makeTestFolder();
  const base = `${folder.path}/base.json`;
  await Deno.writeTextFile(base, stringifyRun(RUN));
  await Deno.writeTextFile(`${folder.path}/slow.json`, stringifyRun(SLOW));
  await Deno.writeTextFile(`${folder.path}/slow.csv`, runsToCsv([SLOW]));
  for (const result of ["slow.json", "slow.csv"]) {
    const paths = [...Object.keys(BEGINNINGS), "json"]
      .map((extension) => `${folder.path}/out-${result}.${extension}`);
    const { code } = await report(
      "compare",
      base,
      `${folder.path}/${result}`,
      ...paths.flatMap((path) => ["--output", path]),
    );
    assertEquals(code, 1);
    const read = (extension: string) =>
      Deno.readTextFile(`${folder.path}/out-${result}.${extension}`);
    assertStringIncludes(await read("md"), "6 of 6 cells are slower");
    assertStringIncludes(await read("xml"), 'failures="6"');
    assertStringIncludes(await read("csv"), "REGRESSION");
    assertStringIncludes(await read("html"), "Change against the baseline");
    assertEquals(JSON.parse(await read("json"))["exit_code"], 1);
  }
});

Deno.test("report.ts trend writes the page of a history, and says what is open", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/runs`);
  const runs = makeHistory("cli", PLANTED.shape);
  await Promise.all(runs.map((run, night) =>
    Deno.writeTextFile(
      `${folder.path}/runs/${night}.json`,
      stringifyRun(run),
    )
  ));
  await Deno.writeTextFile(`${folder.path}/runs/torn.json`, "{");
  const page = `${folder.path}/history.html`;
  const { code, out, err } = await report(
    "trend",
    `${folder.path}/runs`,
    "-o",
    page,
  );
  assertEquals(code, 0);
  assertStringIncludes(
    err,
    "runs/torn.json: a run record of schema 2 was expected",
  );
  // Lines that are too long go on deeper.
  const lines = out.trim().replaceAll(/\n {4,}/g, " ").split("\n");
  assertEquals(lines.length, 4);
  assertStringIncludes(
    lines[0] ?? "",
    "3 open regressions, 3 changes of level in 120 runs; 1 file",
  );
  assertStringIncludes(lines[1] ?? "", `first bad commit ${commitOf(85)}`);
  assertStringIncludes(lines[1] ?? "", `last good ${commitOf(84)}`);
  assertStringIncludes(lines[2] ?? "", `first bad commit ${commitOf(40)}`);
  assertStringIncludes(lines[3] ?? "", `drifts from ${commitOf(0)}`);
  const html = await Deno.readTextFile(page);
  assertStringIncludes(html, `first bad commit ${commitOf(40)}`);
  assertStringIncludes(
    html,
    `commit ${commitOf(119)}, tpu-v6e-4, server 0.0.2, scorebench 0.1.0`,
  );
  const marks = html.match(/>(?:drift )?[-+][\d.]+ %<\/text>/g) ?? [];
  // All together: one. Three cells with a step of their own and one that drifts: two each. The rest: one.
  assertEquals(marks.length, 1 + 4 * 2 + 14);
  const empty = await report("trend", `${folder.path}/runs/..`, "-o", page);
  assertEquals(empty.code, 0);
  await Deno.mkdir(`${folder.path}/empty`);
  const none = await report("trend", `${folder.path}/empty`, "-o", page);
  assertEquals(none.code, 3);
  assertStringIncludes(none.out, "No run with a cell");
});

Deno.test("report.ts draws without a network, the environment or other permissions", async () => {
  await using folder = await makeTestFolder();
  const run = `${folder.path}/run.json`;
  await Deno.writeTextFile(run, stringifyRun(RUN));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-read=.,${folder.path}`,
      `--allow-write=${folder.path}`,
      "report.ts",
      run,
      "-o",
      `${folder.path}/run.html`,
    ],
    stdin: "null",
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  const html = await Deno.readTextFile(`${folder.path}/run.html`);
  assert(html.includes("<svg"));
});
