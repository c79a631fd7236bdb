/**
 * Whether scores are the right ones: answers under load against references that were scored alone.
 *
 * @module
 */

/** How far a score may be from its reference: `absolute + relative * the greater of the two`. */
export interface Tolerance {
  /** The share of the score. */
  readonly relative: number;
  /** What is added, so that scores near 0 do not need digits that nobody computed. */
  readonly absolute: number;
}

/** The greatest distance of a score from its reference that was met. */
export interface Deviation {
  /** The distance. */
  readonly absolute: number;
  /** The distance as a share of the greater of the two. */
  readonly relative: number;
  /** The distance as a share of what is tolerated there; above 1 is a mismatch. */
  readonly share: number;
}

/** No distance at all. */
export const NO_DEVIATION: Deviation = { absolute: 0, relative: 0, share: 0 };

/** A score whose digits nobody needs: 0.01 %. */
const ABSOLUTE_TOLERANCE = 1e-4;

/**
 * Returns how far the same score may be apart in two batches, by the data type of the server.
 *
 * Kernels sum in an order that depends on the batch, so logarithms of probabilities differ by a
 * unit or two in the last place. Between 8 and 16 that unit is 2^-4 for bfloat16 (6 % of the
 * score), 2^-7 for float16 (0.8 %); two are tolerated. A float32 model may still multiply in
 * bfloat16 (the default of JAX on TPU), so 1 % is tolerated and not the 0.0002 % of its digits.
 * An unknown or automatic type gets the widest.
 */
export function scoreTolerance(dtype: string): Tolerance {
  const absolute = ABSOLUTE_TOLERANCE;
  switch (dtype) {
    case "float32":
    case "float":
      return { relative: 0.01, absolute };
    case "float16":
    case "half":
      return { relative: 0.02, absolute };
    default:
      return { relative: 0.14, absolute };
  }
}

/**
 * Returns the worst distance between two answers; its share is above 1 if they do not match.
 *
 * @param scores An answer whose shape was checked: rows of as many labels each.
 * @param reference The scores of all rows, one row after the other.
 */
export function deviationOf(
  scores: readonly (readonly number[])[],
  reference: Float64Array,
  tolerance: Tolerance,
): Deviation {
  let worst = -1;
  let worstScore = 0;
  let worstTruth = 0;
  let at = 0;
  for (const row of scores) {
    for (const score of row) {
      const truth = reference[at++] ?? NaN;
      const share = Math.abs(score - truth) /
        (tolerance.absolute + tolerance.relative * Math.max(score, truth));
      // Also when the reference has no such score.
      if (!(share <= worst)) {
        worst = Number.isNaN(share) ? Infinity : share;
        [worstScore, worstTruth] = [score, truth];
      }
    }
  }
  if (worst <= 0) return NO_DEVIATION;
  const absolute = Math.abs(worstScore - worstTruth);
  return {
    absolute,
    relative: absolute / Math.max(worstScore, worstTruth),
    share: worst,
  };
}

/** Returns the greater of two deviations. */
export function worseOf(left: Deviation, right: Deviation): Deviation {
  return right.share > left.share ? right : left;
}

/** Returns the greatest of deviations; null where nothing was compared. */
export function worstOf(
  deviations: readonly (Deviation | null | undefined)[],
): Deviation | null {
  const [first, ...others] = deviations.flatMap((one) => one ?? []);
  return first === undefined ? null : others.reduce(worseOf, first);
}

/** What is known of the payloads of one load: their references, a payload after the other. */
export interface ReferenceTable {
  /** The scores: payloads x rows x labels. */
  readonly references: Float64Array;
  /** Rows of each answer. */
  readonly rows: number;
  readonly labels: number;
}

/** Returns the reference of one payload. */
export function referenceOf(
  { references, rows, labels }: ReferenceTable,
  payload: number,
): Float64Array {
  const size = rows * labels;
  return references.subarray(payload * size, (payload + 1) * size);
}

/** Rows that are looked at to explain a mismatch; the rest says the same. */
const EXPLAINED_ROWS = 3;

/**
 * Says in words how an answer differs from its reference, and whose scores it holds where that shows:
 * those of another row, of another request, or of its own labels in another order.
 */
export function explainMismatch(
  scores: readonly (readonly number[])[],
  table: ReferenceTable,
  { payload, tolerance }: {
    readonly payload: number;
    readonly tolerance: Tolerance;
  },
): string {
  const matches = (rows: readonly (readonly number[])[], at: Float64Array) =>
    deviationOf(rows, at, tolerance).share <= 1;
  const own = referenceOf(table, payload);
  const { labels, rows } = table;
  const payloads = table.references.length / (rows * labels);
  for (let other = 0; other < payloads; other++) {
    if (other !== payload && matches(scores, referenceOf(table, other))) {
      return "the answer is that of another request";
    }
  }
  const wrong = scores.flatMap((row, i) =>
    matches([row], own.subarray(i * labels, (i + 1) * labels)) ? [] : [i]
  );
  const explained = wrong.slice(0, EXPLAINED_ROWS).map((i) =>
    explainRow(scores[i] ?? [], i, {
      table,
      own,
      matches: (row, at) => matches([row], at),
    })
  );
  const more = wrong.length - explained.length;
  return `${explained.join("; ")}${more > 0 ? `; ${more} more rows` : ""}`;
}

function explainRow(
  row: readonly number[],
  index: number,
  context: {
    readonly table: ReferenceTable;
    readonly own: Float64Array;
    readonly matches: (row: readonly number[], at: Float64Array) => boolean;
  },
): string {
  const { table, own, matches } = context;
  const { labels, references } = table;
  const rowAt = (from: Float64Array, i: number) =>
    from.subarray(i * labels, (i + 1) * labels);
  for (let i = 0; i < own.length / labels; i++) {
    if (i !== index && matches(row, rowAt(own, i))) {
      return `row ${index} holds the scores of row ${i}`;
    }
  }
  for (let i = 0; i < references.length / labels; i++) {
    if (matches(row, rowAt(references, i))) {
      return `row ${index} holds the scores of a row of another request`;
    }
  }
  const truth = rowAt(own, index);
  if (labels > 1 && matches(row.toSorted(), truth.toSorted())) {
    return `row ${index} has its labels in another order`;
  }
  const distances = row.map((score, i) => {
    const right = truth[i] ?? 0;
    const most = Math.max(score, right);
    return most === 0 ? 0 : Math.abs(score - right) / most;
  });
  const worst = distances.indexOf(Math.max(...distances));
  return `row ${index}, label ${worst}: ${row[worst]} where its reference is ${
    truth[worst]
  } (${(100 * (distances[worst] ?? 0)).toPrecision(3)} % off)`;
}
