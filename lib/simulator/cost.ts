/**
 * The cost model of the simulated engine: one queue, batches, first-seen shapes and a prefix
 * cache, as an event-driven simulation in virtual time.
 *
 * It follows the scheduler of SGLang-JAX (`managers/scheduler.py`): each item is a request of its own,
 * first come first served; whatever waits when the device becomes free forms a batch up to the limits.
 *
 * @module
 */
import { createRng, mix32, normal, type Rng } from "../stats/rng.ts";
import type { EngineOptions } from "./options.ts";

/** One score request as the cost model sees it. */
export interface ServiceJob {
  /** The token ids of each item's prompt; at least one prompt, none empty. */
  readonly prompts: readonly (readonly number[])[];
  /** The label list; a list seen for the first time costs a compile. */
  readonly labelTokenIds: readonly number[];
  /** Extra time of the batch that takes the first item, in ms. */
  readonly stallMs: number;
  /** Factor on the time of the batches that take its items, 1 for none; the largest of a batch counts. */
  readonly slowdown: number;
}

/** A job that is done, and when. */
export interface CompletedJob {
  readonly job: ServiceJob;
  /** When its last item was done, in ms of virtual time. */
  readonly doneMs: number;
}

/** What a service queue holds at one moment. */
export interface QueueStatus {
  /** Items that wait for a batch. */
  readonly waiting: number;
  /** Items of the batch that runs. */
  readonly running: number;
  /** Tokens in the prefix cache. */
  readonly cachedTokens: number;
  /** Batches that have been started. */
  readonly batches: number;
}

/** A batch as it is logged. */
export interface BatchReport {
  /** Counts batches, from 1. */
  readonly id: number;
  readonly items: number;
  readonly newTokens: number;
  /** Tokens that the prefix cache holds. */
  readonly cachedTokens: number;
  /** Items that wait when it starts, those in it included. */
  readonly waiting: number;
  /** Whether something is compiled for it. */
  readonly compiled: boolean;
  /** When it starts, in ms of virtual time. */
  readonly startMs: number;
  readonly endMs: number;
}

/** The shapes remembered as compiled; more than a long run can meet, but bounded. */
const MAX_SHAPES = 65536;

/** The smallest token bucket; buckets are powers of two from here (SGLang-JAX's default paddings). */
const MIN_TOKEN_BUCKET = 64;

interface Ticket {
  readonly job: ServiceJob;
  readonly labelKey: string;
  remaining: number;
}

interface Item {
  readonly ticket: Ticket;
  readonly keys: readonly number[];
  readonly tokenCount: number;
  readonly isFirst: boolean;
  readonly opensBatch: boolean;
}

interface Batch {
  readonly items: readonly Item[];
  readonly endMs: number;
}

/** A single device with a first-come-first-served queue; see {@linkcode EngineOptions} for the service time. */
export class ServiceQueue {
  readonly #options: EngineOptions;
  readonly #rng: Rng;
  readonly #cache: PrefixCache;
  readonly #shapes = new Set<string>();
  readonly #onBatch: (batch: BatchReport) => void;
  #waiting: Item[] = [];
  #head = 0;
  #batch: Batch | null = null;
  #batches = 0;

  /** Starts idle, with an empty cache and nothing compiled; the options must be valid. Each batch is reported as it starts. */
  constructor(
    options: EngineOptions,
    onBatch: (batch: BatchReport) => void = () => {},
  ) {
    this.#options = options;
    this.#onBatch = onBatch;
    this.#rng = createRng(options.seed);
    this.#cache = new PrefixCache(
      options.disableRadixCache ? 0 : options.kvPoolTokens,
      options.pageSize,
    );
  }

  /** When the batch that runs ends, in ms, or null when nothing runs. */
  get nextEventMs(): number | null {
    return this.#batch?.endMs ?? null;
  }

  /**
   * Adds a job at the given time. Call {@linkcode advance} up to that time first; time never runs backwards.
   */
  submit(job: ServiceJob, nowMs: number): void {
    const ticket = {
      job,
      labelKey: job.labelTokenIds.join(","),
      remaining: job.prompts.length,
    };
    const count = job.prompts.length;
    const isSplit = count > 1 && this.#options.splitRate > 0 &&
      this.#rng() < this.#options.splitRate;
    const splitAt = isSplit ? 1 + Math.floor(this.#rng() * (count - 1)) : -1;
    for (const [i, prompt] of job.prompts.entries()) {
      this.#waiting.push({
        ticket,
        keys: this.#cache.keys(prompt),
        tokenCount: prompt.length,
        isFirst: i === 0,
        opensBatch: isSplit && (i === 0 || i === splitAt),
      });
    }
    if (this.#batch === null) this.#startBatch(nowMs);
  }

  /** Runs the simulation up to the given time and returns the jobs that were done by then, in order. */
  advance(nowMs: number): CompletedJob[] {
    const completed: CompletedJob[] = [];
    while (this.#batch !== null && this.#batch.endMs <= nowMs) {
      const { items, endMs } = this.#batch;
      this.#batch = null;
      for (const item of items) {
        this.#cache.add(item.keys);
        item.ticket.remaining--;
        if (item.ticket.remaining === 0) {
          completed.push({ job: item.ticket.job, doneMs: endMs });
        }
      }
      this.#startBatch(endMs);
    }
    return completed;
  }

  /** Empties the prefix cache if nothing waits or runs; returns whether it did. */
  flush(): boolean {
    if (this.#batch !== null) return false;
    this.#cache.clear();
    return true;
  }

  /** What waits, runs and is cached now. */
  status(): QueueStatus {
    return {
      waiting: this.#waiting.length - this.#head,
      running: this.#batch?.items.length ?? 0,
      cachedTokens: this.#cache.tokenCount,
      batches: this.#batches,
    };
  }

  #startBatch(nowMs: number): void {
    const { maxRunningRequests, maxPrefillTokens } = this.#options;
    const items: Item[] = [];
    let newTokens = 0;
    let cachedTokens = 0;
    const waiting = this.#waiting.length - this.#head;
    while (items.length < maxRunningRequests) {
      const item = this.#waiting[this.#head];
      if (item === undefined) break;
      const tokens = item.tokenCount -
        this.#cache.match(item.keys, item.tokenCount);
      const isFull = newTokens + tokens > maxPrefillTokens;
      if (items.length > 0 && (isFull || item.opensBatch)) break;
      newTokens += tokens;
      cachedTokens += item.tokenCount - tokens;
      items.push(item);
      this.#head++;
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
    if (items.length === 0) return;
    const id = ++this.#batches;
    const compiled = this.#isNewShape(items, newTokens) ||
      this.#isLateCompile();
    const endMs = nowMs + this.#durationMs(items, newTokens) +
      (compiled ? this.#options.compileMs : 0);
    this.#batch = { items, endMs };
    this.#onBatch({
      ...{ id, newTokens, cachedTokens, waiting, compiled, endMs },
      items: items.length,
      startMs: nowMs,
    });
  }

  #durationMs(items: readonly Item[], newTokens: number): number {
    const { fixedMs, perTokenMs, perItemMs, perLabelMs, noise } = this.#options;
    let labels = 0;
    let stallMs = 0;
    let slowdown = 1;
    for (const item of items) {
      const job = item.ticket.job;
      labels += job.labelTokenIds.length;
      if (item.isFirst) stallMs += job.stallMs;
      slowdown = Math.max(slowdown, job.slowdown);
    }
    const baseMs = fixedMs + perTokenMs * newTokens +
      perItemMs * items.length + perLabelMs * labels;
    const factor = noise === 0 ? 1 : Math.exp(noise * normal(this.#rng));
    return baseMs * slowdown * factor * this.#hump() + stallMs;
  }

  /** Without humps no chance is drawn, so that the same seed gives the same times as before. */
  #hump(): number {
    const { humpRate, humpFactor } = this.#options;
    return humpRate > 0 && this.#rng() < humpRate ? humpFactor : 1;
  }

  #isLateCompile(): boolean {
    const { lateCompileRate } = this.#options;
    return lateCompileRate > 0 && this.#rng() < lateCompileRate;
  }

  #isNewShape(items: readonly Item[], newTokens: number): boolean {
    let bucket = MIN_TOKEN_BUCKET;
    while (bucket < newTokens) bucket *= 2;
    const runs: [string, number][] = [];
    for (const { ticket } of items) {
      const last = runs.at(-1);
      if (last?.[0] === ticket.labelKey) last[1]++;
      else runs.push([ticket.labelKey, 1]);
    }
    const requests = this.#options.compileByOccupancy
      ? new Set(items.map(({ ticket }) => ticket)).size
      : 1;
    const shape = `${bucket};${requests};${
      runs.map((run) => run.join("x")).join(";")
    }`;
    if (this.#shapes.has(shape)) return false;
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    this.#shapes.add(shape);
    return true;
  }
}

/**
 * A prefix tree kept as hashed paths: one entry for each block of each prompt, under a hash of all tokens up to its end.
 *
 * Entries are in order of use, the deepest of a prompt first, so that a block never outlives its parent's use.
 */
class PrefixCache {
  readonly #capacityPages: number;
  readonly #pageSize: number;
  readonly #pages = new Map<number, true>();

  constructor(capacityTokens: number, pageSize: number) {
    this.#capacityPages = Math.floor(capacityTokens / pageSize);
    this.#pageSize = pageSize;
  }

  get tokenCount(): number {
    return this.#pages.size * this.#pageSize;
  }

  /** The key of each whole block of a prompt. */
  keys(tokens: readonly number[]): number[] {
    const keys: number[] = [];
    if (this.#capacityPages === 0) return keys;
    let a = 0x9e3779b9;
    let b = 0x243f6a88;
    for (const [i, token] of tokens.entries()) {
      a = mix32(a ^ token);
      b = mix32(b + token);
      // 53 bits of the two hashes: a collision would need about 10^8 blocks.
      if ((i + 1) % this.#pageSize === 0) keys.push((a >>> 11) * 2 ** 32 + b);
    }
    return keys;
  }

  /** Tokens at the start of a prompt that need no computing; its last token always does. */
  match(keys: readonly number[], tokenCount: number): number {
    const limit = Math.min(
      keys.length,
      Math.floor((tokenCount - 1) / this.#pageSize),
    );
    let pages = 0;
    while (pages < limit && this.#pages.has(keys[pages] ?? 0)) pages++;
    return pages * this.#pageSize;
  }

  add(keys: readonly number[]): void {
    for (const key of keys.toReversed()) {
      this.#pages.delete(key);
      this.#pages.set(key, true);
    }
    for (const key of this.#pages.keys()) {
      if (this.#pages.size <= this.#capacityPages) break;
      this.#pages.delete(key);
    }
  }

  clear(): void {
    this.#pages.clear();
  }
}
