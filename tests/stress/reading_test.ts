import { assertEquals } from "@std/assert";
import {
  readMetrics,
  readProcessTree,
  readServerInfo,
} from "../../lib/stress/reading.ts";

Deno.test("readServerInfo() adds up what the schedulers tell", () => {
  const state = {
    "available_kv_tokens": 1000,
    "tree_cache_size": 24,
    "waiting_queue_size": 3,
  };
  assertEquals(readServerInfo({ "internal_states": [state, state] }), {
    spareTokens: 2048,
    queued: 6,
  });
});

Deno.test("readServerInfo() says nothing where a server does not tell", () => {
  const nothing = { spareTokens: null, queued: null };
  assertEquals(readServerInfo({}), nothing);
  assertEquals(readServerInfo({ "internal_states": [] }), nothing);
  assertEquals(readServerInfo({ "internal_states": [null, 5] }), nothing);
  assertEquals(
    readServerInfo({ "internal_states": [{ "tree_cache_size": "7" }] }),
    nothing,
  );
});

Deno.test("readMetrics() reads Prometheus text and adds up labels", () => {
  const text = [
    "# HELP sglang:num_queue_reqs The number of requests in the queue.",
    "# TYPE sglang:num_queue_reqs gauge",
    'sglang:num_queue_reqs{model_name="m",rank="0"} 2.0',
    'sglang:num_queue_reqs{model_name="m",rank="1"} 3.0 1700000000000',
    'sglang:num_used_tokens{model_name="m"} 1200',
    "process_resident_memory_bytes 1.5e+09",
    "nonsense here",
  ].join("\n");
  assertEquals(readMetrics(text), {
    residentBytes: 1.5e9,
    queued: 5,
    usedTokens: 1200,
  });
  assertEquals(readMetrics("<html>"), {
    residentBytes: null,
    queued: null,
    usedTokens: null,
  });
});

Deno.test("readProcessTree() adds up a process and its descendants in any order", () => {
  const listing = [
    "   30    20   300",
    "   10     1    10",
    "   20    10   200",
    "   40     1  4000",
    "",
  ].join("\n");
  assertEquals(readProcessTree(listing, 10), 510 * 1024);
  assertEquals(readProcessTree(listing, 40), 4000 * 1024);
  assertEquals(readProcessTree(listing, 99), null);
});
