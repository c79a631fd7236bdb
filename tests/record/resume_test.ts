import { assertEquals, assertThrows } from "@std/assert";
import { MeasureError } from "../../lib/failure.ts";
import { checkResumed } from "../../lib/record/resume.ts";
import type { ServerRecord } from "../../lib/record/run.ts";

const SERVER: ServerRecord = {
  model: "org/model",
  dtype: "bfloat16",
  tpSize: 4,
  version: "0.0.2",
  hardware: "tpu-v6e-4",
  info: { quantization: null },
};

Deno.test("checkResumed() goes on with the same server, and says what of it is another", () => {
  assertEquals(checkResumed([SERVER], "url", { ...SERVER }), []);
  assertEquals(checkResumed([], "url", SERVER), []);
  assertEquals(
    checkResumed([SERVER], "url", {
      ...SERVER,
      version: "0.0.3",
      info: { quantization: "fp8" },
    }),
    [
      "The run was begun on a server of version 0.0.2, and goes on with 0.0.3",
      "The run was begun on a server of quantization unknown, and goes on with fp8",
    ],
  );
});

Deno.test("checkResumed() refuses another model, data type or hardware", () => {
  const others: Partial<ServerRecord>[] = [
    { model: "org/other" },
    { dtype: "float32" },
    { hardware: "tpu-v5e-4" },
    { tpSize: 8 },
  ];
  for (const change of others) {
    assertThrows(
      () => checkResumed([SERVER], "url", { ...SERVER, ...change }),
      MeasureError,
      "Cannot resume: the run was begun on org/model (bfloat16) on tpu-v6e-4, tp_size 4; the server is now",
    );
  }
  // The next model of a run that launches several is no other server.
  assertEquals(
    checkResumed([SERVER], "launched", { ...SERVER, model: "org/next" }),
    [],
  );
});
