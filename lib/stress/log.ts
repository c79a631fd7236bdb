/**
 * What the log of a server says of a load.
 *
 * @module
 */
import { countOf } from "../record/cells.ts";
import { compilesIn } from "../bench/watch.ts";
import type { Timeline } from "../load/timeline.ts";
import { type Compiles, notWatched } from "../record/compiles.ts";
import type { WindowUse, Witness } from "../witness/witness.ts";
import { quietFigures } from "./quiet_figures.ts";
import type { StressResult } from "./record.ts";
import type { ShapeReferences } from "./references.ts";

/** What the log says of a load. */
export interface WatchedLoad {
  readonly compiles: Compiles;
  /** When each was read of, on the clock of the run. */
  readonly timesMs: readonly number[];
}

/**
 * Watches the log of a server while a load is sent.
 *
 * @param witness What watches it; absent where there is no log.
 * @param isShared Whether other hosts send too, so that what the log shows is not what was sent from here.
 * @param work Sends the load.
 * @param usedBy Tells what was sent.
 */
export async function watchLoad<Sent>(
  { witness, isShared }: {
    readonly witness: Witness | undefined;
    readonly isShared: boolean;
  },
  work: () => Promise<Sent>,
  usedBy: (sent: Sent) => WindowUse,
): Promise<{ readonly sent: Sent; readonly log: WatchedLoad }> {
  const window = isShared ? undefined : await witness?.open();
  const sent = await work();
  const findings = await window?.close(usedBy(sent)) ?? null;
  const compiles = isShared
    ? notWatched("several hosts send the load")
    : compilesIn(findings, witness);
  const timesMs = compiles.level === "found"
    ? findings?.compileTimesMs ?? []
    : [];
  return { sent, log: { compiles, timesMs } };
}

/** Returns what scoring payloads alone has sent. */
export function useOfReferences(
  { requests, failures }: ShapeReferences,
): WindowUse {
  const failed = countOf(
    failures.filter(({ outcome }) => outcome !== "mismatch"),
  );
  return { sent: requests, answered: requests - failed, lastSentMs: null };
}

/** Returns what the log says of a load, and its figures without the seconds that it concerns. */
export function logFigures(
  { compiles, timesMs }: WatchedLoad,
  load: {
    readonly timeline: Timeline | null;
    readonly startMs: number;
    readonly lengthMs: number;
  },
): Pick<StressResult, "compiles" | "quiet"> {
  const quiet = load.timeline === null ? null : quietFigures(
    load.timeline,
    timesMs.map((timeMs) => timeMs - load.startMs),
    load.lengthMs,
  );
  return { compiles, ...(quiet === null ? {} : { quiet }) };
}
