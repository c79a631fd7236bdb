import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { LoadObserver } from "../../lib/load/observer.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import type { Outcome } from "../../lib/outcome.ts";
import type { Target } from "../../lib/server/open.ts";
import { StressContext } from "../../lib/stress/context.ts";
import { runMixed } from "../../lib/stress/mixed.ts";
import { runRecovery } from "../../lib/stress/recovery.ts";
import { loadSteps, scenarioShapes } from "../../lib/stress/scenarios.ts";
import { partOf } from "../support/example_stress.ts";
import {
  runVirtualStress,
  SHORT_OPTIONS,
  SIX_TOKENS,
} from "../support/virtual_stress.ts";

type Request = readonly [doneMs: number, outcome: Outcome];

function samplesOf(requests: readonly Request[]) {
  const observer = new LoadObserver(0);
  const recorder = new SampleRecorder((request, message) =>
    observer.observe(request, message)
  );
  for (const [doneMs, outcome] of requests) {
    const times = { plannedMs: doneMs, sentMs: doneMs, doneMs };
    recorder.end(
      recorder.plan(doneMs),
      { ...times, outcome },
      `${outcome} at ${doneMs}`,
    );
  }
  const isWrong = requests.some(([, outcome]) => outcome === "mismatch");
  const relative = isWrong ? 0.02 : 0;
  const deviation = { absolute: relative, relative, share: 2 * relative };
  return { ...recorder.finish(), observed: observer.finish(deviation, []) };
}

/** A server whose answers are right but for the given scores after its restart; loads come to what is given. */
function contextOf(
  loads: readonly (readonly Request[])[],
  { probes = [], wrongAsks = 0 }: {
    readonly probes?: readonly Request[];
    readonly wrongAsks?: number;
  } = {},
): StressContext {
  let nowMs = 0;
  let wrong = 0;
  const left = [...loads];
  const target: Target = {
    kind: "launched",
    endpoint: {
      url: "http://made-up",
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    server: {
      model: "m",
      dtype: "float32",
      tpSize: null,
      version: null,
      hardware: "h",
      info: null,
    },
    identify: () => Promise.reject(new Error("not asked")),
    death: () => Promise.resolve(null),
    started: { pid: null, kill: () => Promise.resolve() },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const generator = (next: () => readonly Request[]) => ({
    run: () => Promise.resolve(samplesOf(next())),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  return new StressContext(SHORT_OPTIONS, {
    openTarget: () => {
      wrong = wrongAsks;
      return Promise.resolve(target);
    },
    load: generator(() => left.shift() ?? []),
    startProbes: () => generator(() => probes),
    calibrate: () => Promise.resolve(null),
    connect: () => ({
      send: ({ body }) => {
        const { items, "label_token_ids": labels } = JSON.parse(
          new TextDecoder().decode(body ?? undefined) || "{}",
        );
        const lift = wrong-- > 0 ? 0.1 : 0;
        const row = labels?.map((_: number, i: number) =>
          1 / labels.length + (i === 0 ? lift : i === 1 ? -lift : 0)
        );
        return Promise.resolve({
          kind: "answer",
          status: 200,
          headers: new Map(),
          body: new TextEncoder().encode(
            JSON.stringify({ scores: items?.map(() => row) }),
          ),
          sentMs: nowMs,
          doneMs: nowMs,
          retries: 0,
        });
      },
      close: () => {},
    }),
    watch: () => {
      throw new Error("No watch was expected");
    },
    sleep: (durationMs) => {
      nowMs += durationMs;
      return Promise.resolve();
    },
    onProgress: () => {},
    now: () => nowMs,
    signal: new AbortController().signal,
  }, { target, startMs: 0 });
}

Deno.test("runStress() finds a wrong score before the kill of recovery by its name, with its deviation", async () => {
  // 64 references, and ten a second until the kill.
  const { run } = await runVirtualStress({
    scenarios: ["recovery"],
    durationSeconds: 10,
    arrival: "constant",
  }, { faults: ["off=2#80"] });
  const [result] = run.results;
  assertEquals(result?.verdict, "FAIL");
  assertEquals(
    result?.failures.map(({ outcome, count }) => [outcome, count]),
    [["mismatch", 1]],
  );
  assertEquals(result?.failedRequests, 1);
  assertStringIncludes(result?.failures[0]?.example ?? "", "% off");
  assertStringIncludes(result?.errors[0] ?? "", "mismatch: ");
  assertGreater(result?.truth.underLoad?.relative ?? 0, 0.015);
  assertStringIncludes(
    result?.findings[0]?.text ?? "",
    "of the load with the kill, 1 of ",
  );
  // What the kill cost stands apart.
  const { failures, failedRequests } = partOf(result, "recovery");
  assertEquals(
    failures.reduce((sum, { count }) => sum + count, 0),
    failedRequests,
  );
  assertGreater(failedRequests ?? 0, 8);
  // The seconds of both loads, the second after the first.
  const starts = result?.timeline.map(({ startMs }) => startMs) ?? [];
  assertEquals(starts.toSorted((a, b) => a - b), starts);
  assertGreater(starts.at(-1) ?? 0, 9_000);
});

Deno.test("runRecovery() expects lost connections from the kill on, and no wrong answer at any time", async () => {
  // SHORT_OPTIONS last 20 s, so that the kill comes after 10 s.
  const result = await runRecovery(contextOf([
    [
      [100, "ok"],
      [200, "reset"],
      [9_999, "mismatch"],
      [10_000, "reset"],
      [10_001, "connect"],
      [10_002, "connect"],
      [10_003, "truncated"],
      [10_004, "timeout"],
      [10_005, "invalid-shape"],
      [10_006, "mismatch"],
      [10_007, "aborted"],
    ],
    [[12_000, "ok"], [12_100, "http-status"]],
  ], { wrongAsks: 2 }));
  const counts = (failures: typeof result.failures | undefined) =>
    failures?.map(({ outcome, count, example }) => [outcome, count, example]);
  const [mismatch, ...others] = counts(result.failures) ?? [];
  // Two under the load, two of the server that was started again.
  assertEquals(mismatch, ["mismatch", 4, "mismatch at 9999"]);
  assertEquals(others, [
    ["reset", 1, "reset at 200"],
    ["invalid-shape", 1, "invalid-shape at 10005"],
    ["http-status", 1, "http-status at 12100"],
  ]);
  assertEquals(counts(partOf(result, "recovery").failures), [
    ["connect", 2, "connect at 10001"],
    ["reset", 1, "reset at 200"],
    ["truncated", 1, "truncated at 10003"],
    ["timeout", 1, "timeout at 10004"],
  ]);
  assertEquals(partOf(result, "recovery").failedRequests, 5);
  assertEquals([result.goodRequests, result.failedRequests], [2, 7]);
  assertEquals(result.findings.map(({ text }) => text.split(":")[0]), [
    "of the load with the kill, 4 of 5 requests failed",
    "after the restart, 2 x mismatch",
    "1 of 2 requests failed",
  ]);
  assertEquals(result.errors.slice(0, 4), [
    "reset: reset at 200",
    "mismatch: mismatch at 9999",
    "mismatch: mismatch at 10006",
    "invalid-shape: invalid-shape at 10005",
  ]);
  // Of the asks: 0.35 for 0.25.
  assertEquals(result.truth.underLoad?.absolute.toFixed(2), "0.10");
});

Deno.test("runStress() keeps the failures of poison by kind, and counts each request that was sent once", async () => {
  const { run } = await runVirtualStress({
    scenarios: ["poison"],
    allowLethal: true,
  });
  const [result] = run.results;
  assertEquals(
    result?.failures.map(({ outcome, count }) => [outcome, count]),
    [["reset", 4]],
  );
  assertStringIncludes(
    result?.failures[0]?.example ?? "",
    "a negative label id: the engine crashed",
  );
  assertEquals(result?.errors.length, 4);
  assertEquals(result?.failedRequests, 4);
  // Each bad request that was refused is followed by a good one.
  const records = partOf(result, "poison").requests.length;
  assertEquals(result?.goodRequests, 2 * (records - 4));
  assertEquals(result?.truth.underLoad?.share, 0);
});

Deno.test("runMixed() counts the failures of the probes among its own, and names them", async () => {
  const context = contextOf([[[100, "ok"], [200, "mismatch"]]], {
    probes: [[100, "ok"], [600, "ok"], [1100, "timeout"]],
  });
  const result = await runMixed(context);
  assertEquals([result.goodRequests, result.failedRequests], [3, 2]);
  assertEquals(result.plannedRequests, 5);
  assertEquals(result.failures, [
    { outcome: "mismatch", count: 1, example: "mismatch at 200" },
    {
      outcome: "timeout",
      count: 1,
      example: "of a probe: timeout at 1100",
    },
  ]);
  assertEquals(result.errors, [
    "mismatch: mismatch at 200",
    "of a probe: timeout: timeout at 1100",
  ]);
  assertEquals(
    result.findings.at(-1)?.text,
    "of the probes, 1 of 67 requests failed: 1 x timeout",
  );
  assertEquals(partOf(result, "mixed").failedRequests, 1);
});

Deno.test("loadSteps() and scenarioShapes() give no two requests in flight the same payload", () => {
  const options = { ...SHORT_OPTIONS, concurrency: null };
  const payloads = (
    scenario: "sustained" | "mixed" | "concurrent",
    changes: Partial<typeof SHORT_OPTIONS>,
  ) =>
    loadSteps(scenario, { ...options, ...changes }, "m")[0]?.shapes
      .map((shape) => shape.payloads);
  assertEquals(payloads("sustained", { ratePerSec: 10 }), [32]);
  assertEquals(payloads("sustained", { ratePerSec: 50 }), [100]);
  assertEquals(payloads("sustained", { ratePerSec: 1000 }), [256]);
  assertEquals(payloads("concurrent", { concurrency: [40] }), [80]);
  // Weights of 8, 4, 2 and 1.
  assertEquals(payloads("mixed", {}), [9, 8, 8, 8]);
  assertEquals(payloads("mixed", { concurrency: [60] }), [64, 32, 16, 8]);
  assertEquals(payloads("mixed", { concurrency: [900] }), [137, 69, 35, 18]);
  const single = (scenario: "ramp" | "recovery", ratePerSec: number) =>
    scenarioShapes(scenario, { ...options, ratePerSec }, "m")[0]?.payloads;
  assertEquals(single("ramp", 10), 256);
  assertEquals([single("recovery", 10), single("recovery", 20.1)], [32, 41]);
});

Deno.test("runStress() judges the health of a server by every load of a minute, and by no shorter one but sustained", async () => {
  const judged = async (
    scenario: "concurrent" | "mixed" | "recovery" | "sustained",
    durationSeconds: number,
  ) => {
    const { run } = await runVirtualStress({
      scenarios: [scenario],
      durationSeconds,
      concurrency: [1],
      ratePerSec: 1,
      data: SIX_TOKENS,
      // Slow, so that the answers of a minute are soon computed.
    }, { fixedMs: 400 });
    return run.results[0]?.health?.checks.map(({ watched, unobserved }) =>
      unobserved === null ? watched : unobserved
    ) ?? null;
  };
  const watched = [
    "latency",
    "resident memory",
    "KV cache tokens lost",
    "queued requests",
  ];
  assertEquals(await judged("concurrent", 60), watched);
  assertEquals(await judged("concurrent", 59), null);
  assertEquals(await judged("mixed", 60), watched);
  assertEquals(await judged("mixed", 59), null);
  // Half of it comes after the restart.
  assertEquals(await judged("recovery", 120), watched);
  assertEquals(await judged("recovery", 119), null);
  assertEquals(await judged("sustained", 40), watched);
});
