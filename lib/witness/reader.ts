/**
 * Reads a server's log piece by piece: lines, and the copies of them that some launchers write.
 *
 * @module
 */
import {
  type LogEvent,
  type LogLine,
  readLine,
  readMessage,
} from "./patterns.ts";

/** What a line told, and when it was written. */
export interface LogRecord {
  /** What it told. */
  readonly event: LogEvent;
  /**
   * When it was written, as {@linkcode LogLine.timeMs}; of a line without a time that of the next line which has one,
   * once that was read.
   */
  timeMs: number | null;
}

/** A longer line is cut: no line that is known is so long. */
const MAX_LINE_LENGTH = 65_536;

/** Copies of a line stand close together; no more different messages than this are remembered. */
const MAX_REMEMBERED = 512;

/** How often each form of a message was seen; the largest of the counts is what happened. */
interface Copies {
  readonly seen: Map<LogLine["form"], number>;
  told: number;
}

/** Reads one log from a place on. */
export class LogReader {
  #rest = "";
  readonly #copies = new Map<string, Copies>();
  #untimed: LogRecord[] = [];

  /**
   * Takes the next piece of the log, of any length, and returns what its whole lines tell, in order.
   *
   * A line that is written twice, with a logger's name and with a time, counts once; two equal lines of one form are
   * two.
   */
  feed(text: string): LogRecord[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = (lines.pop() ?? "").slice(-MAX_LINE_LENGTH);
    return lines.flatMap((line) => this.#read(line));
  }

  /** Forgets the line that was begun: what follows does not belong to it. */
  restart(): void {
    this.#rest = "";
  }

  #read(line: string): LogRecord[] {
    const { form, timeMs, message } = readLine(
      line.slice(-MAX_LINE_LENGTH).replace(/\r$/, ""),
    );
    const event = readMessage(message);
    if (timeMs !== null) {
      for (const record of this.#untimed) record.timeMs = timeMs;
      this.#untimed = [];
    }
    if (event === null || this.#isCopy(message, form)) return [];
    const record: LogRecord = { event, timeMs };
    if (timeMs === null) this.#untimed.push(record);
    return [record];
  }

  #isCopy(message: string, form: LogLine["form"]): boolean {
    const copies = this.#copies.get(message) ?? { seen: new Map(), told: 0 };
    const count = (copies.seen.get(form) ?? 0) + 1;
    copies.seen.set(form, count);
    // The messages that were used last stay.
    this.#copies.delete(message);
    this.#copies.set(message, copies);
    const oldest = this.#copies.keys().next().value;
    if (this.#copies.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#copies.delete(oldest);
    }
    if (count <= copies.told) return true;
    copies.told = count;
    return false;
  }
}
