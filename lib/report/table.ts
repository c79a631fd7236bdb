/**
 * Rows as a table for a terminal.
 *
 * Where it is too wide, names are shortened to a number that is explained once, then heads and texts are wrapped
 * between words, then the least needed columns go. A word is broken only where nothing else is left.
 *
 * @module
 */

import { Table } from "@cliffy/table";
import { wrapCharacters, wrapWords } from "../wrap.ts";
import { escapeForTerminal } from "../escape.ts";

/** One column of a table. */
export interface TableColumn {
  readonly title: string;
  /** Where its cells stand; numbers belong on the right. */
  readonly align: "left" | "right";
  /** Whether it holds names, such as those of models, which may be shortened. */
  readonly isName?: boolean;
  /** The higher, the sooner it is left out where the terminal is too narrow; 0 or absent for never. */
  readonly rank?: number;
}

/** A row: a text for each column, or a line across. */
export type TableRow = readonly string[] | "rule";

/** What {@linkcode renderTable} puts around the rows, and the room it has. */
export interface TableOptions {
  readonly title: readonly string[];
  readonly footer?: readonly string[];
  readonly terminalColumns: number;
}

interface Layout {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
  /** What shortened names stand for, a line each. */
  readonly legend: readonly string[];
}

const PADDING_COLUMNS = 2;

function lengthOf(text: string): number {
  return [...text].length;
}

function textsOf({ rows }: Layout, index: number): string[] {
  return rows.flatMap((row) => row === "rule" ? [] : [row[index] ?? ""]);
}

/** The pieces of a text between which it may be wrapped: after blanks and commas. */
function piecesOf(text: string): string[] {
  return text.split(/(?<=[ ,])/);
}

function longestPiece(text: string): number {
  return Math.max(...piecesOf(text).map((piece) => lengthOf(piece.trimEnd())));
}

function widthsOf(layout: Layout): number[] {
  return layout.columns.map(({ title }, index) =>
    Math.max(...[title, ...textsOf(layout, index)].map(lengthOf))
  );
}

/** The widths when every head and every text is wrapped between all of its words; numbers are one word. */
function narrowestOf(layout: Layout): number[] {
  return layout.columns.map(({ title, align }, index) =>
    Math.max(
      longestPiece(title),
      ...textsOf(layout, index).map(align === "left" ? longestPiece : lengthOf),
    )
  );
}

function totalOf(widths: readonly number[]): number {
  const bars = widths.length - 1;
  return widths.reduce((sum, width) => sum + width + PADDING_COLUMNS, bars);
}

/** Puts numbers in the place of long names, one column after another, until the table can fit. */
function shortenNames(layout: Layout, terminalColumns: number): Layout {
  const index = layout.columns.findIndex(({ isName, title }, at) =>
    isName && Math.max(...textsOf(layout, at).map(lengthOf)) > lengthOf(title)
  );
  const column = layout.columns[index];
  if (column === undefined || totalOf(widthsOf(layout)) <= terminalColumns) {
    return layout;
  }
  const names = [...new Set(textsOf(layout, index))].filter((name) =>
    name !== ""
  );
  const rows = layout.rows.map((row) =>
    row === "rule" || row[index] === ""
      ? row
      : row.with(index, String(names.indexOf(row[index] ?? "") + 1))
  );
  const legend = names.map((name, at) => `${column.title} ${at + 1}: ${name}`);
  return shortenNames(
    { ...layout, rows, legend: [...layout.legend, ...legend] },
    terminalColumns,
  );
}

/** Leaves out the least needed columns until the rest can fit or none is left. */
function dropColumns(layout: Layout, terminalColumns: number): Layout {
  const { columns, rows } = layout;
  const rank = Math.max(0, ...columns.map(({ rank }) => rank ?? 0));
  if (rank === 0 || totalOf(narrowestOf(layout)) <= terminalColumns) {
    return layout;
  }
  const index = columns.findLastIndex((column) => column.rank === rank);
  return dropColumns({
    ...layout,
    columns: columns.toSpliced(index, 1),
    rows: rows.map((row) => row === "rule" ? row : row.toSpliced(index, 1)),
  }, terminalColumns);
}

/** Narrows the widest columns until the table fits: first between words, then, where nothing else is left, inside. */
function shrinkWidths(layout: Layout, terminalColumns: number): number[] {
  const widths = widthsOf(layout);
  const narrow = (leastOf: (index: number) => number) => {
    while (totalOf(widths) > terminalColumns) {
      const loose = widths.map((width, at) => width > leastOf(at) ? width : 0);
      const widest = Math.max(...loose);
      if (widest === 0) return;
      const index = loose.indexOf(widest);
      widths[index] = widest - 1;
    }
  };
  const least = narrowestOf(layout);
  narrow((index) => least[index] ?? 1);
  narrow((index) => layout.columns[index]?.align === "left" ? 1 : Infinity);
  return widths;
}

/** Fills lines of at most `columns` after blanks and commas; a longer word is cut. */
function wrapCell(text: string, columns: number): string[] {
  const pieces = piecesOf(text).flatMap((piece) =>
    lengthOf(piece.trimEnd()) <= columns
      ? [piece]
      : wrapCharacters(piece, columns)
  );
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    if (line !== "" && lengthOf(`${line}${piece}`.trimEnd()) > columns) {
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
  const wrapped = [titles, "rule" as const, ...layout.rows].map((row) =>
    row === "rule"
      ? rule
      : row.map((cell, index) =>
        wrapCell(cell, widths[index] ?? cell.length).join("\n")
      )
  );
  return Table.from(wrapped)
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
 * Draws a titled table in plain characters, with a line feed at the end. Where the terminal is too narrow it shortens
 * names, wraps heads and texts, and leaves out columns, naming them below. Control characters are escaped.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly TableRow[],
  options: TableOptions,
): string {
  const { title, footer = [], terminalColumns } = options;
  const escaped: Layout = {
    columns: columns.map((column) => ({
      ...column,
      title: escapeForTerminal(column.title),
    })),
    rows: rows.map((row) =>
      row === "rule" ? row : row.map((cell) => escapeForTerminal(cell))
    ),
    legend: [],
  };
  const layout = dropColumns(
    shortenNames(escaped, terminalColumns),
    terminalColumns,
  );
  const dropped = escaped.columns.filter((column) =>
    !layout.columns.includes(column)
  );
  const note = `Columns left out to fit the terminal: ${
    dropped.map((column) => column.title).join(", ")
  }`;
  const lines = drawRows(layout, shrinkWidths(layout, terminalColumns));
  const wrap = (line: string) =>
    wrapWords(line, terminalColumns)
      .flatMap((part) => wrapCharacters(part, terminalColumns));
  const head = title.map((line) => escapeForTerminal(line)).flatMap(wrap);
  const legend = layout.legend.flatMap(wrap);
  const below = [...footer, ...(dropped.length > 0 ? [note] : [])]
    .map((line) => escapeForTerminal(line)).flatMap(wrap);
  const longest = Math.max(
    ...[...head, ...legend, ...lines].map((line) => line.length),
  );
  const rule = "=".repeat(longest);
  return [
    ...[rule, ...head, rule],
    ...(legend.length === 0 ? [] : [...legend, ""]),
    ...[...lines, rule, ...below, ""],
  ].join("\n");
}
