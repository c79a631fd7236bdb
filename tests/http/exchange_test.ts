import { assert, assertEquals, assertFalse } from "@std/assert";
import { Exchange, ExchangeList } from "../../lib/http/exchange.ts";

function exchanges(count: number): Exchange[] {
  return Array.from(
    { length: count },
    () =>
      new Exchange(new Uint8Array(), { timeoutMs: 1 }, {
        calledMs: 0,
        onResult: () => {},
      }),
  );
}

Deno.test("ExchangeList returns what is in it, the latest first, whatever is taken out", () => {
  for (const taken of [0, 2, 4]) {
    const list = new ExchangeList();
    const all = exchanges(5);
    const contents = () =>
      list.toArray().map((exchange) => all.indexOf(exchange));
    for (const exchange of all) list.add(exchange);
    const [out] = all.slice(taken);
    if (out === undefined) throw new Error("There are five");
    assert(list.delete(out));
    assertFalse(list.delete(out));
    assertEquals(contents(), [4, 3, 2, 1, 0].filter((one) => one !== taken));
    list.add(out);
    assertEquals(contents()[0], taken);
    for (const exchange of all) list.delete(exchange);
    assertEquals([list.isEmpty, contents()], [true, []]);
  }
});

Deno.test("ExchangeList keeps nothing alive through what was taken out", () => {
  const list = new ExchangeList();
  const all = exchanges(3);
  for (const exchange of all) list.add(exchange);
  for (const exchange of all) {
    list.delete(exchange);
    assertEquals([exchange.before, exchange.after], [null, null]);
  }
});
