import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { renderStressRun } from "../../lib/report/stress/text.ts";
import { parseStressRun, stringifyStressRun } from "../../lib/stress/file.ts";
import {
  describeProgress,
  startProgressLog,
} from "../../lib/stress/progress.ts";
import { specifiedResult, type StressResult } from "../../lib/stress/record.ts";
import { loadSteps } from "../../lib/stress/scenarios.ts";
import { exampleLoad, exampleStressRun } from "../support/example_stress.ts";
import { SHORT_OPTIONS } from "../support/virtual_stress.ts";

Deno.test("parseStressRun() reads what stringifyStressRun() wrote", () => {
  const run = exampleStressRun();
  assertEquals(parseStressRun(stringifyStressRun(run)), run);
});

Deno.test("parseStressRun() names the place that is wrong", () => {
  const wrong = (change: Record<string, unknown>) =>
    assertThrows(
      () =>
        parseStressRun(JSON.stringify({ ...exampleStressRun(), ...change })),
      SyntaxError,
    ).message;
  assertStringIncludes(wrong({ schema: 1 }), "at schema");
  assertStringIncludes(wrong({ kind: "bench" }), "at kind");
  const [first] = exampleStressRun().results;
  assertStringIncludes(
    wrong({ results: [{ ...first, verdict: "GOOD" }] }),
    "at results.0.verdict",
  );
  assertThrows(
    () => parseStressRun("{"),
    SyntaxError,
    "a stress record of schema 2 was expected, not JSON",
  );
});

Deno.test("parseStressRun() bounds names, texts, loads and what a server said of itself", () => {
  const run = exampleStressRun();
  const [load] = run.results;
  const refuse = (changed: string, text: string) =>
    assertThrows(() => parseStressRun(changed), SyntaxError, text);
  const withLoad = (changes: Partial<StressResult>) =>
    JSON.stringify({ ...run, results: [{ ...load, ...changes }] });
  const long = "m".repeat(5_000_000);
  const depth = 100_000;
  const deep = "[".repeat(depth) + "]".repeat(depth);
  const server = {
    ...{ model: "m", dtype: "d", tpSize: null, version: null },
    ...{ hardware: "h", info: { "x": "deep" } },
  };
  const serving = JSON.stringify({
    ...run,
    metadata: { ...run.metadata, server },
  });
  assertEquals(parseStressRun(serving).metadata.server, server);
  refuse(
    serving.replace('"deep"', deep),
    "at metadata.server.info: at most 16 levels were expected",
  );
  refuse(
    serving.replace('"model":"m"', `"model":"${long}"`),
    "a name of at most 2000 characters was expected",
  );
  refuse(withLoad({ configuration: long }), "at results.0.configuration");
  refuse(withLoad({ errors: [long] }), "at results.0.errors.0: a text of at");
  refuse(withLoad({ durationMs: 1e308 }), "at results.0.durationMs");
  refuse(
    JSON.stringify({
      ...run,
      results: Array.from({ length: 10_001 }, () => load),
    }),
    "at most 10000 loads were expected",
  );
});

Deno.test("specifiedResult() passes a load only by its verdict", () => {
  assertEquals(specifiedResult(exampleLoad()).success, true);
  for (const verdict of ["FAIL", "INVALID", "INTERRUPTED"] as const) {
    assertEquals(specifiedResult(exampleLoad({ verdict })).success, false);
  }
  const result = specifiedResult(
    exampleLoad({ goodRequests: 90, failedRequests: 10, latency: null }),
  );
  assertEquals(
    [
      result["total_requests"],
      result["successful_requests"],
      result["latency_p99_ms"],
    ],
    [100, 90, null],
  );
});

Deno.test("renderStressRun() prints the specification's form, escaped, and says what was not observed", () => {
  const trend = {
    ...{ count: 20, spanMs: 19_000, median: 10, change: 2, pRise: 1e-5 },
    interval: [1, 3] as const,
    ...{ autocorrelation: 0, firstQuarter: 9, lastQuarter: 11 },
  };
  const text = renderStressRun(
    exampleStressRun({
      results: [exampleLoad({
        verdict: "FAIL",
        goodRequests: 2999,
        failedRequests: 1,
        failures: [{ outcome: "mismatch", count: 1, example: "e" }],
        errors: ["mismatch: \x1b[31mred"],
        findings: [{ kind: "latency drift", text: "latency rose" }],
        health: {
          checks: [
            {
              watched: "latency",
              unit: "ms",
              unobserved: null,
              trend,
              grew: true,
            },
            {
              watched: "resident memory",
              unit: "bytes",
              unobserved: "no process is known",
              trend: null,
              grew: false,
            },
            {
              watched: "queued requests",
              unit: "requests",
              unobserved: null,
              trend,
              grew: true,
            },
          ],
          standstill: { startMs: 0, durationMs: 0 },
          isStall: false,
        },
      })],
    }),
    100,
  );
  for (
    const part of [
      "SUSTAINED - ",
      "  Status: FAIL",
      "  Requests: 2999/3000 successful",
      "  Errors (1): 1 x mismatch",
      "  Finding: latency drift: latency rose",
      "  Change of latency: 2.00 ms in 19 s (99 %: 1.00 ms to 3.00 ms",
      "  Change of resident memory: unobserved (no process is known)",
      "  Change of queued requests: 2 requests in 19 s (99 %: 1 requests",
      "0 passed, 1 FAILED",
    ]
  ) {
    assertStringIncludes(text, part);
  }
  assertEquals(text.includes("\x1b"), false);
});

Deno.test("describeProgress() tells the rate asked and reached, what is in flight, and the failures", () => {
  const [step] = loadSteps("sustained", SHORT_OPTIONS, "m");
  if (step === undefined) throw new Error("A load was expected");
  assertStringIncludes(describeProgress(step, null), "scoring each payload");
  const pulse = { ratePerSec: 4.5, p50Ms: 7, p99Ms: null };
  assertEquals(
    describeProgress(step, {
      planned: 12,
      done: 10,
      failed: 3,
      pulses: [pulse, { ...pulse, p50Ms: 8 }],
    }),
    `${step.configuration}: 9.0 of 10/s, 3 of 10 failed, p50 8.0 p99 - ms, 2 in flight`,
  );
});

Deno.test("describeProgress() counts requests where nobody watches the seconds", () => {
  const [step] = loadSteps("sustained", SHORT_OPTIONS, "m");
  if (step === undefined) throw new Error("A load was expected");
  assertEquals(
    describeProgress(step, { planned: 14, done: 3, failed: 1, pulses: [] }),
    `${step.configuration}: 3 of 14 requests done, 1 failed`,
  );
});

Deno.test("startProgressLog() says the last text at least every ten seconds, also while nothing is heard, until it is disposed of", () => {
  let nowMs = 0;
  let tasks: { run: () => void; intervalMs: number }[] = [];
  const said: string[] = [];
  const pass = (seconds: number) => {
    for (let i = 0; i < 10 * seconds; i++) {
      nowMs += 100;
      for (const { run, intervalMs } of tasks) {
        if (nowMs % intervalMs === 0) run();
      }
    }
  };
  {
    using log = startProgressLog({
      note: (text) => said.push(`${nowMs / 1000} ${text}`),
      now: () => nowMs,
      every: (run, intervalMs) => {
        tasks.push({ run, intervalMs });
        return () => tasks = [];
      },
    });
    pass(12);
    log.hear("references");
    pass(5);
    log.hear("a load");
    pass(5);
    log.hear("the load goes on");
    pass(20);
  }
  const times = said.map((line) => Number(line.split(" ")[0]));
  assertEquals(said, [
    "12 references",
    "21 a load",
    "30 the load goes on",
    "39 the load goes on",
  ]);
  assertEquals(
    times.slice(1).filter((time, i) => time - (times[i] ?? 0) > 10),
    [],
  );
  assertEquals(tasks, []);
});
