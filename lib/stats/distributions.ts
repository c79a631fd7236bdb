/**
 * Tail probabilities and quantiles of the normal and Student's t distribution, and Holm's correction.
 *
 * Tails are computed directly, never as 1 minus a cumulative probability, so that small ones keep their digits.
 *
 * @module
 */

/** Convergence limit of series and continued fractions: a few units in the last place. */
const RELATIVE_ERROR = 1e-15;
/** Stand-in for a zero denominator in Lentz's method. */
const TINY = 1e-300;
/** Enough for a relative error of 1e-12 of every argument that occurs; reached only far out or at huge parameters. */
const MAX_ITERATIONS = 10_000;
/** Above this many degrees of freedom t and normal tails agree to 6 digits down to a probability of 1e-6. */
const NORMAL_DEGREES_OF_FREEDOM = 1e6;
/** Below this argument the series of the normal distribution is short, above it the continued fraction. */
const NORMAL_SERIES_LIMIT = 3;

/**
 * Returns P(Z > z) of the standard normal distribution, with about 14 correct digits.
 *
 * Near the centre by the series of Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.11,
 * in the tail by the continued fraction 26.2.14.
 */
export function normalUpperTail(z: number): number {
  const x = Math.abs(z);
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  let tail: number;
  if (x < NORMAL_SERIES_LIMIT) {
    let term = x;
    let series = x;
    for (let n = 3; term > series * RELATIVE_ERROR; n += 2) {
      term *= x * x / n;
      series += term;
    }
    tail = 0.5 - density * series;
  } else {
    // 100 levels suffice from 3 on: evaluated from the inside out.
    let fraction = x;
    for (let n = 100; n >= 1; n--) fraction = x + n / fraction;
    tail = density / fraction;
  }
  return z < 0 ? 1 - tail : tail;
}

/**
 * Returns the natural logarithm of the gamma function for x > 0, with about 14 correct digits.
 *
 * Stirling's series (Abramowitz and Stegun 6.1.41) from 10 on; smaller arguments are raised by the recurrence.
 */
export function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  while (shifted < 10) product *= shifted++;
  const s = 1 / (shifted * shifted);
  const series = (1 / 12 -
    s *
      (1 / 360 -
        s *
          (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * 691 / 360360))))) /
    shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted +
    Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}

/**
 * Returns the regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1.
 *
 * Continued fraction 26.5.8 of Abramowitz and Stegun by Lentz's method
 * (Press et al., "Numerical Recipes", 3rd edition, section 6.4).
 */
export function regularisedIncompleteBeta(
  a: number,
  b: number,
  x: number,
): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) +
      b * Math.log1p(-x),
  );
  // The fraction converges quickly only below the mean; the other side is its mirror image.
  return x < (a + 1) / (a + b + 2)
    ? front * betaFraction(a, b, x) / a
    : 1 - front * betaFraction(b, a, 1 - x) / b;
}

/**
 * Returns P(T > t) of Student's t distribution.
 *
 * @param t Any number.
 * @param degreesOfFreedom Above 0, whole or not; Infinity gives the normal distribution.
 * @throws {RangeError} If the degrees of freedom are not above 0.
 */
export function studentUpperTail(t: number, degreesOfFreedom: number): number {
  if (!(degreesOfFreedom > 0)) {
    throw new RangeError(
      `Cannot compute t distribution as degrees of freedom must be above 0: current value is ${degreesOfFreedom}`,
    );
  }
  if (degreesOfFreedom > NORMAL_DEGREES_OF_FREEDOM) return normalUpperTail(t);
  const x = degreesOfFreedom / (degreesOfFreedom + t * t);
  const tail = regularisedIncompleteBeta(degreesOfFreedom / 2, 0.5, x) / 2;
  return t < 0 ? 1 - tail : tail;
}

/**
 * Returns the t with P(T > t) = `probability` for the upper half of Student's t distribution.
 *
 * By bisection of {@linkcode studentUpperTail}, until the bounds are neighbours in double precision.
 *
 * @param probability The upper tail, above 0 up to 0.5.
 * @param degreesOfFreedom Above 0, whole or not; Infinity gives the normal distribution.
 * @throws {RangeError} If an argument is outside its range.
 */
export function studentUpperQuantile(
  probability: number,
  degreesOfFreedom: number,
): number {
  if (!(probability > 0 && probability <= 0.5)) {
    throw new RangeError(
      `Cannot compute t quantile as the upper tail must be above 0 up to 0.5: current value is ${probability}`,
    );
  }
  let low = 0;
  let high = 1;
  while (studentUpperTail(high, degreesOfFreedom) > probability) high *= 2;
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    if (studentUpperTail(middle, degreesOfFreedom) > probability) low = middle;
    else high = middle;
  }
}

/**
 * Tells which hypotheses are rejected when the chance of any false rejection may be at most `level`.
 *
 * Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979):
 * the smallest of m probabilities is held against level / m, the next against level / (m - 1),
 * and so on until one fails.
 */
export function holmRejections(
  pValues: readonly number[],
  level: number,
): boolean[] {
  const order = pValues.map((p, index) => ({ p, index })).toSorted((x, y) =>
    x.p - y.p
  );
  const firstKept = order.findIndex(({ p }, rank) =>
    p > level / (order.length - rank)
  );
  const rejected = new Set(
    (firstKept < 0 ? order : order.slice(0, firstKept)).map(({ index }) =>
      index
    ),
  );
  return pValues.map((_, index) => rejected.has(index));
}

function betaFraction(a: number, b: number, x: number): number {
  const guarded = (value: number): number =>
    Math.abs(value) < TINY ? TINY : value;
  let c = 1;
  let d = 1 / guarded(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let i = 1; i < MAX_ITERATIONS; i++) {
    const even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
    const odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
    let step = 1;
    for (const numerator of [even, odd]) {
      d = 1 / guarded(1 + numerator * d);
      c = guarded(1 + numerator / c);
      step = c * d;
      fraction *= step;
    }
    if (Math.abs(step - 1) < RELATIVE_ERROR) break;
  }
  return fraction;
}
