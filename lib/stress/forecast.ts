/**
 * How long the rest of a stress run will take.
 *
 * @module
 */
import { mean, sum } from "../stats/summary.ts";
import type { Scenario, StressOptions } from "./scenarios.ts";
import { STRESS_SCENARIOS } from "./scenarios.ts";

/** A ramp doubles its load until it breaks and then bisects: steps of a usual one. */
const RAMP_STEPS = 12;
/** With --duration a step takes this share of it; a poison request and what is checked after it, and a large batch, about so many seconds. */
const STEP_SHARE = 0.2;
const POISON_SECONDS = 10;
const BATCH_SECONDS = 5;

/** One load that will be run. */
export interface PlannedLoad {
  readonly scenario: Scenario;
  /** How long it takes in milliseconds, where that is known or may be guessed. */
  readonly expectedMs: number;
}

/** Returns the loads of a run in order. */
export function plannedLoads(
  options: Pick<
    StressOptions,
    "scenarios" | "batchSizes" | "concurrency" | "durationSeconds"
  >,
): PlannedLoad[] {
  return options.scenarios.flatMap((scenario) =>
    secondsOf(scenario, options).map((seconds) => ({
      scenario,
      expectedMs: 1000 * seconds,
    }))
  );
}

function secondsOf(
  scenario: Scenario,
  { batchSizes, concurrency, durationSeconds }: Parameters<
    typeof plannedLoads
  >[0],
): number[] {
  switch (scenario) {
    case "large-batch":
      return (batchSizes ?? STRESS_SCENARIOS[scenario].batchSizes)
        .map(() => BATCH_SECONDS);
    case "concurrent": {
      const values = STRESS_SCENARIOS[scenario];
      const levels = concurrency ?? values.concurrencyLevels;
      return levels.map(() => durationSeconds ?? values.durationSeconds);
    }
    case "sustained":
    case "mixed":
      return [durationSeconds ?? STRESS_SCENARIOS[scenario].durationSeconds];
    // Before the kill and after it.
    case "recovery":
      return [
        2 * (durationSeconds ?? STRESS_SCENARIOS[scenario].durationSeconds),
      ];
    case "ramp":
      return [
        RAMP_STEPS *
        (durationSeconds === null
          ? STRESS_SCENARIOS.ramp.stepSeconds
          : STEP_SHARE * durationSeconds),
      ];
    case "poison":
      return [POISON_SECONDS];
  }
}

/** Forecasts the time that is left from what loads were expected to take and took. */
export class StressForecast {
  readonly #loads: PlannedLoad[];
  readonly #took: { readonly scenario: Scenario; readonly factor: number }[] =
    [];
  /** Loads of the whole run. */
  readonly total: number;

  /**
   * Plans the loads.
   *
   * @param done Loads of an earlier part of the run, in any order.
   */
  constructor(
    loads: readonly PlannedLoad[],
    done: readonly { readonly scenario: Scenario }[],
  ) {
    this.total = loads.length;
    this.#loads = [...loads];
    for (const { scenario } of done) this.#take(scenario);
  }

  /** The number of the load that is run now, from 1. */
  get number(): number {
    return Math.min(this.total, this.total - this.#loads.length + 1);
  }

  /** Takes a load that is done off the plan. */
  learn({ scenario, tookMs }: {
    readonly scenario: Scenario;
    readonly tookMs: number;
  }): void {
    const load = this.#take(scenario);
    if (load === undefined) return;
    this.#took.push({ scenario, factor: tookMs / load.expectedMs });
  }

  /** Returns the time that is left in milliseconds, the load that is run now with it. */
  leftMs(elapsedMs: number): number {
    const [current, ...rest] = this.#loads.map((load) => this.#expected(load));
    return Math.max(0, (current ?? 0) - elapsedMs) + sum(rest);
  }

  #take(scenario: Scenario): PlannedLoad | undefined {
    const index = this.#loads.findIndex((load) => load.scenario === scenario);
    return index < 0 ? undefined : this.#loads.splice(index, 1)[0];
  }

  /** What loads of one scenario took before, the next will: scoring the references is not in their length. */
  #expected({ scenario, expectedMs }: PlannedLoad): number {
    const same = this.#took.filter((one) => one.scenario === scenario);
    return same.length === 0
      ? expectedMs
      : expectedMs * mean(same.map(({ factor }) => factor));
  }
}
