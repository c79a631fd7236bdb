/**
 * A stand-in for `@std/csv/parse`, with the results and the error messages of
 * the original.
 *
 * @module
 */

/** The options of {@linkcode parse} that this project uses. */
export interface ParseOptions {
  /** Whether the first row holds the names of the columns. */
  readonly skipFirstRow?: boolean;
  /** The names of the columns; they come before those of the first row. */
  readonly columns?: readonly string[];
  /** Fields in each record: as in the first record if 0, any number if negative. @default {-1} */
  readonly fieldsPerRecord?: number;
}

/** What {@linkcode parse} returns: records with names where names are asked for. */
export type ParseResult<T> = T extends
  { readonly columns: readonly (infer Column extends string)[] }
  ? Record<Column, string>[]
  : T extends { readonly skipFirstRow: true } ? Record<string, string>[]
  : string[][];

const FIELD_REGEXP = /("[^"]*(?:""[^"]*)*"|[^",\n]*)(,|\n|$)/y;
const CLOSED_REGEXP = /"[^"]*(?:""[^"]*)*"(?!")/y;

function matchAt(
  pattern: RegExp,
  text: string,
  index: number,
): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

/** Says where the quote is that makes a field wrong. */
function quoteError(
  text: string,
  at: {
    readonly line: number;
    readonly record: number;
    readonly field: number;
  },
): SyntaxError {
  const isQuoted = text.charAt(at.field) === '"';
  const closed = matchAt(CLOSED_REGEXP, text, at.field);
  let end = text.indexOf('"', at.field);
  if (isQuoted) end = closed ? at.field + closed[0].length - 1 : text.length;
  let before = text.slice(at.record, end);
  if (isQuoted && closed === null) {
    // At the end of the text the original has forgotten the last line, unless
    // nothing follows the last quote in it.
    before = before.replace(/\n$/, "");
    if (!before.endsWith('"')) before = before.replace(/[^\n]+$/, "");
  }
  const lines = before.split("\n");
  const column = [...lines.at(-1) ?? ""].length + 1;
  const what = isQuoted
    ? 'extraneous or missing " in quoted-field'
    : 'bare " in non-quoted-field';
  return new SyntaxError(
    `Syntax error on line ${at.line}; parse error on line ` +
      `${at.line + lines.length - 1}, column ${column}: ${what}`,
  );
}

function unquote(field: string): string {
  return field.startsWith('"')
    ? field.slice(1, -1).replaceAll('""', '"')
    : field;
}

function parseRows(text: string, fieldsPerRecord: number): string[][] {
  const rows: string[][] = [];
  let expected = fieldsPerRecord;
  let field = 0;
  // As in the original, a line is a record, however many line feeds it holds.
  for (let line = 1; field < text.length; line++) {
    const record = field;
    const row: string[] = [];
    let separator = ",";
    while (separator === ",") {
      const match = matchAt(FIELD_REGEXP, text, field);
      if (match === null) throw quoteError(text, { line, record, field });
      const [whole, value = "", end = ""] = match;
      row.push(unquote(value));
      field += whole.length;
      separator = end;
    }
    const isBlank = text.slice(record, field) === "\n";
    const length = isBlank ? 0 : row.length;
    if (line === 1 && expected === 0) expected = length;
    if (isBlank) continue;
    if (fieldsPerRecord >= 0 && length !== expected) {
      throw new SyntaxError(
        `Syntax error on line ${line}: expected ${expected} fields but got ${length}`,
      );
    }
    rows.push(row);
  }
  return rows;
}

function toObject(
  row: readonly string[],
  headers: readonly string[],
  line: number,
): Record<string, string> {
  if (row.length !== headers.length) {
    throw new Error(
      `Syntax error on line ${line}: The record has ${row.length} fields, ` +
        `but the header has ${headers.length} fields`,
    );
  }
  const result: Record<string, string> = {};
  for (const [index, header] of headers.entries()) {
    result[header] = row[index] ?? "";
  }
  return result;
}

/** Parses CSV text: rows, or records if the options name the columns. */
export function parse<const T extends ParseOptions = ParseOptions>(
  input: string,
  options?: T,
): ParseResult<T> {
  const { skipFirstRow = false, columns, fieldsPerRecord = -1 } = options ?? {};
  const text = input.replace(/^\ufeff/, "").replaceAll("\r\n", "\n")
    .replace(/\r$/, "");
  const rows = parseRows(text, fieldsPerRecord);
  if (!skipFirstRow && columns === undefined) return rows as ParseResult<T>;
  const firstRow = skipFirstRow ? rows.shift() : [];
  if (firstRow === undefined) {
    throw new TypeError("Cannot parse input: headers must be defined");
  }
  const firstLine = skipFirstRow ? 2 : 1;
  return rows.map((row, index) =>
    toObject(row, columns ?? firstRow, firstLine + index)
  ) as ParseResult<T>;
}
