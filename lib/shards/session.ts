/**
 * One shard among the others: roles, a barrier of files before each load, and what becomes of one that does not come.
 *
 * The folder holds, by shard I and load L: `claim-I` (this shard was started), `alive-I` (it still runs), `ready-L-I`
 * (it waits for the load), `sent-I` (it has sent its last), `fault-I` (it ended before the others), `done-I` (its record
 * is whole), `shard-I.json` (its record); and from
 * shard 0 `plan.json`, `target.json`, `references-*.json`, `start-L.json`, and `stop.json` once the run is over for all.
 *
 * @module
 */
import { toJson } from "../json.ts";
import { MeasureError, UsageError } from "../failure.ts";
import type { Share } from "../load/pacing.ts";
import type { StressRun } from "../stress/record.ts";
import type { ShapeReferences } from "../stress/references.ts";
import type { Shape } from "../stress/scenarios.ts";
import type { LoadPart, Team } from "../stress/team.ts";
import type { ClockReading } from "./clock.ts";
import {
  makePlan,
  PLAN_FILE,
  planDifferences,
  SHARD_SCHEMA,
  type ShardPlan,
  type ShardRequest,
  stringifyPlan,
} from "./plan.ts";
import {
  type PackedPart,
  packPart,
  parseReferences,
  type ShardRecord,
  stringifyReferences,
  stringifyShardRecord,
} from "./record.ts";
import {
  findPlan,
  listShards,
  ofRun,
  readReason,
  readStart,
  readStorageClock,
  readTarget,
  type ShardWorld,
  until,
} from "./wait.ts";

/** How a shard was started. */
export interface ShardStart {
  readonly share: Share;
  /** How long others are waited for, in milliseconds. */
  readonly startTimeoutMs: number;
  /** What it was started with; with a seed of its own only where one was given. */
  readonly request: Omit<ShardRequest, "shards">;
  /** Whether the seed was given, and not made up. */
  readonly isSeedGiven: boolean;
}

/** Shard 0 names a start this far ahead, in milliseconds: storages tell files to others with a delay. */
const START_AHEAD_MS = 3_000;

/** A shard shows that it lives so often in the time after which it is given up, with so many milliseconds between at least. */
const BEATS = 20;
const LEAST_BEAT_MS = 250;

/** One shard among the others. */
export class ShardSession implements Team {
  readonly plan: ShardPlan;
  readonly share: Share;
  readonly #world: ShardWorld;
  readonly #startTimeoutMs: number;
  readonly #parts: PackedPart[] = [];
  readonly #beating = new AbortController();
  #clock: ClockReading;
  #loadClock: ClockReading | null = null;
  #loads = 0;
  #run: StressRun | null = null;

  private constructor(
    world: ShardWorld,
    { share, startTimeoutMs }: ShardStart,
    known: { readonly plan: ShardPlan; readonly clock: ClockReading },
  ) {
    this.#world = world;
    this.share = share;
    this.#startTimeoutMs = startTimeoutMs;
    this.plan = known.plan;
    this.#clock = known.clock;
  }

  /**
   * Joins a run: as shard 0 with the plan, as another when that is there.
   *
   * @throws {UsageError} If the folder was used before, or this shard was started with something else than the plan.
   * @throws {MeasureError} If no plan comes.
   */
  static async join(
    world: ShardWorld,
    start: ShardStart,
  ): Promise<ShardSession> {
    const { folder } = world;
    const { share: { index, of } } = start;
    const isUsed = index === 0 && (await folder.names()).includes(PLAN_FILE);
    if (isUsed || !await folder.claim(`claim-${index}`)) {
      throw new UsageError([
        `Cannot run shard ${index} in '${folder.path}': ${
          isUsed ? "a run was made there" : "shard was started there before"
        }. Give each run a folder of its own, empty or not there yet`,
      ]);
    }
    const clock = await readStorageClock(world, index);
    const request = { ...start.request, shards: of };
    if (index === 0) {
      const plan = await makePlan(request, world.runId(), world.hash);
      await folder.write(PLAN_FILE, stringifyPlan(plan));
      return new ShardSession(world, start, { plan, clock }).#begin();
    }
    try {
      const plan = await findPlan(world, start.startTimeoutMs);
      checkStart(plan, { ...start, request });
      return new ShardSession(world, start, { plan, clock }).#begin();
    } catch (error) {
      if (error instanceof UsageError) {
        const reason = `this shard refused the plan: ${
          error.message.split("\n").slice(1).join("; ") || error.message
        }`;
        await folder.write(`fault-${index}.json`, toJson({ reason }));
      }
      throw error;
    }
  }

  /** Tells the others where the target of shard 0 is, or returns what shard 0 told. */
  async shareTarget(url: string | null): Promise<string> {
    const name = "target.json";
    const { folder } = this.#world;
    if (url !== null) {
      await folder.write(name, toJson({ url }));
      return url;
    }
    return readTarget(await this.#ofFirst(name));
  }

  async references(
    shape: Shape,
    score: () => Promise<ShapeReferences>,
  ): Promise<ShapeReferences> {
    const { runId } = this.plan;
    // Behind a balancer each shard may be told another name of the model.
    const named = { ...shape, spec: { ...shape.spec, model: "" } };
    const hash = await this.#world.hash(JSON.stringify(named));
    const name = `references-${hash.slice(0, 32)}.json`;
    if (this.share.index > 0) {
      const told = await this.#ofFirst(name);
      return ofRun(() => parseReferences(told, shape, runId));
    }
    const references = await score();
    const { signal, folder } = this.#world;
    // What was cut short is no reason for the others to go on.
    if (!signal.aborted) {
      await folder.write(name, stringifyReferences(references, runId));
    }
    return references;
  }

  async start(load: string): Promise<number> {
    const { folder, now, wallMs } = this.#world;
    const { index } = this.share;
    const number = this.#loads++;
    this.#clock = await readStorageClock(this.#world, index);
    await folder.write(`ready-${number}-${index}.json`, toJson({ load }));
    const name = `start-${number}.json`;
    if (index === 0) {
      await this.#allHave((shard) => `ready-${number}-${shard}.json`, load);
      const startMs = wallMs() + START_AHEAD_MS;
      await folder.write(name, toJson({ startMs }));
    }
    const startMs = readStart(await this.#ofFirst(name));
    const aheadMs = startMs - wallMs();
    if (aheadMs <= 0) {
      throw new MeasureError(
        `Cannot go on: this shard saw the start of ${load} ${
          (-aheadMs).toFixed(0)
        } ms after it, too late; the folder '${folder.path}' is slow, or its clock is ahead`,
      );
    }
    this.#loadClock = this.#clock;
    return now() + aheadMs;
  }

  async end(): Promise<void> {
    const nameOf = (shard: number) => `sent-${shard}.json`;
    await this.#world.folder.write(nameOf(this.share.index), "{}");
    if (this.share.index === 0) {
      await this.#allHave(nameOf, "the end of the last load");
    }
  }

  keep(part: LoadPart): void {
    const hasStarted = part.samples !== null;
    this.#parts.push(packPart(part, hasStarted ? this.#loadClock : null));
  }

  /** Keeps the record of this shard. */
  async save(
    run: StressRun,
    end: ShardRecord["end"] = "running",
    reason = "",
  ): Promise<void> {
    this.#run = run;
    const { runId, optionsHash, toolVersion } = this.plan;
    const record: ShardRecord = {
      ...{ schema: SHARD_SCHEMA, kind: "stress-shard" },
      ...{
        runId,
        optionsHash,
        toolVersion,
        share: this.share,
        end,
        reason,
        run,
      },
      parts: this.#parts,
    };
    const name = `shard-${this.share.index}.json`;
    await this.#world.folder.write(name, stringifyShardRecord(record));
  }

  /**
   * Ends this shard: its record says how, and the others learn it. Shard 0 waits for them, since the run is theirs too.
   *
   * @param fatal Why nothing more could be run, in words; null when all was.
   * @returns What is wrong with the run, in words; null where it is whole.
   */
  async finish(
    run: StressRun | null,
    fatal: string | null,
  ): Promise<string | null> {
    const { folder, signal } = this.#world;
    const { index } = this.share;
    const reason = signal.aborted
      ? "this shard was interrupted"
      : fatal?.replace(/^Cannot go on: /, "") ?? null;
    const known = run ?? this.#run;
    try {
      if (known !== null) {
        const end = signal.aborted ? "interrupted" : "stopped";
        await this.save(known, reason === null ? "whole" : end, reason ?? "");
      }
      if (reason !== null) {
        const name = index === 0 ? "stop.json" : `fault-${index}.json`;
        await folder.write(name, toJson({ reason }));
        return fatal ?? reason;
      }
      await folder.write(`done-${index}.json`, "{}");
      if (index > 0) return null;
      await this.#allHave(
        (shard) => `done-${shard}.json`,
        "the end of the run",
      );
      return null;
    } catch (error) {
      if (error instanceof MeasureError) return error.message;
      throw error;
    } finally {
      this.#beating.abort();
    }
  }

  #begin(): this {
    void this.#beat();
    return this;
  }

  /** Shows that this shard lives. */
  async #beat(): Promise<void> {
    const { folder, sleep } = this.#world;
    const { signal } = this.#beating;
    const intervalMs = Math.max(LEAST_BEAT_MS, this.#startTimeoutMs / BEATS);
    while (!signal.aborted) {
      try {
        await folder.write(`alive-${this.share.index}`, "");
      } catch (error) {
        // A storage that is away for a moment ends no load; one that stays away ends the next barrier.
        if (!(error instanceof MeasureError)) throw error;
      }
      await sleep(intervalMs, signal);
    }
  }

  /** Returns a file of shard 0, and waits for it as long as that lives. */
  async #ofFirst(name: string): Promise<string> {
    const { folder } = this.#world;
    return await this.#until(async () => {
      const text = await folder.read(name);
      if (text !== null || this.share.index === 0) return text;
      const stop = await folder.read("stop.json");
      if (stop !== null) {
        throw new MeasureError(
          `Cannot go on: shard 0 ended the run: ${readReason(stop)}`,
        );
      }
      if (await this.#isGone(0)) {
        throw new MeasureError(
          `Cannot go on: shard 0 showed no sign of life for ${this.#seconds}`,
        );
      }
      return null;
    });
  }

  /** Waits until all others have a file each. */
  async #allHave(
    nameOf: (shard: number) => string,
    what: string,
  ): Promise<void> {
    const { folder, now } = this.#world;
    const others = Array.from({ length: this.share.of - 1 }, (_, i) => i + 1);
    const startMs = now();
    await this.#until(async () => {
      const names = new Set(await folder.names());
      const missing = others.filter((shard) => !names.has(nameOf(shard)));
      if (missing.length === 0) return true;
      const faulty = missing.find((shard) => names.has(`fault-${shard}.json`));
      if (faulty !== undefined) {
        const text = await folder.read(`fault-${faulty}.json`) ?? "";
        throw new MeasureError(
          `Cannot go on: shard ${faulty}: ${readReason(text)}`,
        );
      }
      const isLate = now() - startMs > this.#startTimeoutMs;
      for (const shard of missing) {
        const isKnown = names.has(`claim-${shard}`);
        if (isLate || (isKnown && await this.#isGone(shard))) {
          throw new MeasureError(
            isLate
              ? `Cannot go on: ${
                listShards(missing)
              } did not come to ${what} within ${this.#seconds}`
              : `Cannot go on: shard ${shard} showed no sign of life for ${this.#seconds}`,
          );
        }
      }
      return null;
    });
  }

  /** Whether a shard showed no sign of life for long, by the clock of the storage. */
  async #isGone(shard: number): Promise<boolean> {
    const { folder, wallMs } = this.#world;
    const aliveMs = await folder.timeOf(`alive-${shard}`);
    const storageMs = wallMs() + this.#clock.offsetMs;
    return aliveMs !== null && storageMs - aliveMs > this.#startTimeoutMs;
  }

  get #seconds(): string {
    return `${this.#startTimeoutMs / 1000} s (--start-timeout)`;
  }

  async #until<Found>(look: () => Promise<Found | null>): Promise<Found> {
    return await until(this.#world, look);
  }
}

/**
 * Holds what a shard was started with against the plan. One that was given no seed takes that of the plan.
 *
 * @throws {UsageError} With all differences.
 */
function checkStart(
  plan: ShardPlan,
  { request, isSeedGiven, share }: ShardStart & {
    readonly request: ShardRequest;
  },
): void {
  const { seed } = plan.options;
  const options = isSeedGiven ? request.options : { ...request.options, seed };
  const differences = planDifferences(plan, { ...request, options });
  if (differences.length === 0) return;
  throw new UsageError([
    `Cannot run shard ${share.index}: it was started otherwise than shard 0`,
    ...differences,
  ]);
}
