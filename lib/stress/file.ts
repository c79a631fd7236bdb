/**
 * The text form of a {@linkcode StressRun}: written as JSON, read back only when it is whole and of this shape.
 *
 * @module
 */
import * as v from "valibot";
import { ARRIVALS } from "../load/pacing.ts";
import {
  MAX_RESULTS,
  parseShape,
  readRecord,
  SHAPES,
  stringifyRecord,
} from "../record/shape.ts";
import { WATCHED } from "./health.ts";
import {
  FINDING_KINDS,
  STRESS_SCHEMA,
  STRESS_VERDICTS,
  type StressRun,
} from "./record.ts";
import { SCENARIOS } from "./scenarios.ts";

const { count, number, text, name, texts } = SHAPES;
const missing = v.nullable(number);
const scenario = v.picklist(SCENARIOS);
const deviation = v.nullable(
  v.object({ absolute: number, relative: number, share: number }),
);
const times = v.object({
  meanMs: number,
  p50Ms: number,
  p95Ms: number,
  p99Ms: number,
  maxMs: number,
});
const figures = v.nullable(times);

const options = v.object({
  scenarios: v.array(scenario),
  batchSizes: v.nullable(v.array(count)),
  numLabels: v.nullable(count),
  labelTokenIds: v.nullable(v.array(count)),
  concurrency: v.nullable(v.array(count)),
  durationSeconds: missing,
  ratePerSec: missing,
  iterations: count,
  arrival: v.picklist(ARRIVALS),
  ramp: v.picklist(["rate", "concurrency"]),
  ladder: v.nullable(v.array(number)),
  slo: text,
  tolerance: missing,
  workers: count,
  allowLethal: v.boolean(),
  applySoftmax: v.boolean(),
  data: SHAPES.data,
  timeoutMs: number,
  warmupTimeoutMs: v.optional(number, 0),
  loadWarmupMs: v.optional(SHAPES.amount, 0),
  seed: text,
});

const health = v.object({
  checks: v.array(v.object({
    watched: v.picklist(WATCHED),
    unit: v.picklist(["ms", "bytes", "tokens", "requests"]),
    unobserved: v.nullable(text),
    trend: v.nullable(v.object({
      count,
      spanMs: number,
      median: number,
      change: number,
      interval: v.nullable(v.tuple([number, number])),
      pRise: number,
      autocorrelation: number,
      firstQuarter: number,
      lastQuarter: number,
    })),
    grew: v.boolean(),
  })),
  standstill: v.object({ startMs: number, durationMs: number }),
  isStall: v.boolean(),
});

const row = v.object({
  startMs: number,
  durationMs: number,
  planned: count,
  sent: count,
  good: count,
  failed: count,
  p50Ms: missing,
  p99Ms: missing,
  maxMs: missing,
  inFlight: count,
});

const result = v.object({
  scenario,
  configuration: name,
  sent: text,
  verdict: v.picklist(STRESS_VERDICTS),
  findings: v.array(v.object({ kind: v.picklist(FINDING_KINDS), text })),
  notes: texts,
  startMs: number,
  durationMs: number,
  plannedRequests: count,
  goodRequests: count,
  failedRequests: count,
  unfinishedRequests: count,
  askedPerSec: missing,
  reachedPerSec: missing,
  latency: figures,
  service: figures,
  lag: v.nullable(v.object({ ...times.entries, late: count })),
  compiles: v.exactOptional(SHAPES.compiles),
  warmUp: v.exactOptional(v.object({
    requests: SHAPES.count,
    failed: SHAPES.count,
    seconds: SHAPES.amount,
    isQuiet: v.boolean(),
  })),
  quiet: v.exactOptional(v.object({
    leftOutSeconds: SHAPES.amount,
    reachedPerSec: SHAPES.amount,
    p50Ms: v.nullable(SHAPES.amount),
    p99Ms: v.nullable(SHAPES.amount),
  })),
  failures: SHAPES.failures,
  errors: texts,
  truth: v.object({
    payloads: count,
    tolerance: v.object({ relative: number, absolute: number }),
    requests: count,
    alone: deviation,
    underLoad: deviation,
  }),
  health: v.nullable(health),
  timeline: v.array(row),
  part: v.nullable(v.variant("scenario", [
    v.object({
      scenario: v.literal("ramp"),
      steps: v.array(v.object({
        load: number,
        reachedPerSec: number,
        latency: figures,
        errorShare: missing,
        verdict: v.picklist(["held", "broke", "client"]),
        reason: text,
      })),
    }),
    v.object({
      scenario: v.literal("poison"),
      requests: v.array(v.object({
        name: text,
        isLethal: v.boolean(),
        status: missing,
        fault: text,
      })),
    }),
    v.object({
      scenario: v.literal("recovery"),
      firstRightAnswerMs: missing,
      failedRequests: count,
      failures: SHAPES.failures,
      before: figures,
      after: figures,
    }),
    v.object({
      scenario: v.literal("mixed"),
      alone: figures,
      underLoad: figures,
      failedRequests: count,
    }),
  ])),
});

const run = v.object({
  schema: v.literal(STRESS_SCHEMA),
  kind: v.literal("stress"),
  metadata: v.object({
    ...SHAPES.metadata,
    "server": v.nullable(SHAPES.server),
  }),
  options,
  results: v.pipe(
    v.array(result),
    v.maxLength(MAX_RESULTS, `at most ${MAX_RESULTS} loads were expected`),
  ),
  calibration: SHAPES.calibration,
  warnings: texts,
});

/** The shapes of options and of a run in a file. */
export const STRESS_SHAPES = { options, run };

/** Writes a run as JSON, one line a load, so that files can be compared line by line. */
export function stringifyStressRun(value: StressRun): string {
  return stringifyRecord({ ...value }, "results");
}

/**
 * Reads a stress run.
 *
 * @param json The whole file.
 * @throws {SyntaxError} If it is not JSON, of another schema, or not of this shape; the message names the place.
 */
export function parseStressRun(json: string): StressRun {
  return parseShape(
    json,
    (value) => v.parse(run, value, { abortEarly: true }),
    `a stress record of schema ${STRESS_SCHEMA} was`,
  );
}

/**
 * Reads a stored stress run, of at most so many MiB.
 *
 * @throws {UsageError} If the file cannot be read or is not a whole stress run.
 */
export function readStressRun(
  path: string,
  maxFileMib?: number,
): Promise<StressRun> {
  return readRecord(path, parseStressRun, maxFileMib);
}
