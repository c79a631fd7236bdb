import { assert, assertEquals } from "@std/assert";
import type { Loop } from "../../lib/load/driver.ts";
import { collectGarbage } from "../../lib/load/garbage.ts";
import {
  type LoadGenerator,
  type LoadPlan,
  startLoadGenerator,
} from "../../lib/load/generator.ts";
import { startRuler } from "../../lib/load/ruler.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import type { WorkloadSpec } from "../../lib/score/workload.ts";

const SPEC: WorkloadSpec = {
  batchSize: 2,
  labelTokenIds: [1, 2],
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: 1,
  tokens: null,
};

const closed = (concurrency: number): Loop => ({
  ...{ kind: "closed", concurrency, count: null, durationMs: 1 },
});
const OPEN: Loop = {
  ...{ kind: "open", arrival: "constant", ratePerSec: 10, durationMs: 1 },
  ...{ seed: 0, maxInFlight: 256, overflow: "queue" },
  share: { index: 0, of: 1 },
};
const never = new AbortController().signal;

/** A load generator that takes note of its loads; each has one answer of 100 ms and one of 19 ms. */
function fakeLoad() {
  const plans: LoadPlan[] = [];
  const load: LoadGenerator = {
    run: (plan) => {
      plans.push(plan);
      const recorder = new SampleRecorder();
      for (const [sentMs, doneMs] of [[1000, 1100], [1001, 1020]] as const) {
        recorder.end(recorder.plan(sentMs), {
          ...{ plannedMs: sentMs, sentMs, doneMs },
          outcome: "ok",
        }, "");
      }
      return Promise.resolve(recorder.finish());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { plans, load };
}

Deno.test("startRuler() measures this client with the code that measures, whatever is sent", async () => {
  await using load = startLoadGenerator();
  await using ruler = startRuler(load, never);
  const big = { ...SPEC, batchSize: 500, tokens: { query: 2000, item: 20 } };
  const own = {
    ...{ query: "q", items: ["a", "b", "c"] },
    labelTokenIds: null,
  };
  for (
    const { workload, requestBytes, answerBytes } of [
      { workload: SPEC, requestBytes: 374, answerBytes: 80 },
      { workload: big, requestBytes: 49_097, answerBytes: 20_000 },
      {
        workload: { ...SPEC, batchSize: 0, requests: [own, own] },
        requestBytes: 111,
        answerBytes: 120,
      },
      {
        workload: { ...SPEC, applySoftmax: false, prefixCache: "hot" as const },
        requestBytes: 358,
        answerBytes: 80,
      },
    ]
  ) {
    for (const isKnown of [false, workload.requests === undefined]) {
      const found = await ruler.measure({
        ...{ workload, loop: closed(3), isKnown },
      });
      assert(found !== null);
      assertEquals(found.clients, 3);
      assertEquals(found.requestBytes, requestBytes);
      assertEquals(found.answerBytes, answerBytes);
      assert(found.addedP50Ms > 0 && found.addedP99Ms >= found.addedP50Ms);
      // No client has two requests in flight; times are kept to a microsecond.
      assert(found.closedLoopRatio > 0 && found.closedLoopRatio < 1.001);
      // Little's law, within what a median differs from a mean.
      assert(found.ceilingRequestsPerSec > 0);
    }
  }
});

Deno.test("startRuler() counts a load up to its last answer, whichever request that is of", async () => {
  const { load } = fakeLoad();
  await using ruler = startRuler(load, never);
  const found = await ruler.measure({
    ...{ workload: SPEC, loop: closed(16), isKnown: false },
  });
  assertEquals(found?.ceilingRequestsPerSec, 20);
  assertEquals(found?.closedLoopRatio, (100 + 19) / 100 / 16);
});

Deno.test("startRuler() measures once what is of one size, and again at another number of clients", async () => {
  const { plans, load } = fakeLoad();
  await using ruler = startRuler(load, never);
  const measure = async (workload: WorkloadSpec, loop: Loop) => {
    const before = plans.length;
    const found = await ruler.measure({ workload, loop, isKnown: false });
    assert(found !== null);
    assertEquals(
      await ruler.measure({ workload, loop, isKnown: false }),
      found,
    );
    return plans.slice(before).map((plan) =>
      plan.loop.kind === "closed" ? plan.loop.concurrency : "open"
    );
  };
  assertEquals(await measure(SPEC, closed(1)), [1, 1]);
  assertEquals(await measure({ ...SPEC, batchSize: 64 }, closed(1)), []);
  assertEquals(await measure({ ...SPEC, seed: 2 }, closed(1)), []);
  assertEquals(await measure(SPEC, closed(8)), [8, 8]);
  assertEquals(
    await measure({ ...SPEC, prefixCache: "hot" }, closed(1)),
    [1, 1],
  );
  assertEquals(await measure({ ...SPEC, batchSize: 500 }, closed(1)), [1, 1]);
  // The ceiling with many in flight, the latency with one, which is known.
  assertEquals(await measure(SPEC, OPEN), [16, 16]);
});

Deno.test("startRuler() takes less than two seconds for all that is measured", async () => {
  const { plans, load } = fakeLoad();
  await using ruler = startRuler(load, never);
  for (let clients = 1; clients <= 40; clients++) {
    await ruler.measure({
      ...{ workload: SPEC, loop: closed(clients), isKnown: false },
    });
  }
  const durations = plans.map(({ loop }) => loop.durationMs ?? NaN);
  assertEquals(durations.slice(0, 4), [30, 80, 16, 80]);
  const sum = durations.reduce((total, one) => total + one, 0);
  assert(sum < 2_000, `${sum}`);
});

Deno.test("startRuler() gives nothing when it is ended early", async () => {
  await using load = startLoadGenerator();
  await using ruler = startRuler(load, AbortSignal.abort());
  assertEquals(
    await ruler.measure({
      ...{ workload: SPEC, loop: closed(1), isKnown: false },
    }),
    null,
  );
});

/** Fills the heap with what is rubbish when it returns; returns how full the heap was. */
function litter(): number {
  const rubbish = Array.from({ length: 1e6 }, (_, i) => ({ i }));
  return rubbish.length && Deno.memoryUsage().heapUsed;
}

Deno.test("collectGarbage() frees what nothing refers to", () => {
  const fullBytes = litter();
  assert(collectGarbage());
  const freedBytes = fullBytes - Deno.memoryUsage().heapUsed;
  // A million objects of at least 16 bytes each.
  assert(freedBytes > 16e6, `${freedBytes}`);
});
