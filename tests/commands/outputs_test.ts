import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkOutputs,
  keepRecord,
  type Output,
  planRunOutputs,
  readOutputs,
  recordName,
  writeOutputs,
  writeRun,
} from "../../lib/commands/outputs.ts";
import { UsageError } from "../../lib/failure.ts";
import { makeTestFolder, readTree } from "../support/bench_runner.ts";

const FORMATS = { ".csv": String, ".json": String };
const text = (path: string): Output<string> => ({
  path,
  render: (result) => result,
});

Deno.test("readOutputs() takes a name with a known ending, or a format for standard output", () => {
  assertEquals(
    readOutputs(["a/b.x.csv", "json:-"], FORMATS).map(({ path, render }) => [
      path,
      render,
    ]),
    [["a/b.x.csv", FORMATS[".csv"]], ["-", FORMATS[".json"]]],
  );
  for (const value of ["-", "a.txt", "txt:-", "csv:a"]) {
    assertThrows(
      () => readOutputs([value], FORMATS),
      UsageError,
      `Cannot write --output ${value}: expected a name that ends in .csv or .json, or for standard output a format, as csv:-`,
    );
  }
});

Deno.test("planRunOutputs() puts the record where it was asked for, or beside the first output", async () => {
  await using folder = await makeTestFolder();
  const plan = async (...output: string[]) => {
    const { record, stem, files } = await planRunOutputs(
      { output, others: [], formats: FORMATS },
      `${folder.path}/old.json`,
    );
    return [record, stem, files.length].map((one) =>
      String(one).replace(folder.path, "")
    );
  };
  const at = (name: string) => `${folder.path}/${name}`;
  assertEquals(await plan(at("a.csv")), ["/a.run.json", "/a", "1"]);
  assertEquals(await plan(at("a.csv"), at("b.json")), ["/b.json", "/b", "2"]);
  assertEquals(await plan("csv:-", at("c.csv")), ["/c.run.json", "/c", "2"]);
  // The record that is gone on with, or a name made of the time.
  assertEquals(await plan("csv:-"), ["/old.json", "/old", "1"]);
  assertEquals(
    recordName("smoke-2026-01-02T03:04:05.678Z"),
    "results/smoke-2026-01-02T03-04-05-678Z.run.json",
  );
});

Deno.test("checkOutputs() refuses one file twice, and what is kept", async () => {
  await using folder = await makeTestFolder();
  await assertRejects(
    () => checkOutputs([`${folder.path}/a`, `${folder.path}/./a`]),
    UsageError,
    "Cannot write two outputs to the one file ",
  );
  await assertRejects(
    () => checkOutputs([`${folder.path}/base/a`], [`${folder.path}/base`]),
    UsageError,
    "it is, or lies in, a baseline of this run",
  );
});

Deno.test("writeOutputs() loses no output to another that cannot be written", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/taken`);
  const paths = ["a", "taken", "b"].map((name) => `${folder.path}/${name}`);
  const [a = "", taken = "", b = ""] = paths;
  const { written, failed } = await writeOutputs(paths.map(text), "result");
  assertEquals([written, failed], [[a, b], [taken]]);
  const tree = await readTree(folder.path);
  assertEquals([tree.size, tree.get(a), tree.get(b)], [2, "result", "result"]);
});

Deno.test("writeRun() tells whether the record could be kept, whatever became of the rest", async () => {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/taken`);
  const [record, taken] = ["record", "taken"].map((name) =>
    `${folder.path}/${name}`
  );
  const write = (record = "", file = "") =>
    writeRun({ record, stem: "", files: [text(file)] }, "run", (run) => run);
  assertEquals(await write(record, taken), true);
  assertEquals(await write(taken, record), false);
});

Deno.test("keepRecord() says once that a record cannot be kept, and again after it could", async () => {
  await using folder = await makeTestFolder();
  const said: string[] = [];
  const path = `${folder.path}/sub/record`;
  const keep = keepRecord(path, String, (problem) => said.push(problem));
  await keep("one");
  await keep("two");
  assertEquals(said.length, 1);
  await Deno.mkdir(`${folder.path}/sub`);
  await keep("three");
  assertEquals(await Deno.readTextFile(path), "three");
  await Deno.remove(`${folder.path}/sub`, { recursive: true });
  await keep("four");
  assertEquals(said.length, 2);
});
