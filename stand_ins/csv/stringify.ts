/**
 * A stand-in for the call of `@std/csv/stringify` that is made here.
 *
 * @module
 */

/** Writes rows as CSV with CRLF line ends. */
export function stringify(data: readonly (readonly string[])[]): string {
  return data.map((row) => `${row.map(quoteCell).join(",")}\r\n`).join("");
}

function quoteCell(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
