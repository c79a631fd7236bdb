/**
 * What is sent in place of the specification's text: prompts of given lengths, or the requests of a file.
 *
 * @module
 */
import { lethalReason } from "./request.ts";
import {
  describeLengths,
  type OwnRequest,
  type TokenLengths,
} from "./workload.ts";

/** The name of the specification's text. */
export const TEXT_DATA = "text";

/** The kinds of file that hold requests, by the end of their names. */
export const DATA_FORMATS = ["jsonl", "csv"] as const;

/** One of {@linkcode DATA_FORMATS}. */
export type DataFormat = typeof DATA_FORMATS[number];

/** What `--data` names. */
export interface DataSource {
  /** A short name, which tells cells apart: `text`, the lengths, or the name of the file without its folder. */
  readonly name: string;
  /** Lengths in tokens; null where text or a file is sent. */
  readonly tokens: TokenLengths | null;
  /** The file; null for none. */
  readonly file: { readonly path: string; readonly format: DataFormat } | null;
}

/** The specification's text as a source. */
export const TEXT_SOURCE: DataSource = {
  name: TEXT_DATA,
  tokens: null,
  file: null,
};

const LENGTHS_REGEXP = /^query=(\d+)(?:-(\d+))?,item=(\d+)(?:-(\d+))?$/;

/** Longer prompts are longer than the context of any model. */
const MAX_TOKENS = 1_000_000;

/**
 * Reads a value of `--data`.
 *
 * @throws {SyntaxError} If it has another form.
 */
export function parseDataSource(text: string): DataSource {
  if (text === TEXT_DATA) return TEXT_SOURCE;
  const [, ...numbers] = LENGTHS_REGEXP.exec(text) ?? [];
  if (numbers.length > 0) {
    const [queryMin, queryMax = queryMin, itemMin, itemMax = itemMin] = numbers
      .map((number) => number === undefined ? undefined : Number(number));
    return {
      name: text,
      tokens: {
        query: lengthsOf("query", queryMin ?? 0, queryMax ?? 0),
        item: lengthsOf("item", itemMin ?? 0, itemMax ?? 0),
      },
      file: null,
    };
  }
  const format = DATA_FORMATS.find((one) =>
    text.toLowerCase().endsWith(`.${one}`)
  );
  if (format === undefined) {
    throw new SyntaxError(
      `expected text, lengths such as query=2000,item=20 or query=500-2000,item=20, or a file that ends in ${
        DATA_FORMATS.map((one) => `.${one}`).join(" or ")
      }, found ${JSON.stringify(text)}`,
    );
  }
  const name = text.replace(/^.*[/\\]/s, "");
  return { name, tokens: null, file: { path: text, format } };
}

function lengthsOf(name: string, min: number, max: number) {
  if (!(min >= 1 && min <= max && max <= MAX_TOKENS)) {
    throw new SyntaxError(
      `expected ${name} lengths from 1 to ${MAX_TOKENS}, the smaller first, found ${min}-${max}`,
    );
  }
  return min === max ? min : { min, max };
}

/** A request as it stands in a file. */
export interface DataRow extends OwnRequest {
  /** How often it is sent in relation to the others, above 0. */
  readonly weight: number;
}

/** A file of requests, by what it holds: this is compared, and shown. */
export interface DataFileRecord {
  /** SHA-256 of the whole file, in hexadecimal digits. */
  readonly sha256: string;
  /** Requests in it, at least 1. */
  readonly requests: number;
  /** The fewest and the most items of a request. */
  readonly items: { readonly min: number; readonly max: number };
  /** Label ids of each request; null where the file has none. */
  readonly labels: number | null;
  /** Whether it holds text or token ids. */
  readonly kind: "text" | "ids";
  /** Mean length of a prompt, query and item together: in tokens, of text in bytes of UTF-8. */
  readonly promptLength: number;
  /** Whether each request is sent with its own items; else they are cut and filled to the batch sizes of the run. */
  readonly ownItems: boolean;
}

/** What a run sends, as it is stored. */
export interface DataRecord {
  /** The short name, which is part of the identity of its cells. */
  readonly name: string;
  /** Lengths in tokens; null where text or a file is sent. */
  readonly tokens: TokenLengths | null;
  /** What the file holds; null for none. */
  readonly file: DataFileRecord | null;
}

/** The specification's text as it is stored. */
export const TEXT_RECORD: DataRecord = {
  name: TEXT_DATA,
  tokens: null,
  file: null,
};

/** How many digits of a hash are shown: enough to tell files apart. */
const SHOWN_DIGITS = 12;

/** Says in words what is sent; two records that are sent alike have the same words. */
export function describeData({ name, tokens, file }: DataRecord): string {
  if (tokens !== null) return describeLengths(tokens);
  if (file === null) return "text prompts";
  const { requests, items, labels, ownItems, sha256 } = file;
  const range = items.min === items.max
    ? `${items.min}`
    : `${items.min} to ${items.max}`;
  return `${name} (${requests} requests of ${range} items, ${
    ownItems ? "sent as they are" : "cut and filled to the batch size"
  }${labels === null ? "" : `, ${labels} labels of its own`}, sha256 ${
    sha256.slice(0, SHOWN_DIGITS)
  })`;
}

/** What is said of the prefix cache where the requests of a file are sent, which repeat what they repeat. */
export const AS_DATA = "as data";

/** Text of a file that is shown in a message is cut after so many characters. */
const MAX_SHOWN = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}

const FIELDS = ["query", "items", "label_token_ids", "weight"];

/**
 * Reads one line of a `.jsonl` file.
 *
 * @throws {SyntaxError} If it is no request that can be sent; the message says what was expected and found.
 */
export function parseJsonLine(text: string): DataRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(
      `one JSON object was expected, found ${shown(text)}`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SyntaxError(
      `one JSON object with query and items was expected, found ${
        shown(value)
      }`,
    );
  }
  const unknown = Object.keys(value).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw new SyntaxError(
      `the fields ${FIELDS.join(", ")} were expected, found ${shown(unknown)}`,
    );
  }
  const fields = value as Record<string, unknown>;
  const { query, items, weight = 1 } = fields;
  const labels = fields["label_token_ids"] ?? null;
  if (typeof weight !== "number" || !(weight > 0 && weight < Infinity)) {
    throw new SyntaxError(
      `weight: a number above 0 was expected, found ${shown(weight)}`,
    );
  }
  if (labels !== null && (!isIds(labels) || labels.length === 0)) {
    throw new SyntaxError(
      `label_token_ids: a list of one or more ids was expected, found ${
        shown(labels)
      }`,
    );
  }
  return { ...checkRequest(query, items, labels), weight };
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((id) => Number.isSafeInteger(id) && id >= 0);
}

/** Checks a request of a file as far as it can be checked without a server. */
function checkRequest(
  query: unknown,
  items: unknown,
  labelTokenIds: readonly number[] | null,
): OwnRequest {
  if (typeof query !== "string" && !isIds(query)) {
    throw new SyntaxError(
      `query: text or a list of token ids was expected, found ${shown(query)}`,
    );
  }
  if (!Array.isArray(items) || items.length === 0) {
    throw new SyntaxError(
      `items: a list of one or more was expected, found ${shown(items)}`,
    );
  }
  const isText = typeof query === "string";
  const other = items.findIndex((item) =>
    isText ? typeof item !== "string" : !isIds(item)
  );
  if (other >= 0) {
    throw new SyntaxError(
      `items[${other}]: ${
        isText ? "text" : "token ids"
      } was expected, as the query is, found ${shown(items[other])}`,
    );
  }
  const request = { query, items, labelTokenIds } as OwnRequest;
  const lethal = lethalReason({
    ...request,
    labelTokenIds: labelTokenIds ?? [],
    applySoftmax: true,
    model: "",
  });
  if (lethal !== null) {
    throw new SyntaxError(
      `a request that a server survives was expected, but ${lethal}`,
    );
  }
  return request;
}

/**
 * Makes the request of one query out of the rows of a `.csv` file.
 *
 * @throws {SyntaxError} If it cannot be sent.
 */
export function requestOfRows(
  query: string,
  items: readonly string[],
): DataRow {
  return { ...checkRequest(query, items, null), weight: 1 };
}

/**
 * Gives requests a number of items each: their own first ones, and where they have too few those of the requests
 * after them, round and round.
 *
 * @param requests The requests to send, and after them as many further ones as the last needs; not empty.
 * @param count How many of them are wanted.
 * @param batchSize Items of each, at least 1.
 */
export function fillItems(
  requests: readonly OwnRequest[],
  count: number,
  batchSize: number,
): OwnRequest[] {
  return requests.slice(0, count).map((request, index) => {
    const items: (string | readonly number[])[] = [];
    for (let next = index; items.length < batchSize; next++) {
      const donor = requests[next % requests.length];
      items.push(...donor?.items.slice(0, batchSize - items.length) ?? []);
    }
    return { ...request, items } as OwnRequest;
  });
}
