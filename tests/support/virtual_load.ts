/** Loads in virtual time: how long a request takes is said, whatever else the machine does. */
import type { LoadGenerator, LoadPlan } from "../../lib/load/generator.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import { createRng } from "../../lib/stats/rng.ts";

/** Requests scatter by this share to either side. */
const SCATTER = 0.01;

/** Returns what starts a generator whose requests are all right, each after a time that the load decides, in milliseconds. */
export function virtualLoads(
  latencyOf: (plan: LoadPlan) => number,
): () => LoadGenerator {
  const rng = createRng("virtual loads");
  let nowMs = performance.now();
  return () => ({
    run(plan) {
      const recorder = new SampleRecorder();
      const count = plan.loop.kind === "closed" ? plan.loop.count ?? 0 : 0;
      for (let i = 0; i < count; i++) {
        const sentMs = nowMs;
        nowMs += latencyOf(plan) * (1 + SCATTER * (2 * rng() - 1));
        recorder.end(recorder.plan(sentMs), {
          ...{ plannedMs: sentMs, sentMs, doneMs: nowMs },
          outcome: "ok",
        }, "");
      }
      return Promise.resolve(recorder.finish());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
