/**
 * How shards wait for each other's files, and read them.
 *
 * @module
 */
import * as v from "valibot";
import { MeasureError, UsageError } from "../failure.ts";
import { parseShape } from "../record/shape.ts";
import { type ClockReading, measureClock } from "./clock.ts";
import type { ShardFolder } from "./folder.ts";
import { parsePlan, PLAN_FILE, type ShardPlan } from "./plan.ts";

/** What a shard needs of the world. */
export interface ShardWorld {
  readonly folder: ShardFolder;
  /** The clock of the run, monotonic, in milliseconds. */
  readonly now: () => number;
  /** The clock of this machine, in milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Waits, or returns at once when the signal fires. */
  readonly sleep: (durationMs: number, signal: AbortSignal) => Promise<void>;
  /** Makes a name that no other run has. */
  readonly runId: () => string;
  readonly hash: (text: string) => Promise<string>;
  readonly signal: AbortSignal;
}

/** Files of others are looked for this often, in milliseconds. */
const LOOK_INTERVAL_MS = 100;

const reasonForm: v.GenericSchema<unknown, { reason: string }> = v.object({
  reason: v.string(),
});
const startForm: v.GenericSchema<unknown, { startMs: number }> = v.object({
  startMs: v.pipe(v.number(), v.finite()),
});
const targetForm: v.GenericSchema<unknown, { url: string }> = v.object({
  url: v.string(),
});

/** Reads why a shard, or the run, ended. */
export function readReason(text: string): string {
  return readForm(reasonForm, text, "why a shard ended was").reason;
}

/** Reads when a load starts, in milliseconds since 1970. */
export function readStart(text: string): number {
  return readForm(startForm, text, "the start of a load was").startMs;
}

/** Reads where the target of shard 0 is. */
export function readTarget(text: string): string {
  return readForm(targetForm, text, "the target of shard 0 was").url;
}

function readForm<Value>(
  form: v.GenericSchema<unknown, Value>,
  text: string,
  what: string,
): Value {
  const parse = (value: unknown) => v.parse(form, value, { abortEarly: true });
  return ofRun(() => parseShape(text, parse, what));
}

/**
 * Reads a file of the run.
 *
 * @throws {MeasureError} If it is not of its form.
 */
export function ofRun<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new MeasureError(
      `Cannot go on: a file in the folder of the shards is not as this tool writes it: ${error.message}`,
    );
  }
}

/** Names shards. */
export function listShards(shards: readonly number[]): string {
  return `shard${shards.length === 1 ? "" : "s"} ${shards.join(", ")}`;
}

/**
 * Looks until something is found.
 *
 * @throws {MeasureError} If the run is interrupted.
 */
export async function until<Found>(
  { sleep, signal }: ShardWorld,
  look: () => Promise<Found | null>,
): Promise<Found> {
  for (;;) {
    if (signal.aborted) throw new MeasureError("Interrupted");
    const found = await look();
    if (found !== null) return found;
    await sleep(LOOK_INTERVAL_MS, signal);
  }
}

/**
 * Waits for the plan of shard 0.
 *
 * @throws {MeasureError} If it does not come.
 * @throws {UsageError} If it is of another version.
 */
export async function findPlan(
  world: ShardWorld,
  startTimeoutMs: number,
): Promise<ShardPlan> {
  const { folder, now } = world;
  const startMs = now();
  const json = await until(world, async () => {
    const text = await folder.read(PLAN_FILE);
    if (text !== null || now() - startMs <= startTimeoutMs) return text;
    throw new MeasureError(
      `Cannot start: shard 0 wrote no plan in '${folder.path}' within ${
        startTimeoutMs / 1000
      } s (--start-timeout). Is the folder one that all shards see, and was shard 0 started?`,
    );
  });
  try {
    return parsePlan(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError([
      `Cannot join the run in '${folder.path}': ${error.message}. All shards must be of one version of this tool`,
    ]);
  }
}

/** Reads the clock of the storage by a file of a shard. */
export async function readStorageClock(
  { folder, wallMs, sleep, signal }: ShardWorld,
  shard: number,
): Promise<ClockReading> {
  const name = `clock-${shard}`;
  return await measureClock({
    wallMs,
    touch: () => folder.touch(name),
    fileMs: async () => {
      const timeMs = await folder.timeOf(name);
      if (timeMs !== null) return timeMs;
      throw new MeasureError(
        `Cannot read the clock of the storage: '${name}' vanished from '${folder.path}'`,
      );
    },
    sleep: (durationMs) => sleep(durationMs, signal),
  });
}
