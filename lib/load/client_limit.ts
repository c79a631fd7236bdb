/**
 * Says when the client, not the server, decides a figure.
 *
 * @module
 */
import type { Calibration, CellSummary } from "../result.ts";

/** A doubt about a cell that the client itself gives reason for. */
export interface ClientDoubt {
  /** `warning`: the figure is blurred. `limit`: it is the client's, not the server's. */
  readonly kind: "warning" | "limit";
  /** The doubt in words, with its numbers. */
  readonly text: string;
}

/** A figure that the client adds more than this share to is marked. */
const ADDED_SHARE_WARNING = 0.05;

/** A latency of which the client makes up this share is the client's. */
const ADDED_SHARE_LIMIT = 0.8;

/** A load above this share of the ceiling is marked: its queue in the client shows in the latencies. */
const CEILING_SHARE_WARNING = 0.5;

/** A load above this share of the ceiling measures the ceiling. */
const CEILING_SHARE_LIMIT = 0.9;

/**
 * Compares a cell with what the client adds and can do.
 *
 * @param calibration What was measured before the run; without it nothing is said.
 * @param summary The figures of the cell.
 * @param concurrency Requests in flight.
 */
export function findClientDoubts(
  calibration: Calibration | null,
  summary: CellSummary | null,
  concurrency: number,
): ClientDoubt[] {
  if (calibration === null || summary === null) return [];
  const addedShare = calibration.addedP50Ms / summary.p50Ms;
  const ratePerSec = concurrency * summary.throughputRequestsPerSec;
  const ceilingShare = concurrency < 2
    ? 0
    : ratePerSec / calibration.ceilingRequestsPerSec;
  const kindOf = (share: number, limit: number) =>
    share >= limit ? "limit" : "warning";
  const doubts: ClientDoubt[] = [];
  if (addedShare > ADDED_SHARE_WARNING) {
    doubts.push({
      kind: kindOf(addedShare, ADDED_SHARE_LIMIT),
      text: `the client adds up to ${calibration.addedP50Ms.toFixed(2)} ms, ${
        percent(addedShare)
      } of the p50`,
    });
  }
  if (ceilingShare > CEILING_SHARE_WARNING) {
    doubts.push({
      kind: kindOf(ceilingShare, CEILING_SHARE_LIMIT),
      text: `${Math.round(ratePerSec)} requests/s is ${
        percent(ceilingShare)
      } of the most that the client sends`,
    });
  }
  return doubts;
}

/** How far a closed loop may be from Little's law before its figures are doubted. */
const CLOSED_LOOP_RANGE = [0.97, 1.03] as const;

/**
 * Returns requests/s x mean latency / connections, which is 1 in a closed loop that is always full.
 *
 * By Little's law the requests in flight are the rate times the latency. A client that loses time
 * between an answer and the next request, or that misses part of a latency, is below 1 (wrk is at
 * 0.6 to 0.7 when saturated).
 *
 * @param load The good requests, the sum of their latencies and the length of the window, in milliseconds, and the clients.
 */
export function closedLoopRatio(
  load: {
    readonly latencySumMs: number;
    readonly windowMs: number;
    readonly concurrency: number;
  },
): number {
  return load.latencySumMs / load.windowMs / load.concurrency;
}

/** Says that a closed loop was not always full, or null where it was. */
export function closedLoopDoubt(ratio: number): string | null {
  return ratio >= CLOSED_LOOP_RANGE[0] && ratio <= CLOSED_LOOP_RANGE[1]
    ? null
    : `requests/s x mean latency / connections is ${
      ratio.toFixed(2)
    }, not 1: the client or the machine was busy with something else`;
}

/** Says in one line what the client adds and can do. */
export function describeClient(calibration: Calibration): string {
  const { addedP50Ms, addedP99Ms, ceilingRequestsPerSec } = calibration;
  const doubt = closedLoopDoubt(calibration.closedLoopRatio);
  return `Client: adds at most ${addedP50Ms.toFixed(2)} ms (p99 ${
    addedP99Ms.toFixed(2)
  } ms), sends at most ${Math.round(ceilingRequestsPerSec)} requests/s${
    doubt === null ? "" : `; ${doubt}`
  }`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
