/**
 * Opens the connections of a pool: knows how many attempts are under way, counts and ends them.
 *
 * @module
 */

import type { HttpCounters } from "./counters.ts";
import { dial, type DialTarget } from "./dial.ts";

/** What attempts to connect share. */
export interface DialerOptions {
  /** How long an attempt may take, in milliseconds. */
  timeoutMs: number;
  /** Where opened connections, failures and connect times are counted. */
  counters: HttpCounters;
  /** The clock, in milliseconds. */
  now: () => number;
}

/** Opens streams to one target. */
export class Dialer {
  readonly #target: DialTarget;
  readonly #options: DialerOptions;
  readonly #attempts = new Map<AbortController, Promise<Deno.Conn>>();
  #isClosed = false;

  /** Makes a dialer without attempts. */
  constructor(target: DialTarget, options: DialerOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** How many attempts are under way. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Opens a stream.
   *
   * @param controller Ends the attempt.
   * @throws {Error} If there is no connection; the message names the target and the cause.
   */
  async open(controller: AbortController): Promise<Deno.Conn> {
    const { counters, now, timeoutMs } = this.#options;
    const startMs = now();
    const attempt = dial(this.#target, { controller, timeoutMs });
    this.#attempts.set(controller, attempt);
    try {
      const stream = await attempt;
      if (this.#isClosed) {
        stream.close();
        throw new Error("The client is closed");
      }
      counters.connectionsOpened++;
      counters.connectMsSum += now() - startMs;
      return stream;
    } catch (error) {
      counters.connectFailures++;
      throw error;
    } finally {
      this.#attempts.delete(controller);
    }
  }

  /** Ends all attempts, and lets none succeed. */
  close(): void {
    this.#isClosed = true;
    for (const controller of this.#attempts.keys()) controller.abort();
  }

  /** Waits until no attempt is left. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#attempts.values());
  }
}
