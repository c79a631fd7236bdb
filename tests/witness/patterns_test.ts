import { assert, assertEquals } from "@std/assert";
import {
  LINE_PATTERNS,
  readLine,
  readMessage,
} from "../../lib/witness/patterns.ts";

/** Lines as they were seen, by the pattern that reads each, with what they tell. */
const SEEN: Readonly<Record<string, readonly [string, unknown][]>> = {
  "prefill batch": [
    [
      "[2026-02-13 23:31:31] Prefill batch. #new-seq: 1, #new-token: 1, #cached-token: 2019, token usage: 0.01, #running-req: 0, #queue-req: 1, ",
      {
        kind: "batch",
        sequences: 1,
        newTokens: 1,
        cachedTokens: 2019,
        queued: 1,
      },
    ],
    [
      "[2025-09-10 10:00:00 TP0] Prefill batch [12], #new-seq: 3, #new-token: 96, #cached-token: 0, token usage: 0.00, #running-req: 2, #queue-req: 17, timestamp: x",
      {
        kind: "batch",
        sequences: 3,
        newTokens: 96,
        cachedTokens: 0,
        queued: 17,
      },
    ],
  ],
  "answer": [
    [
      '[2026-02-13 23:31:31] INFO:     127.0.0.1:50644 - "POST /v1/score HTTP/1.1" 200 OK',
      { kind: "answer" },
    ],
    [
      'INFO:     10.0.0.3:1 - "POST /base/v1/score HTTP/1.1" 400 Bad Request',
      { kind: "answer" },
    ],
  ],
  "compiles of a batch": [
    [
      "[2026-02-13 23:31:31] Prefill batch. #bid: 2, #cache_miss: 2",
      { kind: "compile", source: "cache_miss", count: 2, seconds: null },
    ],
    [
      "INFO:sgl_jax.srt.managers.scheduler_output_processor_mixin:Prefill batch. #bid: 2, #cache_miss: 1",
      { kind: "compile", source: "cache_miss", count: 1, seconds: null },
    ],
  ],
  "compiles of a decode batch": [
    [
      "[2026-08-21 10:00:00] Decode batch. #running-req: 4, #token: 80, token usage: 0.00, gen throughput (token/s): 12.50, #queue-req: 0, #cache_miss: 3",
      { kind: "compile", source: "cache_miss", count: 3, seconds: null },
    ],
  ],
  "compile of XLA": [
    [
      "W0610 23:50:44.162414 pxla.py:1234] Finished XLA compilation of jit(flax_forward) in 10.1791505315 sec",
      { kind: "compile", source: "xla", count: 1, seconds: 10.1791505315 },
    ],
    [
      "WARNING:2026-08-21 10:00:00,123:jax._src.dispatch:206: Finished XLA compilation of jit(f) in 0.5 sec",
      { kind: "compile", source: "xla", count: 1, seconds: 0.5 },
    ],
    [
      "[2026-08-21 10:00:00] Finished XLA compilation of jit(g) in 1.23 sec",
      { kind: "compile", source: "xla", count: 1, seconds: 1.23 },
    ],
  ],
  "compile of DeepGEMM": [
    [
      "[2025-09-10 10:00:00 TP0] Entering DeepGEMM JIT Pre-Compile session. It may take a long time (typically 10-20 mins) if you have not run `sglang.compile_deep_gemm`.",
      { kind: "compile", source: "deepgemm", count: 1, seconds: null },
    ],
  ],
  "arguments": [
    [
      "[2026-02-13 23:30:39] server_args=ServerArgs(model_path='m', page_size=1)",
      {
        kind: "fact",
        name: "server_args",
        value: "ServerArgs(model_path='m', page_size=1)",
      },
    ],
  ],
  "slots in force": [
    [
      "[2026-02-13 23:30:50]   → Final max_running_requests: 3",
      { kind: "fact", name: "max_running_requests", value: "3" },
    ],
  ],
  "paddings in force": [
    [
      "[2026-02-13 23:30:50] [EXTEND] Begin to precompile bs_paddings=[3] token_paddings=[1024, 4096]",
      {
        kind: "fact",
        name: "precompile_token_paddings",
        value: "[1024,4096]",
      },
    ],
  ],
  "version": [
    ["jax==0.10.2", { kind: "fact", name: "version of jax", value: "0.10.2" }],
    [
      "[2026-02-13 23:30:50] jaxlib: 0.11.1",
      { kind: "fact", name: "version of jaxlib", value: "0.11.1" },
    ],
  ],
};

Deno.test("LINE_PATTERNS reads each line that was seen, and says where", () => {
  assertEquals(
    Object.keys(SEEN).toSorted(),
    LINE_PATTERNS.map(({ name }) => name).toSorted(),
  );
  for (const { name, seenIn } of LINE_PATTERNS) {
    assert(seenIn.length > 0);
    for (const [line, event] of SEEN[name] ?? []) {
      const { message } = readLine(line);
      assertEquals(readMessage(message), event, line);
      const first = LINE_PATTERNS.find(({ regexp }) => regexp.test(message));
      assertEquals(first?.name, name);
    }
  }
});

Deno.test("readMessage() takes nothing for a compile that is none", () => {
  const quiet = [
    // Written by versions of 2025 in every decode line.
    "Decode batch. #running-req: 4, #token: 80, #queue-req: 0, #cache_miss: 0",
    "Prefill batch. #bid: 2, #cache_miss: 0",
    // A prompt that the server quotes.
    'Receive: text="Prefill batch. #bid: 2, #cache_miss: 2"',
    "    logits_output, cache_miss_count, layers_topk_ids = self.model_runner.forward(",
    "Finished tracing flax_forward for jit in 0.057370424 sec",
    "Finished jaxpr to MLIR module conversion jit(flax_forward) in 0.28 sec",
    "Compiling jit(f) with global shapes and types",
    "Capture cuda graph begin. This can take up to several minutes.",
    "",
  ];
  for (const message of quiet) assertEquals(readMessage(message), null);
  assertEquals(
    readMessage('INFO: 127.0.0.1:1 - "GET /v1/score HTTP/1.1" 405'),
    null,
  );
});

Deno.test("readLine() takes each prefix off, and reads its time", () => {
  const timeMs = Date.UTC(2026, 1, 13, 23, 31, 31);
  const read = (line: string) => Object.values(readLine(line));
  assertEquals(read("[2026-02-13 23:31:31] text"), ["time", timeMs, "text"]);
  assertEquals(read("[2026-02-13 23:31:31 DP1 TP0]   text "), [
    ...["time", timeMs, "text"],
  ]);
  assertEquals(read("[2026-02-13 23:31:31,250] text"), [
    ...["time", timeMs, "text"],
  ]);
  assertEquals(read("WARNING:2026-02-13 23:31:31,9:jax._src.d:1: text"), [
    ...["jax", timeMs, "text"],
  ]);
  assertEquals(read("W0213 23:31:31.123456   77 pxla.py:1] text"), [
    ...["glog", null, "text"],
  ]);
  assertEquals(read("INFO:sgl_jax.srt.x:text"), ["logger", null, "text"]);
  assertEquals(
    read("PRECOMPILE: 100%| 2/2 [00:10<00:00]   INFO:sgl_jax.x:text"),
    ["logger", null, "text"],
  );
  assertEquals(read("text"), ["bare", null, "text"]);
  assertEquals(read("[2026-99-99 99:99:99] text"), ["time", null, "text"]);
});
