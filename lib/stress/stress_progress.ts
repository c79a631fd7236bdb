/**
 * What people see of a load while it goes on.
 *
 * @module
 */
import type { LoadProgress } from "../load/load.ts";
import type { LoadStep } from "./scenarios.ts";

/**
 * Describes how a load goes: rate asked and reached, requests in flight, latencies of the last
 * seconds and failures; null while its references are scored.
 */
export function describeProgress(
  { scenario, configuration, loop }: LoadStep,
  progress: LoadProgress | null,
): string {
  const name = `${scenario}, ${configuration}`;
  if (progress === null) return `${name}: scoring each payload alone`;
  const { planned, done, failed, pulses } = progress;
  const rate = pulses.reduce((sum, pulse) => sum + pulse.ratePerSec, 0);
  // Of several threads the slowest is shown.
  const slowest = (name: "p50Ms" | "p99Ms") => {
    const times = pulses.flatMap((pulse) => pulse[name] ?? []);
    return times.length === 0 ? "-" : Math.max(...times).toFixed(1);
  };
  const asked = loop.kind === "open" ? ` of ${loop.ratePerSec}` : "";
  return `${name}: ${rate.toFixed(1)}${asked}/s, ${
    planned - done
  } in flight, p50 ${slowest("p50Ms")} p99 ${
    slowest("p99Ms")
  } ms, ${failed} of ${done} failed`;
}
