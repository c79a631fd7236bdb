/**
 * A stand-in for the part of `@cliffy/table` that `lib/report_table.ts` uses,
 * over `cli-table3`: a bordered table of plain cells.
 *
 * @module
 */

import CliTable from "cli-table3";

/** Where the content of a column stands. */
export type Direction = "left" | "right" | "center";

/** The options of one column. */
export interface ColumnOptions {
  /** Where its content stands. @default {"left"} */
  readonly align?: Direction;
}

/** The parts of a border. */
export type BorderPart =
  | `${"top" | "bottom"}${"" | "Mid" | "Left" | "Right"}`
  | `${"left" | "mid" | "right"}${"" | "Mid"}`
  | "middle";

/** Rows of cells with a border and a padding of one space. */
export class Table {
  readonly #rows: readonly (readonly string[])[];
  readonly #aligns: Direction[] = [];
  readonly #chars: Record<string, string> = {};

  /** Keeps the rows; {@linkcode Table.from} is the way to call it. */
  constructor(...rows: readonly (readonly string[])[]) {
    this.#rows = rows;
  }

  /** Makes a table of the rows. */
  static from(rows: readonly (readonly string[])[]): Table {
    return new this(...rows);
  }

  /** Sets the options of the columns. */
  columns(columns: readonly ColumnOptions[]): this {
    this.#aligns.push(...columns.map(({ align = "left" }) => align));
    return this;
  }

  /** Asks for the border, which this stand-in always draws. */
  border(_enable: true): this {
    return this;
  }

  /** Replaces characters of the border; an empty text leaves a part out. */
  chars(chars: Readonly<Partial<Record<BorderPart, string>>>): this {
    for (const [part, char] of Object.entries(chars)) {
      const name = part.replace(
        /[A-Z]/,
        (letter) => `-${letter.toLowerCase()}`,
      );
      this.#chars[name] = char;
    }
    return this;
  }

  /** Draws the table, without a line feed at the end. */
  toString(): string {
    if (this.#rows.length === 0) return "";
    const table = new CliTable({
      chars: this.#chars,
      colAligns: this.#aligns,
      style: { border: [], head: [] },
    });
    table.push(...this.#rows.map((row) => [...row]));
    return table.toString();
  }
}
