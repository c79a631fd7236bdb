/**
 * The routes of the simulated engine and the answers that need no queue.
 *
 * @module
 */
import type { QueueStatus } from "./cost.ts";
import { type FaultName, spoilRows } from "./faults.ts";
import type { EngineOptions } from "./options.ts";
import type { ScoreCall } from "./request.ts";
import { type PseudoModel, pythonFloat } from "./scores.ts";

/** One HTTP answer. */
export interface Answer {
  readonly status: number;
  /** Headers beside `date`, `server` and `content-length`, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /**
   * How the body is sent: whole; cut after a share of it (0 to 1) by closing the
   * connection; or endless, repeated until the client closes.
   */
  readonly delivery: "whole" | "endless" | { readonly cutAt: number };
}

/** What a path and method lead to. */
export type Route =
  | "score"
  | "health"
  | "health-generate"
  | "model-info"
  | "server-info"
  | "models"
  | "flush"
  | "load";

const MODEL_PREFIX = "/v1/models/";
const ROUTES: Readonly<Record<string, readonly [Route, ...string[]]>> = {
  "/v1/score": ["score", "POST"],
  "/health": ["health", "GET"],
  "/health_generate": ["health-generate", "GET"],
  "/ping": ["health", "GET"],
  "/get_model_info": ["model-info", "GET"],
  "/get_server_info": ["server-info", "GET"],
  "/v1/models": ["models", "GET"],
  "/flush_cache": ["flush", "GET", "POST"],
  "/get_load": ["load", "GET"],
};

/** Returns where a request goes, or the 404 or 405 that it gets. */
export function routeOf(method: string, path: string): Route | Answer {
  const known = path.startsWith(MODEL_PREFIX) ? "/v1/models" : path;
  const entry = Object.hasOwn(ROUTES, known) ? ROUTES[known] : undefined;
  if (entry === undefined) return jsonAnswer(404, { detail: "Not Found" });
  const [route, ...methods] = entry;
  if (methods.includes(method)) return route;
  const answer = jsonAnswer(405, { detail: "Method Not Allowed" });
  const headers = { ...answer.headers, "allow": methods.join(", ") };
  return { ...answer, headers };
}

/**
 * Whether a request may pass: with a key, only `Bearer KEY` to the letter does. Paths that begin with `/health` or
 * `/metrics`, and OPTIONS, pass without.
 */
export function isAuthorized(
  { method, path, authorization }: {
    readonly method: string;
    readonly path: string;
    readonly authorization: string | null;
  },
  apiKey: string | null,
): boolean {
  return apiKey === null || method === "OPTIONS" ||
    path.startsWith("/health") || path.startsWith("/metrics") ||
    authorization === `Bearer ${apiKey}`;
}

/** Returns an answer with a JSON body. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return bodyAnswer(status, JSON.stringify(value), "application/json");
}

/** Returns an answer with a body, without a content type unless one is given. */
export function bodyAnswer(
  status: number,
  body: string,
  contentType?: string,
): Answer {
  const headers: Record<string, string> = contentType === undefined
    ? {}
    : { "content-type": contentType };
  return { status, headers, body, delivery: "whole" };
}

/** Returns the error object of `/v1/score`; its `code` is the status. */
export function scoreError(
  status: number,
  type: string,
  message: string,
): Answer {
  const object = "error";
  return jsonAnswer(status, {
    object,
    message,
    type,
    param: null,
    code: status,
  });
}

/** Returns the text/plain 500 of an exception outside the handlers. */
export function internalErrorAnswer(): Answer {
  return bodyAnswer(500, "Internal Server Error", "text/plain; charset=utf-8");
}

/** Returns the answer of `/get_model_info`. */
export function modelInfoAnswer(options: EngineOptions): Answer {
  return jsonAnswer(200, {
    "model_path": options.modelPath,
    "tokenizer_path": "simulated",
    "is_generation": true,
    "preferred_sampling_params": null,
  });
}

/** Returns the answer of `/v1/models` and `/v1/models/{id}`; `created` is the time of the call, as on a real server. */
export function modelsAnswer(
  { path, unixTimeSec }: {
    readonly path: string;
    readonly unixTimeSec: number;
  },
  options: EngineOptions,
): Answer {
  const card = {
    "id": options.modelPath,
    "object": "model",
    "created": Math.floor(unixTimeSec),
    "owned_by": "sglang",
    "root": options.modelPath,
    "max_model_len": options.contextLength,
  };
  if (!path.startsWith(MODEL_PREFIX)) {
    return jsonAnswer(200, { object: "list", data: [card] });
  }
  const id = decodePath(path.slice(MODEL_PREFIX.length));
  if (id === options.modelPath) return jsonAnswer(200, card);
  return jsonAnswer(404, {
    error: {
      message: `The model '${id}' does not exist`,
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  });
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const FLUSH_TEXT =
  "Cache flushed.\nPlease check backend logs for more details. (When there are running or waiting requests, the operation will not be performed.)\n";

/** Returns the 200 of `/flush_cache`. */
export function flushedAnswer({ cachedTokens }: QueueStatus): Answer {
  return bodyAnswer(200, `${FLUSH_TEXT}Flushed items: ${cachedTokens}\n`);
}

/** Returns the 400 of `/flush_cache`, whose text still says that the cache was flushed, as on a real server. */
export function busyAnswer({ waiting, running }: QueueStatus): Answer {
  return bodyAnswer(
    400,
    `${FLUSH_TEXT}Reason: Cache not flushed because there are pending requests. waiting=${waiting}, grammar=0, pending_dp=0, running=${running}, cur_batch=${running}, last_batch=0, chunked=False, pending_results=0, pd_prefill=0, pd_prealloc=0, pd_transfer=0, pd_bootstrap=0\n`,
  );
}

/** The scores of one request: a row an item, a score a label. */
export type ScoreRows = readonly (readonly number[])[];

/** More than the shapes that any load mixes, so that one of the same shape is among them. */
const KEPT_SCORES = 16;

/** The right scores of the last requests of an engine, for the fault `other-answer`. */
export class RecentScores {
  readonly #kept: ScoreRows[] = [];

  /** Keeps the scores of a request. */
  keep(rows: ScoreRows): void {
    if (this.#kept.unshift(rows) > KEPT_SCORES) this.#kept.pop();
  }

  /** Returns the scores of the last request with as many rows and labels but other scores, or null if none is kept. */
  otherThan(rows: ScoreRows): ScoreRows | null {
    return this.#kept.find((kept) =>
      kept.length === rows.length && kept[0]?.length === rows[0]?.length &&
      kept.flat().join() !== rows.flat().join()
    ) ?? null;
  }
}

/**
 * Returns the answer of a score request whose prompts can be scored, with the faults of content and delivery in it.
 * Numbers look as Python writes them. Without labels it is a 500, as on a real server.
 */
export function scoredAnswer(
  { labelTokenIds, applySoftmax, model: modelName }: ScoreCall,
  { model, prompts, struck, recent }: {
    readonly model: PseudoModel;
    readonly prompts: readonly (readonly number[])[];
    readonly struck: ReadonlyMap<FaultName, number>;
    /** The scores before these, which are kept in it too. */
    readonly recent: RecentScores;
  },
): Answer {
  const labels = labelTokenIds ?? [];
  if (labels.length === 0 && prompts.length > 0) {
    const message = "Internal server error: list index out of range";
    return scoreError(500, "InternalServerError", message);
  }
  const normalization = applySoftmax ? "labels" : "vocabulary";
  const score = (prompt: readonly number[]) =>
    model.score(prompt, labels, normalization);
  const right = prompts.map(score);
  const rows = struck.has("other-answer")
    // With one more token before it, a prompt is that of somebody who never asked.
    ? recent.otherThan(right) ?? prompts.map((prompt) => score([0, ...prompt]))
    : right;
  recent.keep(right);
  const scores = spoilRows(rows, struck, normalization)
    .map((row) => `[${row.map(pythonFloat).join(",")}]`);
  const body = `{"scores":[${scores.join(",")}],"model":${
    JSON.stringify(modelName)
  },"usage":null,"object":"scoring"}`;
  const answer = bodyAnswer(200, body, "application/json");
  const cutAt = struck.get("truncate");
  if (cutAt !== undefined) return { ...answer, delivery: { cutAt } };
  return struck.has("endless") ? { ...answer, delivery: "endless" } : answer;
}

/** Returns the answer of a fault that stands in place of any score, or null if none struck. */
export function faultAnswer(
  struck: ReadonlyMap<FaultName, number>,
): Answer | null {
  const status = struck.get("status");
  if (status !== undefined) return statusAnswer(status);
  if (struck.has("nan-500")) return internalErrorAnswer();
  if (struck.has("redirect")) {
    return {
      ...bodyAnswer(307, ""),
      headers: { "location": "/simulated/elsewhere" },
    };
  }
  if (struck.has("html")) {
    return bodyAnswer(
      200,
      "<!DOCTYPE html><html><body><h1>Simulated proxy page</h1></body></html>",
      "text/html; charset=utf-8",
    );
  }
  return null;
}

function statusAnswer(status: number): Answer {
  if (status === 401) return jsonAnswer(401, { error: "Unauthorized" });
  if (status === 500) {
    return scoreError(
      500,
      "InternalServerError",
      "Internal server error: simulated fault",
    );
  }
  if (status === 503) {
    return scoreError(503, "503", "The request queue is full.");
  }
  return scoreError(status, String(status), "Simulated fault");
}
