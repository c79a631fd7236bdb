/**
 * What one cell is, and what measuring it needs from the world.
 *
 * @module
 */
import type { Samples } from "../load/samples.ts";
import type { Calibration, CellResult } from "../record/run.ts";
import type { Watch } from "./watch.ts";

/** What is measured. */
export type CellPlan = Required<
  Pick<
    CellResult,
    "key" | "repeat" | "labelTokenIds" | "sent" | "numRuns" | "warmupRuns"
  >
>;

/**
 * Sends a number of requests one after another, the first with the payload of an index, and returns their samples; those of
 * a warm-up have a deadline of their own.
 */
export type SendRequests = (
  count: number,
  firstIndex: number,
  phase: "warm-up" | "timed",
) => Promise<Samples>;

/** What measuring needs from the world. */
export interface CellWorld {
  readonly send: SendRequests;
  /** The start of the run on the clock of the samples, in milliseconds. */
  readonly startMs: number;
  /** What the client adds and can do; null when it is not known. */
  readonly calibration: Calibration | null;
  readonly isInterrupted: () => boolean;
  /** What watches the server through its log; absent where there is no log. */
  readonly watch?: Watch;
}
