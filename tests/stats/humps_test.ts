import { assertEquals, assertLess } from "@std/assert";
import { describeHumps, findHumps } from "../../lib/stats/humps.ts";
import { createRng, exponential, normal } from "../../lib/stats/rng.ts";

Deno.test("findHumps() gives the share and the median of both humps, in any order", () => {
  const slowMs = Array.from({ length: 12 }, (_, index) => 205 + index);
  const fastMs = Array.from({ length: 8 }, (_, index) => 101 + index);
  const humps = findHumps([...slowMs, ...fastMs]);
  assertEquals(humps, [
    { share: 0.4, medianMs: 104.5 },
    { share: 0.6, medianMs: 210.5 },
  ]);
  assertEquals(
    describeHumps([...slowMs, ...fastMs]),
    "two kinds of answers: 40 % at 105 ms, 60 % at 211 ms",
  );
});

Deno.test("findHumps() takes pauses, few samples, steady and near values for one hump", () => {
  const steady = Array.from({ length: 18 }, () => 10);
  assertEquals(findHumps([...steady, 100, 100]), null);
  assertEquals(findHumps([10, 10, 10, 10, 20, 20, 20, 20, 20]), null);
  assertEquals(findHumps(steady), null);
  assertEquals(findHumps([...steady, ...steady.map(() => 11)]), null);
  assertEquals(describeHumps([]), "");
});

Deno.test("findHumps() finds no humps where there is one", () => {
  const rng = createRng("one hump");
  const shapes = [
    () => Math.exp(0.1 * normal(rng)),
    () => 1 + rng(),
    () => 1 + 0.2 * exponential(rng),
  ];
  for (const draw of shapes) {
    const found = Array.from(
      { length: 1000 },
      () => findHumps(Array.from({ length: 40 }, draw)),
    )
      .filter((humps) => humps !== null);
    assertLess(found.length, 10);
  }
});
