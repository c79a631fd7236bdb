import { joinDoubts } from "../lib/record/doubts.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import {
  makeTestFolder,
  outcomeOf,
  permissionsFor,
  readTree,
  runMain,
  spawnBench,
} from "./support/bench_runner.ts";
import { startScoreServer } from "./support/score_server.ts";
import { cellId } from "../lib/record/cells.ts";

const FOUR_CELLS =
  "--batch-sizes 1,2 --num-labels 2,3 --num-runs 4 --warmup-runs 0".split(" ");

async function readRunFile(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** Interrupts a run of four cells in the third request of the second; the server lives on. */
async function interruptedRun(folder: string, signal: Deno.Signal) {
  let child: Deno.ChildProcess | null = null;
  const server = await startScoreServer({
    // The answer never comes: the request in flight has to be ended.
    fault: (count) => count === 7 ? "hung" : undefined,
    onScore: (count) => {
      if (count === 7) child?.kill(signal);
    },
  });
  child = spawnBench([
    ...[...FOUR_CELLS, "--url", server.url],
    ...["-o", `${folder}/a.csv`, "--metadata-output", `${folder}/meta.json`],
  ], { permissions: permissionsFor(server.url) });
  return {
    ...await outcomeOf(child),
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`main() ends the request in flight, writes what there is and exits with 130 at ${signal}`, async () => {
    await using folder = await makeTestFolder();
    await using outcome = await interruptedRun(folder.path, signal);
    const { code, stdout, stderr } = outcome;
    assertEquals(code, 130, stderr);
    assertStringIncludes(stderr, `--resume ${folder.path}/a.run.json`);
    assertStringIncludes(stdout, "The run was interrupted");
    const run = await readRunFile(`${folder.path}/a.run.json`);
    assert(run.metadata.interrupted);
    assertEquals(
      run.cells.map((cell) => [cell.status, ...cell.samples.outcome]),
      [
        ["OK", "ok", "ok", "ok", "ok"],
        // The request that was cut off says nothing of the server.
        ["INVALID", "ok", "ok"],
      ],
    );
    assertMatch(
      joinDoubts(run.cells[1]?.doubts ?? []),
      /^interrupted after 2 of 4 requests/,
    );
    const files = await readTree(folder.path);
    assertEquals([...files.keys()].toSorted(), [
      `${folder.path}/a.csv`,
      `${folder.path}/a.run.json`,
      `${folder.path}/meta.json`,
    ]);
    assert(JSON.parse(files.get(`${folder.path}/meta.json`) ?? "").interrupted);
  });
}

Deno.test("main() measures with --resume what is missing, once", async () => {
  await using folder = await makeTestFolder();
  const record = `${folder.path}/a.run.json`;
  await using interrupted = await interruptedRun(folder.path, "SIGINT");
  const { server } = interrupted;
  const first = await readRunFile(record);
  const answered = server.requests.length;
  const args = [...FOUR_CELLS, "--url", server.url, "--resume", record];

  const { code, stdout, stderr } = await runMain(
    [...args, "-o", `${folder.path}/a.csv`],
  );
  assertEquals(code, 0, stderr);
  const run = await readRunFile(record);
  assertFalse(run.metadata.interrupted);
  assertFalse(stdout.includes("interrupted"), stdout);
  assertEquals(
    run.cells.map(({ key }) => [key.batchSize, key.numLabels]).toSorted(),
    [[1, 2], [1, 3], [2, 2], [2, 3]],
  );
  assertEquals(new Set(run.cells.map(({ key }) => cellId(key))).size, 4);
  assertEquals(run.cells.map((cell) => cell.status), ["OK", "OK", "OK", "OK"]);
  // The finished cell is as it was, and was not measured again.
  assertEquals(run.cells[0]?.samples, first.cells[0]?.samples);
  assertEquals(run.options.seed, first.options.seed);
  const bodies = server.requests.slice(answered)
    .filter(({ line }) => line === "POST /v1/score")
    .map(({ body }) => JSON.parse(body));
  assertEquals(
    bodies.map((
      body,
    ) => [body["items"].length, body["label_token_ids"].length]),
    [[1, 3], [2, 2], [2, 3]].flatMap((cell) => [cell, cell, cell, cell]),
  );

  const changed: [string[], RegExp][] = [
    [["--num-runs", "5"], /numRuns: 4 in the file, 5 now/],
    [["--prefix-cache", "hot"], /prefixCache: "cold" in the file, "hot" now/],
    [["--seed", "other"], /seed: ".*" in the file, "other" now/],
  ];
  const before = server.requests.length;
  for (const [flags, difference] of changed) {
    const rest = flags[0] === "--num-runs"
      ? args.filter((_, i) =>
        !(args[i] === "--num-runs" || args[i - 1] === "--num-runs")
      )
      : args;
    const refused = await runMain(
      [...rest, ...flags, "-o", `${folder.path}/b.csv`],
    );
    assertEquals(refused.code, 2);
    assertMatch(refused.stderr, /it was made with other options/);
    assertMatch(refused.stderr, difference);
  }
  assertEquals(server.requests.length, before);
});

Deno.test("main() refuses to resume what is not a run record", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/a.json`;
  for (
    const [text, message] of [
      [null, /Cannot read '.*a\.json': there is no such file/],
      [
        '{"schema": 1, "cells": [',
        /a run record of schema 2 was expected, not JSON/,
      ],
      ['{"schema": 3}', /a run record of schema 2 was expected/],
    ] as const
  ) {
    if (text !== null) await Deno.writeTextFile(path, text);
    const { code, stderr } = await runMain(
      [...FOUR_CELLS, "--url", "http://127.0.0.1:1", "--resume", path],
    );
    assertEquals(code, 2);
    assertMatch(stderr, message);
  }
});

Deno.test("bench.ts without leave to read its own modules says which flag is missing, and never ends with 1", async () => {
  const { code, stderr } = await outcomeOf(spawnBench(["--quiet"], {
    permissions: [
      ...["--no-prompt", "--allow-net=127.0.0.1"],
      ...["--allow-read=results", "--allow-write=results"],
    ],
  }));
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    "Cannot start a thread: Deno was not allowed to read ",
  );
  assertStringIncludes(stderr, "/lib. Add --allow-read=");
});
