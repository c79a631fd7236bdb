import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { findSegments, fittedAt } from "../../lib/stats/change_points.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

const CHANCE = 0.01;

function noisy(
  seed: string,
  count: number,
  of: (index: number) => number,
  deviation = 0.02,
): number[] {
  const rng = createRng(seed);
  return Array.from(
    { length: count },
    (_, i) => of(i) + deviation * normal(rng),
  );
}

function shapeOf(values: readonly number[]) {
  return findSegments(values, CHANCE).map(({ kind, start, end }) =>
    `${kind} ${start}-${end}`
  );
}

Deno.test("findSegments() finds the steps of a series without noise at their places", () => {
  const values = [
    ...Array(10).fill(1),
    ...Array(7).fill(3),
    ...Array(5).fill(2),
  ];
  const segments = findSegments(Object.freeze(values), CHANCE);
  assertEquals(
    segments.map(({ start, end, first, last, startRange }) => ({
      start,
      end,
      startRange,
      levels: [first, last].map((level) => Number(level.toFixed(9))),
    })),
    [
      { start: 0, end: 10, startRange: [0, 0], levels: [1, 1] },
      { start: 10, end: 17, startRange: [10, 10], levels: [3, 3] },
      { start: 17, end: 22, startRange: [17, 17], levels: [2, 2] },
    ],
  );
});

Deno.test("findSegments() finds nothing where nothing changed", () => {
  let found = 0;
  for (let i = 0; i < 300; i++) {
    if (shapeOf(noisy(`quiet ${i}`, 120, () => 4))[0] !== "level 0-120") {
      found++;
    }
  }
  // 1 % of them may be wrong: 3 expected, more than 9 in 1 of 1000 such tests.
  assert(found <= 9, `${found} of 300`);
});

Deno.test("findSegments() takes a slow drift for a drift, not for a staircase", () => {
  for (const seed of ["a", "b", "c"]) {
    const values = noisy(seed, 120, (i) => 0.2 * i / 119);
    assertEquals(shapeOf(values), ["drift 0-120"]);
    const [segment] = findSegments(values, CHANCE);
    assertAlmostEquals((segment?.last ?? 0) - (segment?.first ?? 0), 0.2, 0.03);
  }
});

Deno.test("findSegments() finds steps of three deviations within a run or two", () => {
  for (const seed of ["a", "b", "c", "d"]) {
    const segments = findSegments(
      noisy(seed, 120, (i) => i < 40 ? 0 : i < 85 ? 0.06 : 0),
      CHANCE,
    );
    assertEquals(segments.map(({ kind }) => kind), ["level", "level", "level"]);
    for (const [i, place] of [[1, 40], [2, 85]] as const) {
      const [earliest, latest] = segments[i]?.startRange ?? [0, 0];
      assert(earliest - 1 <= place && place <= latest + 1, `${seed} ${place}`);
    }
  }
});

Deno.test("findSegments() finds large steps in short series", () => {
  for (let i = 0; i < 50; i++) {
    const values = noisy(`short ${i}`, 30, (index) => index < 18 ? 0 : 0.2);
    assertEquals(shapeOf(values), ["level 0-18", "level 18-30"]);
  }
});

Deno.test("findSegments() is not misled by odd single values, nor by rounding", () => {
  const odd = noisy("odd", 60, (i) => [10, 31, 50].includes(i) ? 2 : 0);
  assertEquals(shapeOf(odd), ["level 0-60"]);
  assertEquals(shapeOf(Array(40).fill(7)), ["level 0-40"]);
});

Deno.test("findSegments() tells nothing of a few values", () => {
  assertEquals(shapeOf([1]), ["level 0-1"]);
  assertEquals(shapeOf([1, 1, 9, 9]), ["level 0-4"]);
  // A change in the last four values is not yet a level.
  assertEquals(
    shapeOf(noisy("late", 44, (i) => i < 40 ? 0 : 0.3))[0],
    "level 0-44",
  );
});

Deno.test("findSegments() tells of a change from its fifth value on, at its place", () => {
  for (const seed of ["a", "b", "c"]) {
    for (const size of [0.3, -0.3]) {
      for (const late of [1, 2, 3, 4]) {
        const values = noisy(seed, 40 + late, (i) => i < 40 ? 0 : size);
        const [segment, ...others] = findSegments(values, CHANCE);
        assertEquals(others, []);
        assertEquals([segment?.kind, segment?.end], ["level", 40 + late]);
        assertAlmostEquals(segment?.first ?? 1, 0, 0.02);
      }
      assertEquals(shapeOf(noisy(seed, 45, (i) => i < 40 ? 0 : size)), [
        "level 0-40",
        "level 40-45",
      ]);
    }
  }
});

Deno.test("fittedAt() follows levels and drifts", () => {
  const base = { startRange: [0, 0] as const };
  const segments = [
    { ...base, start: 0, end: 5, kind: "level" as const, first: 1, last: 1 },
    { ...base, start: 5, end: 10, kind: "drift" as const, first: 2, last: 6 },
  ];
  assertEquals([0, 4, 5, 7, 9, 12].map((i) => fittedAt(segments, i)), [
    1,
    1,
    2,
    4,
    6,
    9,
  ]);
});
