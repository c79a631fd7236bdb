import { assert, assertEquals, assertFalse } from "@std/assert";
import type { ServerRecord } from "../../lib/record/run.ts";
import { isLogOf, withFacts } from "../../lib/server/watching.ts";

const SERVER: ServerRecord = {
  ...{ model: "m", dtype: "bfloat16", tpSize: 1, version: null },
  ...{ hardware: "tpu-v6e-1", info: null },
};

const ARGS =
  "ServerArgs(model_path='m', port=30000, random_seed=42, page_size=1, api_key='sk-secret-0123')";

Deno.test("withFacts() takes arguments, values in force and versions from the log", () => {
  const facts = new Map([
    ["server_args", ARGS],
    ["max_running_requests", "3"],
    ["version of jax", "0.10.2"],
    ["version of python", "3.12.4"],
  ]);
  const told = withFacts(SERVER, facts, (text) => text);
  assertEquals(told.info?.["page_size"], 1);
  // What is a key by its name is not kept.
  assertFalse(JSON.stringify(told).includes("sk-secret"));
  assertEquals(told.inForce, { "max_running_requests": "3" });
  assertEquals(told.versions, { jax: "0.10.2", python: "3.12.4" });
  // What the server itself says goes before its log.
  const own = { ...SERVER, info: { "page_size": 64 }, versions: { jax: "1" } };
  assertEquals(withFacts(own, facts, (text) => text).info, { "page_size": 64 });
  assertEquals(
    withFacts(own, facts, (text) => text).versions?.["jax"],
    "1",
  );
  assertEquals(withFacts(SERVER, new Map(), (text) => text), SERVER);
});

Deno.test("isLogOf() knows the log of a server by its launch arguments, never by those of another", () => {
  const facts = new Map([["server_args", ARGS]]);
  const info = { "model_path": "m", port: 30000, "random_seed": 42 };
  assert(isLogOf(facts, info));
  assertFalse(isLogOf(facts, { ...info, port: 30001 }));
  assertFalse(isLogOf(facts, { ...info, "random_seed": 7 }));
  assertFalse(isLogOf(facts, { ...info, port: null }));
  assertFalse(isLogOf(facts, null));
  assertFalse(isLogOf(new Map(), info));
  assertFalse(isLogOf(new Map([["server_args", "ServerArgs(port="]]), info));
});
