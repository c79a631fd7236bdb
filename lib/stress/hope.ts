/**
 * When a load is ended before its time: where a server gives nothing but failures, sending goes on only to spin.
 *
 * @module
 */
import type { LoadProgress } from "../load/generator.ts";

/** A load that had only failures for this long, in milliseconds, and so many of them, is ended. */
const HOPELESS_MS = 3_000;
const HOPELESS_FAILURES = 100;

/** What is noted of a load that was ended early. */
export const GAVE_UP_NOTE =
  "The load was ended early: for 3 s every request failed";

/** Watches the progress of one load. */
export class Hope {
  #good = 0;
  #goodMs: number;
  #planned = 0;

  /** Begins with a load, at a time in milliseconds. */
  constructor(startMs: number) {
    this.#goodMs = startMs;
  }

  /**
   * Tells whether nothing good is to be expected any more. Never where nothing new is sent, as at the end of a load: what
   * is in flight then has its deadline, and each of it counts.
   */
  isLost(
    { planned, done, failed }: Omit<LoadProgress, "pulses">,
    nowMs: number,
  ): boolean {
    const good = done - failed;
    if (good > this.#good) [this.#good, this.#goodMs] = [good, nowMs];
    const isSending = planned > this.#planned;
    this.#planned = planned;
    return isSending && failed >= HOPELESS_FAILURES &&
      nowMs - this.#goodMs > HOPELESS_MS;
  }
}
