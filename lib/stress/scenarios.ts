/**
 * The stress scenarios: their values, and the loads that they consist of.
 *
 * @module
 */
import { scoreTolerance, type Tolerance } from "../score/truth.ts";
import type { Loop } from "../load/driver.ts";
import { type Arrival, WHOLE } from "../load/pacing.ts";
import { AS_DATA } from "../score/data.ts";
import {
  NO_REQUESTS,
  type OwnRequests,
  type Scenario,
  type Shape,
  type ShapeOptions,
  shapesOf,
} from "./shapes.ts";

export { SCENARIOS } from "./shapes.ts";
export type { OwnRequests, Scenario, Shape } from "./shapes.ts";

/** The specification's values, by its names; and those of the further scenarios. */
export const STRESS_SCENARIOS = {
  "large-batch": {
    batchSizes: [50, 100, 200],
    numLabels: 4,
    iterations: 5,
  },
  "concurrent": {
    concurrencyLevels: [4, 8, 16],
    batchSize: 8,
    numLabels: 4,
    durationSeconds: 30,
  },
  "sustained": {
    batchSize: 16,
    numLabels: 4,
    durationSeconds: 300,
    targetRps: 10,
  },
  "mixed": {
    concurrency: 8,
    durationSeconds: 30,
    probesPerSec: 2,
    /** Small requests are many, large ones few, as in most services; lengths in tokens, null for text. */
    shapes: [
      { batchSize: 1, numLabels: 2, tokens: null, weight: 8 },
      { batchSize: 4, numLabels: 4, tokens: { query: 32, item: 8 }, weight: 4 },
      {
        batchSize: 16,
        numLabels: 2,
        tokens: { query: 128, item: 24 },
        weight: 2,
      },
      {
        batchSize: 48,
        numLabels: 8,
        tokens: { query: 256, item: 8 },
        weight: 1,
      },
    ],
  },
  "ramp": { batchSize: 8, numLabels: 4, stepSeconds: 10, firstRps: 10 },
  "poison": { batchSize: 4, numLabels: 2 },
  "recovery": {
    batchSize: 8,
    numLabels: 4,
    durationSeconds: 10,
    targetRps: 10,
  },
} as const;

/** What was asked for, as it is stored; everything that decides what is sent. */
export interface StressOptions extends ShapeOptions {
  readonly scenarios: readonly Scenario[];
  /** Clients of the levels of concurrent; the first is that of mixed. Null for the specification's. */
  readonly concurrency: readonly number[] | null;
  /** The length of a load in seconds, or null for each scenario's own. */
  readonly durationSeconds: number | null;
  /** Requests a second of open loads, or null for each scenario's own. */
  readonly ratePerSec: number | null;
  /** Requests of each batch size of large-batch. */
  readonly iterations: number;
  /** How requests of open loads follow each other. */
  readonly arrival: Arrival;
  readonly ramp: "rate" | "concurrency";
  /** The loads of the ramp in order; null to search for the highest that holds. */
  readonly ladder: readonly number[] | null;
  /** The objectives of the ramp, as they were given. */
  readonly slo: string;
  /** The relative tolerance, or null for that of the data type. */
  readonly tolerance: number | null;
  readonly workers: number;
  /** Whether poison sends requests that are known to end a server. */
  readonly allowLethal: boolean;
  readonly timeoutMs: number;
  /** The deadline of a warm-up request in milliseconds, where that is longer. */
  readonly warmupTimeoutMs: number;
  /** How long each load is warmed up at most, in milliseconds; 0 for not at all. */
  readonly loadWarmupMs: number;
}

/** One load of a scenario. */
export interface LoadStep {
  readonly scenario: Scenario;
  /** What is special of this load, in the specification's words where it has some. */
  readonly configuration: string;
  readonly shapes: readonly Shape[];
  readonly loop: Loop;
  /** Whether the health of the server is judged by it. */
  readonly judgesHealth: boolean;
}

/** Distinct payloads of a load: more than the clients, so that no two requests in flight are alike. */
const LEAST_PAYLOADS = 32;

/** The most payloads, where clients are not counted or are too many: each is scored twice before the load. */
export const MOST_PAYLOADS = 256;

/** The most requests in flight of an open load; beyond it a client would only fill the memory. */
const MAX_IN_FLIGHT = 10_000;

/** A run of this length or longer is watched for drifts and leaks, in seconds. */
const HEALTH_SECONDS = 60;

/** Whether a load of a length in seconds is long enough to judge the health of a server by it. */
export function isHealthLong(seconds: number): boolean {
  return seconds >= HEALTH_SECONDS;
}

/**
 * Returns how many payloads a load has that no two requests in flight are alike.
 *
 * @param clients Requests in flight; of an open load those of a second.
 */
function payloadsFor(clients: number): number {
  const wanted = Math.ceil(2 * clients);
  return Math.min(MOST_PAYLOADS, Math.max(LEAST_PAYLOADS, wanted));
}

/** Returns an open load: sends are planned absolutely, and a slow answer never delays the next. */
export function openLoop(
  options: StressOptions,
  ratePerSec: number,
  durationSeconds: number,
): Loop {
  return {
    kind: "open",
    arrival: options.arrival,
    ratePerSec,
    durationMs: durationSeconds * 1000,
    seed: options.seed,
    // As many as a server that answers nothing leaves open until the deadline.
    maxInFlight: Math.min(
      MAX_IN_FLIGHT,
      Math.ceil(ratePerSec * (options.timeoutMs / 1000 + 1)),
    ),
    share: WHOLE,
  };
}

/** Returns a closed load of a number of clients that start together and end by draining. */
export function closedLoop(concurrency: number, durationSeconds: number): Loop {
  return {
    kind: "closed",
    concurrency,
    count: null,
    durationMs: durationSeconds * 1000,
  };
}

/** Returns the loads of a scenario that consists of loads alone; the ramp, poison and recovery decide as they go. */
export function loadSteps(
  scenario: "large-batch" | "concurrent" | "sustained" | "mixed",
  options: StressOptions,
  model: string,
  own: OwnRequests = NO_REQUESTS,
): LoadStep[] {
  const [first] = options.batchSizes ?? [];
  switch (scenario) {
    case "large-batch": {
      const sizes = options.batchSizes ?? STRESS_SCENARIOS[scenario].batchSizes;
      // The requests of files that are sent as they are have no batch size.
      const isOwn = options.batchSizes === null &&
        options.data.every(({ file }) => file !== null);
      return (isOwn ? [0] : sizes).map((batchSize) => ({
        scenario,
        configuration: `batch_size=${isOwn ? AS_DATA : batchSize}`,
        shapes: shapesOf(options, model, {
          scenario,
          batchSize,
          numLabels: STRESS_SCENARIOS[scenario].numLabels,
          payloads: Math.min(options.iterations, LEAST_PAYLOADS),
        }, own),
        loop: {
          kind: "closed",
          concurrency: 1,
          count: options.iterations,
          durationMs: null,
        },
        judgesHealth: false,
      }));
    }
    case "concurrent": {
      const { concurrencyLevels, durationSeconds, ...values } =
        STRESS_SCENARIOS[scenario];
      const levels = options.concurrency ?? concurrencyLevels;
      const seconds = options.durationSeconds ?? durationSeconds;
      const payloads = Math.max(LEAST_PAYLOADS, 2 * Math.max(...levels));
      return levels.map((threads) => ({
        scenario,
        configuration: `threads=${threads}`,
        shapes: shapesOf(options, model, {
          ...{ scenario, ...values, payloads },
          ...(first === undefined ? {} : { batchSize: first }),
        }, own),
        loop: closedLoop(threads, seconds),
        judgesHealth: isHealthLong(seconds),
      }));
    }
    case "sustained": {
      const { durationSeconds, targetRps, ...values } =
        STRESS_SCENARIOS[scenario];
      const seconds = options.durationSeconds ?? durationSeconds;
      const rate = options.ratePerSec ?? targetRps;
      return [{
        scenario,
        configuration: `duration=${seconds}s, target_rps=${rate}`,
        shapes: shapesOf(options, model, {
          ...{ scenario, ...values, payloads: payloadsFor(rate) },
          ...(first === undefined ? {} : { batchSize: first }),
        }, own),
        loop: openLoop(options, rate, seconds),
        judgesHealth: true,
      }];
    }
    case "mixed": {
      const { durationSeconds } = STRESS_SCENARIOS[scenario];
      const shapes = options.batchSizes === null
        ? STRESS_SCENARIOS[scenario].shapes
        : options.batchSizes.map((batchSize) => (
          { batchSize, numLabels: 2, tokens: null, weight: 1 }
        ));
      const seconds = options.durationSeconds ?? durationSeconds;
      const clients = options.concurrency?.[0] ??
        STRESS_SCENARIOS[scenario].concurrency;
      const payloads = Math.min(MOST_PAYLOADS, 2 * clients);
      const weights = shapes.reduce((sum, { weight }) => sum + weight, 0);
      return [{
        scenario,
        configuration: `threads=${clients}, shapes=${shapes.length}`,
        shapes: shapes.flatMap((shape) =>
          shapesOf(options, model, {
            scenario,
            ...shape,
            payloads: Math.max(
              Math.ceil(LEAST_PAYLOADS / shapes.length),
              Math.ceil(payloads * shape.weight / weights),
            ),
          }, own)
        ),
        loop: closedLoop(clients, seconds),
        judgesHealth: isHealthLong(seconds),
      }];
    }
  }
}

/** The shapes of ramp, poison, recovery and of the probes of mixed. */
export function scenarioShapes(
  scenario: "mixed" | "ramp" | "poison" | "recovery",
  options: StressOptions,
  model: string,
  own: OwnRequests = NO_REQUESTS,
): Shape[] {
  const values = scenario === "mixed"
    ? { batchSize: 1, numLabels: 2 }
    : STRESS_SCENARIOS[scenario];
  const [first = values.batchSize] = options.batchSizes ?? [];
  return shapesOf(options, model, {
    scenario,
    batchSize: scenario === "mixed" ? 1 : first,
    numLabels: values.numLabels,
    // How far a ramp goes is not known before.
    payloads: scenario === "ramp"
      ? MOST_PAYLOADS
      : scenario === "recovery"
      ? payloadsFor(options.ratePerSec ?? STRESS_SCENARIOS.recovery.targetRps)
      : LEAST_PAYLOADS,
  }, own);
}

/** Returns how far a score may be from its reference: as was asked for, or as the data type allows. */
export function toleranceOf(
  { tolerance }: Pick<StressOptions, "tolerance">,
  dtype: string,
): Tolerance {
  const byType = scoreTolerance(dtype);
  return tolerance === null ? byType : { ...byType, relative: tolerance };
}
