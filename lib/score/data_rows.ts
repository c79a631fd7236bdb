/**
 * Makes requests of the rows of a file.
 *
 * @module
 */
import { parse } from "@std/csv/parse";
import { type DataRow, parseJsonLine, requestOfRows } from "./data.ts";
import { type Row, RowError } from "./rows.ts";

/** A request with its place in the file. */
export interface Found {
  readonly request: DataRow;
  /** The line on which it starts, from 1. */
  readonly line: number;
  /** Where it starts, in bytes. */
  readonly offset: number;
}

/**
 * Reads a request of each row of a `.jsonl` file.
 *
 * @throws {RowError} If one cannot be sent.
 */
export async function* requestsOfLines(
  rows: AsyncIterable<Row>,
): AsyncGenerator<Found> {
  for await (const { line, offset, text } of rows) {
    yield { line, offset, request: onLine(line, () => parseJsonLine(text)) };
  }
}

/**
 * Reads the requests of a `.csv` file: rows of one query that follow each other are one.
 *
 * @param columns Where its columns stand; they are read from the first row where they are open.
 * @throws {RowError} If a row has another form, or a request cannot be sent.
 */
export async function* requestsOfCsv(
  rows: AsyncIterable<Row>,
  columns: Columns,
): AsyncGenerator<Found> {
  let open: { first: Row; query: string; items: string[] } | null = null;
  const close = ({ first, query, items }: NonNullable<typeof open>): Found => ({
    line: first.line,
    offset: first.offset,
    request: onLine(first.line, () => requestOfRows(query, items)),
  });
  for await (const row of rows) {
    const cells = onLine(row.line, () => parse(row.text)[0] ?? []);
    if (columns.isOpen) {
      Object.assign(columns, onLine(row.line, () => columnsOf(cells)));
      continue;
    }
    if (cells.length !== 2) {
      throw new RowError(
        row.line,
        `2 cells were expected, found ${cells.length}`,
      );
    }
    const [query = "", item = ""] = [cells[columns.query], cells[columns.item]];
    if (open !== null && open.query === query) open.items.push(item);
    else {
      if (open !== null) yield close(open);
      open = { first: row, query, items: [item] };
    }
  }
  if (open !== null) yield close(open);
}

/** Where the columns of a `.csv` file stand; open until its head was read. */
export interface Columns {
  /** The place of the query, from 0. */
  query: number;
  /** The place of the item, from 0. */
  item: number;
  /** Whether they are still to be read. */
  isOpen: boolean;
}

function columnsOf(cells: readonly string[]): Columns {
  const [query, item] = [cells.indexOf("query"), cells.indexOf("item")];
  if (cells.length === 2 && query >= 0 && item >= 0) {
    return { query, item, isOpen: false };
  }
  throw new SyntaxError(
    `the columns query,item were expected, found ${
      cells.join(",").slice(0, 60)
    }`,
  );
}

/** Turns what is wrong with a text into what is wrong on a line. */
function onLine<Value>(line: number, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new RowError(
      line,
      error instanceof Error ? error.message : String(error),
    );
  }
}
