// Holds the A/B run of two servers of which only one can run at a time.
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import { makeTestFolder, runMain } from "./support/bench_runner.ts";

/** A port that stands for the one accelerator of a machine. */
function accelerator(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Launches a simulated server that takes the accelerator, as a TPU belongs to one process. It is slow, so that what a busy
 * machine adds is no stall.
 */
function simCommand(port: number, options = "--set fixedMs=120"): string {
  return `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-read sim.ts --port {port} --model {model} --dtype {dtype} --log --accelerator ${port} --set noise=0.01 ${options}`;
}

const CELLS =
  "--batch-sizes 1 --num-labels 2 --num-runs 8 --warmup-runs 5 --model small --dtype float32"
    .split(" ");

async function readRun(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}

Deno.test("main() launches A and B in turn where a second instance refuses to start while the first lives", async () => {
  await using folder = await makeTestFolder();
  const port = accelerator();
  const path = `${folder.path}/ab.json`;
  const { code, stdout, stderr } = await runMain([
    ...CELLS,
    ...["--launch", simCommand(port)],
    ...[
      "--compare-launch",
      simCommand(port, "--set fixedMs=400 --set pageSize=64"),
    ],
    ...["--repeats", "2", "-o", path, "-o", `${folder.path}/ab.csv`],
  ]);
  assertEquals(code, 1, stderr);
  const run = await readRun(path);
  assertEquals(run.options.inTurn, true);
  assertEquals(run.cells.map(({ repeat }) => repeat), [0, 1]);
  assertEquals(run.reference?.map(({ repeat }) => repeat), [0, 1]);
  assertEquals(run.metadata.interrupted, false);
  // A B B A: the second run of B before that of A.
  const startOf = (cells: Run["cells"], i: number) =>
    cells[i]?.samples.sentMs[0] ?? 0;
  const { cells, reference = [] } = run;
  const order = [
    ...[startOf(reference, 0), startOf(cells, 0)],
    ...[startOf(cells, 1), startOf(reference, 1)],
  ];
  assertEquals(order, order.toSorted((a, b) => a - b));
  // Each launch has its warm-up, and its log proves what was compiled.
  for (const cell of [...cells, ...reference]) {
    assert(cell.warmUp.requests >= 5);
    assertEquals(cell.compiles?.level, "none", cell.compiles?.reason);
  }
  assertEquals(cells.map(({ status }) => status), ["REGRESSION", "REGRESSION"]);
  assertEquals(run.comparison?.baseline, ["A, run 1", "A, run 2"]);
  assertEquals(run.metadata.servers.length, 2);
  assertStringIncludes(
    run.comparison?.notes.join("\n") ?? "",
    "Launch arguments that differ: page_size 1 of A, page_size 64 of B",
  );
  // The figures of A stand beside those of B.
  assertMatch(stdout, /Old .*New .*Change/);
  const [head = ""] = (await Deno.readTextFile(`${folder.path}/ab.csv`))
    .split("\r\n");
  assertStringIncludes(head, "old_throughput_ips,new_throughput_ips");
});

Deno.test("main() cannot let two servers of one accelerator run --together, and says why", async () => {
  await using folder = await makeTestFolder();
  const port = accelerator();
  const { code, stderr } = await runMain([
    ...CELLS,
    ...["--launch", simCommand(port), "--compare-launch", simCommand(port)],
    ...["--together", "-o", `${folder.path}/ab.json`],
  ]);
  assertEquals(code, 3);
  assertMatch(stderr, /TPU is already in use by another process/);
});

Deno.test("main() refuses --together alone", async () => {
  const { code, stderr } = await runMain(["--together"]);
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    "Cannot take --together without --compare-launch",
  );
});
