/**
 * From a validated score request to prompts, and the checks that SGLang-JAX makes on the way.
 *
 * Order of the checks: label list, vocabulary, types, then the length of each prompt
 * (`managers/tokenizer_manager.py::score_request` and `_validate_one_request`).
 *
 * @module
 */
import { maxRequestInputLength } from "./info.ts";
import type { EngineOptions } from "./options.ts";
import type { ScoreCall } from "./request.ts";
import { tokenize } from "./scores.ts";

const MAX_INT32 = 2147483647;

/** Composes the prompt of each item as token ids, or returns the message of a 400. */
export function composePrompts(
  call: ScoreCall,
  options: EngineOptions,
): number[][] | string {
  const { query, items, labelTokenIds, itemFirst } = call;
  const { vocabSize } = options;
  if (labelTokenIds === null) return "label_token_ids must be provided";
  const unknown = labelTokenIds.find((id) => id >= vocabSize);
  if (unknown !== undefined) {
    return `Token ID ${
      BigInt(unknown)
    } is out of vocabulary (vocab size: ${vocabSize})`;
  }
  if (typeof query === "string") {
    const texts = typeof items === "string" ? [items] : items;
    if (isTexts(texts)) {
      return texts.map((item) =>
        tokenize(itemFirst ? item + query : query + item, vocabSize)
      );
    }
  } else if (query !== null && isTokenLists(items)) {
    return items.map((item) =>
      itemFirst ? [...item, ...query] : [...query, ...item]
    );
  }
  return "Invalid combination of query/items types for score_request.";
}

function isTexts(
  items: readonly string[] | readonly (readonly number[])[] | null,
): items is readonly string[] {
  return items !== null && (items.length === 0 || typeof items[0] === "string");
}

function isTokenLists(
  items: ScoreCall["items"],
): items is readonly (readonly number[])[] {
  return items !== null && typeof items[0] === "object";
}

/**
 * Returns the message of the 400 that prompts of these lengths get, `lethal` if the request ends a real server, or null if it can be scored.
 *
 * Lethal are an empty prompt, a negative label id, and a prompt id that is negative or outside int32.
 */
export function refusalOf(
  prompts: readonly (readonly number[])[],
  labelTokenIds: readonly number[],
  options: EngineOptions,
): string | null {
  const limit = options.contextLength;
  const maxLength = maxRequestInputLength(options);
  for (const { length } of prompts) {
    if (length >= limit) {
      return `The input (${length} tokens) is longer than the model's context length (${limit} tokens).`;
    }
    if (length + 1 >= limit) {
      return `Requested token count exceeds the model's maximum context length of ${limit} tokens. You requested a total of ${
        length + 1
      } tokens: ${length} tokens from the input messages and 1 tokens for the completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit.`;
    }
    if (length >= maxLength) {
      return `Input length (${length} tokens) exceeds the maximum allowed length (${maxLength} tokens). Use a shorter input or enable --allow-auto-truncate.`;
    }
  }
  const isLethal =
    prompts.some((prompt) =>
      prompt.length === 0 || prompt.some((id) => id < 0 || id > MAX_INT32)
    ) || (prompts.length > 0 && labelTokenIds.some((id) => id < 0));
  return isLethal ? "lethal" : null;
}
