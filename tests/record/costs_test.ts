import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeCosts, fitCosts } from "../../lib/record/costs.ts";
import type { CellKey } from "../../lib/record/run.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

const LENGTHS = [[50, 10], [200, 10], [800, 40]].map((
  [query = 0, item = 0],
) => ({
  name: `query=${query},item=${item}`,
  tokens: { query, item },
  file: null,
}));

/** The law of the simulated engine: 4 ms, 0.1 ms an item, 0.05 ms a token, 0.02 ms a score. */
function cellsOf(noise: number) {
  const rng = createRng(3);
  return LENGTHS.flatMap(({ name, tokens: { query, item } }) =>
    [1, 4, 16].flatMap((batchSize) =>
      [2, 8, 64].map((numLabels) => {
        const key: CellKey = {
          ...{ batchSize, numLabels, model: "m", dtype: "float32" },
          data: name,
        };
        const ms = 4 + batchSize *
            (0.1 + 0.05 * (query + item) + 0.02 * numLabels);
        return { key, meanMs: ms * Math.exp(noise * normal(rng)) };
      })
    )
  );
}

Deno.test("fitCosts() finds the law of an engine, and the truth lies in its intervals", () => {
  const model = fitCosts(cellsOf(0.005), LENGTHS);
  assert(model !== null);
  assertEquals(model.cells, 27);
  assert(model.r2 > 0.999);
  for (
    const [part, truth] of [
      [model.request, 4],
      [model.token, 0.05],
      [model.score, 0.02],
    ] as const
  ) {
    const [low = 0, high = 0] = part?.interval ?? [];
    assert(low < truth && truth < high, `${truth}: ${low} to ${high}`);
  }
});

Deno.test("fitCosts() says that tokens are in the items where cells differ in no tokens", () => {
  const text = cellsOf(0.005).filter(({ key }) =>
    key.data === "query=50,item=10"
  )
    .map(({ key: { data: _, ...key }, meanMs }) => ({ key, meanMs }));
  const model = fitCosts(text, [TEXT_RECORD]);
  assert(model !== null);
  assertEquals(model.token, null);
  assertStringIncludes(describeCosts(model), "tokens are in the items");
});

Deno.test("fitCosts() says nothing of too few cells", () => {
  assertEquals(fitCosts(cellsOf(0).slice(0, 4), LENGTHS), null);
  assertEquals(fitCosts([], LENGTHS), null);
});
