/**
 * The answer of `POST /v1/score`: whether it is right, and how to say that it is not.
 *
 * @module
 */
import type { HttpExchange } from "../http/exchange.ts";
import type { Outcome } from "../outcome.ts";
import type { Redactor } from "../secret.ts";
import { isSame } from "../bytes.ts";
import { scanScores } from "./scan.ts";
import { deviationOf, type Tolerance } from "./truth.ts";
import type { WorkloadSpec } from "./workload.ts";

/** What a right answer looks like. */
export interface ExpectedAnswer {
  /** Rows: the number of items. */
  readonly rows: number;
  /** Columns: the number of label ids. */
  readonly labels: number;
  /** How far the sum of a row may be from 1, or null where rows do not sum to 1 (no softmax). */
  readonly rowSumTolerance: number | null;
  /** How far a score may be above 1, by rounding. */
  readonly rounding: number;
}

/** Says what a right answer to a request of a shape looks like, from a server of a data type. */
export function expectedAnswer(
  spec: Pick<WorkloadSpec, "batchSize" | "labelTokenIds" | "applySoftmax">,
  dtype: string,
): ExpectedAnswer {
  const rounding = rowSumTolerance(dtype);
  return {
    rows: spec.batchSize,
    labels: spec.labelTokenIds.length,
    rowSumTolerance: spec.applySoftmax ? rounding : null,
    rounding,
  };
}

/** A finding about an answer: how it is wrong, as an outcome and in words. */
export interface AnswerFault {
  readonly outcome: Outcome;
  /** The fault in words, with what was found. */
  readonly message: string;
}

/**
 * Returns how far a row of softmax scores may be from 1 for a data type.
 *
 * Scores are computed in the model's type: a bfloat16 has 8 significant bits, so each of up to
 * some sixteen labels may be off by 2^-9 of its value; a float16 has 11, a float32 has 24.
 * An unknown or automatic type gets the widest.
 */
export function rowSumTolerance(dtype: string): number {
  switch (dtype) {
    case "float32":
    case "float":
      return 1e-4;
    case "float16":
    case "half":
      return 5e-3;
    default:
      return 2e-2;
  }
}

const COMMA = 44;
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The scores of an answer, one row an item; or how it is wrong. */
export type CheckedAnswer =
  | { readonly scores: readonly (readonly number[])[]; readonly fault: null }
  | { readonly scores: null; readonly fault: AnswerFault };

/**
 * Reads and checks the body of an answer of status 200.
 *
 * It must be JSON with `scores`, one row an item and one number a label, each a finite
 * probability in [0, 1] but for rounding, and rows that sum to 1 where softmax was asked for. Ties and zeros are
 * right: with bfloat16 they are common.
 *
 * @param body The whole body, undecoded.
 * @param expected What was asked for.
 */
export function checkAnswer(
  body: Uint8Array,
  expected: ExpectedAnswer,
): CheckedAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(decoder.decode(body));
  } catch {
    return wrong("invalid-json", "the body is not JSON");
  }
  const scores = (answer as { scores?: unknown } | null)?.scores;
  if (!Array.isArray(scores)) {
    return wrong("invalid-json", 'there is no list "scores"');
  }
  if (scores.length !== expected.rows) {
    return wrong(
      "invalid-shape",
      `${scores.length} rows for ${expected.rows} items`,
    );
  }
  for (let row = 0; row < scores.length; row++) {
    const fault = checkRow(scores[row], row, expected);
    if (fault !== null) return { scores: null, fault };
  }
  return { scores, fault: null };
}

function checkRow(
  row: unknown,
  index: number,
  expected: ExpectedAnswer,
): AnswerFault | null {
  if (!Array.isArray(row) || row.length !== expected.labels) {
    const found = Array.isArray(row) ? `${row.length} scores` : "no list";
    return {
      outcome: "invalid-shape",
      message: `row ${index} has ${found} for ${expected.labels} labels`,
    };
  }
  let sum = 0;
  for (const score of row) {
    if (
      typeof score !== "number" ||
      !(score >= 0 && score <= 1 + expected.rounding)
    ) {
      return {
        outcome: "invalid-score",
        message: `row ${index} holds ${
          nameValue(score)
        }, not a number from 0 to 1`,
      };
    }
    sum += score;
  }
  const tolerance = expected.rowSumTolerance;
  if (tolerance !== null && Math.abs(sum - 1) > tolerance) {
    return {
      outcome: "invalid-score",
      message: `row ${index} sums to ${sum}, not to 1 within ${tolerance}`,
    };
  }
  return null;
}

/** Names a JSON value without quoting it: its text may hold a secret, its depth may be hostile. */
function nameValue(value: unknown): string {
  if (typeof value === "string") return "a text";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null
    ? "an object"
    : String(value);
}

/** A sum this near to its limit is left to the exact one. */
const SUM_MARGIN = 1e-9;

/**
 * Tells of most right answers that they are right, faster than {@linkcode checkAnswer} does, which decides about all
 * others.
 */
function isPlainlyRight(
  body: Uint8Array,
  { rows, labels, rowSumTolerance }: ExpectedAnswer,
): boolean {
  const most = rowSumTolerance === null
    ? Infinity
    : rowSumTolerance - SUM_MARGIN;
  const isRightSum = (sum: number) => Math.abs(sum - 1) <= most;
  const end = scanScores(body, { rows, labels, isRightSum });
  if (end < 0) return false;
  const hasMore = body[end] === COMMA;
  try {
    const rest = decoder.decode(body.subarray(hasMore ? end + 1 : end));
    const others = JSON.parse(`{${rest}`);
    // Of two fields of one name the last one counts.
    return !Object.hasOwn(others, "scores") &&
      hasMore === Object.keys(others).length > 0;
  } catch {
    return false;
  }
}

function wrong(outcome: Outcome, message: string): CheckedAnswer {
  return { scores: null, fault: { outcome, message } };
}

/** How much of a body an error message quotes, in characters. */
const PREVIEW_LENGTH = 160;

/** How much of a body is searched for secrets before it is cut: more than any key is long. */
const SEARCHED_BYTES = 16_384;

/** The longest message that is kept of a failure, in characters. */
const MESSAGE_LENGTH = 500;

/** How one request ended, with what its answer said. */
export interface Judgement {
  /** The outcome; `ok` for a right answer. */
  readonly outcome: Outcome;
  /** What went wrong, without secrets, at most 500 characters, not escaped; empty for `ok`. */
  readonly message: string;
}

const RIGHT: Judgement = { outcome: "ok", message: "" };

/**
 * Judges one exchange: its transport, its status, its body.
 *
 * @param exchange What the client returned.
 * @param expected What was asked for.
 * @param redact Takes secrets out of server text before it is kept.
 */
export function judgeExchange(
  exchange: HttpExchange,
  expected: ExpectedAnswer,
  redact: Redactor,
): Judgement {
  if (exchange.kind === "failure") {
    return {
      outcome: exchange.outcome,
      message: redact(exchange.message).slice(0, MESSAGE_LENGTH),
    };
  }
  if (exchange.status !== 200) {
    const location = exchange.headers.get("location");
    const hint = exchange.status >= 300 && exchange.status < 400
      ? `: redirects are not followed${
        location === undefined ? "" : ` (to ${redact(location)})`
      }`
      : exchange.status === 401 || exchange.status === 403
      ? ": the key is missing or wrong (set SCORE_API_KEY or --api-key-file)"
      : "";
    const said = exchange.body.length === 0
      ? ""
      : `: ${quoteBody(exchange.body, redact)}`;
    return {
      outcome: "http-status",
      message: `status ${exchange.status}${hint}${said}`.slice(
        0,
        MESSAGE_LENGTH,
      ),
    };
  }
  if (isPlainlyRight(exchange.body, expected)) return RIGHT;
  const { fault } = checkAnswer(exchange.body, expected);
  if (fault === null) return RIGHT;
  const said = fault.outcome === "invalid-json"
    ? `: ${quoteBody(exchange.body, redact)}`
    : "";
  return { outcome: fault.outcome, message: fault.message + said };
}

/** What is said of a server that contradicts itself. */
export const DIFFERENT_ANSWERS =
  "the server gave different answers to one request";

/**
 * Makes a judge of the answers of one load: each must be right; where one request is sent again and again, also like
 * the first right one.
 *
 * A copy of an answer that was right is right: comparing bytes costs a hundredth of reading JSON, and what the client
 * needs for an answer is taken from the rate that it can measure.
 *
 * @param tolerance How far a score may be from that of the first right answer; null where requests differ.
 */
export function createAnswerJudge(
  expected: ExpectedAnswer,
  { redact, tolerance }: {
    readonly redact: Redactor;
    readonly tolerance: Tolerance | null;
  },
): (exchange: HttpExchange) => Judgement {
  let right: Uint8Array | null = null;
  let firstScores: Float64Array | null = null;
  return (exchange) => {
    if (exchange.kind === "failure" || exchange.status !== 200) {
      return judgeExchange(exchange, expected, redact);
    }
    const { body } = exchange;
    if (right !== null && isSame(body, right)) return RIGHT;
    if (tolerance === null) {
      const judgement = judgeExchange(exchange, expected, redact);
      if (judgement === RIGHT) right ??= body.slice();
      return judgement;
    }
    const { scores } = checkAnswer(body, expected);
    if (scores === null) return judgeExchange(exchange, expected, redact);
    if (firstScores !== null) {
      const { absolute, share } = deviationOf(scores, firstScores, tolerance);
      return share <= 1 ? RIGHT : {
        outcome: "mismatch",
        message: `${DIFFERENT_ANSWERS}: a score differs by ${
          absolute.toPrecision(3)
        } from the first answer`,
      };
    }
    right = body.slice();
    firstScores = Float64Array.from(scores.flat());
    return RIGHT;
  };
}

/** Returns the start of a body as one quoted line, without secrets. */
export function quoteBody(body: Uint8Array, redact: Redactor): string {
  const text = redact(
    new TextDecoder().decode(body.subarray(0, SEARCHED_BYTES)),
  );
  const cut = text.length > PREVIEW_LENGTH || body.length > SEARCHED_BYTES;
  return JSON.stringify(text.slice(0, PREVIEW_LENGTH)) + (cut ? "…" : "");
}
