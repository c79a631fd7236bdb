import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { findDrift } from "../../lib/bench/drift.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

/** Seeded lognormal latencies around a median. */
function latencies(
  medianMs: number,
  options: { count?: number; spread?: number; seed?: string } = {},
): number[] {
  const { count = 20, spread = 0.05, seed = "drift" } = options;
  const rng = createRng(seed);
  return Array.from(
    { length: count },
    () => medianMs * Math.exp(spread * normal(rng)),
  );
}

Deno.test("findDrift() returns the share when both times are exact", () => {
  assertAlmostEquals(findDrift([10, 10, 10], [12, 12, 12]) ?? 0, 0.2, 1e-12);
  assertAlmostEquals(findDrift([10, 10, 10], [8, 8, 8]) ?? 0, -0.2, 1e-12);
});

Deno.test("findDrift() finds nothing below 5 % however exact the times are", () => {
  assertEquals(findDrift([10, 10, 10], [10.4, 10.4, 10.4]), null);
});

Deno.test("findDrift() finds nothing in fewer than two samples", () => {
  assertEquals(findDrift([10], [20, 20]), null);
  assertEquals(findDrift([], []), null);
});

Deno.test("findDrift() needs a larger drift where the samples scatter more", () => {
  const first = latencies(10, { spread: 0.15, seed: "a" });
  const second = latencies(11.5, { spread: 0.15, seed: "b" });
  assertEquals(findDrift(first, second), null);
  const far = findDrift(first, second.map((latencyMs) => 2 * latencyMs));
  assert(far !== null && far > 0.8);
});

Deno.test("findDrift() finds at most one drift in a thousand unchanged cells and nearly all of a third", () => {
  let [wrong, found] = [0, 0];
  for (let i = 0; i < 1000; i++) {
    const first = latencies(10, { seed: `first ${i}` });
    const second = latencies(10, { seed: `second ${i}` });
    if (findDrift(first, second) !== null) wrong++;
    if (findDrift(first, second.map((x) => 1.3 * x)) !== null) found++;
  }
  assert(wrong <= 1, `${wrong} of 1000 unchanged`);
  assert(found >= 950, `${found} of 1000 changed`);
});

Deno.test("findDrift() does not depend on the unit", () => {
  const [first, second] = [latencies(10), latencies(20, { seed: "other" })];
  const scale = (values: number[]) => values.map((value) => value * 1000);
  assertAlmostEquals(
    findDrift(scale(first), scale(second)) ?? 0,
    findDrift(first, second) ?? 1,
    1e-9,
  );
});

Deno.test("findDrift() finds no drift where two kinds of answers come in another share by chance", () => {
  const rng = createRng("humps");
  const cell = () =>
    Array.from(
      { length: 20 },
      () => (rng() < 0.45 ? 105 : 210) * Math.exp(0.03 * normal(rng)),
    );
  const found = Array.from({ length: 2000 }, () => findDrift(cell(), cell()))
    .filter((drift) => drift !== null);
  assert(found.length <= 2, `${found.length}`);
  assert(findDrift(cell(), cell().map((latencyMs) => 4 * latencyMs)) !== null);
});
