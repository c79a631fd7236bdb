/**
 * The tiered profiles of the benchmark, with the values of test plan 004.
 *
 * @module
 */
import type { RunOptions } from "../record/run.ts";

/** What one profile measures: the cross product of its four lists, a cell each. */
export type Profile = Pick<
  RunOptions,
  | "batchSizes"
  | "numLabels"
  | "numRuns"
  | "warmupRuns"
  | "models"
  | "dtypes"
  | "concurrency"
  | "leastSamples"
  | "slo"
>;

/** The names of the profiles. */
export type ProfileName = "smoke" | "standard" | "full" | "capacity";

/** What a run is called that measures other cells than those of a profile. */
export const CUSTOM_PROFILE = "custom";

/** Returns the name of a profile where its cells are measured, whatever their counts of requests; else {@linkcode CUSTOM_PROFILE}. */
export function profileNameOf(
  name: ProfileName,
  cells: Pick<Profile, "batchSizes" | "numLabels">,
): string {
  const { batchSizes, numLabels } = PROFILES[name];
  return String(batchSizes) === String(cells.batchSizes) &&
      String(numLabels) === String(cells.numLabels)
    ? name
    : CUSTOM_PROFILE;
}

const LLAMA_1B = "meta-llama/Llama-3.2-1B-Instruct";
const LLAMA_3B = "meta-llama/Llama-3.2-3B-Instruct";

/** One client, and as many samples as it sends. */
const ALONE = { concurrency: [1], leastSamples: 0, slo: null } as const;

/** The profiles of the plan, smoke for a quick look, standard for a change, full for a release; and capacity. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  smoke: {
    batchSizes: [1, 4, 16],
    numLabels: [2, 4],
    numRuns: 5,
    warmupRuns: 2,
    models: [LLAMA_1B],
    dtypes: ["bfloat16"],
    ...ALONE,
  },
  standard: {
    batchSizes: [1, 2, 4, 8, 16, 32],
    numLabels: [2, 4, 8],
    numRuns: 20,
    warmupRuns: 5,
    models: [LLAMA_1B],
    dtypes: ["bfloat16"],
    ...ALONE,
  },
  full: {
    batchSizes: [1, 2, 4, 8, 16, 32, 64],
    numLabels: [2, 4, 8, 16],
    numRuns: 50,
    warmupRuns: 10,
    models: [LLAMA_1B, LLAMA_3B],
    dtypes: ["bfloat16", "float32"],
    ...ALONE,
  },
  capacity: {
    batchSizes: [1, 16, 100],
    numLabels: [2],
    numRuns: 10,
    warmupRuns: 2,
    models: [LLAMA_1B],
    dtypes: ["bfloat16"],
    concurrency: [1, 2, 4, 8, 16, 32, 64],
    // As many as a p99 needs.
    leastSamples: 100,
    slo: "p99<500ms,errors<0.1%",
  },
};
