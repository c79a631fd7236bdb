import { assertEquals, assertLess } from "@std/assert";
import { TimelineRecorder } from "../../lib/load/timeline.ts";
import { quietFigures } from "../../lib/stress/quiet_figures.ts";

/** Ten requests a second for ten seconds, each of 20 ms; those due in second 4 wait 1.5 s for a compile. */
function recorded() {
  const recorder = new TimelineRecorder(0);
  for (let i = 0; i < 100; i++) {
    const plannedMs = 100 * i;
    const isHit = plannedMs >= 4000 && plannedMs < 5000;
    const doneMs = isHit ? 5500 : plannedMs + 20;
    recorder.record({
      ...{ plannedMs, sentMs: plannedMs, doneMs, outcome: "ok" },
    });
  }
  return recorder.timeline;
}

Deno.test("quietFigures() leaves out the seconds that a compile concerns, and no others", () => {
  const quiet = quietFigures(recorded(), [5_600], 10_000);
  assertEquals(quiet?.reachedPerSec, 10);
  assertLess(quiet?.p99Ms ?? Infinity, 25);
  // From the longest wait, which began at 4.0 s, to a second behind the line.
  assertEquals(quiet?.leftOutSeconds, 4);
});

Deno.test("quietFigures() says nothing where nothing was compiled, or nothing is left", () => {
  assertEquals(quietFigures(recorded(), [], 10_000), null);
  const everywhere = Array.from({ length: 10 }, (_, i) => 1000 * i + 500);
  assertEquals(quietFigures(recorded(), everywhere, 10_000), null);
});
