/**
 * How one request can end, as data: the names, their order and what they have in common.
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

/** The name of one outcome; docs/measuring.md says what each means. */
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

/** Tells whether a connection was refused or lost, so that the server may be gone. */
export function isConnectionLost({ outcome }: { outcome: Outcome }): boolean {
  return ["connect", "reset", "truncated"].includes(outcome);
}

/** Tells whether a whole answer of status 200 was wrong, which no load excuses. */
export function isWrongAnswer({ outcome }: { outcome: Outcome }): boolean {
  return outcome === "mismatch" || outcome.startsWith("invalid-");
}

/** The code of an outcome: its index in {@linkcode OUTCOMES}, 0 for `ok`. */
export function outcomeCode(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}
