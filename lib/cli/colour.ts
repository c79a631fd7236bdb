/**
 * Colours for verdicts on a terminal.
 *
 * @module
 */

/** Bold with green, red or yellow: the sixteen colours that every terminal has, which follow its theme. */
const CODES: Readonly<Record<string, string>> = {
  PASS: "1;32",
  FAIL: "1;31",
  FAILED: "1;31",
  WARN: "1;33",
  INVALID: "1;33",
};

const VERDICT_REGEXP = /\b(?:PASS|FAIL|FAILED|WARN|INVALID)\b/g;

/** Colours the verdicts in a text; their words say the same without. */
export function colourVerdicts(text: string): string {
  return text.replace(
    VERDICT_REGEXP,
    (word) => `\x1b[${CODES[word] ?? "1"}m${word}\x1b[0m`,
  );
}

/**
 * Decides whether text is coloured: on a terminal that is not dumb, unless NO_COLOR asks for none
 * (https://no-color.org).
 */
export function isColoured(
  { isTerminal, noColour, term }: {
    readonly isTerminal: boolean;
    readonly noColour: boolean;
    /** The value of TERM; undefined where it is not set or may not be read. */
    readonly term: string | undefined;
  },
): boolean {
  return isTerminal && !noColour && term !== "dumb";
}
