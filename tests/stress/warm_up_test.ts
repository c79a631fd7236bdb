import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Compiles, notWatched } from "../../lib/record/compiles.ts";
import {
  describeWarmUp,
  isQuietWindow,
  warmUpLoad,
  type WarmUpWindow,
} from "../../lib/stress/warm_up.ts";
import { closedLoop } from "../../lib/stress/scenarios.ts";

const NONE: Compiles = { level: "none", count: 0, seconds: null, reason: "" };
const FOUND: Compiles = { ...NONE, level: "found", count: 2 };
const UNWATCHED = notWatched("no log");

/** Warms up a load of two clients for 30 s in simulated time; the last window goes on. */
async function warmUp(
  windows: readonly (readonly [Compiles, ...number[]])[],
  limitMs = 120_000,
) {
  let nowMs = 0;
  const sentMs: number[] = [];
  const found = await warmUpLoad({ loop: closedLoop(2, 30) }, limitMs, {
    now: () => nowMs,
    isInterrupted: () => false,
    send: (durationMs): Promise<WarmUpWindow> => {
      const [compiles = UNWATCHED, ...latenciesMs] =
        windows[Math.min(sentMs.length, windows.length - 1)] ?? [];
      sentMs.push(durationMs);
      nowMs += Math.max(durationMs, ...latenciesMs);
      return Promise.resolve({
        compiles,
        latenciesMs,
        requests: Math.max(2, latenciesMs.length),
        isHopeless: latenciesMs.length === 0,
      });
    },
  });
  return { found, sentMs };
}

const QUIET = [30, 31, 29, 30, 31, 30];

Deno.test("warmUpLoad() ends with the first window in which the log proves that nothing was compiled", async () => {
  const one = await warmUp([[NONE, ...QUIET]]);
  assertEquals(one.sentMs, [3_000]);
  assertEquals(one.found?.isQuiet, true);
  // A load of two clients of a v6e-1 took 48 s, although each shape was warm alone.
  const slow = await warmUp([
    [FOUND, 48_001, 48_791],
    [FOUND, ...QUIET],
    [NONE, ...QUIET],
  ]);
  assertEquals(slow.sentMs.length, 3);
  assertEquals([slow.found?.isQuiet, slow.found?.requests], [true, 14]);
});

Deno.test("warmUpLoad() compares windows where no log is watched", async () => {
  const even = await warmUp([[UNWATCHED, ...QUIET]]);
  assertEquals(even.sentMs.length, 2);
  // The first answers of all clients were compiled for: they are alike, and too few.
  const compiled = await warmUp([
    [UNWATCHED, 48_001, 48_791],
    [UNWATCHED, ...QUIET],
  ]);
  assertEquals(compiled.sentMs, [3_000, 6_000, 6_000]);
  // A queue that is worked off makes a window slow without a single slow answer.
  const queue = await warmUp([
    [UNWATCHED, 5_000, 4_500, 4_000, 3_500],
    [UNWATCHED, ...QUIET],
  ]);
  assertEquals(queue.sentMs.length, 3);
  assertEquals(queue.found?.isQuiet, true);
});

Deno.test("warmUpLoad() ends after its limit, and says that it was not quiet", async () => {
  const { found, sentMs } = await warmUp([[FOUND, ...QUIET]], 10_000);
  assertEquals(sentMs, [3_000, 3_000, 3_000, 1_000]);
  assertEquals(found?.isQuiet, false);
  assert(found !== null);
  assertMatch(describeWarmUp(found), /24 requests in 10.0 s; it was not quiet/);
});

Deno.test("warmUpLoad() does not go on where nothing is answered, and sends nothing where it is not wanted", async () => {
  const dead = await warmUp([[UNWATCHED]]);
  assertEquals([dead.sentMs.length, dead.found?.failed], [1, 2]);
  assertEquals((await warmUp([[NONE, ...QUIET]], 0)).found, null);
  const counted = await warmUpLoad(
    {
      loop: { kind: "closed", concurrency: 1, count: 5, durationMs: null },
    },
    120_000,
    {
      now: () => 0,
      isInterrupted: () => false,
      send: () => Promise.reject(new Error("its references warmed it up")),
    },
  );
  assertEquals(counted, null);
});

Deno.test("isQuietWindow() believes the log before the clock", () => {
  const odd = [...QUIET, 5_000];
  assert(isQuietWindow({ compiles: NONE, latenciesMs: odd }, 2, null));
  assert(!isQuietWindow({ compiles: FOUND, latenciesMs: QUIET }, 2, 30));
  assert(!isQuietWindow({ compiles: UNWATCHED, latenciesMs: odd }, 2, 30));
  assert(isQuietWindow({ compiles: UNWATCHED, latenciesMs: QUIET }, 2, 30));
});
