/**
 * How far the clock of this machine is from that of the storage that all shards see.
 *
 * The storage gives a file the time at which it is written. That lies between two readings of one's own clock, one
 * before and one after; many such files narrow it down (Cristian's algorithm, Marzullo's intersection).
 *
 * @module
 */
import type { Loop } from "../load/driver.ts";

/** How far a clock is from that of the storage. */
export interface ClockReading {
  /** What is added to this machine's time to get that of the storage, in milliseconds. */
  readonly offsetMs: number;
  /** The offset is known to plus or minus this, in milliseconds. */
  readonly uncertaintyMs: number;
}

/** One file that was written between two readings of one's own clock; all in milliseconds. */
export interface ClockProbe {
  /** One's own clock before. */
  readonly beforeMs: number;
  /** One's own clock after. */
  readonly afterMs: number;
  readonly fileMs: number;
}

/** Files are written until so many are there and their time has moved on, for so many ms at most: some storages have seconds. */
const LEAST_PROBES = 10;
const MOST_MS = 1_500;

/** Between two files, in milliseconds: many storages know the time to four. */
const PAUSE_MS = 2;

/** A file's time is read in whole milliseconds, cut off. */
const READ_TO_MS = 1;

/** Measures the clock of the storage by files. */
export async function measureClock(world: {
  /** One's own clock, in milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Writes a file. */
  readonly touch: () => Promise<void>;
  /** Returns its time in milliseconds since 1970. */
  readonly fileMs: () => Promise<number>;
  readonly sleep: (durationMs: number) => Promise<void>;
}): Promise<ClockReading> {
  const { wallMs, touch, fileMs, sleep } = world;
  const probes: ClockProbe[] = [];
  const startMs = wallMs();
  for (;;) {
    const beforeMs = wallMs();
    await touch();
    const afterMs = wallMs();
    probes.push({ beforeMs, afterMs, fileMs: await fileMs() });
    const isEnough = probes.length >= LEAST_PROBES && tickOf(probes) !== null;
    if (isEnough || wallMs() - startMs > MOST_MS) return readClock(probes);
    await sleep(PAUSE_MS);
  }
}

/** Returns what probes say of the clock of the storage; it stamps files with a time that is at most one tick old. */
export function readClock(probes: readonly ClockProbe[]): ClockReading {
  const tickMs = (tickOf(probes) ?? MOST_MS) + READ_TO_MS;
  const low = Math.max(
    ...probes.map(({ fileMs, afterMs }) => fileMs - afterMs),
  );
  const high = tickMs +
    Math.min(...probes.map(({ fileMs, beforeMs }) => fileMs - beforeMs));
  return {
    offsetMs: (low + high) / 2,
    // A clock that was set meanwhile leaves no time that fits all files.
    uncertaintyMs: Math.abs(high - low) / 2,
  };
}

/** Returns the least step between the times of two files; null where all are one. */
function tickOf(probes: readonly ClockProbe[]): number | null {
  const steps = probes.slice(1).map(({ fileMs }, i) =>
    Math.abs(fileMs - (probes[i]?.fileMs ?? fileMs))
  ).filter((step) => step > 0);
  return steps.length === 0 ? null : Math.min(...steps);
}

/** In one process a send that is later than this is late, in milliseconds; so are those of a clock that is. */
const LEAST_SKEW_MS = 10;

/** A closed load has no arrivals: its clients may start within this share of its length. */
const START_SHARE = 0.01;

/**
 * Returns how far the clocks of shards may be apart, in milliseconds: in an open load by the time between two arrivals
 * of one shard, so that no span of that length has more than one arrival too many or too few of it.
 */
export function allowedSkewMs(loop: Loop, shards: number): number {
  return Math.max(
    LEAST_SKEW_MS,
    loop.kind === "open"
      ? shards * 1000 / loop.ratePerSec
      : START_SHARE * (loop.durationMs ?? 0),
  );
}

/** A shard whose clock cannot be trusted for a load. */
export interface ClockDoubt {
  readonly shard: number;
  /** `skew`: its clock is off. `unknown`: it could not be told. */
  readonly kind: "skew" | "unknown";
  /** The doubt in words. */
  readonly text: string;
}

/**
 * Finds the shards whose clocks were further from that of most than a load allows. Whether the storage's own clock is
 * right plays no part.
 *
 * @param clocks The clock of each shard at the start of the load.
 * @param allowedMs How far they may be apart.
 */
export function findSkew(
  clocks: readonly { readonly shard: number; readonly clock: ClockReading }[],
  allowedMs: number,
): ClockDoubt[] {
  const sorted = clocks.toSorted((a, b) => a.clock.offsetMs - b.clock.offsetMs);
  const last = sorted.length - 1;
  // Of two in the middle the one with the lower number.
  const [middle] = [sorted[Math.floor(last / 2)], sorted[Math.ceil(last / 2)]]
    .toSorted((a, b) => (a?.shard ?? 0) - (b?.shard ?? 0));
  if (middle === undefined) return [];
  return clocks.flatMap(({ shard, clock }): ClockDoubt[] => {
    if (shard === middle.shard) return [];
    const skewMs = middle.clock.offsetMs - clock.offsetMs;
    const knownToMs = clock.uncertaintyMs + middle.clock.uncertaintyMs;
    const words = `${skewMs.toFixed(1)} ms (± ${
      knownToMs.toFixed(1)
    } ms) ahead of that of shard ${middle.shard}; the load allows ${
      allowedMs.toFixed(1)
    } ms`;
    if (Math.abs(skewMs) - knownToMs > allowedMs) {
      return [{ shard, kind: "skew", text: `its clock was ${words}` }];
    }
    return knownToMs > allowedMs
      ? [{ shard, kind: "unknown", text: `its clock was within ${words}` }]
      : [];
  });
}
