import { assertAlmostEquals, assertEquals } from "@std/assert";
import { turnTimesMs } from "../../lib/baseline/turns.ts";
import { summarisePasses } from "../../lib/record/passes.ts";
import type { SampleColumns } from "../../lib/record/run.ts";
import { mean } from "../../lib/stats/summary.ts";
import { createRng } from "../../lib/stats/rng.ts";

/** One server with a queue and some clients; each service takes a seeded time. */
function queueOf(clients: number, count: number, seed: number): SampleColumns {
  const rng = createRng(seed);
  const sentMs: number[] = [];
  const doneMs: number[] = [];
  const free = Array.from({ length: clients }, () => 0);
  let serverMs = 0;
  for (let i = 0; i < count; i++) {
    const sent = free[i % clients] ?? 0;
    serverMs = Math.max(serverMs, sent) + 5 + 10 * rng();
    sentMs.push(sent);
    doneMs.push(serverMs);
    free[i % clients] = serverMs;
  }
  return {
    plannedMs: sentMs,
    sentMs,
    doneMs,
    outcome: sentMs.map(() => "ok" as const),
  };
}

Deno.test("turnTimesMs() has the mean that the throughput says", () => {
  const samples = queueOf(4, 200, 7);
  const turns = turnTimesMs(samples, 4);
  assertEquals(turns.length, 20);
  const { throughputRequestsPerSec = 0 } =
    summarisePasses([samples], { batchSize: 1, concurrency: 4 }) ?? {};
  assertAlmostEquals(mean(turns), 4 * 1000 / throughputRequestsPerSec, 1e-6);
});

Deno.test("turnTimesMs() leaves out the time between two passes", () => {
  const [first, second] = [queueOf(2, 40, 1), queueOf(2, 40, 2)];
  const later = (times: readonly number[]) => times.map((time) => time + 1e6);
  const pooled: SampleColumns = {
    plannedMs: [...first.plannedMs, ...later(second.plannedMs)],
    sentMs: [...first.sentMs, ...later(second.sentMs)],
    doneMs: [...first.doneMs, ...later(second.doneMs)],
    outcome: [...first.outcome, ...second.outcome],
  };
  const alone = [first, second].flatMap((one) => turnTimesMs(one, 2));
  assertAlmostEquals(mean(turnTimesMs(pooled, 2)), mean(alone), 0.5);
});

Deno.test("turnTimesMs() says nothing of fewer answers than clients", () => {
  assertEquals(turnTimesMs(queueOf(8, 7, 3), 8), []);
});
