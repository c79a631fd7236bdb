/**
 * The scenario recovery: the server is killed under load and started again.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import { knownBody, type KnownWorkload } from "../load/known_load.ts";
import type { Samples } from "../load/samples.ts";
import { timelineRows } from "../load/timeline.ts";
import { type Deviation, NO_DEVIATION } from "../score/truth.ts";
import {
  isConnectionLost,
  isWrongAnswer,
  type Outcome,
  OUTCOMES,
} from "../outcome.ts";
import { countOf, mergeFailures } from "../record/cells.ts";
import type { FailureCount } from "../record/run.ts";
import type { StressContext } from "./context.ts";
import { timeFigures } from "./figures.ts";
import { combine, describeFailures, type Piece } from "./judge.ts";
import type { Finding, StressResult } from "./record.ts";
import {
  isHealthLong,
  type LoadStep,
  openLoop,
  scenarioShapes,
  STRESS_SCENARIOS,
} from "./scenarios.ts";

/** The load goes on for this long after the kill, in milliseconds. */
const LOAD_AFTER_KILL_MS = 1_000;

/** A server that was started again is asked at this interval in milliseconds until its scores are right, at most so often. */
const ASK_INTERVAL_MS = 100;
const MAX_ASKS = 600;

/** Kills the server in the middle of a load, starts it again, and runs the load once more. */
export async function runRecovery(
  context: StressContext,
): Promise<StressResult> {
  const { options, model, world } = context;
  const { durationSeconds, targetRps } = STRESS_SCENARIOS.recovery;
  const seconds = options.durationSeconds ?? durationSeconds;
  const rate = options.ratePerSec ?? targetRps;
  const step = (configuration: string, length: number): LoadStep => ({
    scenario: "recovery",
    configuration,
    shapes: scenarioShapes("recovery", options, model, context.own),
    loop: openLoop(options, rate, length),
    judgesHealth: isHealthLong(length),
  });
  const name = `kill after ${seconds / 2}s, target_rps=${rate}`;
  const before = step(name, seconds);
  world.onProgress(before, null);
  const references = await context.reference(before.shapes);
  const workloads = references.flatMap(({ workload }) => workload ?? []);
  const { started } = context.target;
  // Without references this says why.
  const isReady = workloads.length === before.shapes.length;
  if (!isReady || started === undefined) {
    return await context.run(before, references);
  }
  const ended = new AbortController();
  const startMs = world.now();
  const sending = context.send(before, workloads, {
    signal: AbortSignal.any([ended.signal, world.signal]),
  });
  await world.sleep(seconds * 500, world.signal);
  const killedMs = world.now();
  if (!context.isInterrupted) await started.kill();
  await world.sleep(LOAD_AFTER_KILL_MS, world.signal);
  ended.abort();
  const { samples } = await sending;
  const restart = await startAgain(context, before, workloads);
  const after = await context.run(step(name, seconds / 2), references);
  return summarise(context, after, {
    first: splitAt(samples, killedMs),
    samples,
    restart,
    startMs,
    killedMs,
  });
}

/** What came of starting the server again. */
interface Restart {
  /** When it gave its first right answer; null without one. */
  readonly answeredMs: number | null;
  /** Its wrong answers until then; that it is not ready yet is none. */
  readonly wrong: readonly FailureCount[];
  /** The worst deviation of those answers. */
  readonly deviation: Deviation;
}

/** Starts the server again, and asks it until its scores are right. */
async function startAgain(
  context: StressContext,
  step: LoadStep,
  workloads: readonly KnownWorkload[],
): Promise<Restart> {
  const { world } = context;
  const nothing = { answeredMs: null, wrong: [], deviation: NO_DEVIATION };
  const [first] = workloads;
  if (first === undefined || context.isInterrupted) return nothing;
  try {
    await context.reopen();
  } catch (error) {
    if (error instanceof MeasureError) return nothing;
    throw error;
  }
  const judge = context.judgeOf(workloads);
  const prober = context.connect();
  const wrong: FailureCount[] = [];
  let answeredMs: number | null = null;
  for (
    let asks = 0;
    asks < MAX_ASKS && answeredMs === null && !context.isInterrupted;
    asks++
  ) {
    world.onProgress(
      { ...step, configuration: "the server was started again" },
      { planned: asks, done: asks, failed: asks, pulses: [] },
    );
    const exchange = await context.score(prober, knownBody(first.spec, 0));
    const { outcome, message } = judge.judge(exchange, 0);
    if (outcome === "ok") answeredMs = exchange.doneMs;
    else {
      const failure = { outcome, count: 1, example: message };
      if (isWrongAnswer(failure)) wrong.push(failure);
      await world.sleep(ASK_INTERVAL_MS, world.signal);
    }
  }
  prober.close();
  return {
    answeredMs,
    wrong: mergeFailures(wrong),
    deviation: judge.deviation,
  };
}

/** The load in whose middle the server was killed. */
interface FirstLoad {
  /** Latencies of right answers before the kill, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Failures that the kill explains. */
  readonly byKill: readonly FailureCount[];
  /** All others. */
  readonly failures: readonly FailureCount[];
}

/** Tells what was before a kill from what was after it; what is too late to be kept was after it. */
function splitAt(samples: Samples, killedMs: number): FirstLoad {
  const early = new Map<Outcome, number>();
  const latenciesMs: number[] = [];
  for (const [i, code] of samples.outcome.entries()) {
    const doneMs = samples.doneMs[i] ?? 0;
    if (doneMs >= killedMs) continue;
    const outcome = OUTCOMES[code] ?? "aborted";
    early.set(outcome, (early.get(outcome) ?? 0) + 1);
    if (outcome === "ok") {
      latenciesMs.push(doneMs - (samples.plannedMs[i] ?? 0));
    }
  }
  const byKill: FailureCount[] = [];
  const failures: FailureCount[] = [];
  for (const failure of samples.failures) {
    const { outcome, count } = failure;
    if (outcome === "aborted") continue;
    // A kill takes the connection or the answer from a request: that is no fault from then on.
    const mayBeByKill = isConnectionLost(failure) || outcome === "timeout";
    const own = mayBeByKill ? early.get(outcome) ?? 0 : count;
    if (own > 0) failures.push({ ...failure, count: own });
    if (own < count) byKill.push({ ...failure, count: count - own });
  }
  return { latenciesMs, byKill: mergeFailures(byKill), failures };
}

/** Returns the shown errors of the first load that the kill does not explain; each kind has one. */
function errorsOf(samples: Samples, { failures }: FirstLoad): string[] {
  return failures.flatMap(({ outcome, count, example }) => {
    const shown = (samples.observed?.errors ?? []).map(({ text }) => text)
      .filter((error) => error.startsWith(`${outcome}: `)).slice(0, count);
    return shown.length > 0 ? shown : [`${outcome}: ${example}`];
  });
}

/** Puts the load before the kill, the restart and the load after it together; rates and latencies are those of the last. */
function summarise(
  context: StressContext,
  after: StressResult,
  parts: {
    readonly first: FirstLoad;
    readonly samples: Samples;
    readonly restart: Restart;
    readonly startMs: number;
    readonly killedMs: number;
  },
): StressResult {
  const { first, samples, restart, killedMs } = parts;
  const { planned, good } = samples.totals;
  const { answeredMs, wrong } = restart;
  const startMs = parts.startMs - context.startMs;
  const failed = countOf(first.failures);
  const text = describeFailures(first.failures, good + failed);
  const asksFailed = wrong.map(({ outcome, count, example }): Finding => ({
    kind: "failed requests",
    text: `after the restart, ${count} x ${outcome}: ${example}`,
  }));
  const isLost = answeredMs === null && !context.isInterrupted;
  const pieces: Piece[] = [{
    startMs,
    plannedRequests: planned,
    goodRequests: good,
    failedRequests: failed,
    findings: failed === 0 ? [] : [{
      kind: "failed requests",
      text: `of the load with the kill, ${text}`,
    }],
    failures: first.failures,
    errors: errorsOf(samples, first),
    truth: { underLoad: samples.observed?.deviation },
    timeline: samples.observed === undefined
      ? []
      : timelineRows(samples.observed.timeline),
  }, {
    plannedRequests: 0,
    goodRequests: 0,
    failedRequests: countOf(wrong),
    findings: [
      ...asksFailed,
      ...isLost
        ? [
          {
            kind: "not recovered",
            text: "the server that was started again gave no right answer",
          } as const,
        ]
        : [],
    ],
    failures: wrong,
    errors: wrong.map(({ outcome, example }) => `${outcome}: ${example}`),
    truth: { underLoad: restart.deviation },
  }, after];
  return {
    ...combine(after, pieces, context.isInterrupted),
    durationMs: after.startMs + after.durationMs - startMs,
    part: {
      scenario: "recovery",
      firstRightAnswerMs: answeredMs === null ? null : answeredMs - killedMs,
      failedRequests: countOf(first.byKill),
      failures: first.byKill,
      before: timeFigures(first.latenciesMs),
      after: after.latency,
    },
  };
}
