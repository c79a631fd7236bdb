import { assertEquals } from "@std/assert";
import type { LoadStep } from "../../lib/stress/scenarios.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import { judgeLoad, loadDoubts } from "../../lib/stress/judge.ts";

/** Judges a closed load of 2 s whose requests all take as long, with a pause of 60 ms in it. */
function judge(latencyMs: number, concurrency = 1) {
  const recorder = new SampleRecorder();
  for (let sentMs = 0; sentMs < 2000; sentMs += latencyMs) {
    for (let client = 0; client < concurrency; client++) {
      recorder.end(recorder.plan(sentMs), {
        ...{ plannedMs: sentMs, sentMs, doneMs: sentMs + latencyMs },
        outcome: "ok",
      }, "");
    }
  }
  recorder.pause(500, 60);
  const step: LoadStep = {
    ...{ scenario: "concurrent", configuration: "", shapes: [] },
    loop: { kind: "closed", concurrency, count: null, durationMs: 2000 },
    judgesHealth: false,
  };
  const samples = recorder.finish();
  return judgeLoad({
    ...{ step, samples },
    references: [],
    tolerance: { relative: 0.01, absolute: 1e-4 },
    ...{ startMs: 0, durationMs: 2000, server: null, death: null },
    isInterrupted: false,
    doubts: loadDoubts(step, { samples, durationMs: 2000 }, {
      ...{ clients: 1, requestBytes: 300, answerBytes: 80 },
      ...{ addedP50Ms: 2, addedP99Ms: 3, ceilingRequestsPerSec: 1000 },
      closedLoopRatio: 1,
    }),
  });
}

Deno.test("judgeLoad() takes a load of which a part is missing for INVALID, but not a fault in the rest", () => {
  const recorder = new SampleRecorder();
  const load = (outcome: "ok" | "mismatch") => {
    recorder.end(recorder.plan(0), {
      ...{ plannedMs: 0, sentMs: 0, doneMs: 1, outcome },
    }, "");
    const { verdict, findings, reachedPerSec } = judgeLoad({
      step: {
        ...{ scenario: "concurrent", configuration: "", shapes: [] },
        loop: { kind: "closed", concurrency: 1, count: 2, durationMs: 10 },
        judgesHealth: false,
      },
      samples: recorder.finish(),
      references: [],
      tolerance: { relative: 0.01, absolute: 1e-4 },
      ...{ startMs: 0, durationMs: 10, server: null, death: null },
      ...{ isInterrupted: false, gaps: ["shard 1 is missing"] },
      failedAt: " (shard 0: 1)",
    });
    return { verdict, findings, reachedPerSec };
  };
  const gap = { kind: "incomplete load", text: "shard 1 is missing" } as const;
  assertEquals(load("ok"), {
    verdict: "INVALID",
    findings: [gap],
    reachedPerSec: null,
  });
  assertEquals(load("mismatch"), {
    verdict: "FAIL",
    findings: [{
      kind: "failed requests",
      text: "1 of 2 requests failed: 1 x mismatch (shard 0: 1)",
    }, gap],
    reachedPerSec: null,
  });
});

Deno.test("judgeLoad() notes what the client adds and when it paused, and claims the rate", () => {
  const { verdict, findings, notes, reachedPerSec } = judge(20);
  assertEquals({ verdict, findings, reachedPerSec }, {
    verdict: "PASS",
    findings: [],
    reachedPerSec: 50,
  });
  assertEquals(notes, [
    "The client adds up to 2.00 ms, 10 % of the p50",
    "Pauses of the client: 1, 60 ms in all, the longest 60 ms",
  ]);
});

Deno.test("judgeLoad() claims no rate where the client was the limit", () => {
  const { verdict, findings, reachedPerSec } = judge(50, 50);
  assertEquals({ verdict, findings, reachedPerSec }, {
    verdict: "INVALID",
    findings: [{
      kind: "client limit",
      text: "1000 requests/s is 100 % of the most that the client sends",
    }],
    reachedPerSec: null,
  });
});

Deno.test("judgeLoad() takes what this machine refused for a limit of the client, not for a fault of the server", () => {
  const judgeFailures = (message: string) => {
    const recorder = new SampleRecorder();
    for (let i = 0; i < 10; i++) {
      recorder.end(recorder.plan(i), {
        ...{ plannedMs: i, sentMs: i, doneMs: i + 1 },
        outcome: i < 3 ? "ok" : "connect",
      }, i < 3 ? "" : message);
    }
    const { verdict, findings } = judgeLoad({
      step: {
        ...{ scenario: "concurrent", configuration: "", shapes: [] },
        loop: { kind: "closed", concurrency: 4, count: 10, durationMs: null },
        judgesHealth: false,
      },
      samples: recorder.finish(),
      references: [],
      tolerance: { relative: 0.01, absolute: 1e-4 },
      ...{ startMs: 0, durationMs: 20, server: null, death: null },
      isInterrupted: false,
    });
    return [verdict, ...findings.map(({ text }) => text)];
  };
  assertEquals(
    judgeFailures(
      "Cannot connect to 127.0.0.1:1: this process has too many open files (Too many open files (os error 24))",
    ),
    [
      "INVALID",
      "this machine could open no further connections for 7 requests (ulimit -n, or no free ports)",
    ],
  );
  assertEquals(
    judgeFailures("Cannot connect to 127.0.0.1:1: connection refused"),
    ["FAIL", "7 of 10 requests failed: 7 x connect"],
  );
});
