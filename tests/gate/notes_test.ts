import { assertEquals } from "@std/assert";
import { type GateCell, judge, type RunValue } from "../../lib/gate/judge.ts";
import { valueOf } from "../support/gate_simulation.ts";

/** Twenty requests, all of the median but the slowest two, which make the mean. */
function value(p50Ms: number, meanMs = p50Ms): RunValue {
  const slowestMs = p50Ms + 10 * (meanMs - p50Ms);
  return valueOf([
    ...Array.from({ length: 18 }, () => p50Ms),
    slowestMs,
    slowestMs,
  ]);
}

/** Eight cells that all lie at the given medians in the baseline runs, and at 10 ms in the result. */
function cells(baselineMs: readonly number[], resultMeanMs = 10): GateCell[] {
  return Array.from({ length: 8 }, (_, index) => ({
    key: `c${index}`,
    baseline: baselineMs.map((ms) => value(ms)),
    // A tail that differs a little from cell to cell, as a t test needs it.
    result: [value(10, resultMeanMs + 0.01 * index)],
  }));
}

function notes(given: readonly GateCell[]): string[] {
  return judge(given).notes.map(({ message }) => message);
}

Deno.test("judge() notes that one baseline run cannot show the noise between runs", () => {
  assertEquals(notes(cells([10])), [
    "One baseline run: the noise between runs is assumed (3 %), not measured; " +
    "a change of all cells may be the machine. Add baseline runs, five in all",
  ]);
  assertEquals(notes(cells([10, 10.1])), []);
});

Deno.test("judge() names the baseline run that does not belong, and only that one", () => {
  const verdict = judge(cells([10, 10.1, 9.9, 12.5, 10]));
  assertEquals(verdict.notes, [{
    kind: "odd-baseline-run",
    message: "Baseline run 4 of 5 does not belong and is left out: " +
      "its latencies are +25.0 % off the others. Drop its rows from the baseline",
    baselineRun: 3,
  }]);
  assertEquals(judge(cells([10, 7.5, 10.1, 9.9])).notes[0]?.baselineRun, 1);
  assertEquals(notes(cells([10, 10.5, 9.7, 10.3, 10])), []);
});

Deno.test("judge() notes a slow creep since the oldest runs, from the sixth run on", () => {
  const creepingMs = [6.8, 7.2, 7.7, 8.2, 8.8, 9.4];
  assertEquals(notes(cells(creepingMs)), [
    "Slow creep: against the 3 oldest baseline runs 8 of 8 cells are a regression, " +
    "all cells -27.8 % of throughput, though each step was small. If that was intended, start a new baseline",
  ]);
  assertEquals(notes(cells(creepingMs.slice(1))), []);
});

Deno.test("judge() notes slow requests when means grow and medians do not", () => {
  const tail = judge(cells([10, 10, 10], 11.5));
  assertEquals(tail.notes.map(({ kind }) => kind), ["tail"]);
  assertEquals(
    tail.notes[0]?.message,
    "Slow requests: mean latency grew by +15.3 % against the median. " +
      "Compare p95 and p99; this fails no run",
  );
  assertEquals(tail.cells.every(({ status }) => status === "OK"), true);
  // Below 5 % it is not worth a note, however certain it is; and fewer slow requests are none.
  assertEquals(notes(cells([10, 10, 10], 10.4)), []);
  assertEquals(notes(cells([10, 10, 10], 9.5)), []);
});
