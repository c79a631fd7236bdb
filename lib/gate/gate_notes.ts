/**
 * Doubts about a comparison with stored runs: noise that is only assumed, a baseline run that does not belong,
 * a baseline that drifts, a tail that got worse. None of them changes a status.
 *
 * @module
 */

import { studentUpperTail } from "../stats/distributions.ts";
import {
  baselineOf,
  type GateCell,
  type GateNoise,
  moderatedRunVariance,
} from "./gate_noise.ts";
import type { RunValue } from "./gate_spread.ts";
import { type GateNote, signed } from "./gate_verdict.ts";
import { mean, sampleStandardDeviation, sum } from "../stats/stats.ts";

/** Chance of a note on a sound baseline: seldom, as it asks for work. */
const BASELINE_NOTE_PROBABILITY = 0.01;
/** Fewest baseline runs among which one can be told from the others: of two, either may be the odd one. */
const ODD_RUN_MIN_RUNS = 3;
/** Fewest baseline runs in which a drift shows. */
const DRIFT_MIN_RUNS = 6;
/** Smallest drift over all baseline runs that is worth a note. */
const DRIFT_MIN_SHARE = 0.02;
/** Chance of a note on an unchanged tail. */
const TAIL_NOTE_PROBABILITY = 0.001;
/** Smallest growth of mean over median that is worth a note. */
const TAIL_MIN_SHARE = 0.05;

/** Returns the doubts about the baseline. */
export function noiseNotes(noise: GateNoise): GateNote[] {
  const runs = noise.runEffects.flatMap((effect, index) =>
    effect === null ? [] : [{ effect, index }]
  );
  const notes: GateNote[] = [];
  if (runs.length === 1) {
    const assumed = (100 * Math.sqrt(noise.betweenRuns.value)).toFixed(0);
    notes.push({
      kind: "assumed-noise",
      message:
        `One baseline run: the noise between runs is assumed (${assumed} %), not measured; ` +
        "a change of all cells may be the machine. Add baseline runs, five in all",
      baselineRun: null,
    });
  }
  const odd = oddRun(runs);
  if (odd !== null) {
    const { index, effect } = odd;
    notes.push({
      kind: "odd-baseline-run",
      message:
        `Baseline run ${
          index + 1
        } of ${noise.runEffects.length} does not belong: its latencies are ` +
        `${
          signed(100 * Math.expm1(effect))
        } off the others, which hides real changes. Drop its rows from the baseline`,
      baselineRun: index,
    });
  }
  const slope = driftOf(runs.map(({ effect }) => effect));
  if (slope !== null) {
    notes.push({
      kind: "baseline-drift",
      message: `The baseline drifts by ${
        signed(100 * Math.expm1(slope))
      } of latency from run to run: renew it`,
      baselineRun: null,
    });
  }
  return notes;
}

/**
 * Returns a note if the mean latencies grew against the medians, over all cells: more slow requests than before.
 *
 * One-sided paired t test over the cells of ln(mean / median), result against the mean of the baseline runs.
 */
export function tailNotes(cells: readonly GateCell[]): GateNote[] {
  const growth = cells.map((cell) =>
    mean(cell.result.flat().map(tailOf)) - mean(baselineOf(cell).map(tailOf))
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

interface BaselineRun {
  readonly effect: number;
  readonly index: number;
}

/** Returns the run farthest from the others, with its distance from them, if chance does not explain it. */
function oddRun(runs: readonly BaselineRun[]): BaselineRun | null {
  if (runs.length < ODD_RUN_MIN_RUNS) return null;
  const candidates = runs.map(({ index, effect }) => {
    const others = runs.filter((run) => run.index !== index).map((run) =>
      run.effect
    );
    const variance = moderatedRunVariance(others);
    const distance = effect - mean(others);
    const t = Math.abs(distance) /
      Math.sqrt(variance.value * (1 + 1 / others.length));
    return {
      index,
      effect: distance,
      p: 2 * studentUpperTail(t, variance.degreesOfFreedom),
    };
  });
  const odd = candidates.reduce((least, next) =>
    next.p < least.p ? next : least
  );
  return odd.p <= BASELINE_NOTE_PROBABILITY / runs.length ? odd : null;
}

/** Returns the slope of the run effects over the runs, if a t test of linear regression and its size call it a drift. */
function driftOf(effects: readonly number[]): number | null {
  const runs = effects.length;
  if (runs < DRIFT_MIN_RUNS) return null;
  const middle = (runs - 1) / 2;
  const squares = sum(effects.map((_, run) => (run - middle) ** 2));
  const slope = sum(effects.map((effect, run) => (run - middle) * effect)) /
    squares;
  const centre = mean(effects);
  const left = sum(
    effects.map((effect, run) =>
      (effect - centre - slope * (run - middle)) ** 2
    ),
  );
  const t = Math.abs(slope) / Math.sqrt(left / (runs - 2) / squares);
  const unlikely =
    2 * studentUpperTail(t, runs - 2) <= BASELINE_NOTE_PROBABILITY;
  return unlikely && Math.abs(slope) * (runs - 1) >= DRIFT_MIN_SHARE
    ? slope
    : null;
}
