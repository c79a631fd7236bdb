import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  EXACT_SAMPLES,
  mergeSamples,
  SampleRecorder,
  toColumns,
} from "../../lib/load/samples.ts";
import { OUTCOMES } from "../../lib/outcome.ts";
import { countTimes, histogramQuantile } from "../../lib/stats/histogram.ts";

Deno.test("SampleRecorder keeps every sample when it grows", () => {
  const recorder = new SampleRecorder();
  const count = 5000;
  for (let i = 0; i < count; i++) {
    assertEquals(recorder.plan(i), i);
    recorder.end(i, {
      plannedMs: i,
      sentMs: i + 0.25,
      doneMs: i + 0.5,
      outcome: i % 1000 === 999 ? "timeout" : "ok",
    }, "late");
  }
  const { plannedMs, sentMs, doneMs, outcome, failures } = recorder.finish();
  const indexes = Array.from({ length: count }, (_, i) => i);
  assertEquals([...plannedMs], indexes);
  assertEquals([...sentMs], indexes.map((i) => i + 0.25));
  assertEquals([...doneMs], indexes.map((i) => i + 0.5));
  assertEquals(
    [...outcome].flatMap((code, i) => OUTCOMES[code] === "ok" ? [] : [i]),
    [999, 1999, 2999, 3999, 4999],
  );
  assertEquals(failures, [{ outcome: "timeout", count: 5, example: "late" }]);
  // The columns move between threads: no memory beyond the samples goes with them.
  assertEquals(plannedMs.buffer.byteLength, 8 * count);
});

Deno.test("SampleRecorder counts failures, most frequent first, with the first message", () => {
  const recorder = new SampleRecorder();
  const ends = [
    ["timeout", "first"],
    ["ok", "unseen"],
    ["reset", "third"],
    ["reset", "fourth"],
    ["timeout", "fifth"],
    ["reset", "sixth"],
    ["aborted", "last"],
  ] as const;
  for (const [outcome, message] of ends) {
    const times = { plannedMs: 0, sentMs: 0, doneMs: 0 };
    recorder.end(recorder.plan(0), { ...times, outcome }, message);
  }
  assertEquals([recorder.planned, recorder.done, recorder.failed], [7, 7, 6]);
  assertEquals(recorder.finish().failures, [
    { outcome: "reset", count: 3, example: "third" },
    { outcome: "timeout", count: 2, example: "first" },
    { outcome: "aborted", count: 1, example: "last" },
  ]);
});

Deno.test("SampleRecorder counts a request as aborted until it has ended", () => {
  const recorder = new SampleRecorder();
  recorder.plan(7);
  assertEquals([recorder.planned, recorder.done, recorder.failed], [1, 0, 0]);
  assertEquals(toColumns(recorder.finish(), 0), {
    plannedMs: [7],
    sentMs: [7],
    doneMs: [7],
    outcome: ["aborted"],
  });
});

Deno.test("SampleRecorder gives empty columns for an empty load", () => {
  assertEquals(toColumns(new SampleRecorder().finish(), 5), {
    plannedMs: [],
    sentMs: [],
    doneMs: [],
    outcome: [],
  });
});

Deno.test("toColumns() counts from the start of the run, in whole microseconds", () => {
  const recorder = new SampleRecorder();
  recorder.end(recorder.plan(1000.0004), {
    plannedMs: 1000.0004,
    sentMs: 1000.0006,
    doneMs: 1234.5678,
    outcome: "ok",
  }, "");
  assertEquals(toColumns(recorder.finish(), 1000), {
    plannedMs: [0],
    sentMs: [0.001],
    doneMs: [234.568],
    outcome: ["ok"],
  });
});

Deno.test("SampleRecorder counts what lies beyond the samples that it keeps", () => {
  const recorder = new SampleRecorder();
  const count = EXACT_SAMPLES + 1000;
  for (let i = 0; i < count; i++) {
    recorder.end(recorder.plan(10 * i), {
      plannedMs: 10 * i,
      sentMs: 10 * i + 0.1,
      doneMs: 10 * i + 0.2,
      outcome: i % 2 === 0 ? "ok" : "reset",
    }, "");
  }
  const { totals, plannedMs, outcome, failures } = recorder.finish();
  assertEquals([plannedMs.length, outcome.length], [131_072, 131_072]);
  assertEquals(plannedMs.at(-1), 10 * (EXACT_SAMPLES - 1));
  assertEquals([totals.planned, totals.good], [count, count / 2]);
  assertEquals(failures[0]?.count, count / 2);
  assertEquals(countTimes(totals.lag), count);
  assertEquals(countTimes(totals.service), count / 2);
  assertEquals(histogramQuantile(totals.service, 1), 0.1);
  assertEquals(histogramQuantile(totals.response, 0), 0.2);
});

Deno.test("SampleRecorder takes the lag of all that was sent and the times of what was good", () => {
  const recorder = new SampleRecorder();
  for (
    const [plannedMs, sentMs, doneMs, outcome] of [
      [0, 0.05, 0.15, "ok"],
      [10, 10.02, 99, "timeout"],
      [20, 20, 20, "dropped"],
    ] as const
  ) {
    const request = { plannedMs, sentMs, doneMs, outcome };
    recorder.end(recorder.plan(plannedMs), request, "");
  }
  const { totals } = recorder.finish();
  assertEquals(
    [totals.lag, totals.service, totals.response].map(countTimes),
    [2, 1, 1],
  );
  assertEquals(histogramQuantile(totals.lag, 0), 0.02);
  assertEquals(histogramQuantile(totals.lag, 1), 0.05);
  assertEquals(histogramQuantile(totals.service, 1), 0.1);
  assertEquals(histogramQuantile(totals.response, 1), 0.15);
});

Deno.test("mergeSamples() puts parts in the order of their plan", () => {
  const part = (times: readonly number[], outcome: "ok" | "timeout") => {
    const recorder = new SampleRecorder();
    for (const plannedMs of times) {
      recorder.end(recorder.plan(plannedMs), {
        plannedMs,
        sentMs: plannedMs + 1,
        doneMs: plannedMs + 2,
        outcome,
      }, `from ${times[0]}`);
    }
    recorder.pause(times[0] ?? 0, 5);
    for (const _ of times) recorder.retry();
    return recorder.finish();
  };
  const parts = [
    part([0, 20], "ok"),
    part([10], "timeout"),
    part([5, 30], "timeout"),
  ];
  const merged = mergeSamples(parts);
  assertEquals(toColumns(merged, 0), {
    plannedMs: [0, 5, 10, 20, 30],
    sentMs: [1, 6, 11, 21, 31],
    doneMs: [2, 7, 12, 22, 32],
    outcome: ["ok", "timeout", "timeout", "ok", "timeout"],
  });
  assertEquals(merged.failures, [
    { outcome: "timeout", count: 3, example: "from 10" },
  ]);
  assertEquals([...merged.pausesMs], [0, 5, 10, 5, 5, 5]);
  assertEquals(merged.retried, 5);
  assertEquals([merged.totals.planned, merged.totals.good], [5, 2]);
  assertEquals(countTimes(merged.totals.lag), 5);
  // The parts are as they were.
  assertEquals(countTimes(parts[0]?.totals.lag ?? merged.totals.lag), 2);
});

Deno.test("mergeSamples() returns a single part as it is and refuses none", () => {
  const only = new SampleRecorder().finish();
  assertStrictEquals(mergeSamples([only]), only);
  assertThrows(
    () => mergeSamples([]),
    RangeError,
    "Cannot merge samples as there are none",
  );
});
