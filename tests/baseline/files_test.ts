import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadBaseline } from "../../lib/baseline/files.ts";
import { UsageError } from "../../lib/failure.ts";
import { stringifyRun } from "../../lib/record/run_file.ts";
import {
  runToCsv,
  runToMetadata,
  runToRows,
} from "../../lib/report/run/text.ts";
import { stringifyStressRun } from "../../lib/stress/file.ts";
import { measuredRun } from "../support/example_baseline.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { makeTestFolder } from "../support/bench_runner.ts";

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

async function write(folder: string, files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

Deno.test("loadBaseline() reads links and capital endings of a folder, and names what it does not use", async () => {
  await using folder = await makeTestFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  await Deno.mkdir(at("elsewhere"));
  await write(folder.path, {
    "elsewhere/linked.csv": runToCsv(measuredRun("linked")),
    "A.CSV": runToCsv(measuredRun("capital")),
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
      "a.csv": `\uFEFF${runToCsv(run)}`,
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
