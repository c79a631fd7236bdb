/**
 * The options of the simulated engine, their defaults and their limits.
 *
 * @module
 */
import { parseFault } from "./faults.ts";

/** A number: its default, its limits and its kind. */
export interface NumberOption {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly kind: "an integer" | "a number";
}

const MAX_INT32 = 2147483647;
// Millisecond options stay below an hour, so that a slip of units shows at once.
const MAX_COST_MS = 3_600_000;

function integer(fallback: number, min: number, max = MAX_INT32): NumberOption {
  return { fallback, min, max, kind: "an integer" };
}

function number(fallback: number, max: number, min = 0): NumberOption {
  return { fallback, min, max, kind: "a number" };
}

/**
 * The options that are numbers. Times are milliseconds.
 *
 * The service time of one batch is
 * `(fixedMs + perTokenMs x new tokens + perItemMs x items + perLabelMs x labels of all its items) x noise x hump + compileMs if the shape is new`,
 * where new tokens are those that the prefix cache does not hold.
 *
 * The default cost makes a request of one 58-token item take 7 ms cold,
 * 4.5 ms with a cached query and 4.2 ms fully cached; 16 items 53, 11 and 7 ms.
 * A compile costs 300 ms, far less than the seconds of a real server, so that a short run stays short.
 */
export const NUMBER_OPTIONS = {
  /** Number of token ids; a label id of this value or more is refused. */
  vocabSize: integer(128000, 2),
  /** Longest sequence of the model, in tokens, with the one that is generated. */
  contextLength: integer(8192, 8),
  /** Tokens that the prefix cache holds before the least recently used go. */
  kvPoolTokens: integer(65536, 8),
  /** Tokens in one block of the prefix cache; only whole blocks are reused. */
  pageSize: integer(1, 1, 65536),
  maxRunningRequests: integer(64, 1, 65536),
  /** Most new tokens in one batch; a longer prompt runs alone. */
  maxPrefillTokens: integer(4096, 1),
  fixedMs: number(4, MAX_COST_MS),
  /** Cost of one token that the prefix cache does not hold. */
  perTokenMs: number(0.05, MAX_COST_MS),
  perItemMs: number(0.1, MAX_COST_MS),
  perLabelMs: number(0.02, MAX_COST_MS),
  /** Cost of the first batch of each shape: token bucket, items and label lists. */
  compileMs: number(300, MAX_COST_MS),
  /** Chance that a batch compiles although its shape is known, as real servers do long after the start. */
  lateCompileRate: number(0, 1),
  /** Chance that a batch takes `humpFactor` times as long: a second hump of latencies. */
  humpRate: number(0, 1),
  /** How many times as long such a batch takes. */
  humpFactor: number(2, 1000, 1),
  /** Standard deviation of the natural logarithm of the noise factor (its median is 1). */
  noise: number(0.03, 3),
  /**
   * Chance that the items of one request reach the scheduler in two parts, in
   * two batches of their own; each new split is a new shape, so compiles come
   * late, as on a real server.
   */
  splitRate: number(0, 1),
  /** Seed of noise, splits and faults; scores do not depend on it. */
  seed: integer(42, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
};

/** The other options. */
export const OTHER_OPTIONS = {
  /** Model name in all answers; scores depend on it, as on weights. */
  modelPath: "simulated/score-model",
  /** The dtype that `/get_server_info` names. Scores have float32 precision whatever it says. */
  dtype: "float32",
  /** Key that requests must carry as `Authorization: Bearer KEY`, or null for none. */
  apiKey: null as string | null,
  /** Whether every prompt is computed whole, without a prefix cache. */
  disableRadixCache: false,
  /** Whether the number of requests in a batch is part of its shape, so that each new occupancy under concurrency compiles. */
  compileByOccupancy: false,
  /** Faults in the form that `parseFault` reads: `NAME[=VALUE][@RATE|#INDEX|/EVERY]`. */
  faults: [] as readonly string[],
};

/** Everything that shapes the simulated engine. */
export type EngineOptions =
  & { -readonly [Name in keyof typeof NUMBER_OPTIONS]: number }
  & typeof OTHER_OPTIONS;

/** The options where none are given. */
export const ENGINE_DEFAULTS: Readonly<EngineOptions> = {
  ...OTHER_OPTIONS,
  ...Object.fromEntries(
    Object.entries(NUMBER_OPTIONS).map((
      [name, { fallback }],
    ) => [name, fallback]),
  ) as Record<keyof typeof NUMBER_OPTIONS, number>,
};

/** The options of an engine that answers as fast as this machine can: a null server to calibrate a client against. */
export const ZERO_COST = {
  fixedMs: 0,
  perTokenMs: 0,
  perItemMs: 0,
  perLabelMs: 0,
  compileMs: 0,
  noise: 0,
} as const;

// What an HTTP header value can carry without quoting.
const API_KEY_REGEXP = /^[\x21-\x7e]+$/;

/**
 * Returns whole engine options: the given ones, defaults for the rest.
 *
 * @throws {SyntaxError} If a fault has another form or name.
 * @throws {RangeError} If an option is unknown, of a wrong type or out of its range.
 */
export function engineOptions(
  given: Readonly<Partial<EngineOptions>> = {},
): EngineOptions {
  const refuse = (problem: string) => {
    throw new RangeError(`Cannot simulate an engine as ${problem}`);
  };
  const known = Object.keys(ENGINE_DEFAULTS);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    refuse(`there is no option "${name}": expected one of ${known.join(", ")}`);
  }
  const options = { ...ENGINE_DEFAULTS, ...given };
  const check = (
    name: keyof EngineOptions,
    isRight: boolean,
    expected: string,
  ) =>
    isRight || refuse(
      `${name} must be ${expected}: current value is ${
        options[name] === "" ? "empty" : options[name]
      }`,
    );
  for (const [key, { kind, min, max }] of Object.entries(NUMBER_OPTIONS)) {
    const name = key as keyof typeof NUMBER_OPTIONS;
    const value = options[name];
    const isKind = kind === "an integer"
      ? Number.isSafeInteger(value)
      : Number.isFinite(value);
    const isRight = isKind && value >= min && value <= max;
    check(name, isRight, `${kind} from ${min} to ${max}`);
  }
  for (const name of ["modelPath", "dtype"] as const) {
    const isText = typeof options[name] === "string" && options[name] !== "";
    check(name, isText, "a text that is not empty");
  }
  for (const name of ["disableRadixCache", "compileByOccupancy"] as const) {
    check(name, typeof options[name] === "boolean", "true or false");
  }
  if (options.apiKey !== null && !API_KEY_REGEXP.test(options.apiKey)) {
    refuse("apiKey must be null or printable ASCII without spaces");
  }
  options.faults.forEach(parseFault);
  return options;
}
