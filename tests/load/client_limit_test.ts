import { assert, assertEquals } from "@std/assert";
import {
  type ClientLoad,
  closedLoopDoubt,
  closedLoopRatio,
  describeClient,
  findClientDoubts,
  findLoadDoubts,
} from "../../lib/load/client_limit.ts";
import type { Loop } from "../../lib/load/driver.ts";
import { SampleRecorder, type Samples } from "../../lib/load/samples.ts";
import { summariseCell } from "../../lib/record/run.ts";

const CALIBRATION = {
  clients: 1,
  requestBytes: 300,
  answerBytes: 80,
  addedP50Ms: 0.25,
  addedP99Ms: 1,
  ceilingRequestsPerSec: 40_000,
  closedLoopRatio: 1,
};

/** The summary of a cell in which every request took as long. */
const summaryOf = (latencyMs: number) => summariseCell([latencyMs], 1);

Deno.test("findClientDoubts() says nothing of a cell that is much slower than the client", () => {
  assertEquals(findClientDoubts(CALIBRATION, summaryOf(5), 1), []);
  assertEquals(findClientDoubts(CALIBRATION, summaryOf(5), 64), []);
});

Deno.test("findClientDoubts() says nothing without a calibration or a good sample", () => {
  assertEquals(findClientDoubts(null, summaryOf(0.1), 1), []);
  assertEquals(findClientDoubts(CALIBRATION, null, 1), []);
});

Deno.test("findClientDoubts() warns when the client adds more than 5 % of the p50", () => {
  assertEquals(findClientDoubts(CALIBRATION, summaryOf(4.9), 1), [{
    kind: "warning",
    text: "the client adds up to 0.25 ms, 5 % of the p50",
  }]);
});

Deno.test("findClientDoubts() calls a cell the client's when the client is most of its p50", () => {
  assertEquals(findClientDoubts(CALIBRATION, summaryOf(0.3), 1), [{
    kind: "limit",
    text: "the client adds up to 0.25 ms, 83 % of the p50",
  }]);
});

Deno.test("findClientDoubts() compares the rate of several clients with the ceiling", () => {
  // 500 in flight of 20 ms each are 25,000/s; 800 are 40,000/s.
  const ofClients = (clients: number) => {
    const summary = summaryOf(20);
    return summary && {
      ...summary,
      throughputRequestsPerSec: clients * summary.throughputRequestsPerSec,
    };
  };
  assertEquals(findClientDoubts(CALIBRATION, ofClients(500), 500), [{
    kind: "warning",
    text: "25000 requests/s is 63 % of the most that the client sends",
  }]);
  assertEquals(findClientDoubts(CALIBRATION, ofClients(800), 800), [{
    kind: "limit",
    text: "40000 requests/s is 100 % of the most that the client sends",
  }]);
});

Deno.test("closedLoopRatio() is 1 when every connection is always busy, and less when time is lost", () => {
  // Four clients, ten requests of 100 ms each in a second.
  const full = { latencySumMs: 4 * 10 * 100, windowMs: 1000, concurrency: 4 };
  assertEquals(closedLoopRatio(full), 1);
  assertEquals(closedLoopRatio({ ...full, windowMs: 1250 }), 0.8);
  assertEquals(closedLoopDoubt(1.03), null);
  assertEquals(closedLoopDoubt(0.97), null);
  assertEquals(
    closedLoopDoubt(0.8),
    "requests/s x mean latency / connections is 0.80, not 1: the client or the machine was busy with something else",
  );
});

/** An open load of which only the figures count. */
function openLoad(
  ratePerSec: number,
  figures: Partial<ClientLoad>,
): ClientLoad {
  const recorder = new SampleRecorder();
  for (let slot = 0; slot < 100; slot++) recorder.plan(slot);
  return {
    loop: {
      kind: "open",
      ratePerSec,
      ...{ arrival: "constant", durationMs: 1000, seed: 0 },
      ...{ maxInFlight: 100, share: { index: 0, of: 1 } },
    },
    samples: recorder.finish(),
    ...{ p50Ms: 20, reachedPerSec: null, lag: null },
    ...figures,
  };
}

Deno.test("findLoadDoubts() compares a load with what the client adds", () => {
  const doubts = (p50Ms: number | null) =>
    findLoadDoubts(CALIBRATION, openLoad(10, { p50Ms }));
  assertEquals(doubts(5), []);
  assertEquals(doubts(null), []);
  assertEquals(doubts(4.9).map(({ kind }) => kind), ["warning"]);
  assertEquals(doubts(0.3), [{
    kind: "limit",
    text: "the client adds up to 0.25 ms, 83 % of the p50",
  }]);
});

Deno.test("findLoadDoubts() compares the rates asked and reached with the ceiling", () => {
  const doubts = (ratePerSec: number, reachedPerSec: number | null) =>
    findLoadDoubts(CALIBRATION, openLoad(ratePerSec, { reachedPerSec }));
  assertEquals(doubts(20_000, 20_000), []);
  const text = "38000 requests/s is 95 % of the most that the client sends";
  // Asked is not sent: only what was reached shows the ceiling.
  assertEquals(doubts(38_000, 1000), [{ kind: "warning", text }]);
  assertEquals(doubts(38_000, 38_000), [{ kind: "limit", text }]);
});

Deno.test("findLoadDoubts() takes late sends for the client's above half of its ceiling or where it stood still", () => {
  const lag = { late: 11, p50Ms: 12, p99Ms: 30 };
  assertEquals(findLoadDoubts(CALIBRATION, openLoad(20_000, { lag })), [{
    kind: "warning",
    text:
      "11 of 100 requests were sent more than 10 ms late (median 12.0 ms), but the client sends up to 40000 requests/s: the server took connections late; latencies count from the plan",
  }]);
  // It is the client where it stood still for more than a tenth of the load.
  const paused = (...pausesMs: number[]) => {
    const open = openLoad(20_000, { lag });
    const samples = {
      ...open.samples,
      pausesMs: Float64Array.from(pausesMs),
    };
    return findLoadDoubts(CALIBRATION, { ...open, samples })[0];
  };
  assertEquals(paused(50, 40, 200, 60)?.kind, "warning");
  assertEquals(paused(50, 40, 200, 61), {
    kind: "limit",
    text:
      "11 of 100 requests were sent more than 10 ms late (median 12.0 ms), and the client stood still for 101 ms",
  });
  assertEquals(findLoadDoubts(CALIBRATION, openLoad(20_400, { lag }))[1], {
    kind: "limit",
    text:
      "11 of 100 requests were sent more than 10 ms late (median 12.0 ms), and 20400 requests/s is 51 % of the most that the client sends",
  });
  assertEquals(findLoadDoubts(null, openLoad(10, { lag })), [{
    kind: "limit",
    text:
      "11 of 100 requests were sent more than 10 ms late (median 12.0 ms): without a calibration it is unknown whether the client or a server that is slow to accept connections did not keep the rate",
  }]);
});

Deno.test("findLoadDoubts() tells of a few late sends, and of a lag that blurs the arrivals", () => {
  const doubts = (late: number, p99Ms: number) =>
    findLoadDoubts(null, openLoad(10, { lag: { late, p50Ms: 0, p99Ms } }));
  assertEquals(doubts(10, 30), [{
    kind: "warning",
    text: "10 of 100 requests were sent more than 10 ms late",
  }]);
  assertEquals(doubts(1, 10.5), [{
    kind: "warning",
    text:
      "the p99 of the lag, 10.50 ms, is more than a tenth of the 100.00 ms between sends",
  }]);
  assertEquals(doubts(1, 10), []);
});

/** Clients that send at 0 and then `gapMs` after each answer; the last answer takes `lastMs`. */
function closedLoad(values: {
  readonly concurrency?: number;
  readonly requests: number;
  readonly latencyMs: number;
  readonly gapMs?: number;
  readonly lastMs?: number;
  readonly fails?: (request: number) => boolean;
}): ClientLoad {
  const { concurrency = 4, requests, latencyMs, gapMs = 0 } = values;
  const recorder = new SampleRecorder();
  for (let request = 0; request < requests; request++) {
    const sentMs = request * (latencyMs + gapMs);
    const tookMs = request === requests - 1
      ? values.lastMs ?? latencyMs
      : latencyMs;
    for (let client = 0; client < concurrency; client++) {
      recorder.end(recorder.plan(sentMs), {
        ...{ plannedMs: sentMs, sentMs, doneMs: sentMs + tookMs },
        outcome: values.fails?.(request) ? "timeout" : "ok",
      }, "");
    }
  }
  const loop: Loop = {
    ...{ kind: "closed", count: null, durationMs: 2000 },
    concurrency,
  };
  const samples = recorder.finish();
  return { loop, samples, p50Ms: latencyMs, reachedPerSec: null, lag: null };
}

Deno.test("findLoadDoubts() tells of clients of a closed load that were not always busy", () => {
  const textsOf = (values: Parameters<typeof closedLoad>[0]) =>
    findLoadDoubts(null, closedLoad(values)).map(({ text }) =>
      text.split(",")[0]
    );
  const full = { requests: 20, latencyMs: 100 };
  assertEquals(textsOf(full), []);
  assertEquals(textsOf({ ...full, gapMs: 25 }), [
    "requests/s x mean latency / connections is 0.80",
  ]);
  assertEquals(textsOf({ ...full, latencyMs: 97, gapMs: 3 }), []);
  assertEquals(textsOf({ ...full, latencyMs: 96, gapMs: 4 }), [
    "requests/s x mean latency / connections is 0.96",
  ]);
  // While a last answer is waited for the other clients have ended.
  assertEquals(textsOf({ ...full, lastMs: 5000 }), []);
  // A request that failed kept its client busy as well.
  assertEquals(textsOf({ ...full, fails: (i) => i % 2 === 0 }), []);
  // Too few requests a client, and too short a load.
  const late = { latencyMs: 160, gapMs: 40 };
  assertEquals(textsOf({ ...late, requests: 9 }), []);
  assertEquals(textsOf({ requests: 20, latencyMs: 40, gapMs: 10 }), []);
  assertEquals(textsOf({ ...late, requests: 10 }).length, 1);
});

Deno.test("findLoadDoubts() compares the kept part of a load that is too long to keep", () => {
  const requests = 131_100;
  const values = { concurrency: 1, requests, latencyMs: 1 };
  assertEquals(findLoadDoubts(null, closedLoad(values)), []);
  assertEquals(
    findLoadDoubts(null, closedLoad({ ...values, gapMs: 1 })).length,
    1,
  );
});

Deno.test("findLoadDoubts() tells of pauses within a load that matter to its p50", () => {
  const load = closedLoad({ requests: 20, latencyMs: 100 });
  const doubts = (pausesMs: readonly number[], p50Ms: number | null = 100) => {
    const samples: Samples = {
      ...load.samples,
      pausesMs: Float64Array.from(pausesMs),
    };
    return findLoadDoubts(null, { ...load, samples, p50Ms });
  };
  assertEquals(doubts([]), []);
  assertEquals(doubts([50, 10]), []);
  assertEquals(doubts([50, 11], 110), []);
  assertEquals(doubts([50, 11, 200, 6, 300, 30]), [{
    kind: "warning",
    text: "pauses of the client: 3, 47 ms in all, the longest 30 ms",
  }]);
  assertEquals(doubts([50, 11], null).length, 1);
  // Before the first send nothing was measured.
  assertEquals(doubts([-500, 400]), []);
});

Deno.test("describeClient() names what the client adds and can do, and for what", () => {
  assertEquals(
    describeClient([CALIBRATION]),
    "The client itself takes 0.25 ms of a request at the median and 1.00 ms in 1 of 100, and can send 40000 requests/s (300 B sent, 80 B answered, 1 in flight)",
  );
  const big = {
    ...CALIBRATION,
    ...{ clients: 16, requestBytes: 49_099, answerBytes: 20_000 },
  };
  assertEquals(
    describeClient([big]),
    "The client itself takes 0.25 ms of a request at the median and 1.00 ms in 1 of 100, and can send 40000 requests/s (49 KB sent, 20 KB answered, 16 in flight)",
  );
  assertEquals(
    describeClient([
      CALIBRATION,
      { ...big, addedP50Ms: 0.5, ceilingRequestsPerSec: 30_000 },
      { ...big, addedP50Ms: 0.3 },
    ]),
    "The client itself takes 0.25 to 0.50 ms of a request at the median and 1.00 ms in 1 of 100, and can send 30000 to 40000 requests/s, by size and clients",
  );
  const old = { ...CALIBRATION, requestBytes: null, answerBytes: null };
  assertEquals(
    describeClient([old]),
    "The client itself takes 0.25 ms of a request at the median and 1.00 ms in 1 of 100, and can send 40000 requests/s",
  );
});

Deno.test("describeClient() doubts a closed loop that was not full, but not that of one client", () => {
  const said = (clients: number) =>
    describeClient([{ ...CALIBRATION, clients, closedLoopRatio: 0.5 }]);
  assert(!said(1).includes("not 1"));
  assert(
    said(16).endsWith(
      "; requests/s x mean latency / connections is 0.50, not 1: the client or the machine was busy with something else",
    ),
  );
});
