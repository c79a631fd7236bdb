/**
 * Tells people how far a long run is: one living line on a terminal, a line a step elsewhere.
 *
 * @module
 */
import { escapeForTerminal } from "../escape.ts";

/** Where progress is shown and how. */
export interface ProgressOptions {
  /** Writes text to stderr. */
  readonly write: (text: string) => void;
  /** Whether a line can be drawn over. */
  readonly isTerminal: boolean;
  /** The columns of the terminal. */
  readonly terminalColumns: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** The living line is drawn at most this often, in milliseconds. */
const REDRAW_INTERVAL_MS = 100;

/** Without a terminal a wait is told of this often, in milliseconds. */
const WAIT_INTERVAL_MS = 60_000;

/** Shows the progress of a run whose steps have weights, such as the expected work of a cell. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #totalWeight = 0;
  #doneWeight = 0;
  #drawnMs = -Infinity;
  #isDrawn = false;
  /** When a wait was last told of; long ago where something else came after it. */
  #waitToldMs = -Infinity;

  /** Starts the clock; nothing is shown yet. */
  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.now();
  }

  /** States the weight of all steps that are left. */
  expect(totalWeight: number): void {
    this.#totalWeight = totalWeight;
  }

  /**
   * Shows a step in progress, on a terminal only.
   *
   * @param text What is being done.
   * @param stepWeight How much of the work of this step is done.
   */
  update(text: string, stepWeight = 0): void {
    const { isTerminal, now, write, terminalColumns } = this.#options;
    const nowMs = now();
    if (!isTerminal || nowMs - this.#drawnMs < REDRAW_INTERVAL_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    const line = [text, this.#timeLeft(this.#doneWeight + stepWeight)]
      .filter((part) => part !== "").join(", ");
    write(`\r\x1b[K${escapeForTerminal(line, terminalColumns - 4)}`);
  }

  /** Shows a wait that goes on: without a terminal at its start and once a minute. */
  wait(text: string): void {
    const nowMs = this.#options.now();
    if (this.#options.isTerminal) return this.update(text);
    if (nowMs - this.#waitToldMs < WAIT_INTERVAL_MS) return;
    this.note(text);
    this.#waitToldMs = nowMs;
  }

  /** Shows that a step is done: a line of its own. */
  step(text: string, stepWeight: number): void {
    this.#doneWeight += stepWeight;
    const left = this.#timeLeft(this.#doneWeight);
    this.note(left === "" ? text : `${text} (${left})`);
  }

  /** Shows a line that stays. */
  note(text: string): void {
    this.clear();
    this.#waitToldMs = -Infinity;
    // What a server's log says may have several lines; each is escaped by itself.
    const lines = text.split("\n").map((line) => escapeForTerminal(line));
    this.#options.write(`${lines.join("\n")}\n`);
  }

  /** Takes the living line away. */
  clear(): void {
    if (this.#isDrawn) this.#options.write("\r\x1b[K");
    this.#isDrawn = false;
    this.#drawnMs = -Infinity;
  }

  #timeLeft(doneWeight: number): string {
    if (doneWeight <= 0 || doneWeight >= this.#totalWeight) return "";
    const elapsedMs = this.#options.now() - this.#startMs;
    const leftMs = elapsedMs * (this.#totalWeight / doneWeight - 1);
    return `about ${formatDuration(leftMs)} left`;
  }
}

/** Writes a duration for people: `8 s`, `3 min 20 s`, `1 h 5 min`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
