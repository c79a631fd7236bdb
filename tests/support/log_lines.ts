/**
 * Logs of servers for tests: text that grows, and clocks that do not wait.
 *
 * @module
 */
import { MemoryLog } from "../../lib/witness/memory.ts";
import {
  type LogPiece,
  type LogSource,
  Witness,
} from "../../lib/witness/witness.ts";

/** A log in memory to which lines are written. */
export class LineLog extends MemoryLog {
  /** Called before each read, as time goes on for the server too. */
  onRead: () => void = () => {};

  /** Appends lines. */
  write(...lines: readonly string[]): void {
    for (const line of lines) this.push(`${line}\n`);
  }

  /** Returns what was appended since. */
  override read(): Promise<LogPiece> {
    this.onRead();
    return super.read();
  }
}

/** The line of a batch. */
export function batchLine(
  { items = 1, newTokens = 20, cachedTokens = 0, queued = 1 } = {},
): string {
  return `[2026-02-13 23:31:31] Prefill batch. #new-seq: ${items}, #new-token: ${newTokens}, #cached-token: ${cachedTokens}, token usage: 0.00, #running-req: 0, #queue-req: ${queued}, `;
}

/** The line of compiles in a batch. */
export function missLine(batch: number, count = 2): string {
  return `[2026-02-13 23:31:31] Prefill batch. #bid: ${batch}, #cache_miss: ${count}`;
}

/** The line of an answered request. */
export const ANSWER_LINE =
  '[2026-02-13 23:31:31] INFO:     127.0.0.1:5 - "POST /v1/score HTTP/1.1" 200 OK';

/** A witness over a log in memory whose clock moves only when it waits. */
export function watchMemory(
  log: LogSource,
  isOurs = true,
): { readonly witness: Witness; readonly clock: { nowMs: number } } {
  const clock = { nowMs: 0 };
  const witness = new Witness(log, {
    now: () => clock.nowMs,
    sleep: (durationMs) => {
      clock.nowMs += durationMs;
      return Promise.resolve();
    },
  }, isOurs);
  return { witness, clock };
}
