import {
  assert,
  assertEquals,
  assertFalse,
  assertLessOrEqual,
} from "@std/assert";
import {
  findSuspects,
  isSettled,
  QUIET_ANSWERS,
} from "../../lib/bench/warm_up.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

/** Recorded on a real SGLang-JAX server: one client, the same request again and again. */
const ONE_ITEM = [
  ...[7385, 4972, 141, 63, 83, 53, 60, 66, 54, 53, 61, 61, 95, 50],
];
const FOUR_ITEMS = [
  ...[5796, 1582, 77, 89, 5777, 1605, 86, 5824, 1721, 107, 82, 96, 97, 64],
];

/** The count of answers after which a warm-up of the series would end, or null. */
function settledAfter(series: readonly number[], minRequests: number) {
  const found = series.findIndex((_, i) =>
    isSettled(series.slice(0, i + 1), minRequests)
  );
  return found < 0 ? null : found + 1;
}

Deno.test("isSettled() settles on the recorded server of one item after 11 answers", () => {
  // 141 is more than twice the median of the eight from 141 to 53; the next eight are alike.
  assertEquals(settledAfter(ONE_ITEM, 5), 11);
});

Deno.test("isSettled() never settles between the compiles of four items", () => {
  assertEquals(settledAfter(FOUR_ITEMS, 0), null);
  assertEquals(settledAfter(FOUR_ITEMS, 5), null);
  // 107 82 96 97 64 and three more like them are the first eight quiet answers.
  assertEquals(settledAfter([...FOUR_ITEMS, 90, 88, 93, 85], 5), 17);
});

Deno.test("isSettled() waits for the least number of answers", () => {
  const even = Array.from({ length: 30 }, () => 5);
  assertEquals(settledAfter(even, 0), QUIET_ANSWERS);
  assertEquals(settledAfter(even, 8), 8);
  assertEquals(settledAfter(even, 20), 20);
  assertFalse(isSettled([], 0));
});

Deno.test("isSettled() bears an answer of twice the median and not more", () => {
  const quiet = [10, 10, 10, 10, 10, 10, 10];
  assert(isSettled([...quiet, 20], 0));
  assertFalse(isSettled([...quiet, 20.001], 0));
});

Deno.test("findSuspects() marks the compiles of the recorded servers", () => {
  assertEquals(findSuspects(ONE_ITEM), [
    { index: 0, kind: "compile" },
    { index: 1, kind: "compile" },
  ]);
  assertEquals(
    findSuspects(FOUR_ITEMS).map(({ index, kind }) => [index, kind]),
    [0, 1, 4, 5, 7, 8].map((index) => [index, "compile"]),
  );
});

Deno.test("findSuspects() tells a stall from a compile", () => {
  const quiet = [50, 51, 49, 50, 52, 48, 50];
  // A compile is ten times the median and 150 ms more; a stall is above three times the median.
  assertEquals(findSuspects([...quiet, 500]), [{ index: 7, kind: "compile" }]);
  assertEquals(findSuspects([...quiet, 499]), [{ index: 7, kind: "stall" }]);
  assertEquals(findSuspects([...quiet, 151]), [{ index: 7, kind: "stall" }]);
  assertEquals(findSuspects([...quiet, 150]), []);
  const fast = quiet.map((latencyMs) => latencyMs / 50);
  assertEquals(findSuspects([...fast, 150]), [{ index: 7, kind: "stall" }]);
  assertEquals(findSuspects([...fast, 151]), [{ index: 7, kind: "compile" }]);
});

Deno.test("findSuspects() takes what stands out by 2 s for a compile, however slow the cell", () => {
  // A TPU v6e-1, 500 items packed: the first request of the warm-up was 9.05 times the median.
  const packed = [9593.7, 9594.1, 9596.2, 9591.9, 9602.7, 9588.3];
  assertEquals(findSuspects([86_896.9, ...packed]), [
    { index: 0, kind: "compile" },
  ]);
  const even = [1000, 1010, 990, 1005, 995, 1000];
  assertEquals(findSuspects([...even, 2999]), []);
  assertEquals(findSuspects([...even, 3000]), [{ index: 6, kind: "compile" }]);
  // The same server at 30 ms: single stalls.
  const hot = [27.5, 27.7, 28.1, 27.6, 27.4, 27.9];
  assertEquals(findSuspects([...hot, 88.958]), [{ index: 6, kind: "stall" }]);
  assertEquals(findSuspects([...hot, 96.2]), [{ index: 6, kind: "stall" }]);
  // Ten requests to a v6e-1 that was started again: the median lies between those that compiled and the others.
  const restarted = [
    28_387,
    53,
    24_614,
    60,
    23_991,
    12_070,
    24_126,
    52,
    55,
    54,
  ];
  assertEquals(
    findSuspects(restarted).map(({ index }) => index),
    [0, 2, 4, 6],
  );
});

Deno.test("findSuspects() marks nothing where samples are few, equal or wide", () => {
  assertEquals(findSuspects([]), []);
  assertEquals(findSuspects([1, 1000]), []);
  assertEquals(findSuspects([5, 5, 5, 5]), []);
  // The distances from the median 20 are 0 to 80 with median 10: 20 + 6 x 14.826 is above 100.
  assertEquals(findSuspects([10, 10, 10, 20, 20, 30, 100]), []);
});

Deno.test("findSuspects() marks no sample of a normal machine", () => {
  // 5 % noise is what a quiet server shows: 200,000 samples without one mark.
  // 20 % is a loud one: a share of 1e-5 is let through.
  const marks = (spread: number) => {
    const rng = createRng(`noise ${spread}`);
    let count = 0;
    for (let cell = 0; cell < 4000; cell++) {
      const latenciesMs = Array.from(
        { length: 50 },
        () => 60 * Math.exp(spread * normal(rng)),
      );
      count += findSuspects(latenciesMs).length;
    }
    return count;
  };
  assertEquals(marks(0.05), 0);
  assertLessOrEqual(marks(0.2), 2);
});

Deno.test("findSuspects() leaves the samples as they are", () => {
  const samples = Object.freeze([9000, 3, 1, 2]);
  findSuspects(samples);
  isSettled(samples, 0);
  assertEquals(samples, [9000, 3, 1, 2]);
});
