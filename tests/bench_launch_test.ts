import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import {
  assertMeasuredOrBusy,
  makeTestFolder,
  outcomeOf,
  readPids,
  readTree,
  runMain,
  scoreServerCommand,
  spawnBench,
  survivorsOf,
  until,
} from "./support/bench_runner.ts";

const CELLS =
  "--batch-sizes 2 --num-runs 3 --warmup-runs 0 --model small --dtype float32"
    .split(" ");
const ONE_CELL = [...CELLS, "--num-labels", "2"];
const THREE_CELLS = [...CELLS, "--num-labels", "2,3,4"];
/** How long a launched server may take to end after SIGTERM. */
const GRACE_MS = 15_000;
const KEY = "sk-launched-90ab";

async function readRunFile(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}

Deno.test("main() launches a server for each model and dtype and stops them", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const { code, stdout, stderr } = await runMain([
    ..."--batch-sizes 1,2 --num-labels 2 --num-runs 2 --warmup-runs 0".split(
      " ",
    ),
    ...["--model", "org/a,org/b", "--dtype", "bfloat16,float32"],
    ...["--launch", scoreServerCommand(`--child --pid-file ${pidFile}`)],
    ...["-o", `${folder.path}/a.json`],
  ]);
  assertEquals(code, 0, stderr);
  const run = await readRunFile(`${folder.path}/a.json`);
  assertEquals(
    run.cells.map(({ key }) => [key.model, key.dtype, key.batchSize].join()),
    [
      ...["org/a,bfloat16,1", "org/a,bfloat16,2"],
      ...["org/a,float32,1", "org/a,float32,2"],
      ...["org/b,bfloat16,1", "org/b,bfloat16,2"],
      ...["org/b,float32,1", "org/b,float32,2"],
    ],
  );
  assert(run.cells.every((cell) => cell.status === "OK"));
  assertEquals(run.doubts, []);
  assertEquals(run.metadata.servers.length, 4);
  assertEquals(run.metadata.target, "launched");
  assertMatch(stdout, /Model +\| Dtype +\| Batch/);
  // Four servers and the stubborn child of each.
  const pids = await readPids(pidFile);
  assertEquals(new Set(pids).size, 8);
  assertEquals(await survivorsOf(pids), []);
  const logs = [...(await readTree(folder.path)).keys()].filter((path) =>
    path.endsWith(".log")
  );
  assertEquals(logs.toSorted().map((path) => path.split("/").at(-1)), [
    "a.org_a-bfloat16.log",
    "a.org_a-float32.log",
    "a.org_b-bfloat16.log",
    "a.org_b-float32.log",
  ]);
});

Deno.test("main() keeps the key of a launched server out of its log and of the record", async () => {
  await using folder = await makeTestFolder();
  const keyFile = await Deno.makeTempFile();
  await Deno.writeTextFile(keyFile, KEY);
  const outcome = await outcomeOf(spawnBench([
    ...ONE_CELL,
    ...["--api-key-file", keyFile],
    ...[
      "--launch",
      // A user's own slip: the key in the command.
      scoreServerCommand(`--api-key-file ${keyFile} --extra-token ${KEY}`),
    ],
    ...["-o", `${folder.path}/a.csv`],
  ]));
  await Deno.remove(keyFile);
  await assertMeasuredOrBusy(outcome, `${folder.path}/a.run.json`);
  const { stdout, stderr } = outcome;
  const files = await readTree(folder.path);
  assertEquals(files.size, 3);
  for (const text of [stdout, stderr, ...files.keys(), ...files.values()]) {
    assertFalse(text.includes(KEY), text.slice(0, 2_000));
  }
  assertStringIncludes(
    files.get(`${folder.path}/a.small-float32.log`) ?? "",
    '"apiKey":"[redacted]"',
  );
});

for (
  const [name, options, flags, message] of [
    [
      "dies at start",
      "--start dies --child",
      [],
      /it exited with code 7 before it was ready[\s\S]*\| ValueError: no devices/,
    ],
    [
      "is never ready",
      "--start never --child",
      // Long enough for its first words on a busy machine.
      ["--launch-timeout", "5"],
      /it was not ready within 5 s \(--launch-timeout\)[\s\S]*\| server_args/,
    ],
  ] as const
) {
  Deno.test(`main() exits with 3 and leaves nothing alive when a launched server ${name}`, async () => {
    await using folder = await makeTestFolder();
    const pidFile = `${folder.path}/pids`;
    const { code, stderr } = await runMain([
      ...[...ONE_CELL, ...flags, "-o", `${folder.path}/a.csv`],
      ...["--launch", scoreServerCommand(`${options} --pid-file ${pidFile}`)],
    ]);
    assertEquals(code, 3);
    assertMatch(stderr, message);
    const pids = await readPids(pidFile);
    assertEquals(pids.length, 2);
    assertEquals(await survivorsOf(pids), []);
  });
}

Deno.test("main() exits with 3 and keeps what it has when a launched server dies in the run", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  // Three requests a cell: it dies in the second of three.
  const { code, stdout, stderr } = await runMain([
    ...[...THREE_CELLS, "-o", `${folder.path}/a.csv`],
    ...[
      "--launch",
      scoreServerCommand(`--die-at 5 --child --pid-file ${pidFile}`),
    ],
  ]);
  assertEquals(code, 3);
  assertMatch(
    stderr,
    /Cannot go on: the launched server died: it exited with code 9; its log ends with:[\s\S]*\| RESOURCE_EXHAUSTED: out of memory/,
  );
  const run = await readRunFile(`${folder.path}/a.run.json`);
  assertEquals(run.cells.map((cell) => [cell.key.numLabels, cell.status]), [
    [2, "OK"],
    [3, "INVALID"],
  ]);
  assertEquals(run.cells[1]?.samples.outcome[0], "ok");
  assert(run.metadata.interrupted);
  assertEquals(
    (await Deno.readTextFile(`${folder.path}/a.csv`)).trim().split("\n").length,
    3,
  );
  assertMatch(stdout, /INVALID/);
  assertEquals(await survivorsOf(await readPids(pidFile)), []);
});

Deno.test("main() stops a launched server at an interrupt, and at once at a second", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const log = `${folder.path}/a.small-float32.log`;
  const child = spawnBench([
    ...[...ONE_CELL, "-o", `${folder.path}/a.csv`],
    ...[
      "--launch",
      scoreServerCommand(
        `--fault hung --ignore-sigterm --child --pid-file ${pidFile}`,
      ),
    ],
  ]);
  const result = outcomeOf(child);
  const steps = (async () => {
    await logHas(log, "scored 1");
    child.kill("SIGINT");
    // The server has got SIGTERM and lives on, for the grace of 15 s.
    await logHas(log, "SIGTERM is ignored");
    child.kill("SIGINT");
    return performance.now();
  })();
  const [{ code, stderr }, secondMs] = await Promise.all([result, steps]);
  assertLess(performance.now() - secondMs, GRACE_MS / 2);
  assertEquals(code, 130, stderr);
  assertMatch(stderr, /Interrupted\. Go on with the same flags and --resume/);
  assertEquals(await survivorsOf(await readPids(pidFile)), []);
});

/** Returns when a log holds a text. */
async function logHas(path: string, text: string): Promise<void> {
  await until(async () =>
    (await Deno.readTextFile(path).catch(() => "")).includes(text)
  );
}
