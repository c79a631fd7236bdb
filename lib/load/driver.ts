/**
 * Drives a load: decides when each request goes, and records when it went and came back.
 *
 * Time, sending and waiting are parameters, so that the same code runs on a fake clock.
 *
 * @module
 */
import type { HttpExchange } from "../http/exchange.ts";
import type { Judgement } from "../score/answer.ts";
import {
  type Schedule,
  type Share,
  sharedDueTimesMs,
  WHOLE,
} from "./pacing.ts";
import { JudgingQueue } from "./judging.ts";
import type { SampleRecorder } from "./samples.ts";

/** A fixed number of clients, each of which sends its next request when the last one is answered. */
export interface ClosedLoop {
  readonly kind: "closed";
  /** Clients, at least 1. */
  readonly concurrency: number;
  /** Requests in all, or null where the duration decides. */
  readonly count: number | null;
  /** With one client, no request follows after this many failures in a row; no limit without it. */
  readonly maxFailedInRow?: number;
  /** No request starts at or after this many milliseconds, or null where the count decides. */
  readonly durationMs: number | null;
  /** Which of the clients of a larger load these are; all without it. */
  readonly share?: Share;
}

/** Requests that arrive by a schedule, whatever the server does. */
export interface OpenLoop extends Schedule {
  readonly kind: "open";
  /** The most requests in flight, at least 1; an arrival beyond it counts as dropped. */
  readonly maxInFlight: number;
  /** Which of the arrivals are sent. */
  readonly share: Share;
}

/** The shape of a load. */
export type Loop = ClosedLoop | OpenLoop;

/** Returns which part of the load that it belongs to a loop is. */
export function shareOf({ share = WHOLE }: Loop): Share {
  return share;
}

/** Returns the arrivals a second of a load, or of a part of one; null in closed loops. */
export function askedPerSec(loop: Loop): number | null {
  return loop.kind === "open" ? loop.ratePerSec / loop.share.of : null;
}

/**
 * Returns a part of a load, or of a part of one, so that all parts together send what the whole would: arrivals at the
 * same times, from as many clients. The bound of requests in flight is split, but not below 1.
 *
 * @param loop The whole.
 * @param part Which part; of a closed loop there are at most as many as clients.
 */
export function partOf(loop: Loop, { index, of }: Share): Loop {
  const whole = shareOf(loop);
  const share = { index: whole.index + whole.of * index, of: whole.of * of };
  const split = (amount: number) =>
    Math.floor(amount / of) + (index < amount % of ? 1 : 0);
  return loop.kind === "open"
    ? { ...loop, maxInFlight: Math.max(1, split(loop.maxInFlight)), share }
    : {
      ...loop,
      concurrency: split(loop.concurrency),
      count: loop.count === null ? null : split(loop.count),
      share,
    };
}

/**
 * Splits a load over several drivers.
 *
 * @param loop The whole load.
 * @param drivers How many there are, at least 1.
 * @returns One load a driver, at most `drivers` of them: each has at least one client.
 */
export function splitLoop(loop: Loop, drivers: number): Loop[] {
  const wide = loop.kind === "closed" ? loop.concurrency : loop.maxInFlight;
  const of = Math.min(drivers, wide);
  return Array.from({ length: of }, (_, index) => partOf(loop, { index, of }));
}

/** What a driver needs from the world. */
export interface DriverWorld {
  /** The clock that all times are on, in milliseconds; monotonic. */
  readonly now: () => number;
  /** Returns at the due time or as soon after it as can be; at once when it has passed. */
  readonly waitUntil: (dueMs: number, signal: AbortSignal) => Promise<void>;
  /** Makes the bytes of the request with an index, before its clock starts. */
  readonly prepare: (index: number) => Uint8Array;
  /**
   * Sends prepared bytes and calls back when the request has ended, at once and not by a promise:
   * answers that arrive together would else all be stamped before the first next request goes out.
   */
  readonly submit: (
    request: Uint8Array,
    signal: AbortSignal,
    onResult: (exchange: HttpExchange) => void,
  ) => void;
  /** Hears of a request that has ended, before the next is made. */
  readonly release?: (request: Uint8Array, exchange: HttpExchange) => void;
  /** Judges the exchange of the request with an index. */
  readonly judge: (
    exchange: HttpExchange,
    index: number,
  ) => Judgement;
  /** Runs a task soon, after what has arrived with the answer before it was read. */
  readonly defer: (task: () => void) => void;
  /** Runs a task some time later, after all that can be read by then was read. */
  readonly rest: (task: () => void) => void;
}

/**
 * Runs a load to its end, or until the signal: then requests in flight count as aborted.
 *
 * @param options When it starts on the clock of the world; at once without `startMs`.
 */
export async function drive(
  loop: Loop,
  world: DriverWorld,
  options: {
    readonly signal: AbortSignal;
    readonly recorder: SampleRecorder;
    readonly startMs?: number;
  },
): Promise<void> {
  const { recorder, signal, startMs = world.now() } = options;
  const lane = new Lane(world, recorder, signal);
  if (loop.durationMs !== null) recorder.endWindow(startMs + loop.durationMs);
  if (loop.kind === "closed") {
    if (options.startMs !== undefined) await world.waitUntil(startMs, signal);
    await driveClosed(loop, world, { lane, startMs });
  } else await driveOpen(loop, world, { lane, startMs });
  await lane.settled();
}

/** A request that has ended and waits to be judged. */
interface Unjudged {
  readonly exchange: HttpExchange;
  readonly slot: number;
  /** When it was due in milliseconds; null for when it was sent. */
  readonly plannedMs: number | null;
}

/** Sends single requests and judges their answers. */
class Lane {
  readonly recorder: SampleRecorder;
  readonly signal: AbortSignal;
  readonly #world: DriverWorld;
  readonly #ended: JudgingQueue<Unjudged>;
  #unjudged = 0;
  #wake: (() => void) | null = null;
  /** Since when requests are in flight and none has ended. */
  #standsSinceMs = 0;
  inFlight = 0;
  failedInRow = 0;
  /** Requests in a row without an answer, those that are not judged yet included. */
  lostInRow = 0;

  constructor(
    world: DriverWorld,
    recorder: SampleRecorder,
    signal: AbortSignal,
  ) {
    this.#world = world;
    this.recorder = recorder;
    this.signal = signal;
    this.#ended = new JudgingQueue({
      ...world,
      judge: (ended) => this.#judge(ended),
      isExpecting: () => this.inFlight > 0,
    });
  }

  /** Sends a request that was planned; `onDone` is called when it has ended, before it is judged. */
  submit(
    request: Uint8Array,
    plan: { slot: number; plannedMs: number | null },
    onDone: (doneMs: number) => void,
  ): void {
    if (this.inFlight === 0) this.#standsSinceMs = this.#world.now();
    this.inFlight++;
    this.#unjudged++;
    this.#world.submit(request, this.signal, (exchange) => {
      this.inFlight--;
      this.recorder.stand(this.#standsSinceMs, exchange.doneMs);
      // An answer that had to be decoded is told of after later ones.
      this.#standsSinceMs = Math.max(this.#standsSinceMs, exchange.doneMs);
      if (exchange.retries > 0) this.recorder.retry();
      this.lostInRow = exchange.kind === "failure" ? this.lostInRow + 1 : 0;
      this.#world.release?.(request, exchange);
      onDone(exchange.doneMs);
      const { slot, plannedMs } = plan;
      const bytes = exchange.kind === "answer" ? exchange.body.length : 0;
      this.#ended.add({ exchange, slot, plannedMs }, bytes);
    });
  }

  #judge({ exchange, slot, plannedMs }: Unjudged): void {
    const { outcome, message } = this.#world.judge(exchange, slot);
    const { sentMs, doneMs } = exchange;
    this.recorder.end(
      slot,
      { plannedMs: plannedMs ?? sentMs, sentMs, doneMs, outcome },
      message,
    );
    this.failedInRow = outcome === "ok" ? 0 : this.failedInRow + 1;
    this.#unjudged--;
    if (this.#unjudged === 0) this.#wake?.();
  }

  /** Records a request that was due and never sent. */
  drop({ slot, plannedMs }: { slot: number; plannedMs: number }): void {
    const times = { plannedMs, sentMs: plannedMs, doneMs: plannedMs };
    const message = "too many requests in flight";
    this.recorder.end(slot, { ...times, outcome: "dropped" }, message);
  }

  /** Resolves when every request has ended and was judged. */
  async settled(): Promise<void> {
    if (this.#unjudged === 0) return;
    await new Promise<void>((resolve) => this.#wake = resolve);
  }
}

/** After so many requests in a row without an answer a client waits so many milliseconds before it tries again. */
const LOST_IN_ROW_TO_WAIT = 20;
const WAIT_AFTER_LOSS_MS = 10;

async function driveClosed(
  loop: ClosedLoop,
  world: DriverWorld,
  { lane, startMs }: { readonly lane: Lane; readonly startMs: number },
): Promise<void> {
  const endMs = startMs + (loop.durationMs ?? Infinity);
  const count = loop.count ?? Infinity;
  const maxFailedInRow = loop.maxFailedInRow ?? Infinity;
  const next = (dueMs: number, onEnd: () => void) => {
    const isOver = lane.signal.aborted || lane.recorder.planned >= count ||
      lane.failedInRow >= maxFailedInRow || dueMs >= endMs;
    if (isOver) return onEnd();
    const request = world.prepare(lane.recorder.planned);
    const slot = lane.recorder.plan(dueMs);
    // With one client nothing else is in flight, so judging before the next request delays no
    // measurement, and the judging of one answer never falls into the latency of the next.
    const alone = loop.concurrency === 1;
    lane.submit(request, { slot, plannedMs: null }, (doneMs) => {
      if (alone) return;
      // Where nothing succeeds any more, a client that does not wait tries fifty thousand times a second.
      if (lane.lostInRow < LOST_IN_ROW_TO_WAIT) return next(doneMs, onEnd);
      void world.waitUntil(doneMs + WAIT_AFTER_LOSS_MS, lane.signal)
        .then(() => next(world.now(), onEnd));
    });
    if (alone) void lane.settled().then(() => next(world.now(), onEnd));
  };
  await Promise.all(
    Array.from(
      { length: loop.concurrency },
      () => new Promise<void>((resolve) => next(world.now(), resolve)),
    ),
  );
}

async function driveOpen(
  loop: OpenLoop,
  world: DriverWorld,
  { lane, startMs }: { readonly lane: Lane; readonly startMs: number },
): Promise<void> {
  for (const dueMs of sharedDueTimesMs(loop, loop.share)) {
    const request = world.prepare(lane.recorder.planned);
    const plannedMs = startMs + dueMs;
    await world.waitUntil(plannedMs, lane.signal);
    if (lane.signal.aborted) break;
    const plan = { slot: lane.recorder.plan(plannedMs), plannedMs };
    if (lane.inFlight >= loop.maxInFlight) lane.drop(plan);
    else lane.submit(request, plan, () => {});
  }
}
