import { assert, assertEquals, assertLess } from "@std/assert";
import {
  type GateCell,
  type GateVerdict,
  judge,
  type RunValue,
} from "../../lib/gate/judge.ts";
import { createRng } from "../../lib/stats/rng.ts";
import {
  type Comparison,
  SCENARIOS,
  simulate,
  valueOf,
} from "../support/gate_simulation.ts";

/** Comparisons of every kind: with and without a change, one baseline row and several, three sizes. */
const COMPARISONS:
  readonly (Comparison & { scenario: keyof typeof SCENARIOS })[] = [
    {
      scenario: "typ",
      cells: 24,
      samples: 20,
      baselineRuns: 5,
      slower: "one",
      slowdown: 0.25,
    },
    {
      scenario: "typ",
      cells: 24,
      samples: 20,
      baselineRuns: 5,
      slower: "all",
      slowdown: 0.15,
    },
    {
      scenario: "vm",
      cells: 24,
      samples: 20,
      baselineRuns: 1,
      slower: "all",
      slowdown: 0.2,
    },
    {
      scenario: "quiet",
      cells: 24,
      samples: 20,
      baselineRuns: 2,
      slower: "one",
      slowdown: 0.15,
    },
    {
      scenario: "impr",
      cells: 6,
      samples: 20,
      baselineRuns: 3,
      slower: "none",
      slowdown: 0,
    },
    {
      scenario: "a15",
      cells: 1,
      samples: 5,
      baselineRuns: 4,
      slower: "all",
      slowdown: 0.4,
    },
  ];
const SEEDS = Array.from({ length: 10 }, (_, index) => `property ${index}`);

function eachComparison(check: (cells: readonly GateCell[]) => void): void {
  for (const seed of SEEDS) {
    for (const { scenario, ...shape } of COMPARISONS) {
      check(simulate(SCENARIOS[scenario], shape, seed).cells);
    }
  }
}

function statuses(verdict: GateVerdict): Map<string, string> {
  return new Map(verdict.cells.map(({ key, status }) => [key, status]));
}

function mapValues(
  cells: readonly GateCell[],
  change: (value: RunValue) => RunValue,
): GateCell[] {
  return cells.map(({ key, baseline, result }) => ({
    key,
    baseline: baseline.map((value) => value === null ? null : change(value)),
    result: result.map(change),
  }));
}

function scaled(factor: number): (value: RunValue) => RunValue {
  return (value) => ({
    count: value.count,
    p50Ms: factor * value.p50Ms,
    p95Ms: factor * value.p95Ms,
    p99Ms: factor * value.p99Ms,
    meanMs: factor * value.meanMs,
    standardDeviationMs: value.standardDeviationMs === null
      ? null
      : factor * value.standardDeviationMs,
    latenciesMs: value.latenciesMs?.map((ms) => factor * ms) ?? null,
  });
}

/** The order that a shuffle with the given seed brings 0 to count - 1 into. */
function shuffledIndexes(count: number, seed: string): number[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, (_, index) => ({ index, rank: rng() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ index }) => index);
}

Deno.test("the comparisons of these tests hold every status that matters", () => {
  const seen = new Set<string>();
  eachComparison((cells) =>
    judge(cells).cells.forEach(({ status }) => seen.add(status))
  );
  assertEquals([...seen].toSorted(), [
    "IMPROVED",
    "INCONCLUSIVE",
    "OK",
    "REGRESSION",
    "WARN",
  ]);
});

Deno.test("judge() does not depend on the unit of latency", () => {
  eachComparison((cells) => {
    const expected = statuses(judge(cells));
    for (const factor of [1000, 0.0173]) {
      assertEquals(statuses(judge(mapValues(cells, scaled(factor)))), expected);
    }
  });
});

Deno.test("judge() does not depend on the order of cells or of baseline runs", () => {
  eachComparison((cells) => {
    const expected = statuses(judge(cells));
    const runs = cells[0]?.baseline.length ?? 0;
    const order = shuffledIndexes(runs, "runs");
    const shuffled = shuffledIndexes(cells.length, "cells").flatMap((index) => {
      const cell = cells[index];
      return cell === undefined ? [] : [{
        ...cell,
        baseline: order.map((run) => cell.baseline[run] ?? null),
      }];
    });
    const actual = statuses(judge(shuffled));
    for (const [key, status] of expected) assertEquals(actual.get(key), status);
  });
});

Deno.test("judge() turns no REGRESSION to OK when further runs show the same", () => {
  eachComparison((cells) => {
    const moreResult = cells.map((cell) => ({
      ...cell,
      result: [...cell.result, ...cell.result, ...cell.result],
    }));
    const moreBaseline = cells.map((cell) => ({
      ...cell,
      baseline: [...cell.baseline, ...cell.baseline],
    }));
    const before = statuses(judge(cells));
    for (const after of [judge(moreResult), judge(moreBaseline)]) {
      for (const { key, status } of after.cells) {
        assert(before.get(key) !== "REGRESSION" || status !== "OK");
      }
    }
  });
});

Deno.test("judge() passes no failed run for one more cell that is slower", () => {
  const rng = createRng("one more");
  const between = (low: number, high: number) => low + (high - low) * rng();
  const whole = (low: number, high: number) =>
    Math.floor(between(low, high + 1));
  const exitCode = ({ cells, undecided }: GateVerdict) =>
    cells.some(({ status }) => status === "REGRESSION")
      ? 1
      : undecided === null
      ? 0
      : 3;
  let failed = 0;
  for (let set = 0; set < 10_000; set++) {
    const runNoise = between(0, 0.3) * rng();
    const cellNoise = between(0, 0.2) * rng();
    const baselineRuns = whole(1, 6);
    const run = (levels: readonly number[]) => {
      const shared = Math.exp(runNoise * (rng() - 0.5));
      return levels.map((level) => {
        const middleMs = level * shared *
          Math.exp(cellNoise * (rng() - 0.5));
        const spread = cellNoise * rng();
        return valueOf(
          Array.from(
            { length: 6 },
            () => middleMs * Math.exp(spread * (rng() - 0.5)),
          ),
        );
      });
    };
    const levels = Array.from({ length: whole(1, 6) }, () => between(1, 100));
    const slowShare = rng();
    const baseline = Array.from({ length: baselineRuns }, () => run(levels));
    const result = run(
      levels.map((level) =>
        level * (rng() < slowShare ? between(0.8, 2.5) : 1)
      ),
    );
    const cells = result.map((value, index): GateCell => ({
      key: `c${index}`,
      baseline: baseline.map((values) => values[index] ?? null),
      result: [value],
    }));
    const slower = whole(0, cells.length - 1);
    const factor = 1 / (1 - between(0.1, 0.8));
    const worse = cells.map((cell, index) =>
      index !== slower
        ? cell
        : { ...cell, result: cell.result.map(scaled(factor)) }
    );
    if (exitCode(judge(cells)) !== 1) continue;
    failed++;
    assert(exitCode(judge(worse)) !== 0, `set ${set}`);
  }
  assertLess(2000, failed);
});

Deno.test("judge() names no REGRESSION that a lower threshold would not name", () => {
  eachComparison((cells) => {
    const strict = statuses(judge(cells, { failPercent: 7 }));
    for (const [key, status] of statuses(judge(cells))) {
      if (status === "REGRESSION") assertEquals(strict.get(key), "REGRESSION");
    }
  });
});
