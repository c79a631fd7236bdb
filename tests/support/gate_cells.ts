/**
 * Cells to judge, written by hand.
 *
 * @module
 */

import type { GateCell, RunValue } from "../../lib/gate/judge.ts";

/** A run of 20 samples without any scatter. */
export function still(latencyMs: number): RunValue {
  return row(latencyMs, latencyMs, latencyMs, 0);
}

/** A run of 20 samples with the given summary; its two largest samples are equal. */
export function row(
  p50Ms: number,
  p95Ms: number,
  meanMs: number,
  standardDeviationMs: number,
): RunValue {
  return {
    count: 20,
    p50Ms,
    p95Ms,
    p99Ms: p95Ms,
    meanMs,
    standardDeviationMs,
    latenciesMs: null,
  };
}

/** A cell with one value in each result run. */
export function cell(
  key: string,
  baseline: readonly (RunValue | null)[],
  ...result: RunValue[]
): GateCell {
  return { key, baseline, result };
}
