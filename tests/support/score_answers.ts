/**
 * The answers of the score server of the tests: those that were recorded from a real server, and
 * what can be wrong with them.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** The answer of a recorded exchange. */
export interface Recorded {
  /** What was recorded. */
  readonly name: string;
  /** The status; null where the server died. */
  readonly status: number | null;
  /** The content type, or null. */
  readonly responseContentType: string | null;
  /** The body: a text, or JSON. */
  readonly responseBody: unknown;
}

const RECORDED: readonly Recorded[] = Deno.readTextFileSync(
  new URL("../testdata/score_examples.jsonl", import.meta.url),
).trim().split("\n").map((line) => JSON.parse(line));

/** Returns the recorded exchange of a name. */
export function recorded(name: string): Recorded {
  const found = RECORDED.find((example) => example.name === name);
  if (found !== undefined) return found;
  throw new RangeError(`Cannot find the recorded answer '${name}'`);
}

/** The body of a score request. */
export interface ScoreBody {
  /** The query, as text or token ids. */
  readonly query: string | number[];
  /** The items, of the same kind. */
  readonly items: (string | number[])[];
  /** The label ids. */
  readonly "label_token_ids": number[];
  /** Whether rows sum to 1. */
  readonly "apply_softmax": boolean;
  /** The model. */
  readonly model: string;
}

/** The body of a score answer. */
export interface ScoreAnswer {
  /** A row an item, a score a label. */
  scores: number[][];
  /** The model of the request. */
  model: string;
}

/** Scores that were recorded without softmax: probabilities over a vocabulary. */
const PROBABILITIES = ["text items, no softmax", "pre-tokenized"].flatMap((
  name,
) => (recorded(name).responseBody as ScoreAnswer).scores.flat());

/** Returns a recorded answer with as many rows and labels as were asked for; the same for the same content. */
export function score(request: ScoreBody): ScoreAnswer {
  const scores = request.items.map((item) => {
    const row = request["label_token_ids"].map((label) => {
      const text = JSON.stringify([request.query, item, label]);
      const hash = [...text].reduce(
        (sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521,
        7,
      );
      return PROBABILITIES[hash % PROBABILITIES.length] ?? 0;
    });
    if (!request["apply_softmax"]) return row;
    const sum = row.reduce((total, value) => total + value, 0);
    return row.map((value) => value / sum);
  });
  const like = recorded("text items, softmax").responseBody as ScoreAnswer;
  return { ...like, scores, model: request.model };
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  value: unknown,
  status = 200,
): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

/** Answers as a real server was recorded to. */
export function sendRecorded(response: ServerResponse, name: string): void {
  const { status, responseContentType, responseBody } = recorded(name);
  if (responseContentType !== null) {
    response.setHeader("content-type", responseContentType);
  }
  response.writeHead(status ?? 500);
  response.end(
    typeof responseBody === "string"
      ? responseBody
      : JSON.stringify(responseBody),
  );
}

/** What a fault knows of the request that it meets. */
export interface Meeting {
  /** The request. */
  readonly request: IncomingMessage;
  /** Where it is answered. */
  readonly response: ServerResponse;
  /** The right answer. */
  readonly answer: ScoreAnswer;
}

const wrongScores =
  (change: (scores: number[][]) => unknown) =>
  ({ response, answer }: Meeting) =>
    sendJson(response, { ...answer, scores: change(answer.scores) });

/** Answers wrongly, by the name of the fault. */
export const FAULTS = {
  hung: () => {},
  slow: ({ response, answer }: Meeting) => {
    const text = JSON.stringify(answer);
    response.writeHead(200, { "content-length": text.length });
    let at = 0;
    // A byte at a time, so that the deadline falls inside the answer.
    const timer = setInterval(() => response.write(text[at++] ?? ""), 50);
    response.on("close", () => clearInterval(timer));
  },
  reset: ({ request }: Meeting) => void request.socket.resetAndDestroy(),
  truncated: ({ request, response, answer }: Meeting) => {
    const text = JSON.stringify(answer);
    response.writeHead(200, { "content-length": text.length });
    response.write(text.slice(0, 20), () => request.socket.destroy());
  },
  "missing-row": wrongScores((scores) => scores.slice(1)),
  "extra-label": wrongScores((scores) => scores.map((row) => [...row, 0])),
  "not-a-probability": wrongScores((scores) => scores.map(() => [-1, 2])),
  "half-sum": wrongScores((scores) =>
    scores.map((row) => row.map((value) => value / 2))
  ),
  "null-score": wrongScores((scores) => scores.map(() => [null, 1])),
  nan: ({ response, answer }: Meeting) =>
    response.end(
      JSON.stringify(answer).replace(/\[\[[^\]]*\]/, "[[NaN, NaN]"),
    ),
  "nan-500": ({ response }: Meeting) =>
    sendRecorded(response, "NaN in a score"),
  html: ({ response }: Meeting) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>Sign in</title>");
  },
  "401": ({ response }: Meeting) =>
    sendRecorded(response, "missing or wrong api key"),
  "500": ({ response }: Meeting) =>
    sendRecorded(response, "label_token_ids empty"),
  "503": ({ response }: Meeting) =>
    sendJson(response, {
      object: "error",
      message: "The request queue is full.",
      type: "503",
      param: null,
      code: 503,
    }, 503),
  redirect: ({ response }: Meeting) => {
    response.writeHead(302, { "location": "http://elsewhere.invalid/" });
    response.end();
  },
  endless: ({ response }: Meeting) => {
    const chunk = " ".repeat(1 << 20);
    const fill = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", fill);
    response.on("close", () => response.off("drain", fill));
    fill();
  },
  huge: ({ response }: Meeting) => {
    response.writeHead(200, { "content-length": 1e12 });
    response.write("{");
  },
  echo: ({ request, response }: Meeting) =>
    sendJson(response, { error: request.headers, object: "error" }, 400),
} as const;

/** What can be wrong with the answers to score requests. */
export type ScoreFault = keyof typeof FAULTS;
