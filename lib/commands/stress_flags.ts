/**
 * What the flags of the stress tests mean together.
 *
 * @module
 */
import type { FlagValues } from "../cli/command_spec.ts";
import { messageOf, UsageError } from "../failure.ts";
import type { TargetKind } from "../record/run.ts";
import { parseObjectives } from "../load/objectives.ts";
import {
  type Scenario,
  SCENARIOS,
  type StressOptions,
} from "../stress/scenarios.ts";
import type { DataSource } from "../score/data.ts";
import { labelProblems, readDataSources } from "./data_flags.ts";
import { shardProblems } from "../shards/plan.ts";
import { readShardFlags, type ShardSetup } from "./shard_flags.ts";
import type { STRESS_COMMAND } from "./stress.ts";
import { readTargetFlags, type TargetRequest } from "./target_flags.ts";

/** The values of the flags. */
export type StressFlags = FlagValues<typeof STRESS_COMMAND>;

/** What the command line asks for, checked. */
export interface StressRequest extends TargetRequest {
  readonly kind: TargetKind;
  readonly data: readonly DataSource[];
  /** All that decides what is sent, but for the seed and the files. */
  readonly options: Omit<StressOptions, "seed" | "data">;
  /** Why a scenario of `all` is left out, in words. */
  readonly leftOut: readonly string[];
  /** Which shard of a run over several hosts this is; null for the only process. */
  readonly shard: ShardSetup | null;
}

/**
 * Checks what no single flag can be wrong about.
 *
 * @param flags The parsed flags.
 * @param environmentUrl The value of SCORE_URL, or null.
 * @throws {UsageError} With all problems.
 */
export function readStressFlags(
  flags: StressFlags,
  environmentUrl: string | null,
): StressRequest {
  const problems: string[] = [];
  const target = readTargetFlags(flags, environmentUrl, problems);
  const kind = target.url !== null
    ? "url"
    : target.launch !== null
    ? "launched"
    : "simulated";
  const data = readDataSources(flags.data, "cold and shared", problems);
  const { labelTokenIds = null, numLabels = null } = flags;
  problems.push(
    ...labelProblems(
      flags.labelTokenIds,
      numLabels === null ? [] : [numLabels],
    ),
  );
  try {
    parseObjectives(flags.slo);
  } catch (error) {
    problems.push(
      `Cannot take --slo: ${messageOf(error)}`,
    );
  }
  const isAll = flags.scenario.includes("all");
  if (kind === "url") {
    if (!isAll && flags.scenario.includes("recovery")) {
      problems.push(
        "Cannot run recovery on a URL: it kills the server and starts it again. Use --launch",
      );
    }
    if (flags.allowLethal) {
      problems.push(
        "Cannot take --allow-lethal with a URL: only a server that was started here may be ended",
      );
    }
  }
  if (flags.serverPid !== undefined && kind !== "url") {
    problems.push("Cannot take --server-pid without --url");
  }
  const shard = readShardFlags(flags, problems);
  const wanted = SCENARIOS.filter((name) =>
    isAll || flags.scenario.includes(name)
  );
  const leftOut: string[] = [];
  const scenarios: Scenario[] = wanted.filter((name) => {
    const reason = isAll ? whyLeftOut(name) : null;
    if (reason !== null) leftOut.push(`${name} was left out: ${reason}`);
    return reason === null;
  });
  function whyLeftOut(name: Scenario): string | null {
    if (name === "recovery" && kind === "url") {
      return "it kills the server, and this one was not started here";
    }
    return name === "ramp" && shard !== null && flags.ladder === undefined
      ? "several hosts cannot search; --ladder names the loads"
      : null;
  }
  const request: StressRequest = {
    ...target,
    ...{ kind, data, leftOut, shard },
    options: {
      scenarios,
      batchSizes: flags.batchSizes ?? null,
      numLabels,
      labelTokenIds,
      concurrency: flags.concurrency ?? null,
      durationSeconds: flags.duration ?? null,
      ratePerSec: flags.rate ?? null,
      iterations: flags.iterations,
      arrival: flags.arrival,
      ramp: flags.ramp,
      ladder: flags.ladder ?? null,
      slo: flags.slo,
      tolerance: flags.tolerance ?? null,
      workers: flags.workers,
      allowLethal: flags.allowLethal,
      applySoftmax: !flags.noSoftmax,
      timeoutMs: flags.timeout * 1000,
      warmupTimeoutMs: flags.warmupTimeout * 1000,
      loadWarmupMs: flags.loadWarmup * 1000,
    },
  };
  if (shard !== null) {
    problems.push(...shardProblems(request.options, shard.share.of));
  }
  if (problems.length > 0) throw new UsageError(problems);
  return request;
}
