/**
 * The record of one shard: what it saw of the loads that all share, in a form that adds up, and its own run.
 *
 * @module
 */
import * as v from "valibot";
import { toJson } from "../json.ts";
import type { KnownWorkload } from "../load/known_load.ts";
import {
  type PackedSamples,
  packSamples,
  unpackSamples,
} from "../load/packed.ts";
import type { Share } from "../load/pacing.ts";
import { parseShape, SHAPES, stringifyRecord } from "../record/shape.ts";
import { STRESS_SHAPES } from "../stress/file.ts";
import type { ServerSeries } from "../stress/health.ts";
import type { StressRun } from "../stress/record.ts";
import type { ShapeReferences } from "../stress/references.ts";
import { SCENARIOS, type Shape } from "../stress/scenarios.ts";
import type { LoadPart } from "../stress/team.ts";
import type { ClockReading } from "./clock.ts";
import { SHARD_SCHEMA, type ShardPlan } from "./plan.ts";

/** How a shard ended: `running` stands in the record of one that still runs, or died. */
export const SHARD_ENDS = [
  "running",
  "whole",
  "interrupted",
  "stopped",
] as const;

/** References without their scores. */
export interface PackedReferences
  extends
    Pick<ShapeReferences, "requests" | "failures" | "alone" | "latenciesMs"> {
  /** How many payloads have one; null where some have none. */
  readonly payloads: number | null;
}

/** A {@linkcode LoadPart} as it is stored. */
export interface PackedPart extends Omit<LoadPart, "samples" | "references"> {
  /** The clock of the shard at the start of the load; null where it did not start. */
  readonly clock: ClockReading | null;
  /** What was recorded; null where nothing was sent. */
  readonly samples: PackedSamples | null;
  /** The references of the shapes, in their order; up to the first that is not whole. */
  readonly references: readonly PackedReferences[];
}

/** The record of one shard. */
export interface ShardRecord
  extends Pick<ShardPlan, "schema" | "runId" | "optionsHash" | "toolVersion"> {
  readonly kind: "stress-shard";
  readonly share: Share;
  readonly end: typeof SHARD_ENDS[number];
  /** Why it did not run to its end, in words; empty where it did. */
  readonly reason: string;
  /** What it saw of the loads that are shared. */
  readonly parts: readonly PackedPart[];
  /** Its run, with the results of the loads that it ran alone. */
  readonly run: StressRun;
}

/** Makes a part fit to be stored. */
export function packPart(
  part: LoadPart,
  clock: ClockReading | null,
): PackedPart {
  const { samples, references, ...rest } = part;
  return {
    ...rest,
    clock,
    samples: samples === null ? null : packSamples(samples),
    references: references.map(({ workload, ...reference }) => ({
      payloads: workload?.payloads ?? null,
      ...reference,
    })),
  };
}

/** Of what was sent judging needs to know only how many payloads there were. */
const UNKNOWN_WORKLOAD: KnownWorkload = {
  spec: {
    ...{ batchSize: 1, labelTokenIds: [1], model: "", applySoftmax: true },
    ...{ prefixCache: "cold", seed: 0, tokens: null },
  },
  ...{ payloads: 0, weight: 1, references: new Float64Array() },
};

/**
 * Returns a part that was stored.
 *
 * @throws {RangeError} If its histograms are none.
 */
export function unpackPart(
  { clock: _, samples, references, ...rest }: PackedPart,
): LoadPart {
  return {
    ...rest,
    samples: samples === null ? null : unpackSamples(samples),
    references: references.map(({ payloads, ...reference }) => ({
      ...reference,
      workload: payloads === null ? null : { ...UNKNOWN_WORKLOAD, payloads },
    })),
  };
}

/** Numbers of histograms and seconds are many: they are looked at all at once, and closely when they are unpacked. */
const numbers = v.custom<number[]>(
  (value) =>
    Array.isArray(value) &&
    value.every((one) => typeof one === "number" && Number.isFinite(one)),
  "a list of numbers was expected",
);
const { count, number, text, failures } = SHAPES;
const deviation = v.object({
  absolute: number,
  relative: number,
  share: number,
});
const series = v.union([
  text,
  v.array(v.object({ timeMs: number, value: number })),
]);
const server: v.GenericSchema<unknown, ServerSeries> = v.object({
  residentBytes: series,
  lostTokens: series,
  poolTokens: v.nullable(number),
  queuedRequests: series,
});

const samples: v.GenericSchema<unknown, PackedSamples> = v.object({
  totals: v.object({
    planned: count,
    good: count,
    inTime: count,
    service: numbers,
    response: numbers,
    lag: numbers,
  }),
  failures,
  retried: count,
  observed: v.nullable(v.object({
    timeline: v.object({
      intervalMs: number,
      planned: numbers,
      sent: numbers,
      good: numbers,
      failed: numbers,
      ended: numbers,
      maxMs: numbers,
      waits: v.array(numbers),
    }),
    errors: v.array(v.object({ atMs: number, text })),
    standstills: v.array(v.object({ startMs: number, durationMs: number })),
    deviation,
  })),
});

const part: v.GenericSchema<unknown, PackedPart> = v.object({
  scenario: v.picklist(SCENARIOS),
  configuration: text,
  sent: text,
  role: v.picklist(["load", "probes"]),
  startMs: number,
  durationMs: number,
  clock: v.nullable(v.object({ offsetMs: number, uncertaintyMs: number })),
  samples: v.nullable(samples),
  doubts: v.array(v.object({ kind: v.picklist(["warning", "limit"]), text })),
  references: v.array(v.object({
    payloads: v.nullable(count),
    requests: count,
    failures,
    alone: v.nullable(deviation),
    latenciesMs: numbers,
  })),
  server: v.nullable(server),
  death: v.nullable(text),
  isInterrupted: v.boolean(),
  gaveUp: v.boolean(),
});

const record: v.GenericSchema<unknown, ShardRecord> = v.object({
  schema: v.literal(SHARD_SCHEMA),
  kind: v.literal("stress-shard"),
  runId: text,
  optionsHash: text,
  toolVersion: text,
  share: v.object({ index: count, of: count }),
  end: v.picklist(SHARD_ENDS),
  reason: text,
  parts: v.array(part),
  run: STRESS_SHAPES.run,
});

/**
 * Reads the record of a shard.
 *
 * @throws {SyntaxError} If it is none, or of another version.
 */
export function parseShardRecord(json: string): ShardRecord {
  return parseShape(
    json,
    (value) => v.parse(record, value, { abortEarly: true }),
    "the record of a shard was",
  );
}

/** Writes the record of a shard as JSON, one line a load. */
export function stringifyShardRecord(value: ShardRecord): string {
  return stringifyRecord({ ...value }, "parts");
}

/** The references of a shape as shard 0 tells them: the scores as 64-bit floats, in base64. */
export interface ToldReferences {
  readonly runId: string;
  /** The scores; null where some payload has none. */
  readonly scores: string | null;
}

const told: v.GenericSchema<unknown, ToldReferences> = v.object({
  runId: text,
  scores: v.nullable(text),
});

/** Writes references for the other shards. */
export function stringifyReferences(
  { workload }: ShapeReferences,
  runId: string,
): string {
  const bytes = workload === null
    ? null
    : new Uint8Array(workload.references.buffer);
  return toJson({ runId, scores: bytes?.toBase64() ?? null });
}

/**
 * Reads the references that shard 0 told.
 *
 * @throws {SyntaxError} If they are none of the shape and the run.
 */
export function parseReferences(
  json: string,
  shape: Shape,
  runId: string,
): ShapeReferences {
  const what = "references of this run";
  const { scores, ...found } = parseShape(
    json,
    (value) => v.parse(told, value),
    `${what} were`,
  );
  const bytes = Uint8Array.fromBase64(scores ?? "");
  const { batchSize, labelTokenIds } = shape.spec;
  const wanted = shape.payloads * batchSize * labelTokenIds.length;
  const isWanted = scores === null ||
    bytes.length === wanted * Float64Array.BYTES_PER_ELEMENT;
  if (found.runId !== runId || !isWanted) {
    throw new SyntaxError(
      `${what} with ${wanted} scores were expected, found ${bytes.length} bytes of run ${found.runId}`,
    );
  }
  return {
    workload: scores === null
      ? null
      : { ...shape, references: new Float64Array(bytes.buffer) },
    // What shard 0 asked is in its own record.
    ...{ requests: 0, failures: [], alone: null, latenciesMs: [] },
  };
}
