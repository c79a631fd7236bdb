import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  busySpans,
  EDGE_TURNS,
  steadyPart,
  summarisePasses,
} from "../../lib/record/passes.ts";
import { type SampleColumns, summariseCell } from "../../lib/record/run.ts";

function samplesOf(
  times: readonly (readonly [sentMs: number, doneMs: number])[],
  items?: readonly number[],
): SampleColumns {
  return {
    plannedMs: times.map(([sentMs]) => sentMs),
    sentMs: times.map(([sentMs]) => sentMs),
    doneMs: times.map(([, doneMs]) => doneMs),
    outcome: times.map(() => "ok"),
    ...(items === undefined ? {} : { items }),
  };
}

/** One client that loses 3 ms between two requests. */
const ALONE = samplesOf([[0, 10], [13, 25], [28, 36], [39, 49]]);

Deno.test("summarisePasses() of one client is the specification's throughput, by either way", () => {
  const specified = summariseCell([10, 12, 8, 10], 4);
  assertEquals(summarisePasses([ALONE], { batchSize: 4 }), specified);
  const spans = busySpans(ALONE);
  const busyMs = spans.reduce(
    (sum, { fromMs, toMs }) => sum + toMs - fromMs,
    0,
  );
  assertAlmostEquals(
    1000 * 4 * 4 / busyMs,
    specified?.throughputItemsPerSec ?? 0,
  );
});

Deno.test("summarisePasses() of several clients is what is answered over the time in which they wait", () => {
  // Two clients, each answered every 10 ms.
  const pass = (fromMs: number) =>
    samplesOf([[0, 10], [0, 10], [10, 20], [10, 20]].map(([a = 0, b = 0]) => [
      fromMs + a,
      fromMs + b,
    ]));
  const one = summarisePasses([pass(0)], { batchSize: 5, concurrency: 2 });
  assertEquals(one?.meanMs, 10);
  assertEquals(one?.totalItems, 20);
  assertEquals(one?.throughputRequestsPerSec, 200);
  assertEquals(one?.throughputItemsPerSec, 1000);
  // The time between two passes counts for neither, pooled or not.
  const columns = [pass(0), pass(5000)];
  const pooled: SampleColumns = {
    plannedMs: columns.flatMap(({ plannedMs }) => plannedMs),
    sentMs: columns.flatMap(({ sentMs }) => sentMs),
    doneMs: columns.flatMap(({ doneMs }) => doneMs),
    outcome: columns.flatMap(({ outcome }) => outcome),
  };
  for (const passes of [columns, [pooled]]) {
    const both = summarisePasses(passes, { batchSize: 5, concurrency: 2 });
    assertEquals(both?.throughputItemsPerSec, 1000);
    assertEquals(both?.totalItems, 40);
  }
});

Deno.test("summarisePasses() counts the items of each request of a file", () => {
  const own = samplesOf([[0, 10], [10, 20]], [1, 5]);
  const summary = summarisePasses([own], { batchSize: 0 });
  assertEquals(summary?.totalItems, 6);
  assertEquals(summary?.throughputItemsPerSec, 300);
});

Deno.test("steadyPart() leaves out where clients start together, and where they end", () => {
  const clients = 2;
  // Two clients in turn, a request each 10 ms; the first ones wait for less, the last for more.
  const sent = Array.from({ length: 10 }, (_, i) => 10 * i);
  const all = samplesOf(sent.map((ms, i) => [ms, ms + (i < 2 ? 5 : 20)]));
  const steady = steadyPart(all, clients);
  assertEquals(EDGE_TURNS * clients, 10 - steady.sentMs.length);
  assertEquals(steady.sentMs, [40, 50, 60, 70]);
  assertEquals(steady.windows, [{ count: 4, durationMs: 40 }]);
  const summary = summarisePasses([steady], { batchSize: 1, concurrency: 2 });
  assertEquals(summary?.throughputRequestsPerSec, 100);
});
