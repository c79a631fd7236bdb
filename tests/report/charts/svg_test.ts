import { assertEquals, assertStringIncludes } from "@std/assert";
import { loadCharts } from "../../../lib/report/charts/svg.ts";

Deno.test("loadCharts() draws no more charts than a reader looks at, so that no record holds a page up", async () => {
  const draw = await loadCharts();
  const texts = Array.from(
    { length: 402 },
    () => draw({ option: {}, height: 10, label: "Nothing" }),
  );
  assertEquals(texts.filter((text) => text.startsWith("<svg")).length, 400);
  assertStringIncludes(texts.at(-1) ?? "", "at most 400 charts");
});
