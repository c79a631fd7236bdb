import { assertEquals, assertMatch } from "@std/assert";
import { Engine } from "../../lib/simulator/engine.ts";
import { startLines, timedLine } from "../../lib/simulator/log.ts";
import {
  type EngineOptions,
  engineOptions,
} from "../../lib/simulator/options.ts";
import { readLine, readMessage } from "../../lib/witness/patterns.ts";

function scoreRequest(items: number, query = "query") {
  return {
    method: "POST",
    path: "/v1/score",
    authorization: null,
    contentType: "application/json",
    body: JSON.stringify({
      query,
      items: Array.from({ length: items }, (_, i) => ` item ${i}`),
      "label_token_ids": [1, 2],
      model: "m",
    }),
    unixTimeSec: 0,
  };
}

/** Runs requests one after another; returns what is logged, without its tokens, and how long each took. */
function logOf(options: Partial<EngineOptions>, items: readonly number[]) {
  const lines: string[] = [];
  const tookMs: number[] = [];
  const engine = new Engine(
    { noise: 0, ...options },
    (line) => lines.push(line),
  );
  let nowMs = 0;
  for (const count of items) {
    engine.handle(scoreRequest(count, `query ${nowMs}`), nowMs);
    const startMs = nowMs;
    while (engine.nextEventMs !== null) {
      nowMs = engine.nextEventMs;
      engine.advance(nowMs);
    }
    tookMs.push(nowMs - startMs);
  }
  return { lines, tookMs };
}

const compilesOf = (lines: readonly string[]) =>
  lines.filter((line) => line.includes("#cache_miss")).length;

Deno.test("Engine logs batches, compiles and answers in the order of time, as a server does", () => {
  const { lines } = logOf({}, [2, 2]);
  assertEquals(lines.map((line) => line.replaceAll(/\d+/g, "N")), [
    "Prefill batch. #new-seq: N, #new-token: N, #cached-token: N, token usage: N.N, #running-req: N, #queue-req: N, ",
    "Prefill batch. #bid: N, #cache_miss: N",
    'INFO:     N.N.N.N:N - "POST /vN/score HTTP/N.N" N OK',
    "Prefill batch. #new-seq: N, #new-token: N, #cached-token: N, token usage: N.N, #running-req: N, #queue-req: N, ",
    'INFO:     N.N.N.N:N - "POST /vN/score HTTP/N.N" N OK',
  ]);
  const kinds = lines.map((line) =>
    readMessage(readLine(timedLine(line, 0).trimEnd()).message)?.kind
  );
  assertEquals(kinds, ["batch", "compile", "answer", "batch", "answer"]);
});

Deno.test("Engine compiles for each new split of items over batches", () => {
  const items = Array.from({ length: 40 }, () => 4);
  assertEquals(compilesOf(logOf({}, items).lines), 1);
  const { lines } = logOf({ splitRate: 0.5 }, items);
  // Whole, and 1 + 3, 2 + 2 and 3 + 1.
  assertEquals(compilesOf(lines), 4);
});

Deno.test("Engine compiles for each new occupancy under concurrency", () => {
  const compiles = (compileByOccupancy: boolean) => {
    const lines: string[] = [];
    const engine = new Engine(
      { noise: 0, compileByOccupancy },
      (line) => lines.push(line),
    );
    // The first runs alone, the next two together as one of two items did before.
    for (const count of [2, 1, 1]) engine.handle(scoreRequest(count), 0);
    engine.advance(1e6);
    return compilesOf(lines);
  };
  assertEquals(compiles(false), 1);
  assertEquals(compiles(true), 2);
});

Deno.test("Engine compiles at random late times, and logs each", () => {
  const items = Array.from({ length: 400 }, () => 1);
  const { lines, tookMs } = logOf({ lateCompileRate: 0.02 }, items);
  const slow = tookMs.filter((oneMs) => oneMs > 300).length;
  assertEquals(compilesOf(lines), slow);
  assertEquals(slow > 2 && slow < 20, true);
});

Deno.test("Engine has humps where they are asked for, and the same times as before where they are not", () => {
  const items = Array.from({ length: 50 }, () => 1);
  const { tookMs } = logOf(
    { humpRate: 0.4, humpFactor: 3, compileMs: 0 },
    items,
  );
  assertEquals(new Set(tookMs.map((oneMs) => oneMs.toFixed(3))).size > 1, true);
  const shortMs = Math.min(...tookMs);
  const high = tookMs.filter((oneMs) => oneMs > 2.5 * shortMs).length;
  assertEquals(high > 10 && high < 30, true);
});

Deno.test("startLines() writes the launch arguments as Python does, without the key", () => {
  const [args = "", slots] = startLines(
    engineOptions({ modelPath: "it's", apiKey: "sk-secret-1", pageSize: 64 }),
    30123,
  );
  assertMatch(
    args,
    /^server_args=ServerArgs\(model_path='it\\'s', .*page_size=64, .*api_key=None.*port=30123|port=30123/,
  );
  assertEquals(args.includes("sk-secret"), false);
  assertMatch(args, /disable_radix_cache=False/);
  assertMatch(args, /precompile_token_paddings=\[64, 128, 256\]/);
  assertEquals(readMessage((slots ?? "").trim()), {
    kind: "fact",
    name: "max_running_requests",
    value: "64",
  });
  assertEquals(
    timedLine("text", Date.UTC(2026, 1, 3, 4, 5, 6, 999)),
    "[2026-02-03 04:05:06] text\n",
  );
});
