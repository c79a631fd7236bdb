/**
 * Whether it is worth going on with a server.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import { isConnectionLost } from "../outcome.ts";
import type { CellResult } from "../record/run.ts";
import type { Target } from "../server/open.ts";

/**
 * Goes no further with a server that has died or that answers nothing.
 *
 * @param cell What was measured of it last.
 * @throws {MeasureError} If it did.
 */
export async function checkAlive(
  target: Target,
  { failures, summary }: CellResult,
): Promise<void> {
  const death = failures.some(isConnectionLost) ? await target.death() : null;
  if (death !== null) throw new MeasureError(`Cannot go on: ${death}`);
  const isSilent = summary === null && failures.length > 0 &&
    failures.every(({ outcome }) =>
      outcome === "connect" || outcome === "timeout" || outcome === "reset"
    );
  if (isSilent) {
    throw new MeasureError(
      `Cannot go on: ${target.endpoint.url} answered no request of a whole cell: ${
        failures[0]?.example
      }`,
    );
  }
}
