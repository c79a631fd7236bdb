import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseFlags } from "../../lib/cli/flags.ts";
import { STRESS_COMMAND } from "../../lib/commands/stress.ts";
import {
  readStressFlags,
  type StressRequest,
} from "../../lib/commands/stress_flags.ts";
import { UsageError } from "../../lib/failure.ts";
import { loadSteps } from "../../lib/stress/scenarios.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

function read(...args: string[]): StressRequest {
  const parsed = parseFlags(STRESS_COMMAND, args);
  if (parsed.action !== "run") throw new Error("A run was expected");
  return readStressFlags(parsed.flags, null);
}

Deno.test("readStressFlags() gives the specification's loads by default", () => {
  const { options, kind } = read();
  const whole = { ...options, data: [TEXT_RECORD], seed: "s" };
  assertEquals(kind, "simulated");
  const steps = (["large-batch", "concurrent", "sustained"] as const).flatMap((
    scenario,
  ) => loadSteps(scenario, whole, "m"));
  assertEquals(
    steps.map(({ scenario, configuration, loop, shapes }) => [
      scenario,
      configuration,
      loop.kind === "closed" ? loop.concurrency : loop.ratePerSec,
      loop.durationMs,
      shapes[0]?.spec.batchSize,
      shapes[0]?.spec.labelTokenIds.length,
    ]),
    [
      ["large-batch", "batch_size=50", 1, null, 50, 4],
      ["large-batch", "batch_size=100", 1, null, 100, 4],
      ["large-batch", "batch_size=200", 1, null, 200, 4],
      ["concurrent", "threads=4", 4, 30_000, 8, 4],
      ["concurrent", "threads=8", 8, 30_000, 8, 4],
      ["concurrent", "threads=16", 16, 30_000, 8, 4],
      ["sustained", "duration=300s, target_rps=10", 10, 300_000, 16, 4],
    ],
  );
  assertEquals([options.iterations, options.timeoutMs], [5, 120_000]);
});

Deno.test("readStressFlags() leaves recovery out on a URL and says so", () => {
  const request = read("--url", "http://127.0.0.1:1");
  assertEquals(request.options.scenarios.includes("recovery"), false);
  assertStringIncludes(request.leftOut[0] ?? "", "recovery was left out");
  assertEquals(read("--launch", "server {port}").leftOut, []);
});

Deno.test("readStressFlags() names all problems at once", () => {
  const error = assertThrows(
    () =>
      read(
        ...["--url", "http://127.0.0.1:1", "--scenario", "recovery"],
        ...["--allow-lethal", "--slo", "p99<1", "--data", "query=4,item=9"],
      ),
    UsageError,
  );
  const lines = error.message.split("\n");
  assertEquals(lines.length, 4);
  for (
    const part of ["--data", "--slo", "recovery", "--allow-lethal"]
  ) {
    assertStringIncludes(error.message, part);
  }
  assertThrows(() => read("--server-pid", "5"), UsageError, "--url");
});

Deno.test("readStressFlags() reads which shard of how many this is", () => {
  assertEquals(read().shard, null);
  const { shard, options, leftOut } = read(
    ...["--shard", "2/4", "--shard-dir", "d", "--start-timeout", "9"],
    ...["--concurrency", "4,8", "--seed", "s"],
  );
  assertEquals(shard, {
    ...{ share: { index: 2, of: 4 }, folder: "d", startTimeoutMs: 9_000 },
    isSeedGiven: true,
  });
  // There is no search among several hosts.
  assertEquals(options.scenarios.includes("ramp"), false);
  assertStringIncludes(leftOut[0] ?? "", "--ladder");
  const ramp = read(
    ...["--shard", "0/2", "--shard-dir", "d", "--ladder", "10,20"],
  );
  assertEquals(ramp.options.ladder, [10, 20]);
  assertEquals(ramp.leftOut, []);
});

Deno.test("readStressFlags() refuses what a shard cannot do, before anything is sent", () => {
  const shard = ["--shard", "0/2", "--shard-dir", "d"];
  for (
    const [flags, expected] of [
      [["--shard", "0/2"], "--shard and --shard-dir belong together"],
      [["--shard-dir", "d"], "--shard and --shard-dir belong together"],
      [["--shards", "2"], "--shard and --shard-dir belong together"],
      [["--shard", "2/2", "--shard-dir", "d"], "--shard 2/2"],
      [[...shard, "--output", "run.json"], "--output with --shard"],
      [[...shard, "--json-output", "run.json"], "--json-output with --shard"],
      [[...shard, "--resume", "run.json"], "is started anew"],
      [[...shard, "--scenario", "ramp"], "Give the loads with --ladder"],
      [
        [...shard, "--scenario", "concurrent", "--concurrency", "1"],
        "Cannot share 1 clients out over 2 shards",
      ],
    ] as const
  ) {
    assertThrows(() => read(...flags), UsageError, expected);
  }
});
