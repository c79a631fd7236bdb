/**
 * A stand-in for `@std/csv/stringify`.
 *
 * @module
 */

/** One record: an object, or an array when there are no columns. */
export type DataItem = Readonly<Record<string, unknown> | unknown[]>;

/** The options of {@linkcode stringify} that this project uses. */
export interface StringifyOptions {
  /** Whether the names of the columns come first. @default {true} */
  readonly headers?: boolean;
  /** The keys of the records, or the indexes of the arrays, in output order. */
  readonly columns?: readonly (string | number)[];
  /** Whether a byte order mark comes first. @default {false} */
  readonly bom?: boolean;
}

function formatCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function valuesOf(item: DataItem, columns: readonly PropertyKey[]): unknown[] {
  if (columns.length > 0) return columns.map((key) => Reflect.get(item, key));
  if (Array.isArray(item)) return item;
  throw new TypeError("No property accessor function was provided for object");
}

/** Writes records as CSV with CRLF line ends, null and undefined as empty cells. */
export function stringify(
  data: readonly DataItem[],
  options: StringifyOptions = {},
): string {
  const { headers = true, columns = [], bom = false } = options;
  const head = headers && columns.length > 0 ? [columns] : [];
  const rows = data.map((item) => valuesOf(item, columns));
  const lines = [...head, ...rows].map((row) =>
    row.map(formatCell).join(",") + "\r\n"
  );
  return (bom ? "\ufeff" : "") + lines.join("");
}
