/**
 * How long the rest of a run will take, learnt from the cells that were measured.
 *
 * What a cell takes is its requests, timed and before them, and what came on top of them: compiles of a new shape. The
 * first is a straight line over the batch sizes, the second the middle of what the cells so far took.
 *
 * @module
 */
import type { CellResult, RunOptions } from "../record/run.ts";
import { mean, median, sum } from "../stats/summary.ts";

/** A cell that was measured, as the forecast needs it. */
interface Seen {
  readonly batchSize: number;
  readonly requestMs: number;
  readonly warmUpRequests: number;
  readonly extraMs: number;
}

/**
 * While one batch size alone is known: a request takes as long as so many items beside its own. Between a simulated
 * engine (1.6) and a TPU v6e, whose answers to few items all take alike.
 */
const ITEMS_OF_A_REQUEST = 3.2;

/** Forecasts the time that is left. */
export class Forecast {
  readonly #numRuns: number;
  readonly #seen: Seen[] = [];
  #left: { readonly batchSize: number; readonly isNew: boolean }[] = [];

  /** Knows nothing yet. */
  constructor({ numRuns }: Pick<RunOptions, "numRuns">) {
    this.#numRuns = numRuns;
  }

  /** Adds cells that will be measured; those of shapes that were measured before compile nothing. */
  plan(batchSizes: readonly number[], isNew: boolean): void {
    this.#left.push(...batchSizes.map((batchSize) => ({ batchSize, isNew })));
  }

  /** Takes a cell off the plan as it begins. */
  begin(batchSize: number): void {
    const index = this.#left.findIndex((cell) => cell.batchSize === batchSize);
    if (index >= 0) this.#left.splice(index, 1);
  }

  /**
   * Learns from a cell.
   *
   * @param tookMs Its whole time, with its warm-up.
   */
  learn({ key, samples, warmUp, summary }: CellResult, tookMs: number): void {
    if (summary === null) return;
    const { concurrency = 1 } = key;
    const warmUpRequests = warmUp.requests / concurrency;
    const requests = samples.outcome.length / concurrency + warmUpRequests;
    this.#seen.push({
      batchSize: key.batchSize,
      requestMs: summary.meanMs,
      warmUpRequests,
      extraMs: Math.max(0, tookMs - requests * summary.meanMs),
    });
  }

  /**
   * Returns the time that is left in milliseconds; null before the first cell is done.
   *
   * @param current The cell that is being measured and the time that it took so far.
   */
  leftMs(
    current: { readonly batchSize: number; readonly elapsedMs: number } | null,
  ): number | null {
    if (this.#seen.length === 0) return null;
    const rest = sum(
      this.#left.map(({ batchSize, isNew }) => this.#cellMs(batchSize, isNew)),
    );
    return current === null ? rest : rest +
      Math.max(0, this.#cellMs(current.batchSize, true) - current.elapsedMs);
  }

  #cellMs(batchSize: number, isNew: boolean): number {
    const warmUp = median(
      this.#seen.map(({ warmUpRequests }) => warmUpRequests),
    );
    const extra = isNew ? median(this.#seen.map(({ extraMs }) => extraMs)) : 0;
    return (this.#numRuns + warmUp) * this.#requestMs(batchSize) + extra;
  }

  #requestMs(batchSize: number): number {
    const known = this.#seen.filter((seen) => seen.batchSize === batchSize);
    if (known.length > 0) return mean(known.map(({ requestMs }) => requestMs));
    const x = this.#seen.map((seen) => seen.batchSize);
    const y = this.#seen.map(({ requestMs }) => requestMs);
    const [centreX, centreY] = [mean(x), mean(y)];
    const spread = sum(x.map((value) => (value - centreX) ** 2));
    if (spread === 0) {
      return centreY * (ITEMS_OF_A_REQUEST + batchSize) /
        (ITEMS_OF_A_REQUEST + centreX);
    }
    const slope = sum(
      x.map((value, i) => (value - centreX) * ((y[i] ?? 0) - centreY)),
    ) / spread;
    return Math.max(
      centreY + slope * (batchSize - centreX),
      Math.min(...y) / 2,
    );
  }
}
