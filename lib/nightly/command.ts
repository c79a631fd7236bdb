/**
 * The settings of the nightly workflow, and the command lines that follow from them.
 *
 * @module
 */
import { UsageError } from "../failure.ts";

/** What the workflow sets; all of it is given as single words, never through a shell. */
export interface NightlySettings {
  readonly profile: string;
  /** The command that starts the server; null if it runs already. */
  readonly launch: string | null;
  /** The accelerator, where it cannot be found; null where it can. */
  readonly hardware: string | null;
  readonly baseline: string;
  /** The smallest drop of throughput that is a regression, in percent. */
  readonly threshold: string;
  /** The number of the workflow's run, which is in the names of the files. */
  readonly runNumber: string;
}

/** Five runs are a good baseline: with fewer, the spread between runs has to be assumed. */
const BASELINE_RUNS = 5;

/** Returns the path of the run record that bench.ts writes. */
export function recordPath(runNumber: string): string {
  return `results/benchmark-${runNumber}.json`;
}

/** Returns the name of a path without its folders and its extension. */
export function stemOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.[^.]*$/, "");
}

/**
 * Reads the settings from environment variables.
 *
 * @param read Returns a variable, null if it is unset or empty.
 * @throws {UsageError} If one is missing.
 */
export function readSettings(
  read: (name: string) => string | null,
): NightlySettings {
  const problems: string[] = [];
  const need = (name: string): string => {
    const value = read(name);
    if (value === null) {
      problems.push(`Cannot run without the variable ${name}: it is not set`);
    }
    return value ?? "";
  };
  const settings = {
    profile: need("PROFILE"),
    launch: read("SCORE_LAUNCH"),
    hardware: read("SCORE_HARDWARE"),
    baseline: need("BENCHMARK_BASELINE"),
    threshold: need("REGRESSION_THRESHOLD"),
    runNumber: need("GITHUB_RUN_NUMBER"),
  };
  if (problems.length > 0) throw new UsageError(problems);
  return settings;
}

/**
 * Makes sure that there is a server: without one the scripts would measure the simulated engine.
 *
 * @throws {UsageError} If neither SCORE_URL nor SCORE_LAUNCH is set.
 */
export function requireServer(read: (name: string) => string | null): void {
  if (read("SCORE_LAUNCH") !== null || read("SCORE_URL") !== null) return;
  throw new UsageError([
    "Cannot run without a server: set the repository variable SCORE_URL to its address, or SCORE_LAUNCH to the command that starts it",
  ]);
}

/**
 * Returns the flags of bench.ts. Without a baseline it measures several runs and writes one to
 * `results/new-baseline/`.
 */
export function benchFlags(
  settings: NightlySettings,
  { hasBaseline }: { readonly hasBaseline: boolean },
): string[] {
  const { profile, baseline, threshold, runNumber } = settings;
  return [
    `--profile=${profile}`,
    ...targetFlags(settings),
    `--output=results/benchmark-${runNumber}.csv`,
    `--output=${recordPath(runNumber)}`,
    `--metadata-output=results/metadata-${runNumber}.json`,
    ...(hasBaseline
      ? [`--baseline=${baseline}`, `--regression-threshold=${threshold}`]
      : [
        `--repeats=${BASELINE_RUNS}`,
        `--update-baseline=results/new-baseline/${stemOf(baseline)}.csv`,
      ]),
  ];
}

/** Returns the flags of stress.ts. */
export function stressFlags(settings: NightlySettings): string[] {
  return [
    "--scenario=all",
    ...targetFlags(settings),
    `--output=results/stress-${settings.runNumber}.json`,
  ];
}

function targetFlags({ launch, hardware }: NightlySettings): string[] {
  return [
    ...(launch === null ? [] : [`--launch=${launch}`]),
    ...(hardware === null ? [] : [`--hardware=${hardware}`]),
  ];
}
