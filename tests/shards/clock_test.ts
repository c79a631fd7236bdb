import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import type { Loop } from "../../lib/load/driver.ts";
import { WHOLE } from "../../lib/load/pacing.ts";
import {
  allowedSkewMs,
  findSkew,
  measureClock,
} from "../../lib/shards/clock.ts";

/** Measures a storage whose clock is ahead by `aheadMs`, knows the time to `tickMs` and takes `writeMs`. */
async function measure(storage: {
  readonly aheadMs: number;
  readonly tickMs: number;
  readonly writeMs: () => number;
}) {
  let nowMs = 1e12 + 0.7;
  let fileMs = 0;
  const { aheadMs, tickMs, writeMs } = storage;
  const startMs = nowMs;
  const clock = await measureClock({
    wallMs: () => nowMs,
    touch: () => {
      const tookMs = writeMs();
      const stamp = nowMs + tookMs / 2 + aheadMs;
      fileMs = Math.floor(Math.floor(stamp / tickMs) * tickMs);
      nowMs += tookMs;
      return Promise.resolve();
    },
    fileMs: () => Promise.resolve(fileMs),
    sleep: (durationMs) => {
      nowMs += durationMs + 0.3;
      return Promise.resolve();
    },
  });
  return { clock, tookMs: nowMs - startMs };
}

Deno.test("measureClock() knows the clock of any storage to within what it says", async () => {
  await fc.assert(fc.asyncProperty(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.constantFrom(0.001, 1, 4, 10, 1000),
    fc.array(fc.double({ min: 0.05, max: 30, noNaN: true }), { minLength: 1 }),
    async (aheadMs, tickMs, times) => {
      let i = 0;
      const writeMs = () => times[i++ % times.length] ?? 1;
      const { clock } = await measure({ aheadMs, tickMs, writeMs });
      const errorMs = Math.abs(clock.offsetMs - aheadMs);
      assert(errorMs <= clock.uncertaintyMs + 1e-6, `${errorMs} ms off`);
    },
  ));
});

Deno.test("measureClock() knows a usual storage to a few milliseconds, in a tenth of a second", async () => {
  const writeMs = () => 0.4;
  const { clock, tookMs } = await measure({ aheadMs: 77, tickMs: 4, writeMs });
  assertLess(clock.uncertaintyMs, 3);
  assertLess(tookMs, 100);
});

Deno.test("measureClock() waits for the tick of a storage that knows whole seconds", async () => {
  const writeMs = () => 1;
  const { clock, tookMs } = await measure({
    ...{ aheadMs: -345, tickMs: 1000, writeMs },
  });
  assertLess(clock.uncertaintyMs, 5);
  assertLess(tookMs, 1_600);
});

Deno.test("allowedSkewMs() is the time between arrivals of a shard, or a hundredth of a closed load, and at least 10 ms", () => {
  const open = (ratePerSec: number): Loop => ({
    ...{ kind: "open", arrival: "constant", ratePerSec, durationMs: 60_000 },
    ...{ seed: 0, maxInFlight: 9, share: WHOLE },
  } as Loop);
  assertEquals(allowedSkewMs(open(1000), 4), 10);
  assertEquals(allowedSkewMs(open(10), 4), 400);
  const closed = { kind: "closed", concurrency: 4, count: null } as const;
  assertEquals(allowedSkewMs({ ...closed, durationMs: 30_000 }, 4), 300);
  assertEquals(allowedSkewMs({ ...closed, durationMs: 500 }, 4), 10);
});

Deno.test("findSkew() names those that are off from most, whatever the storage's clock says", () => {
  const skew = (offsets: readonly number[], uncertaintyMs = 2) =>
    findSkew(
      offsets.map((offsetMs, shard) => ({
        shard,
        clock: { offsetMs, uncertaintyMs },
      })),
      10,
    ).map(({ shard, kind }) => `${shard} ${kind}`);
  assertEquals(skew([5000, 5001, 4999, 5003]), []);
  assertEquals(skew([0, 1000, 1, 0]), ["1 skew"]);
  assertEquals(skew([-1000, 0, 1, 0]), ["0 skew"]);
  assertEquals(skew([0, 1000]), ["1 skew"]);
  assertEquals(skew([0, -1000]), ["1 skew"]);
  assertEquals(skew([]), []);
  assertEquals(skew([0, 13.9]), []);
  assertEquals(skew([0, 14.1]), ["1 skew"]);
  // A storage that is slow to write tells nothing: that is said, and is no fault.
  assertEquals(skew([0, 20, 1], 30), ["0 unknown", "1 unknown"]);
  assertEquals(skew([0, 1000, 1], 30), ["0 unknown", "1 skew"]);
});
