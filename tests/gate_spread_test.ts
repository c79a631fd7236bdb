import { assertAlmostEquals } from "@std/assert";
import { medianScatter } from "../lib/gate/gate_spread.ts";
import type { RunValue } from "../lib/gate/gate.ts";

const LATENCIES_MS = [
  10,
  10.4,
  10.3,
  9.8,
  9.7,
  10.1,
  10.5,
  10.6,
  30,
  10.2,
  9.9,
  9.6,
];

function value(
  standardDeviationMs: number | null,
  latenciesMs: readonly number[] | null = null,
): RunValue {
  const summary = { count: 12, p50Ms: 10, p95Ms: 11, meanMs: 10.1 };
  return { ...summary, standardDeviationMs, latenciesMs };
}

function scatter(
  baseline: readonly RunValue[],
  result: readonly RunValue[],
): { baseline: number; result: number } {
  const runs = { baseline, result };
  return medianScatter([runs])(runs);
}

// Expected values: the formulas written a second time in Python.

Deno.test("medianScatter() assumes a correlation where there are no samples", () => {
  const { baseline, result } = scatter([value(0.4)], [value(0.4)]);
  assertAlmostEquals(baseline, 0.0006159381734319759, 1e-15);
  assertAlmostEquals(result, 0.0006159381734319759, 1e-15);
});

Deno.test("medianScatter() measures the correlation of samples, drawing outliers in", () => {
  const run = value(0.4, LATENCIES_MS);
  const { result } = scatter([run], [run]);
  assertAlmostEquals(result, 0.0006185686294601994, 1e-15);
  // Nine samples are too few for it.
  const short = value(0.4, LATENCIES_MS.slice(0, 9));
  assertAlmostEquals(
    scatter([short], [short]).result,
    0.0006159381734319759,
    1e-15,
  );
});

Deno.test("medianScatter() takes the 95th percentile where a pause moves the standard deviation", () => {
  const paused = scatter([value(4)], [value(4)]);
  const spread = Math.log(1.1) / 1.6448536269514722;
  assertAlmostEquals(
    paused.result,
    Math.PI / 2 * 3 * spread ** 2 / 12,
    1e-15,
  );
});

Deno.test("medianScatter() follows a result run that is noisier in all cells", () => {
  const quiet = { baseline: [value(0.2)], result: [value(0.4)] };
  const predict = medianScatter([quiet, quiet, quiet]);
  const { baseline, result } = predict(quiet);
  assertAlmostEquals(result / baseline, 4, 1e-12);
});

Deno.test("medianScatter() does not take one wild run of a cell for its noise", () => {
  const cell = { baseline: [value(0.2)], result: [value(0.2)] };
  const wild = { baseline: [value(0.2)], result: [value(0.58)] };
  const predict = medianScatter([cell, cell, wild]);
  assertAlmostEquals(predict(wild).result, predict(cell).result, 1e-15);
});

Deno.test("medianScatter() assumes the worst where every cell has one sample", () => {
  const single = { ...value(null), count: 1 };
  assertAlmostEquals(
    scatter([single], [single]).result,
    Math.PI / 2 * 3,
    1e-12,
  );
});
