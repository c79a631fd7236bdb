/** A made-up stress run for tests: a load with failures in its middle, and a ramp with a knee. */
import { assertEquals } from "@std/assert";
import type { TimelineRow } from "../../lib/load/timeline.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";
import type {
  RampStep,
  ScenarioPart,
  StressResult,
  StressRun,
} from "../../lib/stress/record.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

const LATENCY = { meanMs: 52, p50Ms: 50, p95Ms: 70, p99Ms: 90, maxMs: 400 };

/** A load that passed. */
export function exampleLoad(changes: Partial<StressResult> = {}): StressResult {
  return {
    scenario: "sustained",
    configuration: "10 requests/s for 300 s",
    sent: "16 items x 4 labels x 246 bytes (32 payloads in turn)",
    verdict: "PASS",
    findings: [],
    notes: [],
    startMs: 0,
    durationMs: 300_000,
    plannedRequests: 3000,
    goodRequests: 3000,
    failedRequests: 0,
    unfinishedRequests: 0,
    askedPerSec: 10,
    reachedPerSec: 10,
    latency: LATENCY,
    service: LATENCY,
    lag: null,
    failures: [],
    errors: [],
    truth: {
      payloads: 32,
      tolerance: { absolute: 1e-6, relative: 1e-3 },
      requests: 64,
      alone: null,
      underLoad: null,
    } as StressResult["truth"],
    health: null,
    timeline: [],
    part: null,
    ...changes,
  };
}

/** What a scenario showed; fails the test where a result is none of that scenario. */
export function partOf<Name extends ScenarioPart["scenario"]>(
  result: StressResult | undefined,
  scenario: Name,
): Extract<ScenarioPart, { scenario: Name }> {
  const part = result?.part;
  assertEquals(part?.scenario, scenario);
  return part as Extract<ScenarioPart, { scenario: Name }>;
}

/** Seconds of a load at 10 requests/s that fails for a while. */
export function exampleTimeline(seconds: number): TimelineRow[] {
  const rng = createRng("timeline");
  return Array.from({ length: seconds }, (_, i): TimelineRow => {
    const failed = i >= 140 && i < 150 ? 4 : 0;
    const p50Ms = 50 * Math.exp(0.05 * normal(rng)) + (failed > 0 ? 200 : 0);
    return {
      startMs: 1000 * i,
      durationMs: 1000,
      planned: 10,
      sent: 10,
      good: 10 - failed,
      failed,
      p50Ms,
      p99Ms: p50Ms * (1.6 + 0.3 * rng()),
      maxMs: p50Ms * 2,
      inFlight: 1,
    };
  });
}

/** The steps of a ramp that breaks above 160 requests/s. */
export const EXAMPLE_STEPS: readonly RampStep[] = [10, 20, 40, 80, 160, 320]
  .map((load): RampStep => {
    const isBroken = load > 160;
    return {
      load,
      reachedPerSec: isBroken ? 190 : load,
      latency: {
        ...LATENCY,
        p99Ms: isBroken ? 4200 : 60 + load,
      },
      errorShare: 0,
      verdict: isBroken ? "broke" : "held",
      reason: isBroken ? "p99 4200 ms is above 500 ms" : "",
    };
  });

/** A stress run on a URL. */
export function exampleStressRun(changes: Partial<StressRun> = {}): StressRun {
  return {
    schema: 2,
    kind: "stress",
    metadata: {
      "timestamp": "2026-01-02T03:04:05.678Z",
      "hardware": "tpu-v6e-4",
      "platform": "linux 6.1.0 x86_64",
      "commit_hash": "abc1234",
      "model": "org/model",
      "dtype": "bfloat16",
      "tool_version": "0.1.0",
      "deno_version": "2.9.6",
      "target": "url",
      "target_address": "http://127.0.0.1:30000",
      "server": null,
      "total_runtime_seconds": 400,
      "interrupted": false,
    },
    options: {
      scenarios: ["sustained", "ramp"],
      batchSizes: [50],
      concurrency: null,
      durationSeconds: null,
      ratePerSec: null,
      iterations: 5,
      arrival: "poisson",
      ramp: "rate",
      ladder: null,
      slo: "p99<500ms",
      tolerance: null,
      workers: 1,
      allowLethal: false,
      applySoftmax: true,
      numLabels: null,
      labelTokenIds: null,
      data: [TEXT_RECORD],
      timeoutMs: 120_000,
      warmupTimeoutMs: 0,
      loadWarmupMs: 0,
      seed: "seven",
    },
    results: [
      exampleLoad({
        verdict: "FAIL",
        goodRequests: 2960,
        failedRequests: 40,
        findings: [{ kind: "failed requests", text: "40 of 3000 failed" }],
        failures: [{
          outcome: "http-status",
          count: 40,
          example: "503: <b>@octocat</b> \x1b[31m | =cmd()",
        }],
        errors: ["503: <b>@octocat</b> \x1b[31m | =cmd()"],
        timeline: exampleTimeline(300),
      }),
      exampleLoad({
        scenario: "ramp",
        configuration: "10 to 320 requests/s",
        askedPerSec: null,
        part: { scenario: "ramp", steps: EXAMPLE_STEPS },
      }),
    ],
    calibration: [],
    warnings: [],
    ...changes,
  };
}
