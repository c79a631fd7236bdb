/**
 * One timer for the deadlines of all requests.
 *
 * A timer for each would cost more than the request at tens of thousands a second. The price is
 * that a deadline is noticed late: by a twentieth of the shortest limit, 1 ms at least, 50 ms at
 * most.
 *
 * @module
 */

const SWEEP_MS_MIN = 1;
const SWEEP_MS_MAX = 50;
const SWEEPS_PER_TIMEOUT = 20;

/** Calls a function again and again while there are deadlines to keep. */
export class Sweep {
  readonly #look: () => void;
  #timer: ReturnType<typeof setInterval> | null = null;
  /** The shortest limit since the timer runs, which sets its pace. */
  #timeoutMs = Infinity;

  /**
   * Makes a sweep that rests.
   *
   * @param look Called at each turn; calls {@linkcode Sweep.stop} when nothing is due any more.
   */
  constructor(look: () => void) {
    this.#look = look;
  }

  /** Makes sure that the pace is good for a limit of `timeoutMs`. */
  ensure(timeoutMs: number): void {
    if (timeoutMs >= this.#timeoutMs) return;
    this.stop();
    this.#timeoutMs = timeoutMs;
    const wantedMs = Math.min(SWEEP_MS_MAX, timeoutMs / SWEEPS_PER_TIMEOUT);
    this.#timer = setInterval(this.#look, Math.max(SWEEP_MS_MIN, wantedMs));
    // Sockets keep a program alive while an answer is due; the timer need not.
    Deno.unrefTimer(this.#timer);
  }

  /** Rests until the next deadline. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#timeoutMs = Infinity;
  }
}
