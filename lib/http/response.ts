/**
 * A strict, bounded, incremental reader of HTTP/1.1 answers (RFC 9112), fed with chunks of bytes.
 *
 * @module
 */

import { isSame } from "../bytes.ts";
import { ByteStore } from "./bytes.ts";
import {
  type ContentCoding,
  parseChunkSize,
  quoteBytes,
  RESPONSE_LIMITS,
  ResponseHead,
} from "./head.ts";

/**
 * Where a reader stands: `more` bytes are needed, the answer is `complete`, or it was refused as
 * a `protocol` error or as `too-large`; the last three are final.
 */
export type ResponseState = "more" | "complete" | "protocol" | "too-large";

/** What the end of the stream means: `reset` is an end before any byte of an answer. */
export type StreamEnd = "complete" | "reset" | "truncated";

/** What the next byte belongs to; `counted` and `until-close` are bodies without chunks. */
type Part =
  | "head"
  | "counted"
  | "until-close"
  | "chunk-size"
  | "chunk-data"
  | "chunk-end"
  | "trailer"
  | "end";

const LF = 10;
const CR = 13;
const CRLF_BYTES = 2;
const NO_BYTES = new Uint8Array(0);

/**
 * Reads one answer at a time; {@linkcode ResponseReader.reset} makes it ready for the next.
 *
 * The body is a view of the fed chunk where it came in one piece, so a chunk must not be overwritten
 * while its answer is in use.
 */
export class ResponseReader {
  /** How many bytes of the last chunk came after the end of the answer. */
  excessBytes = 0;
  /** Why the answer was refused; empty unless it was. */
  message = "";

  readonly #bodyBytesMax: number;
  /** The last head, its empty line included: most answers of a load have the same, which is faster told than read. */
  #known: Uint8Array = NO_BYTES;
  /** What it says. */
  #knownLines = new ResponseHead();
  /** What another one says, as far as it was read. */
  #newLines = new ResponseHead();
  /** One of the two. */
  #lines = this.#newLines;
  #state: ResponseState = "more";
  #part: Part = "head";
  #started = false;
  #head: Uint8Array = NO_BYTES;
  /** A head, size line or trailer that comes in several chunks, from its first byte on. */
  readonly #held = new ByteStore();
  /** Offset in the part of the current line, and of the first byte not yet searched for its end. */
  #lineOffset = 0;
  #searchOffset = 0;
  #lineCount = 0;
  #interimCount = 0;
  #extensionBytes = 0;
  /** Bytes still to come of a counted body or of a chunk. */
  #remaining = 0;
  readonly #body = new ByteStore();

  /**
   * Makes a reader that waits for the answer to a request other than HEAD, which this client never sends.
   *
   * @param bodyBytesMax The most body bytes that are accepted, before decoding.
   */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Forgets the last answer. */
  reset(): void {
    this.excessBytes = 0;
    this.message = "";
    this.#state = "more";
    this.#started = false;
    this.#interimCount = 0;
    this.#extensionBytes = 0;
    this.#body.clear();
    this.#startHead();
  }

  /** The status, 100 to 599; 0 until the status line was read. */
  get status(): number {
    return this.#lines.status;
  }

  /** Whether the server lets the connection be used again after this answer. */
  get keepAlive(): boolean {
    return this.#lines.keepAlive && this.#part !== "until-close";
  }

  /** The coding of {@linkcode ResponseReader.body}, which is left as it was sent. */
  get coding(): ContentCoding {
    return this.#lines.coding;
  }

  /** Whether any byte was fed since the reset. */
  get started(): boolean {
    return this.#started;
  }

  /** The status line, header lines and empty line of the final answer, for `parseHeaders`. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** Gives up its body for another one with the same bytes, if it has them; tells whether it did. */
  takeBodyFor(other: Uint8Array): boolean {
    if (!isSame(this.#body.bytes, other)) return false;
    this.#body.clear();
    this.#body.append(other, other.length);
    return true;
  }

  /** The body that came so far, still in its content coding. */
  get body(): Uint8Array {
    return this.#body.bytes;
  }

  /**
   * Takes the next bytes of the stream and tells where the answer stands.
   *
   * Once the state is final no more bytes are taken.
   */
  feed(chunk: Uint8Array): ResponseState {
    if (this.#isOver() || chunk.length === 0) return this.#state;
    this.#started = true;
    let at = 0;
    do at = this.#step(chunk, at); while (at < chunk.length && !this.#isOver());
    if (this.#isComplete()) this.excessBytes = chunk.length - at;
    return this.#state;
  }

  /** Tells what it means that the stream ends here. */
  end(): StreamEnd {
    if (this.#isComplete() || this.#part === "until-close") return "complete";
    return this.#started ? "truncated" : "reset";
  }

  #isComplete(): boolean {
    return this.#state === "complete";
  }

  #isOver(): boolean {
    return this.#part === "end";
  }

  /** Takes what belongs to the current part; returns where it stopped. */
  #step(chunk: Uint8Array, at: number): number {
    switch (this.#part) {
      case "counted":
      case "chunk-data":
      case "until-close":
        return this.#takeBody(chunk, at);
      case "head":
        return this.#isKnownHead(chunk, at)
          ? this.#takeKnownHead(at)
          : this.#takeLines(chunk, at);
      default:
        return this.#takeLines(chunk, at);
    }
  }

  /** Whether the head that starts at `at` is the last one again; false within a head. */
  #isKnownHead(chunk: Uint8Array, at: number): boolean {
    const known = this.#known;
    if (this.#lineCount > 0 || this.#held.length > 0) return false;
    if (known.length === 0 || chunk.length - at < known.length) return false;
    for (let i = 0; i < known.length; i++) {
      if (chunk[at + i] !== known[i]) return false;
    }
    return true;
  }

  #takeKnownHead(at: number): number {
    this.#lines = this.#knownLines;
    this.#startBody();
    return at + this.#known.length;
  }

  #startHead(): void {
    this.#lines = this.#newLines;
    this.#lines.reset();
    this.#head = NO_BYTES;
    this.#lineCount = 0;
    this.#enter("head");
  }

  #enter(part: Part): void {
    this.#part = part;
    this.#held.clear();
    this.#lineOffset = 0;
    this.#searchOffset = 0;
  }

  #finish(): void {
    this.#state = "complete";
    this.#part = "end";
  }

  #refuse(message: string, state: "protocol" | "too-large" = "protocol"): void {
    this.#known = NO_BYTES;
    this.message = message;
    this.#state = state;
    this.#part = "end";
  }

  /** Takes whole lines from `at` on until another part starts; returns where it stopped. */
  #takeLines(chunk: Uint8Array, at: number): number {
    const part = this.#part;
    const heldBytes = this.#held.length;
    if (heldBytes > 0) this.#hold(chunk, at);
    const bytes = heldBytes > 0 ? this.#held.bytes : chunk;
    const start = heldBytes > 0 ? 0 : at;
    const end = bytes.length;
    for (;;) {
      const line = start + this.#lineOffset;
      const lf = bytes.indexOf(LF, start + this.#searchOffset);
      const lineEnd = lf < 0 ? end : lf;
      if (lineEnd - line > RESPONSE_LIMITS.lineBytes) {
        this.#refuse("a line is too long", "too-large");
      } else if (lineEnd - start > RESPONSE_LIMITS.headBytes) {
        this.#refuse("the head or the trailers are too long", "too-large");
      } else if (lf < 0) {
        this.#checkStart(bytes, line, end);
        if (heldBytes === 0) this.#hold(chunk, at);
        this.#searchOffset = end - start;
      } else if (lf === line || bytes[lf - 1] !== CR) {
        this.#refuse("a line ends in a bare LF");
      } else {
        this.#lineOffset = this.#searchOffset = lf + 1 - start;
        this.#takeLine(bytes, line, lf - 1, start);
      }
      if (lf < 0) return chunk.length;
      // A part of lines that begins has no offset yet, be it the same as before.
      if (this.#part !== part || this.#lineOffset === 0) {
        return at + lf + 1 - start - heldBytes;
      }
    }
  }

  /** Keeps what came of an unfinished part; never more than the limits need. */
  #hold(chunk: Uint8Array, at: number): void {
    const end = at + RESPONSE_LIMITS.headBytes + 1;
    this.#held.append(chunk.subarray(at, end), Infinity);
  }

  /** Refuses early what cannot become an answer, so that it does not end as a timeout. */
  #checkStart(bytes: Uint8Array, line: number, end: number): void {
    if (this.#part !== "head" || this.#lineCount > 0) return;
    this.#lines.checkStart(bytes, line, end);
    if (this.#lines.refusal !== "") this.#refuse(this.#lines.refusal);
  }

  /** Takes the line at `from` to `to` (its CRLF left out) of the part that began at `start`. */
  #takeLine(bytes: Uint8Array, from: number, to: number, start: number): void {
    if (this.#part === "chunk-size") {
      this.#takeChunkSize(bytes, from, to);
    } else if (this.#part === "chunk-end") {
      if (from === to) this.#enter("chunk-size");
      else this.#refuse("a chunk is longer than its size");
    } else if (from < to) {
      this.#takeField(bytes, from, to);
    } else if (this.#part === "trailer") {
      this.#finish();
    } else if (this.#lineCount === 0) {
      this.#refuse("the answer starts with an empty line");
    } else {
      this.#takeHeadEnd(bytes.slice(start, to + CRLF_BYTES));
    }
  }

  #takeField(bytes: Uint8Array, from: number, to: number): void {
    this.#lineCount++;
    if (this.#part === "trailer") this.#lines.takeField(bytes, from, to);
    else if (this.#lineCount === 1) this.#lines.takeStatusLine(bytes, from, to);
    else this.#lines.takeHeader(bytes, from, to);
    if (this.#lines.refusal !== "") {
      this.#refuse(this.#lines.refusal);
    } else if (this.#lineCount > RESPONSE_LIMITS.headerCount + 1) {
      this.#refuse("there are too many header lines", "too-large");
    }
  }

  /** Checks a head that is whole, its empty line included, and keeps it. */
  #takeHeadEnd(head: Uint8Array): void {
    const { status, chunked, contentLength, minorVersion } = this.#lines;
    if (status < 200) return this.#takeInterim(status);
    if (chunked && contentLength >= 0) {
      return this.#refuse("transfer-encoding stands beside content-length");
    }
    if (chunked && minorVersion === 0) {
      return this.#refuse("transfer-encoding stands in an HTTP/1.0 answer");
    }
    this.#known = head;
    this.#newLines = this.#knownLines;
    this.#knownLines = this.#lines;
    this.#startBody();
  }

  /** Decides how the body of the known head is delimited (RFC 9112, 6.3). */
  #startBody(): void {
    const { status, chunked, contentLength } = this.#lines;
    this.#head = this.#known;
    this.#lineCount = 0;
    if (status === 204 || status === 304) {
      this.#finish();
    } else if (chunked) {
      this.#enter("chunk-size");
    } else if (contentLength < 0) {
      this.#enter("until-close");
    } else if (contentLength === 0) {
      this.#finish();
    } else {
      this.#enter("counted");
      this.#expect(contentLength);
    }
  }

  #takeInterim(status: number): void {
    if (status === 101) {
      this.#refuse("the status is 101, but no upgrade was asked for");
    } else if (++this.#interimCount > RESPONSE_LIMITS.interimAnswers) {
      this.#refuse("there are too many interim answers");
    } else {
      this.#startHead();
    }
  }

  #takeChunkSize(bytes: Uint8Array, from: number, to: number): void {
    const size = parseChunkSize(bytes, from, to);
    if (size === null) {
      return this.#refuse(`a chunk size is ${quoteBytes(bytes, from, to)}`);
    }
    this.#extensionBytes += size.extensionBytes;
    if (this.#extensionBytes > RESPONSE_LIMITS.chunkExtensionBytes) {
      this.#refuse("the chunk extensions are too long", "too-large");
    } else if (size.dataBytes === 0) {
      this.#enter("trailer");
    } else {
      this.#enter("chunk-data");
      this.#expect(size.dataBytes);
    }
  }

  /** Refuses a body that would grow above the limit before memory is spent on it. */
  #expect(bytes: number): void {
    this.#remaining = bytes;
    if (this.#body.length + bytes > this.#bodyBytesMax) {
      const message = `the body is above ${this.#bodyBytesMax} bytes`;
      this.#refuse(message, "too-large");
    }
  }

  #takeBody(chunk: Uint8Array, at: number): number {
    if (this.#part === "until-close") {
      this.#expect(chunk.length - at);
      if (this.#state !== "more") return chunk.length;
    }
    const end = Math.min(chunk.length, at + this.#remaining);
    const mostBytes = this.#part === "counted"
      ? this.#lines.contentLength
      : this.#bodyBytesMax;
    this.#body.append(chunk.subarray(at, end), mostBytes);
    this.#remaining -= end - at;
    if (this.#remaining === 0) {
      if (this.#part === "counted") this.#finish();
      else if (this.#part === "chunk-data") this.#enter("chunk-end");
    }
    return end;
  }
}
