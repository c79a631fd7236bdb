import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { MeasureError, UsageError } from "../lib/failure.ts";
import { readRun } from "../lib/record/run_file.ts";
import { checkWritable, readText, withLock, writeWhole } from "../lib/store.ts";
import { makeTestFolder, readTree } from "./support/bench_runner.ts";

/** A folder that the test task may not write to. */
const FORBIDDEN = "/usr";

async function usageMessage(work: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(work);
  assertInstanceOf(error, UsageError);
  return error.message;
}

Deno.test("checkWritable() makes the folder and leaves no file", async () => {
  await using folder = await makeTestFolder();
  await checkWritable(`${folder.path}/a/b/c.json`);
  assert((await Deno.stat(`${folder.path}/a/b`)).isDirectory);
  assertEquals((await readTree(folder.path)).size, 0);
});

Deno.test("checkWritable() keeps a file that is there", async () => {
  await using folder = await makeTestFolder();
  await Deno.writeTextFile(`${folder.path}/a`, "old");
  await checkWritable(`${folder.path}/a`);
  assertEquals([...await readTree(folder.path)], [[`${folder.path}/a`, "old"]]);
});

Deno.test("checkWritable() refuses a folder, a file as a folder, and what Deno may not write", async () => {
  await using folder = await makeTestFolder();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  assertEquals(
    await usageMessage(() => checkWritable(folder.path)),
    `Cannot write '${folder.path}': it is a folder`,
  );
  assertStringIncludes(
    await usageMessage(() => checkWritable(`${folder.path}/file/a.csv`)),
    `Cannot write '${folder.path}/file/a.csv': `,
  );
  assertEquals(
    await usageMessage(() => checkWritable(`${FORBIDDEN}/a.csv`)),
    `Cannot write '${FORBIDDEN}/a.csv': Deno was not allowed to. Add --allow-write=${FORBIDDEN} to the deno command`,
  );
});

Deno.test("writeWhole() replaces a file, so that a reader of the old one has it whole", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/a`;
  await writeWhole(path, "old");
  using reader = await Deno.open(path);
  await writeWhole(path, "new and longer");
  const buffer = new Uint8Array(100);
  const size = await reader.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, size ?? 0)), "old");
  assertEquals([...await readTree(folder.path)], [[path, "new and longer"]]);
});

Deno.test("writeWhole() leaves nothing when it fails", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/a`);
  await assertRejects(() => writeWhole(`${folder.path}/a`, "text"));
  assertEquals((await readTree(folder.path)).size, 0);
});

Deno.test("readText() says what is wrong with a path", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/none`;
  assertEquals(
    await usageMessage(() => readText(path)),
    `Cannot read '${path}': there is no such file`,
  );
  assertStringIncludes(
    await usageMessage(() => readText(folder.path)),
    `Cannot read '${folder.path}': `,
  );
});

Deno.test("readText() refuses a file that is too large before it reads it", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/large`;
  using file = await Deno.create(path);
  // No block is written: the file is a hole.
  await file.truncate(64 * 1024 * 1024 + 1);
  assertEquals(
    await usageMessage(() => readText(path)),
    `Cannot read '${path}': it has 67108865 bytes, more than 64 MiB. If it is a record all the same, give report.ts a larger --max-file-mib; reading may take fifty times as much memory`,
  );
});

Deno.test("readRun() refuses a torn file", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/a.json`;
  await Deno.writeTextFile(path, '{"schema": 1,');
  assertStringIncludes(
    await usageMessage(() => readRun(path)),
    `Cannot read '${path}': a run record of schema 2 was expected, not JSON`,
  );
});

Deno.test("checkWritable() finds a folder that may be written but not read", async () => {
  await using folder = await makeTestFolder();
  const store = new URL("../lib/store.ts", import.meta.url).href;
  const script = `import { checkWritable } from "${store}";
    await checkWritable("${folder.path}/a.csv")
      .then(() => console.log("fine"), (error) => console.log(error.message));`;
  const path = `${folder.path}/check.ts`;
  await Deno.writeTextFile(path, script);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-read=lib"],
      ...[`--allow-write=${folder.path}`, path],
    ],
    stderr: "null",
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout),
    `Cannot write '${folder.path}/a.csv': Deno was not allowed to. Add --allow-read=${folder.path} to the deno command\n`,
  );
  assertEquals([...(await readTree(folder.path)).keys()], [path]);
});

Deno.test("writeWhole() says what is lost where it cannot write", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/gone`);
  await checkWritable(`${folder.path}/gone/a`);
  await Deno.remove(`${folder.path}/gone`);
  const lost = await assertRejects(() =>
    writeWhole(`${folder.path}/gone/a`, "text")
  );
  assertInstanceOf(lost, MeasureError);
  assertEquals(
    lost.message,
    `Cannot write '${folder.path}/gone/a': there is no such folder. What was measured is not on disk there: make sure that the folder is there, may be written and has space, then run it again`,
  );
});

/** Deno makes links only for those who may write everywhere. */
async function makeLink(target: string, path: string): Promise<void> {
  const { success } = await new Deno.Command("ln", {
    args: ["-s", target, path],
  }).output();
  assert(success);
}

Deno.test("writeWhole() follows a link and keeps it, and keeps the mode of a file", async () => {
  await using folder = await makeTestFolder();
  const [file, link, chain] = ["file", "link", "chain"].map((name) =>
    `${folder.path}/${name}`
  ) as [string, string, string];
  await Deno.writeTextFile(file, "old", { mode: 0o640 });
  await makeLink("file", link);
  await makeLink("link", chain);
  await checkWritable(chain);
  await writeWhole(chain, "new");
  assertEquals(await Deno.readTextFile(file), "new");
  assertEquals((await Deno.lstat(link)).isSymlink, true);
  assertEquals((await Deno.lstat(chain)).isSymlink, true);
  assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o640);
  // A link that leads nowhere yet names the file that is made.
  const [made, dangling] = [`${folder.path}/made`, `${folder.path}/dangling`];
  await makeLink("made", dangling);
  await checkWritable(dangling);
  await writeWhole(dangling, "text");
  assertEquals(await Deno.readTextFile(made), "text");
  assertEquals((await Deno.lstat(dangling)).isSymlink, true);
});

Deno.test("checkWritable() refuses a name that is too long before anything is measured", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/${"n".repeat(300)}.csv`;
  assertStringIncludes(
    await usageMessage(() => checkWritable(path)),
    "File name too long",
  );
});

Deno.test("writeWhole() writes to a pipe and does not replace it", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/pipe`;
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(made.success);
  await checkWritable(path);
  const reader = new Deno.Command("cat", { args: [path], stdout: "piped" })
    .output();
  await writeWhole(path, "through the pipe");
  assertEquals(
    new TextDecoder().decode((await reader).stdout),
    "through the pipe",
  );
  assertEquals((await Deno.stat(path)).isFifo, true);
});

Deno.test("withLock() gives up where another holds the folder", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/a.csv`;
  const held = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const first = withLock(path, () => {
    started.resolve();
    return held.promise;
  });
  await started.promise;
  const error = await assertRejects(() =>
    withLock(path, () => Promise.resolve(), 1)
  );
  assertInstanceOf(error, MeasureError);
  assertStringIncludes(error.message, "another process has held ");
  held.resolve();
  await first;
});
