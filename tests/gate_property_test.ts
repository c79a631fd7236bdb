import { assert, assertEquals } from "@std/assert";
import {
  type GateCell,
  type GateVerdict,
  judge,
  type RunValue,
} from "../lib/gate/gate.ts";
import { createRng } from "../lib/stats/rng.ts";
import { type Comparison, SCENARIOS, simulate } from "./gate_simulation.ts";

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
    result: result.map((run) => run.map(change)),
  }));
}

function scaled(factor: number): (value: RunValue) => RunValue {
  return (value) => ({
    count: value.count,
    p50Ms: factor * value.p50Ms,
    p95Ms: factor * value.p95Ms,
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

Deno.test("judge() names no REGRESSION that a lower threshold would not name", () => {
  eachComparison((cells) => {
    const strict = statuses(judge(cells, { failPercent: 7 }));
    for (const [key, status] of statuses(judge(cells))) {
      if (status === "REGRESSION") assertEquals(strict.get(key), "REGRESSION");
    }
  });
});
