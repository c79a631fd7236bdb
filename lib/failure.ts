/**
 * The errors that a script tells in words: of a command line, and of a run that could not be measured.
 *
 * @module
 */

/**
 * Nothing can be measured: a server that cannot be reached, died, refuses, or answers wrongly.
 * The message says what was expected, what was found and what to do; scripts exit with 3.
 */
export class MeasureError extends Error {
  override readonly name = "MeasureError";
}

/** A command line that cannot be carried out; its message has one line for each problem. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** Joins the problems, one line each. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Returns what an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
