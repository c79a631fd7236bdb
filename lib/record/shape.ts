/**
 * What the records of benchmarks and of stress tests have in common: shapes of values, and how records are read and
 * written.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf, UsageError } from "../failure.ts";
import { toJson } from "../json.ts";
import { OUTCOMES } from "../outcome.ts";
import { readText } from "../store.ts";
import { COMPILE_LEVELS } from "./compiles.ts";
import { TARGET_KINDS } from "./run.ts";

/** Larger numbers are none that were measured, and their sums are not finite. */
const MAX_NUMBER = 1e15;
/** A longer name is none that a server has, in characters; the longest on Hugging Face have 96. */
const MAX_NAME_LENGTH = 2_000;
/** A longer text is none that this tool writes, in characters. */
const MAX_TEXT_LENGTH = 100_000;
/** More cells or loads than a hundred repeats of a full profile of three models. */
export const MAX_RESULTS = 10_000;
/** Nothing that this tool stores of a server lies deeper; far deeper values cannot even be written. */
const MAX_INFO_DEPTH = 16;
/** How much of a name or a value of the file an error message repeats, in characters. */
const MAX_SHOWN_LENGTH = 200;

function numberFrom(min: number) {
  return v.pipe(
    v.number(),
    v.finite(),
    v.minValue(min),
    v.maxValue(MAX_NUMBER),
  );
}

function isShallow(value: unknown, depth = MAX_INFO_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 &&
    Object.values(value).every((entry) => isShallow(entry, depth - 1));
}

function textOf(what: string, maxLength: number) {
  const message = `a ${what} of at most ${maxLength} characters was expected`;
  return v.pipe(v.string(), v.maxLength(maxLength, message));
}

const text = textOf("text", MAX_TEXT_LENGTH);
const name = textOf("name", MAX_NAME_LENGTH);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const amount = numberFrom(0);
const target = v.picklist(TARGET_KINDS);
const length = v.union([count, v.object({ min: count, max: count })]);

const server = v.object({
  model: name,
  dtype: name,
  tpSize: v.nullable(amount),
  version: v.nullable(text),
  hardware: text,
  inForce: v.exactOptional(v.record(name, text)),
  versions: v.exactOptional(v.record(name, text)),
  info: v.nullable(v.pipe(
    v.record(v.string(), v.unknown()),
    v.check(
      (value) => isShallow(value),
      `at most ${MAX_INFO_DEPTH} levels were expected`,
    ),
  )),
});

const calibration = v.object({
  clients: v.optional(count, 1),
  requestBytes: v.optional(v.nullable(count), null),
  answerBytes: v.optional(v.nullable(count), null),
  addedP50Ms: amount,
  addedP99Ms: amount,
  ceilingRequestsPerSec: amount,
  closedLoopRatio: amount,
});

/** Shapes of values: a `count` and an `amount` are 0 or more, a `number` may be below; `metadata` are the fields that all records have. */
export const SHAPES = {
  text,
  name,
  count,
  amount,
  number: numberFrom(-MAX_NUMBER),
  texts: v.array(text),
  ids: v.array(count),
  target,
  server,
  failures: v.array(
    v.object({ outcome: v.picklist(OUTCOMES), count, example: text }),
  ),
  compiles: v.object({
    level: v.picklist(COMPILE_LEVELS),
    count,
    seconds: v.nullable(amount),
    reason: text,
  }),
  data: v.array(v.object({
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
  })),
  calibration: v.pipe(
    v.union([v.null(), calibration, v.array(calibration)]),
    // Older versions had one for a run.
    v.transform((one) => one === null ? [] : Array.isArray(one) ? one : [one]),
  ),
  metadata: {
    "timestamp": text,
    "hardware": text,
    "platform": text,
    "commit_hash": text,
    "model": text,
    "dtype": text,
    "tool_version": text,
    "deno_version": text,
    "target": target,
    "target_address": text,
    "total_runtime_seconds": amount,
    "interrupted": v.boolean(),
  },
};

/**
 * Reads JSON of a shape.
 *
 * @param parse Takes a value for what it should be, or throws a ValiError at the first place that is wrong.
 * @param expected What it is, as a message begins: `a run record was`.
 * @throws {SyntaxError} If it is not JSON, or not of the shape; the message names the place.
 */
export function parseShape<Value>(
  json: string,
  parse: (value: unknown) => Value,
  expected: string,
): Value {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new SyntaxError(
      `${expected} expected, not JSON: ${messageOf(error)}`,
    );
  }
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof v.ValiError)) throw error;
    const [issue] = error.issues;
    const shown = (text: string) => text.slice(0, MAX_SHOWN_LENGTH);
    throw new SyntaxError(
      `${expected} expected; at ${shown(v.getDotPath(issue) ?? "the top")}: ${
        shown(issue.message)
      }`,
    );
  }
}

/**
 * Reads a stored record.
 *
 * @param parse Reads its text; throws a SyntaxError if it is none.
 * @param maxFileMib As of {@linkcode readText}.
 * @throws {UsageError} If the file cannot be read or is not a whole record.
 */
export async function readRecord<Value>(
  path: string,
  parse: (json: string) => Value,
  maxFileMib?: number,
): Promise<Value> {
  const json = await readText(path, maxFileMib);
  try {
    return parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError([`Cannot read '${path}': ${error.message}`]);
  }
}

/** Writes a record as JSON, its entries under a name a line each, so that files can be compared line by line. */
export function stringifyRecord<Name extends string>(
  record: Readonly<Record<Name, readonly unknown[]>>,
  name: Name,
): string {
  const { [name]: entries, ...rest } = record;
  const head = toJson(rest, 2).slice(0, -2);
  const lines = entries.map((one) => `\n    ${toJson(one)}`);
  return `${head},\n  "${name}": [${lines.join(",")}\n  ]\n}\n`;
}
