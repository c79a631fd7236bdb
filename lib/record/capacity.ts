/**
 * How much a server holds: the highest number of clients that keeps the objectives, and the knee.
 *
 * @module
 */
import { cellNamer } from "./cells.ts";
import { type Price, usdPerMillion } from "./price.ts";
import type { CapacityRecord } from "./run.ts";

/** At the knee twice as many clients give less than this much more. */
const KNEE_GAIN = 1.1;

/**
 * Finds the knee of a curve of throughput against clients.
 *
 * Between two points the curve is taken for a power law, a straight line in logarithms.
 *
 * @param points Clients, at least 1 and ascending, with items a second above 0.
 * @returns The fewest clients, whole, of which twice as many give less than 10 % more; null where the points end before.
 */
export function findKnee(
  points: readonly {
    readonly clients: number;
    readonly throughputItemsPerSec: number;
  }[],
): CapacityRecord["knee"] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return null;
  const at = (clients: number): number => {
    const above = points.findIndex((point) => point.clients >= clients);
    const [low, high] = [points[Math.max(above - 1, 0)], points[above]];
    if (low === undefined || high === undefined || low === high) {
      return (high ?? last).throughputItemsPerSec;
    }
    const share = Math.log(clients / low.clients) /
      Math.log(high.clients / low.clients);
    return low.throughputItemsPerSec *
      (high.throughputItemsPerSec / low.throughputItemsPerSec) ** share;
  };
  for (
    let clients = first.clients;
    2 * clients <= last.clients;
    clients++
  ) {
    const throughputItemsPerSec = at(clients);
    if (at(2 * clients) < KNEE_GAIN * throughputItemsPerSec) {
      return { clients, throughputItemsPerSec };
    }
  }
  return null;
}

/** Says what was found of each shape, a line each. */
export function describeCapacity(
  capacity: readonly CapacityRecord[],
  price: Price | null = null,
): string[] {
  const nameOf = cellNamer(capacity.map(({ key }) => key));
  return capacity.map((found) => {
    const { key, slo, highest, lowestBroken, rungs, knee } = found;
    const broken = rungs.find(({ clients }) => clients === lowestBroken);
    const clients = (count: number) =>
      `${count} ${count === 1 ? "client" : "clients"}`;
    const limit = highest === null
      ? `not even ${clients(rungs[0]?.clients ?? 1)} hold ${slo}`
      : `${slo} holds up to ${clients(highest)}, at ${
        found.goodputItemsPerSec?.toFixed(1) ?? "-"
      } items/s${
        price === null || found.goodputItemsPerSec === null
          ? ""
          : ` (${
            usdPerMillion(price, found.goodputItemsPerSec).toPrecision(3)
          } USD a million items)`
      }`;
    return [
      `${nameOf(key)}: ${limit}`,
      broken === undefined
        ? "no rung broke it"
        : `${
          broken.verdict === "client" ? "the client was the limit at " : ""
        }${broken.clients}: ${broken.reason}`,
      knee === null
        ? "no knee: twice the clients still gave 10 % more"
        : `knee at ${clients(knee.clients)}, ${
          knee.throughputItemsPerSec.toFixed(1)
        } items/s: twice as many give less than 10 % more`,
    ].join("; ");
  });
}
