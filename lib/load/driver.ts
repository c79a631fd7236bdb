/**
 * Drives a load: decides when each request goes, and records when it went and came back.
 *
 * Time, sending and waiting are parameters, so that the same code runs on a fake clock.
 *
 * @module
 */
import type { Judgement } from "../answer.ts";
import type { HttpAnswer, HttpFailure } from "../http/http_exchange.ts";
import { dueTimesMs, type Schedule } from "./pacing.ts";
import type { SampleRecorder } from "./samples.ts";

/** A fixed number of clients, each of which sends its next request when the last one is answered. */
export interface ClosedLoop {
  /** Which kind of loop this is. */
  readonly kind: "closed";
  /** Clients, at least 1. */
  readonly concurrency: number;
  /** Requests in all, or null where the duration decides. */
  readonly count: number | null;
  /** With one client, no request follows after this many failures in a row; no limit without it. */
  readonly maxFailedInRow?: number;
  /** No request starts at or after this many milliseconds, or null where the count decides. */
  readonly durationMs: number | null;
}

/** Requests that arrive by a schedule, whatever the server does. */
export interface OpenLoop extends Schedule {
  /** Which kind of loop this is. */
  readonly kind: "open";
  /** The most requests in flight, at least 1. */
  readonly maxInFlight: number;
  /**
   * What becomes of an arrival beyond it: `drop` counts it as dropped; `queue` sends it when
   * one returns, and its time still counts from the plan.
   */
  readonly overflow: "drop" | "queue";
  /** Which of the arrivals are sent: all, or every `of`-th from `index` on, where several share the load. */
  readonly share: { readonly index: number; readonly of: number };
}

/** The shape of a load. */
export type Loop = ClosedLoop | OpenLoop;

/**
 * Splits a load over several drivers, so that together they do what one would.
 *
 * @param loop The whole load.
 * @param drivers How many there are, at least 1.
 * @returns One load a driver, at most `drivers` of them: each has at least one client.
 */
export function splitLoop(loop: Loop, drivers: number): Loop[] {
  const part = (whole: number, index: number, of: number) =>
    Math.floor(whole / of) + (index < whole % of ? 1 : 0);
  const wide = loop.kind === "closed" ? loop.concurrency : loop.maxInFlight;
  const of = Math.min(drivers, wide);
  return Array.from(
    { length: of },
    (_, index): Loop =>
      loop.kind === "open"
        ? {
          ...loop,
          maxInFlight: part(loop.maxInFlight, index, of),
          share: { index, of },
        }
        : {
          ...loop,
          concurrency: part(loop.concurrency, index, of),
          count: loop.count === null ? null : part(loop.count, index, of),
        },
  );
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
    onResult: (exchange: HttpAnswer | HttpFailure) => void,
  ) => void;
  /** Judges the exchange of the request with an index. */
  readonly judge: (
    exchange: HttpAnswer | HttpFailure,
    index: number,
  ) => Judgement;
  /** Runs a task soon, after what arrived meanwhile was read. */
  readonly defer: (task: () => void) => void;
}

/** Runs a load to its end, or until the signal: then requests in flight count as aborted. */
export async function drive(
  loop: Loop,
  world: DriverWorld,
  options: { signal: AbortSignal; recorder: SampleRecorder },
): Promise<void> {
  const lane = new Lane(world, options.recorder, options.signal);
  if (loop.kind === "closed") await driveClosed(loop, world, lane);
  else await driveOpen(loop, world, lane);
  await lane.settled();
}

/** Sends single requests and judges their answers when nothing is waiting to be read. */
class Lane {
  readonly recorder: SampleRecorder;
  readonly signal: AbortSignal;
  readonly #world: DriverWorld;
  /** Exchanges that have ended and wait to be judged, and their slots. */
  #ended: (HttpAnswer | HttpFailure)[] = [];
  #slots: number[] = [];
  #unjudged = 0;
  #wake: (() => void) | null = null;
  inFlight = 0;
  failedInRow = 0;

  constructor(
    world: DriverWorld,
    recorder: SampleRecorder,
    signal: AbortSignal,
  ) {
    this.#world = world;
    this.recorder = recorder;
    this.signal = signal;
  }

  /** Sends the request of a slot; `onDone` is called when it has ended, before it is judged. */
  submit(
    request: Uint8Array,
    slot: number,
    onDone: (exchange: HttpAnswer | HttpFailure) => void,
  ): void {
    this.inFlight++;
    this.#unjudged++;
    this.#world.submit(request, this.signal, (exchange) => {
      this.inFlight--;
      this.recorder.time(slot, exchange.sentMs, exchange.doneMs);
      onDone(exchange);
      this.#ended.push(exchange);
      this.#slots.push(slot);
      if (this.#ended.length === 1) this.#world.defer(this.#judgeAll);
    });
  }

  /** Judges what has ended; one task for many answers, since a task costs as much as a small answer. */
  readonly #judgeAll = (): void => {
    const ended = this.#ended;
    const slots = this.#slots;
    this.#ended = [];
    this.#slots = [];
    for (let i = 0; i < ended.length; i++) {
      const [exchange, slot] = [ended[i], slots[i]];
      if (exchange === undefined || slot === undefined) continue;
      const { outcome, message } = this.#world.judge(exchange, slot);
      this.recorder.judge(slot, outcome, message);
      this.failedInRow = outcome === "ok" ? 0 : this.failedInRow + 1;
    }
    this.#unjudged -= ended.length;
    if (this.#unjudged === 0) this.#wake?.();
  };

  /** Resolves when every request has ended and was judged. */
  async settled(): Promise<void> {
    if (this.#unjudged === 0) return;
    await new Promise<void>((resolve) => this.#wake = resolve);
  }
}

async function driveClosed(
  loop: ClosedLoop,
  world: DriverWorld,
  lane: Lane,
): Promise<void> {
  const endMs = loop.durationMs === null
    ? Infinity
    : world.now() + loop.durationMs;
  const count = loop.count ?? Infinity;
  const maxFailedInRow = loop.maxFailedInRow ?? Infinity;
  const next = (dueMs: number, onEnd: () => void) => {
    if (lane.signal.aborted || lane.recorder.planned >= count) return onEnd();
    if (lane.failedInRow >= maxFailedInRow) return onEnd();
    if (dueMs >= endMs) return onEnd();
    const request = world.prepare(lane.recorder.planned);
    const slot = lane.recorder.plan(dueMs);
    // With one client nothing else is in flight, so judging before the next request delays no
    // measurement, and the judging of one answer never falls into the latency of the next.
    const alone = loop.concurrency === 1;
    lane.submit(request, slot, ({ sentMs, doneMs }) => {
      lane.recorder.planAt(slot, sentMs);
      if (!alone) next(doneMs, onEnd);
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
  lane: Lane,
): Promise<void> {
  const startMs = world.now();
  const waiting: { request: Uint8Array; slot: number }[] = [];
  const launch = (request: Uint8Array, slot: number) =>
    lane.submit(request, slot, () => {
      const next = lane.signal.aborted ? undefined : waiting.shift();
      if (next !== undefined) launch(next.request, next.slot);
    });
  let arrival = 0;
  for (const dueMs of dueTimesMs(loop)) {
    if (arrival++ % loop.share.of !== loop.share.index) continue;
    const request = world.prepare(lane.recorder.planned);
    await world.waitUntil(startMs + dueMs, lane.signal);
    if (lane.signal.aborted) break;
    const slot = lane.recorder.plan(startMs + dueMs);
    if (lane.inFlight < loop.maxInFlight) launch(request, slot);
    else if (loop.overflow === "queue") waiting.push({ request, slot });
    else lane.recorder.judge(slot, "dropped", "too many requests in flight");
  }
  await lane.settled();
  for (const { slot } of waiting) {
    lane.recorder.judge(slot, "aborted", "interrupted before it was sent");
  }
}
