/**
 * Linear least squares with intervals.
 *
 * @module
 */
import { studentUpperQuantile } from "./distributions.ts";
import { sum } from "./summary.ts";

/** One coefficient. */
export interface Coefficient {
  /** Its value. */
  readonly value: number;
  /** Its bounds, held with a confidence of 95 %. */
  readonly interval: readonly [low: number, high: number];
}

/** What a fit came to. */
export interface LeastSquares {
  /** One for each column, in order; null for a column that those before it already tell. */
  readonly coefficients: readonly (Coefficient | null)[];
  /** The share of the squares about the weighted mean that is explained, at most 1. */
  readonly r2: number;
}

/** A column of which no more than this share is left after those before it is told by them. */
const LEAST_REST = 1e-6;

/**
 * Fits weighted sums of columns to values: weighted least squares by Gram and Schmidt.
 *
 * @param columns At least one, each as long as `values`.
 * @param weights How much each value counts, above 0.
 * @returns null where the values are no more than the columns that are told apart.
 */
export function leastSquares(
  columns: readonly (readonly number[])[],
  values: readonly number[],
  weights: readonly number[],
): LeastSquares | null {
  const roots = weights.map(Math.sqrt);
  const scaled = (column: readonly number[]) =>
    column.map((value, i) => value * (roots[i] ?? 0));
  const dot = (a: readonly number[], b: readonly number[]) =>
    sum(a.map((value, i) => value * (b[i] ?? 0)));
  const kept: number[] = [];
  const basis: number[][] = [];
  // The columns in terms of the basis: upper triangular.
  const triangle: number[][] = [];
  for (const [index, column] of columns.entries()) {
    let rest = scaled(column);
    const size = dot(rest, rest);
    const shares = basis.map((axis) => {
      const share = dot(axis, rest);
      rest = rest.map((value, i) => value - share * (axis[i] ?? 0));
      return share;
    });
    const left = dot(rest, rest);
    if (left <= LEAST_REST ** 2 * size) continue;
    const length = Math.sqrt(left);
    kept.push(index);
    basis.push(rest.map((value) => value / length));
    triangle.push([...shares, length]);
  }
  const freedom = values.length - kept.length;
  if (freedom < 1 || kept.length === 0) return null;
  const target = scaled(values);
  const projected = basis.map((axis) => dot(axis, target));
  // Columns of the inverse of the triangle give the coefficients and their variances.
  const solve = (right: readonly number[]): number[] => {
    const solution = new Array<number>(right.length).fill(0);
    for (let row = right.length - 1; row >= 0; row--) {
      let value = right[row] ?? 0;
      for (let column = row + 1; column < right.length; column++) {
        value -= (triangle[column]?.[row] ?? 0) * (solution[column] ?? 0);
      }
      solution[row] = value / (triangle[row]?.[row] ?? 1);
    }
    return solution;
  };
  const coefficients = solve(projected);
  const fitted = target.map((_, i) =>
    sum(basis.map((axis, k) => (axis[i] ?? 0) * (projected[k] ?? 0)))
  );
  const squares = sum(
    target.map((value, i) => (value - (fitted[i] ?? 0)) ** 2),
  );
  const inverse = kept.map((_, k) =>
    solve(kept.map((_, other) => other === k ? 1 : 0))
  );
  const t = studentUpperQuantile(0.025, freedom);
  const errorOf = (row: number) =>
    Math.sqrt(
      squares / freedom * sum(inverse.map((column) => (column[row] ?? 0) ** 2)),
    );
  const centre = sum(values.map((value, i) => value * (weights[i] ?? 0))) /
    sum(weights);
  const about = sum(
    values.map((value, i) => (weights[i] ?? 0) * (value - centre) ** 2),
  );
  return {
    coefficients: columns.map((_, index) => {
      const row = kept.indexOf(index);
      if (row < 0) return null;
      const value = coefficients[row] ?? 0;
      const half = t * errorOf(row);
      return { value, interval: [value - half, value + half] as const };
    }),
    r2: about === 0 ? 1 : 1 - squares / about,
  };
}
