import { joinDoubts } from "../../lib/record/doubts.ts";
import { assertEquals } from "@std/assert";
import { measureCell } from "../../lib/bench/cell.ts";
import type { CellPlan, SendRequests } from "../../lib/bench/cell_plan.ts";
import { SampleRecorder, type Samples } from "../../lib/load/samples.ts";
import type { Outcome } from "../../lib/outcome.ts";
import type { Calibration, CellResult } from "../../lib/record/run.ts";

const PLAN: CellPlan = {
  key: { batchSize: 4, numLabels: 2, model: "m", dtype: "bfloat16" },
  repeat: 0,
  sent: "one item",
  labelTokenIds: [1, 2],
  numRuns: 3,
  warmupRuns: 2,
};

/** How one request ends: a latency in milliseconds, or a failure. */
type End = number | Exclude<Outcome, "ok">;

interface FakeServer {
  /** How the request with an index ends. */
  readonly end: (index: number) => End;
  /** The request during which the user interrupts. */
  readonly interruptAt?: number;
  readonly calibration?: Calibration;
  readonly retriesLast?: boolean;
  /** Pauses of the client: start and length in turn. */
  readonly pausesMs?: readonly [number, number][];
}

/** Measures against a server that exists in virtual time only. */
async function measure(changes: Partial<CellPlan>, server: FakeServer) {
  const calls: [count: number, firstIndex: number, phase: string][] = [];
  const seen: number[] = [];
  let nowMs = 5000;
  let isInterrupted = false;
  const send: SendRequests = (count, firstIndex, phase): Promise<Samples> => {
    calls.push([count, firstIndex, phase]);
    const recorder = new SampleRecorder();
    for (let i = 0; i < count && !isInterrupted; i++) {
      const index = firstIndex + i;
      seen.push(index);
      isInterrupted = index === server.interruptAt;
      const end = isInterrupted ? "aborted" : server.end(index);
      const slot = recorder.plan(nowMs);
      const sentMs = nowMs;
      nowMs += typeof end === "number" ? end : 1;
      const isGood = typeof end === "number";
      recorder.end(slot, {
        plannedMs: sentMs,
        sentMs,
        doneMs: nowMs,
        outcome: isGood ? "ok" : end,
      }, isGood ? "" : `request ${index} said ${end}`);
    }
    if (server.retriesLast) recorder.retry();
    for (const [startMs, durationMs] of server.pausesMs ?? []) {
      recorder.pause(5000 + startMs, durationMs);
    }
    return Promise.resolve(recorder.finish());
  };
  const result = await measureCell({ ...PLAN, ...changes }, {
    send,
    startMs: 5000,
    calibration: server.calibration ?? null,
    isInterrupted: () => isInterrupted,
  });
  return { result, calls, seen };
}

const quiet: FakeServer = { end: () => 10 };
const brief = ({ status, doubts }: CellResult) => [status, joinDoubts(doubts)];

Deno.test("measureCell() measures a quiet server after eight answers", async () => {
  const { result, calls, seen } = await measure({}, quiet);
  // The first alone, then the rest of eight, then the timed ones; no payload twice.
  assertEquals(calls, [
    [1, 0, "warm-up"],
    [7, 1, "warm-up"],
    [3, 8, "timed"],
  ]);
  assertEquals(seen, Array.from({ length: 11 }, (_, i) => i));
  assertEquals(result, {
    key: PLAN.key,
    repeat: 0,
    numRuns: 3,
    warmupRuns: 2,
    sent: "one item",
    labelTokenIds: [1, 2],
    warmUp: { requests: 8, failed: 0, slowestMs: 10, settled: true },
    samples: {
      plannedMs: [80, 90, 100],
      sentMs: [80, 90, 100],
      doneMs: [90, 100, 110],
      outcome: ["ok", "ok", "ok"],
    },
    suspects: [],
    compiles: {
      ...{ level: "not watched", count: 0, seconds: null },
      reason: "no log of the server",
    },
    failures: [],
    summary: {
      count: 3,
      meanMs: 10,
      standardDeviationMs: 0,
      minMs: 10,
      maxMs: 10,
      p50Ms: 10,
      p95Ms: 10,
      p99Ms: 10,
      totalItems: 12,
      throughputItemsPerSec: 400,
      throughputRequestsPerSec: 100,
    },
    status: "OK",
    doubts: [],
  });
});

Deno.test("measureCell() sends at least the warm-up that was asked for", async () => {
  const { result, calls } = await measure({ warmupRuns: 20 }, quiet);
  assertEquals(calls, [
    [1, 0, "warm-up"],
    [19, 1, "warm-up"],
    [3, 20, "timed"],
  ]);
  assertEquals(result.warmUp.requests, 20);
  const { result: many } = await measure({ warmupRuns: 150 }, quiet);
  assertEquals([many.warmUp.requests, many.warmUp.settled], [150, true]);
});

Deno.test("measureCell() warms up past the recorded compiles of four items", async () => {
  const series = [
    ...[5796, 1582, 77, 89, 5777, 1605, 86, 5824, 1721, 107, 82, 96, 97, 64],
  ];
  const { result, calls } = await measure({}, {
    end: (index) => series[index] ?? 90,
  });
  // Settled after 17 answers; it looks after every second one.
  assertEquals(result.warmUp, {
    requests: 18,
    failed: 0,
    slowestMs: 5824,
    settled: true,
  });
  assertEquals(calls.at(-1), [3, 18, "timed"]);
  assertEquals(brief(result), ["OK", ""]);
});

Deno.test("measureCell() ends a warm-up that never settles, and says so", async () => {
  const { result, calls } = await measure({}, {
    end: (index) => index % 4 === 0 ? 5000 : 10,
  });
  assertEquals(result.warmUp, {
    requests: 100,
    failed: 0,
    slowestMs: 5000,
    settled: false,
  });
  assertEquals(calls.at(-1), [3, 100, "timed"]);
  // A compile was among the timed requests, and more of the same would tell nothing new.
  assertEquals(result.status, "INVALID");
  assertEquals(
    joinDoubts(result.doubts).split("; ")[1],
    "latencies had not settled after 100 warm-up requests",
  );
});

Deno.test("measureCell() sends no warm-up when none is wanted", async () => {
  const { result, calls } = await measure({ warmupRuns: 0 }, quiet);
  assertEquals(calls, [[3, 0, "timed"]]);
  assertEquals(result.warmUp, {
    requests: 0,
    failed: 0,
    slowestMs: null,
    settled: true,
  });
  assertEquals(brief(result), ["OK", ""]);
});

Deno.test("measureCell() sends no timed request to a server that answered nothing", async () => {
  for (const warmupRuns of [1, 2, 50]) {
    const { result, seen } = await measure({ warmupRuns }, {
      end: () => "timeout",
    });
    // One long deadline is enough.
    const sent = 1;
    assertEquals(seen.length, sent);
    assertEquals(result.warmUp, {
      requests: sent,
      failed: sent,
      slowestMs: null,
      settled: false,
    });
    assertEquals(result.samples.outcome, []);
    assertEquals(result.summary, null);
    assertEquals(result.failures, [
      { outcome: "timeout", count: sent, example: "request 0 said timeout" },
    ]);
    assertEquals(brief(result), [
      "INVALID",
      `all ${sent} warm-up requests failed; latencies had not settled after ${sent} warm-up requests`,
    ]);
  }
});

Deno.test("measureCell() tries twice where the first request is refused", async () => {
  const { result, seen } = await measure({}, { end: () => "http-status" });
  assertEquals(seen, [0, 1]);
  assertEquals(
    joinDoubts(result.doubts).split(";")[0],
    "all 2 warm-up requests failed",
  );
  const { result: later } = await measure({}, {
    end: (index) => index === 0 ? "http-status" : 10,
  });
  assertEquals(brief(later), ["OK", "1 of 10 warm-up requests failed"]);
});

Deno.test("measureCell() goes on when only some warm-up requests fail", async () => {
  const { result } = await measure({}, {
    end: (index) => index === 1 ? "http-status" : 10,
  });
  assertEquals(result.warmUp, {
    requests: 10,
    failed: 1,
    slowestMs: 10,
    settled: true,
  });
  const { result: more } = await measure({ warmupRuns: 12 }, {
    end: (index) => index === 1 ? "http-status" : 10,
  });
  // Twelve good answers are the least, not twelve requests.
  assertEquals([more.warmUp.requests, more.warmUp.failed], [14, 1]);
  // What failed before the timed requests is not counted among them.
  assertEquals(result.failures, []);
  assertEquals(brief(result), ["OK", "1 of 10 warm-up requests failed"]);
});

Deno.test("measureCell() is INVALID with any failure, and its figures are of the good samples", async () => {
  const { result } = await measure({ numRuns: 5 }, {
    end: (index) =>
      index === 9 ? "http-status" : index === 11 ? "timeout" : 10 + index,
  });
  // Timed are 8 to 12: 18 ms, a failure, 20 ms, a failure, 22 ms.
  assertEquals(result.samples.outcome, [
    "ok",
    "http-status",
    "ok",
    "timeout",
    "ok",
  ]);
  assertEquals(result.failures, [
    { outcome: "http-status", count: 1, example: "request 9 said http-status" },
    { outcome: "timeout", count: 1, example: "request 11 said timeout" },
  ]);
  assertEquals(result.summary?.count, 3);
  assertEquals(result.summary?.meanMs, 20);
  assertEquals(result.summary?.totalItems, 12);
  assertEquals(result.summary?.throughputItemsPerSec, 200);
  assertEquals(brief(result), ["INVALID", "2 of 5 requests failed"]);
});

Deno.test("measureCell() has no figures when every timed request fails", async () => {
  const { result } = await measure({}, {
    end: (index) => index < 8 ? 10 : "invalid-score",
  });
  assertEquals(result.summary, null);
  assertEquals(brief(result), ["INVALID", "3 of 3 requests failed"]);
});

Deno.test("measureCell() points suspects at the samples, not at the good ones", async () => {
  const { result } = await measure({ numRuns: 9 }, {
    end: (index) =>
      index === 8 ? "reset" : index === 12 ? 5000 : index === 15 ? 55 : 10,
  });
  assertEquals(result.suspects, [
    { index: 4, kind: "compile" },
    { index: 7, kind: "stall" },
  ]);
  assertEquals(result.samples.outcome[0], "reset");
  assertEquals(
    result.suspects.map(({ index }) =>
      (result.samples.doneMs[index] ?? 0) - (result.samples.sentMs[index] ?? 0)
    ),
    [5000, 55],
  );
  assertEquals(brief(result), [
    "INVALID",
    "1 of 9 requests failed; 1 timed look like a stall",
  ]);
});

Deno.test("measureCell() measures again where a compile was among the timed requests, and is INVALID where one is again", async () => {
  const once = await measure({ numRuns: 5 }, {
    end: (index) => index === 10 ? 5000 : 10,
  });
  // Timed are 8 to 12; then it has to be quiet for twice as long, and 29 to 33 are timed.
  assertEquals(once.calls.slice(2), [
    [5, 8, "timed"],
    [1, 13, "warm-up"],
    [15, 14, "warm-up"],
    [5, 29, "timed"],
  ]);
  assertEquals(once.result.warmUp.requests, 29);
  // The compile is told where the samples that it was found in are left out.
  assertEquals(once.result.warmUp.slowestMs, 5000);
  const said = "measured again, as 1 of 5 timed looked like a compile";
  assertEquals(brief(once.result), ["OK", said]);
  const twice = await measure({ numRuns: 5 }, {
    end: (index) => index === 10 || index === 30 ? 5000 : 10,
  });
  assertEquals(brief(twice.result), [
    "INVALID",
    `1 timed look like a compile: warm up longer (--warmup-runs); ${said}`,
  ]);
});

Deno.test("measureCell() leaves the interrupted request out and says how far it came", async () => {
  const { result, seen } = await measure({}, { end: () => 10, interruptAt: 9 });
  assertEquals(seen.at(-1), 9);
  assertEquals(result.samples.outcome, ["ok"]);
  assertEquals(result.failures, []);
  assertEquals(result.summary?.count, 1);
  assertEquals(brief(result), ["INVALID", "interrupted after 1 of 3 requests"]);
});

Deno.test("measureCell() does not call an interrupted warm-up a failure", async () => {
  for (const interruptAt of [0, 1, 4]) {
    const { result, seen } = await measure({}, {
      end: () => 10,
      interruptAt,
    });
    assertEquals(seen.length, interruptAt + 1);
    assertEquals(result.warmUp, {
      requests: interruptAt,
      failed: 0,
      slowestMs: interruptAt === 0 ? null : 10,
      settled: false,
    });
    assertEquals(result.failures, []);
    assertEquals(brief(result), [
      "INVALID",
      `interrupted after 0 of 3 requests; latencies had not settled after ${interruptAt} warm-up requests`,
    ]);
  }
});

Deno.test("measureCell() says when the client decides the figures", async () => {
  const added = (addedP50Ms: number) =>
    measure({}, {
      end: () => 10,
      calibration: {
        ...{ clients: 1, requestBytes: 300, answerBytes: 80 },
        addedP50Ms,
        addedP99Ms: 2,
        ceilingRequestsPerSec: 10_000,
        closedLoopRatio: 1,
      },
    });
  assertEquals(brief((await added(0.5)).result), ["OK", ""]);
  assertEquals(brief((await added(0.51)).result), [
    "OK",
    "the client adds up to 0.51 ms, 5 % of the p50",
  ]);
  assertEquals(brief((await added(8)).result), [
    "INVALID",
    "the client adds up to 8.00 ms, 80 % of the p50",
  ]);
  // No throughput is claimed for the server.
  assertEquals((await added(8)).result.summary, null);
  assertEquals((await added(0.51)).result.summary?.p50Ms, 10);
});

Deno.test("measureCell() tells of requests that were sent again on a new connection", async () => {
  const { result } = await measure({}, { end: () => 10, retriesLast: true });
  assertEquals(brief(result), [
    "OK",
    "1 timed were sent again on a new connection",
  ]);
});

Deno.test("measureCell() counts the requests that met a pause of the client", async () => {
  const paused = (...pausesMs: [number, number][]) =>
    measure({}, { end: () => 10, pausesMs });
  // The timed requests run from 80 to 110; half a millisecond is 5 % of the median.
  assertEquals(brief((await paused([70, 10], [81, 0.5])).result), ["OK", ""]);
  assertEquals(brief((await paused([81, 0.6], [82, 0.6], [95, 10])).result), [
    "OK",
    "3 timed met a pause of the client",
  ]);
});
