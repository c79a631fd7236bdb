import { assertEquals } from "@std/assert";
import {
  closedLoopDoubt,
  closedLoopRatio,
  describeClient,
  findClientDoubts,
} from "../lib/load/client_limit.ts";
import { summariseCell } from "../lib/result.ts";

const CALIBRATION = {
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
  const twentyMs = summaryOf(20);
  assertEquals(findClientDoubts(CALIBRATION, twentyMs, 500), [{
    kind: "warning",
    text: "25000 requests/s is 63 % of the most that the client sends",
  }]);
  assertEquals(findClientDoubts(CALIBRATION, twentyMs, 800), [{
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

Deno.test("describeClient() names what the client adds and can do", () => {
  assertEquals(
    describeClient(CALIBRATION),
    "Client: adds at most 0.25 ms (p99 1.00 ms), sends at most 40000 requests/s",
  );
});
