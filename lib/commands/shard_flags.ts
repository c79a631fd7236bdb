/**
 * The flags of a stress run over several hosts, and what they mean.
 *
 * @module
 */
import { flag, type FlagValues } from "../cli/command_spec.ts";
import { readEnvironment } from "../cli/secret_source.ts";
import type { Share } from "../load/pacing.ts";
import { readPlace } from "../shards/place.ts";

/** The flags, a group of a command. */
export const SHARD_FLAGS = {
  title: "Several hosts",
  flags: [
    flag.text(
      "shard I/N",
      "Run as shard I (from 0) of N, or as the one that Slurm or Kubernetes names (auto); report.ts merge puts them together",
    ),
    flag.text("shard-dir DIR", "A folder that all shards see, empty at first"),
    flag.integer(
      "shards N",
      "How many there are, where the environment does not tell it (Kubernetes)",
      { min: 1, max: 10_000 },
    ),
    flag.number(
      "start-timeout SECONDS",
      "How long shards wait for each other",
      { min: 1, max: 86_400, default: 300 },
    ),
  ],
} as const;

/** Flags that have no meaning for a shard: what they name is made when the shards are merged. */
const MERGED_FLAGS = [
  "output",
  "jsonOutput",
  "metadataOutput",
  "resume",
] as const;

/** The values of the flags, and of those that do not go with them. */
export type ShardFlagValues =
  & FlagValues<{ name: ""; summary: ""; groups: [typeof SHARD_FLAGS] }>
  & {
    readonly output: readonly string[];
    readonly jsonOutput: string | undefined;
    readonly metadataOutput: string | undefined;
    readonly resume: string | undefined;
    readonly seed: string | undefined;
  };

/** Which shard of a run this is. */
export interface ShardSetup {
  /** Which part of each load. */
  readonly share: Share;
  /** The folder that all shards see. */
  readonly folder: string;
  /** How long shards wait for each other, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Whether the seed was given, and not made up. */
  readonly isSeedGiven: boolean;
}

/**
 * Reads which shard this is.
 *
 * @param problems What is wrong is added to it.
 * @returns Null where there is one process.
 * @throws {UsageError} If the value of `--shard` names no shard.
 */
export function readShardFlags(
  flags: ShardFlagValues,
  problems: string[],
): ShardSetup | null {
  const { shard, shardDir, shards } = flags;
  if (shard === undefined || shardDir === undefined) {
    if (shard !== undefined || shardDir !== undefined || shards !== undefined) {
      problems.push(
        "Cannot run as a shard: --shard and --shard-dir belong together, and --shards goes with them",
      );
    }
    return null;
  }
  for (const name of MERGED_FLAGS) {
    const value = flags[name];
    if (value !== undefined && value.length > 0) {
      const words = name.replace(
        /[A-Z]/,
        (letter) => `-${letter.toLowerCase()}`,
      );
      problems.push(
        `Cannot take --${words} with --shard: ${
          name === "resume"
            ? "a run over several shards is started anew"
            : "report.ts merge writes the results of all shards"
        }`,
      );
    }
  }
  return {
    share: readPlace(shard, shards ?? null, readEnvironment),
    folder: shardDir,
    startTimeoutMs: flags.startTimeout * 1000,
    isSeedGiven: flags.seed !== undefined,
  };
}
