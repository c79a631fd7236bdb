import { assertEquals } from "@std/assert";
import type { Scenario, StressOptions } from "../lib/stress/scenarios.ts";
import { findingsOf, runVirtualStress } from "./virtual_stress.ts";

const SEEDS = 200;

/** Short prompts and loads: the clock is simulated, but the scores are computed. */
const SHORT: Readonly<Record<Scenario, Partial<StressOptions>>> = {
  "large-batch": { batchSizes: [50] },
  "concurrent": { durationSeconds: 1 },
  "sustained": { durationSeconds: 16 },
  "mixed": { durationSeconds: 3 },
  "ramp": { durationSeconds: 5 },
  "poison": {},
  "recovery": { durationSeconds: 3 },
};

for (const [scenario, options] of Object.entries(SHORT)) {
  Deno.test(`runStress() finds nothing in ${SEEDS} clean runs of ${scenario}`, async () => {
    const found: string[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const { run, fatal } = await runVirtualStress({
        scenarios: [scenario as Scenario],
        tokens: { query: 6, item: 6 },
        seed: String(seed),
        ...options,
      }, {
        seed,
        ...scenario === "ramp" ? { perItemMs: 5, compileMs: 20 } : {},
      });
      assertEquals([fatal, run.results.length], [null, 1]);
      for (const result of run.results) {
        const { findings, failures, notes } = findingsOf(result);
        const other = notes.filter((note) =>
          note !== "Highest load that holds"
        );
        if (result.verdict === "PASS" && other.length === 0) continue;
        found.push(JSON.stringify({ seed, findings, failures, other }));
      }
    }
    assertEquals(found, []);
  });
}
