/**
 * Finds the highest load that holds: doubles it until it breaks, then halves the interval.
 *
 * @module
 */

/** What a step of the ramp came to: the load held, it broke, or the client could not send it. */
export type StepVerdict = "held" | "broke" | "client";

/** One step that was run. */
export interface RampTrial {
  /** The load: requests a second, or clients. */
  readonly load: number;
  readonly verdict: StepVerdict;
}

/** How a ramp is run. */
export interface RampPlan {
  /** The first load, above 0. */
  readonly first: number;
  /** Loads are whole numbers (clients) or not (rates). */
  readonly whole: boolean;
  /** The loads to try in order, whatever they come to; null to search. */
  readonly ladder: readonly number[] | null;
  /** The loads to climb by before the interval is halved, in ascending order; without them each is twice the last. */
  readonly rungs?: readonly number[];
  /** The interval is halved until its ends are as near as this; above 1. @default {1.1} */
  readonly near?: number;
}

/** What a ramp found. */
export interface RampResult {
  /** The highest load that held, or null if even the first broke. */
  readonly highest: number | null;
  /** The lowest load that did not hold, or null if all did. */
  readonly lowestBroken: number | null;
  /** Whether the client, not the server, ended the ramp. */
  readonly clientLimited: boolean;
}

const NEAR = 1.1;

/** No ramp is longer: from 1 to a million, then to within a tenth. */
const MAX_TRIALS = 30;

/** Returns the load to try next, or null when the ramp is done. */
export function nextLoad(
  plan: RampPlan,
  trials: readonly RampTrial[],
): number | null {
  if (plan.ladder !== null) return plan.ladder[trials.length] ?? null;
  const { highest, lowestBroken } = rampResult(trials);
  if (trials.length >= MAX_TRIALS) return null;
  if (trials.length === 0) return plan.first;
  if (highest === null) return null;
  if (lowestBroken === null) {
    return plan.rungs === undefined
      ? 2 * highest
      : plan.rungs.find((rung) => rung > highest) ?? null;
  }
  if (lowestBroken / highest <= (plan.near ?? NEAR)) return null;
  const middle = Math.sqrt(lowestBroken * highest);
  if (!plan.whole) return Number(middle.toPrecision(3));
  return lowestBroken - highest <= 1
    ? null
    : Math.min(lowestBroken - 1, Math.max(highest + 1, Math.round(middle)));
}

/** Returns what the trials so far say. A load that held above one that broke does not count: the server was lucky. */
export function rampResult(trials: readonly RampTrial[]): RampResult {
  const failed = trials.filter(({ verdict }) => verdict !== "held");
  const lowestBroken = failed.length === 0
    ? null
    : Math.min(...failed.map(({ load }) => load));
  const held = trials.filter(({ load, verdict }) =>
    verdict === "held" && load < (lowestBroken ?? Infinity)
  ).map(({ load }) => load);
  return {
    highest: held.length === 0 ? null : Math.max(...held),
    lowestBroken,
    clientLimited: failed.some(({ load, verdict }) =>
      load === lowestBroken && verdict === "client"
    ),
  };
}
