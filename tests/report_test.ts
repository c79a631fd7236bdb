// deno-lint-ignore-file no-console
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { appendCsv } from "../lib/baseline/update.ts";
import { stringifyRun } from "../lib/record/run_file.ts";
import { runsToCsv, runToMetadata } from "../lib/report/run/text.ts";
import { main } from "../report.ts";
import { makeTestFolder } from "./support/bench_runner.ts";
import { measuredRun } from "./support/example_baseline.ts";

const FIVE = ["b1", "b2", "b3", "b4", "b5"].map((seed) => measuredRun(seed));
const RESULT = measuredRun("result");
const SLOW = measuredRun("slow", { slowness: Array(6).fill(1.4) });
const PYTHON = "tests/testdata/python_tool.csv";

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

/** Writes files into a folder; returns their paths. */
function write(folder: string, files: Readonly<Record<string, string>>) {
  return Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, text);
      return path;
    }),
  );
}

Deno.test("report.ts compare passes what the Python tool wrote against itself", async () => {
  for (const gate of ["statistical", "threshold"]) {
    const { code, out, err } = await report(
      "compare",
      PYTHON,
      PYTHON,
      `--gate=${gate}`,
    );
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "All 6 cells passed");
  }
});

Deno.test("report.ts compare judges records and CSV files alike", async () => {
  await using folder = await makeTestFolder();
  const baseline = FIVE.reduce<string | null>(appendCsv, null) ?? "";
  const [csv = "", good = "", slow = "", record = ""] = await write(
    folder.path,
    {
      "base.csv": baseline,
      "good.csv": runsToCsv([RESULT]),
      "slow.csv": runsToCsv([SLOW]),
      "slow.json": stringifyRun(SLOW),
    },
  );
  assertEquals((await report("compare", csv, good)).code, 0);
  for (const path of [slow, record]) {
    const { code, out } = await report("compare", csv, path);
    assertEquals(code, 1);
    assertStringIncludes(out, "6 of 6 cells are slower (FAIL)");
    assertStringIncludes(out, "Baseline: 5 runs of");
  }
});

Deno.test("report.ts compare takes several baselines, the result last", async () => {
  await using folder = await makeTestFolder();
  const [a = "", b = "", result = ""] = await write(folder.path, {
    "a.json": stringifyRun(FIVE[0] ?? RESULT),
    "b.json": stringifyRun(FIVE[1] ?? RESULT),
    "r.json": stringifyRun(RESULT),
  });
  const { out } = await report("compare", a, b, result);
  assertStringIncludes(out, "Baseline: 2 runs of");
});

Deno.test("report.ts compare writes the verdict of each cell as JSON", async () => {
  await using folder = await makeTestFolder();
  const [base = "", slow = ""] = await write(folder.path, {
    "base.json": stringifyRun(RESULT),
    "slow.json": stringifyRun(SLOW),
  });
  const path = `${folder.path}/deep/verdict.json`;
  const { code } = await report("compare", base, slow, "--json-output", path);
  const verdict = JSON.parse(await Deno.readTextFile(path));
  assertEquals(verdict["exit_code"], code);
  assertEquals(code, 1);
  assertEquals(verdict["failure"], null);
  assertEquals(verdict["missing"], []);
  assertEquals(verdict.results.length, 6);
  const first = verdict.results[0];
  assertEquals(
    [first.batch_size, first.num_labels, first.model, first.dtype],
    [1, 2, "org/model", "bfloat16"],
  );
  assertEquals(first.status, "REGRESSION");
  assertEquals(first["baseline_runs"], 1);
  assertEquals(first["samples"], 20);
  assert(first["change_low_percent"] < first["change_percent"]);
  assert(first["change_percent"] < first["change_high_percent"]);
  // 20 samples are too few for a p99.
  assert(first["latency_p95_ms"] > first["latency_p50_ms"]);
  assertEquals(first["latency_p99_ms"], null);
});

Deno.test("report.ts compare exits with 3 where the metadata beside a CSV differ, and writes why", async () => {
  await using folder = await makeTestFolder();
  const [base = "", , result = "", , json = ""] = await write(folder.path, {
    "base.csv": runsToCsv([RESULT]),
    "base-metadata.json": runToMetadata(RESULT),
    "r.csv": runsToCsv([measuredRun("r")]),
    "r-metadata.json": runToMetadata(
      measuredRun("r", { metadata: { hardware: "tpu-v5e-1" } }),
    ),
    "verdict.json": "old",
  });
  const args = ["compare", base, result, "--json-output", json];
  const { code, out } = await report(...args);
  assertEquals(code, 3);
  assertStringIncludes(
    out.replaceAll("\n", " "),
    "hardware is tpu-v6e-4 in the baseline",
  );
  assertStringIncludes(out, "No verdict: ");
  const verdict = JSON.parse(await Deno.readTextFile(json));
  assertEquals(verdict.mismatches.length, 1);
  assertStringIncludes(verdict.results[0].reason, "only like is compared");
  const allowed = await report(...args, "--allow-mismatch", "hardware");
  assertEquals(allowed.code, 0);
});

Deno.test("report.ts compare refuses wrong flags and files, each with its reason", async () => {
  await using folder = await makeTestFolder();
  const cut = (await Deno.readTextFile(PYTHON)).slice(0, -20);
  const [bad = "", foreign = "", text = "", json = ""] = await write(
    folder.path,
    {
      "bad.csv": cut,
      "foreign.csv": "<html>",
      "a.txt": "",
      "rows.json": "[]",
    },
  );
  await Deno.mkdir(`${folder.path}/empty`);
  const cases: [args: string[], message: string][] = [
    [[PYTHON], "Cannot take 1 files: expected 2 to 10000"],
    [
      [PYTHON, PYTHON, "--warn-threshold=10"],
      "Cannot take --warn-threshold 10: expected less than --regression-threshold, which is 10",
    ],
    [
      [PYTHON, bad],
      `Cannot read '${bad}': line 7: 15 cells were expected, found 14`,
    ],
    [[foreign, PYTHON], `Cannot read '${foreign}': line 1: a CSV with`],
    [
      [text, PYTHON],
      `Cannot read '${text}': expected a name that ends in .csv or .json`,
    ],
    [[json, PYTHON], `Cannot read '${json}': a run record`],
    [
      [`${folder.path}/none.csv`, PYTHON],
      `Cannot read '${folder.path}/none.csv': there is no such file`,
    ],
    [
      [`${folder.path}/empty`, PYTHON],
      `Cannot read a baseline from '${folder.path}/empty': expected .csv files or run records (.json) in it, found none`,
    ],
    [
      [PYTHON, PYTHON, "--json-output", folder.path],
      `Cannot write '${folder.path}': it is a folder`,
    ],
  ];
  for (const [args, message] of cases) {
    const { code, err, out } = await report("compare", ...args);
    assertStringIncludes(err, message);
    assertEquals([code, out], [2, ""], args.join(" "));
  }
});

Deno.test("report.ts names its commands, and shows help and version", async () => {
  for (const args of [["--help"], ["-h"]]) {
    const { code, out } = await report(...args);
    assertEquals(code, 0);
    assertStringIncludes(out, "report.ts compare");
  }
  assertEquals((await report("--version")).out, "scorebench 0.1.0\n");
  assertEquals(
    (await report("compare", "--version")).out,
    "scorebench 0.1.0\n",
  );
  assertStringIncludes(
    (await report("compare", "--help")).out,
    "--allow-mismatch",
  );
  for (const args of [[], ["compar"], ["toString"]]) {
    const { code, err } = await report(...args);
    assertEquals(code, 2);
    assertStringIncludes(
      err,
      `Cannot run "${args[0] ?? ""}": expected a command as the first word`,
    );
  }
  assertStringIncludes(
    (await report("comprae", "a", "b")).err,
    "expected a command as the first word, did you mean compare?",
  );
});

Deno.test("report.ts compare runs without a network, and writes only where it may", async () => {
  await using folder = await makeTestFolder();
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...args],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  };
  const compare = ["report.ts", "compare", PYTHON, PYTHON];
  const read = "--allow-read=.";
  const passed = await run(read, ...compare);
  assertEquals([passed.code, passed.err], [0, ""]);
  assertStringIncludes(passed.out, "All 6 cells passed");
  const json = ["--json-output", `${folder.path}/verdict.json`];
  const written = await run(
    read,
    `--allow-write=${folder.path}`,
    ...compare,
    ...json,
  );
  assertEquals(written.code, 0);
  const refused = await run(read, ...compare, ...json);
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.err, `Add --allow-write=${folder.path}`);
});

Deno.test("report.ts reads files up to --max-file-mib, whatever it reads them for", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/large`);
  // Blanks between the values of JSON say nothing.
  const blanks = " ".repeat(2 * 1024 * 1024);
  const [small = "", large = ""] = await write(folder.path, {
    "small.json": stringifyRun(RESULT),
    "large/large.json": stringifyRun(FIVE[0] ?? RESULT) + blanks,
    "beside.csv": runsToCsv([RESULT]),
    "beside.run.json": stringifyRun(RESULT) + blanks,
  });
  const beside = `${folder.path}/beside.csv`;
  const page = ["--output", `${folder.path}/page.html`];
  for (
    const args of [
      [large],
      ["compare", large, small],
      ["compare", `${folder.path}/large`, small],
      ["compare", small, large],
      ["compare", beside, small],
      ["trend", `${folder.path}/large`, ...page],
    ]
  ) {
    const refused = await report(...args, "--max-file-mib", "1");
    assertEquals([args, refused.code], [args, args[0] === "trend" ? 3 : 2]);
    assertStringIncludes(refused.err, "bytes, more than 1 MiB. If it is");
    const read = await report(...args);
    assertEquals([args, read.code], [args, 0], read.err);
  }
});
