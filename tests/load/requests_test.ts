import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RequestStore } from "../../lib/load/requests.ts";
import { requestBody, type WorkloadSpec } from "../../lib/score/workload.ts";

const SPEC: WorkloadSpec = {
  batchSize: 3,
  labelTokenIds: [1, 2],
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: 1,
  tokens: { query: 30, item: 6 },
};
const HEAD = [71, 72, 73];
const encode = (body: Uint8Array) => Uint8Array.of(...HEAD, ...body);

Deno.test("RequestStore hands out the request of each index", () => {
  for (const prefixCache of ["cold", "shared", "hot"] as const) {
    for (const tokens of [SPEC.tokens, null]) {
      const spec = { ...SPEC, prefixCache, tokens };
      const store = new RequestStore(spec, { encode, inFlight: 2 });
      for (let index = 0; index < 20; index++) {
        const request = store.take(index);
        assertEquals(request, encode(requestBody(spec, index)));
        assertEquals(request.length, store.requestBytes);
        store.give(request);
      }
    }
  }
});

Deno.test("RequestStore overwrites no request that was not given back", () => {
  const store = new RequestStore(SPEC, { encode, inFlight: 2 });
  // More than are made ahead.
  const requests = [0, 1, 2, 3].map((index) => store.take(index));
  const expected = requests.map((_, i) => encode(requestBody(SPEC, i)));
  assertEquals(requests, expected);
  store.give(requests[1] ?? new Uint8Array());
  const next = store.take(9);
  assertStrictEquals(next, requests[1]);
  assertEquals(next, encode(requestBody(SPEC, 9)));
  assertEquals(requests[0], expected[0]);
  assertEquals(requests.slice(2), expected.slice(2));
});

Deno.test("RequestStore sends the very same bytes when hot", () => {
  const hot = { ...SPEC, prefixCache: "hot" } as const;
  const store = new RequestStore(hot, { encode, inFlight: 8 });
  const first = store.take(0);
  assertStrictEquals(store.take(1), first);
  store.give(first);
  assert(store.take(2) === first);
});

Deno.test("RequestStore makes requests of drawn lengths, and those of a file, before they are taken", () => {
  const drawn: WorkloadSpec = {
    ...SPEC,
    tokens: { query: { min: 5, max: 30 }, item: 6 },
  };
  const own: WorkloadSpec = {
    ...SPEC,
    batchSize: 0,
    requests: ["a", "bb", "ccc"].map((query) => ({
      query,
      items: [query],
      labelTokenIds: null,
    })),
  };
  for (const spec of [drawn, own]) {
    let made = 0;
    const store = new RequestStore(spec, {
      encode: (body) => {
        made++;
        return encode(body);
      },
      inFlight: 2,
      ahead: [4, 5, 6],
    });
    const before = made;
    const taken = [4, 5, 6].map((index) => store.take(index));
    assertEquals(made, before);
    assertEquals(
      taken,
      [4, 5, 6].map((index) => encode(requestBody(spec, index))),
    );
    assertEquals(new Set(taken.map(({ length }) => length)).size > 1, true);
    assertEquals(store.take(7), encode(requestBody(spec, 7)));
  }
});
