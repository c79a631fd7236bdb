import { assertAlmostEquals, assertEquals } from "@std/assert";
import { LoadObserver, mergeObservations } from "../../lib/load/observer.ts";
import {
  mergeTimelines,
  TimelineRecorder,
  timelineRows,
} from "../../lib/load/timeline.ts";
import type { Outcome } from "../../lib/outcome.ts";

const request = (
  plannedMs: number,
  tookMs: number,
  outcome: Outcome = "ok",
) => ({
  plannedMs,
  sentMs: plannedMs,
  doneMs: plannedMs + tookMs,
  outcome,
});

Deno.test("TimelineRecorder counts each request in the seconds of its plan, send and end", () => {
  const recorder = new TimelineRecorder(10_000);
  recorder.record(request(10_100, 50));
  recorder.record(request(10_900, 1_300));
  recorder.record(request(11_500, 10, "reset"));
  recorder.record(request(11_600, 0, "dropped"));
  recorder.record(request(11_700, 100, "aborted"));
  const rows = timelineRows(recorder.timeline);
  assertEquals(
    rows.map(({ planned, sent, good, failed, inFlight }) => [
      planned,
      sent,
      good,
      failed,
      inFlight,
    ]),
    [[2, 2, 1, 0, 1], [3, 2, 0, 2, 1], [0, 0, 1, 0, 0]],
  );
  assertEquals(rows.map(({ startMs }) => startMs), [0, 1000, 2000]);
  assertEquals(rows.map(({ maxMs }) => maxMs), [50, null, 1300]);
  assertEquals(rows[1]?.p50Ms, null);
});

Deno.test("TimelineRecorder keeps its size by longer intervals, with nothing lost", () => {
  const recorder = new TimelineRecorder(0);
  const seconds = 10_000;
  for (let i = 0; i < seconds; i++) recorder.record(request(1000 * i, 5));
  const { timeline } = recorder;
  assertEquals(timeline.intervalMs, 16_000);
  assertEquals(timeline.good.length, seconds / 16);
  assertEquals(timeline.good.reduce((a, b) => a + b), seconds);
  assertAlmostEquals(timelineRows(timeline)[600]?.p50Ms ?? 0, 5, 0.1);
});

Deno.test("mergeTimelines() adds what several threads counted, whatever their intervals", () => {
  const [short, long] = [new TimelineRecorder(0), new TimelineRecorder(0)];
  short.record(request(1_500, 10));
  long.record(request(500, 20));
  long.record(request(4_000_000, 20));
  const merged = mergeTimelines([short.timeline, long.timeline]);
  assertEquals([merged.intervalMs, merged.good[0]], [4000, 2]);
  assertEquals(merged.maxMs[0], 20);
});

Deno.test("LoadObserver keeps the first ten errors, and merging keeps ten", () => {
  const observe = (name: string) => {
    const observer = new LoadObserver(0);
    for (let i = 0; i < 20; i++) {
      observer.observe(request(i, 1, "reset"), `${name} ${i}`);
    }
    return observer.finish({ absolute: 0, relative: 0, share: 0 }, []);
  };
  const [one, two] = [observe("one"), observe("two")];
  assertEquals(one.errors.length, 10);
  assertEquals(one.errors[0]?.text, "reset: one 0");
  const both = mergeObservations([one, two]);
  assertEquals(both?.errors.length, 10);
  assertEquals(both?.timeline.failed[0], 40);
  assertEquals(mergeObservations([]), undefined);
});

Deno.test("mergeObservations() takes for a standstill what all threads stood still for", () => {
  const thread = (...spans: readonly [startMs: number, endMs: number][]) =>
    new LoadObserver(10_000).finish(
      { absolute: 0, relative: 0, share: 0 },
      spans.map(([startMs, endMs]) => ({
        startMs: 10_000 + startMs,
        durationMs: endMs - startMs,
      })),
    );
  const merged = (...threads: ReturnType<typeof thread>[]) =>
    mergeObservations(threads)?.standstills;
  assertEquals(merged(thread([1000, 2200])), [
    { startMs: 1000, durationMs: 1200 },
  ]);
  // One waits while the other is answered.
  assertEquals(merged(thread([1000, 2200]), thread([5000, 6300])), []);
  // The longest wait of each is its own; a shorter one is shared.
  assertEquals(
    merged(
      thread([1000, 4000], [7000, 8500]),
      thread([6900, 8400], [20_000, 24_000]),
      thread([6000, 8450]),
    ),
    [{ startMs: 7000, durationMs: 1400 }],
  );
});

Deno.test("LoadObserver tells the rate and the waits of the last whole seconds", () => {
  const observer = new LoadObserver(0);
  for (let i = 0; i < 100; i++) observer.observe(request(100 * i, 20), "");
  const { ratePerSec, p50Ms } = observer.pulse();
  assertEquals(ratePerSec, 10);
  assertAlmostEquals(p50Ms ?? 0, 20, 0.5);
  assertEquals(new LoadObserver(0).pulse().p50Ms, null);
});
