import { assertEquals } from "@std/assert";
import { samplesChart } from "../../../lib/report/charts/samples.ts";
import { viewOfRun } from "../../../lib/report/view.ts";
import { exampleCell, exampleRun } from "../../support/example_run.ts";

/** More than the stack has room for as arguments. */
const MANY = 400_000;

Deno.test("samplesChart() draws a cell of very many samples", () => {
  const cell = exampleCell();
  const outcome = Array<"ok">(MANY).fill("ok");
  const sentMs = outcome.map((_, i) => i);
  const doneMs = sentMs.map((ms, i) => ms + (i === 7 ? 3 : i === 9 ? 5 : 4));
  const view = viewOfRun(exampleRun({ cells: [cell] }));
  const [first] = view.cells;
  if (first === undefined) throw new RangeError("Cannot draw no cell");
  const chart = samplesChart({
    ...first,
    passes: [{
      ...cell,
      suspects: [],
      samples: { ...cell.samples, outcome, sentMs, doneMs },
    }],
  });
  const { min, max } = chart.option["yAxis"] as { min: number; max: number };
  // 8 % of the range of 3 to 5 below, twice that above.
  assertEquals([min, max], [3 - 0.08 * 2, 5 + 2 * 0.08 * 2]);
});
