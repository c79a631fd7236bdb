import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { packSamples, unpackSamples } from "../../lib/load/packed.ts";
import { LoadObserver } from "../../lib/load/observer.ts";
import {
  mergeSamples,
  SampleRecorder,
  type Samples,
} from "../../lib/load/samples.ts";
import type { EndedRequest } from "../../lib/load/timeline.ts";
import { type Outcome, OUTCOMES } from "../../lib/outcome.ts";
import { NO_DEVIATION } from "../../lib/score/truth.ts";

/** When the load of the tests starts on its clock, and when its window ends, in milliseconds. */
const START_MS = 500;
const WINDOW_END_MS = 1_000_000;

/** What one recorder makes of requests, as a worker fills it. */
function record(requests: readonly EndedRequest[]): Samples {
  const observer = new LoadObserver(START_MS);
  const recorder = new SampleRecorder((request, message) =>
    observer.observe(request, message)
  );
  recorder.endWindow(WINDOW_END_MS);
  for (const request of requests) {
    const text = `at ${request.doneMs}`;
    recorder.end(recorder.plan(request.plannedMs), request, text);
  }
  return {
    ...recorder.finish(),
    observed: observer.finish(NO_DEVIATION, []),
  };
}

/** Brings what was recorded through a file. */
function stored(samples: Samples): Samples {
  return unpackSamples(JSON.parse(JSON.stringify(packSamples(samples))));
}

const requests = fc.array(
  fc.record({
    // Up to 2,000 s, so that the intervals of some timelines are two seconds long.
    plannedMs: fc.double({ min: START_MS, max: 2e6, noNaN: true }),
    lagMs: fc.oneof(
      fc.constant(0),
      fc.double({ min: 0, max: 30, noNaN: true }),
    ),
    tookMs: fc.oneof(
      fc.double({ min: 0, max: 0.3, noNaN: true }),
      fc.double({ min: 0, max: 200, noNaN: true }),
      fc.double({ min: 0, max: 1e5, noNaN: true }),
    ),
    outcome: fc.constantFrom<Outcome>("ok", ...OUTCOMES),
  }).map(({ plannedMs, lagMs, tookMs, outcome }): EndedRequest => {
    const sentMs = outcome === "dropped" ? plannedMs : plannedMs + lagMs;
    const doneMs = outcome === "dropped" ? plannedMs : sentMs + tookMs;
    return { plannedMs, sentMs, doneMs, outcome };
  }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("mergeSamples() of stored parts counts what one recorder would have counted of all requests", () => {
  fc.assert(
    fc.property(requests, fc.constantFrom(1, 2, 3, 7), (all, shards) => {
      const parts = Array.from(
        { length: shards },
        (_, shard) => record(all.filter((_, i) => i % shards === shard)),
      );
      const one = record(all);
      const merged = mergeSamples(parts.map(stored));
      assertEquals(merged.totals, one.totals);
      assertEquals(merged.observed?.timeline, one.observed?.timeline);
      const byKind = ({ failures }: Samples) =>
        failures.map(({ outcome, count }) => `${outcome} ${count}`).toSorted();
      assertEquals(byKind(merged), byKind(one));
    }),
    { numRuns: 60 },
  );
});

Deno.test("mergeSamples() of stored parts shows the first errors in the order of their time", () => {
  const failed = (doneMs: number): EndedRequest => ({
    ...{ plannedMs: START_MS, sentMs: START_MS, outcome: "reset" },
    doneMs,
  });
  const times = Array.from({ length: 24 }, (_, i) => START_MS + 10 * i);
  const parts = [0, 1].map((shard) =>
    stored(record(times.filter((_, i) => i % 2 === shard).map(failed)))
  );
  assertEquals(
    mergeSamples(parts).observed?.errors,
    times.slice(0, 10).map((time) => ({
      atMs: time - START_MS,
      text: `reset: at ${time}`,
    })),
  );
});

Deno.test("unpackSamples() refuses buckets and intervals that no recorder fills", () => {
  const packed = packSamples(record([
    { plannedMs: 600, sentMs: 600, doneMs: 700, outcome: "ok" },
  ]));
  const { totals, observed } = packed;
  if (observed === null) throw new Error("The load was observed");
  const { timeline } = observed;
  const wrong = (changes: object) => () =>
    unpackSamples({ ...packed, ...changes });
  for (
    const service of [[1e9, 1], [-1, 1], [1.5, 1], [3], [3, 0], [3, 1e300]]
  ) {
    assertThrows(wrong({ totals: { ...totals, service } }), RangeError);
  }
  for (
    const changes of [
      { intervalMs: 1500 },
      { intervalMs: 500 },
      { good: [] },
      { waits: Array(1201).fill([]) },
      { waits: [[4608, 1]] },
    ]
  ) {
    assertThrows(
      wrong({
        observed: { ...observed, timeline: { ...timeline, ...changes } },
      }),
      RangeError,
    );
  }
});
