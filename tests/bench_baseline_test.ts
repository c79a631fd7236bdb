import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  makeTestFolder,
  QUICK_CLIENT,
  readRunFile,
  runMain,
} from "./support/bench_runner.ts";
import { startScoreServer } from "./support/score_server.ts";
import { startSimulator } from "../lib/simulator/start.ts";
import { virtualLoads } from "./support/virtual_load.ts";

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
 * Runs bench.ts with requests that take 4 ms and 1 ms an item, times what `slowness` says for the port of the server.
 * Servers tell what they are and are not asked for scores: what is judged are times, and this machine may be as busy
 * as it likes.
 */
function runVirtual(
  args: readonly string[],
  slowness: Readonly<Record<number, number>> = {},
) {
  return runMain(
    [...CELLS, ...args],
    QUICK_CLIENT,
    virtualLoads(({ endpoint, workload }) =>
      (4 + workload.batchSize) * (slowness[portOf(endpoint.url)] ?? 1)
    ),
  );
}

const portOf = (url: string) => Number(new URL(url).port);

/** Makes a baseline of three runs in a folder; returns its path. */
async function makeBaseline(folder: string): Promise<string> {
  await using server = await startSimulator();
  const path = `${folder}/baseline.csv`;
  const { code, stderr } = await runVirtual([
    ...["--url", server.url, "--repeats", "3"],
    ...["--update-baseline", path, "-o", `${folder}/baseline-run.json`],
  ]);
  assertEquals(code, 0, stderr);
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
  await using server = await startSimulator();
  const compare = async (slowness: number, ...flags: string[]) => {
    const path = `${folder.path}/run.json`;
    const outcome = await runVirtual([
      ...["--url", server.url, "--baseline", baseline, "-o", path],
      ...flags,
    ], { [server.port]: slowness });
    return { ...outcome, run: await readRunFile(path) };
  };
  const same = await compare(1);
  assertEquals(same.code, 0, same.stdout);
  assertEquals(same.run.comparison?.failure, null);
  assertEquals(
    same.run.cells.map(({ status }) => status),
    Array(5).fill("OK"),
  );

  const slower = await compare(1.5);
  assertEquals(slower.code, 1, slower.stdout);
  assertStringIncludes(slower.stdout, "slower (FAIL)");
  const statuses = slower.run.cells.map(({ status }) => status);
  assertEquals(new Set(statuses), new Set(["REGRESSION"]));
  // Each cell was measured again twice; the first and the last also to see a drift.
  const entries = slower.run.cells.filter(({ key }) => key.batchSize === 2);
  assertEquals(entries.length, 3);
  const verdicts = slower.run.cells.flatMap(({ verdict }) => verdict ?? []);
  for (const { changePercent, baselineRuns } of verdicts) {
    assertAlmostEquals(changePercent, 100 * (1 / 1.5 - 1), 1);
    assertEquals(baselineRuns, 3);
  }
  // In the table each cell stands once, with all its samples.
  assertEquals(slower.stdout.match(/\| FAIL$/gm)?.length, 3);

  const once = await compare(1.5, "--no-confirm");
  assertEquals(once.code, 1, once.stdout);
  const { cells } = once.run;
  assertEquals(cells.map(({ key }) => key.batchSize), [1, 2, 4, 1, 4]);
});

Deno.test("main() refuses to compare unlike runs before the first request", async () => {
  await using folder = await makeTestFolder();
  const baseline = await makeBaseline(folder.path);
  const outcome = await runVirtual([
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

Deno.test("main() finds nothing between a server and itself, to which both sides send prompts of their own", async () => {
  await using folder = await makeTestFolder();
  await using server = await startSimulator();
  const path = `${folder.path}/ab.json`;
  const sent: string[] = [];
  const outcome = await runMain(
    [
      ...[...CELLS, "--url", server.url, "--compare-url", server.url],
      ...["-o", path],
    ],
    QUICK_CLIENT,
    virtualLoads(({ workload: { batchSize, seed }, firstIndex }) => {
      sent.push(`${batchSize} ${seed} ${firstIndex}`);
      return 5;
    }),
  );
  assertEquals(outcome.code, 0, outcome.stdout);
  const run = await readRunFile(path);
  assertEquals(run.options.compareAddress, server.url);
  assertEquals(run.reference?.length, 3);
  assertEquals(run.cells.map(({ status }) => status), Array(3).fill("OK"));
  // A prompt that one side left in the cache would make the other faster.
  const loads = Map.groupBy(sent, (load) => load.replace(/ \d+$/, ""));
  assertEquals(loads.size, 6);
});

Deno.test("main() judges the second server against the first, block by block", async () => {
  await using folder = await makeTestFolder();
  await using a = await startSimulator();
  await using b = await startSimulator({ seed: 7 });
  const path = `${folder.path}/ab.json`;
  const bench = (first: string, second: string) =>
    runVirtual(
      ["--url", first, "--compare-url", second, "-o", path],
      { [b.port]: 1.5 },
    );
  const slower = await bench(a.url, b.url);
  assertEquals(slower.code, 1, slower.stdout);
  assertStringIncludes(slower.stdout, "slower (FAIL)");
  assertStringIncludes(slower.stdout, `A, ${a.url}, block by block`);
  const faster = await bench(b.url, a.url);
  assertEquals(faster.code, 0, faster.stdout);
  const { cells } = await readRunFile(path);
  assertEquals(cells.map(({ status }) => status), Array(3).fill("IMPROVED"));
});

Deno.test("main() sends each server of an A/B run the key that is its own", async () => {
  await using folder = await makeTestFolder();
  await using a = await startSimulator({ apiKey: "key-of-a" });
  await using b = await startSimulator({ apiKey: "key-of-b" });
  const keyFile = `${folder.path}/key`;
  await Deno.writeTextFile(keyFile, "key-of-a");
  const outcome = await runVirtual([
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
  await using server = await startSimulator();
  const outcome = await runVirtual([
    ...["--url", server.url, "--baseline", baseline],
    ...["--update-baseline", baseline, "-o", `${folder.path}/run.json`],
  ], { [server.port]: 1.5 });
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
    const { code, stderr } = await runVirtual(flags);
    assertEquals([flags, code], [flags, 2]);
    assertStringIncludes(stderr, "a baseline of this run");
  }
  assertEquals(await Deno.readTextFile(baseline), before);
});

Deno.test("main() leaves an earlier result alone when nothing can be measured", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/good.csv`;
  const server = await startSimulator();
  const args = ["--url", server.url, "-o", path];
  assertEquals((await runVirtual(args)).code, 0);
  const before = await Deno.readTextFile(path);
  await server[Symbol.asyncDispose]();
  const { code, stderr } = await runVirtual(args);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "Cannot reach");
  assertEquals(await Deno.readTextFile(path), before);
});

Deno.test("main() resumes only on the server that the run was begun on", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/run.json`;
  await using first = await startSimulator({ modelPath: "m/one" });
  const { port } = first;
  const args = ["--url", first.url, "-o", path];
  assertEquals((await runVirtual(args)).code, 0);
  const { cells, ...rest } = await readRunFile(path);
  const cut = { ...rest, cells: cells.slice(0, 1) };
  await Deno.writeTextFile(path, JSON.stringify(cut));
  await first[Symbol.asyncDispose]();
  await using second = await startSimulator({ modelPath: "m/two", port });
  const { code, stderr } = await runVirtual([
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
  await using server = await startSimulator();
  const args = ["--url", server.url, "--baseline", baseline];
  assertEquals((await runVirtual([...args, "-o", path])).code, 0);
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
  const { code, stdout } = await runVirtual([
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
