/**
 * The error of a run that could not be measured.
 *
 * @module
 */

/**
 * Nothing can be measured: a server that cannot be reached, died, refuses, or answers wrongly.
 * The message says what was expected, what was found and what to do; scripts exit with 3.
 */
export class MeasureError extends Error {
  /** The name of this class. */
  override readonly name = "MeasureError";
}
