/**
 * What people see of a load while it goes on.
 *
 * @module
 */
import { askedPerSec } from "../load/driver.ts";
import type { LoadProgress } from "../load/generator.ts";
import type { LoadStep } from "./scenarios.ts";

/**
 * Describes how a load goes: rate asked and reached, requests in flight, latencies of the last
 * seconds and failures; without pulses the requests alone; null while its references are scored.
 */
export function describeProgress(
  { scenario, configuration, loop }: LoadStep,
  progress: LoadProgress | null,
): string {
  const name = configuration || scenario;
  if (progress === null) return `${name}: scoring each payload alone`;
  const { planned, done, failed, pulses } = progress;
  if (pulses.length === 0) {
    return `${name}: ${done} of ${planned} requests done, ${failed} failed`;
  }
  const rate = pulses.reduce((sum, pulse) => sum + pulse.ratePerSec, 0);
  // Of several threads the slowest is shown.
  const slowest = (name: "p50Ms" | "p99Ms") => {
    const times = pulses.flatMap((pulse) => pulse[name] ?? []);
    return times.length === 0 ? "-" : Math.max(...times).toFixed(1);
  };
  const whole = askedPerSec(loop);
  const asked = whole === null ? "" : ` of ${Number(whole.toPrecision(4))}`;
  // On a narrow terminal the end is cut: what matters comes first.
  return `${name}: ${
    rate.toFixed(1)
  }${asked}/s, ${failed} of ${done} failed, p50 ${slowest("p50Ms")} p99 ${
    slowest("p99Ms")
  } ms, ${planned - done} in flight`;
}

/** Where no line can be drawn over a line is said this often, in milliseconds; with the look below every ten seconds at the latest. */
const SAY_INTERVAL_MS = 9_000;

/** It is looked this often whether a line is due, in milliseconds. */
const LOOK_INTERVAL_MS = 1_000;

/** Says how a run goes where no line can be drawn over. */
export interface ProgressLog extends Disposable {
  /** Takes what is to be said next: now, where nothing was said for long. */
  readonly hear: (text: string) => void;
}

/**
 * Starts to say the last text that was heard at least every ten seconds, also while nothing new is
 * heard; nothing before the first. Ends when disposed of.
 */
export function startProgressLog(world: {
  /** Writes a line. */
  readonly note: (text: string) => void;
  readonly now: () => number;
  /** Does a task again and again; returns what ends that. */
  readonly every: (task: () => void, intervalMs: number) => () => void;
}): ProgressLog {
  let last: string | null = null;
  let saidMs = world.now();
  const look = () => {
    if (last === null || world.now() - saidMs < SAY_INTERVAL_MS) return;
    saidMs = world.now();
    world.note(last);
  };
  const end = world.every(look, LOOK_INTERVAL_MS);
  return {
    hear: (text) => {
      last = text;
      look();
    },
    [Symbol.dispose]: end,
  };
}
