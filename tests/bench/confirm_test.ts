import { assertEquals } from "@std/assert";
import { looksSlower, planPass } from "../../lib/bench/confirm.ts";
import type { CellKey } from "../../lib/record/run.ts";

const CELLS: CellKey[] = [1, 2, 4, 8, 16, 32].map((batchSize) => ({
  batchSize,
  numLabels: 2,
  model: "m",
  dtype: "float32",
}));

/** The batch sizes of the pass that these suspects make. */
function passOf(...batchSizes: number[]): number[] {
  const suspects = CELLS.filter((cell) => batchSizes.includes(cell.batchSize));
  return planPass(CELLS, suspects).map((cell) => cell.batchSize);
}

Deno.test("planPass() plans nothing without a suspect", () => {
  assertEquals(passOf(), []);
});

Deno.test("planPass() puts a cell that is not suspect after each suspect, spread over the sweep", () => {
  assertEquals(passOf(4), [4, 8]);
  assertEquals(passOf(1, 32), [1, 4, 32, 16]);
});

Deno.test("planPass() measures every cell once where there are fewer others than suspects", () => {
  assertEquals(passOf(1, 2, 4, 8, 16), [1, 32, 2, 4, 8, 16]);
  assertEquals(passOf(1, 2, 4, 8, 16, 32), [1, 2, 4, 8, 16, 32]);
});

Deno.test("planPass() passes over suspects that were not measured", () => {
  const stranger = { batchSize: 64, numLabels: 2, model: "m", dtype: "f" };
  assertEquals(planPass(CELLS, [stranger]), []);
});

Deno.test("looksSlower() tells what may be slower than the warning limit, and nothing that is OK", () => {
  const isShown = (status: string, changePercent: number | null) =>
    looksSlower({ status, changePercent }, 5);
  assertEquals(
    ["OK", "INCONCLUSIVE", "WARN"].map((status) => isShown(status, -6)),
    [false, true, true],
  );
  assertEquals(isShown("WARN", -4), false);
  assertEquals(isShown("NEW", null), false);
});
