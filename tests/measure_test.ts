// Holds what the tasks in tests/measure/ say of recorded files.
import { assertEquals } from "@std/assert";
import { describeReplay, replay } from "./measure/compile_replay.ts";

/**
 * A TPU v6e-1, one item, hot cache, in February 2026 (alexshires/sglang-jax-dev-scripts, commit 914f6e4): the warm-up and
 * some of the 1,500 requests behind it, among them the one stall.
 */
const REQUESTS = `trial,items,status,latency_ms,started_at_unix,ended_at_unix
1,1,ok,51.257,1771025529.245214,1771025529.296472
1,1,ok,28.774,1771025529.296869,1771025529.325643
1,1,ok,28.551,1771025529.325945,1771025529.354496
1,1,ok,88.958,1771025529.723901,1771025529.812859
1,1,ok,27.681,1771025530.023901,1771025530.051582
1,1,error: timeout,9000,1771025530.1,1771025539.1
4,1,ok,11117.1,1771025480.307,1771025491.424
4,1,ok,7664.403,1771025491.425,1771025499.089
`;

const LOG = `[2026-02-13 23:30:39] server_args=ServerArgs(page_size=1)
INFO:sgl_jax.srt.managers.mixin:Prefill batch. #bid: 2, #cache_miss: 2
[2026-02-13 23:31:31] Prefill batch. #bid: 2, #cache_miss: 2
[2026-02-13 23:31:39] Prefill batch. #bid: 4, #cache_miss: 1
[2026-02-13 23:32:51] Prefill batch. #new-seq: 1, #new-token: 1, #cached-token: 2019, token usage: 0.01, #running-req: 0, #queue-req: 1, 
`;

Deno.test("replay() places each line, and finds the compiles and the stall", () => {
  const found = replay([
    { name: "requests.csv", text: REQUESTS },
    { name: "server.log", text: LOG },
  ]);
  assertEquals(found.requests, 7);
  assertEquals(found.logged, 7);
  assertEquals(found.slow, {
    "compile": { compile: 2, stall: 0, nothing: 0 },
    "no line": { compile: 0, stall: 0, nothing: 0 },
  });
  assertEquals(found.placed, [2, 2]);
  assertEquals(
    describeReplay(found).at(-1),
    "Compile lines inside a request: 2 of 2",
  );
});

Deno.test("replay() tells a line that no request covers, and requests without a log", () => {
  const late = LOG.replace("23:31:39]", "23:31:55]");
  const files = [
    { name: "requests.csv", text: REQUESTS },
    { name: "server.log", text: late },
  ];
  const found = replay(files);
  assertEquals(found.placed, [1, 2]);
  assertEquals(found.slow["no line"].compile, 0);
  const alone = replay(files.slice(0, 1));
  assertEquals([alone.logged, alone.placed], [0, [0, 0]]);
  assertEquals(alone.marked, { compile: 2, stall: 0 });
});
