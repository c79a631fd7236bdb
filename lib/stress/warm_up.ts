/**
 * Warms up a load by itself, at its own concurrency or rate: on SGLang-JAX each new occupancy of a batch compiles, though
 * every shape was warm with one client.
 *
 * @module
 */
import { findSuspects } from "../bench/warm_up.ts";
import { type Samples, toColumns } from "../load/samples.ts";
import { goodLatenciesMs } from "../record/run.ts";
import type { Compiles } from "../record/compiles.ts";
import { mean } from "../stats/summary.ts";
import { useOf } from "../bench/watch.ts";
import type { WindowUse } from "../witness/witness.ts";
import type { WatchedLoad } from "./log.ts";
import type { LoadWarmUp, StressResult } from "./record.ts";
import type { LoadStep } from "./scenarios.ts";

/** A window is a tenth of the load, within these bounds in milliseconds. */
const WINDOW_SHARE = 0.1;
const LEAST_WINDOW_MS = 200;
const MOST_WINDOW_MS = 5_000;

/** Fewer answers of each client than this show nothing: the first of each may have been compiled for. */
const LEAST_TURNS = 2;

/** A window that is this many times as fast as the one before it shows that the server was still getting ready. */
const FASTER = 2;

/** What a window of a warm-up came to. */
export interface WarmUpWindow {
  /** What the log says of compiles in it. */
  readonly compiles: Compiles;
  /** Latencies of its good requests in milliseconds. */
  readonly latenciesMs: readonly number[];
  readonly requests: number;
  /** Whether it is of no use to go on: nothing was answered. */
  readonly isHopeless: boolean;
}

/** What a warm-up needs. */
export interface WarmUpWorld {
  /** Sends the load for so long. */
  readonly send: (durationMs: number) => Promise<WarmUpWindow>;
  readonly now: () => number;
  readonly isInterrupted: () => boolean;
}

/**
 * Sends a load window by window until a whole one is quiet: by the log where it is known to speak, else by its latencies
 * and those of the window before.
 *
 * @param limitMs How long at most, in milliseconds; 0 for no warm-up.
 * @returns null where there was none: the requests of a counted load are scored alone before it, by one client as in it.
 */
export async function warmUpLoad(
  { loop }: Pick<LoadStep, "loop">,
  limitMs: number,
  world: WarmUpWorld,
): Promise<LoadWarmUp | null> {
  const { durationMs } = loop;
  if (durationMs === null || limitMs === 0) return null;
  const clients = loop.kind === "closed" ? loop.concurrency : 1;
  const startMs = world.now();
  let windowMs = Math.min(
    MOST_WINDOW_MS,
    Math.max(LEAST_WINDOW_MS, WINDOW_SHARE * durationMs),
  );
  let requests = 0;
  let failed = 0;
  let isQuiet = false;
  let beforeMs: number | null = null;
  while (!isQuiet && !world.isInterrupted()) {
    const leftMs = limitMs - (world.now() - startMs);
    if (leftMs <= 0) break;
    const window = await world.send(Math.min(windowMs, leftMs));
    requests += window.requests;
    failed += window.requests - window.latenciesMs.length;
    if (window.isHopeless) break;
    isQuiet = isQuietWindow(window, clients, beforeMs);
    if (window.latenciesMs.length < LEAST_TURNS * clients) windowMs *= 2;
    else beforeMs = mean(window.latenciesMs);
  }
  return {
    ...{ requests, failed, isQuiet },
    seconds: (world.now() - startMs) / 1000,
  };
}

/**
 * Tells whether nothing was compiled in a window.
 *
 * @param clients Clients that send side by side; 1 for an open load.
 * @param beforeMs The mean latency of the window before it; null where there was none that showed something.
 */
export function isQuietWindow(
  { compiles, latenciesMs }: Pick<WarmUpWindow, "compiles" | "latenciesMs">,
  clients: number,
  beforeMs: number | null,
): boolean {
  if (compiles.level !== "not watched") return compiles.level === "none";
  if (beforeMs === null || latenciesMs.length < LEAST_TURNS * clients) {
    return false;
  }
  const looksLike = findSuspects(latenciesMs).some(({ kind }) =>
    kind === "compile"
  );
  return !looksLike && FASTER * mean(latenciesMs) >= beforeMs;
}

/** Returns what a window came to. */
export function windowOf(
  parts: readonly Samples[],
  compiles: Compiles,
): WarmUpWindow {
  const latenciesMs = parts.flatMap((samples) =>
    goodLatenciesMs(toColumns(samples, 0))
  );
  const requests = parts.reduce((sum, { totals }) => sum + totals.planned, 0);
  return {
    ...{ compiles, latenciesMs, requests },
    isHopeless: latenciesMs.length === 0,
  };
}

/**
 * Warms up a step of a scenario, and says what it came to in a note.
 *
 * @param send Sends the step with another length.
 */
export async function warmUpStep(
  step: LoadStep,
  limitMs: number,
  world: Omit<WarmUpWorld, "send"> & {
    readonly send: (step: LoadStep) => Promise<readonly Samples[]>;
    readonly watched: <Sent>(
      work: () => Promise<Sent>,
      usedBy: (sent: Sent) => WindowUse,
    ) => Promise<{ readonly sent: Sent; readonly log: WatchedLoad }>;
  },
): Promise<LoadWarmUp | null> {
  return await warmUpLoad(step, limitMs, {
    ...world,
    send: async (durationMs) => {
      const loop = { ...step.loop, durationMs };
      const { sent, log } = await world.watched(
        () => world.send({ ...step, loop }),
        useOf,
      );
      return windowOf(sent, log.compiles);
    },
  });
}

/** Returns a result with what its warm-up came to. */
export function withWarmUp(
  result: StressResult,
  warmUp: LoadWarmUp | null,
): StressResult {
  return warmUp === null
    ? result
    : { ...result, warmUp, notes: [...result.notes, describeWarmUp(warmUp)] };
}

/** Says what a warm-up came to, for those who read of a load. */
export function describeWarmUp(
  { requests, failed, seconds, isQuiet }: LoadWarmUp,
): string {
  return `Warm-up of this load: ${requests} requests in ${
    seconds.toFixed(1)
  } s${failed === 0 ? "" : `, of which ${failed} failed`}${
    isQuiet ? "" : "; it was not quiet at its end"
  }`;
}
