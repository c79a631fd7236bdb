/**
 * Decides whether the figures of a cell are those of the server: only then are they compared.
 *
 * @module
 */
import { joinDoubts } from "../record/doubts.ts";
import type { CellResult } from "../record/run.ts";
import { counted } from "../wrap.ts";

/** Fewer samples have no middle that one odd sample leaves alone, and no sample of them can be marked as a stall. */
export const MIN_SAMPLES = 3;

/**
 * Above this share of stalls the machine, not the server, was measured. One stall alone is no reason at any count:
 * the verdict rests on the median, which one sample of {@linkcode MIN_SAMPLES} or more does not decide.
 */
const MAX_STALL_SHARE = 0.1;
const MAX_STALLS_AT_ANY_COUNT = 1;

/**
 * Says why a cell is not fit to be compared, or null.
 *
 * Beside the cells that the measurement itself found INVALID these are: latencies that had not settled before the
 * timed requests, and a compile among them (the server was still getting ready: the next run would be faster without
 * any change), many stalls, and too few samples.
 */
export function findUnfitness(cell: CellResult): string | null {
  if (cell.status === "INVALID") {
    const why = cell.doubts.filter(({ kind }) => kind === "invalid");
    return joinDoubts(why.length > 0 ? why : cell.doubts) || "it is INVALID";
  }
  const good = cell.samples.outcome.filter((one) => one === "ok").length;
  if (good < MIN_SAMPLES) return describeTooFew(good);
  if (!cell.warmUp.settled) {
    return `latencies had not settled after ${
      counted(cell.warmUp.requests, "warm-up request")
    }`;
  }
  const count = (kind: "compile" | "stall") =>
    cell.suspects.filter((suspect) => suspect.kind === kind).length;
  const [compiles, stalls] = [count("compile"), count("stall")];
  if (compiles > 0) return `${compiles} timed look like a compile`;
  return stalls > MAX_STALLS_AT_ANY_COUNT && stalls > MAX_STALL_SHARE * good
    ? `${stalls} of ${good} timed look like a stall`
    : null;
}

/** Says that a cell has too few samples to be compared. */
export function describeTooFew(count: number): string {
  return `n too small: need ${MIN_SAMPLES} samples, found ${count}`;
}
