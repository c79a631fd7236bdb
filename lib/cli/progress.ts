/**
 * Tells people how far a long run is: one living line on a terminal, a line a step elsewhere.
 *
 * @module
 */
import { escapeForTerminal } from "../escape.ts";

/** Where progress is shown and how. */
export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Whether a line can be drawn over. */
  readonly isTerminal: boolean;
  readonly terminalColumns: number;
  readonly now: () => number;
}

/** How far a run is. */
export interface Position {
  /** Where it is, such as `cell 4 of 18`. */
  readonly where: string;
  /** What is measured now, and what it shows so far. */
  readonly what: string;
  /** The time that is left in milliseconds; null where it is not known. */
  readonly leftMs: number | null;
}

/** The living line is drawn at most this often, in milliseconds. */
const REDRAW_INTERVAL_MS = 100;

/** Without a terminal a wait is told of this often, in milliseconds. */
const WAIT_INTERVAL_MS = 60_000;

/** The length of the bar, and its signs: plain ones, which every terminal has. */
const BAR_COLUMNS = 8;
const [DONE_SIGN, LEFT_SIGN] = ["#", "-"];

/** Shows the progress of a run. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #drawnMs = -Infinity;
  #isDrawn = false;
  /** When a wait was last told of; long ago where something else came after it. */
  #waitToldMs = -Infinity;

  /** Starts the clock; nothing is shown yet. */
  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.now();
  }

  /** Whether a line is drawn over again and again. */
  get isTerminal(): boolean {
    return this.#options.isTerminal;
  }

  /** Shows where a run is, on a terminal only: a bar, the time that is left, and what goes on. */
  update({ where, what, leftMs }: Position): void {
    const left = leftMs === null ? "" : `, ${formatDuration(leftMs)} left`;
    this.#draw(`${this.#bar(leftMs)}${where}${left}: ${what}`);
  }

  /** Shows a wait that goes on: without a terminal at its start and once a minute. */
  wait(text: string): void {
    const nowMs = this.#options.now();
    if (this.#options.isTerminal) return this.#draw(text);
    if (nowMs - this.#waitToldMs < WAIT_INTERVAL_MS) return;
    this.note(text);
    this.#waitToldMs = nowMs;
  }

  /** Says that a step is done, where there is no living line that shows it. */
  step(text: string): void {
    if (!this.#options.isTerminal) this.note(text);
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

  #draw(line: string): void {
    const { isTerminal, now, write, terminalColumns } = this.#options;
    const nowMs = now();
    if (!isTerminal || nowMs - this.#drawnMs < REDRAW_INTERVAL_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    write(`\r\x1b[K${escapeForTerminal(line, terminalColumns - 4)}`);
  }

  #bar(leftMs: number | null): string {
    const elapsedMs = this.#options.now() - this.#startMs;
    const share = leftMs === null ? 0 : elapsedMs / (elapsedMs + leftMs || 1);
    const done = Math.floor(BAR_COLUMNS * Math.min(1, share));
    return `[${DONE_SIGN.repeat(done)}${
      LEFT_SIGN.repeat(BAR_COLUMNS - done)
    }] `;
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
