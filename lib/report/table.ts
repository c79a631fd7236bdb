/**
 * Rows as a table for a terminal.
 *
 * @module
 */

import { Table } from "@cliffy/table";
import { wrapCharacters, wrapWords } from "../wrap.ts";
import { escapeForTerminal } from "../escape.ts";

/** One column of a table. */
export interface TableColumn {
  /** The text at its head. */
  readonly title: string;
  /** Where its cells stand; numbers belong on the right. */
  readonly align: "left" | "right";
  /** Whether it may be left out where the terminal is too narrow. */
  readonly isOptional?: true;
  /** A line under the table where the column is there; a line of several columns is written once. */
  readonly note?: string;
}

/** What {@linkcode renderTable} puts around the rows, and the room it has. */
export interface TableOptions {
  /** The line over the table. */
  readonly title: string;
  /** Lines under the table. */
  readonly footer?: readonly string[];
  /** The columns of the terminal. */
  readonly terminalColumns: number;
}

interface Layout {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
}

/** Text columns are wrapped down to this width, but not further. */
const MIN_TEXT_COLUMNS = 12;
const PADDING_COLUMNS = 2;

function widthsOf({ columns, rows }: Layout): number[] {
  return columns.map(({ title }, index) =>
    Math.max(
      ...[title, ...rows.map((row) => row[index] ?? "")]
        .map((text) => [...text].length),
    )
  );
}

function totalOf(widths: readonly number[]): number {
  const bars = widths.length - 1;
  return widths.reduce((sum, width) => sum + width + PADDING_COLUMNS, bars);
}

/** The widths when every text column is wrapped as far as it may be. */
function narrowestOf(layout: Layout): number[] {
  return widthsOf(layout).map((width, index) =>
    layout.columns[index]?.align === "left"
      ? Math.min(width, MIN_TEXT_COLUMNS)
      : width
  );
}

/** Leaves out optional columns, the last ones first, until the rest can fit or none is left. */
function dropColumns(layout: Layout, terminalColumns: number): Layout {
  let { columns, rows } = layout;
  while (totalOf(narrowestOf({ columns, rows })) > terminalColumns) {
    const dropped = columns.findLastIndex((column) => column.isOptional);
    if (dropped < 0) break;
    columns = columns.toSpliced(dropped, 1);
    rows = rows.map((row) => row.toSpliced(dropped, 1));
  }
  return { columns, rows };
}

/** Narrows the widest text columns until the table fits or none can give way. */
function shrinkWidths(layout: Layout, terminalColumns: number): number[] {
  const widths = widthsOf(layout);
  const isText = (index: number) => layout.columns[index]?.align === "left";
  while (totalOf(widths) > terminalColumns) {
    const textWidths = widths.filter((_, index) => isText(index));
    const widest = Math.max(...textWidths);
    if (widest <= MIN_TEXT_COLUMNS) break;
    const index = widths.findIndex((width, at) =>
      width === widest && isText(at)
    );
    widths[index] = widest - 1;
  }
  return widths;
}

/** Fills lines of at most `columns` after blanks and commas; a longer word is cut. */
function wrapCell(text: string, columns: number): string[] {
  const pieces = text.split(/(?<=[ ,])/).flatMap((piece) =>
    wrapCharacters(piece, columns)
  );
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    if (line !== "" && [...`${line}${piece}`.trimEnd()].length > columns) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += piece;
  }
  return [...lines, line.trimEnd()];
}

function drawRows(layout: Layout, widths: readonly number[]): string[] {
  const titles = layout.columns.map((column) => column.title);
  const rule = widths.map((width) => "-".repeat(width));
  const wrapped = [titles, ...layout.rows].map((row) =>
    row.map((cell, index) =>
      wrapCell(cell, widths[index] ?? cell.length).join("\n")
    )
  );
  return Table.from([...wrapped.slice(0, 1), rule, ...wrapped.slice(1)])
    .columns(layout.columns.map(({ align }) => ({ align })))
    .border(true)
    .chars({
      ...{ top: "", topMid: "", topLeft: "", topRight: "" },
      ...{ bottom: "", bottomMid: "", bottomLeft: "", bottomRight: "" },
      ...{ mid: "", midMid: "", leftMid: "", rightMid: "" },
      ...{ left: "", right: "", middle: "|" },
    })
    .toString().split("\n").map((line) => line.trimEnd());
}

/**
 * Draws a titled table in plain characters, with a line feed at the end. Where
 * the terminal is too narrow it leaves out the optional columns, naming them
 * below, and wraps the text columns. Control characters are escaped.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  const { title, footer = [], terminalColumns } = options;
  const escaped = {
    columns: columns.map((column) => ({
      ...column,
      title: escapeForTerminal(column.title),
    })),
    rows: rows.map((row) => row.map((cell) => escapeForTerminal(cell))),
  };
  const layout = dropColumns(escaped, terminalColumns);
  const dropped = escaped.columns.filter((column) =>
    !layout.columns.includes(column)
  );
  const note = `Columns left out to fit the terminal: ${
    dropped.map((column) => column.title).join(", ")
  }`;
  const lines = drawRows(layout, shrinkWidths(layout, terminalColumns));
  const wrap = (line: string) =>
    wrapWords(escapeForTerminal(line), terminalColumns);
  const head = wrap(title);
  const notes = new Set(layout.columns.flatMap(({ note }) => note ?? []));
  const below = [...notes, ...footer, ...(dropped.length > 0 ? [note] : [])];
  const longest = Math.max(...[...head, ...lines].map((line) => line.length));
  const rule = "=".repeat(longest);
  return [rule, ...head, rule, ...lines, rule, ...below.flatMap(wrap), ""]
    .join("\n");
}
