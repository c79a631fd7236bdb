/**
 * The text form of a {@linkcode Run}: written as JSON, read back only when it is whole and of this shape.
 *
 * @module
 */
import * as v from "valibot";
import { OUTCOMES } from "../outcome.ts";
import { AS_DATA, type DataRecord, TEXT_RECORD } from "../score/data.ts";
import { PREFIX_CACHE_REGIMES } from "../score/workload.ts";
import { DOUBT_KINDS } from "./doubts.ts";
import { type Run, RUN_SCHEMA, STATUSES } from "./run.ts";
import {
  MAX_RESULTS,
  parseShape,
  readRecord,
  SHAPES,
  stringifyRecord,
} from "./shape.ts";

const { count, amount, number: time, text, name, texts, ids } = SHAPES;
const missing = v.nullable(amount);
const sizes = v.array(v.pipe(v.number(), v.integer(), v.minValue(1)));
const prefixCache = v.picklist([...PREFIX_CACHE_REGIMES, AS_DATA]);

const samples = v.pipe(
  v.object({
    plannedMs: v.array(time),
    sentMs: v.array(time),
    doneMs: v.array(time),
    outcome: v.array(v.picklist(OUTCOMES)),
    items: v.exactOptional(v.array(count)),
    windows: v.exactOptional(
      v.array(v.object({ count, durationMs: amount })),
    ),
  }),
  v.check(
    (columns) =>
      new Set(
        Object.entries(columns).filter(([name]) => name !== "windows")
          .map(([, column]) => column.length),
      ).size === 1,
    "columns of one length were expected",
  ),
);

const summary = v.object({
  count,
  meanMs: amount,
  standardDeviationMs: missing,
  minMs: amount,
  maxMs: amount,
  p50Ms: amount,
  p95Ms: amount,
  p99Ms: amount,
  totalItems: count,
  throughputItemsPerSec: amount,
  throughputRequestsPerSec: amount,
});

const key = v.object({
  batchSize: count,
  numLabels: count,
  model: name,
  dtype: name,
  data: v.exactOptional(name),
  concurrency: v.exactOptional(sizes.item),
});

const doubts = v.array(v.object({
  kind: v.picklist(DOUBT_KINDS),
  text,
  count: v.exactOptional(count),
}));

const interval = v.nullable(v.tuple([time, time]));

const cell = v.object({
  key,
  repeat: count,
  numRuns: count,
  warmupRuns: count,
  labelTokenIds: ids,
  sent: v.exactOptional(v.string()),
  warmUp: v.object({
    requests: count,
    failed: count,
    slowestMs: missing,
    settled: v.boolean(),
  }),
  samples,
  suspects: v.array(
    v.object({ index: count, kind: v.picklist(["compile", "stall"]) }),
  ),
  compiles: v.exactOptional(SHAPES.compiles),
  failures: SHAPES.failures,
  summary: v.nullable(summary),
  clientAddedMs: v.exactOptional(amount),
  status: v.picklist(STATUSES),
  doubts,
  verdict: v.exactOptional(v.object({
    changePercent: time,
    intervalPercent: interval,
    levelsMs: v.exactOptional(v.tuple([amount, amount])),
    baselineRuns: count,
    moreRuns: v.nullable(count),
    reason: text,
  })),
});

/** Version 0.1.0 called the repeats runs, and knew lengths in tokens in place of data, and one client. */
function withNewNames(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return {
    ...("runs" in value ? { repeats: value.runs } : {}),
    ...("tokens" in value
      ? {
        data: dataOfTokens(value.tokens),
        concurrency: [1],
        leastSamples: 0,
        slo: null,
        pricePerHour: null,
      }
      : {}),
    ...value,
  };
}

/** Returns what was sent as metadata tell it, or null where they do not. */
export function parseData(value: unknown): readonly DataRecord[] | null {
  const result = v.safeParse(SHAPES.data, value);
  return result.success ? result.output : null;
}

/** Returns what was sent where metadata tell lengths in tokens, or null for text. */
export function dataOfTokens(tokens: unknown): readonly DataRecord[] {
  const lengths = v.safeParse(v.object({ query: count, item: count }), tokens);
  if (!lengths.success) return [TEXT_RECORD];
  const { query, item } = lengths.output;
  return [{
    name: `query=${query},item=${item}`,
    tokens: lengths.output,
    file: null,
  }];
}

const options = v.pipe(
  v.unknown(),
  v.transform(withNewNames),
  v.object({
    profile: text,
    batchSizes: sizes,
    numLabels: sizes,
    numRuns: count,
    warmupRuns: count,
    models: texts,
    dtypes: texts,
    prefixCache,
    applySoftmax: v.boolean(),
    labelTokenIds: v.nullable(ids),
    data: SHAPES.data,
    concurrency: sizes,
    leastSamples: count,
    slo: v.nullable(SHAPES.text),
    pricePerHour: v.nullable(amount),
    repeats: sizes.item,
    timeoutMs: amount,
    // Before it was there, the warm-up had the deadline of the others.
    warmupTimeoutMs: v.optional(SHAPES.amount, 0),
    seed: text,
    target: SHAPES.target,
    targetAddress: text,
    compareAddress: v.nullable(text),
    inTurn: v.optional(v.boolean(), false),
  }),
);

const metadata = v.pipe(
  v.unknown(),
  v.transform(withNewNames),
  v.object({
    ...SHAPES.metadata,
    "profile": text,
    "python_version": v.nullable(text),
    "tp_size": missing,
    "total_configurations": count,
    "servers": v.array(SHAPES.server),
    "prefix_cache": prefixCache,
    "apply_softmax": v.boolean(),
    "seed": text,
    "data": SHAPES.data,
    "label_token_ids": v.record(v.string(), ids),
    "warmup_counts": ids,
  }),
);

const cells = v.pipe(
  v.array(cell),
  v.maxLength(MAX_RESULTS, `at most ${MAX_RESULTS} cells were expected`),
);

/** Schema 1 had doubts without kinds: a text for each cell, and a list of texts for the run. */
function fromSchema1(value: unknown): unknown {
  if (!isFields(value) || value["schema"] !== 1) return value;
  const { warnings, cells, reference, ...rest } = value;
  return {
    ...rest,
    schema: RUN_SCHEMA,
    doubts: Array.isArray(warnings)
      ? warnings.map((text) => ({ kind: "other", text }))
      : warnings,
    cells: withDoubts(cells),
    ...(reference === undefined ? {} : { reference: withDoubts(reference) }),
  };
}

function withDoubts(cells: unknown): unknown {
  if (!Array.isArray(cells)) return cells;
  return cells.map((cell) => {
    if (!isFields(cell)) return cell;
    const { reason, ...rest } = cell;
    const kind = rest["status"] === "INVALID" ? "invalid" : "other";
    return { ...rest, doubts: reason === "" ? [] : [{ kind, text: reason }] };
  });
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const run: v.GenericSchema<unknown, Run> = v.object({
  schema: v.literal(RUN_SCHEMA),
  kind: v.literal("bench"),
  metadata,
  options,
  cells,
  calibration: SHAPES.calibration,
  doubts,
  reference: v.exactOptional(cells),
  capacity: v.exactOptional(v.array(v.object({
    key,
    slo: SHAPES.text,
    rungs: v.array(v.object({
      clients: count,
      verdict: v.picklist(["held", "broke", "client"]),
      reason: SHAPES.text,
      throughputItemsPerSec: v.nullable(amount),
      p99Ms: v.nullable(amount),
    })),
    highest: v.nullable(count),
    lowestBroken: v.nullable(count),
    goodputItemsPerSec: v.nullable(amount),
    knee: v.nullable(v.object({
      clients: count,
      throughputItemsPerSec: amount,
    })),
    skipped: v.array(count),
  }))),
  comparison: v.exactOptional(v.object({
    baseline: texts,
    changePercent: v.nullable(time),
    intervalPercent: interval,
    statistic: v.optional(text, ""),
    limitsPercent: v.exactOptional(v.tuple([amount, amount])),
    missing: v.array(key),
    baselineCells: v.optional(count, 0),
    notes: texts,
    failure: v.nullable(text),
  })),
});

/** Writes a run as JSON, one line a cell, so that files can be compared line by line. */
export function stringifyRun(value: Run): string {
  return stringifyRecord({ ...value }, "cells");
}

/**
 * Reads a run.
 *
 * @param json The whole file.
 * @throws {SyntaxError} If it is not JSON, of another schema, or not of this shape; the message names the place.
 */
export function parseRun(json: string): Run {
  return parseShape(
    json,
    (value) => v.parse(run, fromSchema1(value), { abortEarly: true }),
    `a run record of schema ${RUN_SCHEMA} was`,
  );
}

/**
 * Reads a stored run, of at most so many MiB.
 *
 * @throws {UsageError} If the file cannot be read or is not a whole run.
 */
export function readRun(path: string, maxFileMib?: number): Promise<Run> {
  return readRecord(path, parseRun, maxFileMib);
}
