import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  holmRejections,
  logGamma,
  normalUpperTail,
  regularisedIncompleteBeta,
  studentUpperQuantile,
  studentUpperTail,
} from "../../lib/stats/distributions.ts";

/** Compares to a relative error of 1e-12: far finer than any printed table. */
function assertDigits(actual: number, expected: number): void {
  assertAlmostEquals(actual, expected, Math.abs(expected) * 1e-12);
}

// Expected values without another source: SciPy, stats.norm.sf, stats.t.sf, stats.beta.cdf.

Deno.test("normalUpperTail() gives tabulated values at and beyond the centre", () => {
  assertEquals(normalUpperTail(0), 0.5);
  assertDigits(normalUpperTail(1.959963984540054), 0.025);
  assertDigits(normalUpperTail(2.3263478740408408), 0.01);
  assertDigits(normalUpperTail(3.7), 0.00010779973347738823);
  assertDigits(normalUpperTail(-1.2), 0.8849303297782918);
  // Abramowitz and Stegun, table 26.2: Q(6) = 9.8659 e-10.
  assertDigits(normalUpperTail(6), 9.865876450377012e-10);
});

Deno.test("normalUpperTail() joins series and continued fraction without a step", () => {
  const step = normalUpperTail(3 - 1e-9) - normalUpperTail(3);
  // The density at 3 is 0.00443.
  assertAlmostEquals(step, 1e-9 * 0.0044318484119380075, 1e-16);
});

Deno.test("logGamma() gives factorials and gamma(1/2)", () => {
  assertDigits(logGamma(0.5), Math.log(Math.PI) / 2);
  assertAlmostEquals(logGamma(1), 0, 1e-14);
  assertDigits(logGamma(5), Math.log(24));
  assertDigits(logGamma(100), 359.1342053695754);
});

Deno.test("regularisedIncompleteBeta() gives closed forms and its ends", () => {
  assertEquals(regularisedIncompleteBeta(2, 3, 0), 0);
  assertEquals(regularisedIncompleteBeta(2, 3, 1), 1);
  // I_x(1, 1) = x, I_x(2, 1) = x^2, I_x(1/2, 1/2) = 2 asin(sqrt(x)) / pi
  assertDigits(regularisedIncompleteBeta(1, 1, 0.3), 0.3);
  assertDigits(regularisedIncompleteBeta(2, 1, 0.7), 0.49);
  assertDigits(
    regularisedIncompleteBeta(0.5, 0.5, 0.9),
    2 * Math.asin(Math.sqrt(0.9)) / Math.PI,
  );
  assertDigits(regularisedIncompleteBeta(2.5, 4, 0.3), 0.3521975859067672);
});

Deno.test("studentUpperTail() gives published probabilities", () => {
  assertAlmostEquals(studentUpperTail(2.3, 3), 0.0524942, 5e-8);
  assertAlmostEquals(studentUpperTail(5, 4.5), 0.00273818, 5e-9);
  // One degree of freedom is the Cauchy distribution: 1/2 - atan(t) / pi.
  assertDigits(studentUpperTail(2, 1), 0.5 - Math.atan(2) / Math.PI);
  assertEquals(studentUpperTail(0, 7), 0.5);
  assertDigits(studentUpperTail(-1.5, 7), 0.911350756505015);
  assertDigits(studentUpperTail(40, 3), 1.7190340394579253e-05);
  assertEquals(studentUpperTail(2, Infinity), normalUpperTail(2));
});

Deno.test("studentUpperTail() passes into the normal distribution", () => {
  assertAlmostEquals(
    studentUpperTail(3, 999_999),
    studentUpperTail(3, Infinity),
    1e-7 * 3,
  );
});

Deno.test("studentUpperTail() refuses degrees of freedom that are not above 0", () => {
  for (const freedom of [0, -1, NaN]) {
    assertThrows(
      () => studentUpperTail(1, freedom),
      RangeError,
      `Cannot compute t distribution as degrees of freedom must be above 0: current value is ${freedom}`,
    );
  }
});

Deno.test("studentUpperQuantile() gives published quantiles", () => {
  assertAlmostEquals(studentUpperQuantile(0.01, 4), 3.746947, 5e-7);
  assertAlmostEquals(studentUpperQuantile(0.05, 6.6), 1.911997, 5e-7);
  assertAlmostEquals(studentUpperQuantile(0.0001, 25), 4.351653, 1e-6);
  assertAlmostEquals(studentUpperQuantile(0.025, 1), 12.7062047, 5e-8);
  assertDigits(studentUpperQuantile(0.005, Infinity), 2.5758293035489004);
  assertAlmostEquals(studentUpperQuantile(0.5, 3), 0, 1e-15);
});

Deno.test("studentUpperQuantile() refuses the lower half and the ends", () => {
  for (const probability of [0, 0.6, NaN]) {
    assertThrows(
      () => studentUpperQuantile(probability, 3),
      RangeError,
      `Cannot compute t quantile as the upper tail must be above 0 up to 0.5: current value is ${probability}`,
    );
  }
});

Deno.test("holmRejections() steps down until one hypothesis stands", () => {
  // The textbook example at 0.05: 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2.
  assertEquals(holmRejections([0.01, 0.04, 0.03, 0.005], 0.05), [
    true,
    false,
    false,
    true,
  ]);
  // A later one below its own limit is not rejected after one stood.
  assertEquals(holmRejections([0.03, 0.04], 0.05), [false, false]);
  assertEquals(holmRejections([0.01, 0.04], 0.05), [true, true]);
  assertEquals(holmRejections([], 0.05), []);
  assertEquals(holmRejections(Object.freeze([0.9, 0.01]), 0.05), [false, true]);
});
