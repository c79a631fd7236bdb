import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parseStressRun, stringifyStressRun } from "../../lib/stress/file.ts";
import { stressExitCode } from "../../lib/stress/run.ts";
import { partOf } from "../support/example_stress.ts";
import {
  findingsOf,
  runVirtualStress,
  SIX_TOKENS,
} from "../support/virtual_stress.ts";

/** References are 2 x 32 requests, so that this one is in the middle of the load of 200. */
const IN_LOAD = 160;

interface Case {
  readonly fault: string;
  readonly verdict: "PASS" | "FAIL";
  readonly findings: readonly string[];
  readonly failures: readonly string[];
  readonly notes?: readonly string[];
  /** What the first error, or else the last finding, says. */
  readonly text: string;
}

const mismatch = { verdict: "FAIL", findings: ["failed requests"] } as const;

const FAULTS: readonly Case[] = [
  {
    fault: `swap-rows#${IN_LOAD}`,
    ...mismatch,
    failures: ["mismatch"],
    text: "row 0 holds the scores of row 15",
  },
  {
    fault: `off=2#${IN_LOAD}`,
    ...mismatch,
    failures: ["mismatch"],
    text: "% off",
  },
  {
    fault: `other-answer#${IN_LOAD}`,
    ...mismatch,
    failures: ["mismatch"],
    text: "the answer is that of another request",
  },
  {
    fault: `status=503#${IN_LOAD}`,
    ...mismatch,
    failures: ["http-status"],
    text: "status 503",
  },
  {
    fault: `missing-row#${IN_LOAD}`,
    ...mismatch,
    failures: ["invalid-shape"],
    text: "15 rows for 16 items",
  },
  {
    fault: `hang#${IN_LOAD}`,
    ...mismatch,
    failures: ["timeout"],
    text: "timeout",
  },
  {
    fault: `stall=1500#${IN_LOAD}`,
    verdict: "PASS",
    findings: [],
    failures: [],
    notes: ["Stall"],
    text: "",
  },
  {
    fault: `drift=20#264`,
    verdict: "FAIL",
    findings: ["latency drift"],
    failures: [],
    text: "latency rose by",
  },
  {
    fault: "leak=4",
    verdict: "FAIL",
    // The resident memory, and the pool of the KV cache.
    findings: ["memory leak", "memory leak"],
    failures: [],
    text: "KV cache tokens lost rose by",
  },
  {
    fault: `crash#${IN_LOAD}`,
    verdict: "FAIL",
    findings: ["failed requests", "server died"],
    failures: ["connect", "reset"],
    text: "reset",
  },
];

for (const { fault, ...expected } of FAULTS) {
  Deno.test(`runStress() finds the fault ${fault} by its name`, async () => {
    const end = await runVirtualStress({ arrival: "constant" }, {
      faults: [fault],
    });
    const [result] = end.run.results;
    assertEquals({ verdict: result?.verdict, ...findingsOf(result) }, {
      verdict: expected.verdict,
      findings: [...expected.findings],
      failures: [...expected.failures],
      notes: [...expected.notes ?? []],
    });
    assertStringIncludes(
      result?.errors[0] ?? result?.findings.at(-1)?.text ?? "",
      expected.text,
    );
    assertEquals(stressExitCode(end), expected.verdict === "FAIL" ? 1 : 0);
  });
}

Deno.test("runStress() finds a leak by the resident memory, and how large it was", async () => {
  const { run } = await runVirtualStress({}, { faults: ["leak=30"] });
  const [result] = run.results;
  assertStringIncludes(
    result?.findings[0]?.text ?? "",
    "resident memory rose by",
  );
  const memory = result?.health?.checks.find(({ watched }) =>
    watched === "resident memory"
  );
  // 30 MiB a second for the three quarters of 20 s that are looked at.
  const grownMiB = (memory?.trend?.change ?? 0) / 2 ** 20;
  assertGreater(grownMiB, 400);
  assertLess(grownMiB, 470);
});

Deno.test("runStress() shows a stall in the p99 from the plan and in no place hides it", async () => {
  const quiet = await runVirtualStress({});
  const stalled = await runVirtualStress({}, {
    faults: [`stall=1500#${IN_LOAD}`],
  });
  const p99 = (end: typeof quiet) => end.run.results[0]?.latency?.p99Ms ?? 0;
  assertLess(p99(quiet), 100);
  assertGreater(p99(stalled), 1000);
  assertGreater(
    stalled.run.results[0]?.health?.standstill.durationMs ?? 0,
    1500,
  );
  // Sends went on at the planned times.
  assertEquals(stalled.run.results[0]?.lag?.maxMs, 0);
});

Deno.test("runStress() finds one swapped row in 1,000 answers of a closed load", async () => {
  const end = await runVirtualStress({
    scenarios: ["concurrent"],
    durationSeconds: 5,
    data: SIX_TOKENS,
  }, { faults: ["swap-rows#700"] });
  const [result] = end.run.results;
  assertGreater(result?.goodRequests ?? 0, 999);
  assertEquals(result?.failedRequests, 1);
  assertEquals(findingsOf(result).failures, ["mismatch"]);
});

Deno.test("runStress() tells a reference that is wrong once from a load that is wrong", async () => {
  const end = await runVirtualStress({ scenarios: ["large-batch"] }, {
    faults: ["off=2#1"],
  });
  const [first, second] = end.run.results;
  assertEquals(findingsOf(first).failures, ["mismatch"]);
  assertEquals(first?.failedRequests, 0);
  assertStringIncludes(
    first?.findings[0]?.text ?? "",
    "alone, before the load",
  );
  assertEquals(second?.verdict, "PASS");
});

Deno.test("runStress() counts an answer after the deadline as one failure", async () => {
  const end = await runVirtualStress({
    scenarios: ["large-batch"],
    batchSizes: [50],
    iterations: 3,
    timeoutMs: 400,
  }, { faults: ["slow=1000#8"] });
  const [result] = end.run.results;
  assertEquals([result?.goodRequests, result?.failedRequests], [2, 1]);
  assertEquals(findingsOf(result).failures, ["timeout"]);
});

Deno.test("runStress() starts a dead server again for the next load", async () => {
  const end = await runVirtualStress({
    scenarios: ["large-batch", "sustained"],
    batchSizes: [50],
    durationSeconds: 5,
  }, { faults: ["crash#5"] });
  assertEquals(end.run.results.map(({ verdict }) => verdict), ["FAIL", "PASS"]);
  assertEquals(end.fatal, null);
});

Deno.test("runStress() ramps up to the capacity of the engine and bisects", async () => {
  // Ten items of 5 ms: 40 ms a request and no gain from batches, so 25 requests a second at most.
  const end = await runVirtualStress({
    scenarios: ["ramp"],
    ratePerSec: 4,
    durationSeconds: 200,
    arrival: "constant",
    slo: "p99<1s,errors<0.1%",
  }, {
    ...{ fixedMs: 0, perTokenMs: 0, perLabelMs: 0, perItemMs: 5 },
    ...{ compileMs: 0, noise: 0 },
  });
  const [result] = end.run.results;
  const held = partOf(result, "ramp").steps.filter(({ verdict }) =>
    verdict === "held"
  );
  const highest = Math.max(...held.map(({ load }) => load));
  assertGreater(highest, 25 / 1.1);
  assertLess(highest, 25 * 1.05);
  assertEquals(result?.verdict, "PASS");
  assertStringIncludes(result?.notes[0] ?? "", "Highest load that holds: 2");
});

Deno.test("runStress() sends each load of a ladder once, also after one that broke", async () => {
  const ladder = [10, 40, 20];
  const { run } = await runVirtualStress({
    ...{ scenarios: ["ramp"], ladder, durationSeconds: 100 },
    ...{ arrival: "constant", slo: "p99<1s,errors<0.1%" },
  }, {
    ...{ fixedMs: 0, perTokenMs: 0, perLabelMs: 0, perItemMs: 5 },
    ...{ compileMs: 0, noise: 0 },
  });
  const [result] = run.results;
  const { steps } = partOf(result, "ramp");
  assertEquals(steps.map(({ load }) => load), ladder);
  assertEquals(
    steps.map(({ verdict }) => verdict),
    ["held", "broke", "held"],
  );
  assertEquals(result?.plannedRequests, 20 * (10 + 40 + 20));
  assertStringIncludes(
    result?.notes[0] ?? "",
    "Highest load that holds: 20 requests/s; 40 do not",
  );
});

Deno.test("runStress() fails a ramp whose first load breaks the objectives", async () => {
  const end = await runVirtualStress({ scenarios: ["ramp"], slo: "p50<1ms" });
  assertEquals(findingsOf(end.run.results[0]).findings, ["objective broken"]);
});

Deno.test("runStress() lists each kind of failure of a ramp once", async () => {
  const { run } = await runVirtualStress({
    scenarios: ["ramp"],
    durationSeconds: 5,
    arrival: "constant",
    timeoutMs: 200,
    data: SIX_TOKENS,
  }, { perItemMs: 5, compileMs: 0 });
  const [result] = run.results;
  assertEquals(result?.failures.map(({ outcome }) => outcome), ["timeout"]);
  assertEquals(result?.failures[0]?.count, result?.failedRequests);
  // More than one load had them.
  const failing = partOf(result, "ramp").steps.filter(({ errorShare }) =>
    errorShare !== 0
  );
  assertGreater(failing?.length ?? 0, 1);
});

Deno.test("runStress() reports what a kill cost and the state after it", async () => {
  const end = await runVirtualStress({
    scenarios: ["recovery"],
    durationSeconds: 10,
    arrival: "constant",
  });
  const [result] = end.run.results;
  assertEquals(result?.verdict, "PASS");
  const recovery = partOf(result, "recovery");
  // One second at 10 requests/s goes to a server that is gone.
  assertGreater(recovery.failedRequests, 8);
  assertLess(recovery.failedRequests, 12);
  assertGreater(recovery.firstRightAnswerMs ?? 0, 1000);
  assert(recovery.before !== null && recovery.after !== null);
});

Deno.test("runStress() finds that a server accepts poison, and that one dies of it", async () => {
  const lethal = await runVirtualStress({
    scenarios: ["poison"],
    allowLethal: true,
  });
  const [result] = lethal.run.results;
  assertEquals(
    partOf(result, "poison").requests.filter(({ fault }) => fault !== "").map((
      { name },
    ) => name),
    [
      "a negative label id",
      "an empty prompt",
      "a negative token id",
      "a token id outside int32",
    ],
  );
  assertEquals(new Set(findingsOf(result).findings), new Set(["server died"]));
});

Deno.test("runStress() shows what a load does to small requests beside it", async () => {
  const end = await runVirtualStress({
    scenarios: ["mixed"],
    durationSeconds: 10,
  });
  const probes = partOf(end.run.results[0], "mixed");
  assertGreater(probes.underLoad?.p50Ms ?? 0, probes.alone?.p50Ms ?? 0);
  assertEquals(probes.failedRequests, 0);
});

Deno.test("runStress() keeps a record after each load that can be read back", async () => {
  const { run, saved } = await runVirtualStress({
    scenarios: ["large-batch", "sustained", "poison"],
    durationSeconds: 15,
  });
  assertEquals(saved.map(({ results }) => results.length), [1, 2, 3, 4, 5, 5]);
  assertEquals(
    saved.map(({ metadata }) => metadata.interrupted),
    [true, true, true, true, false, false],
  );
  assertEquals(parseStressRun(stringifyStressRun(run)), run);
});

Deno.test("runStress() notes that the clients of a closed load were not always busy", async () => {
  const notes = async (connectMs: number) => {
    const end = await runVirtualStress(
      {
        scenarios: ["concurrent", "mixed"],
        durationSeconds: 5,
        data: SIX_TOKENS,
      },
      {},
      { connectMs },
    );
    return end.run.results.map(({ notes }) =>
      notes.map((note) => note.slice(0, 43))
    );
  };
  assertEquals(await notes(0), [[], []]);
  const doubt = "Requests/s x mean latency / connections is ";
  assertEquals(await notes(20), [[doubt], [doubt]]);
});

/** The client could send much more than the loads below ask for. */
const QUICK_CLIENT = {
  ...{ clients: 1, requestBytes: 300, answerBytes: 80 },
  ...{ addedP50Ms: 0.2, addedP99Ms: 1 },
  ...{ ceilingRequestsPerSec: 20_000, closedLoopRatio: 1 },
};

Deno.test("runStress() blames a server that accepts connections late, not a client that could send more", async () => {
  const run = async (calibration?: typeof QUICK_CLIENT) => {
    const end = await runVirtualStress(
      {
        scenarios: ["sustained", "ramp"],
        durationSeconds: 10,
        ratePerSec: 20,
        arrival: "constant",
        data: SIX_TOKENS,
        slo: "p99<20ms",
      },
      {},
      {
        connectMs: 50,
        ...calibration === undefined ? {} : { calibration },
      },
    );
    return end.run.results.map((result) => ({
      verdict: result.verdict,
      findings: findingsOf(result).findings,
      claimsRate: result.reachedPerSec !== null,
      steps: result.part?.scenario === "ramp"
        ? result.part.steps.map(({ verdict }) => verdict)
        : [],
      note: result.notes[0]?.slice(0, 50),
    }));
  };
  assertEquals(await run(QUICK_CLIENT), [{
    ...{ verdict: "PASS", findings: [], claimsRate: true, steps: [] },
    note: "200 of 200 requests were sent more than 10 ms late",
  }, {
    ...{ verdict: "FAIL", findings: ["objective broken"], claimsRate: true },
    ...{ steps: ["broke"], note: "No load held" },
  }]);
  const slowClient = { ...QUICK_CLIENT, ceilingRequestsPerSec: 39 };
  for (const calibration of [slowClient, undefined]) {
    const results = await run(calibration);
    assertEquals<unknown>(
      results.map(({ note: _, ...result }) => result),
      [[], ["client"]].map((steps) => ({
        ...{ verdict: "INVALID", findings: ["client limit"], steps },
        claimsRate: false,
      })),
    );
  }
});

Deno.test("runStress() holds no load that was not reached, and says how long its steps took", async () => {
  // Ten a second at most, and latencies that no objective limits.
  const end = await runVirtualStress({
    scenarios: ["ramp"],
    ratePerSec: 4,
    durationSeconds: 50,
    arrival: "constant",
    slo: "errors<50%",
    timeoutMs: 60_000,
  }, {
    ...{ fixedMs: 0, perTokenMs: 0, perLabelMs: 0, perItemMs: 12.5 },
    ...{ compileMs: 0, noise: 0 },
  });
  const [result] = end.run.results;
  const broke = partOf(result, "ramp").steps.find(({ verdict }) =>
    verdict === "broke"
  );
  assertMatch(
    broke?.reason ?? "",
    /^10\.0 of 16\.0 requests\/s reached: a queue grows$/,
  );
  const held = partOf(result, "ramp").steps.filter(({ verdict }) =>
    verdict === "held"
  );
  assertLess(Math.max(...held.map(({ load }) => load)), 12);
  assertStringIncludes(
    result?.notes[1] ?? "",
    "Steps: 10 s each, or 30 requests where that takes longer",
  );
});
