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

/**
 * Cells that spreadsheets take for a formula (source: OWASP, "CSV Injection"), behind any number of apostrophes, so that
 * one that was there is not taken for one that was put there.
 */
const QUOTED_FORMULA_REGEXP = /^'*[=+\-@\t\r]/;
/** What {@linkcode escapeForCsv} writes in place of a character. */
const ESCAPED_REGEXP = /\\(?:x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\})/g;

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

/**
 * What the runner of GitHub Actions takes for a command: `::error::` at the start of a line, whatever blanks are before it,
 * and `##[error]` anywhere in it (source: github.com/actions/runner, `ActionCommand.cs`).
 */
const COMMAND_REGEXPS = [/^([^\S\r\n]*):(?=:)/gm, /(##)\[/g] as const;

/** Makes lines safe for the log of a workflow, in which text of a server must be no command; all else stays. */
export function escapeForLog(lines: string): string {
  const [current, former] = COMMAND_REGEXPS;
  return lines.replace(current, "$1\\x3a").replace(former, "$1\\x5b");
}

/**
 * Makes text safe in a cell of a CSV file, for terminals and for spreadsheets, which would run it as a formula; not
 * meant for numbers. {@linkcode unescapeCsv} takes it back.
 */
export function escapeForCsv(text: string): string {
  // Readers take the character for a sign of another encoding.
  const shown = escapeForTerminal(text).replaceAll("\ufffd", "\\u{fffd}");
  return QUOTED_FORMULA_REGEXP.test(shown) ? `'${shown}` : shown;
}

/** Returns the text that {@linkcode escapeForCsv} made safe; other text stays as it is. */
export function unescapeCsv(text: string): string {
  const bare = text.startsWith("'") && QUOTED_FORMULA_REGEXP.test(text)
    ? text.slice(1)
    : text;
  return bare.replace(ESCAPED_REGEXP, (escaped, short, long) => {
    const code = parseInt(short ?? long, 16);
    if (code > 0x10ffff) return escaped;
    const character = String.fromCodePoint(code);
    return escapeForCsv(character) === escaped ? character : escaped;
  });
}
