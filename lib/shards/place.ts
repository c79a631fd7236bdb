/**
 * Which shard of how many this process is: by a flag, or by what Slurm and Kubernetes tell.
 *
 * @module
 */
import { UsageError } from "../failure.ts";
import type { Share } from "../load/pacing.ts";

/** More shards than this have too many files for one folder. */
const MAX_SHARDS = 10_000;

/** The variables of the environment that `auto` reads. */
export const PLACE_VARIABLES = [
  "JOB_COMPLETION_INDEX",
  "SLURM_ARRAY_TASK_ID",
  "SLURM_ARRAY_TASK_MIN",
  "SLURM_ARRAY_TASK_COUNT",
  "SLURM_ARRAY_TASK_STEP",
  "SLURM_PROCID",
  "SLURM_NTASKS",
] as const;

/**
 * Reads `I/N` or `auto`.
 *
 * @param given The value of the flag.
 * @param shards The number of shards by a flag of its own, for a Kubernetes Job, which tells only the index.
 * @param environment Returns a variable, null where it is not set.
 * @throws {UsageError} If it names no shard.
 */
export function readPlace(
  given: string,
  shards: number | null,
  environment: (name: typeof PLACE_VARIABLES[number]) => string | null,
): Share {
  if (given === "auto") return placeOf(shards, environment);
  const [, index = "", of = ""] = /^(\d{1,5})\/(\d{1,5})$/.exec(given) ?? [];
  const share = { index: Number(index), of: Number(of) };
  if (index === "" || !isPlace(share)) {
    throw new UsageError([
      `Cannot take --shard ${given}: expected I/N with I from 0 to N - 1 and N up to ${MAX_SHARDS}, as 0/4, or auto`,
    ]);
  }
  if (shards !== null && shards !== share.of) {
    throw new UsageError([
      `Cannot take --shard ${given} with --shards ${shards}: they name two numbers`,
    ]);
  }
  return share;
}

function isPlace({ index, of }: Share): boolean {
  return index >= 0 && of >= 1 && of <= MAX_SHARDS && index < of;
}

function placeOf(
  shards: number | null,
  environment: (name: typeof PLACE_VARIABLES[number]) => string | null,
): Share {
  const read = (name: typeof PLACE_VARIABLES[number], otherwise: number) => {
    const text = environment(name);
    if (text === null) return otherwise;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UsageError([
      `Cannot take --shard auto: ${name} is ${
        JSON.stringify(text.slice(0, 40))
      }, a whole number was expected`,
    ]);
  };
  const completion = read("JOB_COMPLETION_INDEX", -1);
  if (completion >= 0) {
    if (shards !== null) {
      return checked({ index: completion, of: shards }, shards);
    }
    throw new UsageError([
      "Cannot take --shard auto in a Kubernetes Job without --shards N: it tells each pod its index, but not how many there are",
    ]);
  }
  const tasks = read("SLURM_NTASKS", 1);
  const task = read("SLURM_PROCID", 0);
  const isArray = environment("SLURM_ARRAY_TASK_ID") !== null;
  if (!isArray && environment("SLURM_PROCID") === null) {
    throw new UsageError([
      "Cannot take --shard auto: neither JOB_COMPLETION_INDEX (Kubernetes) nor SLURM_PROCID or SLURM_ARRAY_TASK_ID (Slurm) is set. Give --shard I/N",
    ]);
  }
  if (!isArray) return checked({ index: task, of: tasks }, shards);
  const [id, least] = [
    read("SLURM_ARRAY_TASK_ID", 0),
    read("SLURM_ARRAY_TASK_MIN", 0),
  ];
  const count = read("SLURM_ARRAY_TASK_COUNT", 1);
  const job = (id - least) / read("SLURM_ARRAY_TASK_STEP", 1);
  if (!Number.isInteger(job) || job < 0 || job >= count) {
    throw new UsageError([
      `Cannot take --shard auto: task ${id} of an array of ${count} from ${least} on is none of even steps; give the array as 0-${
        count - 1
      }`,
    ]);
  }
  // Each job of an array may be of several tasks.
  return checked({ index: job * tasks + task, of: count * tasks }, shards);
}

function checked(share: Share, shards: number | null): Share {
  if (isPlace(share) && (shards === null || shards === share.of)) return share;
  throw new UsageError([
    `Cannot take --shard auto: the environment names shard ${share.index} of ${share.of}${
      shards === null || shards === share.of ? "" : `, --shards ${shards}`
    }`,
  ]);
}
