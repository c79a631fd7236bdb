/**
 * Decides what is measured again before a regression fails a run.
 *
 * @module
 */
import type { RunComparison } from "../baseline/comparison.ts";
import type { CellKey } from "../record/run.ts";
import { cellId } from "../record/cells.ts";
import { counted } from "../wrap.ts";

/** A suspected cell is measured at most this often again: more finds little more, by simulation. */
export const MAX_PASSES = 2;

/** Tells whether a cell is slower by more than `warnPercent` and not found to be OK. */
export function isSuspect(
  cell: { readonly status: string; readonly changePercent: number | null },
  warnPercent: number,
): boolean {
  return cell.status !== "OK" && (cell.changePercent ?? 0) < -warnPercent;
}

/** Names the cells that are slower by a warning or more and not found to be OK. */
export function findSuspects(
  comparison: RunComparison,
  options: { readonly warnPercent: number },
): CellKey[] {
  return comparison.cells.filter(({ status, verdict }) =>
    isSuspect(
      { status, changePercent: verdict?.changePercent ?? null },
      options.warnPercent,
    )
  ).map(({ key }) => key);
}

/**
 * Returns the order of one more pass: each suspect, and between them cells that are not suspect.
 *
 * The others, spread over the sweep and at most as many as the suspects, tell a machine that is
 * slow just now from a cell that is slow.
 *
 * @param cells All cells of the sweep, in order.
 * @param suspects Those that are suspected; others than `cells` are passed over.
 * @returns Empty when none is suspected.
 */
export function planPass(
  cells: readonly CellKey[],
  suspects: readonly CellKey[],
): CellKey[] {
  const suspected = new Set(suspects.map(cellId));
  const wanted = cells.filter((cell) => suspected.has(cellId(cell)));
  const others = cells.filter((cell) => !suspected.has(cellId(cell)));
  const controls = Math.min(wanted.length, others.length);
  return wanted.flatMap((cell, i) => {
    const control = i < controls
      ? others[Math.floor((i + 0.5) * others.length / controls)]
      : undefined;
    return control === undefined ? [cell] : [cell, control];
  });
}

/** Says what a pass measures again, and why. */
export function describePass(
  pass: readonly CellKey[],
  suspects: readonly CellKey[],
): string {
  const others = pass.length - suspects.length;
  return `Measuring again ${
    counted(suspects.length, "cell")
  } that may be slower${
    others <= 0 ? "" : `, and ${counted(others, "other")} between them`
  }`;
}
