/**
 * The simulated model: a stated tokenizer and scores that are a pure function of
 * model, prompt and label.
 *
 * @module
 */
import { hash32, mix32 } from "../stats/rng.ts";

/** UTF-16 code units in one token of text; four is common for English. */
const TOKEN_CHARS = 4;

/**
 * Splits text into token ids: each run of four UTF-16 code units, from the start, is one token,
 * and its id is a hash of them below `vocabSize`. The empty text has no token.
 *
 * The joined prompt is split, so where an item begins inside a token, the token
 * holds parts of query and item, as with a real tokenizer.
 */
export function tokenize(text: string, vocabSize: number): number[] {
  const tokens: number[] = [];
  for (let start = 0; start < text.length; start += TOKEN_CHARS) {
    const end = Math.min(start + TOKEN_CHARS, text.length);
    let hash = end - start;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    tokens.push(mix32(hash) % vocabSize);
  }
  return tokens;
}

/**
 * A language model with no weights: for each prompt, a seeded permutation ranks the
 * vocabulary, and the token of rank r (from 0) has a probability in proportion to (r + 1)^-1.5.
 *
 * So the probabilities of the whole vocabulary sum to 1, two labels of a prompt
 * never tie, and any change of query, item, their order, label or model moves the score.
 */
export class PseudoModel {
  readonly #vocabSize: number;
  readonly #salt: number;
  readonly #total: number;
  readonly #halfBits: number;

  /**
   * Prepares the weights of the ranks.
   *
   * @param modelPath Name of the model: other names, other scores.
   * @param vocabSize Number of token ids, at least 2.
   */
  constructor(modelPath: string, vocabSize: number) {
    this.#vocabSize = vocabSize;
    this.#salt = hash32(modelPath);
    let total = 0;
    // From the smallest weight up, so that no weight is lost in rounding. A sum of
    // the first million differs from the endless one by less than 0.1 %.
    for (let rank = Math.min(vocabSize, 1_000_000); rank >= 1; rank--) {
      total += rank ** -WEIGHT_EXPONENT;
    }
    this.#total = total;
    this.#halfBits = Math.ceil(Math.log2(vocabSize) / 2);
  }

  /**
   * Scores one prompt: one row, in the order of the labels, of float32 numbers in [0, 1].
   *
   * @param tokens The whole prompt as token ids.
   * @param labelTokenIds Token ids from 0 to vocabSize - 1.
   * @param normalization `vocabulary`: probabilities over the whole vocabulary;
   * `labels`: softmax over the listed labels, so that the row sums to 1.
   */
  score(
    tokens: readonly number[],
    labelTokenIds: readonly number[],
    normalization: "vocabulary" | "labels",
  ): number[] {
    const keys = this.#roundKeys(tokens);
    const row = labelTokenIds.map((id) =>
      Math.fround(
        (this.#rank(id, keys) + 1) ** -WEIGHT_EXPONENT / this.#total,
      )
    );
    if (normalization === "vocabulary") return row;
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((p) => Math.fround(p / sum));
  }

  #roundKeys(tokens: readonly number[]): number[] {
    let a = this.#salt;
    let b = ~this.#salt;
    for (const token of tokens) {
      a = Math.imul(a ^ token, 0x01000193);
      a ^= a >>> 15;
      b = (Math.imul(b, 0x85ebca6b) + token) | 0;
      b ^= b >>> 13;
    }
    return [1, 2, 3, 4].map((round) =>
      mix32(mix32(a + round) ^ b ^ tokens.length)
    );
  }

  /**
   * Keyed permutation of [0, vocabSize): a Feistel network on the next even number
   * of bits, repeated until the value is inside (cycle walking; Black and Rogaway, 2002).
   */
  #rank(id: number, keys: readonly number[]): number {
    const half = 2 ** this.#halfBits;
    let value = id;
    do {
      let left = Math.floor(value / half);
      let right = value % half;
      for (const key of keys) {
        const mixed = (left ^ mix32(right ^ key)) >>> 0;
        left = right;
        right = mixed % half;
      }
      value = left * half + right;
    } while (value >= this.#vocabSize);
    return value;
  }
}

const WEIGHT_EXPONENT = 1.5;

/**
 * Writes a number as Python's `json` does: shortest digits, always a point or an
 * exponent (`1.0`, `5.5e-05`), and `NaN` and `Infinity` as bare words.
 */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(
      /e([+-])(\d)$/,
      (_, sign, digit) => `e${sign}0${digit}`,
    );
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
