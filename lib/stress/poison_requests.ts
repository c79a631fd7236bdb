/**
 * Bad requests: what a score server must refuse with an error, and go on.
 *
 * @module
 */
import {
  encodeScoreRequest,
  SCORE_PATH,
  type ScoreRequest,
} from "../score/request.ts";

/** One bad request. */
export interface Poison {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The body; null for none. */
  readonly body: string | null;
  readonly isLethal: boolean;
}

/** What is known of a server that decides what is safe to send. */
export interface PoisonedServer {
  /** Longest input in tokens, or null where it is not told. */
  readonly maxInputTokens: number | null;
  /** Whether label ids are checked before they reach the engine; without a tokenizer a large one ends the server. */
  readonly checksLabels: boolean;
}

/** Beyond every vocabulary and inside int32. */
const HUGE_LABEL_ID = 2_000_000_000;

/** Tokens beyond the longest input that make a prompt longer than any check lets through. */
const OVERLONG_TOKENS = 64;

/** Above this a prompt of that length would be a load of its own. */
const MAX_OVERLONG_TOKENS = 200_000;

/**
 * Returns the bad requests that both SGLang and SGLang-JAX answer with an error, each a small
 * change of a good request; last those that are known to end a server.
 *
 * @param good A request that the server answers, of text.
 * @param server What is known of the server.
 */
export function poisonRequests(
  good: ScoreRequest,
  server: PoisonedServer,
): Poison[] {
  const fields: Record<string, unknown> = JSON.parse(encodeScoreRequest(good));
  const post = (name: string, body: string | null): Poison => ({
    name,
    method: "POST",
    path: SCORE_PATH,
    body,
    isLethal: false,
  });
  const changed = (name: string, changes: Record<string, unknown>) =>
    post(name, JSON.stringify({ ...fields, ...changes }));
  const lethal = (name: string, changes: Record<string, unknown>) => ({
    ...changed(name, changes),
    isLethal: true,
  });
  const { maxInputTokens, checksLabels } = server;
  const overlong = (maxInputTokens ?? Infinity) + OVERLONG_TOKENS;
  return [
    post("no body", null),
    post("a body that is not JSON", '{"query": "unfinished'),
    post("a list in place of an object", "[]"),
    changed("no query", { "query": null }),
    changed("no items", { "items": null }),
    changed("items of two kinds", { "items": ["text", [1, 2]] }),
    changed("a number in place of items", { "items": 42 }),
    changed("no label ids", { "label_token_ids": null }),
    changed("an empty list of label ids", { "label_token_ids": [] }),
    changed("label ids that are text", { "label_token_ids": "bad" }),
    changed("a label id that is not whole", { "label_token_ids": [10.5] }),
    ...(checksLabels
      ? [
        changed("a label id beyond the vocabulary", {
          "label_token_ids": [HUGE_LABEL_ID],
        }),
      ]
      : []),
    changed("apply_softmax that is null", { "apply_softmax": null }),
    ...(overlong <= MAX_OVERLONG_TOKENS
      ? [
        changed("a prompt longer than the context", {
          "query": [100],
          "items": [Array.from({ length: overlong }, () => 100)],
        }),
      ]
      : []),
    {
      name: "the wrong method",
      method: "GET",
      path: SCORE_PATH,
      body: null,
      isLethal: false,
    },
    lethal("a negative label id", { "label_token_ids": [-1] }),
    lethal("an empty prompt", { "query": "", "items": [""] }),
    lethal("a negative token id", { "query": [-1], "items": [[100]] }),
    lethal("a token id outside int32", {
      "query": [2 ** 31],
      "items": [[100]],
    }),
  ];
}
