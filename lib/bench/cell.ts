/**
 * Measures one cell: warm-up until the latencies settle, then the timed requests.
 *
 * @module
 */
import { EDGE_TURNS, steadyPart, summarisePasses } from "../record/passes.ts";
import { findClientDoubts, findIdleClients } from "../load/client_limit.ts";
import { type Samples, toColumns } from "../load/samples.ts";
import {
  type CellResult,
  type CellSummary,
  goodLatenciesMs,
} from "../record/run.ts";
import type { CellPlan, CellWorld } from "./cell_plan.ts";
import { findSuspects } from "./warm_up.ts";
import {
  clientsOf,
  MAX_FAILED_IN_ROW,
  warmUp,
  type WarmUpResult,
  withoutAborted,
} from "./warming.ts";
import { askToSpeak, compilesIn, regimeProblem, watched } from "./watch.ts";
import type { WindowFindings } from "../witness/witness.ts";
import type { Doubt, DoubtKind } from "../record/doubts.ts";
import { DIFFERENT_ANSWERS } from "../score/answer.ts";

/** Measures one cell; a failed request is a sample, never an exception. */
export async function measureCell(
  plan: CellPlan,
  world: CellWorld,
): Promise<CellResult> {
  const clients = clientsOf(plan);
  let warm = await warmUp(plan, world);
  let { result } = await measureTimed(plan, warm, world);
  const said: Doubt[] = [];
  // Several clients meet more shapes, one after the other.
  for (let again = clients === 1 ? 1 : MOST_AGAIN; again > 0; again--) {
    const compiles = compileCount(result);
    const isWorthMore = compiles > 0 && warm.settled &&
      result.failures.length === 0;
    if (!isWorthMore || world.isInterrupted()) break;
    // The server was still getting ready: what it compiled it need not compile again. It has to be quiet for longer now.
    const sent = warm.requests + timedRuns(plan) * clients;
    const next = await warmUp(plan, world, {
      firstIndex: sent,
      quietFactor: 2,
    });
    warm = {
      ...next,
      requests: sent + next.requests,
      failed: warm.failed + next.failed,
      slowestMs: goodLatenciesMs(result.samples).reduce(
        (slowest, latency) => Math.max(slowest, latency),
        Math.max(warm.slowestMs ?? 0, next.slowestMs ?? 0),
      ),
    };
    const timed = result.samples.outcome.length;
    const text = result.compiles?.level === "found"
      ? `measured again, as the log shows ${compiles} compiles among ${timed} timed`
      : `measured again, as ${compiles} of ${timed} timed looked like a compile`;
    said.push({ kind: "again", text, count: compiles });
    ({ result } = await measureTimed(plan, warm, world));
  }
  return { ...result, doubts: [...result.doubts, ...said] };
}

/** How often several clients are measured again for a compile. */
const MOST_AGAIN = 4;

/** How many requests each client sends: those that count, and of several clients those before and after them. */
function timedRuns(plan: CellPlan): number {
  return plan.numRuns + (clientsOf(plan) === 1 ? 0 : EDGE_TURNS);
}

async function measureTimed(
  plan: CellPlan,
  warm: WarmUpResult,
  world: CellWorld,
): Promise<{ readonly result: CellResult }> {
  const isOver = warm.isDead || world.isInterrupted();
  // Who turns the warm-up off wants nothing sent but what is timed.
  if (!isOver && plan.warmupRuns > 0) await askToSpeak(world.watch);
  const { samples, findings } = await watched(
    world.watch,
    () => world.send(isOver ? 0 : timedRuns(plan), warm.requests, "timed"),
  );
  return { result: judgeCell(plan, warm, { samples, world, findings }) };
}

/** How many compiles there were among the timed requests: by the log, or else by what looks like one. */
function compileCount(result: CellResult): number {
  return result.compiles?.level === "found"
    ? result.compiles.count
    : countOf(result, "compile");
}

function countOf(
  { suspects }: Pick<CellResult, "suspects">,
  kind: "compile" | "stall",
): number {
  return suspects.filter((suspect) => suspect.kind === kind).length;
}

/** Makes the result of a cell out of its warm-up and its timed samples. */
export function judgeCell(
  plan: CellPlan,
  warm: WarmUpResult,
  measured: {
    readonly samples: Samples;
    readonly world: CellWorld;
    readonly findings: WindowFindings | null;
  },
): CellResult {
  const { startMs, calibration, watch } = measured.world;
  const known = compilesIn(measured.findings, watch?.witness);
  const finished = withoutAborted(measured.samples);
  const clients = clientsOf(plan);
  const all = toColumns(finished, startMs);
  const isSteady = clients > 1 &&
    all.outcome.length === timedRuns(plan) * clients &&
    all.outcome.every((outcome) => outcome === "ok");
  const columns = isSteady ? steadyPart(all, clients) : all;
  const latenciesMs = goodLatenciesMs(columns);
  const goodIndexes = columns.outcome.flatMap((outcome, i) =>
    outcome === "ok" ? [i] : []
  );
  const suspects = findSuspects(latenciesMs).map(({ index, kind }) => ({
    index: goodIndexes[index] ?? index,
    // Where the log proves that nothing was compiled, what looks like it was something else.
    kind: known.level === "none" ? "stall" as const : kind,
  }));
  const { failures: warmUpFailures, isDead: _, ...rest } = warm;
  const failures = columns.outcome.length === 0
    ? warmUpFailures
    : finished.failures;
  const figures = summarisePasses([columns], plan.key);
  const clientDoubts = findClientDoubts(calibration, figures, clients);
  const clientLimit = clientDoubts.find(({ kind }) => kind === "limit");
  const [compiles, stalls] = (["compile", "stall"] as const)
    .map((kind) => countOf({ suspects }, kind)) as [number, number];
  const invalid = invalidReason(plan, warm, columns.outcome) ??
    clientLimit?.text ??
    (known.level === "found"
      ? `the log shows ${known.count} compiles among the timed: warm up longer (--warmup-runs)`
      : compiles > 0
      ? `${compiles} timed look like a compile: warm up longer (--warmup-runs)`
      : regimeProblem(
        measured.findings,
        // A batch of several clients holds the end of one request and the begin of the next.
        clients > 1 && watch?.prefixCache === "cold"
          ? null
          : watch?.prefixCache,
        timedRuns(plan) * clients,
      ));
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
    ...plan,
    warmUp: rest,
    samples: columns,
    suspects,
    compiles: known,
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
