/**
 * Judges answers when it disturbs no measurement.
 *
 * @module
 */

/** An answer that takes no longer than this, in milliseconds, is judged right after it was read, with others on their way; */
const SOON_MS_EACH = 0.005;
/** all of them no longer than this. */
const SOON_MS = 1;

/** So many of them are judged before the clock is read. */
const SOON_EACH = 16;

/** Where nothing can be read, answers are judged for this long before it is looked again, in milliseconds. */
const QUIET_MS = 0.2;

/** More answers than these, or more bytes of them, do not wait. */
const MOST_WAITING = 1_024;
const MOST_WAITING_BYTES = 32 * 1024 * 1024;

/** The weight of the newest in the smoothed time that an answer takes. */
const NEWEST_WEIGHT = 0.25;

/** What judging needs from the world. */
export interface JudgingWorld<Ended> {
  readonly now: () => number;
  /** Runs a task soon, after what has arrived with the answer before it was read. */
  readonly defer: (task: () => void) => void;
  /** Runs a task some time later, after all that can be read by then was read. */
  readonly rest: (task: () => void) => void;
  readonly judge: (ended: Ended) => void;
  /** Whether anything can still arrive. */
  readonly isExpecting: () => boolean;
}

/**
 * Requests that have ended and wait to be judged, in order.
 *
 * Small answers are judged right after they were read. One of 500 rows takes a tenth of a millisecond: it waits until
 * nothing can be read, so that it falls into the latency of no other.
 */
export class JudgingQueue<Ended> {
  readonly #world: JudgingWorld<Ended>;
  #waiting: Ended[] = [];
  #bytesOf: number[] = [];
  #next = 0;
  #bytes = 0;
  /** Whether one was added since it was last looked. */
  #isFresh = false;
  #isResting = false;
  /** How long judging one takes, smoothed; null before the first. */
  #judgeMs: number | null = null;

  /** Makes an empty queue. */
  constructor(world: JudgingWorld<Ended>) {
    this.#world = world;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length - this.#next;
  }

  /** Adds one that has just ended, with an answer of a length in bytes. */
  add(ended: Ended, bytes: number): void {
    this.#waiting.push(ended);
    this.#bytesOf.push(bytes);
    this.#bytes += bytes;
    // With one client a turn of the event loop would cost more than most answers.
    if (!this.#world.isExpecting()) return this.#judge(Infinity);
    if (!this.#isFresh) this.#world.defer(this.#judgeSoon);
    this.#isFresh = true;
  }

  readonly #judgeSoon = (): void => {
    this.#isFresh = false;
    if (!this.#world.isExpecting()) this.#judge(Infinity);
    else if ((this.#judgeMs ?? 0) <= SOON_MS_EACH) this.#judge(SOON_MS);
    while (this.size > MOST_WAITING || this.#bytes > MOST_WAITING_BYTES) {
      this.#judge(0);
    }
    this.#rest();
  };

  readonly #judgeQuietly = (): void => {
    this.#isResting = false;
    if (!this.#isFresh) this.#judge(QUIET_MS);
    this.#rest();
  };

  #rest(): void {
    if (this.#isResting || this.size === 0) return;
    this.#isResting = true;
    this.#world.rest(this.#judgeQuietly);
  }

  /** Judges the first for a time, one at least. */
  #judge(limitMs: number): void {
    const { now, judge } = this.#world;
    const startMs = now();
    // To read the clock takes as long as to judge a small answer.
    const every = (this.#judgeMs ?? Infinity) > SOON_MS_EACH ? 1 : SOON_EACH;
    for (let judged = 1; this.size > 0; judged++) {
      const first = this.#waiting[this.#next] as Ended;
      this.#bytes -= this.#bytesOf[this.#next] as number;
      this.#next++;
      this.#forget();
      judge(first);
      if (judged % every > 0 && this.size > 0 && limitMs > 0) continue;
      const tookMs = now() - startMs;
      const meanMs = tookMs / judged;
      this.#judgeMs ??= meanMs;
      this.#judgeMs += NEWEST_WEIGHT * (meanMs - this.#judgeMs);
      if (tookMs >= limitMs) return;
    }
  }

  /** Lets go of what was judged, now and then. */
  #forget(): void {
    if (this.size > 0 && this.#next <= MOST_WAITING) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#bytesOf = this.#bytesOf.slice(this.#next);
    this.#next = 0;
  }
}
