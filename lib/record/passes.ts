/**
 * The figures of a cell that several clients sent, or that was measured more than once.
 *
 * @module
 */
import {
  type CellKey,
  type CellSummary,
  goodLatenciesMs,
  type SampleColumns,
  summariseCell,
} from "./run.ts";

/**
 * Computes the figures of all passes of a cell together.
 *
 * Of one client they are those of {@linkcode summariseCell}. Several share the time: their throughput is that of all
 * over {@linkcode busySpans}, which for one client are its latencies.
 */
export function summarisePasses(
  passes: readonly SampleColumns[],
  { batchSize, concurrency = 1 }: Pick<CellKey, "batchSize" | "concurrency">,
): CellSummary | null {
  const latenciesMs = passes.flatMap(goodLatenciesMs);
  const items = passes.reduce(
    (sum, pass) => sum + goodItems(pass, batchSize),
    0,
  );
  const alone = summariseCell(latenciesMs, items / latenciesMs.length);
  if (concurrency === 1 || alone === null) return alone;
  const wallMs = passes.flatMap(busySpans)
    .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  return {
    ...alone,
    throughputItemsPerSec: 1000 * items / wallMs,
    throughputRequestsPerSec: 1000 * alone.count / wallMs,
  };
}

/** A time in which requests were in flight, in milliseconds since the start of the run. */
export interface BusySpan {
  /** Its start: a send with nothing else in flight. */
  readonly fromMs: number;
  /** Its end: the answer after which nothing was. */
  readonly toMs: number;
}

/** Returns the times in which requests were in flight, in order: one, or one for each pass that was pooled. */
export function busySpans({ sentMs, doneMs }: SampleColumns): BusySpan[] {
  const spans: BusySpan[] = [];
  const order = sentMs.map((fromMs, i) => ({
    fromMs,
    toMs: doneMs[i] ?? fromMs,
  }))
    .toSorted((a, b) => a.fromMs - b.fromMs);
  for (const { fromMs, toMs } of order) {
    const last = spans.at(-1);
    if (last === undefined || fromMs > last.toMs) spans.push({ fromMs, toMs });
    else spans[spans.length - 1] = { ...last, toMs: Math.max(last.toMs, toMs) };
  }
  return spans;
}

/** Counts the items of the good samples. */
function goodItems(samples: SampleColumns, batchSize: number): number {
  return samples.outcome.reduce(
    (sum, outcome, i) =>
      outcome === "ok" ? sum + (samples.items?.[i] ?? batchSize) : sum,
    0,
  );
}
