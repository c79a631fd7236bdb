/**
 * Rows as CSV text.
 *
 * @module
 */

import { stringify } from "@std/csv/stringify";
import { escapeForCsv } from "./escape.ts";

/** One cell; `null` for a missing value, which becomes an empty cell. */
export type CsvCell = string | number | null;

function formatCell(cell: CsvCell): string {
  if (cell === null) return "";
  if (typeof cell === "string") {
    return escapeForCsv(cell);
  }
  if (Number.isFinite(cell)) return String(cell);
  throw new RangeError(
    `Cannot write a CSV cell as numbers must be finite: current value is ${cell}`,
  );
}

/**
 * Writes a header and rows as CSV with CRLF line ends: numbers at full
 * precision, each row on one line, text safe in terminals and spreadsheets.
 *
 * @throws {RangeError} If a number is not finite or a row does not have one
 * cell for each column
 */
export function stringifyRows(
  columns: readonly string[],
  rows: readonly (readonly CsvCell[])[],
): string {
  const uneven = rows.find((row) => row.length !== columns.length);
  if (uneven !== undefined) {
    throw new RangeError(
      `Cannot write a CSV row as it needs ${columns.length} cells: current value is ${uneven.length}`,
    );
  }
  return stringify([columns, ...rows].map((row) => row.map(formatCell)));
}
