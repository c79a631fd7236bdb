import { assertEquals } from "@std/assert";
import { PROFILES } from "../../lib/bench/profiles.ts";

const ALONE = { concurrency: [1], leastSamples: 0, slo: null };

Deno.test("PROFILES has the values of test plan 004 and no others", () => {
  const { capacity: _, ...specified } = PROFILES;
  assertEquals(specified, {
    smoke: {
      batchSizes: [1, 4, 16],
      numLabels: [2, 4],
      numRuns: 5,
      warmupRuns: 2,
      models: ["meta-llama/Llama-3.2-1B-Instruct"],
      dtypes: ["bfloat16"],
      ...ALONE,
    },
    standard: {
      batchSizes: [1, 2, 4, 8, 16, 32],
      numLabels: [2, 4, 8],
      numRuns: 20,
      warmupRuns: 5,
      models: ["meta-llama/Llama-3.2-1B-Instruct"],
      dtypes: ["bfloat16"],
      ...ALONE,
    },
    full: {
      batchSizes: [1, 2, 4, 8, 16, 32, 64],
      numLabels: [2, 4, 8, 16],
      numRuns: 50,
      warmupRuns: 10,
      models: [
        "meta-llama/Llama-3.2-1B-Instruct",
        "meta-llama/Llama-3.2-3B-Instruct",
      ],
      dtypes: ["bfloat16", "float32"],
      ...ALONE,
    },
  });
});
