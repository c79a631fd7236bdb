/**
 * Runs a profile: opens each target, measures each cell, and keeps every cell as soon as it is done.
 *
 * @module
 */
import type { Environment } from "./environment.ts";
import { MeasureError } from "./failure.ts";
import type { LoadGenerator } from "./load.ts";
import { measureCell } from "./measure.ts";
import {
  type Calibration,
  cellId,
  type CellResult,
  type Run,
  RUN_SCHEMA,
  type RunOptions,
  type ServerRecord,
} from "./result.ts";
import type { Target, Wanted } from "./target.ts";
import { defaultLabelTokenIds } from "./workload.ts";

/** What is run. */
export interface BenchPlan {
  /** What was asked for. */
  readonly options: RunOptions;
  /** The models and data types to open a target for, in order; one for a URL. */
  readonly targets: readonly Wanted[];
  /** Cells of an earlier part of this run, which are not measured again. */
  readonly resumed: Run | null;
  /** When the run started, ISO 8601 in UTC. */
  readonly timestamp: string;
  /** Where the run happens. */
  readonly environment: Environment;
  /** The version of this tool. */
  readonly toolVersion: string;
}

/** What a run needs from the world. */
export interface BenchWorld {
  /** Opens the target for a model and data type. */
  readonly openTarget: (wanted: Wanted) => Promise<Target>;
  /** Sends the load. */
  readonly load: LoadGenerator;
  /** Measures what the client adds and can do; null when it cannot. */
  readonly calibrate: () => Promise<Calibration | null>;
  /** Keeps the run so far; called after each cell. */
  readonly save: (run: Run) => Promise<void>;
  /** Hears what happens. */
  readonly listener: BenchListener;
  /** The clock of the samples, in milliseconds. */
  readonly now: () => number;
  /** Ends the run; what was measured is returned. */
  readonly signal: AbortSignal;
}

/** Hears of a run as it goes. */
export interface BenchListener {
  /** The work that is left, in weights of {@linkcode cellWeight}. */
  readonly expect: (weight: number) => void;
  /** The client was measured. */
  readonly calibrated: (calibration: Calibration) => void;
  /** A cell is being measured, with the requests that ended so far. */
  readonly measuring: (cell: CellName, requests: number) => void;
  /** A cell is done. */
  readonly measured: (cell: CellName, result: CellResult) => void;
  /** Something the user should know, kept with the run. */
  readonly warning: (text: string) => void;
}

/** A cell as a listener hears of it. */
export interface CellName {
  /** For example `batch 4, 2 labels`. */
  readonly label: string;
  /** Its number, from 1. */
  readonly number: number;
  /** How many cells the run has. */
  readonly total: number;
  /** Its weight; 0 where an earlier run measured it. */
  readonly weight: number;
}

/** How a run ended. */
export interface BenchEnd {
  /** All that was measured. */
  readonly run: Run;
  /** Why nothing more could be measured, in words; null when all cells were. */
  readonly fatal: string | null;
}

/**
 * Estimates the work of a cell: a server's time for a request grows with its items, and a small
 * batch still costs a round trip. It serves the time that is left, nothing else.
 */
export function cellWeight(
  batchSize: number,
  options: Pick<RunOptions, "numRuns" | "warmupRuns">,
): number {
  return (options.numRuns + options.warmupRuns) * (1 + batchSize / 8);
}

/** Runs a profile to its end, to the interrupt, or to the point where nothing more can be measured. */
export async function runBench(
  plan: BenchPlan,
  world: BenchWorld,
): Promise<BenchEnd> {
  const bench = new Bench(plan, world);
  let fatal: string | null = null;
  try {
    await bench.calibrate();
    for (const wanted of plan.targets) {
      if (world.signal.aborted) break;
      await bench.measureTarget(wanted);
    }
  } catch (error) {
    if (!(error instanceof MeasureError)) throw error;
    if (!world.signal.aborted) fatal = error.message;
  }
  const run = bench.record();
  await world.save(run);
  return { run, fatal };
}

class Bench {
  readonly #plan: BenchPlan;
  readonly #world: BenchWorld;
  readonly #cells: CellResult[];
  readonly #servers: ServerRecord[];
  readonly #warnings: string[];
  readonly #startMs: number;
  #calibration: Calibration | null = null;
  /** Decides the payloads. */
  readonly #seed: string;
  #number = 0;
  #isCut = false;

  constructor(plan: BenchPlan, world: BenchWorld) {
    this.#plan = plan;
    this.#world = world;
    this.#startMs = world.now();
    const earlier = plan.resumed;
    // A cell that the interrupt cut short is measured again.
    this.#cells =
      earlier?.cells.filter((cell) =>
        cell.samples.outcome.length === cell.numRuns
      ) ?? [];
    // A server may have the prompts of that cell in its cache: they must be new ones.
    this.#seed = earlier === null
      ? plan.options.seed
      : `${plan.options.seed}/${plan.timestamp}`;
    this.#servers = [...earlier?.metadata.servers ?? []];
    this.#warnings = [...earlier?.warnings ?? []];
    const { batchSizes, numLabels } = plan.options;
    const weigh = (sizes: readonly number[]) =>
      sizes.reduce((sum, size) => sum + cellWeight(size, plan.options), 0);
    world.listener.expect(
      weigh(batchSizes) * numLabels.length * plan.targets.length -
        weigh(this.#cells.map((cell) => cell.key.batchSize)),
    );
  }

  async calibrate(): Promise<void> {
    this.#calibration = await this.#world.calibrate();
    if (this.#calibration !== null) {
      this.#world.listener.calibrated(this.#calibration);
    }
  }

  async measureTarget(wanted: Wanted): Promise<void> {
    await using target = await this.#world.openTarget(wanted);
    this.#note(target);
    const { batchSizes, numLabels } = this.#plan.options;
    for (const batchSize of batchSizes) {
      for (const labels of numLabels) {
        if (this.#world.signal.aborted) return;
        await this.#measureCell(target, batchSize, labels);
      }
    }
  }

  async #measureCell(target: Target, batchSize: number, numLabels: number) {
    const { options, targets } = this.#plan;
    const { model, dtype } = target.server;
    const key = { batchSize, numLabels, model, dtype };
    const id = cellId(key);
    const known = this.#cells.find((cell) => cellId(cell.key) === id);
    const name: CellName = {
      label: `batch ${batchSize}, ${numLabels} labels`,
      number: ++this.#number,
      total: options.batchSizes.length * options.numLabels.length *
        targets.length,
      weight: known === undefined ? cellWeight(batchSize, options) : 0,
    };
    if (known !== undefined) return this.#world.listener.measured(name, known);
    const labelTokenIds = options.labelTokenIds?.slice(0, numLabels) ??
      defaultLabelTokenIds(numLabels);
    let requests = 0;
    const result = await measureCell({
      key,
      repeat: 0,
      labelTokenIds,
      numRuns: options.numRuns,
      warmupRuns: options.warmupRuns,
    }, {
      startMs: this.#startMs,
      calibration: this.#calibration,
      isInterrupted: () => this.#world.signal.aborted,
      send: async (count, firstIndex) => {
        const samples = await this.#world.load.run({
          endpoint: target.endpoint,
          workload: {
            batchSize,
            labelTokenIds,
            model,
            applySoftmax: options.applySoftmax,
            prefixCache: options.prefixCache,
            seed: this.#seed,
            tokens: options.tokens,
          },
          dtype,
          firstIndex,
          timeoutMs: options.timeoutMs,
          loop: { kind: "closed", concurrency: 1, count, durationMs: null },
        }, {
          signal: this.#world.signal,
          onProgress: ({ done }) =>
            this.#world.listener.measuring(name, requests + done),
        });
        requests += count;
        this.#world.listener.measuring(name, requests);
        return samples;
      },
    });
    this.#cells.push(result);
    this.#isCut ||= this.#world.signal.aborted &&
      result.samples.outcome.length < options.numRuns;
    await this.#world.save(this.record());
    this.#world.listener.measured(name, result);
    await this.#checkAlive(target, result);
  }

  /** Goes no further with a server that has died or that answers nothing. */
  async #checkAlive(target: Target, cell: CellResult): Promise<void> {
    if (this.#world.signal.aborted) return;
    const isCutOff = cell.failures.some(({ outcome }) =>
      outcome === "connect" || outcome === "reset" || outcome === "truncated"
    );
    const death = isCutOff ? await target.death() : null;
    if (death !== null) throw new MeasureError(`Cannot go on: ${death}`);
    const silent = cell.summary === null && cell.failures.length > 0 &&
      cell.failures.every(({ outcome }) =>
        outcome === "connect" || outcome === "timeout" || outcome === "reset"
      );
    if (silent) {
      throw new MeasureError(
        `Cannot go on: ${target.endpoint.url} answered no request of a whole cell: ${
          cell.failures[0]?.example
        }`,
      );
    }
  }

  /** Keeps what the server says of itself, and says where it is not what was asked for. */
  #note(target: Target): void {
    const { server, kind } = target;
    if (!this.#servers.some((known) => isSameServer(known, server))) {
      this.#servers.push(server);
    }
    if (kind !== "url") return;
    const { models, dtypes } = this.#plan.options;
    const missing = [
      ...models.filter((model) => model !== server.model),
      ...dtypes.filter((dtype) => dtype !== server.dtype),
    ];
    if (missing.length === 0) return;
    const warning =
      `The server serves ${server.model} (${server.dtype}), and only that is measured: not ${
        missing.join(", ")
      }`;
    if (this.#warnings.includes(warning)) return;
    this.#warnings.push(warning);
    this.#world.listener.warning(warning);
  }

  record(): Run {
    const { options, timestamp, environment, toolVersion, resumed } =
      this.#plan;
    const distinct = (values: readonly string[]) =>
      [...new Set(values)].join(",");
    const servers = this.#servers;
    const expected = options.batchSizes.length * options.numLabels.length *
      this.#plan.targets.length;
    return {
      schema: RUN_SCHEMA,
      kind: "bench",
      metadata: {
        "timestamp": resumed?.metadata.timestamp ?? timestamp,
        "profile": options.profile,
        "hardware": distinct(servers.map((server) => server.hardware)) ||
          "unknown",
        "platform": environment.platform,
        "python_version": null,
        "commit_hash": environment.commit,
        "model": distinct(servers.map((server) => server.model)),
        "dtype": distinct(servers.map((server) => server.dtype)),
        "tp_size": servers[0]?.tpSize ?? null,
        "total_configurations": this.#cells.length,
        "total_runtime_seconds":
          (resumed?.metadata["total_runtime_seconds"] ?? 0) +
          (this.#world.now() - this.#startMs) / 1000,
        "tool_version": toolVersion,
        "deno_version": environment.denoVersion,
        "target": options.target,
        "target_address": options.targetAddress,
        "servers": servers,
        "prefix_cache": options.prefixCache,
        "apply_softmax": options.applySoftmax,
        "seed": options.seed,
        "label_token_ids": Object.fromEntries(
          this.#cells.map((cell) => [cell.key.numLabels, cell.labelTokenIds]),
        ),
        "warmup_counts": this.#cells.map((cell) => cell.warmUp.requests),
        "interrupted": this.#isCut || this.#cells.length < expected,
      },
      options,
      cells: [...this.#cells],
      calibration: this.#calibration,
      warnings: [...this.#warnings],
    };
  }
}

function isSameServer(a: ServerRecord, b: ServerRecord): boolean {
  return a.model === b.model && a.dtype === b.dtype && a.version === b.version;
}
