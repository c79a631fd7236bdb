import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { lethalReason } from "../../lib/score/request.ts";
import {
  defaultLabelTokenIds,
  PREFIX_CACHE_REGIMES,
  renewableBody,
  requestBody,
  scoreRequest,
  UNIQUE_TOKENS,
  type WorkloadSpec,
} from "../../lib/score/workload.ts";

const TEXT: WorkloadSpec = {
  batchSize: 3,
  labelTokenIds: [1, 2],
  model: "org/model",
  applySoftmax: true,
  prefixCache: "cold",
  seed: "seven",
  tokens: null,
};
const IDS: WorkloadSpec = { ...TEXT, tokens: { query: 40, item: 7 } };

const SPECIFIED_QUERY = "Benchmark query for performance testing: " +
  "Benchmark query for performance testing: " +
  "Benchmark query for performance testing: " +
  "Benchmark query for performance testing: " +
  "Benchmark query for performance testing: ";

function texts(spec: WorkloadSpec, index: number) {
  const { query, items } = scoreRequest(spec, index);
  return [query, ...items] as readonly string[];
}

function tokens(spec: WorkloadSpec, index: number) {
  const { query, items } = scoreRequest(spec, index);
  return [query, ...items] as readonly (readonly number[])[];
}

/** The number of different first tokens among many requests. */
function countPrefixes(count: number, prefix: (index: number) => string) {
  return new Set(Array.from({ length: count }, (_, i) => prefix(i))).size;
}

Deno.test("scoreRequest() sends the specification's query and items when hot", () => {
  assertEquals(texts({ ...TEXT, prefixCache: "hot" }, 5), [
    SPECIFIED_QUERY,
    " candidate item number 0",
    " candidate item number 1",
    " candidate item number 2",
  ]);
});

Deno.test("scoreRequest() puts a new word before the specification's query when cold", () => {
  const [query = "", ...items] = texts(TEXT, 5);
  assert(/^[0-9a-f]{16} $/.test(query.slice(0, 17)));
  assertEquals(query.slice(17), SPECIFIED_QUERY);
  assertEquals(items, [
    " candidate item number 0",
    " candidate item number 1",
    " candidate item number 2",
  ]);
});

Deno.test("scoreRequest() puts a new word before each of the specification's items when shared", () => {
  const [query, ...items] = texts({ ...TEXT, prefixCache: "shared" }, 5);
  assertEquals(query, SPECIFIED_QUERY);
  items.forEach((item, i) => {
    assert(/^ [0-9a-f]{16} $/.test(item.slice(0, 18)));
    assertEquals(item.slice(18), `candidate item number ${i}`);
  });
});

Deno.test("scoreRequest() never repeats the first tokens of a cold query", () => {
  const count = 100_000;
  const digits = (i: number) => (texts(TEXT, i)[0] ?? "").slice(0, 8);
  assertEquals(countPrefixes(count, digits), count);
  const ids = (i: number) => (tokens(IDS, i)[0] ?? []).slice(0, 5).join();
  assertEquals(countPrefixes(count, ids), count);
});

Deno.test("scoreRequest() scrambles the numbers of cold queries from their first digits on", () => {
  // A tokenizer may cut eight digits anywhere, so numbers in sequence would share their first tokens.
  const heads = new Set(
    Array.from(
      { length: 4000 },
      (_, i) => (texts(TEXT, i)[0] ?? "").slice(0, 2),
    ),
  );
  assertEquals(heads.size, 256);
});

Deno.test("scoreRequest() never repeats the first tokens of a shared item", () => {
  const batchSize = 64;
  const requests = 5000;
  const shared = { batchSize, prefixCache: "shared" } as const;
  const items = Array.from(
    { length: requests },
    (_, i) => texts({ ...TEXT, ...shared }, i).slice(1),
  ).flat().map((item) => item.slice(1, 9));
  assertEquals(new Set(items).size, batchSize * requests);
  const ids = Array.from(
    { length: requests },
    (_, i) => tokens({ ...IDS, ...shared }, i).slice(1),
  ).flat().map((item) => item.slice(0, 5).join());
  assertEquals(new Set(ids).size, batchSize * requests);
});

Deno.test("scoreRequest() keeps one query and renews every item when shared", () => {
  const shared = { ...IDS, prefixCache: "shared" } as const;
  const [query, ...items] = tokens(shared, 0);
  const [otherQuery, ...otherItems] = tokens(shared, 1);
  assertEquals(otherQuery, query);
  items.forEach((item, i) => assertNotEquals(otherItems[i], item));
});

Deno.test("scoreRequest() sends ids of exactly the lengths that were asked for", () => {
  for (const prefixCache of PREFIX_CACHE_REGIMES) {
    for (const [query, item] of [[5, 5], [40, 7], [1000, 333]] as const) {
      const spec = { ...IDS, prefixCache, tokens: { query, item } };
      assertEquals(tokens(spec, 3).map((ids) => ids.length), [
        query,
        item,
        item,
        item,
      ]);
    }
  }
  const hot = { ...IDS, prefixCache: "hot", tokens: { query: 1, item: 1 } };
  assertEquals(tokens(hot as WorkloadSpec, 0).map((ids) => ids.length), [
    1,
    1,
    1,
    1,
  ]);
});

Deno.test("scoreRequest() gives the items of one request different ids", () => {
  for (const prefixCache of PREFIX_CACHE_REGIMES) {
    const items = tokens({ ...IDS, batchSize: 64, prefixCache }, 1).slice(1);
    assertEquals(new Set(items.map((ids) => ids.join())).size, 64);
  }
});

Deno.test("scoreRequest() sends ids from 100 to 299 only, and all of them", () => {
  const ids = Array.from({ length: 2000 }, (_, i) => tokens(IDS, i)).flat(2);
  assertEquals(
    [...new Set(ids)].toSorted((a, b) => a - b),
    Array.from({ length: 200 }, (_, i) => 100 + i),
  );
});

Deno.test("requestBody() sends identical bytes when hot", () => {
  for (const spec of [TEXT, IDS]) {
    const hot = { ...spec, prefixCache: "hot" } as const;
    assertEquals(requestBody(hot, 12_345), requestBody(hot, 0));
  }
});

Deno.test("requestBody() is the same for the same seed and differs for another", () => {
  for (const spec of [TEXT, IDS]) {
    for (const prefixCache of ["cold", "shared"] as const) {
      const one = { ...spec, prefixCache };
      assertEquals(requestBody({ ...one }, 9), requestBody(one, 9));
      assertNotEquals(
        requestBody({ ...one, seed: "8" }, 9),
        requestBody(one, 9),
      );
      assertNotEquals(requestBody(one, 10), requestBody(one, 9));
    }
  }
  assertEquals(
    requestBody({ ...TEXT, seed: 0 }, 1),
    requestBody({ ...TEXT, seed: "0" }, 1),
  );
});

Deno.test("scoreRequest() gives another cell of a cold run another query", () => {
  const other = { ...TEXT, labelTokenIds: [1, 2, 3, 4] };
  const first = (spec: WorkloadSpec, i: number) =>
    (texts(spec, i)[0] ?? "").slice(0, 8);
  const one = new Set(Array.from({ length: 1000 }, (_, i) => first(TEXT, i)));
  const both = Array.from({ length: 1000 }, (_, i) => first(other, i));
  assertEquals(both.filter((prefix) => one.has(prefix)), []);
});

Deno.test("renewableBody() turns one body into any other of its workload", () => {
  const specs: WorkloadSpec[] = [
    TEXT,
    IDS,
    { ...TEXT, model: "orgé/ modèle \u{1f600}", batchSize: 64 },
    { ...IDS, tokens: { query: 5, item: 5 }, labelTokenIds: [0] },
    { ...IDS, tokens: { query: 2000, item: 20 }, batchSize: 500 },
  ];
  for (const spec of specs) {
    for (const prefixCache of PREFIX_CACHE_REGIMES) {
      const one = { ...spec, prefixCache };
      const { bytes, isRenewed, renew } = renewableBody(one);
      assertEquals(bytes, requestBody(one, 0));
      assertEquals(isRenewed, prefixCache !== "hot");
      const from = 7;
      const memory = new Uint8Array(from + bytes.length + 1).fill(1);
      memory.set(bytes, from);
      // One after another in the same memory, whatever was there before.
      for (const index of [3, 0, 123_456, 2 ** 32 - 1, 1, 4_000_000_007]) {
        renew(memory, from, index);
        assertEquals(
          memory.subarray(from, -1),
          requestBody(one, index),
          `${prefixCache}, ${index}`,
        );
      }
      assertEquals(memory.subarray(0, from), new Uint8Array(from).fill(1));
      assertEquals(memory.at(-1), 1);
    }
  }
});

Deno.test("renewableBody() refuses a request that ends a server", () => {
  assertThrows(
    () => renewableBody({ ...IDS, labelTokenIds: [-1] }),
    RangeError,
    "label id -1",
  );
});

Deno.test("requestBody() is JSON with exactly the fields of the contract", () => {
  for (const spec of [TEXT, IDS]) {
    for (const prefixCache of PREFIX_CACHE_REGIMES) {
      const body = requestBody({ ...spec, prefixCache }, 4_294_967_295);
      const value = JSON.parse(new TextDecoder().decode(body));
      assertEquals(Object.keys(value), [
        "query",
        "items",
        "label_token_ids",
        "apply_softmax",
        "item_first",
        "model",
      ]);
      assertEquals(value.items.length, 3);
      assertEquals(value.label_token_ids, [1, 2]);
      assertEquals(value.apply_softmax, true);
      assertEquals(value.item_first, false);
      assertEquals(value.model, "org/model");
    }
  }
});

Deno.test("scoreRequest() never makes a request that ends a server", () => {
  for (const spec of [TEXT, IDS]) {
    for (const prefixCache of PREFIX_CACHE_REGIMES) {
      for (let index = 0; index < 500; index++) {
        assertEquals(
          lethalReason(scoreRequest({ ...spec, prefixCache }, index)),
          null,
        );
      }
    }
  }
});

Deno.test("requestBody() refuses a request that ends a server", () => {
  assertThrows(
    () => requestBody({ ...TEXT, labelTokenIds: [-1] }, 0),
    RangeError,
    "Cannot send a request that is known to end a server: label id -1 is not a whole number from 0 to 2147483647",
  );
});

Deno.test("defaultLabelTokenIds() counts from 1", () => {
  assertEquals(defaultLabelTokenIds(4), [1, 2, 3, 4]);
  assertEquals(UNIQUE_TOKENS, 5);
});
