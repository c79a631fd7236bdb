/**
 * The stress scenarios: their values, and the loads that they consist of.
 *
 * @module
 */
import type { Loop } from "../load/driver.ts";
import { type Arrival, WHOLE } from "../load/pacing.ts";
import { defaultLabelTokenIds, type WorkloadSpec } from "../score/workload.ts";

/** Every scenario, in the order in which they run; the first three are the specification's. */
export const SCENARIOS = [
  "large-batch",
  "concurrent",
  "sustained",
  "mixed",
  "ramp",
  "poison",
  "recovery",
] as const;

/** The name of one scenario. */
export type Scenario = typeof SCENARIOS[number];

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
export interface StressOptions {
  /** The scenarios, in order. */
  readonly scenarios: readonly Scenario[];
  /** Items of the requests of large-batch. */
  readonly batchSizes: readonly number[];
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
  /** What the ramp steps up. */
  readonly ramp: "rate" | "concurrency";
  /** The loads of the ramp in order; null to search for the highest that holds. */
  readonly ladder: readonly number[] | null;
  /** The objectives of the ramp, as they were given. */
  readonly slo: string;
  /** The relative tolerance, or null for that of the data type. */
  readonly tolerance: number | null;
  /** Threads that send. */
  readonly workers: number;
  /** Whether poison sends requests that are known to end a server. */
  readonly allowLethal: boolean;
  /** Whether rows are normalised over their labels. */
  readonly applySoftmax: boolean;
  /** Exact lengths of queries and items, or null for text. */
  readonly tokens: { readonly query: number; readonly item: number } | null;
  /** The deadline of one request in milliseconds. */
  readonly timeoutMs: number;
  /** The seed of payloads and arrivals. */
  readonly seed: string;
}

/** Payloads of one shape, before their references are known. */
export interface Shape {
  /** The shape. */
  readonly spec: WorkloadSpec;
  /** Distinct payloads. */
  readonly payloads: number;
  /** How often it is sent in relation to the others. */
  readonly weight: number;
}

/** One load of a scenario. */
export interface LoadStep {
  /** The scenario. */
  readonly scenario: Scenario;
  /** What is special of this load, in the specification's words where it has some. */
  readonly configuration: string;
  /** What is sent. */
  readonly shapes: readonly Shape[];
  /** When. */
  readonly loop: Loop;
  /** Whether the health of the server is judged by it. */
  readonly judgesHealth: boolean;
}

/** Distinct payloads of a load: more than the clients, so that no two requests in flight are alike, */
const LEAST_PAYLOADS = 32;

/** and no more than this where clients are not counted or are too many: each is scored twice before the load. */
const MOST_PAYLOADS = 256;

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

/** Returns the shape of a scenario. */
export function shapeOf(
  options: StressOptions,
  model: string,
  values: {
    readonly scenario: Scenario;
    readonly batchSize: number;
    readonly numLabels: number;
    readonly payloads: number;
    readonly tokens?: StressOptions["tokens"];
    readonly weight?: number;
  },
): Shape {
  const { scenario, batchSize, numLabels, payloads, weight = 1 } = values;
  return {
    spec: {
      batchSize,
      labelTokenIds: defaultLabelTokenIds(numLabels),
      model,
      applySoftmax: options.applySoftmax,
      prefixCache: "cold",
      seed: `${options.seed}/${scenario}`,
      tokens: values.tokens ?? options.tokens,
    },
    payloads,
    weight,
  };
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
): LoadStep[] {
  switch (scenario) {
    case "large-batch":
      return options.batchSizes.map((batchSize) => ({
        scenario,
        configuration: `batch_size=${batchSize}`,
        shapes: [shapeOf(options, model, {
          scenario,
          batchSize,
          numLabels: STRESS_SCENARIOS[scenario].numLabels,
          payloads: Math.min(options.iterations, LEAST_PAYLOADS),
        })],
        loop: {
          kind: "closed",
          concurrency: 1,
          count: options.iterations,
          durationMs: null,
        },
        judgesHealth: false,
      }));
    case "concurrent": {
      const { concurrencyLevels, durationSeconds, ...values } =
        STRESS_SCENARIOS[scenario];
      const levels = options.concurrency ?? concurrencyLevels;
      const seconds = options.durationSeconds ?? durationSeconds;
      const payloads = Math.max(LEAST_PAYLOADS, 2 * Math.max(...levels));
      return levels.map((threads) => ({
        scenario,
        configuration: `threads=${threads}`,
        shapes: [shapeOf(options, model, { scenario, ...values, payloads })],
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
        shapes: [shapeOf(options, model, {
          scenario,
          ...values,
          payloads: payloadsFor(rate),
        })],
        loop: openLoop(options, rate, seconds),
        judgesHealth: true,
      }];
    }
    case "mixed": {
      const { shapes, durationSeconds } = STRESS_SCENARIOS[scenario];
      const seconds = options.durationSeconds ?? durationSeconds;
      const clients = options.concurrency?.[0] ??
        STRESS_SCENARIOS[scenario].concurrency;
      const payloads = Math.min(MOST_PAYLOADS, 2 * clients);
      const weights = shapes.reduce((sum, { weight }) => sum + weight, 0);
      return [{
        scenario,
        configuration: `threads=${clients}, shapes=${shapes.length}`,
        shapes: shapes.map((shape) =>
          shapeOf(options, model, {
            scenario,
            ...shape,
            payloads: Math.max(
              LEAST_PAYLOADS / shapes.length,
              Math.ceil(payloads * shape.weight / weights),
            ),
          })
        ),
        loop: closedLoop(clients, seconds),
        judgesHealth: isHealthLong(seconds),
      }];
    }
  }
}

/** The shape of ramp, poison, recovery and of the probes of mixed. */
export function singleShape(
  scenario: "mixed" | "ramp" | "poison" | "recovery",
  options: StressOptions,
  model: string,
): Shape {
  const values = scenario === "mixed"
    ? { batchSize: 1, numLabels: 2 }
    : STRESS_SCENARIOS[scenario];
  return shapeOf(options, model, {
    scenario,
    batchSize: values.batchSize,
    numLabels: values.numLabels,
    // How far a ramp goes is not known before.
    payloads: scenario === "ramp"
      ? MOST_PAYLOADS
      : scenario === "recovery"
      ? payloadsFor(options.ratePerSec ?? STRESS_SCENARIOS.recovery.targetRps)
      : LEAST_PAYLOADS,
  });
}
