/**
 * Stress runs over several shards in simulated time: one engine, one folder in memory, a clock for each.
 *
 * @module
 */
import { MeasureError, UsageError } from "../../lib/failure.ts";
import type { Calibration } from "../../lib/record/run.ts";
import type { EngineOptions } from "../../lib/simulator/options.ts";
import { hash32 } from "../../lib/stats/rng.ts";
import { readShards, type ShardFiles } from "../../lib/shards/files.ts";
import type { ShardFolder } from "../../lib/shards/folder.ts";
import { mergeShards } from "../../lib/shards/merge.ts";
import { ShardSession } from "../../lib/shards/session.ts";
import type { StressRun } from "../../lib/stress/record.ts";
import { runStress, stressExitCode } from "../../lib/stress/run.ts";
import type { StressOptions } from "../../lib/stress/scenarios.ts";
import {
  SHORT_OPTIONS,
  VIRTUAL_PLAN,
  VirtualServer,
  VirtualTime,
  virtualWorld,
} from "./virtual_stress.ts";

/** What is wrong with one shard. */
export interface ShardFault {
  /** It is killed at this time, in milliseconds: it does nothing any more, and says nothing. */
  readonly killedMs?: number;
  /** Its user interrupts it at this time. */
  readonly interruptedMs?: number;
  /** It is started so much later. */
  readonly lateMs?: number;
  /** Its clock is so much ahead. */
  readonly aheadMs?: number;
  /** Its version. */
  readonly toolVersion?: string;
  /** What it was started with. */
  readonly options?: Partial<StressOptions>;
  /** What its client adds and can do. */
  readonly calibration?: Calibration;
  /** Faults of what it is answered: those of an engine of its own. */
  readonly engine?: Partial<EngineOptions>;
}

/** How a shard ended: what it says is wrong, or null; `killed` says nothing. */
export type ShardEnd = string | null;

/** What came of a run. */
export interface VirtualShards {
  /** How each shard ended. */
  readonly ends: readonly ShardEnd[];
  /** When each ended, in milliseconds. */
  readonly endsMs: readonly number[];
  /** The files that were left. */
  readonly files: ReadonlyMap<string, string>;
}

/** Shards wait for each other for so long, in milliseconds. */
export const START_TIMEOUT_MS = 30_000;

/** When the simulated time starts, in milliseconds since 1970. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** The storage knows the time to so many milliseconds, and writing takes as long. */
const TICK_MS = 4;
const WRITE_MS = 0.4;

/** Runs shards, each with its faults, to their ends; one that was killed ends when it is. */
export async function runVirtualShards(
  options: Partial<StressOptions>,
  faults: readonly ShardFault[],
  engine: Partial<EngineOptions> = {},
): Promise<VirtualShards> {
  const time = new VirtualTime(150);
  const never = new AbortController().signal;
  const server = new VirtualServer(time, engine);
  const files = new Map<string, { text: string; timeMs: number }>();
  const endsMs: number[] = [];
  const run = async (fault: ShardFault, index: number): Promise<ShardEnd> => {
    const interrupt = new AbortController();
    const { signal } = interrupt;
    const { interruptedMs, killedMs = Infinity, lateMs = 0 } = fault;
    if (interruptedMs !== undefined) {
      time.at(interruptedMs, () => interrupt.abort());
    }
    await time.sleep(lateMs, never);
    /** What a killed shard waits for never comes. */
    const living = async <Value>(work: Promise<Value>): Promise<Value> => {
      const value = await work;
      return time.nowMs < killedMs ? value : await new Promise(() => {});
    };
    const timeMs = () => EPOCH_MS + Math.floor(time.nowMs / TICK_MS) * TICK_MS;
    const put = async (name: string, text: string) => {
      await living(time.sleep(WRITE_MS / 2, never));
      files.set(name, { text, timeMs: timeMs() });
      await living(time.sleep(WRITE_MS / 2, never));
    };
    const folder: ShardFolder = {
      path: "memory",
      names: () => living(Promise.resolve([...files.keys()])),
      read: (name) => living(Promise.resolve(files.get(name)?.text ?? null)),
      write: put,
      touch: (name) => put(name, "."),
      claim: async (name) => {
        if (files.has(name)) return false;
        await put(name, "");
        return true;
      },
      timeOf: (name) => Promise.resolve(files.get(name)?.timeMs ?? null),
    };
    const asked = { ...SHORT_OPTIONS, ...options, ...fault.options };
    const { toolVersion = "t", calibration, aheadMs = 0 } = fault;
    const session = await ShardSession.join({
      folder,
      now: () => time.nowMs,
      wallMs: () => EPOCH_MS + time.nowMs + aheadMs,
      sleep: (durationMs, ends) => living(time.sleep(durationMs, ends)),
      runId: () => "run",
      hash: (text) => Promise.resolve(`${hash32(text)}`),
      signal,
    }, {
      share: { index, of: faults.length },
      startTimeoutMs: START_TIMEOUT_MS,
      request: {
        ...{ toolVersion, target: "simulated", targetAddress: "" },
        options: { ...asked, seed: `of shard ${index}` },
      },
      isSeedGiven: false,
    });
    const world = virtualWorld(
      time,
      fault.engine === undefined
        ? server
        : new VirtualServer(time, fault.engine),
      calibration === undefined ? {} : { calibration },
    );
    const end = await runStress({
      ...VIRTUAL_PLAN,
      options: session.plan.options,
    }, {
      ...world,
      save: (run) => session.save(run),
      ...{ signal, team: session },
    });
    return await session.finish(end.run, end.fatal);
  };
  const ends = await time.run(Promise.all(faults.map(async (fault, index) => {
    const killed = fault.killedMs === undefined
      ? []
      : [time.until(fault.killedMs, never).then(() => "killed")];
    const end = await Promise.race([
      run(fault, index).catch((error) => {
        if (error instanceof UsageError || error instanceof MeasureError) {
          return error.message;
        }
        throw error;
      }),
      ...killed,
    ]);
    endsMs[index] = time.nowMs;
    return end;
  })));
  return {
    ends,
    endsMs,
    files: new Map([...files].map(([name, { text }]) => [name, text])),
  };
}

/** Merges what shards left, through a folder on disk. */
export async function mergeVirtualShards(
  files: ReadonlyMap<string, string>,
): Promise<{
  readonly run: StressRun;
  readonly files: ShardFiles;
  readonly code: number;
}> {
  const path = await Deno.makeTempDir({ dir: "results", prefix: "test-" });
  try {
    for (const [name, text] of files) {
      await Deno.writeTextFile(`${path}/${name}`, text);
    }
    const shards = await readShards(path);
    const run = mergeShards(shards);
    const fatal = shards.problems[0] ?? null;
    return { run, files: shards, code: stressExitCode({ run, fatal }) };
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
