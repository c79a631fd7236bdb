/**
 * Decides what is measured again before a regression fails a run.
 *
 * @module
 */
import type { RunComparison } from "../baseline/comparison.ts";
import type { CellKey } from "../record/run.ts";
import { cellId } from "../record/cells.ts";
import { counted } from "../wrap.ts";

/** A cell that looks slower is measured at most this often again: more finds little more, by simulation. */
export const MAX_PASSES = 2;

/** Tells whether a cell is slower by more than `warnPercent` and not found to be OK. */
export function looksSlower(
  cell: { readonly status: string; readonly changePercent: number | null },
  warnPercent: number,
): boolean {
  return cell.status !== "OK" && (cell.changePercent ?? 0) < -warnPercent;
}

/** Names the cells that are slower by a warning or more and not found to be OK. */
export function findSlowCells(
  { cells }: RunComparison,
  { warnPercent }: { readonly warnPercent: number },
): CellKey[] {
  return cells.flatMap(({ key, status, verdict }) => {
    const changePercent = verdict?.changePercent ?? null;
    return looksSlower({ status, changePercent }, warnPercent) ? [key] : [];
  });
}

/**
 * Returns the order of one more pass: each slow cell, and others between them.
 *
 * The others, spread over the sweep and at most as many, tell a machine that is slow just now from a cell that is slow.
 *
 * @param cells All cells of the sweep, in order.
 * @param slow Those that look slower; others than `cells` are passed over.
 * @returns Empty when none looks slower.
 */
export function planPass(
  cells: readonly CellKey[],
  slow: readonly CellKey[],
): CellKey[] {
  const ids = new Set(slow.map(cellId));
  const wanted = cells.filter((cell) => ids.has(cellId(cell)));
  const others = cells.filter((cell) => !ids.has(cellId(cell)));
  const controls = Math.min(wanted.length, others.length);
  return wanted.flatMap((cell, i) => {
    const control = others[Math.floor((i + 0.5) * others.length / controls)];
    return i >= controls || control === undefined ? [cell] : [cell, control];
  });
}

/** Says what a pass measures again, and why. */
export function describePass(
  pass: readonly CellKey[],
  slow: readonly CellKey[],
): string {
  const others = pass.length - slow.length;
  return `Measuring again ${counted(slow.length, "cell")} that may be slower${
    others <= 0 ? "" : `, and ${counted(others, "other")} between them`
  }`;
}
