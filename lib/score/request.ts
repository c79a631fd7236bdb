/**
 * The request of `POST /v1/score`: what is sent, and what is never sent.
 *
 * @module
 */

/** The path of the API on every server. */
export const SCORE_PATH = "/v1/score";

/** One score request, before it is put on the wire. */
export interface ScoreRequest {
  /** Text, or token ids; items must be of the same kind. */
  readonly query: string | readonly number[];
  /** One text or one list of token ids for each item; at least one. */
  readonly items: readonly string[] | readonly (readonly number[])[];
  /** The label ids, in the order of the columns of the answer; at least one. */
  readonly labelTokenIds: readonly number[];
  /** Whether each row is normalised over its labels and so sums to 1. */
  readonly applySoftmax: boolean;
  /** The model's name; SGLang-JAX demands one and only echoes it. */
  readonly model: string;
}

/** Writes a request as the JSON body that both servers take. */
export function encodeScoreRequest(request: ScoreRequest): string {
  return JSON.stringify({
    "query": request.query,
    "items": request.items,
    "label_token_ids": request.labelTokenIds,
    "apply_softmax": request.applySoftmax,
    "item_first": false,
    "model": request.model,
  });
}

const INT32_MAX = 2 ** 31 - 1;

/**
 * Says why a request would end a SGLang-JAX server, or null where it is safe.
 *
 * A negative label id, an empty prompt, and a prompt id that is negative or outside int32 were
 * each seen to make the whole server exit. Label ids above int32 are refused with them: a server
 * without a tokenizer does not check them.
 */
export function lethalReason(request: ScoreRequest): string | null {
  const badLabel = request.labelTokenIds.find((id) => !isTokenId(id));
  if (badLabel !== undefined) {
    return `label id ${badLabel} is not a whole number from 0 to ${INT32_MAX}`;
  }
  const tokens = [
    ...(typeof request.query === "string" ? [] : request.query),
    ...request.items.flatMap((item) => typeof item === "string" ? [] : item),
  ];
  const badToken = tokens.find((id) => !isTokenId(id));
  if (badToken !== undefined) {
    return `token id ${badToken} is not a whole number from 0 to ${INT32_MAX}`;
  }
  const empty = request.items.findIndex((item) =>
    item.length === 0 && request.query.length === 0
  );
  return empty < 0 ? null : `the prompt of item ${empty} is empty`;
}

function isTokenId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= INT32_MAX;
}
