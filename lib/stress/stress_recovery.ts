/**
 * The scenario recovery: the server is killed under load and started again.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import {
  knownBody,
  KnownLoadJudge,
  type KnownWorkload,
} from "../load/known_load.ts";
import { OUTCOMES } from "../outcome.ts";
import type { Samples } from "../load/samples.ts";
import {
  type LoadStep,
  openLoop,
  singleShape,
  STRESS_SCENARIOS,
} from "./scenarios.ts";
import { SCORE_PATH } from "../score.ts";
import { createRedactor } from "../secret.ts";
import type { StressContext } from "./stress_context.ts";
import { verdictOf } from "./stress_judge.ts";
import type { Finding, StressResult } from "./stress_result.ts";
import { timeFigures } from "./load_figures.ts";

/** The load goes on for this long after the kill, in milliseconds. */
const LOAD_AFTER_KILL_MS = 1_000;

/** A server that was started again is asked this often until its scores are right, in milliseconds, */
const ASK_INTERVAL_MS = 100;

/** and at most this many times. */
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
    shapes: [singleShape("recovery", options, model)],
    loop: openLoop(options, rate, length),
    judgesHealth: false,
  });
  const name = `kill after ${seconds / 2}s, target_rps=${rate}`;
  const before = step(name, seconds);
  const references = await context.reference(before.shapes);
  const workload = references[0]?.workload ?? null;
  const { started } = context.target;
  // Without references this says why.
  if (workload === null || started === undefined) {
    return await context.run(before, references);
  }
  const ended = new AbortController();
  const sending = context.send(before, [workload], {
    signal: AbortSignal.any([ended.signal, world.signal]),
  });
  world.onProgress(before, null);
  await world.sleep(seconds * 500, world.signal);
  const killedMs = world.now();
  if (!context.isInterrupted) await started.kill();
  await world.sleep(LOAD_AFTER_KILL_MS, world.signal);
  ended.abort();
  const first = splitAt((await sending).samples, killedMs);
  const findings: Finding[] = [];
  if (first.failedBefore > 0) {
    findings.push({
      kind: "failed requests",
      text: `${first.failedBefore} requests failed before the kill`,
    });
  }
  const answeredMs = context.isInterrupted
    ? null
    : await firstRightAnswer(context, workload);
  if (answeredMs === null && !context.isInterrupted) {
    findings.push({
      kind: "not recovered",
      text: "the server that was started again gave no right answer",
    });
  }
  const after = await context.run(step(name, seconds / 2), references);
  findings.push(...after.findings);
  return {
    ...after,
    configuration: name,
    findings,
    verdict: verdictOf(findings, context.isInterrupted),
    recovery: {
      firstRightAnswerMs: answeredMs === null ? null : answeredMs - killedMs,
      failedRequests: first.failedAfter,
      before: timeFigures(first.latenciesMs),
      after: after.latency,
    },
  };
}

/** Starts the server again; returns when it gave its first right answer, or null. */
async function firstRightAnswer(
  context: StressContext,
  workload: KnownWorkload,
): Promise<number | null> {
  const { world } = context;
  try {
    await context.reopen();
  } catch (error) {
    if (error instanceof MeasureError) return null;
    throw error;
  }
  const { endpoint, server } = context.target;
  const judge = new KnownLoadJudge({
    workloads: [workload],
    tolerance: context.tolerance,
  }, {
    encode: (body) => body,
    dtype: server.dtype,
    timeoutMs: context.options.timeoutMs,
    redact: createRedactor(endpoint.secrets),
  });
  const prober = world.connect(endpoint);
  try {
    for (let ask = 0; ask < MAX_ASKS && !context.isInterrupted; ask++) {
      const body = knownBody(workload.spec, 0);
      const exchange = await context.ask(prober, {
        method: "POST",
        path: SCORE_PATH,
        body,
      });
      if (judge.judge(exchange, 0).outcome === "ok") return exchange.doneMs;
      await world.sleep(ASK_INTERVAL_MS, world.signal);
    }
    return null;
  } finally {
    prober.close();
  }
}

/** Tells what was before a time from what was after it. */
function splitAt(samples: Samples, timeMs: number): {
  readonly failedBefore: number;
  readonly failedAfter: number;
  readonly latenciesMs: readonly number[];
} {
  let failedBefore = 0;
  let failedAfter = 0;
  const latenciesMs: number[] = [];
  for (const [i, code] of samples.outcome.entries()) {
    const outcome = OUTCOMES[code];
    const doneMs = samples.doneMs[i] ?? 0;
    const isBefore = doneMs < timeMs;
    if (outcome === "ok") {
      if (isBefore) latenciesMs.push(doneMs - (samples.plannedMs[i] ?? 0));
    } else if (isBefore) failedBefore++;
    else if (outcome !== "aborted") failedAfter++;
  }
  return { failedBefore, failedAfter, latenciesMs };
}
