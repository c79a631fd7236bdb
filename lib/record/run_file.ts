/**
 * The text form of a {@linkcode Run}: written as JSON, read back only when it is whole and of this shape.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf, UsageError } from "../failure.ts";
import { OUTCOMES } from "../outcome.ts";
import {
  AS_DATA,
  type DataRecord,
  TEXT_DATA,
  TEXT_RECORD,
} from "../score/data.ts";
import { PREFIX_CACHE_REGIMES } from "../score/workload.ts";
import { readText } from "../store.ts";
import { type Run, RUN_SCHEMA, STATUSES, TARGET_KINDS } from "./run.ts";
import { toJson } from "../json.ts";
import { DOUBT_KINDS } from "./doubts.ts";
import {
  isShallow,
  MAX_INFO_DEPTH,
  MAX_NAME_LENGTH,
  MAX_NUMBER,
  MAX_RESULTS,
  MAX_TEXT_LENGTH,
} from "./bounds.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const amount = v.pipe(
  v.number(),
  v.finite(),
  v.minValue(0),
  v.maxValue(MAX_NUMBER),
);
const missing = v.nullable(amount);
const time = v.pipe(
  v.number(),
  v.finite(),
  v.minValue(-MAX_NUMBER),
  v.maxValue(MAX_NUMBER),
);
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
const ids = v.array(count);
const texts = v.array(text);
const sizes = v.array(v.pipe(v.number(), v.integer(), v.minValue(1)));
const outcome = v.picklist(OUTCOMES);
const prefixCache = v.picklist([...PREFIX_CACHE_REGIMES, AS_DATA]);
const target = v.picklist(TARGET_KINDS);

const samples = v.pipe(
  v.object({
    plannedMs: v.array(time),
    sentMs: v.array(time),
    doneMs: v.array(time),
    outcome: v.array(outcome),
    items: v.exactOptional(v.array(count)),
  }),
  v.check(
    (columns) =>
      new Set(Object.values(columns).map((column) => column.length)).size === 1,
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
  failures: v.array(v.object({ outcome, count, example: text })),
  summary: v.nullable(summary),
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

const length = v.union([count, v.object({ min: count, max: count })]);
const DATA_SCHEMA: v.GenericSchema<unknown, DataRecord[]> = v.array(
  v.object({
    name,
    tokens: v.nullable(v.object({ query: length, item: length })),
    file: v.nullable(v.object({
      sha256: name,
      requests: count,
      items: v.object({ min: count, max: count }),
      labels: v.nullable(count),
      kind: v.picklist(["text", "ids"]),
      promptLength: amount,
      ownItems: v.boolean(),
    })),
  }),
);

/** Version 0.1.0 called the repeats runs, and knew lengths in tokens in place of data. */
function withNewNames(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return {
    ...("runs" in value ? { repeats: value.runs } : {}),
    ...("tokens" in value ? { data: dataOfTokens(value.tokens) } : {}),
    ...value,
  };
}

/** Returns what was sent as metadata tell it, or null where they do not. */
export function parseData(value: unknown): readonly DataRecord[] | null {
  const result = v.safeParse(DATA_SCHEMA, value);
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
    data: DATA_SCHEMA,
    repeats: sizes.item,
    timeoutMs: amount,
    seed: text,
    target,
    targetAddress: text,
    compareAddress: v.nullable(text),
  }),
);

const info = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check(
    (value) => isShallow(value),
    `at most ${MAX_INFO_DEPTH} levels were expected`,
  ),
);

const metadata = v.pipe(
  v.unknown(),
  v.transform(withNewNames),
  v.object({
    "timestamp": text,
    "profile": text,
    "hardware": text,
    "platform": text,
    "python_version": v.nullable(text),
    "commit_hash": text,
    "model": text,
    "dtype": text,
    "tp_size": missing,
    "total_configurations": count,
    "total_runtime_seconds": amount,
    "tool_version": text,
    "deno_version": text,
    "target": target,
    "target_address": text,
    "servers": v.array(v.object({
      model: name,
      dtype: name,
      tpSize: missing,
      version: v.nullable(text),
      hardware: text,
      info: v.nullable(info),
    })),
    "prefix_cache": prefixCache,
    "apply_softmax": v.boolean(),
    "seed": text,
    "data": DATA_SCHEMA,
    "label_token_ids": v.record(v.string(), ids),
    "warmup_counts": ids,
    "interrupted": v.boolean(),
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
  calibration: v.nullable(v.object({
    addedP50Ms: amount,
    addedP99Ms: amount,
    ceilingRequestsPerSec: amount,
    closedLoopRatio: amount,
  })),
  doubts,
  reference: v.exactOptional(cells),
  comparison: v.exactOptional(v.object({
    baseline: texts,
    changePercent: v.nullable(time),
    intervalPercent: interval,
    statistic: v.optional(text, ""),
    missing: v.array(key),
    baselineCells: v.optional(count, 0),
    notes: texts,
    failure: v.nullable(text),
  })),
});

/** Writes a run as JSON, one line a cell, so that files can be compared line by line. */
export function stringifyRun(value: Run): string {
  const { cells, ...rest } = value;
  const head = toJson(rest, 2).slice(0, -2);
  const lines = cells.map((one) => `\n    ${toJson(one)}`);
  return `${head},\n  "cells": [${lines.join(",")}\n  ]\n}\n`;
}

/** How much of a name or a value of the file an error message repeats, in characters. */
const MAX_SHOWN_LENGTH = 200;

/**
 * Reads a run.
 *
 * @param text The whole file.
 * @throws {SyntaxError} If it is not JSON, of another schema, or not of this shape; the message names the place.
 */
export function parseRun(text: string): Run {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const found = messageOf(error);
    throw new SyntaxError(`a run record was expected, not JSON: ${found}`);
  }
  const result = v.safeParse(run, fromSchema1(value), { abortEarly: true });
  if (result.success) return withData(result.output);
  const issue = result.issues[0];
  const shown = (text: string) => text.slice(0, MAX_SHOWN_LENGTH);
  const place = shown(v.getDotPath(issue) ?? "the top");
  throw new SyntaxError(
    `a run record of schema ${RUN_SCHEMA} was expected; at ${place}: ${
      shown(issue.message)
    }`,
  );
}

/** Cells of version 0.1.0 that were sent token ids do not say so. */
function withData(stored: Run): Run {
  const [first, ...others] = stored.options.data;
  if (first === undefined || others.length > 0 || first.name === TEXT_DATA) {
    return stored;
  }
  return {
    ...stored,
    cells: stored.cells.map((one) => ({
      ...one,
      key: { data: first.name, ...one.key },
    })),
  };
}

/**
 * Reads a stored run.
 *
 * @throws {UsageError} If the file cannot be read or is not a whole run.
 */
export async function readRun(path: string): Promise<Run> {
  const text = await readText(path);
  try {
    return parseRun(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError([`Cannot read '${path}': ${error.message}`]);
  }
}
