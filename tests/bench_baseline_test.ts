import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import type { EngineOptions } from "../lib/simulator/options.ts";
import { makeTestFolder, runMain } from "./support/bench_runner.ts";
import { startScoreServer } from "./support/score_server.ts";
import { startSimulator } from "../lib/simulator/start.ts";

/** Three short cells. */
const CELLS = [
  "--batch-sizes",
  "1,2,4",
  "--num-labels",
  "2",
  "--num-runs",
  "10",
];

/**
 * Where nothing is expected to be found: other tests run beside these, and what they take from the
 * machine is no regression. A slower engine is twice as slow.
 */
const TOLERANT = ["--regression-threshold", "35", "--max-invalid", "3"];

/** An engine that costs some milliseconds and scatters little, so that a change shows at once. */
const ENGINE: Partial<EngineOptions> = {
  fixedMs: 4,
  perTokenMs: 0,
  perItemMs: 1,
  perLabelMs: 0,
  compileMs: 0,
  noise: 0.01,
};

async function readRunFile(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** Makes a baseline of three runs in a folder; returns its path. */
async function makeBaseline(folder: string): Promise<string> {
  await using server = await startSimulator(ENGINE);
  const path = `${folder}/baseline.csv`;
  const args = [
    ...[...CELLS, "--url", server.url, "--repeats", "3"],
    ...["--update-baseline", path, "-o", `${folder}/baseline-run.json`],
  ];
  // A machine that is busy with other tests may stall, and a stall is kept out of baselines.
  let outcome = await runMain(args);
  for (let again = 0; again < 4 && outcome.code === 3; again++) {
    outcome = await runMain(args);
  }
  assertEquals(outcome.code, 0, outcome.stderr);
  return path;
}

Deno.test("main() makes a baseline of several runs that the specification's tool can read", async () => {
  await using folder = await makeTestFolder();
  const path = await makeBaseline(folder.path);
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\r\n");
  assertEquals(lines.length, 1 + 3 * 3);
  assertEquals(lines[0]?.split(",").length, 15);
  const metadata = JSON.parse(
    await Deno.readTextFile(`${folder.path}/baseline-metadata.json`),
  );
  assertEquals(metadata.hardware, "simulated");
});

Deno.test("main() passes an unchanged server, and fails one that is slower after measuring it again", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const compare = async (engine: Partial<EngineOptions>, name: string) => {
    await using server = await startSimulator({ ...ENGINE, ...engine });
    const path = `${folder.path}/${name}.json`;
    const outcome = await runMain([
      ...CELLS,
      "--url",
      server.url,
      "--baseline",
      baseline,
      ...TOLERANT,
      "-o",
      path,
    ]);
    return { ...outcome, run: await readRunFile(path) };
  };
  const same = await compare({}, "same");
  assertEquals(same.code, 0, same.stdout);
  assertEquals(same.run.comparison?.failure, null);

  const slower = await compare({ fixedMs: 16, perItemMs: 4 }, "slower");
  assertEquals(slower.code, 1, slower.stdout);
  assertStringIncludes(slower.stdout, "slower (FAIL)");
  const statuses = slower.run.cells.map(({ status }) => status);
  assert(statuses.includes("REGRESSION"), slower.stdout);
  assert(!statuses.includes("OK"), slower.stdout);
  // Each cell was measured again twice; the first and the last also to see a drift.
  const entries = slower.run.cells.filter(({ key }) => key.batchSize === 2);
  assertEquals(entries.length, 3);
  const verdicts = slower.run.cells.flatMap(({ verdict }) => verdict ?? []);
  assert(verdicts.every(({ changePercent }) => changePercent < -35));
  assert(verdicts.every(({ baselineRuns }) => baselineRuns === 3));
  // In the table each cell stands once, with all its samples.
  assertEquals(slower.stdout.match(/\| (FAIL|INVALID)$/gm)?.length, 3);
});

Deno.test("main() measures nothing again with --no-confirm", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  await using server = await startSimulator({ ...ENGINE, fixedMs: 20 });
  const path = `${folder.path}/run.json`;
  const outcome = await runMain([
    ...CELLS,
    "--url",
    server.url,
    "--baseline",
    baseline,
    "--no-confirm",
    "-o",
    path,
  ]);
  assertEquals(outcome.code, 1, outcome.stdout);
  const { cells } = await readRunFile(path);
  assertEquals(cells.map(({ key }) => key.batchSize), [1, 2, 4, 1, 4]);
});

Deno.test("main() refuses to compare unlike runs before the first request", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const outcome = await runMain([
    ...CELLS,
    "--prefix-cache",
    "hot",
    "--baseline",
    baseline,
    "-o",
    `${folder.path}/run.json`,
  ]);
  assertEquals(outcome.code, 3);
  assertStringIncludes(outcome.stderr, "prefix-cache");
  assertEquals(outcome.stdout, "");
});

Deno.test("main() refuses before its first cell to append to a baseline what is unlike it", async () => {
  await using folder = await makeTestFolder();
  const baseline = `${folder.path}/baseline.csv`;
  await Deno.copyFile("baselines/simulated-smoke.csv", baseline);
  const metadata = `${folder.path}/baseline-metadata.json`;
  await Deno.copyFile("baselines/simulated-smoke-metadata.json", metadata);
  await using server = await startScoreServer();
  const update = (...more: string[]) =>
    runMain([
      ...["--profile", "smoke", "--update-baseline", baseline],
      ...["--url", server.url, "--allow-mismatch", "target", ...more],
    ]);
  const { code, stderr } = await update("--hardware", "tpu-v6e-4");
  assertEquals(code, 3);
  const said = `Cannot update '${baseline}': only like is compared with like: `;
  assertEquals(stderr.split(said).length, 2, stderr);
  assertStringIncludes(stderr, "hardware is simulated in the baseline");
  const scored = server.requests.filter(({ line }) =>
    line.includes("/v1/score")
  );
  assertEquals(scored, []);
  // What the flags alone tell needs no server.
  const asked = server.requests.length;
  const hot = await update("--prefix-cache", "hot");
  assertEquals([hot.code, server.requests.length], [3, asked]);
  assertStringIncludes(hot.stderr, `${said}prefix-cache is cold`);
});

Deno.test("main() refuses too few samples for a verdict before the first request", async () => {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer();
  const path = `${folder.path}/base.csv`;
  for (const flag of ["--baseline", "--update-baseline"]) {
    const { code, stderr } = await runMain([
      ...["--profile", "smoke", "--url", server.url, "--num-runs", "2"],
      ...[flag, path],
    ]);
    assertEquals([code, server.requests.length], [2, 0]);
    assertStringIncludes(stderr, "--num-runs 2");
    assertStringIncludes(stderr, "at least 3 samples");
  }
});

Deno.test("main() finds nothing between a server and itself, block by block", async () => {
  await using folder = await makeTestFolder();
  // With the prefix cache at work, so that it shows if both sides sent the same prompts.
  await using server = await startSimulator({ ...ENGINE, perTokenMs: 0.05 });
  const path = `${folder.path}/ab.json`;
  const outcome = await runMain([
    ...CELLS,
    "--url",
    server.url,
    "--compare-url",
    server.url,
    ...TOLERANT,
    "-o",
    path,
  ]);
  assertEquals(outcome.code, 0, outcome.stdout);
  const run = await readRunFile(path);
  assertEquals(run.options.compareAddress, server.url);
  assertEquals(run.reference?.length, 3);
  for (const { verdict } of run.cells) {
    // A prompt that one side left in the cache would make the other three times as fast.
    assert(Math.abs(verdict?.changePercent ?? 0) < 30);
  }
});

Deno.test("main() judges the second server against the first, block by block", async () => {
  await using folder = await makeTestFolder();
  await using a = await startSimulator(ENGINE);
  await using b = await startSimulator({ ...ENGINE, fixedMs: 16, seed: 7 });
  const bench = (first: string, second: string) =>
    runMain([
      ...CELLS,
      "--url",
      first,
      "--compare-url",
      second,
      ...TOLERANT,
      "-o",
      `${folder.path}/${first === a.url ? "slower" : "faster"}.json`,
    ]);
  const slower = await bench(a.url, b.url);
  assertEquals(slower.code, 1, slower.stdout);
  assertStringIncludes(slower.stdout, "slower (FAIL)");
  assertStringIncludes(slower.stdout, `A, ${a.url}, block by block`);
  const faster = await bench(b.url, a.url);
  assertEquals(faster.code, 0, faster.stdout);
  const { cells } = await readRunFile(`${folder.path}/faster.json`);
  assertGreater(
    cells.filter(({ status }) => status === "IMPROVED").length,
    0,
  );
});

Deno.test("main() sends each server of an A/B run the key that is its own", async () => {
  await using folder = await makeTestFolder();
  await using a = await startSimulator({ ...ENGINE, apiKey: "key-of-a" });
  await using b = await startSimulator({ ...ENGINE, apiKey: "key-of-b" });
  const keyFile = `${folder.path}/key`;
  await Deno.writeTextFile(keyFile, "key-of-a");
  const outcome = await runMain([
    ...CELLS,
    "--url",
    a.url,
    "--compare-url",
    b.url.replace("127.0.0.1", "localhost"),
    "--api-key-file",
    keyFile,
    "-o",
    `${folder.path}/run.json`,
  ]);
  assertEquals(outcome.code, 3);
  assertStringIncludes(outcome.stderr, "SCORE_COMPARE_API_KEY");
});

Deno.test("main() appends no regression to the baseline that it failed", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const before = await Deno.readTextFile(baseline);
  await using server = await startSimulator({ ...ENGINE, fixedMs: 20 });
  const outcome = await runMain([
    ...CELLS,
    "--url",
    server.url,
    "--baseline",
    baseline,
    "--update-baseline",
    baseline,
    "-o",
    `${folder.path}/run.json`,
  ]);
  assertEquals(outcome.code, 1);
  assertStringIncludes(outcome.stderr, "run again without --baseline");
  assertEquals(await Deno.readTextFile(baseline), before);
});

Deno.test("main() writes no output over a baseline", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const before = await Deno.readTextFile(baseline);
  for (
    const flags of [
      ["--baseline", baseline, "-o", baseline],
      ["--update-baseline", baseline, "-o", baseline],
      ["--baseline", folder.path, "-o", `${folder.path}/new.csv`],
      [
        "--update-baseline",
        baseline,
        "--metadata-output",
        `${folder.path}/baseline-metadata.json`,
      ],
    ]
  ) {
    const { code, stderr } = await runMain([...CELLS, ...flags]);
    assertEquals([flags, code], [flags, 2]);
    assertStringIncludes(stderr, "a baseline of this run");
  }
  assertEquals(await Deno.readTextFile(baseline), before);
});

Deno.test("main() leaves an earlier result alone when nothing can be measured", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/good.csv`;
  const server = await startSimulator(ENGINE);
  const args = [...CELLS, "--url", server.url, "-o", path];
  assertEquals((await runMain(args)).code, 0);
  const before = await Deno.readTextFile(path);
  await server[Symbol.asyncDispose]();
  const { code, stderr } = await runMain(args);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "Cannot reach");
  assertEquals(await Deno.readTextFile(path), before);
});

Deno.test("main() resumes only on the server that the run was begun on", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/run.json`;
  await using first = await startSimulator({ ...ENGINE, modelPath: "m/one" });
  const { port } = first;
  const args = [...CELLS, "--url", first.url, "-o", path];
  assertEquals((await runMain(args)).code, 0);
  const { cells, ...rest } = await readRunFile(path);
  const cut = { ...rest, cells: cells.slice(0, 1) };
  await Deno.writeTextFile(path, JSON.stringify(cut));
  await first[Symbol.asyncDispose]();
  await using second = await startSimulator({
    ...ENGINE,
    modelPath: "m/two",
    port,
  });
  const { code, stderr } = await runMain([
    ...CELLS,
    "--url",
    second.url,
    "-o",
    `${folder.path}/more.json`,
    "--resume",
    path,
  ]);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "Cannot resume: the run was begun on");
});

Deno.test("main() judges a resumed run by what was measured, not by an earlier verdict", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const path = `${folder.path}/run.json`;
  await using server = await startSimulator(ENGINE);
  const args = [
    ...CELLS,
    ...["--url", server.url, "--baseline", baseline],
    ...TOLERANT,
  ];
  assertEquals((await runMain([...args, "-o", path])).code, 0);
  const { cells, ...rest } = await readRunFile(path);
  const cut = {
    ...rest,
    cells: cells.slice(0, 2).map((cell) => ({
      ...cell,
      status: "REGRESSION",
      doubts: [],
    })),
  };
  await Deno.writeTextFile(path, JSON.stringify(cut));
  const more = `${folder.path}/more.json`;
  const { code, stdout } = await runMain([
    ...args,
    "-o",
    more,
    "--resume",
    path,
  ]);
  assertEquals(code, 0, stdout);
  const { cells: judged } = await readRunFile(more);
  assert(judged.every(({ status }) => status !== "REGRESSION"), stdout);
});

Deno.test("main() refuses A/B runs in which both sides would be one, or a header would reach another host", async () => {
  for (
    const [flags, message] of [
      [["--unix-socket", "/tmp/s"], "both would be that socket"],
      [["--header", "X-Key: abcdefgh"], "goes to no other host"],
    ] as const
  ) {
    const { code, stderr } = await runMain([
      "--url",
      "http://127.0.0.1:1",
      "--compare-url",
      "http://localhost:1",
      ...flags,
    ]);
    assertEquals([flags, code], [flags, 2]);
    assertStringIncludes(stderr, message);
  }
});
