import { assertEquals } from "@std/assert";
import {
  encodeScoreRequest,
  lethalReason,
  SCORE_PATH,
  type ScoreRequest,
} from "../../lib/score/request.ts";

const SAFE: ScoreRequest = {
  query: "Is it? ",
  items: ["yes", "no"],
  labelTokenIds: [9454, 2753],
  applySoftmax: true,
  model: "org/model",
};
const INT32_MAX = 2147483647;

Deno.test("encodeScoreRequest() writes exactly the fields of the contract", () => {
  assertEquals(
    encodeScoreRequest(SAFE),
    '{"query":"Is it? ","items":["yes","no"],"label_token_ids":[9454,2753],"apply_softmax":true,"item_first":false,"model":"org/model"}',
  );
  assertEquals(
    encodeScoreRequest({
      ...SAFE,
      query: [1, 2],
      items: [[3], [4, 5]],
      applySoftmax: false,
    }),
    '{"query":[1,2],"items":[[3],[4,5]],"label_token_ids":[9454,2753],"apply_softmax":false,"item_first":false,"model":"org/model"}',
  );
  assertEquals(SCORE_PATH, "/v1/score");
});

Deno.test("lethalReason() names each request that ends a server", () => {
  const range = `is not a whole number from 0 to ${INT32_MAX}`;
  const cases: [Partial<ScoreRequest>, string][] = [
    [{ labelTokenIds: [1, -1] }, `label id -1 ${range}`],
    [{ labelTokenIds: [INT32_MAX + 1] }, `label id 2147483648 ${range}`],
    [{ labelTokenIds: [1.5] }, `label id 1.5 ${range}`],
    [{ labelTokenIds: [NaN] }, `label id NaN ${range}`],
    [{ query: "", items: ["a", ""] }, "the prompt of item 1 is empty"],
    [{ query: [], items: [[]] }, "the prompt of item 0 is empty"],
    [{ query: [-1], items: [[1]] }, `token id -1 ${range}`],
    [{ query: [1], items: [[1], [2, -7]] }, `token id -7 ${range}`],
    [{ query: [INT32_MAX + 1], items: [[1]] }, `token id 2147483648 ${range}`],
    [{ query: [1], items: [[2 ** 40]] }, `token id 1099511627776 ${range}`],
  ];
  for (const [change, reason] of cases) {
    assertEquals(lethalReason({ ...SAFE, ...change }), reason);
  }
});

Deno.test("lethalReason() lets everything pass that a server answers", () => {
  const cases: Partial<ScoreRequest>[] = [
    {},
    { query: "" },
    { items: ["", "b"] },
    { query: [], items: [[1]] },
    { query: [1], items: [[], [2]] },
    { query: [0, INT32_MAX], items: [[5]] },
    { labelTokenIds: [0, INT32_MAX, 7, 7] },
    { items: [] },
  ];
  assertEquals(
    cases.map((change) => lethalReason({ ...SAFE, ...change })),
    cases.map(() => null),
  );
});
