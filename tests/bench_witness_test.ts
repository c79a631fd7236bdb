// Holds what bench.ts and stress.ts say of compiles by the log of a server.
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import { startSimulator } from "../lib/simulator/start.ts";
import { makeTestFolder, runMain } from "./support/bench_runner.ts";

const CELLS = "--batch-sizes 1,2 --num-labels 2 --num-runs 10 --warmup-runs 3"
  .split(" ");

/** Starts a simulated server that writes its log to a file. */
async function startLogged(path: string, lateCompileRate = 0) {
  await Deno.writeTextFile(path, "");
  return await startSimulator({
    ...{ fixedMs: 5, compileMs: 50, lateCompileRate },
    onLog: (text) => Deno.writeTextFileSync(path, text, { append: true }),
  });
}

async function readRun(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}

Deno.test("main() proves by --server-log that nothing was compiled", async () => {
  await using folder = await makeTestFolder();
  const log = `${folder.path}/server.log`;
  await using server = await startLogged(log);
  const out = `${folder.path}/a`;
  const { code, stdout, stderr } = await runMain([
    ...[...CELLS, "--url", server.url, "--server-log", log],
    ...["-o", `${out}.json`, "-o", `${out}.csv`, "-o", `${out}.html`],
  ]);
  assertEquals(code, 0, stderr);
  const run = await readRun(`${out}.json`);
  assertEquals(run.cells.map(({ compiles }) => compiles?.level), [
    "none",
    "none",
  ]);
  const note =
    "Compiles in 2 measured: none in 2, proved by the log of the server";
  assertStringIncludes(stdout, note);
  assertStringIncludes(await Deno.readTextFile(`${out}.html`), note);
  const [head = "", row = ""] = (await Deno.readTextFile(`${out}.csv`))
    .split("\r\n").map((line) => line.split(","));
  assertEquals(row[head.indexOf("compiles")], "none");
});

Deno.test("main() finds compiles that no clock could tell, and none where the log is another server's", async () => {
  await using folder = await makeTestFolder();
  const [own, others] = ["own", "others"].map((name) =>
    `${folder.path}/${name}.log`
  ) as [string, string];
  // Every batch compiles, so that all requests are alike.
  await using server = await startLogged(own, 1);
  await using other = await startLogged(others);
  const measure = async (log: string) => {
    const path = `${folder.path}/run.json`;
    const { code, stdout } = await runMain([
      ...[...CELLS, "--url", server.url, "--server-log", log, "-o", path],
    ]);
    return { code, stdout, run: await readRun(path) };
  };
  const found = await measure(own);
  for (const { compiles, status } of found.run.cells) {
    assertEquals([compiles?.level, status], ["found", "INVALID"]);
    assert((compiles?.count ?? 0) >= 20);
  }
  assertMatch(found.stdout, /the log shows \d+ compiles among the timed/);
  // The other server is busy with as much of its own.
  const isDone = { value: false };
  const busy = (async () => {
    while (!isDone.value) {
      const answer = await fetch(`${other.url}/v1/score`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          ...{ query: crypto.randomUUID(), items: [" a"], model: "m" },
          "label_token_ids": [1, 2],
        }),
      });
      await answer.body?.cancel();
    }
  })();
  const foreign = await measure(others);
  isDone.value = true;
  await busy;
  for (const { compiles } of foreign.run.cells) {
    assertEquals(compiles?.level, "not watched");
  }
  const idle = await measure(others);
  for (const { compiles } of idle.run.cells) {
    assertEquals(
      [
        compiles?.level,
        /it was silent while \d+ /.test(compiles?.reason ?? ""),
      ],
      ["not watched", true],
    );
  }
});

Deno.test("main() watches the log of a launched server", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/a.json`;
  const { code, stderr } = await runMain([
    ...[...CELLS, "--model", "small", "--dtype", "float32", "-o", path],
    ...[
      "--launch",
      `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-read sim.ts --port {port} --model {model} --dtype {dtype} --log`,
    ],
  ]);
  assertEquals(code, 0, stderr);
  const { cells, metadata } = await readRun(path);
  assertEquals(cells.map(({ compiles }) => compiles?.level), ["none", "none"]);
  // What its log tells of itself is kept with it.
  assertEquals(metadata.servers[0]?.inForce, { "max_running_requests": "64" });
});

Deno.test("main() refuses a --server-log that is none, before anything is sent", async () => {
  await using server = await startSimulator({ compileMs: 1 });
  for (
    const [flags, line] of [
      [
        ["--server-log", "/tmp/none/such.log", "--url", server.url],
        /Cannot read the log of the server '\/tmp\/none\/such.log'/,
      ],
      [
        ["--server-log", "/tmp/x.log"],
        /Cannot take --server-log without --url/,
      ],
    ] as const
  ) {
    const { code, stderr } = await runMain([...CELLS, ...flags]);
    assertEquals(code, 2);
    assertMatch(stderr, line);
  }
});
