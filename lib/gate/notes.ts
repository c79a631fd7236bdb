/**
 * Doubts about a comparison with stored runs: noise that is only assumed, a baseline run that does not belong,
 * a tail that got worse. None of them changes a status.
 *
 * @module
 */

import { studentUpperTail } from "../stats/distributions.ts";
import { mean, sampleStandardDeviation } from "../stats/summary.ts";
import {
  ASSUMED_RUN_NOISE,
  baselineOf,
  type GateCell,
  type GateNoise,
} from "./noise.ts";
import type { RunValue } from "./spread.ts";
import { type GateNote, signed } from "./verdict.ts";

/** Chance of a note on an unchanged tail. */
const TAIL_NOTE_PROBABILITY = 0.001;
/** Smallest growth of mean over median that is worth a note. */
const TAIL_MIN_SHARE = 0.05;

/** Returns the doubts about the baseline. */
export function noiseNotes({ runs, oddRuns }: GateNoise): GateNote[] {
  const count = runs.length + oddRuns.length;
  if (count === 1) {
    return [{
      kind: "assumed-noise",
      message: "One baseline run: the noise between runs is assumed " +
        `(${100 * ASSUMED_RUN_NOISE} %), not measured; a change of all cells ` +
        "may be the machine. Add baseline runs, five in all",
      baselineRun: null,
    }];
  }
  return oddRuns.map(({ index, effect }) => ({
    kind: "odd-baseline-run",
    message: `Baseline run ${index + 1} of ${count} does not belong and is ` +
      `left out: its latencies are ${signed(100 * Math.expm1(effect))} off ` +
      "the others. Drop its rows from the baseline",
    baselineRun: index,
  }));
}

/**
 * Returns a note if the mean latencies grew against the medians, over all cells: more slow requests than before.
 *
 * One-sided paired t test over the cells of ln(mean / median), result against the mean of the baseline runs.
 */
export function tailNotes(cells: readonly GateCell[]): GateNote[] {
  const growth = cells.map((cell) =>
    mean(cell.result.map(tailOf)) - mean(baselineOf(cell).map(tailOf))
  );
  const deviation = sampleStandardDeviation(growth);
  if (deviation === null) return [];
  const average = mean(growth);
  const t = average / (deviation / Math.sqrt(growth.length));
  if (
    average < Math.log1p(TAIL_MIN_SHARE) ||
    studentUpperTail(t, growth.length - 1) > TAIL_NOTE_PROBABILITY
  ) return [];
  return [{
    kind: "tail",
    message:
      `Slow requests: mean latency grew by ${
        signed(100 * Math.expm1(average))
      } against the median. ` +
      "Compare p95 and p99; this fails no run",
    baselineRun: null,
  }];
}

function tailOf({ meanMs, p50Ms }: RunValue): number {
  return Math.log(meanMs / p50Ms);
}
