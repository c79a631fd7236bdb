/**
 * The text form of a {@linkcode StressRun}: written as JSON, read back only when it is whole and of this shape.
 *
 * @module
 */
import * as v from "valibot";
import { ARRIVALS } from "../load/pacing.ts";
import { UsageError } from "../failure.ts";
import { OUTCOMES } from "../outcome.ts";
import { readText } from "../store.ts";
import { TARGET_KINDS } from "../record/run.ts";
import {
  isShallow,
  MAX_INFO_DEPTH,
  MAX_NAME_LENGTH,
  MAX_NUMBER,
  MAX_RESULTS,
  MAX_TEXT_LENGTH,
} from "../record/bounds.ts";
import { WATCHED } from "./health.ts";
import {
  FINDING_KINDS,
  STRESS_SCHEMA,
  STRESS_VERDICTS,
  type StressRun,
} from "./record.ts";
import { SCENARIOS, type StressOptions } from "./scenarios.ts";
import { toJson } from "../json.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const number = v.pipe(
  v.number(),
  v.finite(),
  v.minValue(-MAX_NUMBER),
  v.maxValue(MAX_NUMBER),
);
const missing = v.nullable(number);
const text = v.pipe(
  v.string(),
  v.maxLength(
    MAX_TEXT_LENGTH,
    `a text of at most ${MAX_TEXT_LENGTH} characters was expected`,
  ),
);
const name = v.pipe(
  v.string(),
  v.maxLength(
    MAX_NAME_LENGTH,
    `a name of at most ${MAX_NAME_LENGTH} characters was expected`,
  ),
);
const texts = v.array(text);
const scenario = v.picklist(SCENARIOS);
const failures = v.array(
  v.object({ outcome: v.picklist(OUTCOMES), count, example: text }),
);
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

const options: v.GenericSchema<unknown, StressOptions> = v.object({
  scenarios: v.array(scenario),
  batchSizes: v.array(count),
  concurrency: v.nullable(v.array(count)),
  durationSeconds: missing,
  ratePerSec: missing,
  iterations: count,
  arrival: v.picklist(ARRIVALS),
  ramp: v.picklist(["rate", "concurrency"]),
  ladder: v.optional(v.nullable(v.array(number)), null),
  slo: text,
  tolerance: missing,
  workers: count,
  allowLethal: v.boolean(),
  applySoftmax: v.boolean(),
  tokens: v.nullable(v.object({ query: count, item: count })),
  timeoutMs: number,
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
  failures,
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
  steps: v.array(v.object({
    load: number,
    reachedPerSec: number,
    latency: figures,
    errorShare: missing,
    verdict: v.picklist(["held", "broke", "client"]),
    reason: text,
  })),
  poison: v.array(v.object({
    name: text,
    isLethal: v.boolean(),
    status: missing,
    fault: text,
  })),
  recovery: v.nullable(v.object({
    firstRightAnswerMs: missing,
    failedRequests: count,
    failures: v.optional(failures, []),
    before: figures,
    after: figures,
  })),
  probes: v.nullable(
    v.object({ alone: figures, underLoad: figures, failedRequests: count }),
  ),
});

const info = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check(
    (value) => isShallow(value),
    `at most ${MAX_INFO_DEPTH} levels were expected`,
  ),
);

const run: v.GenericSchema<unknown, StressRun> = v.object({
  schema: v.literal(STRESS_SCHEMA),
  kind: v.literal("stress"),
  metadata: v.object({
    "timestamp": text,
    "hardware": text,
    "platform": text,
    "commit_hash": text,
    "model": text,
    "dtype": text,
    "tool_version": text,
    "deno_version": text,
    "target": v.picklist(TARGET_KINDS),
    "target_address": text,
    "server": v.nullable(v.object({
      model: name,
      dtype: name,
      tpSize: missing,
      version: v.nullable(text),
      hardware: text,
      info: v.nullable(info),
    })),
    "total_runtime_seconds": number,
    "interrupted": v.boolean(),
  }),
  options,
  results: v.pipe(
    v.array(result),
    v.maxLength(MAX_RESULTS, `at most ${MAX_RESULTS} loads were expected`),
  ),
  calibration: v.nullable(v.object({
    addedP50Ms: number,
    addedP99Ms: number,
    ceilingRequestsPerSec: number,
    closedLoopRatio: number,
  })),
  warnings: texts,
});

/** Writes a run as JSON, one line a load, so that files can be compared line by line. */
export function stringifyStressRun(value: StressRun): string {
  const { results, ...rest } = value;
  const head = toJson(rest, 2).slice(0, -2);
  const lines = results.map((one) => `\n    ${toJson(one)}`);
  return `${head},\n  "results": [${lines.join(",")}\n  ]\n}\n`;
}

/** How much of a message about the file is shown, in characters. */
const MAX_SHOWN_LENGTH = 200;

/**
 * Reads a stress run.
 *
 * @param json The whole file.
 * @throws {SyntaxError} If it is not JSON, of another schema, or not of this shape; the message names the place.
 */
export function parseStressRun(json: string): StressRun {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new SyntaxError("a stress record was expected, found no JSON");
  }
  const read = v.safeParse(run, value, { abortEarly: true });
  if (read.success) return read.output;
  const issue = read.issues[0];
  throw new SyntaxError(
    `a stress record of schema ${STRESS_SCHEMA} was expected; at ${
      (v.getDotPath(issue) ?? "the top").slice(0, MAX_SHOWN_LENGTH)
    }: ${issue.message.slice(0, MAX_SHOWN_LENGTH)}`,
  );
}

/**
 * Reads a stored stress run.
 *
 * @throws {UsageError} If the file cannot be read or is not a whole stress run.
 */
export async function readStressRun(path: string): Promise<StressRun> {
  const text = await readText(path);
  try {
    return parseStressRun(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError([`Cannot read '${path}': ${error.message}`]);
  }
}
