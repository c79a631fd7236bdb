import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Loop } from "../../lib/load/driver.ts";
import {
  knownBody,
  KnownLoadJudge,
  pickPayload,
} from "../../lib/load/known_load.ts";
import { EXACT_SAMPLES, SampleRecorder } from "../../lib/load/samples.ts";
import type { WorkloadSpec } from "../../lib/score/workload.ts";
import { loadFigures } from "../../lib/stress/figures.ts";

const SPEC: WorkloadSpec = {
  batchSize: 2,
  labelTokenIds: [1, 2],
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: "s",
  tokens: null,
};
const bodyOf = (spec: WorkloadSpec, payload: number) =>
  JSON.parse(new TextDecoder().decode(knownBody(spec, payload)));

Deno.test("knownBody() repeats no query and no item between payloads", () => {
  for (const tokens of [null, { query: 5, item: 5 }]) {
    const bodies = Array.from(
      { length: 50 },
      (_, payload) => bodyOf({ ...SPEC, tokens }, payload),
    );
    const distinct = (values: unknown[]) =>
      new Set(values.map((value) => JSON.stringify(value))).size;
    assertEquals(distinct(bodies.map(({ query }) => query)), 50);
    assertEquals(distinct(bodies.flatMap(({ items }) => items)), 100);
  }
  assertEquals(bodyOf(SPEC, 3), bodyOf(SPEC, 3));
});

Deno.test("knownBody() refuses what is known to end a server", () => {
  assertThrows(
    () => knownBody({ ...SPEC, labelTokenIds: [-1] }, 0),
    RangeError,
    "Cannot send a request",
  );
});

Deno.test("pickPayload() takes turns within one shape and keeps the weights of several", () => {
  const one = { spec: SPEC, payloads: 3, weight: 1 };
  assertEquals(
    [0, 1, 2, 3].map((index) => pickPayload([one], index).payload),
    [0, 1, 2, 0],
  );
  const counts = [0, 0];
  for (let index = 0; index < 10_000; index++) {
    const { workload } = pickPayload([one, { ...one, weight: 3 }], index);
    counts[workload] = (counts[workload] ?? 0) + 1;
  }
  assertAlmostEquals((counts[1] ?? 0) / 10_000, 0.75, 0.02);
});

const judge = () =>
  new KnownLoadJudge({
    workloads: [{
      spec: SPEC,
      payloads: 2,
      weight: 1,
      references: Float64Array.from([0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6]),
    }],
    tolerance: { relative: 0.01, absolute: 0 },
  }, {
    encode: (body) => body,
    dtype: "float32",
    timeoutMs: 100,
    redact: (text) => text,
  });
const answer = (scores: unknown, doneMs = 10) => ({
  kind: "answer" as const,
  status: 200,
  headers: new Map(),
  body: new TextEncoder().encode(JSON.stringify({ scores })),
  sentMs: 0,
  doneMs,
  retries: 0,
});

Deno.test("KnownLoadJudge judges each answer by the reference of its own payload", () => {
  const known = judge();
  const first = [[0.1, 0.9], [0.2, 0.8]];
  const outcome = (scores: unknown, index: number, doneMs?: number) =>
    known.judge(answer(scores, doneMs), index).outcome;
  assertEquals(outcome(first, 0), "ok");
  assertEquals(outcome(first, 2), "ok");
  assertEquals(outcome(first, 1), "mismatch");
  assertEquals(outcome([[0.1005, 0.8995], [0.2, 0.8]], 0), "ok");
  assertEquals(outcome([[0.1, 0.9]], 0), "invalid-shape");
  assertEquals(outcome([[2, 0.9], [0.2, 0.8]], 0), "invalid-score");
  assertEquals(outcome(first, 0, 101), "timeout");
});

Deno.test("KnownLoadJudge keeps the worst deviation even where all pass", () => {
  const known = judge();
  known.judge(answer([[0.1, 0.9], [0.2, 0.8]]), 0);
  assertEquals(known.deviation.share, 0);
  known.judge(answer([[0.1005, 0.8995], [0.2, 0.8]]), 0);
  assertAlmostEquals(known.deviation.relative, 0.005, 1e-4);
});

function samplesOf(
  requests: readonly (readonly [
    number,
    number,
    number,
    "ok" | "reset" | "dropped" | "aborted",
  ])[],
  windowMs = Infinity,
) {
  const recorder = new SampleRecorder();
  recorder.endWindow(windowMs);
  for (const [plannedMs, sentMs, doneMs, outcome] of requests) {
    recorder.end(
      recorder.plan(plannedMs),
      { plannedMs, sentMs, doneMs, outcome },
      "",
    );
  }
  return recorder.finish();
}

const OPEN: Loop = {
  kind: "open",
  arrival: "constant",
  ratePerSec: 2,
  durationMs: 2000,
  seed: 0,
  maxInFlight: 9,
  share: { index: 0, of: 1 },
};

Deno.test("loadFigures() counts latency from the plan, service from the send, and what is late", () => {
  const figures = loadFigures(
    samplesOf([
      [0, 0, 100, "ok"],
      [500, 540, 600, "ok"],
      [1000, 1000, 1010, "reset"],
      [1200, 1200, 1200, "dropped"],
      // In flight at the end of the window: it is a right answer, but not one of its two seconds.
      [1500, 1500, 2100, "ok"],
      [1600, 1600, 1700, "aborted"],
    ], 2000),
    OPEN,
    2100,
  );
  assertEquals(
    [figures.planned, figures.good, figures.failed, figures.unfinished],
    [6, 3, 2, 1],
  );
  assertEquals(figures.errorShare, 2 / 5);
  const dropped = figures.failures.find(({ outcome }) => outcome === "dropped");
  assertEquals(dropped?.count, 1);
  assertEquals([figures.latency?.p50Ms, figures.latency?.maxMs], [100, 600]);
  assertEquals([figures.service?.p50Ms, figures.service?.maxMs], [100, 600]);
  assertAlmostEquals(figures.service?.meanMs ?? 0, 760 / 3, 1e-9);
  assertEquals([figures.lag?.late, figures.lag?.maxMs], [1, 40]);
  assertEquals(figures.reachedPerSec, 1);
});

Deno.test("loadFigures() counts all requests of a load that is too long to keep them one by one", () => {
  const count = EXACT_SAMPLES + 10_000;
  const figures = loadFigures(
    samplesOf(Array.from({ length: count }, (_, i) => {
      // After those that are kept, one in a hundred is sent 20 ms late and takes 1 s.
      const isSlow = i >= EXACT_SAMPLES && i % 100 === 0;
      const sentMs = 10 * i + (isSlow ? 20 : 0);
      return [10 * i, sentMs, sentMs + (isSlow ? 1000 : 0.1), "ok"];
    })),
    { ...OPEN, durationMs: 10 * count },
    10 * count,
  );
  const slow = figures.lag?.late ?? 0;
  assertEquals([figures.good, slow], [count, 100]);
  const meanMs = (100 * 1000 + (count - 100) * 0.1) / count;
  assertAlmostEquals(figures.service?.meanMs ?? 0, meanMs, 0.004 * meanMs);
  assertAlmostEquals(figures.service?.maxMs ?? 0, 1000, 4);
});

Deno.test("loadFigures() takes the specification's throughput where no length was given", () => {
  const loop: Loop = {
    kind: "closed",
    concurrency: 1,
    count: 2,
    durationMs: null,
  };
  const figures = loadFigures(
    samplesOf([[0, 0, 100, "ok"], [1000, 1000, 1300, "ok"]]),
    loop,
    1300,
  );
  assertEquals([figures.reachedPerSec, figures.lag], [5, null]);
  assertEquals(figures.latency?.p99Ms, 298);
  const none = loadFigures(samplesOf([]), loop, 0);
  assertEquals([none.latency, none.errorShare, none.planned], [null, null, 0]);
});

Deno.test("loadFigures() divides by the planned window where a load ended with its last answer, and by what there was of one that was cut short", () => {
  const rate = (count: number, elapsedMs: number, loop: Loop = OPEN) =>
    loadFigures(
      samplesOf(
        Array.from(
          { length: count },
          (_, i) => [500 * i, 500 * i, 500 * i + 10, "ok"] as const,
        ),
      ),
      loop,
      elapsedMs,
    ).reachedPerSec;
  // Four arrivals of 2/s in 2 s; the last answer comes after 1.51 s.
  assertEquals(rate(4, 1510), 2);
  assertEquals(rate(3, 1100), 3000 / 1100);
  const clients: Loop = {
    kind: "closed",
    concurrency: 1,
    count: null,
    durationMs: 2000,
  };
  assertEquals(rate(3, 1500, clients), 2);
});
