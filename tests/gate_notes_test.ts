import { assertEquals } from "@std/assert";
import { type GateCell, judge, type RunValue } from "../lib/gate/gate.ts";

function value(p50Ms: number, meanMs = p50Ms): RunValue {
  return {
    count: 20,
    p50Ms,
    p95Ms: 1.05 * p50Ms,
    meanMs,
    standardDeviationMs: 0.03 * p50Ms,
    latenciesMs: null,
  };
}

/** Eight cells that all lie at the given medians in the baseline runs, and at 10 ms in the result. */
function cells(baselineMs: readonly number[], resultMeanMs = 10): GateCell[] {
  return Array.from({ length: 8 }, (_, index) => ({
    key: `c${index}`,
    baseline: baselineMs.map((ms) => value(ms)),
    // A tail that differs a little from cell to cell, as a t test needs it.
    result: [[value(10, resultMeanMs + 0.01 * index)]],
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
    message:
      "Baseline run 4 of 5 does not belong: its latencies are +25.0 % off the others, " +
      "which hides real changes. Drop its rows from the baseline",
    baselineRun: 3,
  }]);
  assertEquals(judge(cells([10, 7.5, 10.1, 9.9])).notes[0]?.baselineRun, 1);
  assertEquals(notes(cells([10, 10.5, 9.7, 10.3, 10])), []);
});

Deno.test("judge() notes a baseline that drifts from its sixth run on", () => {
  const drifting = [10, 10.11, 10.19, 10.3, 10.41, 10.5];
  assertEquals(notes(cells(drifting)), [
    "The baseline drifts by +1.0 % of latency from run to run: renew it",
  ]);
  assertEquals(notes(cells(drifting.slice(1))), []);
  // As clear a trend, but of 0.5 % in all.
  assertEquals(
    notes(cells([10, 10.011, 10.019, 10.03, 10.041, 10.05])),
    [],
  );
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
  assertEquals(notes(cells([10, 10, 10], 9)), []);
});
