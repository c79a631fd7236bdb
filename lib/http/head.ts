/**
 * The lines of an HTTP/1.1 answer (RFC 9112): status line, header lines, chunk sizes.
 *
 * Stricter than the RFC demands where a lenient reading could give a wrong body: a folded
 * header, a list of lengths or a repeated transfer coding is refused.
 *
 * @module
 */

/** Bounds on everything of an answer but its body; far above what a real server sends. */
export const RESPONSE_LIMITS = {
  /** Bytes of the status line and all header lines of one answer, and of its trailers. */
  headBytes: 65_536,
  /** Bytes of one line, and so of a header value. */
  lineBytes: 16_384,
  /** Header lines of one answer, and its trailer lines. */
  headerCount: 128,
  /** Bytes of chunk extensions in one answer. */
  chunkExtensionBytes: 4_096,
  /** Interim (1xx) answers before the final one. */
  interimAnswers: 8,
} as const;

/** The content codings that can be undone. */
export type ContentCoding = "identity" | "gzip" | "deflate";

const HTAB = 9;
const SP = 32;
const COLON = 58;
const SEMICOLON = 59;
const DEL = 127;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
/** With no more digits than these a length is a safe integer, in base 16 too. */
const LENGTH_DIGITS = 13;
/** The most characters of a server's bytes that a message repeats. */
const QUOTED_CHARACTERS = 40;

/** Field-name characters (RFC 9110, 5.6.2) mapped to their lower case; 0 for every other byte. */
const NAME_BYTES = new Uint8Array(256);
for (
  const byte of ascii("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
) {
  NAME_BYTES[byte] = byte;
  if (byte >= 97 && byte <= 122) NAME_BYTES[byte - 32] = byte;
}

const LATIN1 = new TextDecoder("latin1");
const VERSION_PREFIX = ascii("HTTP/1.");
const CONTENT_LENGTH = ascii("content-length");
const TRANSFER_ENCODING = ascii("transfer-encoding");
const CONTENT_ENCODING = ascii("content-encoding");
const CONNECTION = ascii("connection");

/** What the status line and the header lines of one answer say about how to read it. */
export class ResponseHead {
  /** The status, 100 to 599; 0 before the status line. */
  status = 0;
  /** The minor version, 0 or 1. */
  minorVersion = 1;
  /** The length of the body in bytes; -1 without a content-length header. */
  contentLength: number = -1;
  /** Whether the body comes in chunks. */
  chunked = false;
  coding: ContentCoding = "identity";
  /** Why a line was refused; empty while all were good. */
  refusal = "";
  #closes = false;
  #keeps = false;

  /** Forgets all lines. */
  reset(): void {
    this.status = 0;
    this.minorVersion = 1;
    this.contentLength = -1;
    this.chunked = false;
    this.coding = "identity";
    this.refusal = "";
    this.#closes = false;
    this.#keeps = false;
  }

  /** Whether the connection may carry another request, as far as the head tells. */
  get keepAlive(): boolean {
    return !this.#closes && (this.minorVersion === 1 || this.#keeps);
  }

  /** Refuses the bytes of an unfinished first line that cannot become a status line. */
  checkStart(bytes: Uint8Array, from: number, to: number): void {
    const length = Math.min(to - from, VERSION_PREFIX.length);
    for (let i = 0; i < length; i++) {
      if (bytes[from + i] !== VERSION_PREFIX[i]) {
        this.refusal = `the answer starts with ${
          quoteBytes(bytes, from, to)
        }, not with HTTP/1.`;
        return;
      }
    }
  }

  /** Takes the status line at `from` to `to`, its line end left out. */
  takeStatusLine(bytes: Uint8Array, from: number, to: number): void {
    this.checkStart(bytes, from, to);
    if (this.refusal !== "") return;
    const minor = digit(bytes, from + 7);
    const status = 100 * digit(bytes, from + 9) + 10 * digit(bytes, from + 10) +
      digit(bytes, from + 11);
    // The space before an empty reason is left out by some servers.
    const good = to >= from + 12 && (minor === 0 || minor === 1) &&
      bytes[from + 8] === SP && (to === from + 12 || bytes[from + 12] === SP) &&
      status >= 100 && status < 600 && isText(bytes, from + 12, to);
    if (!good) {
      this.refusal = `the status line is ${quoteBytes(bytes, from, to)}`;
      return;
    }
    this.status = status;
    this.minorVersion = minor;
  }

  /** Takes the header line at `from` to `to`, its line end left out. */
  takeHeader(bytes: Uint8Array, from: number, to: number): void {
    const colon = this.takeField(bytes, from, to);
    // The names that matter have lengths of their own.
    switch (colon - from) {
      case CONTENT_LENGTH.length:
        if (isName(bytes, from, CONTENT_LENGTH)) {
          this.#takeContentLength(bytes, colon + 1, to);
        }
        break;
      case TRANSFER_ENCODING.length:
        if (isName(bytes, from, TRANSFER_ENCODING)) {
          this.#takeTransferEncoding(fieldValue(bytes, colon + 1, to));
        }
        break;
      case CONTENT_ENCODING.length:
        if (isName(bytes, from, CONTENT_ENCODING)) {
          this.#takeContentEncoding(fieldValue(bytes, colon + 1, to));
        }
        break;
      case CONNECTION.length:
        if (isName(bytes, from, CONNECTION)) {
          this.#takeConnection(fieldValue(bytes, colon + 1, to));
        }
    }
  }

  /** Checks the form of a header or trailer line; returns the place of its colon, or -1. */
  takeField(bytes: Uint8Array, from: number, to: number): number {
    let colon = from;
    while (NAME_BYTES[bytes[colon] as number] !== 0) colon++;
    if (bytes[colon] !== COLON || colon === from) {
      const blank = bytes[from] === SP || bytes[from] === HTAB;
      this.refusal = blank
        ? "a header line is folded"
        : `a header line has no name before a colon: ${
          quoteBytes(bytes, from, to)
        }`;
      return -1;
    }
    if (!isText(bytes, colon + 1, to)) {
      this.refusal = `the value of header ${
        quoteBytes(bytes, from, colon)
      } holds a control character`;
      return -1;
    }
    return colon;
  }

  #takeContentLength(bytes: Uint8Array, from: number, to: number): void {
    let start = from;
    let end = to;
    while (isBlank(bytes[start]) && start < end) start++;
    while (isBlank(bytes[end - 1]) && end > start) end--;
    let length = end > start && end - start <= LENGTH_DIGITS ? 0 : NaN;
    for (let i = start; i < end; i++) length = 10 * length + digit(bytes, i);
    if (Number.isNaN(length)) {
      this.refusal = `content-length is ${
        quoteBytes(bytes, start, end)
      }, not a number of at most ${LENGTH_DIGITS} digits`;
    } else if (this.contentLength >= 0 && this.contentLength !== length) {
      this.refusal = "two content-length headers differ";
    } else {
      this.contentLength = length;
    }
  }

  #takeTransferEncoding(value: string): void {
    if (this.chunked || value.toLowerCase() !== "chunked") {
      this.refusal = `transfer-encoding is ${
        quoteText(value)
      }; chunked, once, is read`;
    }
    this.chunked = true;
  }

  #takeContentEncoding(value: string): void {
    const coding = value.toLowerCase();
    if (coding === "identity") return;
    if (this.coding !== "identity") {
      this.refusal = "there is more than one content-encoding";
    } else if (coding === "gzip" || coding === "x-gzip") {
      this.coding = "gzip";
    } else if (coding === "deflate") {
      this.coding = "deflate";
    } else {
      this.refusal = `content-encoding is ${
        quoteText(value)
      }; identity, gzip and deflate are read`;
    }
  }

  #takeConnection(value: string): void {
    for (const option of value.toLowerCase().split(",")) {
      const name = option.trim();
      if (name === "close") this.#closes = true;
      else if (name === "keep-alive") this.#keeps = true;
    }
  }
}

/** The first line of a chunk. */
export interface ChunkSize {
  dataBytes: number;
  /** Bytes of extensions in the line, which are passed over. */
  extensionBytes: number;
}

/** Reads the size line of a chunk at `from` to `to`; null if it is malformed. */
export function parseChunkSize(
  bytes: Uint8Array,
  from: number,
  to: number,
): ChunkSize | null {
  let at = from;
  let dataBytes = 0;
  for (; at < to; at++) {
    const value = hexDigit(bytes[at] as number);
    if (value < 0) break;
    dataBytes = dataBytes * 16 + value;
  }
  const digits = at - from;
  const extensionBytes = to - at;
  while (at < to && isBlank(bytes[at])) at++;
  const good = digits > 0 && digits <= LENGTH_DIGITS &&
    (extensionBytes === 0 || (at < to && bytes[at] === SEMICOLON)) &&
    isText(bytes, at, to);
  return good ? { dataBytes, extensionBytes } : null;
}

/**
 * Reads the headers out of a head that was accepted before.
 *
 * @returns Values by lower-case name; a repeated header has its values joined by `, `.
 */
export function parseHeaders(head: Uint8Array): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of LATIN1.decode(head).split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = trimBlanks(line.slice(colon + 1));
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** Shows bytes of a server in a message: cut short, in quotes, every odd character escaped. */
export function quoteBytes(
  bytes: Uint8Array,
  from: number,
  to: number,
): string {
  const end = Math.min(to, from + QUOTED_CHARACTERS);
  return quoteText(LATIN1.decode(bytes.subarray(from, end)));
}

function quoteText(text: string): string {
  return JSON.stringify(text.slice(0, QUOTED_CHARACTERS)).replace(
    /[^\x20-\x7e]/g,
    (odd) => `\\u${odd.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

function digit(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  return byte >= DIGIT_0 && byte <= DIGIT_9 ? byte - DIGIT_0 : NaN;
}

function hexDigit(byte: number): number {
  if (byte >= DIGIT_0 && byte <= DIGIT_9) return byte - DIGIT_0;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Whether there is no control character but the tab. */
function isText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte < SP ? byte !== HTAB : byte === DEL) return false;
  }
  return true;
}

function isName(bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    if (NAME_BYTES[bytes[from + i] as number] !== name[i]) return false;
  }
  return true;
}

function trimBlanks(text: string): string {
  // An expression that looks for the blanks at the end goes through every row of blanks again and again.
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function fieldValue(bytes: Uint8Array, from: number, to: number): string {
  return trimBlanks(LATIN1.decode(bytes.subarray(from, to)));
}
