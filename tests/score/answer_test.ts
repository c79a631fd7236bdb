import {
  assertEquals,
  assertFalse,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import type { HttpAnswer, HttpFailure } from "../../lib/http/exchange.ts";
import {
  checkAnswer,
  createAnswerJudge,
  type ExpectedAnswer,
  expectedAnswer,
  judgeExchange,
  quoteBody,
  rowSumTolerance,
} from "../../lib/score/answer.ts";
import { createRedactor } from "../../lib/secret.ts";

const KEY = "sk-1234567890abcdefghijklmnopqrstuvwxyz";
const redact = createRedactor([KEY]);
const encode = (text: string) => new TextEncoder().encode(text);

const TWO_BY_TWO: ExpectedAnswer = {
  rows: 2,
  labels: 2,
  rowSumTolerance: null,
  rounding: 1e-4,
};
const SOFTMAX: ExpectedAnswer = { ...TWO_BY_TWO, rowSumTolerance: 1e-4 };

function answer(changes: Partial<HttpAnswer>): HttpAnswer {
  return {
    kind: "answer",
    status: 200,
    headers: new Map(),
    body: encode('{"scores":[[0.25,0.75],[0.5,0.5]]}'),
    sentMs: 1,
    doneMs: 3,
    retries: 0,
    ...changes,
  };
}

const FAILURE: HttpFailure = {
  kind: "failure",
  outcome: "protocol",
  message: `status line "${KEY}"${"x".repeat(1000)}`,
  sentMs: 1,
  doneMs: 2,
  retries: 0,
};

function judge(changes: Partial<HttpAnswer>, expected = SOFTMAX) {
  return judgeExchange(answer(changes), expected, redact);
}

function check(text: string, expected = SOFTMAX) {
  const { fault } = checkAnswer(encode(text), expected);
  return fault === null ? "ok" : `${fault.outcome}: ${fault.message}`;
}

Deno.test("checkAnswer() returns the scores of a right answer", () => {
  assertEquals(
    checkAnswer(
      encode(
        '{"scores":[[0.25,0.75],[0.5,0.5]],"model":"m","usage":null,"object":"scoring"}',
      ),
      SOFTMAX,
    ),
    { scores: [[0.25, 0.75], [0.5, 0.5]], fault: null },
  );
});

Deno.test("checkAnswer() takes ties, zeros, ones and single labels for right", () => {
  assertEquals(check('{"scores":[[0.5,0.5],[1,0]]}'), "ok");
  assertEquals(check('{"scores":[[0,0],[0,0]]}', TWO_BY_TWO), "ok");
  assertEquals(check('{"scores":[[1.0,1],[1e-9,0.0]]}', TWO_BY_TWO), "ok");
  assertEquals(
    check('{"scores":[[1.0]]}', { ...SOFTMAX, rows: 1, labels: 1 }),
    "ok",
  );
});

Deno.test("checkAnswer() names a body that is not the JSON of an answer", () => {
  const noJson = "invalid-json: the body is not JSON";
  const noScores = 'invalid-json: there is no list "scores"';
  const cases: [string, string][] = [
    ["", noJson],
    ["<html><body>502 Bad Gateway</body></html>", noJson],
    ['{"scores":[[NaN,0.5],[0.5,0.5]]}', noJson],
    ['{"scores":[[Infinity,0.5],[0.5,0.5]]}', noJson],
    ['{"scores":[[0.5,0.5],[0.5', noJson],
    ['{"scores":[[0.5,0.5],[0.5,0.5]]}garbage', noJson],
    ["null", noScores],
    ["5", noScores],
    ['"scores"', noScores],
    ["[[0.5,0.5],[0.5,0.5]]", noScores],
    ["{}", noScores],
    ['{"scores":null}', noScores],
    ['{"scores":{"0":[0.5,0.5],"length":2}}', noScores],
    ['{"object":"error","message":"no","code":400}', noScores],
  ];
  for (const [text, found] of cases) assertEquals(check(text), found);
});

Deno.test("checkAnswer() refuses invalid UTF-8", () => {
  const body = encode('{"scores":[[0.5,0.5],[0.5,0.5]],"model":"?"}');
  body[body.length - 3] = 0xff;
  assertEquals(checkAnswer(body, SOFTMAX).fault, {
    outcome: "invalid-json",
    message: "the body is not JSON",
  });
});

Deno.test("checkAnswer() names a wrong shape", () => {
  const cases: [string, string][] = [
    ['{"scores":[]}', "0 rows for 2 items"],
    ['{"scores":[[0.5,0.5]]}', "1 rows for 2 items"],
    ['{"scores":[[0.5,0.5],[0.5,0.5],[0.5,0.5]]}', "3 rows for 2 items"],
    ['{"scores":[[0.5,0.5],[1]]}', "row 1 has 1 scores for 2 labels"],
    ['{"scores":[[0.5,0.5,0],[0.5,0.5]]}', "row 0 has 3 scores for 2 labels"],
    ['{"scores":[[0.5,0.5],0.5]}', "row 1 has no list for 2 labels"],
    ['{"scores":[null,[0.5,0.5]]}', "row 0 has no list for 2 labels"],
    ['{"scores":["ab",[0.5,0.5]]}', "row 0 has no list for 2 labels"],
  ];
  for (const [text, found] of cases) {
    assertEquals(check(text), `invalid-shape: ${found}`);
  }
});

Deno.test("checkAnswer() names a score that is not a probability", () => {
  const cases: [string, string][] = [
    ["null", "null"],
    ['"0.5"', "a text"],
    ["true", "true"],
    ["[0.5]", "a list"],
    ['{"a":1}', "an object"],
    ["-0.1", "-0.1"],
    ["1.001", "1.001"],
    ["1e999", "Infinity"],
    ["-2.5", "-2.5"],
  ];
  for (const [score, found] of cases) {
    assertEquals(
      check(`{"scores":[[0.5,0.5],[0.5,${score}]]}`, TWO_BY_TWO),
      `invalid-score: row 1 holds ${found}, not a number from 0 to 1`,
    );
  }
});

Deno.test("checkAnswer() wants rows that sum to 1 under softmax only", () => {
  const rows = '{"scores":[[0.5,0.5],[0.25,0.5]]}';
  assertEquals(
    check(rows),
    "invalid-score: row 1 sums to 0.75, not to 1 within 0.0001",
  );
  assertEquals(check(rows, TWO_BY_TWO), "ok");
  assertEquals(check('{"scores":[[0.5,0.50009],[0.5,0.49991]]}'), "ok");
  assertEquals(
    check('{"scores":[[0.5,0.5],[0.5,0.49985]]}').split(":")[0],
    "invalid-score",
  );
  assertEquals(
    check('{"scores":[[0.75,0.75],[0.5,0.5]]}'),
    "invalid-score: row 0 sums to 1.5, not to 1 within 0.0001",
  );
});

Deno.test("rowSumTolerance() is what the data type can hold", () => {
  // The sum is off by 0.001, 0.01 and 0.05.
  const passes = (dtype: string) =>
    [0.499, 0.49, 0.45].map((low) =>
      check(`{"scores":[[0.5,${low}],[0.5,0.5]]}`, {
        ...TWO_BY_TWO,
        rowSumTolerance: rowSumTolerance(dtype),
      }) === "ok"
    );
  for (const dtype of ["float32", "float"]) {
    assertEquals(passes(dtype), [false, false, false]);
  }
  for (const dtype of ["float16", "half"]) {
    assertEquals(passes(dtype), [true, false, false]);
  }
  for (const dtype of ["bfloat16", "auto", "unknown", ""]) {
    assertEquals(passes(dtype), [true, true, false]);
  }
});

Deno.test("checkAnswer() bears deep nesting", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  assertEquals(check(deep), 'invalid-json: there is no list "scores"');
  assertEquals(
    check(`{"scores":[[0.5,0.5],[0.5,${deep}]]}`, TWO_BY_TWO),
    "invalid-score: row 1 holds a list, not a number from 0 to 1",
  );
  assertEquals(
    check(`{"scores":[${deep},[0.5,0.5]]}`, TWO_BY_TWO),
    "invalid-shape: row 0 has 1 scores for 2 labels",
  );
});

Deno.test("judgeExchange() says nothing of a right answer", () => {
  assertEquals(judge({}), { outcome: "ok", message: "" });
});

Deno.test("judgeExchange() passes on how the transport failed, without secrets and cut", () => {
  const { outcome, message } = judgeExchange(FAILURE, SOFTMAX, redact);
  assertEquals(outcome, "protocol");
  assertEquals(message.slice(0, 26), 'status line "[redacted]"xx');
  assertEquals(message.length, 500);
});

Deno.test("judgeExchange() quotes what came with another status", () => {
  const empty = new Uint8Array();
  const cases: [Partial<HttpAnswer>, string][] = [
    [
      { status: 500, body: encode("Internal Server Error") },
      'status 500: "Internal Server Error"',
    ],
    [{ status: 503, body: empty }, "status 503"],
    [{ status: 204, body: empty }, "status 204"],
    [
      { status: 400, body: encode('{"message":"no\n"}') },
      'status 400: "{\\"message\\":\\"no\\n\\"}"',
    ],
    [
      { status: 401, body: encode('{"error":"Unauthorized"}') },
      'status 401: the key is missing or wrong (set SCORE_API_KEY or --api-key-file): "{\\"error\\":\\"Unauthorized\\"}"',
    ],
    [
      { status: 403, body: empty },
      "status 403: the key is missing or wrong (set SCORE_API_KEY or --api-key-file)",
    ],
    [{ status: 307, body: empty }, "status 307: redirects are not followed"],
    [
      {
        status: 302,
        body: empty,
        headers: new Map([["location", `http://other/?key=${KEY}`]]),
      },
      "status 302: redirects are not followed (to http://other/?key=[redacted])",
    ],
  ];
  for (const [change, message] of cases) {
    assertEquals(judge(change), { outcome: "http-status", message });
  }
});

Deno.test("judgeExchange() quotes a page that is not JSON", () => {
  assertEquals(judge({ body: encode("<html>\r\n<h1>Login</h1>") }), {
    outcome: "invalid-json",
    message: 'the body is not JSON: "<html>\\r\\n<h1>Login</h1>"',
  });
  assertEquals(judge({ body: new Uint8Array() }), {
    outcome: "invalid-json",
    message: 'the body is not JSON: ""',
  });
});

Deno.test("judgeExchange() keeps the key out wherever the server puts it", () => {
  const filler = (length: number) => "f".repeat(length);
  // Across the end of the quotation (160 characters), and whole, and in a wrong score.
  const bodies = [
    KEY,
    `<html>${KEY}</html>`,
    ...[120, 130, 150, 159, 160].map((length) => filler(length) + KEY),
    `{"scores":[[0.5,0.5],[0.5,"${KEY}"]]}`,
    `{"scores":[[0.5,0.5],[0.5,"${filler(20)}${KEY}"]]}`,
    `{"scores":[[0.5,0.5],"${KEY}"]}`,
    `{"message":"${KEY}"}`,
    filler(16_370) + KEY,
  ];
  for (const text of bodies) {
    for (const status of [200, 401, 500]) {
      const { message } = judge({ status, body: encode(text) });
      assertFalse(message.includes(KEY.slice(0, 8)), message);
      assertFalse(message === "");
    }
  }
});

Deno.test("judgeExchange() bounds every message", () => {
  const long = "\x00<".repeat(1_000_000);
  const headers = new Map([["location", "http://" + "h".repeat(100_000)]]);
  for (const status of [200, 302, 400, 401]) {
    const { message } = judge({ status, headers, body: encode(long) });
    // The reason and 160 characters, of which each control character takes six.
    assertLessOrEqual(message.length, 700);
  }
  assertEquals(
    judge({ status: 302, headers, body: encode(long) }).message.length,
    500,
  );
});

const tolerance = { relative: 0.01, absolute: 1e-4 };

Deno.test("checkAnswer() takes a score that a rounding puts above 1, and no more", () => {
  const outcome = (score: number, dtype: string) => {
    const spec = { batchSize: 1, labelTokenIds: [1], applySoftmax: false };
    return checkAnswer(
      encode(JSON.stringify({ scores: [[score]] })),
      expectedAnswer(spec, dtype),
    ).fault?.outcome ?? "ok";
  };
  assertEquals(outcome(1.0000001, "float32"), "ok");
  assertEquals(outcome(1.001, "float32"), "invalid-score");
  assertEquals(outcome(1.0078125, "bfloat16"), "ok");
  assertEquals(outcome(1.1, "bfloat16"), "invalid-score");
});

Deno.test("createAnswerJudge() judges each answer as judgeExchange() does, copies of a right one too", () => {
  const right = '{"scores":[[0.25,0.75],[0.5,0.5]]}';
  const bodies = [
    '{"scores":[[0.25,0.25],[0.5,0.5]]}',
    right,
    right,
    '{"scores":[[0.25,0.75],[0.5,0.25]]}',
    '{"scores":[[0.25,0.75],[0.25,0.75]]}',
    right.slice(0, -1),
    `${right} `,
    right,
  ];
  const exchanges = [
    ...bodies.map((body) => answer({ body: encode(body) })),
    answer({ status: 500, body: encode(right) }),
    FAILURE,
  ];
  const judgeAgain = createAnswerJudge(SOFTMAX, { redact, tolerance });
  assertEquals(
    exchanges.map(judgeAgain),
    exchanges.map((exchange) => judgeExchange(exchange, SOFTMAX, redact))
      .with(4, {
        outcome: "mismatch",
        message:
          "the server gave different answers to one request: a score differs by 0.250 from the first answer",
      }),
  );
});

Deno.test("createAnswerJudge() compares no two answers where requests differ, but checks each", () => {
  const bodies = [
    '{"scores":[[0.25,0.75],[0.5,0.5]]}',
    '{"scores":[[0.75,0.25],[0.5,0.5]]}',
    '{"scores":[[0.75,0.25],[0.5,0.4]]}',
    '{"scores":[[0.25,0.75],[0.5,0.5]]}',
    '{"scores":[[0.25,0.75],[0.5,0.5]}',
  ];
  const judge = createAnswerJudge(SOFTMAX, { redact, tolerance: null });
  assertEquals(
    bodies.map((body) => judge(answer({ body: encode(body) })).outcome),
    ["ok", "ok", "invalid-score", "ok", "invalid-json"],
  );
});

Deno.test("createAnswerJudge() knows the right answer whatever becomes of its memory", () => {
  const body = encode('{"scores":[[0.25,0.75],[0.5,0.5]]}');
  const judgeAgain = createAnswerJudge(SOFTMAX, { redact, tolerance });
  judgeAgain(answer({ body }));
  body.fill(0);
  assertEquals(judgeAgain(answer({ body })).outcome, "invalid-json");
});

Deno.test("quoteBody() cuts after 160 characters and says so", () => {
  assertEquals(
    quoteBody(encode("a".repeat(160)), redact),
    `"${"a".repeat(160)}"`,
  );
  assertEquals(
    quoteBody(encode("a".repeat(161)), redact),
    `"${"a".repeat(160)}"…`,
  );
  assertEquals(quoteBody(Uint8Array.of(0xff, 0x41), redact), '"\ufffdA"');
  const keys = `${KEY} `.repeat(1000);
  const quoted = quoteBody(encode(keys), redact);
  assertStringIncludes(quoted, "[redacted] [redacted]");
  assertFalse(quoted.includes("sk-"));
});
