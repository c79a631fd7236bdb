import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  Engine,
  type EngineEvent,
  type EngineRequest,
} from "../../lib/simulator/engine.ts";
import type { EngineOptions } from "../../lib/simulator/options.ts";

interface Example {
  name: string;
  match: "exact" | "shape";
  method: string;
  path: string;
  contentType: string | null;
  body: string;
  status: number | null;
  responseContentType: string | null;
  responseBody: unknown;
}

/** The options of the server that the examples were recorded on. */
const RECORDED = {
  modelPath: "models/tiny",
  vocabSize: 337,
  contextLength: 512,
  kvPoolTokens: 4096,
} as const;

const CALL = {
  query: "Is this relevant?",
  items: [" Yes", " No", " Maybe"],
  "label_token_ids": [10, 20, 30],
  model: "m",
};

function request(overrides: Partial<EngineRequest> = {}): EngineRequest {
  return {
    method: "POST",
    path: "/v1/score",
    authorization: null,
    contentType: "application/json",
    body: JSON.stringify(CALL),
    unixTimeSec: 1795500324.5,
    ...overrides,
  };
}

/** Sends one request at time 0 and returns the event of its end, however long it takes. */
function only(
  options: Partial<EngineOptions>,
  overrides: Partial<EngineRequest> = {},
): EngineEvent {
  const events = eventsOf(new Engine(options), request(overrides), 0);
  assertEquals(events.length, 1);
  const [event] = events;
  assert(event !== undefined);
  return event;
}

function eventsOf(
  engine: Engine,
  sent: EngineRequest,
  nowMs: number,
): EngineEvent[] {
  engine.handle(sent, nowMs);
  return engine.advance(1e9);
}

function answerOf({ reply }: EngineEvent) {
  assert(reply.kind === "answer", `expected an answer, got ${reply.kind}`);
  return reply.answer;
}

function scoresOf(call: unknown, options: Partial<EngineOptions> = {}) {
  const answer = answerOf(only(options, { body: JSON.stringify(call) }));
  assertEquals(answer.status, 200, answer.body);
  return JSON.parse(answer.body).scores as number[][];
}

function messageOf(call: unknown): string {
  const { status, body } = answerOf(only({}, { body: JSON.stringify(call) }));
  assertEquals(status, 400);
  return JSON.parse(body).message;
}

/** Checks keys and their order, list lengths and the kind of each value; null stands for any value. */
function assertShape(actual: unknown, expected: unknown, path: string): void {
  if (actual === null || expected === null) return;
  assertEquals(typeof actual, typeof expected, path);
  if (typeof actual !== "object" || typeof expected !== "object") return;
  assertEquals(Object.keys(actual), Object.keys(expected), path);
  for (const [key, value] of Object.entries(expected)) {
    assertShape(
      (actual as Record<string, unknown>)[key],
      value,
      `${path}.${key}`,
    );
  }
}

const EXAMPLES: Example[] = Deno.readTextFileSync(
  new URL("../testdata/score_examples.jsonl", import.meta.url),
).trim().split("\n").map((line) => JSON.parse(line));

for (const example of EXAMPLES) {
  Deno.test(`Engine answers as recorded: ${example.name}`, () => {
    const needsKey = example.status === 401;
    const hasNan = example.name === "NaN in a score";
    const { method, path, contentType, body } = example;
    const event = only({
      ...RECORDED,
      apiKey: needsKey ? "secret" : null,
      faults: hasNan ? ["nan-500"] : [],
    }, { method, path, contentType, body });
    if (example.status === null) {
      assertEquals(event.reply.kind, "crash");
      return;
    }
    const answer = answerOf(event);
    assertEquals(answer.status, example.status);
    assertEquals(
      answer.headers["content-type"] ?? null,
      example.responseContentType,
    );
    const actual = example.responseContentType === "application/json"
      ? JSON.parse(answer.body)
      : answer.body;
    if (example.match === "shape") {
      assertShape(actual, example.responseBody, "$");
    } else assertEquals(actual, example.responseBody);
  });
}

Deno.test("Engine keeps the key order of a score answer", () => {
  const { body } = answerOf(only({}));
  assertEquals(Object.keys(JSON.parse(body)), [
    "scores",
    "model",
    "usage",
    "object",
  ]);
});

Deno.test("Engine writes numbers as Python does", () => {
  const call = { ...CALL, "label_token_ids": [5], "apply_softmax": true };
  const softmax = answerOf(only({}, { body: JSON.stringify(call) }));
  assertEquals(
    softmax.body,
    '{"scores":[[1.0],[1.0],[1.0]],"model":"m","usage":null,"object":"scoring"}',
  );
  assert(/\[\d\.?\d*e-0\d,/.test(answerOf(only({})).body));
});

Deno.test("Engine gives float32 scores that are the same on every run and differ by model", () => {
  const first = scoresOf(CALL);
  assertEquals(scoresOf(CALL, { seed: 7 }), first);
  assertNotEquals(scoresOf(CALL, { modelPath: "other" }), first);
  for (const score of first.flat()) assertEquals(Math.fround(score), score);
});

Deno.test("Engine scores differ by query, item, label and order", () => {
  const variants = [
    CALL,
    { ...CALL, query: "Is this relevanT?" },
    { ...CALL, "item_first": true },
    { ...CALL, items: [" No", " Yes", " Maybe"] },
  ].map((call) => scoresOf(call)[0]);
  assertEquals(new Set(variants.map(String)).size, variants.length);
  const rows = scoresOf(CALL);
  assertEquals(new Set(rows.flat()).size, 9);
  const swapped = scoresOf({ ...CALL, items: [" No", " Yes", " Maybe"] });
  assertEquals(swapped, [rows[1], rows[0], rows[2]]);
  const reversed = scoresOf({ ...CALL, "label_token_ids": [30, 20, 10] });
  assertEquals(reversed, rows.map((row) => row.toReversed()));
  const tokens = { ...CALL, query: [1, 2], items: [[3, 4], [4, 3], [3]] };
  assertEquals(new Set(scoresOf(tokens).flat()).size, 9);
});

Deno.test("Engine gives probabilities over the whole vocabulary without softmax", () => {
  const ids = Array.from({ length: 337 }, (_, i) => i);
  const call = { ...CALL, items: [" a"], "label_token_ids": ids };
  const [row = []] = scoresOf(call, RECORDED);
  const sum = row.reduce((a, b) => a + b, 0);
  assert(Math.abs(sum - 1) < 1e-6, `sum ${sum}`);
  assertEquals(new Set(row).size, 337);
});

Deno.test("Engine normalises the same odds with softmax", () => {
  const plain = scoresOf(CALL);
  const softmax = scoresOf({ ...CALL, "apply_softmax": true });
  for (const [i, row] of softmax.entries()) {
    const total = (plain[i] ?? []).reduce((a, b) => a + b, 0);
    assertEquals(row, (plain[i] ?? []).map((p) => Math.fround(p / total)));
  }
});

Deno.test("Engine coerces as pydantic does in lax mode", () => {
  const ids = (value: unknown) =>
    scoresOf({ ...CALL, "label_token_ids": value });
  assertEquals(ids(["10", "20"]), ids([10, 20]));
  assertEquals(ids([true]), ids([1]));
  for (const word of ["yes", "true", 1, "ON"]) {
    assertEquals(
      scoresOf({ ...CALL, "apply_softmax": word }),
      scoresOf({ ...CALL, "apply_softmax": true }),
    );
  }
  assertEquals(
    scoresOf({ ...CALL, "apply_softmax": "no", stream: true }),
    scoresOf(CALL),
  );
});

Deno.test("Engine refuses wrong types with all problems in one message", () => {
  assertEquals(
    messageOf({ ...CALL, "label_token_ids": [10.5, [1], "x"] }),
    "[{'type': 'int_from_float', 'loc': ('body', 'label_token_ids', 0), 'msg': 'Input should be a valid integer, got a number with a fractional part', 'input': 10.5}, " +
      "{'type': 'int_type', 'loc': ('body', 'label_token_ids', 1), 'msg': 'Input should be a valid integer', 'input': [1]}, " +
      "{'type': 'int_parsing', 'loc': ('body', 'label_token_ids', 2), 'msg': 'Input should be a valid integer, unable to parse string as an integer', 'input': 'x'}]",
  );
  assertEquals(
    messageOf({ ...CALL, "apply_softmax": null, model: 5 }),
    "[{'type': 'bool_type', 'loc': ('body', 'apply_softmax'), 'msg': 'Input should be a valid boolean', 'input': None}, " +
      "{'type': 'string_type', 'loc': ('body', 'model'), 'msg': 'Input should be a valid string', 'input': 5}]",
  );
  assertEquals(
    messageOf([1]),
    "[{'type': 'model_attributes_type', 'loc': ('body',), 'msg': 'Input should be a valid dictionary or object to extract fields from', 'input': [1]}]",
  );
  assertEquals(
    messageOf({ ...CALL, items: ["a", [1]] }),
    "[{'type': 'string_type', 'loc': ('body', 'items', 'str'), 'msg': 'Input should be a valid string', 'input': ['a', [1]]}, " +
      "{'type': 'string_type', 'loc': ('body', 'items', 'list[str]', 1), 'msg': 'Input should be a valid string', 'input': [1]}, " +
      "{'type': 'list_type', 'loc': ('body', 'items', 'list[list[int]]', 0), 'msg': 'Input should be a valid list', 'input': 'a'}]",
  );
});

Deno.test("Engine checks labels before vocabulary before types", () => {
  const types = { query: "q", items: [[1]], model: "m" };
  assertEquals(messageOf(types), "label_token_ids must be provided");
  assertEquals(
    messageOf({ ...types, "label_token_ids": [1e30] }),
    "Token ID 1000000000000000019884624838656 is out of vocabulary (vocab size: 128000)",
  );
  const combination =
    "Invalid combination of query/items types for score_request.";
  for (
    const pair of [
      { query: "q", items: [[1]] },
      { query: [1], items: "a" },
      { query: [1], items: ["a"] },
      { query: null, items: ["a"] },
      { query: "q" },
    ]
  ) {
    assertEquals(
      messageOf({ ...pair, "label_token_ids": [1], model: "m" }),
      combination,
    );
  }
});

Deno.test("Engine accepts one token less than the maximum input length", () => {
  const status = (length: number) => {
    const query = new Array<number>(length - 1).fill(5);
    const body = JSON.stringify({ ...CALL, query, items: [[1]] });
    return answerOf(only(RECORDED, { body })).status;
  };
  assertEquals([status(505), status(506)], [200, 400]);
});

Deno.test("Engine puts token ids of the item first when asked to", () => {
  const first = { ...CALL, query: [1], items: [[2, 3]], "item_first": true };
  const last = { ...CALL, query: [2, 3], items: [[1]] };
  assertEquals(scoresOf(first), scoresOf(last));
});

Deno.test("Engine accepts token ids above the vocabulary and an empty query", () => {
  const rows = scoresOf({ ...CALL, query: [], items: [[2147483647]] });
  assertEquals(rows.length, 1);
});

Deno.test("Engine dies of each lethal request and stays dead", () => {
  const tokens = { ...CALL, query: [1], items: [[1]] };
  for (
    const call of [
      { ...CALL, "label_token_ids": [1, -1] },
      { ...CALL, query: "", items: [""] },
      { ...tokens, query: [], items: [[]] },
      { ...tokens, items: [[-1]] },
      { ...tokens, query: [2147483648] },
    ]
  ) {
    const engine = new Engine();
    const open = engine.handle(request(), 0);
    const lethal = engine.handle(request({ body: JSON.stringify(call) }), 1);
    const expected = { ticket: lethal, atMs: 1, reply: { kind: "crash" } };
    assertEquals(engine.advance(1e9) as unknown, [expected]);
    assert(engine.crashed);
    assertEquals(engine.nextEventMs, null);
    assertNotEquals(open, lethal);
    engine.handle(request({ method: "GET", path: "/health" }), 2);
    assertEquals(engine.advance(2)[0]?.reply.kind, "crash");
  }
});

Deno.test("Engine keeps answers that were due before it dies", () => {
  const engine = new Engine();
  engine.handle(request(), 0);
  engine.handle(
    request({ body: JSON.stringify({ ...CALL, "label_token_ids": [-1] }) }),
    10_000,
  );
  const kinds = engine.advance(10_000).map(({ reply }) => reply.kind);
  assertEquals(kinds, ["answer", "crash"]);
});

Deno.test("Engine wants the key to the letter, but not for health, metrics and OPTIONS", () => {
  const status = (method: string, path: string, authorization: string | null) =>
    answerOf(only({ apiKey: "k" }, { method, path, authorization })).status;
  assertEquals(status("GET", "/get_model_info", "Bearer k"), 200);
  for (const header of [null, "bearer k", "Bearer k ", "Bearer", "k"]) {
    assertEquals(status("GET", "/ping", header), 401);
    assertEquals(status("GET", "/nowhere", header), 401);
  }
  assertEquals(status("GET", "/health", null), 200);
  assertEquals(status("GET", "/healthy", null), 404);
  assertEquals(status("GET", "/metrics", null), 404);
  assertEquals(status("OPTIONS", "/v1/score", null), 405);
});

Deno.test("Engine routes by path and method", () => {
  const status = (method: string, path: string) =>
    answerOf(only({}, { method, path })).status;
  assertEquals(status("HEAD", "/health"), 405);
  assertEquals(status("GET", "/ping"), 200);
  assertEquals(status("GET", "/server_info"), 404);
  assertEquals(status("GET", "/constructor"), 404);
  assertEquals(status("GET", "/v1/models/simulated%2Fscore-model"), 200);
  assertEquals(status("GET", "/v1/models/simulated/score-model"), 200);
  const { body } = answerOf(
    only({}, { method: "GET", path: "/v1/models/%zz" }),
  );
  assertEquals(JSON.parse(body), {
    error: {
      message: "The model '%zz' does not exist",
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  });
});

Deno.test("Engine takes a second for /health_generate", () => {
  const event = only({}, { method: "GET", path: "/health_generate" });
  assertEquals(event.atMs, 1000);
  assertEquals(answerOf(event).body, "");
});

Deno.test("Engine says that it is simulated and shows its key in the server info", () => {
  const sent = {
    method: "GET",
    path: "/get_server_info",
    authorization: "Bearer open-sesame",
  };
  const { body } = answerOf(
    only({ ...RECORDED, apiKey: "open-sesame", dtype: "bfloat16" }, sent),
  );
  const info = JSON.parse(body);
  assertEquals(info.device, "simulated");
  assertEquals(info.version, "0.0.0+simulated");
  assertEquals(info.api_key, "open-sesame");
  assertEquals(info.dtype, "bfloat16");
  assertEquals(info.model_path, "models/tiny");
  assertEquals(info.max_req_input_len, 506);
});

Deno.test("Engine refuses to flush while requests are pending", () => {
  const engine = new Engine({ noise: 0 });
  const flush = request({ path: "/flush_cache" });
  engine.handle(request(), 0);
  engine.handle(flush, 1);
  const busy = answerOf(engine.advance(1)[0] as EngineEvent);
  assertEquals(busy.status, 400);
  assert(
    busy.body.startsWith("Cache flushed.\nPlease check backend logs"),
  );
  assert(busy.body.includes("\nReason: Cache not flushed"));
  engine.advance(1e6);
  engine.handle(flush, 1e6);
  const idle = answerOf(engine.advance(1e6)[0] as EngineEvent);
  assertEquals(idle.status, 200);
  assert(/\nFlushed items: [1-9]\d*\n$/.test(idle.body));
});

Deno.test("Engine() refuses options that are unknown or out of range", () => {
  const build = (options: unknown) => () =>
    new Engine(options as Partial<EngineOptions>);
  assertThrows(build({ fixedMS: 1 }), RangeError, 'no option "fixedMS"');
  assertThrows(
    build({ vocabSize: 1.5 }),
    RangeError,
    "Cannot simulate an engine as vocabSize must be an integer from 2 to 2147483647: current value is 1.5",
  );
  assertThrows(build({ fixedMs: NaN }), RangeError, "current value is NaN");
  assertThrows(build({ noise: -1 }), RangeError, "noise must be a number");
  assertThrows(build({ modelPath: "" }), RangeError, "modelPath");
  assertThrows(build({ apiKey: "a b" }), RangeError, "apiKey");
  assertThrows(
    build({ disableRadixCache: 1 }),
    RangeError,
    "disableRadixCache",
  );
  assertThrows(build({ faults: ["nope"] }), SyntaxError, 'fault "nope"');
});
