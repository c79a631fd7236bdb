import { UsageError } from "../../lib/failure.ts";
import { refuseOtherOptions } from "../../lib/record/resume.ts";
import { assertEquals, assertThrows } from "@std/assert";
import {
  goodLatenciesMs,
  RUN_SCHEMA,
  STATUSES,
  summariseCell,
  TARGET_KINDS,
} from "../../lib/record/run.ts";
import { exampleRun } from "../support/example_run.ts";

Deno.test("summariseCell() computes throughput as the specification does", () => {
  // 3 requests of 4 items in 60 ms: 12 / 0.06 and 3 / 0.06.
  const summary = summariseCell([10, 20, 30], 4);
  assertEquals(summary?.totalItems, 12);
  assertEquals(summary?.throughputItemsPerSec, 200);
  assertEquals(summary?.throughputRequestsPerSec, 50);
  assertEquals(summary, {
    count: 3,
    meanMs: 20,
    standardDeviationMs: 10,
    minMs: 10,
    maxMs: 30,
    p50Ms: 20,
    p95Ms: 29,
    p99Ms: 29.8,
    totalItems: 12,
    throughputItemsPerSec: 200,
    throughputRequestsPerSec: 50,
  });
});

Deno.test("summariseCell() gives null where there is nothing to divide by", () => {
  assertEquals(summariseCell([], 4), null);
  assertEquals(summariseCell([0, 0], 4), null);
  assertEquals(summariseCell([5], 1)?.standardDeviationMs, null);
});

Deno.test("goodLatenciesMs() takes the good samples only, from send to last byte", () => {
  assertEquals(
    goodLatenciesMs({
      plannedMs: [0, 0, 0, 30],
      sentMs: [5, 10, 20, 30],
      doneMs: [9, 20, 45, 30],
      outcome: ["ok", "timeout", "ok", "dropped"],
    }),
    [4, 25],
  );
});

Deno.test("refuseOtherOptions() names each option that differs, but not the profile", () => {
  const { options } = exampleRun();
  refuseOtherOptions("run.json", options, { ...options, profile: "full" });
  const { message } = assertThrows(
    () =>
      refuseOtherOptions("run.json", options, {
        ...options,
        batchSizes: [4, 8],
        data: [],
        seed: "eight",
        applySoftmax: false,
      }),
    UsageError,
    "Cannot resume 'run.json': it was made with other options",
  );
  assertEquals(message.split("\n").slice(1), [
    "  batchSizes: [4] in the file, [4,8] now",
    "  applySoftmax: true in the file, false now",
    '  data: [{"name":"text","tokens":null,"file":null}] in the file, [] now',
    '  seed: "seven" in the file, "eight" now',
  ]);
});

Deno.test("RUN_SCHEMA, STATUSES and TARGET_KINDS are those of the stored format", () => {
  assertEquals(RUN_SCHEMA, 2);
  assertEquals([...STATUSES], [
    "OK",
    "WARN",
    "REGRESSION",
    "IMPROVED",
    "INCONCLUSIVE",
    "NEW",
    "INVALID",
  ]);
  assertEquals([...TARGET_KINDS], ["url", "launched", "simulated"]);
});
