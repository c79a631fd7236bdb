/**
 * How one request can end, as data: the names, their order and their meaning.
 *
 * @module
 */

/**
 * Every outcome of a request, in the order of the codes that typed arrays store.
 * The order is part of the stored format: append, never reorder.
 */
export const OUTCOMES = [
  "ok",
  "http-status",
  "timeout",
  "connect",
  "reset",
  "truncated",
  "protocol",
  "too-large",
  "invalid-json",
  "invalid-shape",
  "invalid-score",
  "mismatch",
  "aborted",
  "dropped",
] as const;

/** The name of one outcome; {@linkcode OUTCOME_MEANINGS} explains each. */
export type Outcome = typeof OUTCOMES[number];

/** The outcomes that the transport itself can report; the rest need the answer or the plan. */
export type TransportFailure =
  | "timeout"
  | "connect"
  | "reset"
  | "truncated"
  | "protocol"
  | "too-large"
  | "aborted";

/** What each outcome means, in words fit for a report. */
export const OUTCOME_MEANINGS: Readonly<Record<Outcome, string>> = {
  ok: "a whole, valid answer",
  "http-status": "an answer with a status other than 200",
  timeout: "no whole answer before the deadline",
  connect: "no connection: refused, unreachable or a TLS failure",
  reset: "the connection closed before a byte of the answer",
  truncated: "the connection closed inside the answer",
  protocol: "bytes that are not an HTTP/1.1 answer",
  "too-large": "an answer above the size limit",
  "invalid-json": "a body that is not the JSON of a score answer",
  "invalid-shape": "a wrong number of rows or labels",
  "invalid-score":
    "a score that is not a probability, or a row that does not sum to 1",
  mismatch:
    "a score that differs from its reference, or from another answer to one request",
  aborted: "ended by an interrupt",
  dropped: "a planned arrival that was never sent",
};

/** What the system says when a process may open no more files, or has no port left for a connection. */
const CLIENT_FAILURE_REGEXP =
  /too many open files|cannot assign requested address|no buffer space|\bos error (?:24|23|99)\b/i;

/** Tells whether a connection failed on this machine, before it could reach the server. */
export function isOfClient(
  { outcome, message }: {
    readonly outcome: Outcome;
    readonly message: string;
  },
): boolean {
  return outcome === "connect" && CLIENT_FAILURE_REGEXP.test(message);
}

/** The code of an outcome: its index in {@linkcode OUTCOMES}, 0 for `ok`. */
export function outcomeCode(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}
