/**
 * The figures of a cell that several clients sent, or that was measured more than once.
 *
 * @module
 */
import { sum } from "../stats/summary.ts";
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
 * over the time in which they were sent, or over {@linkcode busySpans}, which for one client are its latencies.
 */
export function summarisePasses(
  passes: readonly SampleColumns[],
  { batchSize, concurrency = 1 }: Pick<CellKey, "batchSize" | "concurrency">,
): CellSummary | null {
  const latenciesMs = passes.flatMap(goodLatenciesMs);
  const items = sum(passes.map((pass) => goodItems(pass, batchSize)));
  const alone = summariseCell(latenciesMs, items / latenciesMs.length);
  if (concurrency === 1 || alone === null) return alone;
  const wallMs = passes.flatMap(({ windows, ...pass }) =>
    windows?.map(({ durationMs }) => durationMs) ??
      busySpans(pass).map(({ fromMs, toMs }) => toMs - fromMs)
  ).reduce((sum, durationMs) => sum + durationMs, 0);
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
  return sum(
    samples.outcome.map((outcome, i) =>
      outcome === "ok" ? samples.items?.[i] ?? batchSize : 0
    ),
  );
}

/**
 * So many requests of each client go before those that count, since all start at once, which no steady load does; and so
 * many after them, so that none of those that count is answered while others have ended.
 */
const LEAD_TURNS = 2;
const TAIL_TURNS = 1;

/** How many more requests several clients send each than count. */
export const EDGE_TURNS: number = LEAD_TURNS + TAIL_TURNS;

/**
 * Leaves out the first and the last requests of several clients, by the order of their sends.
 *
 * @param samples A load without failures of {@linkcode EDGE_TURNS} more requests of each client than are to count.
 * @returns The rest, with the time in which they were sent.
 */
export function steadyPart(
  samples: SampleColumns,
  clients: number,
): SampleColumns {
  const first = LEAD_TURNS * clients;
  const end = samples.sentMs.length - TAIL_TURNS * clients;
  const order = samples.sentMs.map((sentMs, i) => ({ sentMs, i }))
    .toSorted((a, b) => a.sentMs - b.sentMs).map(({ i }) => i);
  const kept = order.slice(first, end);
  const column = <Value>(values: readonly Value[]) =>
    kept.flatMap((i) => values[i] ?? []);
  const sentAt = (place: number) => samples.sentMs[order[place] ?? 0] ?? 0;
  return {
    plannedMs: column(samples.plannedMs),
    sentMs: column(samples.sentMs),
    doneMs: column(samples.doneMs),
    outcome: column(samples.outcome),
    ...(samples.items === undefined ? {} : { items: column(samples.items) }),
    windows: [{
      count: kept.length,
      durationMs: sentAt(end) - sentAt(first),
    }],
  };
}
