// Holds the witness against an engine that compiles at random late times, in simulated time.
import { assert, assertEquals, assertGreater } from "@std/assert";
import { measureCell } from "../../lib/bench/cell.ts";
import type { CellPlan } from "../../lib/bench/cell_plan.ts";
import { SampleRecorder, type Samples } from "../../lib/load/samples.ts";
import type { CellResult } from "../../lib/record/run.ts";
import { Engine } from "../../lib/simulator/engine.ts";
import { timedLine } from "../../lib/simulator/log.ts";
import { createRng } from "../../lib/stats/rng.ts";
import { LineLog, watchMemory } from "../support/log_lines.ts";

const PLAN: CellPlan = {
  key: { batchSize: 3, numLabels: 2, model: "m", dtype: "float32" },
  repeat: 0,
  labelTokenIds: [1, 2],
  sent: "3 items",
  numRuns: 20,
  warmupRuns: 4,
};

function scoreRequest(index: number, labels: readonly number[]) {
  return {
    method: "POST",
    path: "/v1/score",
    authorization: null,
    contentType: "application/json",
    body: JSON.stringify({
      query: `${index} is the query`,
      items: [" a", " b", " c"],
      "label_token_ids": labels,
      model: "m",
    }),
    unixTimeSec: 0,
  };
}

/** Measures a cell of an engine in simulated time; `timed` are the true compiles among each set of timed requests. */
async function simulate(seed: number) {
  const rng = createRng(`late compiles ${seed}`);
  const log = new LineLog();
  const { witness, clock } = watchMemory(log);
  let compiles = 0;
  const engine = new Engine({
    ...{ seed, noise: 0.03, splitRate: 0.3, lateCompileRate: 0.02 },
    // From what no clock can tell to what any can.
    compileMs: rng() < 0.5 ? 1 : 300,
  }, (line, atMs) => {
    if (line.includes("#cache_miss")) compiles++;
    const text = timedLine(line, atMs);
    // Half of the launchers write each line twice.
    log.push(seed % 2 === 0 ? text : `INFO:sgl_jax.x:${line}\n${text}`);
  });
  const sendOne = (recorder: SampleRecorder, request: object) => {
    const sentMs = clock.nowMs;
    engine.handle(request as ReturnType<typeof scoreRequest>, sentMs);
    while (engine.nextEventMs !== null) {
      clock.nowMs = engine.nextEventMs;
      engine.advance(clock.nowMs);
    }
    recorder.end(recorder.plan(sentMs), {
      ...{ plannedMs: sentMs, sentMs, doneMs: clock.nowMs, outcome: "ok" },
    }, "");
  };
  const timed: number[] = [];
  const result: CellResult = await measureCell(PLAN, {
    ...{ startMs: 0, calibration: null, isInterrupted: () => false },
    send: (count, firstIndex, phase): Promise<Samples> => {
      const recorder = new SampleRecorder();
      const before = compiles;
      for (let i = 0; i < count; i++) {
        sendOne(recorder, scoreRequest(firstIndex + i, [1, 2]));
      }
      if (phase === "timed") timed.push(compiles - before);
      return Promise.resolve(recorder.finish());
    },
    watch: {
      ...{ witness, prefixCache: "cold" },
      sendFresh: () => {
        const recorder = new SampleRecorder();
        sendOne(recorder, scoreRequest(1_000_000, [7, 8, 9]));
        return Promise.resolve(recorder.finish());
      },
    },
  });
  return { result, timed };
}

Deno.test("measureCell() finds every timed compile and invents none, in 1,000 seeded runs in simulated time", async () => {
  const seen = { none: 0, found: 0, again: 0 };
  for (let seed = 0; seed < 1_000; seed++) {
    const { result, timed } = await simulate(seed);
    const last = timed.at(-1) ?? 0;
    const { level, count } = result.compiles ?? {};
    // A line of a batch tells of two: of the model and of the sampler.
    assertEquals(
      [seed, level, count],
      [seed, last === 0 ? "none" : "found", 2 * last],
    );
    assertEquals(result.status, last === 0 ? "OK" : "INVALID");
    // What was measured again had a compile the first time, unless it never settled.
    if (timed.length > 1) {
      assertGreater(timed[0] ?? 0, 0);
      seen.again++;
    } else if (last > 0) assert(!result.warmUp.settled);
    seen[last === 0 ? "none" : "found"]++;
  }
  // The engine showed both, often.
  assertGreater(seen.none, 200);
  assertGreater(seen.found, 50);
  assertGreater(seen.again, 200);
});
