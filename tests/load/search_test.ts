import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertThrows,
} from "@std/assert";
import {
  brokenObjectives,
  parseObjectives,
} from "../../lib/load/objectives.ts";
import { nextLoad, rampResult, type RampTrial } from "../../lib/load/search.ts";

/** Runs a ramp against a server that holds any load up to its capacity. */
function climb(
  plan: { first: number; whole: boolean; ladder?: readonly number[] },
  verdictOf: (load: number) => RampTrial["verdict"],
): RampTrial[] {
  const trials: RampTrial[] = [];
  for (;;) {
    const load = nextLoad({ ladder: null, ...plan }, trials);
    if (load === null) return trials;
    trials.push({ load, verdict: verdictOf(load) });
  }
}

Deno.test("nextLoad() doubles until a break and then finds any capacity to a tenth", () => {
  for (const capacity of [1, 3.7, 10, 99, 1234, 50_000]) {
    const trials = climb(
      { first: 1, whole: false },
      (load) => load <= capacity ? "held" : "broke",
    );
    const { highest, lowestBroken } = rampResult(trials);
    assertLess(highest ?? Infinity, capacity + 1e-9);
    assertGreater(1.1 * (highest ?? 0), capacity - 0.01 * capacity);
    assertGreater(lowestBroken ?? 0, capacity);
    assertLess(trials.length, 25);
  }
});

Deno.test("nextLoad() takes the loads of a ladder in their order, whatever they come to", () => {
  const ladder = [4, 16, 8];
  const trials = climb(
    { first: 1, whole: true, ladder },
    (load) => load <= 5 ? "held" : "broke",
  );
  assertEquals(trials.map(({ load }) => load), ladder);
});

Deno.test("nextLoad() takes whole numbers of clients and ends between neighbours", () => {
  const trials = climb(
    { first: 1, whole: true },
    (load) => load <= 5 ? "held" : "broke",
  );
  assertEquals(trials.map(({ load }) => load), [1, 2, 4, 8, 6, 5]);
  assertEquals(rampResult(trials).highest, 5);
});

Deno.test("nextLoad() ends at once when the first load breaks, and some time when none does", () => {
  const first = climb({ first: 10, whole: false }, () => "broke");
  assertEquals(first.length, 1);
  assertEquals(rampResult(first).highest, null);
  const endless = climb({ first: 1, whole: false }, () => "held");
  assertEquals(endless.length, 30);
  assertEquals(rampResult(endless).lowestBroken, null);
});

Deno.test("rampResult() says when the client was the limit, and believes no luck above a break", () => {
  assertEquals(
    rampResult([
      { load: 10, verdict: "held" },
      { load: 20, verdict: "client" },
    ]),
    { highest: 10, lowestBroken: 20, clientLimited: true },
  );
  assertEquals(
    rampResult([
      { load: 10, verdict: "held" },
      { load: 20, verdict: "broke" },
      { load: 40, verdict: "held" },
    ]),
    { highest: 10, lowestBroken: 20, clientLimited: false },
  );
});

const LATENCY = { meanMs: 100, p50Ms: 90, p95Ms: 200, p99Ms: 400, maxMs: 900 };

Deno.test("parseObjectives() reads figures, units and shares", () => {
  assertEquals(
    parseObjectives("p99<500ms, mean<0.2s,errors<0.1%").map((
      { name, limit },
    ) => [name, limit]),
    [["p99", 500], ["mean", 200], ["errors", 0.001]],
  );
  for (
    const wrong of ["", "p98<1ms", "p99>1ms", "p99<1", "errors<1ms", "p99<1%"]
  ) {
    assertThrows(() => parseObjectives(wrong), SyntaxError, "p99<500ms");
  }
});

Deno.test("parseObjectives() takes blanks, and says what is wrong with what is nearly an objective", () => {
  assertEquals(parseObjectives("p99 < 500 ms")[0]?.limit, 500);
  for (
    const [text, hint] of [
      ["p99.9<500ms", ": p99.9 is not measured, take p99 or max"],
      ["P99<500ms", ": P99 is not measured, take p99 or max"],
      ["p99<=500ms", ": a figure must be below its limit, with <"],
      ["p99<500", ": the limit needs a unit, ms or s, for errors %"],
      ["errors < 0.1", ": the limit needs a unit, ms or s, for errors %"],
      ["p99<1%", ""],
    ] as const
  ) {
    const { message } = assertThrows(() => parseObjectives(text), SyntaxError);
    assert(message.endsWith(`found ${JSON.stringify(text)}${hint}`), message);
  }
  // A flag may be of any length.
  const long = `p${"9".repeat(100_000)}`;
  const { message } = assertThrows(() => parseObjectives(long), SyntaxError);
  assertLess(message.length, 300);
});

Deno.test("brokenObjectives() breaks at the limit, and without an answer", () => {
  const broken = (text: string, errorShare: number | null) =>
    brokenObjectives(parseObjectives(text), { latency: LATENCY, errorShare })
      .map(({ name }) => name);
  assertEquals(broken("p99<401ms,errors<1%", 0.009), []);
  assertEquals(broken("p99<400ms,errors<1%", 0.01), ["p99", "errors"]);
  assertEquals(broken("errors<0%", 0), []);
  assertEquals(
    brokenObjectives(parseObjectives("p99<1s,errors<1%"), {
      latency: null,
      errorShare: null,
    }).length,
    2,
  );
});
