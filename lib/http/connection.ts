/**
 * One connection to a server, and the exchange of one request and its answer on it.
 *
 * A read is always pending, also between two exchanges: what a server sends or does on an idle
 * connection is seen at once, and can never be taken for the answer to the next request.
 *
 * @module
 */

import { messageOf } from "../failure.ts";
import type { Exchange } from "./exchange.ts";
import { ResponseReader } from "./response.ts";

/**
 * Memory for reads; answers lie in it one after another, so no body is overwritten or copied. It has room for so many
 * answers like the last one, within bounds: a thousand connections would else hold 64 MB.
 */
const SLAB_ANSWERS = 32;
const SLAB_BYTES_MIN = 2_048;
const SLAB_BYTES_MAX = 65_536;
/**
 * Fresh memory is taken when less is left than the least, or than the last answer had and an eighth more, up to the most:
 * so an answer is seldom read in two pieces.
 */
const READ_BYTES_MIN = 1_024;
const READ_BYTES_MAX = 1_048_576;
const NO_BYTES = new Uint8Array(0);

/** How an exchange failed on its connection. */
export type ConnectionFailure =
  | "reset"
  | "truncated"
  | "protocol"
  | "too-large";

/** What a connection tells its owner; one that fails or is lost is closed already. */
export interface ConnectionOwner {
  readonly now: () => number;
  /** The answer is whole and lies in the reader; a connection that is still open awaits a release. */
  onAnswer(
    connection: HttpConnection,
    exchange: Exchange,
    doneMs: number,
  ): void;
  /** The exchange ended without a whole answer. */
  onFailure(
    connection: HttpConnection,
    exchange: Exchange,
    failure: { outcome: ConnectionFailure; message: string },
  ): void;
  /** An idle connection was closed by the server, or got bytes that nobody asked for. */
  onLost(connection: HttpConnection): void;
}

/** A connection that carries one exchange at a time. */
export class HttpConnection {
  /** Reads the answers; holds the last one until the next exchange begins. */
  readonly reader: ResponseReader;
  /** When it became idle, in milliseconds. */
  idleSinceMs: number;

  readonly #stream: Deno.Conn;
  readonly #owner: ConnectionOwner;
  /** The exchange under way; null while idle. */
  #exchange: Exchange | null = null;
  #isClosed = false;
  #slab: Uint8Array = NO_BYTES;
  #slabOffset = 0;
  /** Where the answer that is read, or its last part, starts in the slab. */
  #answerOffset = 0;
  /** The last body that lies in memory of its own: what repeats it need not be kept a second time. */
  #lastBody: Uint8Array = NO_BYTES;
  /** The length of the last answer, and of that which is read. */
  #lastBytes = 0;
  #answerBytes = 0;
  /** Bytes of the request that are not yet written. */
  #unwrittenBytes = 0;

  /** Takes over an open stream and starts to read it. */
  constructor(
    stream: Deno.Conn,
    owner: ConnectionOwner,
    options: { maxBodyBytes: number },
  ) {
    this.#stream = stream;
    this.#owner = owner;
    this.reader = new ResponseReader(options.maxBodyBytes);
    this.idleSinceMs = owner.now();
    this.#read();
  }

  /** Whether the whole request was handed to the system. */
  get isWritten(): boolean {
    return this.#unwrittenBytes === 0;
  }

  /** Whether it is not closed: after a whole answer, whether another exchange may follow. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Writes a request and waits for its answer; `nowMs` is the time, which costs as much as a small step to read. */
  start(exchange: Exchange, nowMs: number): void {
    const { request } = exchange;
    this.reader.reset();
    this.#exchange = exchange;
    exchange.connection = this;
    this.#unwrittenBytes = request.length;
    exchange.sentMs = nowMs;
    this.#stream.write(request).then(this.#onWritten, ignoreFailedWrite);
  }

  /** Leaves the connection idle from `idleSinceMs` on; the last answer stays valid. */
  release(idleSinceMs: number): void {
    this.#exchange = null;
    this.idleSinceMs = idleSinceMs;
  }

  /** Closes the connection; the owner is not told. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.close();
  }

  #read(): void {
    // Of an answer that has begun nothing is known but that it is longer.
    const wanted = Math.min(
      READ_BYTES_MAX,
      this.#answerBytes > 0
        ? READ_BYTES_MIN
        : Math.max(READ_BYTES_MIN, Math.ceil(this.#lastBytes * 9 / 8)),
    );
    if (this.#slab.length - this.#slabOffset < wanted) {
      const many = this.#answerBytes > 0
        ? SLAB_BYTES_MAX
        : SLAB_ANSWERS * this.#lastBytes;
      const roomy = Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, many));
      const long = Math.min(READ_BYTES_MAX, 2 * this.#answerBytes);
      this.#slab = new Uint8Array(Math.max(wanted, roomy, long));
      this.#slabOffset = this.#answerOffset = 0;
    }
    if (this.#answerBytes === 0) this.#answerOffset = this.#slabOffset;
    const room = this.#slabOffset === 0
      ? this.#slab
      : this.#slab.subarray(this.#slabOffset);
    this.#stream.read(room).then(this.#onRead, this.#onReadError);
  }

  readonly #onWritten = (writtenBytes: number): void => {
    this.#unwrittenBytes -= writtenBytes;
    const request = this.#exchange?.request;
    if (this.#unwrittenBytes === 0 || this.#isClosed || !request) return;
    const rest = request.subarray(request.length - this.#unwrittenBytes);
    this.#stream.write(rest).then(this.#onWritten, ignoreFailedWrite);
  };

  readonly #onRead = (readBytes: number | null): void => {
    if (this.#isClosed) return;
    const exchange = this.#exchange;
    if (exchange === null) return this.#lose();
    const atMs = this.#owner.now();
    if (readBytes === null) return this.#onEnd(exchange, atMs);
    const from = this.#slabOffset;
    this.#slabOffset += readBytes;
    this.#answerBytes += readBytes;
    const { reader } = this;
    const state = reader.feed(this.#slab.subarray(from, this.#slabOffset));
    if (state === "more") {
      this.#read();
    } else if (state !== "complete") {
      this.#fail(exchange, state, `The answer is refused: ${reader.message}`);
    } else if (reader.excessBytes > 0) {
      const message =
        `${reader.excessBytes} bytes follow the end of the answer`;
      this.#fail(exchange, "protocol", message);
    } else {
      this.#lastBytes = this.#answerBytes;
      this.#answerBytes = 0;
      if (this.#lastBytes > READ_BYTES_MIN) this.#keepOnce();
      if (!reader.keepAlive || !this.isWritten) this.close();
      this.#owner.onAnswer(this, exchange, atMs);
      // Read after the owner has had its turn: the next request may be on its way already.
      if (!this.#isClosed) this.#read();
    }
  };

  /** Gives up the memory of a body that is the last one again. */
  #keepOnce(): void {
    if (this.reader.takeBodyFor(this.#lastBody)) {
      this.#slabOffset = this.#answerOffset;
    } else this.#lastBody = this.reader.body;
  }

  #onEnd(exchange: Exchange, doneMs: number): void {
    const end = this.reader.end();
    if (end === "complete") {
      this.close();
      this.#owner.onAnswer(this, exchange, doneMs);
    } else {
      const place = end === "reset" ? "before" : "within";
      const message = `The server closed the connection ${place} the answer`;
      this.#fail(exchange, end, message);
    }
  }

  readonly #onReadError = (error: unknown): void => {
    if (this.#isClosed) return;
    const exchange = this.#exchange;
    if (exchange === null) return this.#lose();
    const cause = messageOf(error);
    const { started } = this.reader;
    const message = `The connection broke ${
      started ? "within" : "before"
    } the answer: ${cause}`;
    this.#fail(exchange, started ? "truncated" : "reset", message);
  };

  #lose(): void {
    this.close();
    this.#owner.onLost(this);
  }

  #fail(exchange: Exchange, outcome: ConnectionFailure, message: string): void {
    this.close();
    this.#owner.onFailure(this, exchange, { outcome, message });
  }
}

/** A failed write is no verdict: the answer may have come before, and the pending read tells. */
function ignoreFailedWrite(): void {}
