import {
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  deviationOf,
  explainMismatch,
  NO_DEVIATION,
  referenceOf,
  scoreTolerance,
  worseOf,
} from "../../lib/score/truth.ts";

const TOLERANCE = { relative: 0.01, absolute: 0 };
const ROW_A = [0.1, 0.9];
const ROW_B = [0.4, 0.6];
const ROW_C = [0.3, 0.7];
const ROW_D = [0.2, 0.8];
const TABLE = {
  references: Float64Array.from([...ROW_A, ...ROW_B, ...ROW_C, ...ROW_D]),
  rows: 2,
  labels: 2,
};
const explain = (scores: number[][], payload = 0) =>
  explainMismatch(scores, TABLE, { payload, tolerance: TOLERANCE });

Deno.test("scoreTolerance() is wider for types with fewer digits", () => {
  assertEquals(
    ["float32", "float16", "bfloat16", "auto"].map((dtype) =>
      scoreTolerance(dtype).relative
    ),
    [0.01, 0.02, 0.14, 0.14],
  );
});

Deno.test("deviationOf() gives the worst distance and its share of what is tolerated", () => {
  const reference = Float64Array.from([0.1, 0.9, 0.5, 0.5]);
  assertEquals(
    deviationOf([[0.1, 0.9], [0.5, 0.5]], reference, TOLERANCE),
    NO_DEVIATION,
  );
  const found = deviationOf([[0.1, 0.9], [0.51, 0.49]], reference, TOLERANCE);
  assertAlmostEquals(found.absolute, 0.01, 1e-12);
  // 0.49 is 2 % below 0.5, and 1 % of 0.5 is tolerated.
  assertAlmostEquals(found.share, 2, 1e-9);
  assertAlmostEquals(found.relative, 0.02, 1e-9);
});

Deno.test("deviationOf() counts a score without a reference as a mismatch", () => {
  const found = deviationOf([[0.5, 0.5]], Float64Array.from([0.5]), TOLERANCE);
  assertEquals(found.share, Infinity);
});

Deno.test("deviationOf() lets scores near 0 differ by the absolute tolerance", () => {
  const tolerance = { relative: 0.01, absolute: 1e-4 };
  const share = (score: number) =>
    deviationOf([[score]], Float64Array.of(0), tolerance).share <= 1;
  assertEquals([share(0.0001), share(0.00011)], [true, false]);
});

Deno.test("worseOf() keeps the first of two that are alike", () => {
  const one = { absolute: 1, relative: 1, share: 1 };
  assertEquals(worseOf(one, { ...one, absolute: 2 }), one);
  assertEquals(worseOf(NO_DEVIATION, one), one);
});

Deno.test("referenceOf() cuts one payload out of the table", () => {
  assertEquals([...referenceOf(TABLE, 1)], [...ROW_C, ...ROW_D]);
});

Deno.test("explainMismatch() names what an answer holds in place of its scores", () => {
  assertEquals(
    explain([ROW_C, ROW_D]),
    "the answer is that of another request",
  );
  assertEquals(
    explain([ROW_B, ROW_A]),
    "row 0 holds the scores of row 1; row 1 holds the scores of row 0",
  );
  assertEquals(
    explain([ROW_A, ROW_D]),
    "row 1 holds the scores of a row of another request",
  );
  assertEquals(
    explain([ROW_A.toReversed(), ROW_B]),
    "row 0 has its labels in another order",
  );
  assertStringIncludes(
    explain([[0.11, 0.89], ROW_B]),
    "row 0, label 0: 0.11 where its reference is 0.1 (9.09 % off)",
  );
});
