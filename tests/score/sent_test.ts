import { assertEquals } from "@std/assert";
import { describeSize } from "../../lib/score/sent.ts";
import { requestBody, type WorkloadSpec } from "../../lib/score/workload.ts";

const SPEC: WorkloadSpec = {
  batchSize: 3,
  labelTokenIds: [1, 2],
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: 1,
  tokens: null,
};

Deno.test("describeSize() says items, labels, and bytes or tokens of a prompt", () => {
  const body = JSON.parse(new TextDecoder().decode(requestBody(SPEC, 7)));
  const bytes = body["query"].length + body["items"][0].length;
  assertEquals(describeSize(SPEC), `3 items x 2 labels x ${bytes} bytes`);
  assertEquals(
    describeSize({ ...SPEC, tokens: { query: 2000, item: 20 } }),
    "3 items x 2 labels x 2020 tokens",
  );
  assertEquals(
    describeSize({
      ...SPEC,
      tokens: { query: { min: 500, max: 2000 }, item: 20 },
    }),
    "3 items x 2 labels x 520 to 2020 tokens",
  );
});

Deno.test("describeSize() gives means of the requests of a file", () => {
  const requests = [
    { query: "é", items: ["a", "bb"], labelTokenIds: [7, 8, 9] },
    { query: "ccc", items: ["d"], labelTokenIds: [7, 8, 9] },
  ];
  assertEquals(
    describeSize({ ...SPEC, batchSize: 0, requests }),
    "1 to 2 items x 3 labels x 4 bytes",
  );
});
