/**
 * How much a stored record may hold: it may come from another machine, and what reads it must end in time.
 *
 * @module
 */

/** Larger numbers are none that were measured, and their sums are not finite. */
export const MAX_NUMBER = 1e15;
/** A longer name is none that a server has, in characters; the longest on Hugging Face have 96. */
export const MAX_NAME_LENGTH = 2_000;
/** A longer text is none that this tool writes, in characters. */
export const MAX_TEXT_LENGTH = 100_000;
/** More cells or loads than a hundred repeats of a full profile of three models. */
export const MAX_RESULTS = 10_000;
/** Nothing that this tool stores of a server lies deeper, in levels; far deeper values cannot even be written. */
export const MAX_INFO_DEPTH = 16;

/** Tells whether a value has at most {@linkcode MAX_INFO_DEPTH} levels. */
export function isShallow(value: unknown, depth = MAX_INFO_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 &&
    Object.values(value).every((entry) => isShallow(entry, depth - 1));
}
