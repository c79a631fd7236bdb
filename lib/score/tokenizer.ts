/**
 * The tokenizer of a model, for labels that are words.
 *
 * @module
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { messageOf, UsageError } from "../failure.ts";
import { readText } from "../store.ts";

/** A tokenizer that was read. */
export interface WordTokenizer {
  /** Returns the token ids of a text, without special tokens. */
  readonly encode: (text: string) => readonly number[];
  /** Returns the same as pieces of text. */
  readonly pieces: (text: string) => readonly string[];
}

/**
 * Reads a tokenizer.
 *
 * @param path A `tokenizer.json`, or the folder of a model that has one; `tokenizer_config.json` beside it is read as well.
 * @throws {UsageError} If it cannot be read, or is none.
 */
export async function openTokenizer(path: string): Promise<WordTokenizer> {
  const isFile = path.endsWith(".json");
  const folder = isFile ? path.replace(/[^/\\]*$/, "") : `${path}/`;
  const text = await readText(isFile ? path : `${folder}tokenizer.json`);
  const config = await readText(`${folder}tokenizer_config.json`)
    .catch((error: unknown) => {
      if (error instanceof UsageError) return "{}";
      throw error;
    });
  try {
    const tokenizer = new Tokenizer(JSON.parse(text), JSON.parse(config));
    const options = { "add_special_tokens": false };
    return {
      encode: (word) => tokenizer.encode(word, options).ids,
      pieces: (word) => tokenizer.tokenize(word, options),
    };
  } catch (error) {
    throw new UsageError([
      `Cannot read '${path}': a tokenizer.json was expected: ${
        messageOf(error)
      }`,
    ]);
  }
}

/**
 * Returns the ids of labels that are words.
 *
 * @throws {UsageError} If one is not one token, with its pieces.
 */
export function labelIdsOf(
  words: readonly string[],
  tokenizer: WordTokenizer,
): number[] {
  const found = words.map((word) => ({ word, ids: tokenizer.encode(word) }));
  const problems = found.filter(({ ids }) => ids.length !== 1)
    .map(({ word, ids }) =>
      `Cannot take --labels: each must be one token of the model, and ${
        JSON.stringify(word)
      } is ${ids.length}: ${
        tokenizer.pieces(word).map((piece) => JSON.stringify(piece)).join(" ")
      }. A leading blank makes a difference`
    );
  if (problems.length > 0) throw new UsageError(problems);
  return found.flatMap(({ ids }) => ids);
}
