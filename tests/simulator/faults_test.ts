import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { RecentScores, scoredAnswer } from "../../lib/simulator/answers.ts";
import { Engine, type EngineEvent } from "../../lib/simulator/engine.ts";
import {
  driftFactor,
  FAULT_KINDS,
  type FaultName,
  faultsAt,
  faultTable,
  leakedBytes,
  parseFault,
  spoilRows,
} from "../../lib/simulator/faults.ts";
import { ZERO_COST } from "../../lib/simulator/options.ts";
import { PseudoModel } from "../../lib/simulator/scores.ts";

const CALL = {
  query: "Is this relevant?",
  items: [" Yes", " No", " Maybe"],
  "label_token_ids": [10, 20],
  model: "m",
  "apply_softmax": true,
};

/** Sends score requests to an engine without cost, one a millisecond, and returns all events. */
function run(faults: string[], count = 1): EngineEvent[] {
  const engine = new Engine({ ...ZERO_COST, faults });
  for (let i = 0; i < count; i++) {
    engine.handle({
      method: "POST",
      path: "/v1/score",
      authorization: null,
      contentType: "application/json",
      body: JSON.stringify(CALL),
      unixTimeSec: 0,
    }, i);
  }
  return engine.advance(1e9);
}

function answerOf(event: EngineEvent | undefined) {
  assert(event?.reply.kind === "answer");
  return event.reply.answer;
}

function scores(fault: string): number[][] {
  return JSON.parse(answerOf(run([fault])[0]).body).scores;
}

const CLEAN: number[][] = JSON.parse(answerOf(run([])[0]).body).scores;

Deno.test("parseFault() reads every form", () => {
  assertEquals(parseFault("hang"), {
    name: "hang",
    value: 0,
    when: { rate: 1 },
  });
  assertEquals(parseFault("slow=250@0.01"), {
    name: "slow",
    value: 250,
    when: { rate: 0.01 },
  });
  assertEquals(parseFault("status=503@1%").when, { rate: 0.01 });
  assertEquals(parseFault("crash#40").when, { index: 40 });
  assertEquals(parseFault("swap-rows/1000").when, { every: 1000 });
  assertEquals(parseFault("stall").value, 1500);
  assertEquals(parseFault("out-of-range=-2").value, -2);
});

Deno.test("parseFault() refuses other forms, names and numbers", () => {
  for (
    const text of [
      "",
      "nope",
      "slow=",
      "hang=1",
      "hang#0",
      "hang@",
      "hang@1#2",
      "constructor",
    ]
  ) {
    assertThrows(() => parseFault(text), SyntaxError, JSON.stringify(text));
  }
  for (
    const text of [
      "slow=x",
      "slow=-1",
      "hang@1.5",
      "hang@101%",
      "status=200",
      "slow=1e999",
    ]
  ) {
    assertThrows(() => parseFault(text), RangeError, JSON.stringify(text));
  }
});

Deno.test("faultTable() names each fault once, in lines that leave two of 80 columns", () => {
  const lines = faultTable().split("\n");
  const names = lines.flatMap((line) => /^[\w-]+/.exec(line)?.[0] ?? []);
  assertEquals(names, Object.keys(FAULT_KINDS));
  assertEquals(lines.filter((line) => line.length > 78), []);
});

Deno.test("faultsAt() strikes by index, in turn and by seeded chance", () => {
  const struck = (text: string, seed = 1) =>
    Array.from({ length: 5000 }, (_, i) => i + 1).filter((requestNumber) =>
      faultsAt([parseFault(text)], { requestNumber, seed }).size > 0
    );
  assertEquals(struck("hang#7"), [7]);
  assertEquals(struck("hang/2000"), [2000, 4000]);
  const chance = struck("hang@10%");
  // 500 expected; four standard deviations are 85.
  assertAlmostEquals(chance.length, 500, 85);
  assertEquals(struck("hang@10%"), chance);
  assert(String(struck("hang@10%", 2)) !== String(chance));
  assertEquals(struck("hang@0"), []);
});

Deno.test("driftFactor() grows in a straight line to the value at its index", () => {
  const faults = [parseFault("drift=20#200")];
  assertEquals(driftFactor(faults, 100), 1.1);
  assertEquals(driftFactor(faults, 200), 1.2);
  assertEquals(driftFactor([parseFault("drift=20")], 500), 1.1);
  assertEquals(driftFactor([parseFault("hang")], 500), 1);
});

Deno.test("leakedBytes() grows with time up to a limit", () => {
  const faults = [parseFault("leak=3")];
  assertEquals(leakedBytes(faults, 2000), 6 * 2 ** 20);
  assertEquals(leakedBytes(faults, 1e12), 2 ** 31);
  assertEquals(leakedBytes([], 2000), 0);
});

Deno.test("Engine holds an answer back by slow", () => {
  assertEquals(
    run(["slow=250#2"], 3).map(({ ticket, atMs }) => [ticket, atMs]),
    [
      [1, 0],
      [3, 2],
      [2, 251],
    ],
  );
});

Deno.test("Engine lets all wait for a stall", () => {
  assertEquals(run(["stall#2"], 4).map(({ atMs }) => atMs), [
    0,
    1501,
    1501,
    1501,
  ]);
});

Deno.test("Engine never answers a hang, resets and crashes", () => {
  const kinds = (fault: string) =>
    run([fault], 3).map(({ ticket, reply }) => [ticket, reply.kind]);
  assertEquals(kinds("hang#2"), [[1, "answer"], [3, "answer"]]);
  assertEquals(kinds("reset#2"), [[1, "answer"], [2, "reset"], [3, "answer"]]);
  assertEquals(kinds("crash#2"), [[1, "answer"], [2, "crash"], [3, "crash"]]);
});

Deno.test("Engine answers status, nan-500, redirect and html faults", () => {
  const answer = (fault: string) => {
    const { status, headers, body } = answerOf(run([fault])[0]);
    return [status, headers["content-type"], body];
  };
  const json = "application/json";
  assertEquals(answer("status=401"), [401, json, '{"error":"Unauthorized"}']);
  assertEquals(answer("status"), [
    500,
    json,
    '{"object":"error","message":"Internal server error: simulated fault","type":"InternalServerError","param":null,"code":500}',
  ]);
  assertEquals(answer("status=503"), [
    503,
    json,
    '{"object":"error","message":"The request queue is full.","type":"503","param":null,"code":503}',
  ]);
  assertEquals(answer("status=429")[0], 429);
  assertEquals(answer("nan-500"), [
    500,
    "text/plain; charset=utf-8",
    "Internal Server Error",
  ]);
  assertEquals(answer("html")[1], "text/html; charset=utf-8");
  const redirect = answerOf(run(["redirect"])[0]);
  assertEquals(redirect.status, 307);
  assertEquals(redirect.headers["location"], "/simulated/elsewhere");
});

Deno.test("Engine spoils the content of an answer", () => {
  assertEquals(scores("missing-row"), CLEAN.slice(0, 2));
  assertEquals(scores("missing-label").map((row) => row.length), [2, 2, 1]);
  assertEquals(scores("swap-rows"), [CLEAN[2], CLEAN[1], CLEAN[0]]);
  assertEquals(scores("out-of-range")[0]?.[0], 1.5);
  assertEquals(scores("out-of-range").slice(1), CLEAN.slice(1));
  assert(answerOf(run(["nan-json"])[0]).body.startsWith('{"scores":[[NaN,'));
  for (const [i, row] of scores("other-answer").entries()) {
    assert(row[0] !== CLEAN[i]?.[0]);
  }
});

Deno.test("Engine shifts one score by off and keeps its row a distribution", () => {
  const [row = []] = scores("off=2");
  const old = CLEAN[0]?.[0] ?? NaN;
  assertAlmostEquals(
    (row[0] ?? NaN) / old,
    old * 1.02 <= 1 ? 1.02 : 0.98,
    1e-6,
  );
  assertAlmostEquals((row[0] ?? NaN) + (row[1] ?? NaN), 1, 1e-6);
  assertEquals(scores("off=2").slice(1), CLEAN.slice(1));
});

Deno.test("spoilRows() keeps probabilities in range and the caller's rows as they are", () => {
  const rows = [Object.freeze([1]), Object.freeze([0.5])];
  const off = new Map([["off", 2]] as const);
  assertEquals(spoilRows(rows, off, "labels"), [[Math.fround(0.98)], [0.5]]);
  assertEquals(spoilRows([[0.5, 0.25]], off, "vocabulary"), [[
    Math.fround(0.51),
    0.25,
  ]]);
  const all = new Map([["swap-rows", 0], ["missing-label", 0]] as const);
  assertEquals(spoilRows(rows, all, "labels"), [[0.5], []]);
  assertEquals(spoilRows([], all, "labels"), []);
});

Deno.test("scoredAnswer() gives the answer of the last other request of the same shape", () => {
  const model = new PseudoModel("m", 1000);
  const recent = new RecentScores();
  const ask = (firsts: readonly number[], struck: readonly FaultName[] = []) =>
    scoredAnswer({
      query: null,
      items: null,
      labelTokenIds: [10, 20],
      applySoftmax: true,
      itemFirst: false,
      model: "m",
    }, {
      model,
      prompts: firsts.map((first) => [first, 5]),
      struck: new Map(struck.map((name) => [name, 0])),
      recent,
    }).body;
  const fault = ["other-answer"] as const;
  const before = ask([1]);
  const twoRows = ask([1, 2]);
  // The same request and one of two rows lie between.
  const right = ask([3]);
  ask([3, 4]);
  assertEquals(ask([3], fault), before);
  // What was kept of that request are its own scores.
  assertEquals(ask([6], fault), right);
  assert(ask([1, 2], fault) !== twoRows);
});

Deno.test("scoredAnswer() gives scores of a query that nobody sent where no other request was kept", () => {
  const recent = new RecentScores();
  recent.keep([[0.25, 0.75]]);
  assertEquals(recent.otherThan([[0.25, 0.75]]), null);
  assertEquals(recent.otherThan([[0.5, 0.25, 0.25]]), null);
  assertEquals(recent.otherThan([[0.5, 0.5]]), [[0.25, 0.75]]);
  for (let i = 0; i < 16; i++) recent.keep([[i]]);
  assertEquals(recent.otherThan([[0.5, 0.5]]), null);
});
