import {
  assert,
  assertEquals,
  assertMatch,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import { parseHeaders, RESPONSE_LIMITS } from "../../lib/http/head.ts";
import { ResponseReader } from "../../lib/http/response.ts";
import {
  ANSWERS,
  BODY_BYTES_MAX,
  mutate,
  QUEUE_FULL,
  reference,
  SCORES,
} from "../support/http_reference.ts";

/** All that can be seen of a reading, with the excess counted over all that was offered. */
interface Reading {
  state: string;
  end: string;
  status: number;
  keepAlive: boolean;
  body: string;
  headers: [string, string][];
  usedBytes: number;
}

const encodeLatin1 = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
const decodeLatin1 = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes);

function read(
  text: string,
  cuts: readonly number[] = [],
  reader = new ResponseReader(BODY_BYTES_MAX),
): Reading {
  reader.reset();
  const bytes = encodeLatin1(text);
  let state = "more";
  let fedBytes = 0;
  for (const to of [...cuts, bytes.length]) {
    if (state !== "more") break;
    state = reader.feed(bytes.subarray(fedBytes, to));
    fedBytes = to;
  }
  if (state === "protocol" || state === "too-large") {
    assert(reader.message.length > 0 && reader.message.length < 300);
    assertMatch(reader.message, /^[\x20-\x7e]+$/);
  }
  return {
    state,
    end: reader.end(),
    status: reader.status,
    keepAlive: reader.keepAlive,
    body: decodeLatin1(reader.body),
    headers: [...parseHeaders(reader.head)],
    usedBytes: fedBytes - reader.excessBytes,
  };
}

/** The message of a refused answer. */
function refusal(text: string): string {
  const reader = new ResponseReader(BODY_BYTES_MAX);
  const state = reader.feed(encodeLatin1(text));
  assert(state === "protocol" || state === "too-large", `${state}: ${text}`);
  return `${state}: ${reader.message}`;
}

Deno.test("ResponseReader reads each recorded answer", () => {
  const expected = [
    [200, true, SCORES, "complete"],
    [503, false, QUEUE_FULL, "complete"],
    [200, true, SCORES, "complete"],
    [200, false, SCORES, "more"],
    [200, true, "ok", "complete"],
    [204, true, "", "complete"],
    [500, true, "Internal Server Error", "complete"],
  ] as const;
  for (const [index, answer] of ANSWERS.entries()) {
    const reading = read(answer);
    const { status, keepAlive, body, state, end, usedBytes } = reading;
    assertEquals([status, keepAlive, body, state], [...expected[index] ?? []]);
    assertEquals(end, "complete");
    assertEquals(usedBytes, answer.length);
  }
  assertEquals(read(ANSWERS[0] ?? "").headers, [
    ["date", "Tue, 04 Aug 2026 08:00:00 GMT"],
    ["server", "uvicorn"],
    ["content-length", "137"],
    ["content-type", "application/json"],
  ]);
});

Deno.test("ResponseReader.feed() gives the same at every split into two or three chunks", () => {
  for (const answer of ANSWERS) {
    const whole = read(answer);
    for (let first = 1; first < answer.length; first++) {
      assertEquals(read(answer, [first]), whole);
    }
    for (let first = 1; first < answer.length; first += 3) {
      for (let second = first + 1; second < answer.length; second += 7) {
        assertEquals(read(answer, [first, second]), whole);
      }
    }
    const every = Array.from(answer, (_, index) => index);
    assertEquals(read(answer, every), whole);
  }
});

/** A mutation draws no more numbers than this. */
const DRAWS = 20;

const SHARE = fc.double({ min: 0, max: 1, noNaN: true });

/** A mutated answer and two places to cut it; numbers that shrink lead to fewer and simpler edits. */
const mutation = fc.record({
  draws: fc.array(fc.integer({ min: 0, max: 2 ** 20 - 1 }), {
    minLength: DRAWS,
    maxLength: DRAWS,
  }),
  cuts: fc.tuple(SHARE, SHARE),
}).map(({ draws, cuts }) => {
  let drawn = 0;
  const text = mutate(() => (draws[drawn++] ?? 0) / 2 ** 20);
  return {
    text,
    cuts: cuts.map((share) => Math.floor(share * text.length)).toSorted((
      left,
      right,
    ) => left - right),
  };
});

Deno.test("ResponseReader agrees with the reference on 120,000 mutated answers, whole and split", () => {
  const states = new Map<string, number>();
  // Has read all before it, so that the head of one answer is known when the next one comes.
  const used = new ResponseReader(BODY_BYTES_MAX);
  fc.assert(
    fc.property(mutation, ({ text, cuts }) => {
      const whole = read(text);
      const split = read(text, cuts);
      const expected = reference(text);
      assertEquals(whole.state, expected.state);
      assertEquals(split.state, expected.state);
      assertEquals(read(text, [], used), whole);
      assertEquals(read(text, cuts, used), split);
      assertEquals(read(text, [], used), whole);
      if (whole.state === "complete") {
        assertEquals(whole.usedBytes, expected.used);
        assertEquals(split.usedBytes, expected.used);
      }
      if (whole.state === "complete" || whole.state === "more") {
        assertEquals(whole.body, expected.body);
        assertEquals(split.body, expected.body);
        assertEquals(split.status, whole.status);
        assertEquals(split.end, whole.end);
      }
      states.set(whole.state, (states.get(whole.state) ?? 0) + 1);
    }),
    { numRuns: 120_000, seed: 9112 },
  );
  // The mutations reach every state often, or the test above says little.
  for (const state of ["more", "complete", "protocol", "too-large"]) {
    assert((states.get(state) ?? 0) > 1_000, `${state}: ${states.get(state)}`);
  }
});

Deno.test("ResponseReader.feed() counts the bytes after the answer", () => {
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  const reader = new ResponseReader(BODY_BYTES_MAX);
  assertEquals(reader.feed(encodeLatin1(answer + answer)), "complete");
  assertEquals(reader.excessBytes, answer.length);
  reader.reset();
  assertEquals(reader.excessBytes, 0);
  assertEquals(reader.feed(encodeLatin1(answer)), "complete");
  assertEquals(decodeLatin1(reader.body), "ok");
});

Deno.test("ResponseReader.body is a view of the chunk when it came in one, and survives reset()", () => {
  const chunk = encodeLatin1(ANSWERS[0] ?? "");
  const reader = new ResponseReader(BODY_BYTES_MAX);
  reader.feed(chunk);
  const { body } = reader;
  assertStrictEquals(body.buffer, chunk.buffer);
  reader.reset();
  reader.feed(encodeLatin1("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"));
  reader.feed(encodeLatin1("o"));
  reader.feed(encodeLatin1("k"));
  assertEquals(decodeLatin1(body), SCORES);
});

Deno.test("ResponseReader.end() tells reset, truncated and complete apart", () => {
  const ends = [
    ["", "reset"],
    ["H", "truncated"],
    ["HTTP/1.1 100 Continue\r\n\r\n", "truncated"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", "truncated"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "truncated"],
    [
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
      "truncated",
    ],
    ["HTTP/1.1 200 OK\r\n\r\n", "complete"],
    ["HTTP/1.1 200 OK\r\n\r\nabc", "complete"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "complete"],
  ] as const;
  for (const [text, end] of ends) assertEquals(read(text).end, end, text);
});

Deno.test("ResponseReader.keepAlive follows version, connection header and framing", () => {
  const length = "content-length: 0\r\n\r\n";
  const kept = [
    [`HTTP/1.1 200 OK\r\n${length}`, true],
    [`HTTP/1.1 200 OK\r\nConnection: Keep-Alive, CLOSE\r\n${length}`, false],
    [`HTTP/1.0 200 OK\r\n${length}`, false],
    [`HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n${length}`, true],
    [`HTTP/1.1 200 OK\r\n\r\n`, false],
  ] as const;
  for (const [text, keepAlive] of kept) {
    assertEquals(read(text).keepAlive, keepAlive, text);
  }
});

Deno.test("ResponseReader refuses what has no single meaning, and says why", () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`;
  const refusals = [
    ["S", 'protocol: the answer starts with "S", not with HTTP/1.'],
    [
      "HTTP/2 200\r\n",
      'protocol: the answer starts with "HTTP/2 200", not with HTTP/1.',
    ],
    ["HTTP/1.2 200 OK\r\n", 'protocol: the status line is "HTTP/1.2 200 OK"'],
    ["HTTP/1.1 099 OK\r\n", 'protocol: the status line is "HTTP/1.1 099 OK"'],
    ["HTTP/1.1 2000\r\n", 'protocol: the status line is "HTTP/1.1 2000"'],
    ["HTTP/1.1  200\r\n", 'protocol: the status line is "HTTP/1.1  200"'],
    ["HTTP/1.1 200 OK\n", "protocol: a line ends in a bare LF"],
    ["HTTP/1.1 200 O\rK\r\n", 'status line is "HTTP/1.1 200 O\\rK"'],
    [`${ok}a: b\r\n c\r\n`, "protocol: a header line is folded"],
    [`${ok}a : b\r\n`, "protocol: a header line has no name before a colon"],
    [`${ok}: b\r\n`, "protocol: a header line has no name before a colon"],
    [`${ok}a\r\n`, "protocol: a header line has no name before a colon"],
    [`${ok}a: \0\r\n`, 'the value of header "a" holds a control character'],
    [`${ok}content-length: 1a\r\n`, 'protocol: content-length is "1a", not'],
    [`${ok}content-length: +1\r\n`, 'protocol: content-length is "+1", not'],
    [`${ok}content-length:\r\n`, 'protocol: content-length is "", not'],
    [`${ok}content-length: 5, 5\r\n`, 'content-length is "5, 5", not'],
    [
      `${ok}content-length: 99999999999999\r\n`,
      "not a number of at most 13 digits",
    ],
    [
      `${ok}content-length: 5\r\ncontent-length: 6\r\n`,
      "protocol: two content-length headers differ",
    ],
    [
      `${ok}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
      "protocol: transfer-encoding stands beside content-length",
    ],
    [
      "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
      "protocol: transfer-encoding stands in an HTTP/1.0 answer",
    ],
    [
      `${ok}transfer-encoding: gzip, chunked\r\n`,
      'protocol: transfer-encoding is "gzip, chunked"',
    ],
    [`${ok}content-encoding: br\r\n`, 'protocol: content-encoding is "br"'],
    [
      `${ok}content-encoding: gzip\r\ncontent-encoding: gzip\r\n`,
      "protocol: there is more than one content-encoding",
    ],
    ["HTTP/1.1 101 Switching\r\n\r\n", "protocol: the status is 101"],
    ["\r\nHTTP/1.1 200 OK\r\n", "protocol: the answer starts with"],
    [`${chunked}\r\n`, 'protocol: a chunk size is ""'],
    [`${chunked}0x5\r\n`, 'protocol: a chunk size is "0x5"'],
    [`${chunked}5 \r\n`, 'protocol: a chunk size is "5 "'],
    [`${chunked}00000000000005\r\n`, "a chunk size is"],
    [`${chunked}-5\r\n`, 'protocol: a chunk size is "-5"'],
    [`${chunked}1\r\nab`, null],
    [`${chunked}1\r\nab\r\n`, "protocol: a chunk is longer than its size"],
    [`${chunked}0\r\nbad\r\n`, "a header line has no name before a colon"],
  ] as const;
  for (const [text, message] of refusals) {
    if (message === null) assertEquals(read(text).state, "more");
    else assertStringIncludes(refusal(text), message);
  }
});

Deno.test("ResponseReader accepts up to each limit and refuses beyond it", () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const end = "content-length: 0\r\n\r\n";
  const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`;
  const { headBytes, lineBytes, headerCount, chunkExtensionBytes } =
    RESPONSE_LIMITS;
  const header = (bytes: number): string => `x: ${"v".repeat(bytes - 4)}\r\n`;
  const interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const extension = (bytes: number): string => `1;${"e".repeat(bytes - 1)}`;
  const pairs: [string, string][] = [
    [ok + header(lineBytes) + end, ok + header(lineBytes + 1) + end],
    [
      ok + "a:\r\n".repeat(headerCount - 1) + end,
      ok + "a:\r\n".repeat(headerCount) + end,
    ],
    [
      `${chunked}${extension(chunkExtensionBytes)}\r\nx\r\n0\r\n\r\n`,
      `${chunked}${extension(chunkExtensionBytes)}\r\nx\r\n0;\r\n\r\n`,
    ],
    [
      `${chunked}8f\r\n${"b".repeat(143)}\r\n1\r\nb\r\n0\r\n\r\n`,
      `${chunked}8f\r\n${"b".repeat(143)}\r\n2\r\n`,
    ],
    [
      `${ok}content-length: 144\r\n\r\n${"b".repeat(144)}`,
      `${ok}content-length: 145\r\n\r\n`,
    ],
  ];
  for (const [good, bad] of pairs) {
    assertEquals(read(good).state, "complete");
    assertEquals(read(bad).state, "too-large");
    // A byte at a time no more is kept than the limits need.
    assertEquals(read(bad, Array.from(bad, (_, i) => i)).state, "too-large");
  }
  const heads = ok + header(8_192).repeat(headBytes / 8_192);
  assertEquals(read(heads).state, "too-large");
  assertEquals(read(`${ok}x: ${"v".repeat(lineBytes)}`).state, "too-large");
  assertEquals(read(interim.repeat(8) + ok + end).state, "complete");
  assertStringIncludes(refusal(interim.repeat(9)), "too many interim answers");
  assertEquals(read(`${ok}\r\n${"b".repeat(144)}`).state, "more");
  assertEquals(read(`${ok}\r\n${"b".repeat(145)}`).state, "too-large");
});

Deno.test("parseHeaders() joins repeated headers and keeps their values as sent", () => {
  const { headers } = read(
    "HTTP/1.1 200 OK\r\nA: 1\r\nb:\t x y \t\r\na: 2\r\ncontent-length: 0\r\n\r\n",
  );
  assertEquals(headers, [["a", "1, 2"], ["b", "x y"], ["content-length", "0"]]);
});

Deno.test("ResponseReader.takeBodyFor() gives up its body for one with the same bytes alone", () => {
  const reader = new ResponseReader(BODY_BYTES_MAX);
  const answer = (body: string) =>
    encodeLatin1(
      `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  reader.reset();
  reader.feed(answer("right"));
  const first = reader.body;
  reader.reset();
  reader.feed(answer("right"));
  assert(reader.takeBodyFor(first));
  assertStrictEquals(reader.body, first);
  for (const body of ["wrong", "righ", "right!", ""]) {
    reader.reset();
    reader.feed(answer(body));
    assert(!reader.takeBodyFor(first));
    assertEquals(decodeLatin1(reader.body), body);
  }
});
