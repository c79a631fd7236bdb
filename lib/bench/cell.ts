/**
 * Measures one cell: warm-up until the latencies settle, then the timed requests.
 *
 * @module
 */
import { summarisePasses } from "../record/passes.ts";
import { findClientDoubts, findIdleClients } from "../load/client_limit.ts";
import { type Samples, toColumns } from "../load/samples.ts";
import { OUTCOMES } from "../outcome.ts";
import {
  type Calibration,
  type CellKey,
  type CellResult,
  type CellSummary,
  type FailureCount,
  goodLatenciesMs,
  type WarmUp,
} from "../record/run.ts";
import { findSuspects, isSettled, QUIET_ANSWERS } from "./warm_up.ts";
import type { Doubt, DoubtKind } from "../record/doubts.ts";
import { DIFFERENT_ANSWERS } from "../score/answer.ts";

/** What is measured. */
export interface CellPlan {
  readonly key: CellKey;
  /** Which of several runs it belongs to, from 0. */
  readonly repeat: number;
  readonly labelTokenIds: readonly number[];
  /** What is sent, in words. */
  readonly sent: string;
  /** Timed requests, at least 1. */
  readonly numRuns: number;
  /** The least number of warm-up requests. */
  readonly warmupRuns: number;
}

/** Sends a number of requests one after another, the first with the payload of an index, and returns their samples. */
export type SendRequests = (
  count: number,
  firstIndex: number,
) => Promise<Samples>;

/** What measuring needs from the world. */
export interface CellWorld {
  readonly send: SendRequests;
  /** The start of the run on the clock of the samples, in milliseconds. */
  readonly startMs: number;
  /** What the client adds and can do; null when it is not known. */
  readonly calibration: Calibration | null;
  readonly isInterrupted: () => boolean;
}

/** Warm-up ends after this many requests of each client, settled or not, unless more were asked for. */
const MAX_WARMUP_REQUESTS = 100;

/** After this many failures in a row nothing more is expected of a server. */
export const MAX_FAILED_IN_ROW = 3;

/** Once warm, this many more requests are sent at a time before looking again. */
const WARMUP_STEP = 2;

/** Measures one cell; a failed request is a sample, never an exception. */
export async function measureCell(
  plan: CellPlan,
  world: CellWorld,
): Promise<CellResult> {
  const warm = await warmUp(plan, world);
  if (warm.isDead || world.isInterrupted()) {
    const samples = await world.send(0, warm.requests);
    return judgeCell(plan, warm, { samples, world });
  }
  const samples = await world.send(plan.numRuns, warm.requests);
  const result = judgeCell(plan, warm, { samples, world });
  const compiles = countOf(result, "compile");
  const isWorthMore = compiles > 0 && warm.settled &&
    result.failures.length === 0;
  if (!isWorthMore || world.isInterrupted()) return result;
  // The server was still getting ready: what it compiled it need not compile again.
  const warmer = {
    ...warm,
    requests: warm.requests + plan.numRuns * clientsOf(plan),
    slowestMs: goodLatenciesMs(result.samples).reduce(
      (slowest, latency) => Math.max(slowest, latency),
      warm.slowestMs ?? 0,
    ),
  };
  const again = await world.send(plan.numRuns, warmer.requests);
  const second = judgeCell(plan, warmer, { samples: again, world });
  const text =
    `measured again, as ${compiles} of ${result.samples.outcome.length} timed looked like a compile`;
  return {
    ...second,
    doubts: [...second.doubts, { kind: "again", text, count: compiles }],
  };
}

function clientsOf({ key }: CellPlan): number {
  return key.concurrency ?? 1;
}

function countOf(
  { suspects }: Pick<CellResult, "suspects">,
  kind: "compile" | "stall",
): number {
  return suspects.filter((suspect) => suspect.kind === kind).length;
}

/** The warm-up of a cell, with what failed in it. */
export interface WarmUpResult extends WarmUp {
  readonly failures: readonly FailureCount[];
  /** Whether the server is taken for dead: nothing was answered, or nothing any more. */
  readonly isDead: boolean;
}

/** Sends warm-up requests until the latencies settle, all fail, or the limit is reached. */
export async function warmUp(
  plan: CellPlan,
  world: CellWorld,
): Promise<WarmUpResult> {
  const clients = clientsOf(plan);
  const limit = Math.max(plan.warmupRuns, MAX_WARMUP_REQUESTS);
  const latenciesMs: number[] = [];
  let requests = 0;
  let failed = 0;
  let failures: readonly FailureCount[] = [];
  let failedInRow = 0;
  let settled = plan.warmupRuns === 0;
  // The first requests alone: where a server answers nothing, two deadlines are long enough.
  let step = Math.max(1, Math.min(plan.warmupRuns, 2));
  while (!settled && requests < limit * clients && !world.isInterrupted()) {
    const samples = withoutAborted(await world.send(step, requests));
    const good = goodLatenciesMs(toColumns(samples, world.startMs));
    latenciesMs.push(...good);
    requests += samples.outcome.length;
    failed += samples.outcome.length - good.length;
    if (failures.length === 0) failures = samples.failures;
    for (const code of samples.outcome) {
      failedInRow = OUTCOMES[code] === "ok" ? 0 : failedInRow + 1;
    }
    if (failed === requests || failedInRow >= MAX_FAILED_IN_ROW) break;
    settled = isSettled(latenciesMs, plan.warmupRuns * clients, clients);
    const sent = Math.floor(requests / clients);
    const wanted = Math.max(plan.warmupRuns, QUIET_ANSWERS / clients) - sent;
    // After a failure in single steps, so that a server that hangs holds up few deadlines.
    step = failedInRow > 0
      ? 1
      : Math.min(Math.max(Math.ceil(wanted), WARMUP_STEP), limit - sent);
  }
  return {
    requests,
    failed,
    slowestMs: latenciesMs.length === 0 ? null : Math.max(...latenciesMs),
    settled,
    failures,
    isDead: requests > 0 &&
      (failed === requests || failedInRow >= MAX_FAILED_IN_ROW),
  };
}

/** Makes the result of a cell out of its warm-up and its timed samples. */
export function judgeCell(
  plan: CellPlan,
  warm: WarmUpResult,
  measured: { readonly samples: Samples; readonly world: CellWorld },
): CellResult {
  const { startMs, calibration } = measured.world;
  const finished = withoutAborted(measured.samples);
  const columns = toColumns(finished, startMs);
  const latenciesMs = goodLatenciesMs(columns);
  const goodIndexes = columns.outcome.flatMap((outcome, i) =>
    outcome === "ok" ? [i] : []
  );
  const suspects = findSuspects(latenciesMs).map(({ index, kind }) => ({
    index: goodIndexes[index] ?? index,
    kind,
  }));
  const { failures: warmUpFailures, isDead: _, ...rest } = warm;
  const failures = columns.outcome.length === 0
    ? warmUpFailures
    : finished.failures;
  const figures = summarisePasses([columns], plan.key);
  const clients = clientsOf(plan);
  const clientDoubts = findClientDoubts(calibration, figures, clients);
  const clientLimit = clientDoubts.find(({ kind }) => kind === "limit");
  const [compiles, stalls] = (["compile", "stall"] as const)
    .map((kind) => countOf({ suspects }, kind)) as [number, number];
  const invalid = invalidReason(plan, warm, columns.outcome) ??
    clientLimit?.text ??
    (compiles === 0
      ? null
      : `${compiles} timed look like a compile: warm up longer (--warmup-runs)`);
  const pauses = countPaused(finished, figures);
  const idle = findIdleClients(finished, clients);
  const counted = (kind: DoubtKind, count: number, text: string): Doubt[] =>
    count === 0 ? [] : [{ kind, text: `${count} ${text}`, count }];
  const doubts: Doubt[] = [
    ...(invalid === null ? [] : [{ kind: "invalid", text: invalid } as const]),
    ...counted(
      "warm-up",
      invalid === null ? warm.failed : 0,
      `of ${warm.requests} warm-up requests failed`,
    ),
    ...(warm.settled ? [] : [
      {
        kind: "unsettled",
        text:
          `latencies had not settled after ${warm.requests} warm-up requests`,
        count: warm.requests,
      } as const,
    ]),
    ...counted("stall", stalls, "timed look like a stall"),
    ...counted("pause", pauses, "timed met a pause of the client"),
    ...counted(
      "retry",
      finished.retried,
      "timed were sent again on a new connection",
    ),
    ...(idle === null ? [] : [{ kind: "client", text: idle } as const]),
    ...clientDoubts.flatMap(({ kind, text }) =>
      kind === "warning" ? [{ kind: "client", text } as const] : []
    ),
  ];
  return {
    key: plan.key,
    repeat: plan.repeat,
    numRuns: plan.numRuns,
    warmupRuns: plan.warmupRuns,
    labelTokenIds: plan.labelTokenIds,
    sent: plan.sent,
    warmUp: rest,
    samples: columns,
    suspects,
    failures,
    // Figures of the client are none of the server.
    summary: clientLimit === undefined ? figures : null,
    ...calibration === null ? {} : { clientAddedMs: calibration.addedP50Ms },
    status: invalid === null ? "OK" : "INVALID",
    doubts,
  };
}

/** Why the figures of a cell are not those of the server, or null. */
function invalidReason(
  plan: CellPlan,
  warm: WarmUpResult,
  outcomes: readonly string[],
): string | null {
  if (warm.isDead) {
    return warm.failed === warm.requests
      ? `all ${warm.requests} warm-up requests failed`
      : `the last ${MAX_FAILED_IN_ROW} of ${warm.requests} warm-up requests failed`;
  }
  const planned = plan.numRuns * clientsOf(plan);
  const failed = outcomes.filter((outcome) => outcome !== "ok").length;
  if (failed > 0) {
    const contrary = outcomes.filter((outcome) =>
      outcome === "mismatch"
    ).length;
    if (contrary > 0) {
      return `${DIFFERENT_ANSWERS} (${contrary} of ${outcomes.length})`;
    }
    return `${failed} of ${outcomes.length} requests failed${
      outcomes.length < planned ? ", the rest were not sent" : ""
    }`;
  }
  if (outcomes.length < planned) {
    return `interrupted after ${outcomes.length} of ${planned} requests`;
  }
  return null;
}

/** A pause of the client matters to a latency from this share of the median on. */
const PAUSE_SHARE = 0.05;

/** Counts the requests during which the client stood still for a time that matters. */
function countPaused(samples: Samples, summary: CellSummary | null): number {
  if (summary === null) return 0;
  const { pausesMs, sentMs, doneMs } = samples;
  let count = 0;
  for (let i = 0; i < sentMs.length; i++) {
    const [fromMs, toMs] = [sentMs[i] ?? 0, doneMs[i] ?? 0];
    for (let p = 0; p < pausesMs.length; p += 2) {
      const [startMs, durationMs] = [pausesMs[p] ?? 0, pausesMs[p + 1] ?? 0];
      const overlapMs = Math.min(toMs, startMs + durationMs) -
        Math.max(fromMs, startMs);
      if (overlapMs > PAUSE_SHARE * summary.p50Ms) {
        count++;
        break;
      }
    }
  }
  return count;
}

/** Leaves out the request that an interrupt ended: it says nothing of the server. */
function withoutAborted(samples: Samples): Samples {
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
