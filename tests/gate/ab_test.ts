import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type AbBlock, type AbCell, judgeAb } from "../../lib/gate/ab.ts";
import { simulateAb } from "../support/gate_ab_simulation.ts";

/** A block in which B takes `ratio` times as long as A. */
function block(ratio: number): AbBlock {
  return { a1Ms: 10, b1Ms: 10 * ratio, b2Ms: 10 * ratio, a2Ms: 10 };
}

function cell(key: string, ratios: readonly number[]): AbCell {
  return { key, blocks: ratios.map(block) };
}

// Expected values: the formulas of lib/gate/ab.ts, written a second time in Python with SciPy's t.
Deno.test("judgeAb() gives the trimmed mean of the ratios and its interval", () => {
  const { cells } = judgeAb([
    cell("a", [1.1, 1.12, 1.09, 1.11, 1.5, 1.1]),
    cell("b", [1, 1.01, 0.99, 1.02, 0.98, 1]),
  ]);
  const numbers = cells.flatMap(({ changePercent, intervalPercent }) => [
    changePercent ?? NaN,
    ...intervalPercent ?? [],
  ]);
  [
    -9.704021826816728,
    -12.646797053470149,
    -6.662109696850145,
    0.0025001562617197083,
    -3.2608033185572127,
    3.375884652363395,
  ].forEach((expected, index) =>
    assertAlmostEquals(numbers[index] ?? NaN, expected, 1e-9)
  );
  assertEquals(cells.map(({ status }) => status), ["WARN", "OK"]);
});

Deno.test("judgeAb() cancels an even drift within a block", () => {
  const growth = 1.07;
  const drifting = Array.from({ length: 10 }, (_, index) => {
    const start = 10 * growth ** (4 * index);
    return {
      a1Ms: start,
      b1Ms: start * growth,
      b2Ms: start * growth ** 2,
      a2Ms: start * growth ** 3,
    };
  });
  const verdict = judgeAb([{ key: "a", blocks: drifting }]);
  assertAlmostEquals(verdict.cells[0]?.changePercent ?? NaN, 0, 1e-9);
  assertEquals(verdict.cells[0]?.status, "OK");
});

Deno.test("judgeAb() finds a slower server, names one slower cell, and passes a server against itself", () => {
  const options = { failPercent: 5, warnPercent: 2.5 };
  const judged = (slower: "none" | "all" | "one", slowdown: number) => {
    const { cells, slowKey } = simulateAb(
      { blocks: 25, slower, slowdown },
      "ab",
    );
    const regressions = judgeAb(cells, options).cells
      .filter(({ status }) => status === "REGRESSION")
      .map(({ key }) => key);
    return { regressions, slowKey };
  };
  assertEquals(judged("none", 0).regressions, []);
  assertEquals(judged("all", 0.1).regressions.length, 24);
  const one = judged("one", 0.15);
  assertEquals(one.regressions, [one.slowKey]);
});

Deno.test("judgeAb() says how many more blocks decide an INCONCLUSIVE cell", () => {
  const scattered = [0.85, 1.1, 0.9, 1.3, 1, 1.2, 0.8, 1.05, 1, 1.15];
  const [first] = judgeAb([cell("a", scattered)]).cells;
  assertEquals(first?.status, "INCONCLUSIVE");
  const more = first?.moreRuns ?? NaN;
  const repeated = Array.from(
    { length: 1 + more / scattered.length },
    () => scattered,
  );
  const [after] = judgeAb([cell("a", repeated.flat())]).cells;
  assertEquals(after?.status, "OK");
  assertEquals(
    first?.reason.endsWith(`${more} more blocks would decide`),
    true,
  );
});

Deno.test("judgeAb() judges nothing when given nothing", () => {
  assertEquals(judgeAb([]), {
    cells: [],
    runWide: null,
    statistic: "mean ratio of the middle 60 % of the blocks",
    notes: [],
    undecided: null,
  });
});

Deno.test("judgeAb() refuses too few blocks and latencies that are not above 0", () => {
  assertThrows(
    () => judgeAb([cell("x", [1])]),
    RangeError,
    "Cannot judge cell x as A/B needs at least 2 blocks: current count is 1",
  );
  assertThrows(
    () => judgeAb([{ key: "x", blocks: [block(1), { ...block(1), b2Ms: 0 }] }]),
    RangeError,
    "Cannot judge cell x as latencies must be above 0 ms: current value is 0",
  );
});
