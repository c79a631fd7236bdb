/**
 * Splits a file into rows as it is read, so that one of any length fits into the same memory.
 *
 * @module
 */

/** One row of a file, blank ones left out. */
export interface Row {
  /** The line on which it starts, from 1. */
  readonly line: number;
  /** Where it starts, in bytes from the start of the file. */
  readonly offset: number;
  /** Its text, without the line end. */
  readonly text: string;
}

/** A longer row is none that a server would take, and would have to be held whole. */
export const MAX_ROW_BYTES: number = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/** What is wrong with a row, and where. */
export class RowError extends Error {
  /** The line, from 1. */
  readonly line: number;

  /** Says what is wrong on a line. */
  constructor(line: number, message: string) {
    super(message);
    this.name = "RowError";
    this.line = line;
  }
}

/**
 * Splits bytes into rows.
 *
 * @param chunks The file from its start on.
 * @param quoted Whether a line end between double quotes belongs to the row, as in CSV.
 * @throws {RowError} If a row is longer than {@linkcode MAX_ROW_BYTES}, not UTF-8, or ends inside quotes.
 */
export async function* splitRows(
  chunks: AsyncIterable<Uint8Array>,
  quoted: boolean,
): AsyncGenerator<Row> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let start = { line: 1, offset: 0 };
  let lines = 0;
  let isQuoted = false;
  let offset = 0;
  const take = (end: Uint8Array): Row | null => {
    const bytes = heldBytes === 0 ? end : join([...held, end]);
    held = [];
    heldBytes = 0;
    const row = bytes.at(-1) === CARRIAGE_RETURN ? bytes.slice(0, -1) : bytes;
    let text: string;
    try {
      text = decoder.decode(row);
    } catch {
      throw new RowError(start.line, "UTF-8 was expected, found other bytes");
    }
    if (start.offset === 0) text = text.replace(/^\ufeff/, "");
    return text.trim() === "" ? null : { ...start, text };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (;;) {
      let end = chunk.indexOf(LINE_FEED, from);
      if (quoted) {
        for (let at = from; at < (end < 0 ? chunk.length : end); at++) {
          if (chunk[at] === QUOTE) isQuoted = !isQuoted;
        }
      }
      // A line end between quotes belongs to the row.
      while (quoted && isQuoted && end >= 0) {
        lines++;
        const next = chunk.indexOf(LINE_FEED, end + 1);
        const stop = next < 0 ? chunk.length : next;
        for (let at = end + 1; at < stop; at++) {
          if (chunk[at] === QUOTE) isQuoted = !isQuoted;
        }
        end = next;
      }
      if (end < 0) break;
      const row = take(chunk.subarray(from, end));
      if (row !== null) yield row;
      lines++;
      from = end + 1;
      start = { line: lines + 1, offset: offset + from };
    }
    if (from < chunk.length) {
      held.push(chunk.slice(from));
      heldBytes += chunk.length - from;
    }
    offset += chunk.length;
    if (heldBytes > MAX_ROW_BYTES) {
      throw new RowError(
        start.line,
        `a row of at most ${MAX_ROW_BYTES} bytes was expected${
          isQuoted ? "; is a quote open?" : ""
        }`,
      );
    }
  }
  if (isQuoted) {
    throw new RowError(start.line, "a quote that closes was expected");
  }
  const row = take(new Uint8Array());
  if (row !== null) yield row;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
