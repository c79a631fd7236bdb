import { assertAlmostEquals, assertEquals } from "@std/assert";
import { turnTimesMs } from "../../lib/baseline/turns.ts";
import { summarisePasses } from "../../lib/record/passes.ts";
import type { SampleColumns } from "../../lib/record/run.ts";
import { mean } from "../../lib/stats/summary.ts";
import { runQueue } from "../support/queue_law.ts";

const LAW = { fixedMs: 5, perRequestMs: 5, maxBatch: 1, noise: 0.2 };

Deno.test("turnTimesMs() has the mean that the throughput says", () => {
  const samples = runQueue(LAW, { clients: 4, runs: 50, seed: 7 });
  const turns = turnTimesMs(samples, 4);
  assertEquals(turns.length, 20);
  const { throughputRequestsPerSec = 0 } =
    summarisePasses([samples], { batchSize: 1, concurrency: 4 }) ?? {};
  assertAlmostEquals(mean(turns), 4 * 1000 / throughputRequestsPerSec, 1e-6);
});

Deno.test("turnTimesMs() leaves out the time between two passes", () => {
  const [first, second] = [1, 2].map((seed) =>
    runQueue(LAW, { clients: 2, runs: 20, seed })
  ) as [SampleColumns, SampleColumns];
  const later = (times: readonly number[]) => times.map((time) => time + 1e6);
  const pooled: SampleColumns = {
    plannedMs: [...first.plannedMs, ...later(second.plannedMs)],
    sentMs: [...first.sentMs, ...later(second.sentMs)],
    doneMs: [...first.doneMs, ...later(second.doneMs)],
    outcome: [...first.outcome, ...second.outcome],
    windows: [...first.windows ?? [], ...second.windows ?? []],
  };
  const turns = turnTimesMs(pooled, 2);
  const alone = [first, second].flatMap((one) => turnTimesMs(one, 2));
  turns.forEach((turn, i) => assertAlmostEquals(turn, alone[i] ?? 0, 1e-6));
  assertEquals(turns.length, alone.length);
});

Deno.test("turnTimesMs() says nothing of samples without windows", () => {
  const { windows: _, ...samples } = runQueue(LAW, {
    ...{ clients: 2, runs: 20, seed: 3 },
  });
  assertEquals(turnTimesMs(samples, 2), []);
});
