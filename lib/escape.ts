/**
 * Text from servers, files and command lines, made safe to show.
 *
 * @module
 */

/**
 * Control characters, format characters (bidirectional overrides, zero widths),
 * lone surrogates and line separators: all that can move a cursor, reorder or
 * hide what a terminal shows.
 */
const UNSAFE_REGEXP = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Cells that spreadsheets take for a formula; source: OWASP, "CSV Injection". */
const FORMULA_REGEXP = /^[=+\-@\t\r]/;

const LAST_SHORT_CODE = 0xff;

function escapeCharacter(character: string): string {
  if (character === "\n") return "\\n";
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code <= LAST_SHORT_CODE ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}

/**
 * Replaces what a terminal would obey by visible escapes such as `\x1b`, line
 * feeds too, and cuts text longer than `maxLength` characters, with `...` after it.
 */
export function escapeForTerminal(text: string, maxLength = Infinity): string {
  // A character has at most two code units, so this bounds the work.
  const characters = [...text.slice(0, 2 * maxLength + 2)];
  const shown = characters.slice(0, maxLength).join("")
    .replace(UNSAFE_REGEXP, escapeCharacter);
  return characters.length > maxLength ? `${shown}...` : shown;
}

/** Puts an apostrophe before text that a spreadsheet would run as a formula; not meant for numbers. */
export function escapeCsvFormula(text: string): string {
  return FORMULA_REGEXP.test(text) ? `'${text}` : text;
}
