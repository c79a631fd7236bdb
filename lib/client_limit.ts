/**
 * Says when the client, not the server, decides a figure.
 *
 * @module
 */
import type { Calibration, CellSummary } from "./result.ts";

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

/** Says in one line what the client adds and can do. */
export function describeClient(calibration: Calibration): string {
  const { addedP50Ms, addedP99Ms, ceilingRequestsPerSec } = calibration;
  return `Client: adds at most ${addedP50Ms.toFixed(2)} ms to a latency (p99 ${
    addedP99Ms.toFixed(2)
  } ms), sends at most ${Math.round(ceilingRequestsPerSec)} requests/s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
