/**
 * A log that is handed over piece by piece, without a file.
 *
 * @module
 */
import type { LogPiece, LogSource } from "./witness.ts";

/** Longer than what any window of time leaves between two reads; beyond it the oldest is given up, and told. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** A log in memory. */
export class MemoryLog implements LogSource {
  #pending = "";
  #gap: string | null = null;

  /** Appends text. */
  push(text: string): void {
    if (this.#pending.length > MAX_LENGTH) {
      this.lose("more was written than could be kept");
    }
    this.#pending += text;
  }

  /** Loses what was not read yet; `gap` says why. */
  lose(gap: string): void {
    this.#pending = "";
    this.#gap = gap;
  }

  /** Returns what was appended since. */
  read(): Promise<LogPiece> {
    const piece = { text: this.#pending, gap: this.#gap };
    this.#pending = "";
    this.#gap = null;
    return Promise.resolve(piece);
  }

  /** Nothing is held open. */
  [Symbol.dispose](): void {}
}
