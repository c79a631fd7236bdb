import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
  fail,
} from "@std/assert";
import type { HttpAnswer, HttpFailure } from "../../lib/http/exchange.ts";
import fc from "fast-check";
import {
  drive,
  type Loop,
  partOf,
  shareOf,
  splitLoop,
} from "../../lib/load/driver.ts";
import type { Standstill } from "../../lib/load/observer.ts";
import {
  ARRIVALS,
  dueTimesMs,
  numberInWhole,
  sharedDueTimesMs,
} from "../../lib/load/pacing.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import { type Outcome, OUTCOMES } from "../../lib/outcome.ts";

/** Runs events in the order of their times, those of one time together; then all promises settle. */
class VirtualTime {
  nowMs = 0;
  #events: { dueMs: number; run: () => void }[] = [];

  at(dueMs: number, run: () => void): void {
    this.#events.push({ dueMs, run });
  }

  async runUntil(end: Promise<void>): Promise<void> {
    let ended = false;
    let failure: unknown = null;
    end.then(() => ended = true, (error) => {
      ended = true;
      failure = error;
    });
    for (;;) {
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      if (ended) break;
      if (this.#events.length === 0) {
        throw new Error("The load waits for nothing");
      }
      const dueMs = Math.min(...this.#events.map((event) => event.dueMs));
      const due = this.#events.filter((event) => event.dueMs === dueMs);
      this.#events = this.#events.filter((event) => event.dueMs !== dueMs);
      this.nowMs = Math.max(this.nowMs, dueMs);
      for (const event of due) event.run();
    }
    if (failure !== null) throw failure;
  }
}

interface Scenario {
  /** How often the client sent each request again. */
  retries?: number;
  /** How long the server takes for the request with an index. */
  readonly serviceMs: (index: number) => number;
  /** How the request with an index ends; ok without it. */
  readonly end?: (index: number) => Outcome;
  /** When the user interrupts. */
  readonly abortAtMs?: number;
  /** What making a body costs. */
  readonly prepareMs?: number;
}

interface Seen {
  planned: number[];
  sent: number[];
  done: number[];
  outcomes: string[];
  prepared: number[];
  mostInFlight: number;
  endMs: number;
  standstill: Standstill | undefined;
  retried: number;
  failures: readonly { outcome: Outcome; count: number; example: string }[];
}

async function run(
  loop: Loop,
  scenario: Scenario,
  startMs?: number,
): Promise<Seen> {
  const time = new VirtualTime();
  const abort = new AbortController();
  const recorder = new SampleRecorder();
  const prepared: number[] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  if (scenario.abortAtMs !== undefined) {
    time.at(scenario.abortAtMs, () => abort.abort());
  }
  const exchange = (
    sentMs: number,
    outcome: "answer" | "aborted",
  ): HttpAnswer | HttpFailure => {
    const retries = scenario.retries ?? 0;
    const times = { sentMs, doneMs: time.nowMs, retries };
    return outcome === "aborted"
      ? { kind: "failure", outcome, message: "interrupted", ...times }
      : {
        kind: "answer",
        status: 200,
        headers: new Map(),
        body: new Uint8Array(),
        ...times,
      };
  };
  await time.runUntil(drive(loop, {
    now: () => time.nowMs,
    waitUntil: (dueMs, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (dueMs <= time.nowMs || signal.aborted) resolve();
      time.at(dueMs, resolve);
      signal.addEventListener("abort", () => resolve());
      return promise;
    },
    prepare: (index) => {
      prepared.push(index);
      time.nowMs += scenario.prepareMs ?? 0;
      return Uint8Array.of(index);
    },
    submit: (request, signal, onResult) => {
      const sentMs = time.nowMs;
      let isOpen = true;
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      const finish = (outcome: "answer" | "aborted") => {
        if (!isOpen) return;
        isOpen = false;
        inFlight--;
        onResult(exchange(sentMs, outcome));
      };
      time.at(
        time.nowMs + scenario.serviceMs(request[0] ?? 0),
        () => finish("answer"),
      );
      signal.addEventListener("abort", () => finish("aborted"));
    },
    judge: (found, index) => {
      const outcome = found.kind === "failure"
        ? found.outcome
        : scenario.end?.(index) ?? "ok";
      return { outcome, message: outcome === "ok" ? "" : `request ${index}` };
    },
    defer: (task) => time.at(time.nowMs, task),
    rest: (task) => time.at(time.nowMs + 1, task),
  }, {
    ...{ signal: abort.signal, recorder },
    ...startMs === undefined ? {} : { startMs },
  }));
  const { planned, done } = recorder;
  const samples = recorder.finish();
  // Whatever happens, each planned request has exactly one outcome.
  assertEquals(done, planned);
  assertEquals(samples.outcome.length, planned);
  return {
    planned: [...samples.plannedMs],
    sent: [...samples.sentMs],
    done: [...samples.doneMs],
    outcomes: [...samples.outcome].map((code) => OUTCOMES[code] ?? "none"),
    prepared,
    mostInFlight,
    endMs: time.nowMs,
    standstill: recorder.standstills[0],
    failures: samples.failures,
    retried: samples.retried,
  };
}

const closed = (changes: Partial<Loop> = {}): Loop => ({
  ...{ kind: "closed", concurrency: 1, count: null, durationMs: null },
  ...changes,
} as Loop);
const open = (changes: Partial<Loop> = {}): Loop => ({
  ...{ kind: "open", arrival: "constant", ratePerSec: 10, durationMs: 1000 },
  ...{ seed: 0, maxInFlight: 100 },
  share: { index: 0, of: 1 },
  ...changes,
} as Loop);
const TENTHS = Array.from({ length: 10 }, (_, i) => 100 * i);
const OK = (count: number) => Array.from({ length: count }, () => "ok");

Deno.test("drive() sends one request after another in a closed loop of one", async () => {
  const seen = await run(closed({ count: 4 }), {
    serviceMs: (index) => 10 * (index + 1),
  });
  assertEquals(seen.planned, [0, 10, 30, 60]);
  assertEquals(seen.sent, seen.planned);
  assertEquals(seen.done, [10, 30, 60, 100]);
  assertEquals(seen.outcomes, OK(4));
  assertEquals(seen.prepared, [0, 1, 2, 3]);
  assertEquals(seen.mostInFlight, 1);
});

Deno.test("drive() makes a body before the clock of its request starts", async () => {
  const seen = await run(closed({ count: 3 }), {
    serviceMs: () => 10,
    prepareMs: 5,
  });
  assertEquals(seen.planned, [5, 20, 35]);
  assertEquals(seen.sent, seen.planned);
  assertEquals(seen.done, [15, 30, 45]);
});

Deno.test("drive() never has more in flight than clients, and keeps all of them busy", async () => {
  for (const concurrency of [1, 2, 3, 8]) {
    const seen = await run(closed({ concurrency, count: 24 }), {
      serviceMs: () => 50,
    });
    assertEquals(seen.mostInFlight, concurrency);
    assertEquals(seen.outcomes, OK(24));
    assertEquals(seen.endMs, 50 * 24 / concurrency);
    assertEquals(seen.prepared, Array.from({ length: 24 }, (_, i) => i));
  }
});

Deno.test("drive() lets a client go on while another waits", async () => {
  const seen = await run(closed({ concurrency: 2, count: 6 }), {
    serviceMs: (index) => index === 0 ? 100 : 10,
  });
  assertEquals(seen.sent, [0, 0, 10, 20, 30, 40]);
  assertEquals(seen.done, [100, 10, 20, 30, 40, 50]);
});

Deno.test("drive() ends a closed loop at its count, even below its clients", async () => {
  const seen = await run(closed({ concurrency: 8, count: 3 }), {
    serviceMs: () => 10,
  });
  assertEquals(seen.sent, [0, 0, 0]);
  const none = await run(closed({ count: 0 }), { serviceMs: () => 10 });
  assertEquals([none.outcomes, none.prepared], [[], []]);
});

Deno.test("drive() ends a closed loop at its duration and waits for what is in flight", async () => {
  const seen = await run(closed({ concurrency: 2, durationMs: 100 }), {
    serviceMs: (index) => index % 2 === 0 ? 40 : 50,
  });
  // Starts at 0, 40/50, 80/100: the one that was due at 100 is not sent.
  assertEquals(seen.sent, [0, 0, 40, 50, 80]);
  assertEquals(seen.done, [40, 50, 80, 100, 120]);
  assertEquals(seen.outcomes, OK(5));
});

Deno.test("drive() keeps going after failures and records each", async () => {
  const seen = await run(closed({ count: 5 }), {
    serviceMs: () => 10,
    end: (index) => index % 2 === 1 ? "http-status" : "ok",
  });
  assertEquals(seen.outcomes, [
    "ok",
    "http-status",
    "ok",
    "http-status",
    "ok",
  ]);
  assertEquals(seen.failures, [
    { outcome: "http-status", count: 2, example: "request 1" },
  ]);
});

Deno.test("drive() counts the requests that the client sent again", async () => {
  const of = async (retries: number) =>
    (await run(closed({ count: 3 }), { serviceMs: () => 10, retries })).retried;
  assertEquals([await of(0), await of(1)], [0, 3]);
});

Deno.test("drive() marks what is in flight as aborted and plans nothing more", async () => {
  const seen = await run(closed({ concurrency: 3, count: 100 }), {
    serviceMs: (index) => [10, 20, 30][index % 3] ?? 0,
    abortAtMs: 25,
  });
  // Clients are done at 10 (request 0) and 20 (1, and 3 after 0); 2, 4 and 5 are in flight.
  assertEquals(seen.outcomes, [
    "ok",
    "ok",
    "aborted",
    "ok",
    "aborted",
    "aborted",
  ]);
  assertEquals(seen.done, [10, 20, 25, 20, 25, 25]);
  assertEquals(seen.endMs, 25);
});

Deno.test("drive() sends nothing when the signal came before", async () => {
  for (const loop of [closed({ count: 5 }), open()]) {
    const abort = new AbortController();
    abort.abort();
    const recorder = new SampleRecorder();
    await drive(loop, {
      now: () => 0,
      waitUntil: () => Promise.resolve(),
      prepare: () => new Uint8Array(),
      submit: () => fail("sent"),
      judge: () => ({ outcome: "ok", message: "" }),
      defer: (task) => task(),
      rest: (task) => task(),
    }, { signal: abort.signal, recorder });
    assertEquals(recorder.planned, 0);
  }
});

Deno.test("drive() rejects when a body cannot be made", async () => {
  const recorder = new SampleRecorder();
  await assertRejects(
    () =>
      drive(closed({ count: 5 }), {
        now: () => 0,
        waitUntil: () => Promise.resolve(),
        prepare: () => {
          throw new RangeError("Cannot send");
        },
        submit: () => fail("sent"),
        judge: () => ({ outcome: "ok", message: "" }),
        defer: (task) => task(),
        rest: (task) => task(),
      }, { signal: new AbortController().signal, recorder }),
    RangeError,
    "Cannot send",
  );
});

Deno.test("drive() sends at the planned times of an open loop whatever the server does", async () => {
  for (const serviceMs of [1, 99, 450, 5000]) {
    const seen = await run(open(), { serviceMs: () => serviceMs });
    assertEquals(seen.planned, TENTHS);
    assertEquals(seen.sent, TENTHS);
    assertEquals(seen.done, TENTHS.map((sentMs) => sentMs + serviceMs));
    assertEquals(seen.outcomes, OK(10));
    assertEquals(seen.mostInFlight, Math.min(10, Math.ceil(serviceMs / 100)));
  }
});

Deno.test("drive() does not let a slow body move the schedule of an open loop", async () => {
  const seen = await run(open(), { serviceMs: () => 10, prepareMs: 30 });
  assertEquals(seen.planned, TENTHS);
  // Only the first is late: its body had to be made after the start.
  assertEquals(seen.sent, [30, ...TENTHS.slice(1)]);
});

Deno.test("drive() drops and counts what comes while all places are taken", async () => {
  const seen = await run(open({ maxInFlight: 1 }), {
    serviceMs: () => 250,
  });
  assertEquals(seen.planned, TENTHS);
  assertEquals(
    seen.outcomes.map((outcome) => outcome === "ok" ? "ok" : outcome),
    TENTHS.map((_, i) => i % 3 === 0 ? "ok" : "dropped"),
  );
  assertEquals(seen.mostInFlight, 1);
  assertEquals(seen.failures, [{
    outcome: "dropped",
    count: 6,
    example: "too many requests in flight",
  }]);
});

Deno.test("drive() finds the longest time in which requests were in flight and none ended", async () => {
  // Requests 2 to 9 are sent from 200 to 900, and come back the last one first, from 1700 on.
  const stalled = await run(open(), {
    serviceMs: (index) => index < 2 ? 10 : 1709 - index - 100 * index,
  });
  assertEquals(stalled.standstill, { startMs: 200, durationMs: 1500 });
  // Nothing is in flight between an answer and the next request.
  const idle = await run(open(), { serviceMs: () => 10 });
  assertEquals(idle.standstill, { startMs: 0, durationMs: 10 });
  // Until the interrupt nothing had ended either.
  const cut = await run(open(), {
    serviceMs: (index) => index === 0 ? 10 : 5000,
    abortAtMs: 950,
  });
  assertEquals(cut.standstill, { startMs: 100, durationMs: 850 });
});

Deno.test("drive() ends an open loop at once when it is interrupted", async () => {
  const seen = await run(open({ maxInFlight: 2 }), {
    serviceMs: () => 220,
    abortAtMs: 430,
  });
  // 0 and 1 are done at 220 and 320, 2 finds no place, 3 and 4 are in flight, 5 is not due.
  assertEquals(seen.planned, [0, 100, 200, 300, 400]);
  assertEquals(seen.outcomes, ["ok", "ok", "dropped", "aborted", "aborted"]);
  assertEquals(seen.failures.map(({ outcome, count }) => [outcome, count]), [
    ["aborted", 2],
    ["dropped", 1],
  ]);
  assertEquals(seen.endMs, 430);
});

Deno.test("drive() gives each request of a Poisson load an outcome", async () => {
  for (const abortAtMs of [undefined, 700]) {
    const seen = await run(
      open({ arrival: "poisson", ratePerSec: 200, maxInFlight: 3 }),
      {
        serviceMs: (index) => 5 + index % 7 * 10,
        end: (index) => index % 5 === 0 ? "reset" : "ok",
        ...(abortAtMs === undefined ? {} : { abortAtMs }),
      },
    );
    assertLessOrEqual(seen.mostInFlight, 3);
    assert(seen.outcomes.includes("dropped"));
    assertEquals(
      seen.sent.filter((ms, i) => ms < (seen.planned[i] ?? 0)),
      [],
    );
  }
});

Deno.test("splitLoop() shares a load out, so that nothing is sent twice or left out", async () => {
  assertEquals(
    splitLoop(closed({ concurrency: 5, count: 12 }), 2),
    [
      closed({ concurrency: 3, count: 6, share: { index: 0, of: 2 } }),
      closed({ concurrency: 2, count: 6, share: { index: 1, of: 2 } }),
    ],
  );
  assertEquals(splitLoop(closed({ concurrency: 1, count: 12 }), 4), [
    closed({ concurrency: 1, count: 12, share: { index: 0, of: 1 } }),
  ]);
  for (const arrival of ["constant", "poisson"] as const) {
    const whole = open({ arrival, maxInFlight: 8 });
    const parts = splitLoop(whole, 3);
    assertEquals(
      parts.map((part) => part.kind === "open" ? part.maxInFlight : 0),
      [3, 3, 2],
    );
    const planned = [];
    for (const part of parts) {
      planned.push(...(await run(part, { serviceMs: () => 1 })).planned);
    }
    const { planned: expected } = await run(whole, { serviceMs: () => 1 });
    assertEquals(planned.toSorted((a, b) => a - b), expected);
  }
});

/** The hosts that share a load in the properties below. */
const HOSTS = [1, 2, 3, 7];

/** The parts of a load on several hosts, each with a number of threads. */
function partsOf(whole: Loop, hosts: number, threads: number): Loop[] {
  return Array.from({ length: hosts }, (_, index) => ({ index, of: hosts }))
    .flatMap((host) => splitLoop(partOf(whole, host), threads));
}

Deno.test("partOf() shares a schedule out bit for bit, over hosts and their threads", () => {
  fc.assert(fc.property(
    fc.constantFrom(...ARRIVALS),
    fc.double({ min: 0.1, max: 3_000, noNaN: true }),
    fc.double({ min: 0, max: 3_000, noNaN: true }),
    fc.string(),
    fc.constantFrom(...HOSTS),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 50 }),
    (arrival, ratePerSec, durationMs, seed, hosts, threads, maxInFlight) => {
      const schedule = { arrival, ratePerSec, durationMs, seed };
      const whole = open({ ...schedule, maxInFlight });
      const parts = partsOf(whole, hosts, threads);
      const sent = parts.flatMap((part) =>
        [...sharedDueTimesMs(schedule, shareOf(part))].map((dueMs, i) =>
          [numberInWhole(shareOf(part), i), dueMs] as const
        )
      ).toSorted(([left], [right]) => left - right);
      assertEquals(
        sent,
        [...dueTimesMs(schedule)].map((dueMs, k) => [k, dueMs]),
      );
      // Of thousands of values assertEquals() would say equal of 0 and -0.
      const bits = (times: readonly number[]) =>
        new Uint8Array(Float64Array.from(times).buffer);
      assertEquals(
        bits(sent.map(([, dueMs]) => dueMs)),
        bits([...dueTimesMs(schedule)]),
      );
      const bounds = parts.map((part) =>
        part.kind === "open" ? part.maxInFlight : NaN
      );
      const bound = bounds.reduce((sum, one) => sum + one, 0);
      assertEquals(Math.min(...bounds) >= 1, true);
      assertEquals(bound, Math.max(maxInFlight, hosts));
    },
  ));
});

Deno.test("partOf() shares clients and counts out, and no two parts send one payload", () => {
  fc.assert(fc.property(
    fc.constantFrom(...HOSTS),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 7, max: 60 }),
    fc.option(fc.integer({ min: 0, max: 500 })),
    (hosts, threads, concurrency, count) => {
      const parts = partsOf(closed({ concurrency, count }), hosts, threads);
      const sum = (name: "concurrency" | "count") =>
        parts.reduce(
          (total, part) =>
            total + (part.kind === "closed" ? part[name] ?? NaN : NaN),
          0,
        );
      assertEquals(sum("concurrency"), concurrency);
      if (count !== null) assertEquals(sum("count"), count);
      const numbers = parts.flatMap((part) =>
        Array.from({ length: 20 }, (_, i) => numberInWhole(shareOf(part), i))
      );
      assertEquals(new Set(numbers).size, numbers.length);
    },
  ));
});

Deno.test("drive() sends on several hosts what one would have sent", async () => {
  for (const arrival of ARRIVALS) {
    for (const hosts of HOSTS) {
      const whole = open({ arrival, ratePerSec: 40 });
      const planned = [];
      for (const part of partsOf(whole, hosts, 2)) {
        planned.push(...(await run(part, { serviceMs: () => 1 })).planned);
      }
      const { planned: expected } = await run(whole, { serviceMs: () => 1 });
      assertEquals(planned.toSorted((a, b) => a - b), expected);
    }
  }
});

Deno.test("drive() starts at the time that it is told, and counts from it where that has passed", async () => {
  const serviceMs = () => 10;
  const opened = await run(open(), { serviceMs }, 500);
  assertEquals(opened.planned, TENTHS.map((dueMs) => 500 + dueMs));
  assertEquals(opened.sent, opened.planned);
  const clients = closed({ concurrency: 2, durationMs: 20 });
  const waited = await run(clients, { serviceMs }, 500);
  assertEquals([waited.sent, waited.endMs], [[500, 500, 510, 510], 520]);
  const late = await run(open(), { serviceMs }, -250);
  assertEquals(late.planned, TENTHS.map((dueMs) => dueMs - 250));
  assertEquals(late.sent.slice(0, 4), [0, 0, 0, 50]);
});
