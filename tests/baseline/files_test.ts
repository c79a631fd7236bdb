import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { compareRun } from "../../lib/baseline/comparison.ts";
import {
  checkBaselineUpdate,
  loadBaseline,
  updateBaseline,
} from "../../lib/baseline/files.ts";
import { UsageError } from "../../lib/failure.ts";
import { stringifyRun } from "../../lib/record/run_file.ts";
import {
  runsToCsv,
  runToMetadata,
  runToRows,
} from "../../lib/report/run/text.ts";
import { stringifyStressRun } from "../../lib/stress/file.ts";
import { measuredRun } from "../support/example_baseline.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { makeTestFolder } from "../support/bench_runner.ts";

const FIVE = ["b1", "b2", "b3", "b4", "b5"].map((seed) => measuredRun(seed));
const RESULT = measuredRun("result");
const SLOW = measuredRun("slow", { slowness: Array(6).fill(1.4) });

Deno.test("checkBaselineUpdate() does not take a baseline that it may not read for a new one", async () => {
  await using folder = await makeTestFolder();
  const files = new URL("../../lib/baseline/files.ts", import.meta.url).href;
  const baseline = `${folder.path}/a.json`;
  await Deno.writeTextFile(baseline, "damaged");
  const script = `${folder.path}/check.ts`;
  await Deno.writeTextFile(
    script,
    `import { checkBaselineUpdate } from "${files}";
    const { stat } = Deno;
    // Only the baseline itself may not be read.
    Deno.stat = (path) => path === "${baseline}"
      ? Promise.reject(new Deno.errors.NotCapable("Requires read access"))
      : stat(path);
    await checkBaselineUpdate("${baseline}")
      .then(() => console.log("new"), (error) => console.log(error.message));`,
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-read"],
      ...[`--allow-write=${folder.path}`, script],
    ],
    stderr: "null",
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout),
    `Cannot write '${baseline}': Deno was not allowed to. Add --allow-read=${folder.path} to the deno command\n`,
  );
});

/** Writes files into a folder; returns their paths. */
async function write(folder: string, files: Readonly<Record<string, string>>) {
  const paths: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    paths.push(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return paths;
}

async function usageProblem(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, UsageError)).message;
}

Deno.test("loadBaseline() reads links and capital endings of a folder, and names what it does not use", async () => {
  await using folder = await makeTestFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  await Deno.mkdir(at("elsewhere"));
  await write(folder.path, {
    "elsewhere/linked.csv": runsToCsv([measuredRun("linked")]),
    "A.CSV": runsToCsv([measuredRun("capital")]),
    "B.JSON": stringifyRun(measuredRun("record")),
    "rows.json": runToRows(measuredRun("record")),
    "stress.json": stringifyStressRun(exampleStressRun()),
  });
  const link = await new Deno.Command("ln", {
    args: ["-s", "elsewhere/linked.csv", at("c.csv")],
  }).output();
  assert(link.success);
  const { runs, notes } = await loadBaseline([folder.path]);
  assertEquals(
    runs.map(({ source }) => source),
    ["A.CSV", "B.JSON", "c.csv"].map(at),
  );
  assertEquals(notes, [
    `Not used: ${at("rows.json")}, rows as JSON`,
    `Not used: ${at("stress.json")}, the record of a stress test`,
  ]);
});

Deno.test("loadBaseline() checks the hardware also behind a byte order mark, and refuses what is cut short", async () => {
  const run = measuredRun("one");
  for (const name of ["a-metadata.json", "a.json", "a.run.json"]) {
    await using folder = await makeTestFolder();
    const csv = `${folder.path}/a.csv`;
    const text = name === "a.run.json" ? stringifyRun(run) : runToMetadata(run);
    await write(folder.path, {
      "a.csv": `\uFEFF${runsToCsv([run])}`,
      [name]: text,
    });
    await write(folder.path, { [name]: `\uFEFF${text}` });
    const { runs } = await loadBaseline([csv]);
    assertEquals(
      name === "a.run.json" || runs[0]?.conditions.hardware === "tpu-v6e-4",
      true,
    );
    await write(folder.path, { [name]: text.slice(0, -5) });
    await assertRejects(
      () => loadBaseline([csv]),
      UsageError,
      `Cannot read '${folder.path}/${name}', which tells how the CSV beside it was measured`,
    );
  }
});

Deno.test("updateBaseline() loses no row of processes that update one baseline at once", async () => {
  await using folder = await makeTestFolder();
  const baseline = `${folder.path}/base.csv`;
  const [files, support] = [
    "lib/baseline/files.ts",
    "tests/support/example_baseline.ts",
  ]
    .map((path) => new URL(`../../${path}`, import.meta.url).href);
  await write(folder.path, {
    "update.ts": `import { updateBaseline } from "${files}";
      import { measuredRun } from "${support}";
      await updateBaseline("${baseline}", { run: measuredRun(Deno.args[0]) });`,
  });
  const ends = await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-prompt", "--allow-read"],
          ...[`--allow-write=${folder.path}`],
          ...[`${folder.path}/update.ts`, `run ${index}`],
        ],
      }).output()),
  );
  assertEquals(ends.map(({ code }) => code), Array(6).fill(0));
  const { runs } = await loadBaseline([baseline]);
  assertEquals(runs.length, 6);
});

Deno.test("loadBaseline() reads a folder: CSV files and records, each run once, metadata not as runs", async () => {
  await using folder = await makeTestFolder();
  const [one, two, three] = FIVE;
  assert(one !== undefined && two !== undefined && three !== undefined);
  await write(folder.path, {
    "a.csv": runsToCsv([one]),
    "a-metadata.json": runToMetadata(one),
    "a.run.json": stringifyRun(one),
    "b.json": stringifyRun(two),
    "c.csv": runsToCsv([three]),
    "README.md": "not a run",
  });
  const baseline = await loadBaseline([folder.path, `${folder.path}/b.json`]);
  assertEquals(baseline.runs.map(({ source }) => source), [
    `${folder.path}/a.csv`,
    `${folder.path}/b.json`,
    `${folder.path}/c.csv`,
  ]);
  assertEquals(
    baseline.runs.map(({ cells }) =>
      cells[0]?.value?.latenciesMs?.length ?? null
    ),
    [20, 20, null],
  );
  assertEquals(baseline.runs[2]?.conditions.hardware, null);
});

Deno.test("loadBaseline() finds the metadata of a CSV by each of their names", async () => {
  const names = [
    "tpu-baseline-metadata.json",
    "tpu-metadata.json",
    "tpu-baseline.json",
  ];
  for (const name of names) {
    await using folder = await makeTestFolder();
    const [path = ""] = await write(folder.path, {
      "tpu-baseline.csv": runsToCsv([RESULT]),
      [name]: runToMetadata(RESULT),
    });
    const { runs } = await loadBaseline([path]);
    assertEquals(runs[0]?.conditions.hardware, "tpu-v6e-4", name);
  }
  await using folder = await makeTestFolder();
  const [path = "", metadata = ""] = await write(folder.path, {
    "a.csv": runsToCsv([RESULT]),
    "a-metadata.json": "{",
    "a.json": "[]",
  });
  assertEquals(
    await usageProblem(loadBaseline([path])),
    `Cannot read '${metadata}', which tells how the CSV beside it was measured: JSON was expected, found other text. Mend it, or take it away`,
  );
});

Deno.test("loadBaseline() refuses a folder with a damaged or foreign file", async () => {
  for (const text of ["{", "7", '{"name": "x"}']) {
    await using folder = await makeTestFolder();
    await write(folder.path, { "a.csv": runsToCsv([RESULT]), "b.json": text });
    assertStringIncludes(
      await usageProblem(loadBaseline([folder.path])),
      `Cannot read '${folder.path}/b.json': a run record`,
    );
  }
});

for (const name of ["base.csv", "base.json"]) {
  Deno.test(`updateBaseline() makes ${name} that judges as its runs do`, async () => {
    await using folder = await makeTestFolder();
    const path = `${folder.path}/${name}`;
    await checkBaselineUpdate(path);
    for (const run of FIVE) await updateBaseline(path, { run });
    await checkBaselineUpdate(path);
    const baseline = await loadBaseline([path]);
    assertEquals(baseline.runs.length, 5);
    assertEquals(
      baseline.runs.map(({ cells }) => cells[0]?.value?.p50Ms),
      FIVE.map(({ cells }) => cells[0]?.summary?.p50Ms),
    );
    assertEquals(baseline.runs[0]?.conditions.hardware, "tpu-v6e-4");
    assertEquals(baseline.runs[0]?.conditions.data, {
      text: "text prompts",
    });
    assertEquals(compareRun(RESULT, baseline).exitCode, 0);
    assertEquals(compareRun(SLOW, baseline).exitCode, 1);
    const files = await Array.fromAsync(Deno.readDir(folder.path));
    assertEquals(
      files.map((file) => file.name).toSorted(),
      name === "base.json" ? [name] : ["base-metadata.json", name],
    );
  });
}

Deno.test("updateBaseline() refuses what does not belong, and leaves the file as it is", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/base.csv`;
  assertEquals(await updateBaseline(path, { run: RESULT }), [
    path,
    `${folder.path}/base-metadata.json`,
  ]);
  const before = await Deno.readTextFile(path);
  const unlike = measuredRun("x", { metadata: { hardware: "gpu-1x" } });
  const interrupted = measuredRun("x", { metadata: { interrupted: true } });
  assertStringIncludes(
    await usageProblem(updateBaseline(path, { run: unlike })),
    `Cannot update '${path}': only like is compared with like: hardware is tpu-v6e-4 in the baseline (${path}), gpu-1x in the result`,
  );
  assertEquals(
    await usageProblem(updateBaseline(path, { run: interrupted })),
    `Cannot update '${path}': the run was interrupted`,
  );
  assertEquals(await Deno.readTextFile(path), before);
  await updateBaseline(path, { run: unlike, allowMismatch: ["hardware"] });
  assertEquals((await loadBaseline([path])).runs.length, 2);
});

Deno.test("checkBaselineUpdate() finds before a run what could not be written after it", async () => {
  await using folder = await makeTestFolder();
  const [damaged = ""] = await write(folder.path, { "a.csv": "x,y" });
  const cases: [path: string, message: string][] = [
    [`${folder.path}/a.txt`, "expected a name that ends in .csv or .json"],
    [damaged, "line 1: column batch_size"],
  ];
  for (const [path, message] of cases) {
    assertStringIncludes(
      await usageProblem(checkBaselineUpdate(path)),
      message,
    );
  }
});
