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
