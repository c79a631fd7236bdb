/**
 * The payloads of one cell: the same sequence of request bodies for the same seed.
 *
 * @module
 */
import { hash32, mix32 } from "../stats/rng.ts";
import { encodeScoreRequest, lethalReason } from "./request.ts";
import type { ScoreRequest } from "./request.ts";

/** What the prefix cache of the server can reuse, in the order from least to most. */
export const PREFIX_CACHE_REGIMES = ["cold", "shared", "hot"] as const;

/**
 * The prefix-cache regime of a cell.
 *
 * `cold`: the first tokens of each request are new. `shared`: one query, new items.
 * `hot`: the same payload again and again, which measures little but the cache.
 */
export type PrefixCache = typeof PREFIX_CACHE_REGIMES[number];

/** All that decides the bodies of one cell. Plain data, fit to be sent to a worker. */
export interface WorkloadSpec {
  /** Items in a request, at least 1. */
  readonly batchSize: number;
  /** The label ids, the same in warm-up and measurement; at least 1. */
  readonly labelTokenIds: readonly number[];
  readonly model: string;
  /** Whether the server normalises each row over its labels. */
  readonly applySoftmax: boolean;
  /** What the prefix cache can reuse. */
  readonly prefixCache: PrefixCache;
  /** Any text or number: the same seed gives the same bodies. */
  readonly seed: string | number;
  /** Lengths in tokens where ids are sent, or null where text is sent. */
  readonly tokens: TokenLengths | null;
  /**
   * Requests that are sent in turn in place of made ones, whatever {@linkcode WorkloadSpec.prefixCache} says; those of
   * them without labels take {@linkcode WorkloadSpec.labelTokenIds}.
   */
  readonly requests?: readonly OwnRequest[];
}

/** A request that is given, not made. */
export interface OwnRequest {
  /** Text, or token ids. */
  readonly query: ScoreRequest["query"];
  /** Of the same kind; at least one. */
  readonly items: ScoreRequest["items"];
  /** Its label ids; null for those of the workload. */
  readonly labelTokenIds: readonly number[] | null;
}

/** One length, or two between which each length is as likely as any other. */
export type Length = number | { readonly min: number; readonly max: number };

/** Exact prompt lengths, in tokens, for payloads of token ids. */
export interface TokenLengths {
  /** Tokens of the query, at least 1; {@linkcode UNIQUE_TOKENS} or more when cold. */
  readonly query: Length;
  /** Tokens of each item, at least 1; {@linkcode UNIQUE_TOKENS} or more when shared. */
  readonly item: Length;
}

/** Returns the shortest length. */
export function shortest(length: Length): number {
  return typeof length === "number" ? length : length.min;
}

/** Returns the longest length. */
export function longest(length: Length): number {
  return typeof length === "number" ? length : length.max;
}

/** Says the lengths of prompts in words. */
export function describeLengths({ query, item }: TokenLengths): string {
  const describe = (length: Length) =>
    typeof length === "number" ? `${length}` : `${length.min} to ${length.max}`;
  return `${describe(query)} query and ${describe(item)} item tokens`;
}

/** Draws a length; the number decides. */
function lengthOf(length: Length, number: number): number {
  if (typeof length === "number") return length;
  const { min, max } = length;
  return min + Math.floor(mix32(number) / 2 ** 32 * (max - min + 1));
}

/** The specification's query: about 200 characters. */
const QUERY_TEXT = "Benchmark query for performance testing: ".repeat(5);

/** Token ids that are sent lie in [100, 300): below every vocabulary, clear of special tokens. */
const FIRST_TOKEN_ID = 100;
const TOKEN_ID_COUNT = 200;

/**
 * How many tokens carry the number that makes a prefix new: 200^5 is above 2^32, so that each
 * 32-bit number has its own five tokens.
 */
export const UNIQUE_TOKENS = 5;

/** The specification's label ids are looked up in a tokenizer; without one, small ids are valid everywhere. */
export function defaultLabelTokenIds(numLabels: number): number[] {
  return Array.from({ length: numLabels }, (_, i) => i + 1);
}

/**
 * Returns the request of a workload with a given index.
 *
 * @param spec The workload.
 * @param index The number of the request, from 0 to 2^32 - 1; two indices never share a prefix when cold.
 */
export function scoreRequest(spec: WorkloadSpec, index: number): ScoreRequest {
  const { batchSize, labelTokenIds, model, applySoftmax, prefixCache } = spec;
  const own = spec.requests?.[index % spec.requests.length];
  if (own !== undefined) {
    return {
      ...own,
      labelTokenIds: own.labelTokenIds ?? labelTokenIds,
      model,
      applySoftmax,
    };
  }
  const salt = saltOf(spec);
  const queryNumber = prefixCache === "cold" ? index : null;
  const itemNumber = (item: number) =>
    prefixCache === "shared" ? index * batchSize + item : null;
  const positions = Array.from({ length: batchSize }, (_, item) => item);
  const shared = { labelTokenIds, model, applySoftmax };
  const { tokens } = spec;
  if (tokens === null) {
    return {
      query: textPrefix(queryNumber, salt) + QUERY_TEXT,
      items: positions.map((item) =>
        ` ${textPrefix(itemNumber(item), salt)}candidate item number ${item}`
      ),
      ...shared,
    };
  }
  // Where one payload is sent again and again, its lengths stay as well.
  const number = prefixCache === "hot" ? 0 : index;
  return {
    query: tokenIds(
      lengthOf(tokens.query, salt ^ (queryNumber ?? 0)),
      prefixOf(queryNumber, salt) ?? salt,
      salt,
    ),
    items: positions.map((item) => {
      const itemSalt = mix32(salt + item);
      const prefix = prefixOf(itemNumber(item), salt) ?? itemSalt;
      const length = lengthOf(tokens.item, itemSalt ^ mix32(number));
      return tokenIds(length, prefix, itemSalt);
    }),
    ...shared,
  };
}

/** Returns the items of the request with an index. */
export function itemsOf(
  { batchSize, requests }: Pick<WorkloadSpec, "batchSize" | "requests">,
  index: number,
): number {
  return requests?.[index % requests.length]?.items.length ?? batchSize;
}

/**
 * Returns the body of a request, encoded.
 *
 * @throws {RangeError} If the request is one that is known to end a server.
 */
export function requestBody(spec: WorkloadSpec, index: number): Uint8Array {
  const request = scoreRequest(spec, index);
  const lethal = lethalReason(request);
  if (lethal !== null) {
    throw new RangeError(
      `Cannot send a request that is known to end a server: ${lethal}`,
    );
  }
  return new TextEncoder().encode(encodeScoreRequest(request));
}

/** Bodies of one workload that are written once: all have one length, and differ in a few bytes. */
export interface RenewableBody {
  /** The body with index 0. */
  readonly bytes: Uint8Array;
  /** Whether bodies differ at all; they do not when hot. */
  readonly isRenewed: boolean;
  /**
   * Turns a copy of the body, or of any other of the workload, into that with an index: its bytes are then those of
   * {@linkcode requestBody}.
   *
   * @param bytes What is overwritten.
   * @param from Where the body starts in them.
   * @param index The number of the request, from 0 to 2^32 - 1.
   */
  readonly renew: (bytes: Uint8Array, from: number, index: number) => void;
}

/** Tells whether all bodies of a workload have one length and differ in a few bytes, as {@linkcode renewableBody} wants. */
export function isRenewable(
  { requests, tokens, prefixCache }: WorkloadSpec,
): boolean {
  const varies = (length: Length) => typeof length !== "number";
  return requests === undefined &&
    (tokens === null || prefixCache === "hot" ||
      !(varies(tokens.query) || varies(tokens.item)));
}

/**
 * Writes the body of a workload once, so that a new one costs the bytes that are new and not the whole: 49 KB take
 * a millisecond of the sending thread to make, and a microsecond to renew.
 *
 * @param spec A workload of which {@linkcode isRenewable} says so.
 * @throws {RangeError} If the request is one that is known to end a server.
 */
export function renewableBody(spec: WorkloadSpec): RenewableBody {
  const { batchSize, prefixCache, tokens } = spec;
  const bytes = requestBody(spec, 0);
  const salt = saltOf(spec);
  const { query, items } = scoreRequest(spec, 0);
  const isText = tokens === null;
  const write = isText
    ? writeHex
    : (target: Uint8Array, at: number, prefix: number) =>
      writeIds(target, at, {
        prefix,
        count: Math.min(
          UNIQUE_TOKENS,
          shortest(prefixCache === "cold" ? tokens.query : tokens.item),
        ),
      });
  // A quote or a bracket comes before the prefix, and a blank before that of a text item.
  const places = prefixCache === "hot"
    ? []
    : prefixCache === "cold"
    ? placesOf(bytes, [query]).map((at) => at + 1)
    : placesOf(bytes, [query, ...items]).slice(1)
      .map((at) => at + (isText ? 2 : 1));
  const step = prefixCache === "shared" ? batchSize : 1;
  return {
    bytes,
    isRenewed: places.length > 0,
    renew(target, from, index) {
      let number = index * step + salt;
      for (const place of places) write(target, from + place, mix32(number++));
    },
  };
}

/** Finds values one after the other in a body, all of which is ASCII up to the last. */
function placesOf(body: Uint8Array, values: readonly unknown[]): number[] {
  const text = new TextDecoder().decode(body);
  let from = 0;
  return values.map((value) => {
    const json = JSON.stringify(value);
    const at = text.indexOf(json, from);
    from = at + json.length;
    return at;
  });
}

const HEX_DIGITS = new TextEncoder().encode("0123456789abcdef");

/** Writes 32 bits as eight hexadecimal digits. */
function writeHex(target: Uint8Array, at: number, prefix: number): void {
  let rest = prefix;
  for (let digit = 7; digit >= 0; digit--) {
    target[at + digit] = HEX_DIGITS[rest & 15] as number;
    rest >>>= 4;
  }
}

const DIGIT_0 = 48;
/** Three digits and a comma. */
const ID_STRIDE = 4;

/** Writes the first token ids of a prefix, as {@linkcode tokenIds} spells it, over others. */
function writeIds(
  target: Uint8Array,
  from: number,
  { prefix, count }: { readonly prefix: number; readonly count: number },
): void {
  let rest = prefix;
  for (let i = 0; i < count; i++) {
    const id = FIRST_TOKEN_ID + rest % TOKEN_ID_COUNT;
    rest = Math.floor(rest / TOKEN_ID_COUNT);
    const at = from + ID_STRIDE * i;
    const tens = Math.floor(id / 10);
    target[at] = DIGIT_0 + Math.floor(tens / 10);
    target[at + 1] = DIGIT_0 + tens % 10;
    target[at + 2] = DIGIT_0 + id % 10;
  }
}

/** Seeds are told apart by a second word, since the first must be different for each index. */
function saltOf(spec: WorkloadSpec): number {
  const { seed, batchSize, labelTokenIds, model, prefixCache } = spec;
  return hash32(
    `${seed}/${batchSize}/${labelTokenIds.join()}/${model}/${prefixCache}`,
  );
}

/** Scrambles a number to 32 bits which no other number has under the same salt. */
function prefixOf(number: number | null, salt: number): number | null {
  return number === null ? null : mix32(number + salt);
}

/** Sixteen hexadecimal digits and a space: first the prefix, which no other index has. */
function textPrefix(number: number | null, salt: number): string {
  const prefix = prefixOf(number, salt);
  if (prefix === null) return "";
  const hex = (value: number) => value.toString(16).padStart(8, "0");
  return `${hex(prefix)}${hex(salt)} `;
}

/** Spells a prefix in the first tokens; the salt decides the rest. */
function tokenIds(length: number, prefix: number, salt: number): number[] {
  let rest = prefix;
  return Array.from({ length }, (_, position) => {
    if (position < UNIQUE_TOKENS) {
      const id = FIRST_TOKEN_ID + rest % TOKEN_ID_COUNT;
      rest = Math.floor(rest / TOKEN_ID_COUNT);
      return id;
    }
    return FIRST_TOKEN_ID + mix32(salt ^ position) % TOKEN_ID_COUNT;
  });
}
