import { assertEquals } from "@std/assert";
import type { Scenario, StressOptions } from "../../lib/stress/scenarios.ts";
import {
  findingsOf,
  runVirtualStress,
  SIX_TOKENS,
} from "../support/virtual_stress.ts";

const SEEDS = 200;

/**
 * The values of `deno task stress:short`, but for prompts of six tokens and for the loads of `concurrent`,
 * `mixed` and `ramp`, which are shorter than its 20 s: time is simulated but scores are computed,
 * and 200 runs of the full length would take each of them minutes.
 */
const SHORT: Readonly<Record<Scenario, Partial<StressOptions>>> = {
  "large-batch": { batchSizes: [50, 100, 200] },
  "concurrent": { concurrency: [4, 8], durationSeconds: 1 },
  "sustained": {},
  "mixed": { durationSeconds: 3 },
  "ramp": { durationSeconds: 5 },
  "poison": {},
  "recovery": {},
};

for (const [scenario, options] of Object.entries(SHORT)) {
  Deno.test(`runStress() finds nothing in ${SEEDS} clean runs of ${scenario}`, async () => {
    const found: string[] = [];
    const loads = (options.batchSizes ?? options.concurrency)?.length ?? 1;
    for (let seed = 0; seed < SEEDS; seed++) {
      const { run, fatal } = await runVirtualStress({
        scenarios: [scenario as Scenario],
        data: SIX_TOKENS,
        seed: String(seed),
        ...options,
      }, {
        seed,
        ...scenario === "ramp" ? { perItemMs: 5, compileMs: 20 } : {},
      });
      assertEquals([fatal, run.results.length], [null, loads]);
      for (const result of run.results) {
        const { findings, failures, notes } = findingsOf(result);
        const other = notes.filter((note) =>
          !["Highest load that holds", "Steps"].includes(note)
        );
        if (result.verdict === "PASS" && other.length === 0) continue;
        found.push(JSON.stringify({ seed, findings, failures, other }));
      }
    }
    assertEquals(found, []);
  });
}
