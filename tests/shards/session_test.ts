import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import type { StressResult } from "../../lib/stress/record.ts";
import type { StressOptions } from "../../lib/stress/scenarios.ts";
import { QUICK_CLIENT } from "../support/bench_runner.ts";
import { runVirtualStress } from "../support/virtual_stress.ts";
import {
  mergeVirtualShards,
  runVirtualShards,
  type ShardFault,
  START_TIMEOUT_MS,
} from "../support/virtual_shards.ts";

const SUSTAINED: Partial<StressOptions> = {
  ...{ scenarios: ["sustained"], durationSeconds: 20, ratePerSec: 40 },
  arrival: "constant",
};

/** When the load of {@linkcode SUSTAINED} is well under way, in milliseconds: references take a few seconds. */
const IN_LOAD_MS = 18_000;

/** Shards without faults. */
function sound(count: number): ShardFault[] {
  return Array.from({ length: count }, () => ({}));
}

/** Runs shards to a merged run. */
async function runMerged(
  options: Partial<StressOptions>,
  faults: readonly ShardFault[],
  engine = {},
) {
  const { ends, endsMs, files } = await runVirtualShards(
    options,
    faults,
    engine,
  );
  return { ends, endsMs, ...await mergeVirtualShards(files) };
}

/** What must be the same whether one process or several sent a load. */
function figuresOf(result: StressResult | undefined) {
  if (result === undefined) return null;
  const { plannedRequests, goodRequests, failedRequests, reachedPerSec } =
    result;
  return { plannedRequests, goodRequests, failedRequests, reachedPerSec };
}

function assertNear(actual = NaN, expected = NaN, share = 0.01): void {
  assertLess(Math.abs(actual - expected), share * expected);
}

for (const arrival of ["constant", "poisson"] as const) {
  Deno.test(`shards send together what one process sends of ${arrival} arrivals, and come to the same`, async () => {
    const options = { ...SUSTAINED, arrival };
    const { run: { results: [alone] } } = await runVirtualStress({
      ...options,
      seed: "of shard 0",
    }, { noise: 0 });
    for (const shards of [1, 2, 3, 7]) {
      const { ends, run, code } = await runMerged(options, sound(shards), {
        noise: 0,
      });
      const [result] = run.results;
      assertEquals(ends, Array(shards).fill(null));
      assertEquals([result?.verdict, code], ["PASS", 0]);
      assertEquals(figuresOf(result), figuresOf(alone));
      for (const [second, { planned }] of alone?.timeline.entries() ?? []) {
        // One that is due at the very start of a second may be counted in the one before.
        const other = result?.timeline[second]?.planned ?? NaN;
        assertLess(Math.abs(other - planned), 2);
      }
      assertNear(result?.latency?.p50Ms, alone?.latency?.p50Ms);
      assertNear(result?.latency?.p99Ms, alone?.latency?.p99Ms);
      assertNear(result?.latency?.maxMs, alone?.latency?.maxMs);
      assertEquals(result?.truth, alone?.truth);
      assert(result?.health?.checks.some(({ trend }) => trend !== null));
    }
  });
}

Deno.test("all scenarios are in the merged run: shared loads by all, the others by shard 0", async () => {
  const options: Partial<StressOptions> = {
    scenarios: [
      ...["large-batch", "concurrent", "sustained", "mixed"] as const,
      ...["ramp", "poison", "recovery"] as const,
    ],
    ...{ batchSizes: [4, 8], concurrency: [4, 8], ladder: [10, 20] },
    durationSeconds: 5,
  };
  const { ends, run, code } = await runMerged(options, sound(3));
  assertEquals(ends, [null, null, null]);
  assertEquals(
    run.results.map(({ scenario, verdict }) => `${scenario} ${verdict}`),
    [
      ...["large-batch PASS", "large-batch PASS"],
      ...["concurrent PASS", "concurrent PASS", "sustained PASS"],
      ...["mixed PASS", "ramp PASS", "poison PASS", "recovery PASS"],
    ],
  );
  assertEquals(code, 0);
  assertEquals(run.metadata.interrupted, false);
  const [mixed, ramp] = ["mixed", "ramp"].map((scenario) =>
    run.results.find((result) => result.scenario === scenario)?.part
  );
  assertEquals(
    ramp?.scenario === "ramp" &&
      ramp.steps.map(({ load, verdict }) => `${load} ${verdict}`),
    ["10 held", "20 held"],
  );
  assertEquals(mixed?.scenario === "mixed" && mixed.failedRequests, 0);
  assert(mixed?.scenario === "mixed" && mixed.underLoad !== null);
});

Deno.test("a wrong answer to one shard is found, and names it", async () => {
  // What shard 2 meets has a fault of its own.
  const faults = sound(4).with(2, { engine: { faults: ["swap-rows#20"] } });
  const { ends, run, code } = await runMerged(SUSTAINED, faults);
  const [result] = run.results;
  assertEquals([ends, code], [[null, null, null, null], 1]);
  assertEquals(result?.findings, [{
    kind: "failed requests",
    text: "1 of 800 requests failed: 1 x mismatch (1 at shard 2)",
  }]);
  assertStringIncludes(result?.errors[0] ?? "", "shard 2: mismatch: ");
  assertStringIncludes(result?.failures[0]?.example ?? "", "shard 2: ");
});

Deno.test("a shard that is killed makes the load INVALID, is named, and the others end within the time-out", async () => {
  for (const killed of [0, 2]) {
    const faults = sound(4).with(killed, { killedMs: IN_LOAD_MS });
    const { ends, endsMs, run, code } = await runMerged(SUSTAINED, faults);
    const others = ends.filter((_, i) => i !== killed && i > 0);
    if (killed === 0) {
      // The load was the last: nobody needs shard 0 any more.
      assertEquals(others, [null, null, null]);
    } else {
      assertStringIncludes(ends[0] ?? "", `shard ${killed} showed no sign`);
    }
    assertLess(Math.max(...endsMs), IN_LOAD_MS + START_TIMEOUT_MS + 3_000);
    assertEquals([run.results[0]?.verdict, code], ["INVALID", 3]);
    assertStringIncludes(
      run.results[0]?.findings[0]?.text ?? "",
      `shard ${killed} of 4 is missing`,
    );
    assertEquals(run.results[0]?.reachedPerSec, null);
  }
});

Deno.test("the others of a shard that is killed stop at the next barrier, and say why", async () => {
  for (const killed of [0, 1]) {
    const { ends, endsMs, run, code } = await runMerged(
      { ...SUSTAINED, scenarios: ["sustained", "mixed"] },
      sound(3).with(killed, { killedMs: IN_LOAD_MS }),
    );
    for (const [shard, end] of ends.entries()) {
      const expected = shard === killed
        ? "killed"
        : `shard ${killed} showed no sign of life for 30 s`;
      assertStringIncludes(end ?? "", expected);
    }
    assertLess(Math.max(...endsMs), IN_LOAD_MS + START_TIMEOUT_MS + 3_000);
    assertEquals(
      run.results.map(({ verdict }) => verdict),
      ["INVALID", "INVALID"],
    );
    assertEquals(code, 3);
  }
});

Deno.test("a shard that comes late ends the run for all", async () => {
  const { ends, run, code } = await runMerged(
    SUSTAINED,
    sound(3).with(1, { lateMs: 2 * START_TIMEOUT_MS }),
  );
  assertStringIncludes(ends[0] ?? "", "shard 1 did not come to sustained");
  assertStringIncludes(ends[1] ?? "", "shard 0 ended the run: shard 1 did not");
  assertStringIncludes(ends[2] ?? "", "shard 0 ended the run: shard 1 did not");
  assertEquals([run.results[0]?.verdict, code], ["INVALID", 3]);
  assertStringIncludes(JSON.stringify(run.results[0]?.findings), "shard 1");
});

Deno.test("a shard that is interrupted is named, and ends the run at the next barrier", async () => {
  const { ends, endsMs, run, code } = await runMerged(
    { ...SUSTAINED, scenarios: ["sustained", "mixed"] },
    sound(3).with(2, { interruptedMs: IN_LOAD_MS }),
  );
  assertStringIncludes(ends[0] ?? "", "shard 2: this shard was interrupted");
  assertStringIncludes(ends[1] ?? "", "shard 2: this shard was interrupted");
  assertStringIncludes(ends[2] ?? "", "interrupted");
  assertLess(Math.max(...endsMs), IN_LOAD_MS + START_TIMEOUT_MS);
  assertEquals(code, 3);
  const [result] = run.results;
  assertEquals(result?.verdict, "INVALID");
  assertEquals(result?.findings, [
    { kind: "incomplete load", text: "shard 2 was interrupted" },
  ]);
  assertGreater(result?.goodRequests ?? 0, 533);
});

Deno.test("a shard whose client was the limit is named, and the load INVALID", async () => {
  const calibrated = (ceilingRequestsPerSec: number) => ({
    calibration: { ...QUICK_CLIENT, ceilingRequestsPerSec },
  });
  const { run, code } = await runMerged(
    SUSTAINED,
    [1e4, 1e4, 11, 1e4].map(calibrated),
  );
  const [result] = run.results;
  assertEquals([result?.verdict, code], ["INVALID", 3]);
  assertEquals(result?.findings.map(({ kind }) => kind), ["client limit"]);
  assertStringIncludes(
    result?.findings[0]?.text ?? "",
    "shard 2: 10 requests/s is 91 % of the most that the client sends",
  );
  assertEquals(
    run.calibration.map((one) => one.ceilingRequestsPerSec),
    [1e4, 1e4, 11, 1e4],
  );
});

Deno.test("a shard whose clock is a second off is named, and the load INVALID", async () => {
  for (const aheadMs of [1_000, -1_000]) {
    for (const shard of [1, 3]) {
      const faults = sound(4).with(shard, { aheadMs });
      const { ends, run, code } = await runMerged(SUSTAINED, faults);
      assertEquals(ends, [null, null, null, null]);
      const [result] = run.results;
      assertEquals([result?.verdict, code], ["INVALID", 3]);
      assertEquals(result?.findings.length, 1);
      assertStringIncludes(
        result?.findings[0]?.text ?? "",
        `shard ${shard}: its clock was ${aheadMs > 0 ? "" : "-"}`,
      );
    }
  }
});

Deno.test("a clock that is a few milliseconds off, as clocks of one network are, is no fault", async () => {
  const faults = [{ aheadMs: 3 }, {}, { aheadMs: -4 }, { aheadMs: 1 }];
  const { run, code } = await runMerged(SUSTAINED, faults);
  assertEquals([run.results[0]?.verdict, code], ["PASS", 0]);
});

Deno.test("a shard of another version or with other options is refused, and ends the run", async () => {
  for (
    const fault of [
      { toolVersion: "u" },
      { options: { durationSeconds: 21 } },
    ]
  ) {
    const { ends, run, code } = await runMerged(
      SUSTAINED,
      sound(3).with(1, fault),
    );
    const what = "toolVersion" in fault ? "toolVersion" : "durationSeconds";
    assertStringIncludes(
      ends[1] ?? "",
      "it was started otherwise than shard 0",
    );
    for (const end of ends) {
      assertStringIncludes(end ?? "", `${what}: `);
    }
    assertEquals([run.results[0]?.verdict, code], ["INVALID", 3]);
    assertStringIncludes(
      JSON.stringify(run.results[0]?.findings),
      `shard 1: this shard refused the plan: ${what}`,
    );
  }
});

Deno.test("a server that dies under a shared load ends the run, and the shard that saw it is named", async () => {
  const { ends, run, code } = await runMerged(
    { ...SUSTAINED, scenarios: ["sustained", "mixed"] },
    sound(2),
    { faults: ["crash#600"] },
  );
  for (const end of ends) assertStringIncludes(end ?? "", "the server died");
  const [sustained, mixed] = run.results;
  assertEquals([sustained?.verdict, mixed?.verdict], ["FAIL", "INVALID"]);
  assertEquals(code, 1);
  assertStringIncludes(
    JSON.stringify(sustained?.findings),
    "shard 0: the engine crashed",
  );
});

Deno.test("references that are missing send no load, and say why once", async () => {
  const { ends, run, code } = await runMerged(
    SUSTAINED,
    sound(3),
    { faults: ["status=503@100%"] },
  );
  assertEquals([ends, code], [[null, null, null], 1]);
  const [result] = run.results;
  assertEquals(result?.plannedRequests, 0);
  assertEquals(result?.findings.length, 1);
  assertStringIncludes(
    result?.findings[0]?.text ?? "",
    "without references no load was sent",
  );
});
