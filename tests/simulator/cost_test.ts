import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type ServiceJob, ServiceQueue } from "../../lib/simulator/cost.ts";
import {
  type EngineOptions,
  engineOptions,
} from "../../lib/simulator/options.ts";

/** Costs that add up to whole numbers, so that the times below can be checked by hand. */
const PLAIN: Partial<EngineOptions> = {
  fixedMs: 8,
  perTokenMs: 1,
  perItemMs: 2,
  perLabelMs: 0.5,
  compileMs: 0,
  noise: 0,
};

function queueOf(options: Partial<EngineOptions> = {}): ServiceQueue {
  return new ServiceQueue(engineOptions({ ...PLAIN, ...options }));
}

function job(
  prompts: number[][],
  overrides: Partial<ServiceJob> = {},
): ServiceJob {
  return {
    prompts,
    labelTokenIds: [10, 20],
    stallMs: 0,
    slowdown: 1,
    ...overrides,
  };
}

/** Runs one job alone, starting at a time when the queue is idle; returns how long it took. */
function takesMs(queue: ServiceQueue, one: ServiceJob, nowMs: number): number {
  assertEquals(queue.advance(nowMs), []);
  queue.submit(one, nowMs);
  const [done, ...others] = queue.advance(nowMs + 1e6);
  assertEquals(others, []);
  assertEquals(done?.job, one);
  return (done?.doneMs ?? NaN) - nowMs;
}

Deno.test("ServiceQueue charges batch, new tokens, items and labels", () => {
  // 8 + 8 tokens x 1 + 2 items x 2 + 4 labels x 0.5
  assertEquals(
    takesMs(queueOf(), job([[1, 2, 3, 4], [1, 2, 3, 5]]), 100),
    22,
  );
});

Deno.test("ServiceQueue makes cold dearer than a shared query, and that dearer than a repeat", () => {
  const queue = queueOf();
  const query = [1, 2, 3, 4, 5, 6];
  const first = job([[...query, 7, 8], [...query, 9, 8]]);
  assertEquals(takesMs(queue, first, 0), 8 + 16 + 4 + 2);
  assertEquals(takesMs(queue, first, 1e7), 8 + 2 + 4 + 2);
  const shared = job([[...query, 17, 18], [...query, 19, 18]]);
  assertEquals(takesMs(queue, shared, 2e7), 8 + 4 + 4 + 2);
  const cold = job([[91, ...query, 7], [92, ...query, 7]]);
  assertEquals(takesMs(queue, cold, 3e7), 8 + 16 + 4 + 2);
});

Deno.test("ServiceQueue.flush() empties the cache, but not while something runs", () => {
  const queue = queueOf();
  const one = job([[1, 2, 3]]);
  takesMs(queue, one, 0);
  assertEquals(queue.status().cachedTokens, 3);
  queue.submit(one, 1e7);
  assertEquals(queue.flush(), false);
  queue.advance(2e7);
  assertEquals(queue.flush(), true);
  assertEquals(queue.status().cachedTokens, 0);
  assertEquals(takesMs(queue, one, 3e7), 8 + 3 + 2 + 1);
});

Deno.test("ServiceQueue evicts the least recently used prompt", () => {
  const queue = queueOf({ kvPoolTokens: 8 });
  const [a, b, c] = [[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]];
  assert(a !== undefined && b !== undefined && c !== undefined);
  for (const [i, prompt] of [a, b, a, c].entries()) {
    takesMs(queue, job([prompt]), i * 1e7);
  }
  assertEquals(queue.status().cachedTokens, 8);
  assertEquals(takesMs(queue, job([a]), 5e7), 8 + 1 + 2 + 1);
  assertEquals(takesMs(queue, job([b]), 6e7), 8 + 4 + 2 + 1);
});

Deno.test("ServiceQueue evicts the end of a prompt before its start", () => {
  const queue = queueOf({ kvPoolTokens: 8 });
  const a = [1, 2, 3, 4, 5, 6, 7];
  takesMs(queue, job([a]), 0);
  takesMs(queue, job([[8, 9, 10, 11]]), 1e7);
  // Seven and four tokens in eight places: three of a are gone.
  assertEquals(takesMs(queue, job([a]), 2e7), 8 + 3 + 2 + 1);
});

Deno.test("ServiceQueue reuses whole pages only, and nothing without a cache", () => {
  const prompt = [1, 2, 3, 4, 5, 6];
  const paged = queueOf({ pageSize: 4 });
  takesMs(paged, job([prompt]), 0);
  assertEquals(takesMs(paged, job([prompt]), 1e7), 8 + 2 + 2 + 1);
  const bare = queueOf({ disableRadixCache: true });
  takesMs(bare, job([prompt]), 0);
  assertEquals(takesMs(bare, job([prompt]), 1e7), 8 + 6 + 2 + 1);
});

Deno.test("ServiceQueue compiles once for each bucket, occupancy and label list", () => {
  const queue = queueOf({ compileMs: 1000 });
  let nowMs = 0;
  const compiles = (prompts: number[][], labelTokenIds = [10, 20]) => {
    nowMs += 1e7;
    return takesMs(queue, job(prompts, { labelTokenIds }), nowMs) >= 1000;
  };
  const long = Array.from({ length: 65 }, (_, i) => i);
  assertEquals(compiles([[1, 2]]), true);
  assertEquals(compiles([[3, 4, 5]]), false);
  assertEquals(compiles([[3], [4]]), true);
  assertEquals(compiles([[5], [6]]), false);
  assertEquals(compiles([[7]], [10, 21]), true);
  assertEquals(compiles([[8]], [20, 10]), true);
  assertEquals(compiles([long]), true);
  assertEquals(compiles([[9]]), false);
});

Deno.test("ServiceQueue serves first come first served and batches what waits", () => {
  const queue = queueOf();
  const [a, b, c] = [job([[1], [2]]), job([[3]]), job([[4]])];
  queue.submit(a, 0);
  queue.submit(b, 1);
  queue.submit(c, 2);
  assertEquals(queue.status(), {
    waiting: 2,
    running: 2,
    cachedTokens: 0,
    batches: 1,
  });
  // a alone: 8 + 2 + 4 + 2 = 16; then b and c together: 16 more.
  assertEquals(queue.nextEventMs, 16);
  assertEquals(queue.advance(15.9), []);
  assertEquals(queue.advance(100), [
    { job: a, doneMs: 16 },
    { job: b, doneMs: 32 },
    { job: c, doneMs: 32 },
  ]);
  assertEquals(queue.nextEventMs, null);
});

Deno.test("ServiceQueue ends a batch at its item and token limits", () => {
  const byItems = queueOf({ maxRunningRequests: 2 });
  // Two batches of 8 + 2 + 4 + 2 and one of 8 + 1 + 2 + 1.
  assertEquals(takesMs(byItems, job([[1], [2], [3], [4], [5]]), 0), 44);
  const byTokens = queueOf({ maxPrefillTokens: 5 });
  // [1,2,3] alone, [4,5,6] alone, then six tokens alone although they exceed the limit.
  const prompts = [[1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11, 12]];
  assertEquals(takesMs(byTokens, job(prompts), 0), 14 + 14 + 17);
});

Deno.test("ServiceQueue lets a job wait for its last item across batches", () => {
  const queue = queueOf({ maxRunningRequests: 2 });
  const [a, b] = [job([[1], [2], [3]]), job([[4]])];
  queue.submit(a, 0);
  queue.submit(b, 0);
  assertEquals(queue.advance(1000), [{ job: a, doneMs: 32 }, {
    job: b,
    doneMs: 32,
  }]);
});

Deno.test("ServiceQueue splits a request in two batches at splitRate 1", () => {
  const queue = queueOf({ splitRate: 1 });
  takesMs(queue, job([[1], [2], [3]]), 0);
  assertEquals(queue.status().batches, 2);
  takesMs(queue, job([[4]]), 1e7);
  assertEquals(queue.status().batches, 3);
});

Deno.test("ServiceQueue stalls and slows the batch of a struck job, and all that wait", () => {
  const queue = queueOf();
  const [a, b] = [job([[1]], { stallMs: 1500 }), job([[2]], { slowdown: 2 })];
  queue.submit(a, 0);
  queue.submit(b, 0);
  assertEquals(queue.advance(1e6), [
    { job: a, doneMs: 1512 },
    { job: b, doneMs: 1512 + 24 },
  ]);
});

Deno.test("ServiceQueue noise is lognormal with median 1, and seeded", () => {
  const draw = (seed: number) => {
    const queue = queueOf({ noise: 0.1, seed, disableRadixCache: true });
    return Array.from(
      { length: 4000 },
      (_, i) => Math.log(takesMs(queue, job([[1]]), i * 1e7) / 12),
    );
  };
  const logs = draw(1);
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  const variance = logs.reduce((a, b) => a + (b - mean) ** 2, 0) / logs.length;
  // Four standard errors: 0.1 / sqrt(4000) for the mean, 0.1 / sqrt(8000) for the deviation.
  assertAlmostEquals(mean, 0, 0.0064);
  assertAlmostEquals(Math.sqrt(variance), 0.1, 0.0045);
  assertEquals(draw(1), logs);
});
