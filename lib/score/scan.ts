/**
 * Reads the scores of an answer out of its bytes, without making anything of them.
 *
 * @module
 */

const START = new TextEncoder().encode('{"scores":[');
const OPEN = 91;
const CLOSE = 93;
const COMMA = 44;
const DOT = 46;
const MINUS = 45;
const DIGIT_0 = 48;
const UPPER_E = 69;
const LOWER_E = 101;
/** Digits of a fraction that fit a whole number of 32 bits; twice as many are as exact as a sum of scores need be. */
const HALF_DIGITS = 9;
/** A greater exponent is that of no score. */
const MOST_EXPONENT = 300;

const POWERS = Float64Array.from(
  { length: 2 * HALF_DIGITS + 1 },
  (_, i) => 10 ** i,
);

/** What a row must be for the scan to go on. */
export interface ScannedShape {
  readonly rows: number;
  /** Scores in each row, at least 1. */
  readonly labels: number;
  /** Looks at the sum of a row, exact but for rounding; false ends the scan. */
  readonly isRightSum: (sum: number) => boolean;
}

/**
 * Looks whether a body begins with scores of a shape, written as servers write them: `scores` first, no blanks, each
 * score from 0 to 1. It is twice as fast as reading JSON, and leaves no garbage.
 *
 * @returns Where the list of scores ends, after its bracket; -1 if the body is anything else, right or not.
 */
export function scanScores(body: Uint8Array, shape: ScannedShape): number {
  for (let i = 0; i < START.length; i++) if (body[i] !== START[i]) return -1;
  let at = START.length;
  for (let row = 0; row < shape.rows; row++) {
    if (row > 0 && body[at++] !== COMMA) return -1;
    if (body[at++] !== OPEN) return -1;
    let sum = 0;
    for (let label = 0; label < shape.labels; label++) {
      if (label > 0 && body[at++] !== COMMA) return -1;
      at = scanScore(body, at);
      if (at < 0 || scanned > 1) return -1;
      sum += scanned;
    }
    if (body[at++] !== CLOSE || !shape.isRightSum(sum)) return -1;
  }
  return body[at] === CLOSE ? at + 1 : -1;
}

/** The number that was scanned last: returning it with its end would make an object each. */
let scanned = 0;

/**
 * Scans a JSON number that is not negative (RFC 8259, 6); returns where it ends, or -1 for what no score looks like.
 *
 * Digits are gathered as two whole numbers of 32 bits, which is twice as fast as one double.
 */
function scanScore(body: Uint8Array, from: number): number {
  const whole = (body[from] as number) - DIGIT_0;
  if (!(whole >= 0 && whole <= 9)) return -1;
  let at = from + 1;
  let value = whole;
  if (body[at] === DOT) {
    const first = ++at;
    let high = 0;
    let byte = (body[at] as number) - DIGIT_0;
    const highEnd = first + HALF_DIGITS;
    for (; byte >= 0 && byte <= 9 && at < highEnd;) {
      high = (high * 10 + byte) | 0;
      byte = (body[++at] as number) - DIGIT_0;
    }
    if (at === first) return -1;
    const lowFirst = at;
    const lowEnd = at + HALF_DIGITS;
    let low = 0;
    for (; byte >= 0 && byte <= 9 && at < lowEnd;) {
      low = (low * 10 + byte) | 0;
      byte = (body[++at] as number) - DIGIT_0;
    }
    value += high / (POWERS[lowFirst - first] as number) +
      low / (POWERS[at - first] as number);
    // Further digits make no difference.
    while (byte >= 0 && byte <= 9) byte = (body[++at] as number) - DIGIT_0;
  }
  if (body[at] === LOWER_E || body[at] === UPPER_E) {
    if (body[++at] !== MINUS) return -1;
    const first = ++at;
    let exponent = 0;
    let byte = (body[at] as number) - DIGIT_0;
    for (; byte >= 0 && byte <= 9;) {
      exponent = exponent * 10 + byte;
      if (exponent > MOST_EXPONENT) return -1;
      byte = (body[++at] as number) - DIGIT_0;
    }
    if (at === first) return -1;
    value /= 10 ** exponent;
  }
  scanned = value;
  return at;
}
