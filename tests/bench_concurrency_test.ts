import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parseResultCsv } from "../lib/baseline/csv.ts";
import { startSimulator } from "../lib/simulator/start.ts";
import {
  makeTestFolder,
  readRunFile,
  runMain,
} from "./support/bench_runner.ts";

const CELL = "--batch-sizes 2 --num-labels 2 --num-runs 6 --warmup-runs 1"
  .split(" ");

Deno.test("main() measures each number of clients as a cell, warmed up by itself", async () => {
  await using folder = await makeTestFolder();
  // A server that takes one item at a time and no batch: clients only wait for each other.
  await using server = await startSimulator({
    ...{ fixedMs: 4, perTokenMs: 0, perItemMs: 0, perLabelMs: 0 },
    ...{ noise: 0, compileMs: 0, maxRunningRequests: 2 },
  });
  const [path, csv] = [`${folder.path}/a.json`, `${folder.path}/a.csv`];
  const { code, stdout } = await runMain([
    ...CELL,
    ...["--url", server.url, "--concurrency", "1,4", "-o", path, "-o", csv],
  ]);
  assertEquals(code, 0);
  const [one, four] = (await readRunFile(path)).cells;
  assert(one !== undefined && four !== undefined);
  assertEquals([one.key.concurrency, four.key.concurrency], [undefined, 4]);
  assertEquals([one.samples.outcome.length, four.samples.outcome.length], [
    ...[6, 24],
  ]);
  assertGreater(four.warmUp.requests, 7);
  assertEquals(four.warmUp.requests % 4, 0);
  const inFlight = four.samples.sentMs.map((sentMs, i) =>
    four.samples.sentMs.filter((other, j) =>
      other <= sentMs && (four.samples.doneMs[j] ?? 0) > sentMs && j !== i
    ).length
  );
  assertEquals(Math.max(...inFlight), 3);
  assertEquals(four.summary?.totalItems, 48);
  assertStringIncludes(stdout, "Clients");
  const rows = parseResultCsv(await Deno.readTextFile(csv));
  assertEquals(rows.map(({ key }) => key.concurrency), [undefined, 4]);
  assertEquals(
    rows[1]?.figures?.throughputItemsPerSec,
    four.summary?.throughputItemsPerSec,
  );
});

Deno.test("main() judges several clients by throughput, against a CSV without them as NEW", async () => {
  await using folder = await makeTestFolder();
  await using server = await startSimulator({ noise: 0, compileMs: 0 });
  const base = `${folder.path}/base.csv`;
  const run = (...args: string[]) =>
    runMain([...CELL, "--url", server.url, ...args]);
  await run(
    "--concurrency",
    "1,4",
    "--repeats",
    "2",
    "--update-baseline",
    base,
  );
  assertMatch(await Deno.readTextFile(base), /status,concurrency,data\r\n/);
  const path = `${folder.path}/a.json`;
  await run("--concurrency", "1,4,2", "--baseline", base, "-o", path);
  const { cells, comparison } = await readRunFile(path);
  const four = cells.find(({ key }) => key.concurrency === 4);
  assertEquals(comparison?.missing, []);
  assert(four?.verdict?.levelsMs !== undefined);
  const { throughputRequestsPerSec = 0 } = four.summary ?? {};
  const [, levelMs = 0] = four.verdict.levelsMs;
  // Of samples the level is that of the fastest 90 % of its parts.
  const ratio = levelMs * throughputRequestsPerSec / 4000;
  assert(ratio > 0.5 && ratio < 1.1, `${ratio}`);
  assertEquals(
    cells.find(({ key }) => key.concurrency === 2)?.status,
    "NEW",
  );
});

Deno.test("main() refuses several clients between two servers, and more samples than a cell keeps", async () => {
  const ab = await runMain([
    ...CELL,
    ...["--concurrency", "2", "--url", "http://127.0.0.1:1"],
    ...["--compare-url", "http://127.0.0.1:2"],
  ]);
  assertEquals(ab.code, 2);
  assertStringIncludes(
    ab.stderr,
    "Cannot take --compare-url with --concurrency",
  );
  const many = await runMain([
    ...["--concurrency", "9000", "--num-runs", "100"],
  ]);
  assertEquals(many.code, 2);
  assertStringIncludes(many.stderr, "a cell keeps at most 131072 samples");
});

Deno.test("main() searches the most clients that hold the objectives, and resumes the search", async () => {
  await using folder = await makeTestFolder();
  // One request at a time, 20 ms each: clients only wait for each other.
  await using server = await startSimulator({
    ...{ fixedMs: 20, perTokenMs: 0, perItemMs: 0, perLabelMs: 0 },
    ...{ noise: 0, compileMs: 0, maxRunningRequests: 1 },
  });
  const path = `${folder.path}/a.json`;
  const args = [
    ..."--batch-sizes 1 --num-labels 2 --num-runs 6 --warmup-runs 1".split(" "),
    ...["--url", server.url, "--concurrency", "1,2,12,32"],
    ...["--slo", "p50<200ms", "-o", path],
  ];
  const { code, stdout } = await runMain(args);
  const run = await readRunFile(path);
  const [found] = run.capacity ?? [];
  assert(found !== undefined && found.highest !== null, stdout);
  // 20 ms a client; what a busy machine adds only lowers it.
  assert(found.highest <= 11, `${found.highest}`);
  assertEquals(found.skipped, [32]);
  assertEquals(run.metadata.interrupted, false);
  assertStringIncludes(stdout, "p50<200ms holds up to ");
  const again = await runMain([
    ...args,
    "--seed",
    run.options.seed,
    "--resume",
    path,
  ]);
  assertEquals(again.code, code);
  assertEquals((await readRunFile(path)).cells.length, run.cells.length);
});

Deno.test("main() refuses --slo where other cells than the planned ones would be compared", async () => {
  const { code, stderr } = await runMain([
    ...["--slo", "p99<1", "--baseline", "a.csv", "--repeats", "2"],
  ]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot take --baseline with --slo");
  assertStringIncludes(stderr, "Cannot take --repeats with --slo");
  assertStringIncludes(stderr, "Cannot take --slo: expected objectives");
});
