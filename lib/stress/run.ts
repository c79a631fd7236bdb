/**
 * Runs the stress scenarios one after another, and keeps every load as soon as it is done.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import { UNKNOWN_CLIENT } from "../load/client_limit.ts";
import type { ServerRecord, TargetKind } from "../record/run.ts";
import { checkResumed } from "../record/resume.ts";
import type { Environment } from "../server/environment.ts";
import { StressContext } from "./context.ts";
import type { StressWorld } from "./world.ts";
import { runMixed } from "./mixed.ts";
import { runPoison } from "./poison.ts";
import { runRamp } from "./ramp.ts";
import { STRESS_SCHEMA, type StressResult, type StressRun } from "./record.ts";
import { runRecovery } from "./recovery.ts";
import {
  loadSteps,
  type OwnRequests,
  type Scenario,
  type StressOptions,
} from "./scenarios.ts";
import { SHARED_SCENARIOS } from "./team.ts";

/** What is run. */
export interface StressPlan {
  readonly options: StressOptions;
  /** The requests of files by their short names. */
  readonly own?: OwnRequests;
  /** Says why a server cannot take what would be sent, or null. */
  readonly findServerProblem?: (server: ServerRecord) => string | null;
  readonly target: TargetKind;
  /** The URL or the launch command, without secrets. */
  readonly targetAddress: string;
  /** An earlier part of this run, whose loads are not run again. */
  readonly resumed: StressRun | null;
  /** When the run started, ISO 8601 in UTC. */
  readonly timestamp: string;
  readonly environment: Environment;
  readonly toolVersion: string;
  /** Doubts that are known before. */
  readonly warnings: readonly string[];
}

/** What a run needs beside the world of its scenarios. */
export interface StressRunWorld extends StressWorld {
  /** Keeps the run so far; called after each load. */
  readonly save: (run: StressRun) => Promise<void>;
  readonly onResult: (result: StressResult) => void;
}

/** How a run ended. */
export interface StressEnd {
  readonly run: StressRun;
  /** Why nothing more could be run, in words; null when all was. */
  readonly fatal: string | null;
}

/** Runs all scenarios, or to the interrupt, or to the point where no server is left. */
export async function runStress(
  plan: StressPlan,
  world: StressRunWorld,
): Promise<StressEnd> {
  const stress = new Stress(plan, world);
  let fatal: string | null = null;
  try {
    await stress.runAll();
  } catch (error) {
    if (!(error instanceof MeasureError)) throw error;
    if (!world.signal.aborted) fatal = error.message;
  } finally {
    await stress.close();
  }
  const run = stress.record();
  // Nothing measured must not replace what an earlier run left there.
  if (run.results.length > 0) await world.save(run);
  return { run, fatal };
}

/**
 * Returns the exit code of a run: 130 interrupted, 1 a load failed, 3 one could not be measured or
 * nothing was run, 0 all passed.
 */
export function stressExitCode({ run, fatal }: StressEnd): number {
  const has = (verdict: string) =>
    run.results.some((result) => result.verdict === verdict);
  if (run.metadata.interrupted && fatal === null) return 130;
  if (has("FAIL")) return 1;
  return fatal !== null || has("INVALID") || run.results.length === 0 ? 3 : 0;
}

class Stress {
  readonly #plan: StressPlan;
  readonly #world: StressRunWorld;
  readonly #results: StressResult[];
  readonly #warnings: string[];
  readonly #startMs: number;
  #context: StressContext | null = null;
  #server: ServerRecord | null;

  constructor(plan: StressPlan, world: StressRunWorld) {
    this.#plan = plan;
    this.#world = world;
    this.#startMs = world.now();
    this.#results =
      plan.resumed?.results.filter(({ verdict }) =>
        verdict !== "INTERRUPTED"
      ) ?? [];
    this.#warnings = [...plan.warnings];
    this.#server = plan.resumed?.metadata.server ?? null;
  }

  async runAll(): Promise<void> {
    const world = this.#world;
    const target = await world.openTarget();
    const earlier = this.#server;
    this.#warnings.push(
      ...checkResumed(
        earlier === null ? [] : [earlier],
        "url",
        target.server,
      ),
    );
    this.#server = target.server;
    const problem = this.#plan.findServerProblem?.(target.server) ?? null;
    if (problem !== null) {
      await target[Symbol.asyncDispose]();
      throw new MeasureError(problem);
    }
    const context = new StressContext(this.#plan.options, world, {
      target,
      startMs: this.#startMs,
      own: this.#plan.own ?? new Map(),
    });
    this.#context = context;
    // Of several hosts one that dies in its first load has said that it was there.
    if (world.team !== undefined) await world.save(this.record());
    for (const scenario of this.#plan.options.scenarios) {
      await this.#runScenario(context, scenario);
    }
    if (!world.signal.aborted) await world.team?.end();
  }

  async close(): Promise<void> {
    await this.#context?.target[Symbol.asyncDispose]();
  }

  async #runScenario(
    context: StressContext,
    scenario: Scenario,
  ): Promise<void> {
    const { options } = this.#plan;
    if (!this.#isShared(scenario) && (this.#world.team?.share.index ?? 0) > 0) {
      return;
    }
    switch (scenario) {
      case "large-batch":
      case "concurrent":
      case "sustained":
        for (
          const step of loadSteps(scenario, options, context.model, context.own)
        ) {
          await this.#keep(scenario, {
            configuration: step.configuration,
            run: () => context.run(step),
          });
        }
        return;
      case "mixed":
        return await this.#keep(scenario, { run: () => runMixed(context) });
      case "ramp":
        return await this.#keep(scenario, {
          run: () => runRamp(context),
        });
      case "poison":
        return await this.#keep(scenario, { run: () => runPoison(context) });
      case "recovery":
        return await this.#keep(scenario, { run: () => runRecovery(context) });
    }
  }

  #isShared(scenario: Scenario): boolean {
    return this.#world.team !== undefined &&
      SHARED_SCENARIOS.includes(scenario);
  }

  /** Runs a load unless an earlier part of the run has it, and keeps its result. */
  async #keep(scenario: Scenario, load: {
    readonly configuration?: string;
    readonly run: () => Promise<StressResult>;
  }): Promise<void> {
    const isKnown = this.#results.some((known) =>
      known.scenario === scenario &&
      (load.configuration ?? known.configuration) === known.configuration
    );
    if (isKnown || this.#world.signal.aborted) return;
    const result = await load.run();
    // What several hosts share is kept in parts, and judged when these are put together.
    if (!this.#isShared(scenario)) this.#results.push(result);
    await this.#world.save(this.record());
    this.#world.onResult(result);
    const isDead = result.findings.some(({ kind }) => kind === "server died");
    if (isDead) await this.#startAgain(result);
  }

  /** Goes on with a server that was started here; one at a URL that is gone ends the run. */
  async #startAgain(result: StressResult): Promise<void> {
    const context = this.#context;
    if (context === null) return;
    if (this.#isShared(result.scenario)) {
      throw new MeasureError(
        `Cannot go on after ${result.scenario}: the server died`,
      );
    }
    // Poison has then started it again by itself.
    if (result.scenario === "poison" && context.options.allowLethal) return;
    if (context.target.started === undefined) {
      throw new MeasureError(
        `Cannot go on after ${result.scenario}: the server is gone`,
      );
    }
    await context.reopen();
  }

  record(): StressRun {
    const { options, environment, resumed } = this.#plan;
    const server = this.#server;
    const isWhole = options.scenarios.every((scenario) => {
      if (this.#isShared(scenario)) return true;
      const done = this.#results.filter((result) =>
        result.scenario === scenario && result.verdict !== "INTERRUPTED"
      ).length;
      const wanted = scenario === "large-batch" || scenario === "concurrent"
        ? loadSteps(scenario, options, "").length
        : 1;
      return done >= wanted;
    });
    return {
      schema: STRESS_SCHEMA,
      kind: "stress",
      metadata: {
        "timestamp": resumed?.metadata.timestamp ?? this.#plan.timestamp,
        "hardware": server?.hardware ?? "unknown",
        "platform": environment.platform,
        "commit_hash": environment.commit,
        "model": server?.model ?? "unknown",
        "dtype": server?.dtype ?? "unknown",
        "tool_version": this.#plan.toolVersion,
        "deno_version": environment.denoVersion,
        "target": this.#plan.target,
        "target_address": this.#plan.targetAddress,
        "server": server,
        "total_runtime_seconds":
          (resumed?.metadata["total_runtime_seconds"] ?? 0) +
          (this.#world.now() - this.#startMs) / 1000,
        "interrupted": !isWhole,
      },
      options,
      results: [...this.#results],
      calibration: this.#context?.client.found ?? [],
      warnings: [
        ...this.#warnings,
        ...this.#context?.client.isUnknown ? [UNKNOWN_CLIENT] : [],
      ],
    };
  }
}
