import { assertEquals } from "@std/assert";
import { LoadObserver } from "../lib/load/load_observer.ts";
import { judgeHealth, type ServerSeries } from "../lib/stress/stress_health.ts";
import { NO_DEVIATION } from "../lib/load/truth.ts";

const UNSEEN: ServerSeries = {
  residentBytes: "nobody looked",
  lostTokens: "nobody told",
  poolTokens: null,
};

const NO_STANDSTILL = { startMs: 0, durationMs: 0 };

/** A load of ten answers a second. */
function observe(seconds: number, latencyMs: (second: number) => number) {
  const observer = new LoadObserver(0);
  for (let i = 0; i < 10 * seconds; i++) {
    const plannedMs = 100 * i;
    const doneMs = plannedMs + latencyMs(i / 10);
    observer.observe(
      { plannedMs, sentMs: plannedMs, doneMs, outcome: "ok" },
      "",
    );
  }
  return observer.finish(NO_DEVIATION, NO_STANDSTILL);
}

const MIB = 2 ** 20;
const seriesOf = (mibAt: (i: number) => number): ServerSeries => ({
  ...UNSEEN,
  residentBytes: Array.from(
    { length: 60 },
    (_, i) => ({ timeMs: 1000 * i, value: MIB * mibAt(i) }),
  ),
});
const grew = (server: ServerSeries) =>
  judgeHealth(observe(1, () => 10), 1000, server).checks
    .filter((check) => check.grew).map(({ watched }) => watched);

Deno.test("judgeHealth() ends for a load of less than a second, and says that it was too short", () => {
  for (const windowMs of [0, 300, 999]) {
    const { checks } = judgeHealth(observe(1, () => 10), windowMs, UNSEEN);
    assertEquals(checks.map(({ unobserved }) => unobserved), [
      "fewer than 12 seconds with answers",
      "nobody looked",
      "nobody told",
    ]);
  }
});

Deno.test("judgeHealth() finds a drift from a tenth of the median on, in short runs and in long ones", () => {
  for (const seconds of [20, 600]) {
    const drift = (share: number) =>
      judgeHealth(
        observe(seconds, (at) => 50 * (1 + share * at / seconds)),
        1000 * seconds,
        UNSEEN,
      ).checks[0]?.grew;
    assertEquals([drift(0.2), drift(0.05), drift(-0.2)], [true, false, false]);
  }
});

Deno.test("judgeHealth() takes steady growth for a leak, and memory that fills up for none", () => {
  assertEquals(grew(seriesOf((i) => 200 + 2 * i)), ["resident memory"]);
  // A cache that fills up in the first minute half.
  assertEquals(grew(seriesOf((i) => 200 + 200 * (1 - Math.exp(-i / 8)))), []);
  assertEquals(grew(seriesOf((i) => 200 + Math.min(i, 30) * 3)), []);
  assertEquals(grew(seriesOf((i) => 200 + i % 7)), []);
  // Less than 16 MiB, and less than 2 % of a large server.
  assertEquals(grew(seriesOf((i) => 200 + i / 5)), []);
  assertEquals(grew(seriesOf((i) => 20_000 + 5 * i)), []);
  assertEquals(grew(seriesOf((i) => 20_000 + 20 * i)), ["resident memory"]);
});

Deno.test("judgeHealth() calls a standstill a stall when it is long, and far longer than an answer takes", () => {
  const isStall = (quietMs: number, latencyMs: number) => {
    const observer = new LoadObserver(0);
    for (let i = 0; i < 20; i++) {
      observer.observe({
        plannedMs: 0,
        sentMs: 0,
        doneMs: latencyMs,
        outcome: "ok",
      }, "");
    }
    const standstill = { startMs: latencyMs, durationMs: quietMs };
    const observed = observer.finish(NO_DEVIATION, standstill);
    return judgeHealth(observed, 1000, UNSEEN).isStall;
  };
  assertEquals(
    [isStall(1500, 50), isStall(900, 50), isStall(1500, 400)],
    [true, false, false],
  );
});
