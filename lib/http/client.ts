/**
 * Sends requests to one server over HTTP/1.1 and times them, with a pool of connections.
 *
 * No redirect is followed, no proxy is used, nothing is pipelined, and a request goes to no other
 * host than that of the URL. Bytes that follow an answer in one read make it a `protocol`
 * failure, since its framing is in doubt; bytes on an idle connection end that connection.
 *
 * @module
 */

import { parseTarget } from "./dial.ts";
import type {
  HttpAnswer,
  HttpExchange,
  HttpFailure,
  SendOptions,
} from "./exchange.ts";
import { HttpPool, type HttpPoolOptions } from "./pool.ts";
import { createRequestEncoder, type RequestEncoder } from "./request.ts";

export type { HttpAnswer, HttpExchange, HttpFailure };

/** Below the 5 s after which uvicorn closes an idle connection. */
const IDLE_LIMIT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** What a client needs to know; only the URL is required. */
export interface HttpClientOptions
  extends Partial<Omit<HttpPoolOptions, "target">> {
  /** The server: scheme `http:` or `https:`, host, port and base path. */
  url: URL;
  /** Headers of every request, checked; their values appear in no message. */
  headers?: Readonly<Record<string, string>>;
  /** PEM texts of certificates that are trusted beside the system's. */
  caCerts?: readonly string[];
  /** The path of a Unix socket that is used instead of host and port. */
  unixSocketPath?: string;
}

/** A client of one server; it must be closed, since its idle connections keep a program alive. */
export interface HttpClient extends AsyncDisposable {
  /** Writes a request as bytes, to be sent any number of times. */
  readonly encode: RequestEncoder;
  /** Sends a request; a failure is a value; only a `timeoutMs` not above 0 rejects. */
  send(request: Uint8Array, options: SendOptions): Promise<HttpExchange>;
  /**
   * Sends a request and calls `onResult` right where its last byte was read, which must not throw.
   *
   * The next request of a closed loop can so be sent before other answers of the same turn are
   * looked at; through a promise it would wait for them, and the loop would not be closed.
   */
  submit(
    request: Uint8Array,
    options: SendOptions,
    onResult: (result: HttpExchange) => void,
  ): void;
  /** Opens connections until there are `count`; one that fails is told of by the first request that needs it. */
  open(count: number): Promise<void>;
  /** Ends all requests as `aborted` and closes all connections. */
  close(): void;
}

/**
 * Makes a client without connections; they are opened by `open()` or as requests need them.
 *
 * @throws {TypeError} If the URL, a header or the combination of URL and Unix socket is unusable.
 * @throws {RangeError} If a limit is not above 0.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const limits = {
    idleLimitMs: options.idleLimitMs ?? IDLE_LIMIT_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    maxBodyBytes: options.maxBodyBytes ?? MAX_BODY_BYTES,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (value > 0) continue;
    throw new RangeError(
      `Cannot create client as ${name} must be above 0: current value is ${value}`,
    );
  }
  const encode = createRequestEncoder(options.url, options.headers);
  const pool = new HttpPool({
    ...limits,
    target: parseTarget(options.url, options),
    now: options.now ?? (() => performance.now()),
  });
  return {
    encode,
    send: (request, sendOptions) =>
      new Promise((resolve) => pool.submit(request, sendOptions, resolve)),
    submit: (request, sendOptions, onResult) =>
      pool.submit(request, sendOptions, onResult),
    open: (count) => pool.open(count),
    close: () => pool.close(),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}
