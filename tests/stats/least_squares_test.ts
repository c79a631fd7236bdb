import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { leastSquares } from "../../lib/stats/least_squares.ts";
import { createRng, normal } from "../../lib/stats/rng.ts";

Deno.test("leastSquares() finds a line, with the interval of textbooks", () => {
  const x = [1, 2, 3, 4, 5];
  const y = [2.1, 3.9, 6.2, 7.8, 10.1];
  const fit = leastSquares([x.map(() => 1), x], y, x.map(() => 1));
  const [a, b] = fit?.coefficients ?? [];
  // By hand: slope 1.99, intercept 0.05, standard error of the slope 0.0597, t(3) 3.182.
  assertAlmostEquals(b?.value ?? 0, 1.99, 1e-9);
  assertAlmostEquals(a?.value ?? 0, 0.05, 1e-9);
  assertAlmostEquals(b?.interval[1] ?? 0, 1.99 + 3.1824 * 0.0597, 2e-3);
  assertAlmostEquals(fit?.r2 ?? 0, 0.9973, 1e-4);
});

Deno.test("leastSquares() leaves out a column that others tell, and needs more values than columns", () => {
  const x = [1, 2, 3, 4];
  const fit = leastSquares(
    [x.map(() => 1), x, x.map((value) => 3 * value - 1)],
    x.map((value) => 5 + 2 * value),
    x,
  );
  assertEquals(fit?.coefficients[2], null);
  assertAlmostEquals(fit?.coefficients[1]?.value ?? 0, 2, 1e-9);
  assertEquals(leastSquares([[1, 1], [1, 2]], [1, 2], [1, 1]), null);
});

Deno.test("leastSquares() holds the truth in 95 of 100 intervals", () => {
  const rng = createRng(5);
  let held = 0;
  for (let round = 0; round < 400; round++) {
    const x = Array.from({ length: 12 }, (_, i) => i);
    const y = x.map((value) => 4 + 0.5 * value + normal(rng));
    const slope = leastSquares([x.map(() => 1), x], y, x.map(() => 1))
      ?.coefficients[1];
    const [low = 0, high = 0] = slope?.interval ?? [];
    if (low <= 0.5 && 0.5 <= high) held++;
  }
  // Five standard deviations of 400 draws.
  assert(Math.abs(held / 400 - 0.95) < 0.055, `${held}`);
});
