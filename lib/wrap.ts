/**
 * Text for people: lines of a limited width, in which a character counts as one column, and counts with their nouns.
 *
 * @module
 */

/** Writes a number of things, as `1 cell` and `2 cells`; the noun is one that takes an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Splits text at its spaces into lines of at most `columns`; a longer word keeps a line of its own. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(" ")) {
    const longer: string = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && [...longer].length > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line ?? ""];
}

/** Cuts text into pieces of exactly `columns` characters, the last one shorter. */
export function wrapCharacters(text: string, columns: number): string[] {
  const characters = [...text];
  const count = Math.max(1, Math.ceil(characters.length / columns));
  return Array.from(
    { length: count },
    (_, index) =>
      characters.slice(index * columns, (index + 1) * columns).join(""),
  );
}

/** Splits text into lines of at most `columns`; further lines stand deeper than the first, longer words are cut. */
export function wrapIndented(text: string, columns: number): string[] {
  const indent = /^ */.exec(text)?.[0] ?? "";
  const deeper = `${indent}    `;
  const [first = "", ...rest] = wrapWords(
    text.slice(indent.length),
    columns - deeper.length,
  ).flatMap((line) => wrapCharacters(line, columns - deeper.length));
  return [`${indent}${first}`, ...rest.map((line) => `${deeper}${line}`)];
}

/** Returns names in a row, the last ones counted where they are more than `most`: `a; b; 3 more`. */
export function listed(names: readonly string[], most: number): string {
  const more = names.length - most;
  return more <= 0
    ? names.join("; ")
    : [...names.slice(0, most), `${more} more`].join("; ");
}

/** Returns the first line of a text, without a colon at its end. */
export function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/:\s*$/, "");
}
