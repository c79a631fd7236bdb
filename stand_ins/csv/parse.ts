/**
 * A stand-in for the call of `@std/csv/parse` that is made here.
 *
 * @module
 */

const FIELD_REGEXP = /("[^"]*(?:""[^"]*)*"|[^",\n]*)(,|\n|$)/y;

/**
 * Parses CSV text into rows; blank lines are left out.
 *
 * @throws {SyntaxError} If a quote does not close, or stands inside a field without quotes.
 */
export function parse(input: string): string[][] {
  const text = input.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const rows: string[][] = [];
  let row: string[] = [];
  let start = 0;
  for (let index = 0; index < text.length || row.length > 0;) {
    FIELD_REGEXP.lastIndex = index;
    const match = FIELD_REGEXP.exec(text);
    if (match === null) throw new SyntaxError(`wrong quotes at ${index}`);
    const [whole, field = "", separator] = match;
    row.push(
      field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
    );
    index += whole.length;
    if (separator === ",") continue;
    if (!/^\n?$/.test(text.slice(start, index))) rows.push(row);
    row = [];
    start = index;
  }
  return rows;
}
