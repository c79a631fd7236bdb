import { assertEquals, assertThrows } from "@std/assert";
import {
  describeData,
  fillItems,
  parseDataSource,
  parseJsonLine,
  requestOfRows,
} from "../../lib/score/data.ts";

Deno.test("parseDataSource() reads text, lengths, ranges and files", () => {
  assertEquals(parseDataSource("text").name, "text");
  assertEquals(parseDataSource("query=2000,item=20"), {
    name: "query=2000,item=20",
    tokens: { query: 2000, item: 20 },
    file: null,
  });
  assertEquals(parseDataSource("query=500-2000,item=20-20").tokens, {
    query: { min: 500, max: 2000 },
    item: 20,
  });
  assertEquals(parseDataSource("a/b/prompts.JSONL"), {
    name: "prompts.JSONL",
    tokens: null,
    file: { path: "a/b/prompts.JSONL", format: "jsonl" },
  });
});

Deno.test("parseDataSource() says what it takes", () => {
  for (
    const [text, expected] of [
      ["prompts.txt", "or a file that ends in .jsonl or .csv"],
      ["query=0,item=20", "expected query lengths from 1 to 1000000"],
      ["query=9-8,item=20", "the smaller first, found 9-8"],
      ["query=9", "lengths such as query=2000,item=20"],
    ] as const
  ) assertThrows(() => parseDataSource(text), SyntaxError, expected);
});

Deno.test("parseJsonLine() reads text and ids, with labels and weight", () => {
  assertEquals(parseJsonLine('{"query":"q","items":["a","b"]}'), {
    query: "q",
    items: ["a", "b"],
    labelTokenIds: null,
    weight: 1,
  });
  assertEquals(
    parseJsonLine(
      '{"query":[1],"items":[[2],[]],"label_token_ids":[9,4],"weight":2.5}',
    ),
    { query: [1], items: [[2], []], labelTokenIds: [9, 4], weight: 2.5 },
  );
});

Deno.test("parseJsonLine() refuses what no server takes, and what ends one", () => {
  for (
    const [line, expected] of [
      ["{", "one JSON object was expected, found"],
      ["[1]", "one JSON object with query and items was expected"],
      ['{"items":["a"]}', "query: text or a list of token ids was expected"],
      ['{"query":"q","items":[]}', "items: a list of one or more was expected"],
      ['{"query":"q","items":"a"}', "items: a list of one or more"],
      [
        '{"query":"q","items":["a",[1]]}',
        "items[1]: text was expected, as the query is, found [1]",
      ],
      ['{"query":[1],"items":["a"]}', "items[0]: token ids was expected"],
      ['{"query":[-1],"items":[[1]]}', "query: text or a list of token ids"],
      ['{"query":[1.5],"items":[[1]]}', "query: text or a list of token ids"],
      ['{"query":"","items":["a",""]}', "the prompt of item 1 is empty"],
      ['{"query":[],"items":[[]]}', "the prompt of item 0 is empty"],
      ['{"query":[2147483648],"items":[[1]]}', "token id 2147483648 is not"],
      [
        '{"query":"q","items":["a"],"label_token_ids":[-1]}',
        "label_token_ids: a list of one or more ids was expected, found [-1]",
      ],
      [
        '{"query":"q","items":["a"],"label_token_ids":[]}',
        "label_token_ids: a list of one or more ids was expected",
      ],
      ['{"query":"q","items":["a"],"weight":0}', "weight: a number above 0"],
      ['{"query":"q","items":["a"],"lables":[1]}', 'found "lables"'],
    ] as const
  ) assertThrows(() => parseJsonLine(line), SyntaxError, expected);
  assertThrows(() => requestOfRows("", [""]), SyntaxError, "is empty");
});

Deno.test("fillItems() cuts, and fills from the requests after it, round and round", () => {
  const requests = [["a", "b"], ["c"], ["d", "e"]].map((items, i) => ({
    query: `q${i}`,
    items,
    labelTokenIds: null,
  }));
  const itemsOf = (count: number, size: number) =>
    fillItems(requests, count, size).map(({ query, items }) =>
      `${query}:${items.join("")}`
    );
  assertEquals(itemsOf(2, 1), ["q0:a", "q1:c"]);
  assertEquals(itemsOf(2, 3), ["q0:abc", "q1:cde"]);
  assertEquals(itemsOf(3, 7), ["q0:abcdeab", "q1:cdeabcd", "q2:deabcde"]);
});

Deno.test("describeData() tells two files apart", () => {
  const record = (sha256: string) =>
    describeData({
      name: "a.csv",
      tokens: null,
      file: {
        sha256,
        requests: 3,
        items: { min: 1, max: 20 },
        labels: null,
        kind: "text",
        promptLength: 12.5,
        ownItems: true,
      },
    });
  assertEquals(
    record("0123456789abcdef"),
    "a.csv (3 requests of 1 to 20 items, sent as they are, sha256 0123456789ab)",
  );
});
