/**
 * A stand-in for the calls of `@cliffy/table` that are made here: cells of several lines, a border between columns.
 *
 * @module
 */

/** Rows of cells, each with a blank on both sides. */
export class Table {
  readonly #rows: readonly (readonly string[])[];
  #aligns: readonly string[] = [];
  #middle = "";

  private constructor(rows: readonly (readonly string[])[]) {
    this.#rows = rows;
  }

  /** Makes a table of the rows. */
  static from(rows: readonly (readonly string[])[]): Table {
    return new Table(rows);
  }

  /** Sets where the cells of each column stand. */
  columns(
    columns: readonly { readonly align: "left" | "right" }[],
  ): this {
    this.#aligns = columns.map(({ align }) => align);
    return this;
  }

  /** Asks for the border. */
  border(_enable: true): this {
    return this;
  }

  /** Sets what stands between two columns; of the other parts of a border there are none here. */
  chars(chars: { readonly middle: string } & Record<string, string>): this {
    this.#middle = chars.middle;
    return this;
  }

  /** Draws the table, without a line feed at its end. */
  toString(): string {
    const rows = this.#rows.map((row) => row.map((cell) => cell.split("\n")));
    const widths = this.#aligns.map((_, column) =>
      Math.max(
        ...rows.flatMap((row) =>
          (row[column] ?? []).map((line) => [...line].length)
        ),
      )
    );
    return rows.flatMap((row) =>
      Array.from(
        { length: Math.max(...row.map((lines) => lines.length)) },
        (_, line) =>
          row.map((lines, column) => {
            const text = lines[line] ?? "";
            const blanks = " ".repeat((widths[column] ?? 0) - [...text].length);
            return this.#aligns[column] === "right"
              ? ` ${blanks}${text} `
              : ` ${text}${blanks} `;
          }).join(this.#middle),
      )
    ).join("\n");
  }
}
