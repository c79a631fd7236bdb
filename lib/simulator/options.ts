/**
 * The options of the simulated engine, their defaults and their limits.
 *
 * @module
 */
import { parseFault } from "./faults.ts";

/**
 * Everything that shapes the simulated engine. Times are milliseconds.
 *
 * The service time of one batch is
 * `(fixedMs + perTokenMs x new tokens + perItemMs x items + perLabelMs x labels of all its items) x noise x hump + compileMs if the shape is new`,
 * where new tokens are those that the prefix cache does not hold.
 */
export interface EngineOptions {
  /** Model name in all answers; scores depend on it, as on weights. */
  modelPath: string;
  /** The dtype that `/get_server_info` names. Scores have float32 precision whatever it says. */
  dtype: string;
  /** Key that requests must carry as `Authorization: Bearer KEY`, or null for none. */
  apiKey: string | null;
  /** Number of token ids; a label id of this value or more is refused. */
  vocabSize: number;
  /** Longest sequence of the model, in tokens, with the one that is generated. */
  contextLength: number;
  /** Tokens that the prefix cache holds before the least recently used go. */
  kvPoolTokens: number;
  /** Tokens in one block of the prefix cache; only whole blocks are reused. */
  pageSize: number;
  /** Whether every prompt is computed whole, without a prefix cache. */
  disableRadixCache: boolean;
  /** Most items in one batch. */
  maxRunningRequests: number;
  /** Most new tokens in one batch; a longer prompt runs alone. */
  maxPrefillTokens: number;
  /** Cost of one batch, whatever is in it. */
  fixedMs: number;
  /** Cost of one token that the prefix cache does not hold. */
  perTokenMs: number;
  /** Cost of one item. */
  perItemMs: number;
  /** Cost of one label of one item. */
  perLabelMs: number;
  /** Cost of the first batch of each shape: token bucket, items and label lists. */
  compileMs: number;
  /** Whether the number of requests in a batch is part of its shape, so that each new occupancy under concurrency compiles. */
  compileByOccupancy: boolean;
  /** Chance that a batch compiles although its shape is known, as real servers do long after the start. */
  lateCompileRate: number;
  /** Chance that a batch takes `humpFactor` times as long: a second hump of latencies. */
  humpRate: number;
  /** How many times as long such a batch takes. */
  humpFactor: number;
  /** Standard deviation of the natural logarithm of the noise factor (its median is 1). */
  noise: number;
  /**
   * Chance that the items of one request reach the scheduler in two parts, in
   * two batches of their own; each new split is a new shape, so compiles come
   * late, as on a real server.
   */
  splitRate: number;
  /** Seed of noise, splits and faults; scores do not depend on it. */
  seed: number;
  /** Faults in the form that `parseFault` reads: `NAME[=VALUE][@RATE|#INDEX|/EVERY]`. */
  faults: readonly string[];
}

/**
 * The defaults. The cost makes a request of one 58-token item take 7 ms cold,
 * 4.5 ms with a cached query and 4.2 ms fully cached; 16 items 53, 11 and 7 ms.
 * A compile costs 300 ms, far less than the seconds of a real server, so that a short run stays short.
 */
export const ENGINE_DEFAULTS: Readonly<EngineOptions> = {
  modelPath: "simulated/score-model",
  dtype: "float32",
  apiKey: null,
  vocabSize: 128000,
  contextLength: 8192,
  kvPoolTokens: 65536,
  pageSize: 1,
  disableRadixCache: false,
  maxRunningRequests: 64,
  maxPrefillTokens: 4096,
  fixedMs: 4,
  perTokenMs: 0.05,
  perItemMs: 0.1,
  perLabelMs: 0.02,
  compileMs: 300,
  compileByOccupancy: false,
  lateCompileRate: 0,
  humpRate: 0,
  humpFactor: 2,
  noise: 0.03,
  splitRate: 0,
  seed: 42,
  faults: [],
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

// Millisecond options stay below an hour, so that a slip of units shows at once.
const MAX_COST_MS = 3_600_000;
const MAX_INT32 = 2147483647;

type NumberName = {
  [K in keyof EngineOptions]: EngineOptions[K] extends number ? K : never;
}[keyof EngineOptions];

/** The accepted kind, minimum and maximum of each numeric option. */
const ENGINE_LIMITS: Readonly<
  Record<NumberName, readonly ["integer" | "number", number, number]>
> = {
  vocabSize: ["integer", 2, MAX_INT32],
  contextLength: ["integer", 8, MAX_INT32],
  kvPoolTokens: ["integer", 8, MAX_INT32],
  pageSize: ["integer", 1, 65536],
  maxRunningRequests: ["integer", 1, 65536],
  maxPrefillTokens: ["integer", 1, MAX_INT32],
  fixedMs: ["number", 0, MAX_COST_MS],
  perTokenMs: ["number", 0, MAX_COST_MS],
  perItemMs: ["number", 0, MAX_COST_MS],
  perLabelMs: ["number", 0, MAX_COST_MS],
  compileMs: ["number", 0, MAX_COST_MS],
  lateCompileRate: ["number", 0, 1],
  humpRate: ["number", 0, 1],
  humpFactor: ["number", 1, 1000],
  noise: ["number", 0, 3],
  splitRate: ["number", 0, 1],
  seed: ["integer", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

// What an HTTP header value can carry without quoting.
const API_KEY_REGEXP = /^[\x21-\x7e]+$/;

/**
 * Returns whole engine options: the given ones, defaults for the rest.
 *
 * @throws {TypeError} If an option is unknown or of a wrong type.
 * @throws {SyntaxError} If a fault has another form or name.
 * @throws {RangeError} If a number is out of its range or a text is empty.
 */
export function engineOptions(
  given: Readonly<Partial<EngineOptions>> = {},
): EngineOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(ENGINE_DEFAULTS, name)) {
      throw new TypeError(
        `Cannot simulate an engine as there is no option "${name}": expected one of ${
          Object.keys(ENGINE_DEFAULTS).join(", ")
        }`,
      );
    }
  }
  const options = { ...ENGINE_DEFAULTS, ...given };
  for (const [name, limits] of Object.entries(ENGINE_LIMITS)) {
    checkNumber(name, options[name as NumberName], limits);
  }
  checkText("modelPath", options.modelPath);
  checkText("dtype", options.dtype);
  if (options.apiKey !== null && !API_KEY_REGEXP.test(options.apiKey)) {
    throw new RangeError(
      "Cannot simulate an engine as apiKey must be null or printable ASCII without spaces",
    );
  }
  checkBoolean("disableRadixCache", options.disableRadixCache);
  checkBoolean("compileByOccupancy", options.compileByOccupancy);
  options.faults.forEach((fault) => parseFault(fault));
  return options;
}

function checkNumber(
  name: string,
  value: number,
  [kind, min, max]: readonly ["integer" | "number", number, number],
): void {
  const ok = kind === "integer"
    ? Number.isSafeInteger(value)
    : Number.isFinite(value);
  if (!ok || value < min || value > max) {
    const noun = kind === "integer" ? "an integer" : "a number";
    throw new RangeError(
      `Cannot simulate an engine as ${name} must be ${noun} from ${min} to ${max}: current value is ${value}`,
    );
  }
}

function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") {
    throw new TypeError(
      `Cannot simulate an engine as ${name} must be true or false: current value is ${value}`,
    );
  }
}

function checkText(name: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    throw new RangeError(
      `Cannot simulate an engine as ${name} must be a text that is not empty: current value is ${
        JSON.stringify(value)
      }`,
    );
  }
}
