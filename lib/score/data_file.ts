/**
 * A file of requests: checked whole before anything is sent, then read request by request where it is needed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { MeasureError, UsageError } from "../failure.ts";
import { hash32, mix32 } from "../stats/rng.ts";
import { type DataFileRecord, type DataFormat, fillItems } from "./data.ts";
import {
  type Columns,
  type Found,
  requestsOfCsv,
  requestsOfLines,
} from "./data_rows.ts";
import { RowError, splitRows } from "./rows.ts";
import type { OwnRequest } from "./workload.ts";

/** A file of requests that was checked. */
export interface DataFile {
  readonly record: Omit<DataFileRecord, "ownItems">;
  /** The line of its longest prompt of token ids, and the tokens of that; null where it holds text. */
  readonly longest: { readonly line: number; readonly tokens: number } | null;
  /**
   * Reads the requests that a load sends from an index on.
   *
   * Without weights they come in the order of the file, round and round; with weights each is drawn by its weight.
   *
   * @returns As many as were asked for, or fewer where they are larger than {@linkcode MAX_LOAD_BYTES}: they are then sent round and round.
   * @throws {MeasureError} If the file is no longer what was checked.
   */
  read(wanted: WantedRequests): Promise<readonly OwnRequest[]>;
}

/** Which requests are wanted. */
export interface WantedRequests {
  /** The index of the first, from 0 on. */
  readonly first: number;
  readonly count: number;
  /** Items of each; null for its own. */
  readonly batchSize: number | null;
  /** Decides which are drawn where they have weights. */
  readonly seed: string;
}

/** The requests of one load are kept in memory, and are no larger than this. */
export const MAX_LOAD_BYTES: number = 16 * 1024 * 1024;

/** More requests would need more memory for their places alone. */
const MAX_REQUESTS = 10_000_000;

const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a file from its start to its end and checks each request.
 *
 * @throws {UsageError} If it cannot be read or a request cannot be sent, with file and line.
 */
export async function openDataFile(
  path: string,
  format: DataFormat,
): Promise<DataFile> {
  const hash = createHash("sha256");
  const index = new Index();
  const columns = format === "csv" ? { query: 0, item: 1, isOpen: true } : null;
  let size = 0;
  try {
    using file = await Deno.open(path);
    const chunks = readChunks(file, (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    });
    const rows = splitRows(chunks, columns !== null);
    const found = columns === null
      ? requestsOfLines(rows)
      : requestsOfCsv(rows, columns);
    for await (const one of found) index.add(one);
  } catch (error) {
    if (error instanceof RowError) {
      throw new UsageError([
        `Cannot send '${path}': line ${error.line}: ${error.message}`,
      ]);
    }
    if (error instanceof Deno.errors.NotFound) {
      throw new UsageError([`Cannot read '${path}': there is no such file`]);
    }
    if (error instanceof Error && !(error instanceof UsageError)) {
      throw new UsageError([`Cannot read '${path}': ${error.message}`]);
    }
    throw error;
  }
  const record = index.record(hash.digest("hex"));
  if (record === null) {
    throw new UsageError([
      `Cannot send '${path}': one request or more was expected, found none`,
    ]);
  }
  const places = index.places(size);
  return {
    record,
    longest: index.longest,
    read: (wanted) => readRequests({ path, columns, size }, places, wanted),
  };
}

async function* readChunks(
  file: Deno.FsFile,
  onChunk: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return;
    const chunk = buffer.subarray(0, count);
    onChunk(chunk);
    yield chunk;
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Where the requests of a file are, and what they have in common. */
class Index {
  longest: { line: number; tokens: number } | null = null;
  #offsets = new Float64Array(1024);
  #weights: Float64Array | null = null;
  #count = 0;
  #first: Found | null = null;
  #items = { min: Infinity, max: 0 };
  #prompts = 0;
  #promptUnits = 0;

  add(found: Found): void {
    const { request, line, offset } = found;
    this.#first ??= found;
    this.#checkAlike(found, this.#first);
    if (this.#count >= MAX_REQUESTS) {
      throw new RowError(
        line,
        `at most ${MAX_REQUESTS} requests were expected`,
      );
    }
    if (this.#count === this.#offsets.length) {
      this.#offsets = doubled(this.#offsets);
      this.#weights = this.#weights && doubled(this.#weights);
    }
    if (request.weight !== 1 && this.#weights === null) {
      this.#weights = new Float64Array(this.#offsets.length)
        .fill(1, 0, this.#count);
    }
    this.#offsets[this.#count] = offset;
    if (this.#weights !== null) this.#weights[this.#count] = request.weight;
    this.#count++;
    const { query, items } = request;
    this.#items.min = Math.min(this.#items.min, items.length);
    this.#items.max = Math.max(this.#items.max, items.length);
    const queryUnits = unitsOf(query);
    for (const item of items) {
      const units = queryUnits + unitsOf(item);
      this.#promptUnits += units;
      if (typeof query !== "string" && units > (this.longest?.tokens ?? 0)) {
        this.longest = { line, tokens: units };
      }
    }
    this.#prompts += items.length;
  }

  /** All requests of a file are of one kind, with labels of one number or none, so that they are one workload. */
  #checkAlike({ request, line }: Found, first: Found): void {
    const kindOf = ({ query }: OwnRequest) =>
      typeof query === "string" ? "text" : "token ids";
    const labelsOf = ({ labelTokenIds }: OwnRequest) =>
      labelTokenIds === null
        ? "no label ids"
        : `${labelTokenIds.length} label ids`;
    for (const describe of [kindOf, labelsOf]) {
      const [expected, is] = [describe(first.request), describe(request)];
      if (expected === is) continue;
      throw new RowError(
        line,
        `${expected} were expected, as on line ${first.line}, found ${is}`,
      );
    }
  }

  record(sha256: string): Omit<DataFileRecord, "ownItems"> | null {
    const first = this.#first?.request;
    if (first === undefined) return null;
    return {
      sha256,
      requests: this.#count,
      items: this.#items,
      labels: first.labelTokenIds?.length ?? null,
      kind: typeof first.query === "string" ? "text" : "ids",
      promptLength: this.#promptUnits / this.#prompts,
    };
  }

  places(size: number): Places {
    const offsets = this.#offsets.slice(0, this.#count + 1);
    const ends = offsets.length > this.#count ? offsets : doubled(offsets);
    ends[this.#count] = size;
    this.#offsets = ends;
    let sums: Float64Array | null = null;
    if (this.#weights !== null) {
      sums = this.#weights.slice(0, this.#count);
      for (let i = 1; i < sums.length; i++) {
        sums[i] = (sums[i] ?? 0) + (sums[i - 1] ?? 0);
      }
      this.#weights = null;
    }
    return { count: this.#count, offsets: ends, weightSums: sums };
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(2 * column.length);
  wider.set(column);
  return wider;
}

const encoder = new TextEncoder();

function unitsOf(part: string | readonly number[]): number {
  return typeof part === "string" ? encoder.encode(part).length : part.length;
}

/** Where each request starts; after the last the end of the file. */
interface Places {
  readonly count: number;
  readonly offsets: Float64Array;
  /** The sums of the weights up to each request; null where all weigh alike. */
  readonly weightSums: Float64Array | null;
}

/** Returns which request of the file has an index of the load. */
function pick(
  { count, weightSums }: Places,
  index: number,
  seed: string,
): number {
  if (weightSums === null) return index % count;
  const total = weightSums[count - 1] ?? 0;
  const wanted = mix32(mix32(index) ^ hash32(seed)) / 2 ** 32 * total;
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((weightSums[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function readRequests(
  { path, columns, size }: {
    readonly path: string;
    readonly columns: Columns | null;
    readonly size: number;
  },
  places: Places,
  { first, count, batchSize, seed }: WantedRequests,
): Promise<readonly OwnRequest[]> {
  using file = await Deno.open(path);
  if ((await file.stat()).size !== size) throw changed(path);
  const requests: OwnRequest[] = [];
  let kept = 0;
  let bytes = 0;
  // Items of the last request that is sent and of those after it, which may fill it.
  let items = 0;
  const isWanted = () => kept < count && bytes < MAX_LOAD_BYTES;
  const isShort = () => batchSize !== null && items < batchSize;
  const most = count + places.count;
  while (isWanted() || (isShort() && requests.length < most)) {
    const number = pick(places, first + requests.length, seed);
    const start = places.offsets[number] ?? 0;
    const length = (places.offsets[number + 1] ?? 0) - start;
    await file.seek(start, Deno.SeekMode.Start);
    const request = await readOne(file, { path, columns, length });
    if (isWanted()) {
      kept++;
      bytes += length;
      items = 0;
    }
    items += request.items.length;
    requests.push(request);
  }
  return batchSize === null ? requests : fillItems(requests, kept, batchSize);
}

async function readOne(
  file: Deno.FsFile,
  { path, columns, length }: {
    readonly path: string;
    readonly columns: Columns | null;
    readonly length: number;
  },
): Promise<OwnRequest> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw changed(path);
    at += count;
  }
  try {
    const rows = splitRows(chunksOf(bytes), columns !== null);
    const found = columns === null
      ? requestsOfLines(rows)
      : requestsOfCsv(rows, columns);
    for await (const { request } of found) return request;
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
  }
  throw changed(path);
}

function changed(path: string): MeasureError {
  return new MeasureError(
    `Cannot go on: '${path}' is no longer the file that was checked`,
  );
}
