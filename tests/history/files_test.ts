import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../lib/failure.ts";
import { loadHistory } from "../../lib/history/files.ts";
import { stringifyRun } from "../../lib/record/run_file.ts";
import { runsToCsv, runToMetadata } from "../../lib/report/run/text.ts";
import { makeTestFolder } from "../support/bench_runner.ts";
import { commitOf, makeHistory } from "../support/example_history.ts";

Deno.test("loadHistory() reads all records below a folder, names the broken ones, and leaves other files out", async () => {
  await using folder = await makeTestFolder();
  const [one, two, three] = makeHistory("files", { nights: 3 });
  assert(one !== undefined && two !== undefined && three !== undefined);
  const invalid = three.cells.map((cell) => ({
    ...cell,
    status: "INVALID" as const,
  }));
  const files = {
    "one.run.json": stringifyRun(one),
    "2026/01/two.json": stringifyRun(two),
    "torn.json": stringifyRun(one).slice(0, 5000),
    "strange.json": stringifyRun(one).replace('"smoke"', "12"),
    "unfit.json": stringifyRun({ ...three, cells: invalid }),
    "one-metadata.json": runToMetadata(one),
    "one.csv": runsToCsv([one]),
    "notes.md": "nothing",
    ".hidden/three.json": stringifyRun(three),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder.path}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  const { runs, broken, unfit } = await loadHistory(folder.path);
  assertEquals(runs.map(({ commit, source }) => [commit, source]), [
    [commitOf(1), `${folder.path}/2026/01/two.json`],
    [commitOf(0), `${folder.path}/one.run.json`],
  ]);
  assertEquals(broken.map(({ path }) => path), [
    `${folder.path}/strange.json`,
    `${folder.path}/torn.json`,
  ]);
  assertStringIncludes(broken[0]?.reason ?? "", "profile");
  assertEquals(unfit, [`${folder.path}/unfit.json`]);
});

Deno.test("loadHistory() refuses what is no folder", async () => {
  try {
    await loadHistory("tests/testdata/no-such-folder");
  } catch (error) {
    assert(error instanceof UsageError);
    assertStringIncludes(
      error.message,
      "Cannot read folder 'tests/testdata/no-such-folder'",
    );
    return;
  }
  assert(false, "it was read");
});
