/**
 * Recorded answers, their mutation, and a second reading of HTTP/1.1 answers to compare with: slow,
 * over whole texts, by regular expressions.
 *
 * @module
 */

import { RESPONSE_LIMITS } from "../../lib/http/head.ts";
import type { Rng } from "../../lib/stats/rng.ts";

/** Little above the recorded bodies, so that mutations go beyond it. */
export const BODY_BYTES_MAX = 144;
/** The body of a recorded answer. */
export const SCORES =
  '{"scores":[[0.0148545540869236,0.9851454496383667],[0.42336025834083557,0.5766397714614868]],"model":"m","usage":null,"object":"scoring"}';
const UVICORN = "date: Tue, 04 Aug 2026 08:00:00 GMT\r\nserver: uvicorn\r\n";
/** The body of a refusal of a full queue. */
export const QUEUE_FULL =
  '{"object":"error","message":"The request queue is full.","type":"503","param":null,"code":503}';

/** Answers as servers give them, one of each framing. */
export const ANSWERS: readonly string[] = [
  `HTTP/1.1 200 OK\r\n${UVICORN}content-length: ${SCORES.length}\r\ncontent-type: application/json\r\n\r\n${SCORES}`,
  `HTTP/1.1 503 Service Unavailable\r\n${UVICORN}Content-Length:${QUEUE_FULL.length}\r\nConnection: close\r\n\r\n${QUEUE_FULL}`,
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10;name="v"\r\n${
    SCORES.slice(0, 16)
  }\r\n79\r\n${SCORES.slice(16)}\r\n0\r\nx-trailer: 1\r\n\r\n`,
  `HTTP/1.0 200 OK\r\nserver: old\r\n\r\n${SCORES}`,
  `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
  `HTTP/1.1 204 No Content\r\nx-request-id: 7\r\n\r\n`,
  `HTTP/1.1 500\r\ncontent-length: 21\r\ncontent-type: text/plain; charset=utf-8\r\n\r\nInternal Server Error`,
];

/** What the reference makes of a text. */
export interface ReferenceReading {
  /** As `ResponseState`. */
  state: string;
  /** The body so far, a character for each byte. */
  body: string;
  /** The bytes up to the end of a complete answer, otherwise -1. */
  used: number;
}

/**
 * What RFC 9112 and the strictness of the module make of a whole stream, by regular expressions
 * over its text: the state, and of a good answer the body and the bytes used.
 */
export function reference(
  text: string,
): ReferenceReading {
  const refused = { state: "protocol", body: "", used: -1 };
  const more = { state: "more", body: "", used: -1 };
  let rest = text;
  for (let interim = 0; interim <= RESPONSE_LIMITS.interimAnswers; interim++) {
    const headEnd = rest.indexOf("\r\n\r\n");
    // Each line is judged once it is whole, and a first line from its first byte on.
    const seen = headEnd < 0
      ? rest.slice(0, rest.lastIndexOf("\n") + 1)
      : rest.slice(0, headEnd + 2);
    const version = "HTTP/1.";
    if (rest.slice(0, 7) !== version.slice(0, rest.length)) return refused;
    const lines = seen.split("\n");
    lines.pop();
    const fields: [string, string][] = [];
    for (const [index, line] of lines.entries()) {
      const pattern = index === 0
        ? /^HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?\r$/
        : /^([!#$%&'*+\-.^_`|~\da-zA-Z]+):([\t\x20-\x7e\x80-\xff]*)\r$/;
      const match = pattern.exec(line);
      if (match === null) return refused;
      if (index > 0) {
        const value = (match[2] ?? "").replace(/^[ \t]+|[ \t]+$/g, "");
        fields.push([(match[1] ?? "").toLowerCase(), value]);
      }
    }
    const all = (name: string): string[] =>
      fields.filter(([key]) => key === name).map(([, value]) => value);
    const lengths = all("content-length");
    const transfers = all("transfer-encoding").map((v) => v.toLowerCase());
    const codings = all("content-encoding").map((v) => v.toLowerCase())
      .filter((v) => v !== "identity");
    if (lengths.some((v) => !/^\d{1,13}$/.test(v))) return refused;
    if (new Set(lengths.map(Number)).size > 1) return refused;
    if (transfers.length > 1 || transfers.some((v) => v !== "chunked")) {
      return refused;
    }
    if (codings.length > 1) return refused;
    if (codings.some((v) => !["gzip", "x-gzip", "deflate"].includes(v))) {
      return refused;
    }
    if (headEnd < 0) return more;
    const status = Number(rest.slice(9, 12));
    rest = rest.slice(headEnd + 4);
    if (status === 101) return refused;
    if (status < 200) continue;
    const isChunked = transfers.length === 1;
    const start = text.length - rest.length;
    const minor = lines[0]?.[7];
    if (isChunked && (lengths.length > 0 || minor === "0")) return refused;
    if (status === 204 || status === 304) {
      return { state: "complete", body: "", used: start };
    }
    if (isChunked) return chunkedReference(text, start);
    if (lengths.length === 0) {
      return rest.length > BODY_BYTES_MAX
        ? { ...refused, state: "too-large" }
        : { state: "more", body: rest, used: -1 };
    }
    const length = Number(lengths[0]);
    if (length > BODY_BYTES_MAX) return { ...refused, state: "too-large" };
    if (rest.length < length) return { ...more, body: rest };
    const body = rest.slice(0, length);
    return { state: "complete", body, used: start + length };
  }
  return refused;
}

function chunkedReference(
  text: string,
  start: number,
): ReferenceReading {
  let at = start;
  let body = "";
  const line = (): string | null => {
    const lf = text.indexOf("\n", at);
    if (lf < 0) return null;
    const whole = text.slice(at, lf + 1);
    at = lf + 1;
    return whole;
  };
  const refused = { state: "protocol", body, used: -1 };
  for (;;) {
    const sizeLine = line();
    if (sizeLine === null) return { state: "more", body, used: -1 };
    const size = /^([\da-fA-F]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n$/
      .exec(
        sizeLine,
      );
    if (size === null) return refused;
    const bytes = parseInt(size[1] ?? "", 16);
    if (bytes === 0) break;
    if (body.length + bytes > BODY_BYTES_MAX) {
      return { ...refused, state: "too-large" };
    }
    body += text.slice(at, at + bytes);
    if (text.length < at + bytes) return { state: "more", body, used: -1 };
    at += bytes;
    const end = line();
    if (end === null) return { state: "more", body, used: -1 };
    if (end !== "\r\n") return refused;
  }
  for (;;) {
    const trailer = line();
    if (trailer === null) return { state: "more", body, used: -1 };
    if (trailer === "\r\n") return { state: "complete", body, used: at };
    if (
      !/^[!#$%&'*+\-.^_`|~\da-zA-Z]+:[\t\x20-\x7e\x80-\xff]*\r\n$/.test(trailer)
    ) return refused;
  }
}

const pick = <T>(rng: Rng, values: readonly T[]): T =>
  values[Math.floor(rng() * values.length)] as T;
const below = (rng: Rng, count: number): number => Math.floor(rng() * count);

/** Pieces that change the framing when they are put somewhere. */
const FRAGMENTS: readonly string[] = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "\0",
  "\x7f",
  "\xff",
  "0",
  "-1",
  "f",
  "0\r\n\r\n",
  "content-length: 5\r\n",
  "Content-Length: 99999\r\n",
  "transfer-encoding: chunked\r\n",
  "content-encoding: br\r\n",
  "connection: close\r\n",
  " folded\r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 304 Not Modified\r\n\r\n",
];

/** One of the answers with one to three changes: bytes, cuts, repeats and {@linkcode FRAGMENTS}. */
export function mutate(rng: Rng): string {
  let text = pick(rng, ANSWERS);
  for (let edits = 1 + below(rng, 3); edits > 0; edits--) {
    const at = below(rng, text.length + 1);
    const to = Math.min(text.length, at + below(rng, 8));
    switch (below(rng, 6)) {
      case 0:
        text = text.slice(0, at) + String.fromCharCode(below(rng, 256)) +
          text.slice(at + 1);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(to);
        break;
      case 2:
        text = text.slice(0, at) + pick(rng, FRAGMENTS) + text.slice(at);
        break;
      case 3: {
        // At the start of a line most fragments mean something.
        const line = text.lastIndexOf("\n", at) + 1;
        text = text.slice(0, line) + pick(rng, FRAGMENTS) + text.slice(line);
        break;
      }
      case 4:
        text = text.slice(0, at);
        break;
      default:
        text = text.slice(0, at) + text.slice(at - 20 < 0 ? 0 : at - 20);
    }
  }
  return text;
}
