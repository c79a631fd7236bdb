/**
 * Faults of the simulated engine: what can go wrong, how it is asked for, and when it strikes.
 *
 * @module
 */
import { hash32 } from "../stats/rng.ts";
import { wrapWords } from "../wrap.ts";

interface FaultKind {
  /** What the value means, with its unit, or null for a fault without a value. */
  readonly value: string | null;
  /** The value where none is given. */
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  /** What happens, in a few words. */
  readonly effect: string;
}

function kind(
  effect: string,
  value: string | null = null,
  [fallback, min, max]: readonly [number, number, number] = [0, 0, 0],
): FaultKind {
  return { effect, value, fallback, min, max };
}

/** Every fault by name, with its effect, its value and the value's default and limits. */
export const FAULT_KINDS = {
  "slow": kind("the answer is held back", "ms", [500, 0, 3_600_000]),
  "stall": kind(
    "the engine stands still, so that all waiting requests are late",
    "ms",
    [1500, 0, 3_600_000],
  ),
  "drift": kind(
    "service times grow in a straight line, by VALUE % at request INDEX (1000 if none is given)",
    "%",
    [20, 0, 10_000],
  ),
  "leak": kind(
    "the serving process keeps more memory from the first score request on, up to 2 GiB",
    "MiB a second",
    [4, 0, 1024],
  ),
  "hang": kind("no answer, and the connection stays open"),
  "reset": kind("the connection closes before a byte of the answer"),
  "crash": kind("the server dies: all connections and the port close"),
  "truncate": kind(
    "the connection closes inside the body",
    "share of the body that is sent",
    [0.5, 0, 0.99],
  ),
  "endless": kind("the body never ends"),
  "status": kind(
    "an error answer of this status",
    "HTTP status",
    [500, 400, 599],
  ),
  "nan-500": kind("the text/plain 500 of a server that met a NaN"),
  "redirect": kind("307 to another path"),
  "html": kind("200 with an HTML page, as from a proxy"),
  "missing-row": kind("the last row is missing"),
  "missing-label": kind("the last row has one label less"),
  "nan-json": kind("a bare NaN in place of the first score"),
  "out-of-range": kind("the first score has this value", "score", [
    1.5,
    -1e9,
    1e9,
  ]),
  "swap-rows": kind(
    "the first and the last row are swapped (no effect on one row)",
  ),
  "off": kind(
    "the first score is off; under softmax its row still sums to 1",
    "%",
    [2, 0, 100],
  ),
  "other-answer": kind(
    "the scores are those of the request before of the same shape, or of a query that nobody sent",
  ),
} as const satisfies Record<string, FaultKind>;

/** The name of a fault. */
export type FaultName = keyof typeof FAULT_KINDS;

/** One fault and the score requests that it strikes; requests count from 1. */
export interface Fault {
  readonly name: FaultName;
  /** How much of it, in the unit of {@linkcode FAULT_KINDS}; 0 where the fault has no value. */
  readonly value: number;
  /** Which requests: each with a probability, one alone, or one in so many. */
  readonly when:
    | { readonly rate: number }
    | { readonly index: number }
    | { readonly every: number };
}

const FAULT_REGEXP =
  /^([a-z0-9-]+)(?:=([^@#/]+))?(?:(@)([^@#/%]+)(%)?|([#/])([1-9][0-9]{0,14}))?$/;
const NUMBER_REGEXP = /^-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?$/i;

/**
 * Reads `NAME[=VALUE][@RATE|#INDEX|/EVERY]`: `@0.01` or `@1%` strikes requests by chance,
 * `#40` the 40th score request alone, `/100` every 100th; with none of them each is struck.
 *
 * @throws {SyntaxError} If the text has another form or the name is unknown.
 * @throws {RangeError} If a value or rate is out of range.
 */
export function parseFault(text: string): Fault {
  const match = FAULT_REGEXP.exec(text);
  const name = match?.[1] ?? "";
  if (match === null || !Object.hasOwn(FAULT_KINDS, name)) {
    throw new SyntaxError(
      `Cannot read fault ${
        JSON.stringify(text)
      }: expected NAME[=VALUE][@RATE|#INDEX|/EVERY] with NAME one of ${
        Object.keys(FAULT_KINDS).join(", ")
      }`,
    );
  }
  const [, , value, at, rate, percent, mark, count] = match;
  const limits: FaultKind = FAULT_KINDS[name as FaultName];
  if (value !== undefined && limits.value === null) {
    throw new SyntaxError(
      `Cannot read fault ${JSON.stringify(text)}: ${name} takes no value`,
    );
  }
  const fault = {
    name: name as FaultName,
    value: value === undefined ? limits.fallback : readNumber(
      text,
      value,
      `a value (${limits.value})`,
      limits.min,
      limits.max,
    ),
  };
  if (at !== undefined && rate !== undefined) {
    const unit = percent === undefined ? 1 : 100;
    const share = readNumber(text, rate, "a rate", 0, unit) / unit;
    return { ...fault, when: { rate: share } };
  }
  if (mark === "#") return { ...fault, when: { index: Number(count) } };
  if (mark === "/") return { ...fault, when: { every: Number(count) } };
  return { ...fault, when: { rate: 1 } };
}

function readNumber(
  text: string,
  digits: string,
  noun: string,
  min: number,
  max: number,
): number {
  const number = NUMBER_REGEXP.test(digits) ? Number(digits) : NaN;
  if (!(number >= min && number <= max)) {
    throw new RangeError(
      `Cannot read fault ${
        JSON.stringify(text)
      }: ${noun} must be a number from ${min} to ${max}: current value is ${digits}`,
    );
  }
  return number;
}

/** The width of a help text. */
const TABLE_COLUMNS = 80;

/** Returns one line a fault for a help text: name, value and effect. */
export function faultTable(): string {
  const rows = Object.entries(FAULT_KINDS).map((
    [name, { value, fallback, effect }],
  ) => [
    value === null ? name : `${name}=VALUE`,
    value === null ? effect : `${effect} (${value}, default ${fallback})`,
  ]);
  const width = Math.max(...rows.map(([left = ""]) => left.length));
  // Two columns before it are the caller's.
  const room = TABLE_COLUMNS - 2 - width - 2;
  return rows.flatMap(([left = "", right = ""]) =>
    wrapWords(right, room).map((line, i) =>
      `${(i === 0 ? left : "").padEnd(width)}  ${line}`
    )
  ).join("\n");
}

/**
 * Returns the faults that strike a score request.
 *
 * Chance depends on the seed, the place of the fault in the list and the number of the request only,
 * so the same requests are struck whatever else happens.
 *
 * @param faults All faults of the engine; `drift` and `leak` do not strike single requests and are left out.
 * @param requestNumber Counts score requests, from 1.
 * @param seed The engine's seed.
 */
export function faultsAt(
  faults: readonly Fault[],
  { requestNumber, seed }: { requestNumber: number; seed: number },
): Map<FaultName, number> {
  const struck = new Map<FaultName, number>();
  for (const [place, { name, value, when }] of faults.entries()) {
    if (name === "drift" || name === "leak") continue;
    const isStruck = "rate" in when
      ? hash32(`${seed}:${place}:${requestNumber}`) / 4294967296 < when.rate
      : "index" in when
      ? when.index === requestNumber
      : requestNumber % when.every === 0;
    if (isStruck) struck.set(name, value);
  }
  return struck;
}

/** The request at which a drift without `#INDEX` reaches its value. */
const DRIFT_REQUESTS = 1000;

/** Returns the factor that `drift` puts on the service time of a request: 1 at the start, then along a straight line. */
export function driftFactor(
  faults: readonly Fault[],
  requestNumber: number,
): number {
  let factor = 1;
  for (const { name, value, when } of faults) {
    if (name !== "drift") continue;
    const full = "index" in when ? when.index : DRIFT_REQUESTS;
    factor += value / 100 * requestNumber / full;
  }
  return factor;
}

/** A leak stops here, so that a forgotten server does not take the machine down. */
const MAX_LEAK_BYTES = 2 ** 31;

/** Returns the bytes that `leak` holds after some time of serving. */
export function leakedBytes(
  faults: readonly Fault[],
  servingMs: number,
): number {
  let bytes = 0;
  for (const { name, value } of faults) {
    if (name === "leak") bytes += value * 2 ** 20 * servingMs / 1000;
  }
  return Math.min(MAX_LEAK_BYTES, Math.floor(bytes));
}

/**
 * Returns a copy of an answer's rows with the faults of wrong content in it.
 *
 * @param rows One row of scores for each item; may be empty.
 * @param struck The faults of this request.
 * @param normalization Whether the rows sum to 1 (`labels`) and `off` has to keep it so.
 */
export function spoilRows(
  rows: readonly (readonly number[])[],
  struck: ReadonlyMap<FaultName, number>,
  normalization: "vocabulary" | "labels",
): number[][] {
  let spoiled = rows.map((row) => [...row]);
  const first = spoiled[0];
  const last = spoiled.at(-1);
  if (first === undefined || last === undefined) return spoiled;
  const percent = struck.get("off");
  if (percent !== undefined) {
    spoiled[0] = shiftFirst(first, percent / 100, normalization);
  }
  if (struck.has("swap-rows")) {
    spoiled = spoiled.with(0, last).with(-1, spoiled[0] ?? first);
  }
  if (struck.has("missing-label")) spoiled.at(-1)?.pop();
  if (struck.has("missing-row")) spoiled.pop();
  const wrong = struck.has("nan-json") ? NaN : struck.get("out-of-range");
  const row = spoiled[0];
  if (wrong !== undefined && row !== undefined && row.length > 0) {
    row[0] = wrong;
  }
  return spoiled;
}

function shiftFirst(
  row: readonly number[],
  share: number,
  normalization: "vocabulary" | "labels",
): number[] {
  const [old = 0, ...others] = row;
  const raised = old * (1 + share);
  const moved = raised > 1 ? old * (1 - share) : raised;
  const scale = normalization === "labels" && old < 1
    ? (1 - moved) / (1 - old)
    : 1;
  return [moved, ...others.map((p) => p * scale)].map(Math.fround);
}
