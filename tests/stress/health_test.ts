import { assertEquals } from "@std/assert";
import { LoadObserver } from "../../lib/load/observer.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import { NO_DEVIATION } from "../../lib/score/truth.ts";
import { judgeHealth, type ServerSeries } from "../../lib/stress/health.ts";
import { judgeLoad } from "../../lib/stress/judge.ts";
import {
  closedLoop,
  type LoadStep,
  openLoop,
} from "../../lib/stress/scenarios.ts";
import { SHORT_OPTIONS } from "../support/virtual_stress.ts";

const UNSEEN: ServerSeries = {
  residentBytes: "nobody looked",
  lostTokens: "nobody told",
  poolTokens: null,
  queuedRequests: "nobody counted",
};

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
  return observer.finish(NO_DEVIATION, []);
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
      "nobody counted",
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
    const observed = observer.finish(NO_DEVIATION, [standstill]);
    return judgeHealth(observed, 1000, UNSEEN).isStall;
  };
  assertEquals(
    [isStall(1500, 50), isStall(900, 50), isStall(1500, 400)],
    [true, false, false],
  );
});

Deno.test("judgeHealth() takes a queue for growing when it rises by 4 and ends above 8", () => {
  const queue = (valueAt: (i: number) => number, windowMs = 60_000) => {
    const queuedRequests = Array.from(
      { length: 60 },
      (_, i) => ({ timeMs: 1000 * i, value: valueAt(i) }),
    );
    const server = { ...UNSEEN, queuedRequests };
    return judgeHealth(observe(1, () => 10), windowMs, server).checks[3];
  };
  const rising = queue((i) => i);
  assertEquals(
    [rising?.watched, rising?.unit, rising?.grew, rising?.trend?.change],
    ["queued requests", "requests", true, 59],
  );
  // The last 15 of 60 points have a median of 8: no more than a batch or two.
  assertEquals(queue((i) => 8 * i / 52)?.grew, false);
  assertEquals(queue((i) => 9 * i / 52)?.grew, true);
  // It is long, and grows by less than 4.
  assertEquals(queue((i) => 50 + i / 20)?.grew, false);
  assertEquals(queue((i) => i % 17)?.grew, false);
  assertEquals(queue((i) => 100 - i)?.grew, false);
  // The load ends after 30 s, and the queue is worked off.
  assertEquals(queue((i) => i < 30 ? i : 60 - i, 30_000)?.grew, true);
  assertEquals(
    queue((i) => i, 5_000)?.unobserved,
    "too short: 5 measurements",
  );
});

Deno.test("judgeLoad() finds a growing queue in open loads alone", () => {
  const observed = observe(1, () => 10);
  const kinds = (loop: LoadStep["loop"]) =>
    judgeLoad({
      step: {
        scenario: "sustained",
        configuration: "",
        shapes: [],
        loop,
        judgesHealth: true,
      },
      samples: { ...new SampleRecorder().finish(), observed },
      references: [],
      tolerance: { relative: 0.01, absolute: 0 },
      startMs: 0,
      durationMs: 60_000,
      server: {
        ...UNSEEN,
        queuedRequests: Array.from(
          { length: 60 },
          (_, i) => ({ timeMs: 1000 * i, value: i }),
        ),
      },
      death: null,
      isInterrupted: true,
    }).findings;
  assertEquals(kinds(openLoop(SHORT_OPTIONS, 10, 60)), [{
    kind: "growing queue",
    text: "queued requests rose by 59 requests in 59 s (99 %: 59 requests " +
      "to 59 requests; first quarter 7 requests, last 52 requests)",
  }]);
  assertEquals(kinds(closedLoop(4, 60)), []);
});
