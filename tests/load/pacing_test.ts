import { assertEquals, assertNotEquals } from "@std/assert";
import { ARRIVALS, dueTimesMs, type Schedule } from "../../lib/load/pacing.ts";

function dueTimes(schedule: Partial<Schedule>): number[] {
  return [...dueTimesMs({
    arrival: "constant",
    ratePerSec: 10,
    durationMs: 1000,
    seed: "seven",
    ...schedule,
  })];
}

Deno.test("dueTimesMs() gives exact times at a constant rate", () => {
  assertEquals(dueTimes({ ratePerSec: 4 }), [0, 250, 500, 750]);
  assertEquals(dueTimes({ ratePerSec: 0.5, durationMs: 6000 }), [
    0,
    2000,
    4000,
  ]);
  // Each is i * 1000 / 3, rounded once: lateness does not add up.
  assertEquals(dueTimes({ ratePerSec: 3, durationMs: 2000 }), [
    0,
    1000 / 3,
    2000 / 3,
    1000,
    4000 / 3,
    5000 / 3,
  ]);
});

Deno.test("dueTimesMs() gives exactly n * r arrivals in n seconds", () => {
  for (let ratePerSec = 1; ratePerSec <= 300; ratePerSec++) {
    for (const seconds of [1, 2, 7, 60]) {
      const { length } = dueTimes({ ratePerSec, durationMs: seconds * 1000 });
      assertEquals([ratePerSec, seconds, length], [
        ratePerSec,
        seconds,
        ratePerSec * seconds,
      ]);
    }
  }
});

Deno.test("dueTimesMs() leaves out what is due at the end of the window", () => {
  assertEquals(dueTimes({ ratePerSec: 1, durationMs: 1000 }), [0]);
  assertEquals(dueTimes({ ratePerSec: 1, durationMs: 1000.001 }), [0, 1000]);
  for (const arrival of ARRIVALS) {
    assertEquals(dueTimes({ arrival, durationMs: 0 }), []);
  }
});

Deno.test("dueTimesMs() draws a Poisson process", () => {
  const durationMs = 4_000_000;
  const due = dueTimes({ arrival: "poisson", ratePerSec: 50, durationMs });
  const counts = Array.from({ length: durationMs / 1000 }, () => 0);
  for (const dueMs of due) {
    const second = Math.floor(dueMs / 1000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  assertEquals(counts.length, 4000);
  // Poisson: the mean is the rate, and so is the variance. Standard errors here: 0.11 and 1.12.
  const mean = due.length / counts.length;
  const variance = counts.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 3999;
  assertEquals([mean > 49.7, mean < 50.3], [true, true]);
  assertEquals([variance > 46.6, variance < 53.4], [true, true]);
  assertEquals(due, due.toSorted((a, b) => a - b));
  assertEquals(due.filter((dueMs) => dueMs < 0 || dueMs >= durationMs), []);
});

Deno.test("dueTimesMs() ends a Poisson process with its window", () => {
  for (let seed = 0; seed < 400; seed++) {
    const due = dueTimes({
      arrival: "poisson",
      ratePerSec: 1000,
      durationMs: 50,
      seed,
    });
    assertEquals(due.filter((dueMs) => dueMs >= 50), []);
  }
});

Deno.test("dueTimesMs() draws the first gap of a Poisson process too", () => {
  const firsts = Array.from(
    { length: 4000 },
    (_, seed) => dueTimes({ arrival: "poisson", seed })[0] ?? 1000,
  );
  const mean = firsts.reduce((sum, first) => sum + first, 0) / firsts.length;
  // Mean and standard deviation are 100 ms, so the standard error is 1.6 ms.
  assertEquals([mean > 94, mean < 106], [true, true]);
});

Deno.test("dueTimesMs() is decided by its seed", () => {
  const poisson = { arrival: "poisson" } as const;
  assertEquals(dueTimes(poisson), dueTimes(poisson));
  assertEquals(
    dueTimes({ ...poisson, seed: 0 }),
    dueTimes({ ...poisson, seed: "0" }),
  );
  assertNotEquals(dueTimes({ ...poisson, seed: "8" }), dueTimes(poisson));
  // A longer window begins with the arrivals of the shorter one.
  const longer = dueTimes({ ...poisson, durationMs: 2000 });
  const shorter = dueTimes(poisson);
  assertEquals(longer.slice(0, shorter.length), shorter);
});
