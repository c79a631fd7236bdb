import { assert, assertEquals } from "@std/assert";
import { calibrate } from "../../lib/load/calibration.ts";
import { collectGarbage } from "../../lib/load/garbage.ts";
import {
  type LoadGenerator,
  startLoadGenerator,
} from "../../lib/load/generator.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";

Deno.test("calibrate() measures this client with the code that measures", async () => {
  await using load = startLoadGenerator();
  const found = await calibrate(load, new AbortController().signal);
  assert(found !== null);
  assert(found.addedP50Ms > 0 && found.addedP99Ms >= found.addedP50Ms);
  // By Little's law 16 clients at this latency cannot send more than this.
  assert(found.ceilingRequestsPerSec > 0);
  // No client has two requests in flight; times are kept to a microsecond.
  assert(found.closedLoopRatio > 0 && found.closedLoopRatio < 1.001);
});

Deno.test("calibrate() counts a load up to its last answer, whichever request that is of", async () => {
  const load: LoadGenerator = {
    run: () => {
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
  const found = await calibrate(load, new AbortController().signal);
  assertEquals(found?.ceilingRequestsPerSec, 20);
  assertEquals(found?.closedLoopRatio, (100 + 19) / 100 / 16);
});

Deno.test("calibrate() gives nothing when it is ended early", async () => {
  await using load = startLoadGenerator();
  assertEquals(await calibrate(load, AbortSignal.abort()), null);
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
