/**
 * The records of all shards of a run, read and held against its plan.
 *
 * @module
 */
import { join } from "@std/path";
import { MeasureError, UsageError } from "../failure.ts";
import { readRecord } from "../record/shape.ts";
import { listNames } from "./folder.ts";
import { parsePlan, PLAN_FILE, type ShardPlan } from "./plan.ts";
import { parseShardRecord, type ShardRecord } from "./record.ts";

/** What there is of a run over several shards. */
export interface ShardFiles {
  readonly plan: ShardPlan;
  /** The records that are of this run, in the order of their shards, one of each. */
  readonly records: readonly ShardRecord[];
  /** Files that are not of the run, or of which not all is known, and why, in words. */
  readonly foreign: readonly string[];
  /** All that is wrong with the run, in words. */
  readonly problems: readonly string[];
}

/** What a record of a shard is called, whoever copied it. */
const RECORD_REGEXP = /^shard-.*\.json$/;

/** What stands in the record of a shard that did not end. */
export const NO_END = "it did not end its run: it died, or still runs";

/**
 * Reads a folder of shards.
 *
 * @throws {UsageError} If it is none.
 * @throws {MeasureError} If no shard left a record of the run.
 */
export async function readShards(path: string): Promise<ShardFiles> {
  const names = await listNames(path);
  if (!names.includes(PLAN_FILE)) {
    throw new UsageError([
      `Cannot merge '${path}': expected a folder that was given as --shard-dir, found no ${PLAN_FILE}`,
    ]);
  }
  const plan = await readRecord(join(path, PLAN_FILE), parsePlan);
  const foreign: string[] = [];
  const missing: string[] = [];
  const records = new Map<number, ShardRecord>();
  const twice = new Map<number, string[]>();
  for (const name of names.filter((name) => RECORD_REGEXP.test(name))) {
    const record = await readShardRecord(join(path, name), plan);
    if (typeof record === "string") {
      foreign.push(`${name}: ${record}`);
      continue;
    }
    const { index } = record.share;
    twice.set(index, [...twice.get(index) ?? [], name]);
    records.set(index, record);
  }
  for (const [index, files] of twice) {
    if (files.length < 2) continue;
    foreign.push(
      `shard ${index} has several records, of which none is taken: ${
        files.join(", ")
      }`,
    );
    records.delete(index);
  }
  for (let index = 0; index < plan.shards; index++) {
    if (!twice.has(index)) {
      missing.push(`shard ${index} of ${plan.shards} left no record`);
    }
  }
  if (records.size === 0) {
    throw new MeasureError(
      `Cannot merge '${path}': no record of the run is there: ${
        [...foreign, ...missing].join("; ")
      }`,
    );
  }
  return {
    plan,
    records: [...records.values()].toSorted((a, b) =>
      a.share.index - b.share.index
    ),
    foreign,
    problems: [
      ...foreign,
      ...missing,
      ...[...records.values()].flatMap(({ share, end, reason }) =>
        end === "whole"
          ? []
          : `shard ${share.index}: ${end === "running" ? NO_END : reason}`
      ),
    ],
  };
}

/** Returns the record in a file, or why it is not of the run, in words. */
async function readShardRecord(
  path: string,
  plan: ShardPlan,
): Promise<ShardRecord | string> {
  let record: ShardRecord;
  try {
    record = await readRecord(path, parseShardRecord);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  const { share } = record;
  if (record.runId !== plan.runId) return "it is of another run";
  const isOfPlan = record.optionsHash === plan.optionsHash &&
    record.toolVersion === plan.toolVersion;
  if (!isOfPlan) return "it has other options or another version than the plan";
  return share.of !== plan.shards || share.index >= plan.shards
    ? `it is of shard ${share.index} of ${share.of}, the plan has ${plan.shards}`
    : record;
}
