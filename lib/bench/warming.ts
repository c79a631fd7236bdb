/**
 * Warms up one cell: requests until the latencies have settled and, where a log is watched, it has been silent for as long.
 *
 * @module
 */
import { type Samples, toColumns } from "../load/samples.ts";
import { OUTCOMES } from "../outcome.ts";
import {
  type FailureCount,
  goodLatenciesMs,
  type WarmUp,
} from "../record/run.ts";
import type { CellPlan, CellWorld } from "./cell_plan.ts";
import { isSettled, QUIET_ANSWERS } from "./warm_up.ts";
import { useOf } from "./watch.ts";

/** Warm-up ends after this many requests, settled or not, unless more were asked for. */
const MAX_WARMUP_REQUESTS = 100;

/** After this many failures in a row nothing more is expected of a server. */
export const MAX_FAILED_IN_ROW = 3;

/** Once warm, this many more requests are sent at a time before looking again. */
const WARMUP_STEP = 2;

/** The warm-up of a cell, with what failed in it. */
export interface WarmUpResult extends WarmUp {
  readonly failures: readonly FailureCount[];
  /** Whether the server is taken for dead: nothing was answered, or nothing any more. */
  readonly isDead: boolean;
}

/**
 * Sends warm-up requests until the server has settled, all fail, or the limit is reached.
 *
 * @param from The index of the first payload, and how many times as many quiet answers in a row are wanted: more where the
 * server compiled again after it had settled.
 */
export async function warmUp(
  plan: CellPlan,
  world: CellWorld,
  from: { readonly firstIndex: number; readonly quietFactor: number } = {
    firstIndex: 0,
    quietFactor: 1,
  },
): Promise<WarmUpResult> {
  const { firstIndex, quietFactor } = from;
  const clients = clientsOf(plan);
  const limit = Math.max(plan.warmupRuns, MAX_WARMUP_REQUESTS);
  const quiet = new Quiet(plan, world, quietFactor);
  let requests = 0;
  let failed = 0;
  let failures: readonly FailureCount[] = [];
  let failedInRow = 0;
  let isDead = false;
  let settled = plan.warmupRuns === 0;
  // The first request alone: where a server answers nothing, one long deadline is enough.
  let step = 1;
  while (!settled && requests < limit * clients && !world.isInterrupted()) {
    const samples = withoutAborted(
      await quiet.send(() =>
        world.send(step, firstIndex + requests, "warm-up")
      ),
    );
    const good = goodLatenciesMs(toColumns(samples, world.startMs));
    requests += samples.outcome.length;
    failed += samples.outcome.length - good.length;
    if (failures.length === 0) failures = samples.failures;
    for (const code of samples.outcome) {
      failedInRow = OUTCOMES[code] === "ok" ? 0 : failedInRow + 1;
    }
    const isHung = samples.failures.some(({ outcome }) =>
      outcome === "timeout"
    );
    isDead = requests > 0 && (failedInRow >= MAX_FAILED_IN_ROW ||
      (failed === requests && (isHung || requests > 1)));
    if (isDead) break;
    settled = await quiet.isSettledAfter(good);
    const sent = Math.floor(requests / clients);
    const wanted =
      Math.max(plan.warmupRuns, quietFactor * QUIET_ANSWERS / clients) - sent;
    // After a failure in single steps, so that a server that hangs holds up few deadlines.
    step = failedInRow > 0
      ? 1
      : Math.min(Math.max(Math.ceil(wanted), WARMUP_STEP), limit - sent);
  }
  await quiet.end();
  return {
    requests,
    failed,
    slowestMs: quiet.slowestMs,
    settled,
    failures,
    isDead: isDead || (requests > 0 && failed === requests),
  };
}

/** The clients that send side by side. */
export function clientsOf({ key }: CellPlan): number {
  return key.concurrency ?? 1;
}

/** How long a server has been quiet: by its latencies, and by its log where that is watched. */
class Quiet {
  readonly #world: CellWorld;
  readonly #minRequests: number;
  readonly #clients: number;
  readonly #quietFactor: number;
  readonly #latenciesMs: number[] = [];
  /** The answers before this one do not count: compiles were seen behind them. */
  #from = 0;
  #window:
    | Awaited<ReturnType<NonNullable<CellWorld["watch"]>["witness"]["open"]>>
    | null = null;
  #sent: Samples[] = [];
  #compiles = 0;

  constructor(plan: CellPlan, world: CellWorld, quietFactor: number) {
    this.#world = world;
    this.#clients = clientsOf(plan);
    this.#minRequests = plan.warmupRuns * this.#clients;
    this.#quietFactor = quietFactor;
  }

  get slowestMs(): number | null {
    return this.#latenciesMs.length === 0
      ? null
      : Math.max(...this.#latenciesMs);
  }

  async send(send: () => Promise<Samples>): Promise<Samples> {
    this.#window ??= await this.#world.watch?.witness.open() ?? null;
    const samples = await send();
    this.#sent.push(samples);
    return samples;
  }

  /** Whether it has settled with these answers; then all lines of the log have come. */
  async isSettledAfter(latenciesMs: readonly number[]): Promise<boolean> {
    this.#latenciesMs.push(...latenciesMs);
    const compiles = await this.#window?.compiles() ?? 0;
    // Of a log that may be another server's it is told when the window closes.
    if (this.#world.watch?.witness.isOurs && compiles > this.#compiles) {
      this.#compiles = compiles;
      this.#from = this.#latenciesMs.length;
    }
    const isQuiet = isSettled(
      this.#latenciesMs.slice(this.#from),
      this.#minRequests - this.#from,
      this.#clients,
      this.#quietFactor,
    );
    if (!isQuiet) return false;
    const findings = await this.#close();
    if (findings === null || !findings.isOurs) return true;
    const isLate = findings.compiles > this.#compiles;
    this.#compiles = 0;
    if (isLate) this.#from = this.#latenciesMs.length;
    return !isLate;
  }

  async end(): Promise<void> {
    await this.#close();
  }

  async #close() {
    const findings = await this.#window?.close(useOf(this.#sent)) ?? null;
    this.#window = null;
    this.#sent = [];
    return findings;
  }
}

/** Leaves out the request that an interrupt ended: it says nothing of the server. */
export function withoutAborted(samples: Samples): Samples {
  const kept = (_: number, i: number) =>
    OUTCOMES[samples.outcome[i] ?? 0] !== "aborted";
  return {
    ...samples,
    plannedMs: samples.plannedMs.filter(kept),
    sentMs: samples.sentMs.filter(kept),
    doneMs: samples.doneMs.filter(kept),
    outcome: samples.outcome.filter(kept),
    ...(samples.items === undefined
      ? {}
      : { items: samples.items.filter(kept) }),
    failures: samples.failures.filter(({ outcome }) => outcome !== "aborted"),
  };
}
