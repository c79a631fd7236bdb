/**
 * One request on its way, and what can come of it: an answer with its times, or a failure.
 *
 * @module
 */

import { parseHeaders } from "./http_head.ts";
import type { ResponseReader } from "./http_response.ts";
import type { TransportFailure } from "../outcome.ts";

/** A whole answer, whatever its status. */
export interface HttpAnswer {
  /** Tells it from a failure. */
  kind: "answer";
  /** The status, 200 to 599. */
  status: number;
  /** Values by lower-case name. */
  headers: ReadonlyMap<string, string>;
  /** The decoded body; a view of larger memory, so copy it to keep it for long. */
  body: Uint8Array;
  /** How long the request waited for a free connection, in milliseconds; before `sentMs`. */
  waitMs: number;
  /** How long its own connection took to open, in milliseconds; null on a pooled one. */
  connectMs: number | null;
  /** Right before the request was written; of the second write if it was retried. */
  sentMs: number;
  /** Right after the first bytes of the answer were read. */
  firstByteMs: number;
  /** Right after the last byte was read, before it was parsed or decoded. */
  doneMs: number;
  /** How often the request was written again, on a new connection: 0 or 1. */
  retries: number;
}

/** A request without a usable answer. */
export interface HttpFailure {
  /** Tells it from an answer. */
  kind: "failure";
  /** The name of the failure. */
  outcome: TransportFailure;
  /** What happened, for people; it holds no header value of the request. */
  message: string;
  /** How long the request waited for a free connection, in milliseconds. */
  waitMs: number;
  /** Right before the request was written; when `send()` was called if it never was. */
  sentMs: number;
  /** When the failure was seen. */
  doneMs: number;
  /** How often the request was written again, on a new connection: 0 or 1. */
  retries: number;
}

/** What came of a request. */
export type HttpExchange = HttpAnswer | HttpFailure;

/** Bounds of one request. */
export interface SendOptions {
  /**
   * The limit for everything from the call to the last byte, in milliseconds: waiting, connecting,
   * first byte, whole answer. It is noticed late by at most the smaller of 50 ms and a
   * twentieth of the limit (1 ms at least), and what the event loop is late.
   */
  timeoutMs: number;
  /** Ends the request at once. */
  signal?: AbortSignal;
}

/** A request between the call of `send()` and its end; times are those of the client's clock. */
export class Exchange {
  /** The request as bytes. */
  readonly request: Uint8Array;
  /** The limit for everything, in milliseconds. */
  readonly timeoutMs: number;
  /** What ends it from outside; null if nothing does. */
  readonly signal: AbortSignal | null;
  /** When it was handed over, in milliseconds. */
  readonly calledMs: number;
  /** How long it waited for a connection, or for leave to open one. */
  waitMs = 0;
  /** How long its own connection took to open; null on a pooled one. */
  connectMs: number | null = null;
  /** When it was last written; null before. */
  sentMs: number | null = null;
  /** When the first bytes of its answer came; null before. */
  firstByteMs: number | null = null;
  /** How often it was written again: 0 or 1. */
  retries = 0;
  /** Why it was written again; empty if it was not. */
  retryCause = "";
  /** The connection that it is on; null before. */
  connection: { readonly isWritten: boolean; close(): void } | null = null;
  /** Ends the attempt to connect that is made for it; null without one. */
  dialing: AbortController | null = null;
  readonly #onResult: (result: HttpExchange) => void;

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
    this.#onResult = call.onResult;
  }

  /** How far it came, in words for the message of a timeout. */
  get phase(): string {
    if (this.firstByteMs !== null) return "the answer had begun";
    if (this.connection !== null) {
      return this.connection.isWritten
        ? "the request was sent, no byte of an answer had come"
        : "the server had not taken the whole request";
    }
    return this.dialing === null
      ? "it still waited for a free connection"
      : "its connection was not yet open";
  }

  /** Ends it with an answer. */
  succeed(answer: HttpAnswer): void {
    this.#onResult(answer);
  }

  /** Ends it without an answer. */
  fail(outcome: TransportFailure, message: string, doneMs: number): void {
    this.#onResult({
      kind: "failure",
      outcome,
      message: this.retryCause === ""
        ? message
        : `${message} (second attempt, on a new connection; the first: ${this.retryCause})`,
      waitMs: this.waitMs,
      sentMs: this.sentMs ?? this.calledMs,
      doneMs,
      retries: this.retries,
    });
  }
}

/**
 * Makes the answer of an exchange out of a complete reader; its headers are read when asked for.
 *
 * @param exchange What was asked, with its times.
 * @param reader What came, still in its content coding.
 * @param doneMs When the last byte was read.
 */
export function createAnswer(
  exchange: Exchange,
  reader: ResponseReader,
  doneMs: number,
): HttpAnswer {
  return new LazyAnswer(exchange, reader, doneMs);
}

class LazyAnswer implements HttpAnswer {
  readonly kind = "answer";
  readonly status: number;
  body: Uint8Array;
  readonly waitMs: number;
  readonly connectMs: number | null;
  readonly sentMs: number;
  readonly firstByteMs: number;
  readonly doneMs: number;
  readonly retries: number;
  readonly #head: Uint8Array;
  #headers: Map<string, string> | null = null;

  constructor(exchange: Exchange, reader: ResponseReader, doneMs: number) {
    this.status = reader.status;
    this.body = reader.body;
    this.waitMs = exchange.waitMs;
    this.connectMs = exchange.connectMs;
    this.sentMs = exchange.sentMs ?? exchange.calledMs;
    this.firstByteMs = exchange.firstByteMs ?? doneMs;
    this.doneMs = doneMs;
    this.retries = exchange.retries;
    this.#head = reader.head;
  }

  get headers(): ReadonlyMap<string, string> {
    return this.#headers ??= parseHeaders(this.#head);
  }
}
