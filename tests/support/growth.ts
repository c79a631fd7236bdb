/** How the time of a piece of work grows with the length of its text, which says more than any time on a busy machine. */
import { assert } from "@std/assert";
import { sum } from "../../lib/stats/summary.ts";

/** A long text is held against so many short ones of the same length together, which a busy machine slows as much. */
const SHORT_TEXTS = 16;
/** It may take so many times as long: linear work takes as long, quadratic 16 times. */
const MAX_FACTOR = 5;
const LENGTHS = [6_250, SHORT_TEXTS * 6_250] as const;
/** Work that takes no longer than this on the long text is not looked at, in milliseconds. */
const SHORT_MS = 100;
const MAX_ATTEMPTS = 20;

/** What stands in texts of strangers: what the expressions of this tool look for, and what they look through. */
const PIECES = [
  ...["1", "a", "a ", "a,", " ", "\t", "\n", "\r", "-", ".", "1.", "_1", "e+"],
  ...["'", '"', '""', "'=", "\\", "\\u", "\\x1", "\\u{", "=", ":", "::", "#"],
  ...["<", "<a", "</", "<!--", "&", "%", "{", "}", "[", "]", "(", "|", "*"],
  ...["key", "KEY", "TOKEN=", "token", "--key ", "--api-key=", "tokens 1"],
  ...[`"key":'`, `"token": "\\`, "\u00e9", "\u202e", "\ud800", "//", "/v1"],
] as const;

/** Asserts that a piece of work is never more than linear in the length of its text, of any of many hostile ones. */
export function assertLinear(work: (text: string) => unknown): void {
  for (const piece of PIECES) {
    for (const end of ["", "x", '"', " \\"]) {
      assertLinearFor(
        work,
        (length) => `a${piece.repeat(length / piece.length)}${end}`,
        piece,
      );
    }
  }
}

function assertLinearFor(
  work: (text: string) => unknown,
  textOf: (length: number) => string,
  piece: string,
): void {
  const [short, long] = LENGTHS.map(textOf) as [string, string];
  let [shortMs, longMs] = [Infinity, Infinity];
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    longMs = Math.min(longMs, timeMs(() => work(long)));
    if (longMs <= SHORT_MS) return;
    shortMs = Math.min(
      shortMs,
      sum(Array.from({ length: SHORT_TEXTS }, () => timeMs(() => work(short)))),
    );
    if (longMs <= MAX_FACTOR * shortMs) return;
  }
  assert(
    false,
    `${longMs.toFixed(0)} ms for ${JSON.stringify(piece)} in ${LENGTHS[1]} ` +
      `characters, ${shortMs.toFixed(1)} ms in ${SHORT_TEXTS} of ${LENGTHS[0]}`,
  );
}

function timeMs(work: () => unknown): number {
  const startMs = performance.now();
  try {
    work();
  } catch (error) {
    // What is not as it should be is refused, and that must be quick too.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return performance.now() - startMs;
}
