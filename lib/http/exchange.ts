/**
 * One request on its way, and what can come of it: an answer with its times, or a failure.
 *
 * @module
 */

import type { TransportFailure } from "../outcome.ts";
import { parseHeaders } from "./head.ts";
import type { ResponseReader } from "./response.ts";

const NO_BYTES = new Uint8Array(0);

/** A whole answer, whatever its status. */
export interface HttpAnswer {
  kind: "answer";
  /** The status, 200 to 599. */
  status: number;
  /** Values by lower-case name. */
  headers: ReadonlyMap<string, string>;
  /** The decoded body; a view of larger memory, so copy it to keep it for long. */
  body: Uint8Array;
  /** Right before the request was written, of the second write if it was retried; when `send()` was called if it never was. */
  sentMs: number;
  /** Right after the last byte was read, before it was parsed or decoded; of a failure, when it was seen. */
  doneMs: number;
  /** How often the request was written again, on a new connection: 0 or 1. */
  retries: number;
}

/** A request without a usable answer. */
export interface HttpFailure
  extends Pick<HttpAnswer, "sentMs" | "doneMs" | "retries"> {
  kind: "failure";
  outcome: TransportFailure;
  /** What happened, for people; it holds no header value of the request. */
  message: string;
}

/** What came of a request. */
export type HttpExchange = HttpAnswer | HttpFailure;

/** Bounds of one request. */
export interface SendOptions {
  /**
   * The limit for everything from the call to the last byte, in milliseconds: connecting, first
   * byte, whole answer. It is noticed late by at most the smaller of 50 ms and a
   * twentieth of the limit (1 ms at least), and what the event loop is late.
   */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** A request between the call of `send()` and its end, and in the end its answer; times are those of the client's clock. */
export class Exchange implements HttpAnswer {
  /** See {@linkcode HttpAnswer}; failures are objects of their own. */
  readonly kind = "answer";
  readonly request: Uint8Array;
  /** The limit for everything, in milliseconds. */
  readonly timeoutMs: number;
  /** What ends it from outside; null if nothing does. */
  readonly signal: AbortSignal | null;
  /** When it was handed over, in milliseconds. */
  readonly calledMs: number;
  /** See {@linkcode HttpAnswer}; 0 before. */
  status = 0;
  /** See {@linkcode HttpAnswer}; empty before. */
  body: Uint8Array = NO_BYTES;
  /** When it was last written; when it was handed over before. */
  sentMs: number;
  /** When the last byte of its answer came; NaN before. */
  doneMs: number = NaN;
  /** How often it was written again: 0 or 1. */
  retries = 0;
  /** Why it was written again; empty if it was not. */
  retryCause = "";
  /** The connection that it is on; null before. */
  connection:
    | {
      readonly isWritten: boolean;
      readonly reader: { readonly started: boolean };
    }
    | null = null;
  /** Ends the attempt to connect that is made for it; null where a connection was free. */
  dialing: AbortController | null = null;
  /** Its neighbours in an {@linkcode ExchangeList}; null at an end. */
  before: Exchange | null = null;
  /** See {@linkcode Exchange.before}. */
  after: Exchange | null = null;
  /** Whether it is in an {@linkcode ExchangeList}. */
  isListed = false;
  readonly #onResult: (result: HttpExchange) => void;
  #head: Uint8Array = NO_BYTES;
  #headers: ReadonlyMap<string, string> | null = null;

  /** Takes over a request at `calledMs`; `onResult` gets what came of it. */
  constructor(
    request: Uint8Array,
    options: SendOptions,
    call: {
      calledMs: number;
      onResult: (result: HttpExchange) => void;
    },
  ) {
    this.request = request;
    this.timeoutMs = options.timeoutMs;
    this.signal = options.signal ?? null;
    this.calledMs = call.calledMs;
    this.sentMs = call.calledMs;
    this.#onResult = call.onResult;
  }

  /** See {@linkcode HttpAnswer}; read out of the head when asked for. */
  get headers(): ReadonlyMap<string, string> {
    return this.#headers ??= parseHeaders(this.#head);
  }

  /** How far it came, in words for the message of a timeout. */
  get phase(): string {
    if (this.connection === null) return "its connection was not yet open";
    if (this.connection.reader.started) return "the answer had begun";
    return this.connection.isWritten
      ? "the request was sent, no byte of an answer had come"
      : "the server had not taken the whole request";
  }

  /**
   * Takes the answer of a complete reader, still in its content coding.
   *
   * @param doneMs When the last byte was read.
   */
  take(reader: ResponseReader, doneMs: number): void {
    this.status = reader.status;
    this.body = reader.body;
    this.#head = reader.head;
    this.doneMs = doneMs;
  }

  /** Ends it with the answer that it took. */
  succeed(): void {
    this.#onResult(this);
  }

  /** Ends it without an answer. */
  fail(outcome: TransportFailure, message: string, doneMs: number): void {
    this.#onResult({
      kind: "failure",
      outcome,
      message: this.retryCause === ""
        ? message
        : `${message} (second attempt, on a new connection; the first: ${this.retryCause})`,
      sentMs: this.sentMs,
      doneMs,
      retries: this.retries,
    });
  }
}

/**
 * Exchanges that are under way, the latest first; each can be in one list.
 *
 * A `Set` is no good here: V8 links the tables that it outgrows to those that follow them, so that
 * one old table keeps all exchanges since then alive until the next full collection. At 60,000
 * requests a second that was 30 MB a second and a pause of 5 ms every 0.1 s.
 */
export class ExchangeList {
  #latest: Exchange | null = null;

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#latest === null;
  }

  /** Adds an exchange that is in no list. */
  add(exchange: Exchange): void {
    exchange.isListed = true;
    exchange.after = this.#latest;
    if (this.#latest !== null) this.#latest.before = exchange;
    this.#latest = exchange;
  }

  /** Takes an exchange out; tells whether it was in. */
  delete(exchange: Exchange): boolean {
    if (!exchange.isListed) return false;
    exchange.isListed = false;
    const { before, after } = exchange;
    if (before === null) this.#latest = after;
    else before.after = after;
    if (after !== null) after.before = before;
    // An exchange that is kept must not keep its neighbours.
    exchange.before = exchange.after = null;
    return true;
  }

  /** Returns all, the latest first. */
  toArray(): Exchange[] {
    const all: Exchange[] = [];
    for (let next = this.#latest; next !== null; next = next.after) {
      all.push(next);
    }
    return all;
  }
}
