/**
 * The connections to one server, the requests on them, and their deadlines.
 *
 * @module
 */

import { messageOf } from "../failure.ts";
import type { TransportFailure } from "../outcome.ts";
import {
  type ConnectionFailure,
  type ConnectionOwner,
  HttpConnection,
} from "./connection.ts";
import { decodeBody } from "./decode.ts";
import { dial, type DialTarget, targetName } from "./dial.ts";
import {
  Exchange,
  ExchangeList,
  type HttpExchange,
  type SendOptions,
} from "./exchange.ts";
import type { ContentCoding } from "./head.ts";
import { Sweep } from "./sweep.ts";

/** The rules of a pool. */
export interface HttpPoolOptions {
  target: DialTarget;
  /** How long a connection may be idle and still be used, in milliseconds; servers of the uvicorn kind close it after 5 s. */
  idleLimitMs: number;
  /** How long opening a connection may take, in milliseconds. */
  connectTimeoutMs: number;
  /** The most bytes of a body, before and after decoding. */
  maxBodyBytes: number;
  now: () => number;
}

const CLOSED = "The client is closed";
const ABORTED = "The request was ended by its signal";

/**
 * Sends exchanges over as few connections as they need.
 *
 * The connection used last is taken first. An exchange is written a second time, on a new
 * connection, only if it was on a reused one that ended before any byte of an answer.
 */
export class HttpPool implements ConnectionOwner {
  readonly now: () => number;
  readonly #options: HttpPoolOptions;
  readonly #targetName: string;
  readonly #connections = new Set<HttpConnection>();
  readonly #idle: HttpConnection[] = [];
  /** Every exchange between send() and its end. */
  readonly #exchanges = new ExchangeList();
  /** Attempts to connect, and what ends them. */
  readonly #attempts = new Map<AbortController, Promise<Deno.Conn>>();
  readonly #signals = new WeakSet<AbortSignal>();
  readonly #closer = new AbortController();
  readonly #sweep = new Sweep(() => this.#failLate());

  /** Makes a pool without connections. */
  constructor(options: HttpPoolOptions) {
    this.#options = options;
    this.#targetName = targetName(options.target);
    this.now = options.now;
  }

  /** Sends a request; see `HttpClient.submit`. */
  submit(
    request: Uint8Array,
    options: SendOptions,
    onResult: (result: HttpExchange) => void,
  ): void {
    const { timeoutMs, signal } = options;
    if (!(timeoutMs > 0)) {
      throw new RangeError(
        `Cannot send request as timeoutMs must be above 0: current value is ${timeoutMs}`,
      );
    }
    const calledMs = this.now();
    const exchange = new Exchange(request, options, { calledMs, onResult });
    this.#exchanges.add(exchange);
    if (this.#closer.signal.aborted) {
      this.#fail(exchange, "aborted", CLOSED);
    } else if (signal?.aborted) {
      this.#fail(exchange, "aborted", ABORTED);
    } else {
      if (signal !== undefined) this.#watch(signal);
      this.#sweep.ensure(timeoutMs);
      this.#dispatch(exchange);
    }
  }

  /** Opens connections until there are `count`; see `HttpClient.open`. */
  async open(count: number): Promise<void> {
    while (this.#retireOldest(this.now()));
    const missing = count - this.#connections.size - this.#attempts.size;
    await Promise.all(
      Array.from({ length: Math.max(0, missing) }, () => this.#openIdle()),
    );
  }

  /** Ends all exchanges as `aborted` and closes all connections. */
  close(): void {
    this.#closer.abort();
    for (const exchange of this.#exchanges.toArray()) {
      this.#fail(exchange, "aborted", CLOSED);
    }
    for (const controller of this.#attempts.keys()) controller.abort();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    this.#idle.length = 0;
    this.#sweep.stop();
  }

  /** Closes, and waits until no attempt to connect is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.allSettled(this.#attempts.values());
  }

  /** See {@linkcode ConnectionOwner}. */
  onAnswer(
    connection: HttpConnection,
    exchange: Exchange,
    doneMs: number,
  ): void {
    const { reader } = connection;
    const { coding } = reader;
    exchange.take(reader, doneMs);
    this.#exchanges.delete(exchange);
    if (connection.isOpen) this.#release(connection, doneMs);
    else this.#connections.delete(connection);
    if (coding === "identity" || exchange.body.length === 0) exchange.succeed();
    else this.#decode(exchange, coding);
  }

  /** See {@linkcode ConnectionOwner}. */
  onFailure(
    connection: HttpConnection,
    exchange: Exchange,
    failure: { outcome: ConnectionFailure; message: string },
  ): void {
    const { outcome, message } = failure;
    // A retried exchange is on a connection of its own, so it is not retried again.
    if (outcome === "reset" && exchange.dialing === null) {
      this.#connections.delete(connection);
      exchange.retries = 1;
      exchange.retryCause = message;
      exchange.connection = null;
      this.#dispatchFresh(exchange);
    } else {
      this.#fail(exchange, outcome, message);
    }
  }

  /** See {@linkcode ConnectionOwner}. */
  onLost(connection: HttpConnection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#connections.delete(connection);
  }

  #dispatch(exchange: Exchange): void {
    const connection = this.#takeIdle(exchange.calledMs);
    if (connection === null) this.#dispatchFresh(exchange);
    else connection.start(exchange, exchange.calledMs);
  }

  /** Takes the connection that was used last; if that was idle for too long, all are closed. */
  #takeIdle(nowMs: number): HttpConnection | null {
    const last = this.#idle.at(-1);
    if (last !== undefined && !this.#isTooOld(last, nowMs)) {
      this.#idle.pop();
      return last;
    }
    while (this.#retireOldest(nowMs));
    return null;
  }

  #isTooOld({ idleSinceMs }: HttpConnection, nowMs: number): boolean {
    return nowMs - idleSinceMs >= this.#options.idleLimitMs;
  }

  /** Closes the connection that is idle longest if that is too long; tells whether it did. */
  #retireOldest(nowMs: number): boolean {
    const [oldest] = this.#idle;
    if (oldest === undefined || !this.#isTooOld(oldest, nowMs)) return false;
    this.#idle.shift();
    oldest.close();
    this.#connections.delete(oldest);
    return true;
  }

  #release(connection: HttpConnection, idleSinceMs: number): void {
    connection.release(idleSinceMs);
    this.#idle.push(connection);
  }

  async #dispatchFresh(exchange: Exchange): Promise<void> {
    exchange.dialing = new AbortController();
    try {
      const connection = await this.#connect(exchange.dialing);
      if (exchange.isListed) connection.start(exchange, this.now());
      else this.#release(connection, this.now());
    } catch (error) {
      this.#fail(exchange, "connect", messageOf(error));
    }
  }

  async #openIdle(): Promise<void> {
    try {
      this.#release(await this.#connect(new AbortController()), this.now());
    } catch {
      // The first request that needs it will tell the cause.
    }
  }

  /** Opens a connection. It reads at once, so it must be given to an exchange or to the idle ones in the same turn. */
  async #connect(controller: AbortController): Promise<HttpConnection> {
    const { target, connectTimeoutMs: timeoutMs } = this.#options;
    const attempt = dial(target, { controller, timeoutMs });
    this.#attempts.set(controller, attempt);
    try {
      const stream = await attempt;
      if (this.#closer.signal.aborted) {
        stream.close();
        throw new Error(CLOSED);
      }
      const connection = new HttpConnection(stream, this, this.#options);
      this.#connections.add(connection);
      return connection;
    } finally {
      this.#attempts.delete(controller);
    }
  }

  async #decode(exchange: Exchange, coding: ContentCoding): Promise<void> {
    const maxBytes = this.#options.maxBodyBytes;
    try {
      exchange.body = await decodeBody(exchange.body, { coding, maxBytes });
      exchange.succeed();
    } catch (error) {
      const outcome = error instanceof RangeError ? "too-large" : "protocol";
      exchange.fail(outcome, messageOf(error), exchange.doneMs);
    }
  }

  #fail(exchange: Exchange, outcome: TransportFailure, message: string): void {
    if (!this.#exchanges.delete(exchange)) return;
    const nowMs = this.now();
    exchange.dialing?.abort();
    if (exchange.connection instanceof HttpConnection) {
      exchange.connection.close();
      this.#connections.delete(exchange.connection);
    }
    exchange.fail(outcome, message, nowMs);
  }

  /** Listens to each signal once, however many requests carry it. */
  #watch(signal: AbortSignal): void {
    if (this.#signals.has(signal)) return;
    this.#signals.add(signal);
    const abortAll = (): void => {
      for (const exchange of this.#exchanges.toArray()) {
        if (exchange.signal === signal) {
          this.#fail(exchange, "aborted", ABORTED);
        }
      }
    };
    signal.addEventListener("abort", abortAll, {
      once: true,
      signal: this.#closer.signal,
    });
  }

  #failLate(): void {
    if (this.#exchanges.isEmpty) return this.#sweep.stop();
    const nowMs = this.now();
    // After a crowd has passed, most are of no more use. One at a time: closing many would fall
    // into the latency of a request.
    this.#retireOldest(nowMs);
    for (const exchange of this.#exchanges.toArray()) {
      if (nowMs - exchange.calledMs < exchange.timeoutMs) continue;
      const message = `No whole answer from ${this.#targetName} within ` +
        `${exchange.timeoutMs} ms: ${exchange.phase}`;
      this.#fail(exchange, "timeout", message);
    }
  }
}
