import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Forecast } from "../../lib/bench/forecast.ts";
import { PROFILES } from "../../lib/bench/profiles.ts";
import { latenciesAround, measuredCell } from "../support/example_baseline.ts";

/** A server: what a request of so many items takes, and what the first one of a shape takes on top. */
interface Server {
  readonly requestMs: (batchSize: number) => number;
  readonly compileMs: number;
}

const WARM_UP = 9;

/** Measures a profile in virtual time; returns the forecast after each cell beside what was left in truth. */
function foresee(
  name: keyof typeof PROFILES,
  { requestMs, compileMs }: Server,
): { readonly saidMs: number; readonly trueMs: number }[] {
  const { batchSizes, numLabels, numRuns } = PROFILES[name];
  const cells = batchSizes.flatMap((size) => numLabels.map(() => size));
  const forecast = new Forecast({ numRuns });
  forecast.plan(cells, true);
  const tookMs = (batchSize: number) =>
    (numRuns + WARM_UP) * requestMs(batchSize) + compileMs;
  return cells.map((batchSize, i) => {
    forecast.begin(batchSize);
    const cell = measuredCell(
      batchSize,
      latenciesAround(requestMs(batchSize), `${i}`, numRuns),
      {
        warmUp: {
          requests: WARM_UP,
          failed: 0,
          slowestMs: compileMs,
          settled: true,
        },
      },
    );
    forecast.learn(cell, tookMs(batchSize));
    const trueMs = cells.slice(i + 1).reduce(
      (sum, size) => sum + tookMs(size),
      0,
    );
    return { saidMs: forecast.leftMs(null) ?? NaN, trueMs };
  });
}

const SERVERS: Readonly<Record<string, Server>> = {
  "the simulated engine": { requestMs: (n) => 5 + 3.1 * n, compileMs: 0 },
  "a TPU": { requestMs: (n) => 8 + 1.5 * n, compileMs: 0 },
  "a server that compiles each shape for 8 s": {
    requestMs: (n) => 8 + 1.5 * n,
    compileMs: 8000,
  },
};

for (const [name, server] of Object.entries(SERVERS)) {
  Deno.test(`Forecast is right within a third after the second cell, and close later: ${name}`, () => {
    const seen = foresee("standard", server);
    const second = seen[1];
    assert(second !== undefined);
    assert(
      Math.abs(second.saidMs / second.trueMs - 1) < 1 / 3,
      JSON.stringify(second),
    );
    for (const { saidMs, trueMs } of seen.slice(5, -1)) {
      assertAlmostEquals(saidMs / trueMs, 1, 0.1);
    }
    assertEquals(seen.at(-1)?.saidMs, 0);
  });
}

Deno.test("Forecast says nothing before the first cell is done, and less while one goes on", () => {
  const forecast = new Forecast({ numRuns: 20 });
  forecast.plan([1, 1, 1], true);
  forecast.begin(1);
  assertEquals(forecast.leftMs({ batchSize: 1, elapsedMs: 50 }), null);
  forecast.learn(measuredCell(1, Array(20).fill(10)), 300);
  const whole = forecast.leftMs(null) ?? NaN;
  assertAlmostEquals(whole, 600, 1);
  forecast.begin(1);
  assertAlmostEquals(
    forecast.leftMs({ batchSize: 1, elapsedMs: 100 }) ?? NaN,
    500,
    1,
  );
  // A cell of a shape that was measured before compiles nothing.
  forecast.plan([1], false);
  assert((forecast.leftMs(null) ?? NaN) < 600);
});
