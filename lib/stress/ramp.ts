/**
 * The scenario ramp: the highest load that holds the objectives.
 *
 * @module
 */
import { knownBody } from "../load/known_load.ts";
import { isWrongAnswer } from "../outcome.ts";
import type { Calibration } from "../record/run.ts";
import { SCORE_PATH } from "../score/request.ts";
import type { StressContext } from "./context.ts";
import { timeFigures } from "./figures.ts";
import { mergeFailures, verdictOf } from "./judge.ts";
import { brokenObjectives, parseObjectives } from "./objectives.ts";
import { nextLoad, rampResult, type RampTrial } from "./ramp_search.ts";
import type { Finding, RampStep, StressResult, TimeFigures } from "./record.ts";
import {
  closedLoop,
  type LoadStep,
  openLoop,
  type Shape,
  singleShape,
  STRESS_SCENARIOS,
} from "./scenarios.ts";

/** With --duration a step of the ramp takes this share of it, in seconds at least this long. */
const STEP_SHARE = 0.2;
const LEAST_STEP_SECONDS = 2;

/** A client that sends more than this share of its ceiling measures the ceiling. */
const CEILING_SHARE = 0.9;

/**
 * A rate is not reached where more than this share of what was planned is answered after the step only, and a queue
 * grows: at the end of the step this many times as many requests are in flight as in its middle, and more than chance.
 */
const LATE_SHARE = 0.1;
const GROWTH = 1.5;
const GROWTH_BY_CHANCE = 4;

/** A step takes at least so many requests, or no queue shows. */
const LEAST_REQUESTS = 30;

/** Runs steps until the highest load that holds is known. */
export async function runRamp(
  context: StressContext,
  calibration: Calibration | null,
): Promise<StressResult> {
  const { options, model } = context;
  const { firstRps, stepSeconds } = STRESS_SCENARIOS.ramp;
  const whole = options.ramp === "concurrency";
  const plan = {
    first: whole
      ? options.concurrency?.[0] ?? 1
      : options.ratePerSec ?? firstRps,
    whole,
  };
  const seconds = options.durationSeconds === null
    ? stepSeconds
    : Math.max(LEAST_STEP_SECONDS, STEP_SHARE * options.durationSeconds);
  const objectives = parseObjectives(options.slo);
  const shape = singleShape("ramp", options, model);
  const results: StressResult[] = [];
  const steps: RampStep[] = [];
  const last = new Map<number, StressResult>();
  for (
    let load = nextLoad(plan, steps);
    load !== null && !context.isInterrupted;
    load = nextLoad(plan, steps)
  ) {
    const stepSeconds = whole
      ? seconds
      : Math.max(seconds, LEAST_REQUESTS / load);
    const step: LoadStep = {
      scenario: "ramp",
      configuration: `${options.ramp}=${load}`,
      shapes: [shape],
      loop: whole
        ? closedLoop(load, stepSeconds)
        : openLoop(options, load, stepSeconds),
      judgesHealth: false,
    };
    const judge = (result: StressResult) =>
      judgeStep(result, { load, objectives, calibration, stepSeconds });
    let result = await context.run(step);
    results.push(result);
    // A new load may bring new shapes, whose compiles say nothing of the load: a break counts the second time.
    if (judge(result).verdict === "broke" && !isBroken(result)) {
      await settle(context, shape);
      result = await context.run(step);
      results.push(result);
      await settle(context, shape);
    }
    if (context.isInterrupted) break;
    steps.push(judge(result));
    last.set(load, result);
    if (isBroken(result)) break;
  }
  return summarise(context, results, { steps, last, seconds });
}

/** A server has settled when it answers within this many times what the request took before any load. */
const SETTLED_FACTOR = 3;

/** How often it is asked at most, and the pause between, in milliseconds. */
const MAX_ASKS = 100;
const ASK_INTERVAL_MS = 200;

/** Waits until a server has worked off what an overload left behind, requests that were given up among it. */
async function settle(context: StressContext, shape: Shape): Promise<void> {
  const { world, target } = context;
  const [reference] = await context.reference([shape]);
  const aloneMs = timeFigures(reference?.latenciesMs ?? [])?.p50Ms ?? 0;
  const prober = world.connect(target.endpoint);
  for (let ask = 0; ask < MAX_ASKS && !context.isInterrupted; ask++) {
    const exchange = await context.ask(prober, {
      method: "POST",
      path: SCORE_PATH,
      body: knownBody(shape.spec, 0),
    });
    const tookMs = exchange.doneMs - exchange.sentMs;
    if (exchange.kind === "answer" && tookMs <= SETTLED_FACTOR * aloneMs) break;
    await world.sleep(ASK_INTERVAL_MS, world.signal);
  }
  prober.close();
}

/** Whether there is no sense in going on. */
function isBroken({ findings }: StressResult): boolean {
  return findings.some(({ kind }) => kind === "server died");
}

function judgeStep(result: StressResult, context: {
  readonly load: number;
  readonly objectives: ReturnType<typeof parseObjectives>;
  readonly calibration: Calibration | null;
  readonly stepSeconds: number;
}): RampStep {
  const { load, objectives, calibration, stepSeconds } = context;
  const { latency, goodRequests, failedRequests } = result;
  const ended = goodRequests + failedRequests;
  const errorShare = ended === 0 ? null : failedRequests / ended;
  const reachedPerSec = result.reachedPerSec ?? wholeRate(result);
  const common = { load, reachedPerSec, latency, errorShare };
  const limit = result.findings.find(({ kind }) => kind === "client limit");
  if (limit !== undefined) {
    return { ...common, verdict: "client", reason: limit.text };
  }
  const broken = brokenObjectives(objectives, { latency, errorShare });
  if (broken.length > 0) {
    const reason = broken.map(({ name, text }) =>
      `${text} broken: ${describeFigure(name, latency, errorShare)}`
    ).join("; ");
    return { ...common, verdict: "broke", reason };
  }
  const planned = result.plannedRequests;
  const late = planned - (result.reachedPerSec ?? 0) * stepSeconds;
  const inFlightAt = (share: number) =>
    result.timeline.findLast(({ startMs, durationMs }) =>
      startMs + durationMs <= share * stepSeconds * 1000
    )?.inFlight ?? 0;
  if (
    result.askedPerSec !== null && result.reachedPerSec !== null &&
    late > LATE_SHARE * planned &&
    inFlightAt(1) > GROWTH * inFlightAt(0.5) + GROWTH_BY_CHANCE
  ) {
    const reason = `${result.reachedPerSec.toFixed(1)} of ${
      (planned / stepSeconds).toFixed(1)
    } requests/s reached: a queue grows`;
    return { ...common, verdict: "broke", reason };
  }
  const ceiling = calibration?.ceilingRequestsPerSec ?? Infinity;
  const ratePerSec = Math.max(result.askedPerSec ?? 0, reachedPerSec);
  if (ratePerSec > CEILING_SHARE * ceiling) {
    const reason = `the client sends at most ${ceiling.toFixed(0)} requests/s`;
    return { ...common, verdict: "client", reason };
  }
  return { ...common, verdict: "held", reason: "" };
}

/** Right answers a second over the step and its drain, where the load itself makes no claim. */
function wholeRate({ goodRequests, durationMs }: StressResult): number {
  return goodRequests === 0 ? 0 : goodRequests * 1000 / durationMs;
}

function describeFigure(
  name: "errors" | "mean" | "p50" | "p95" | "p99" | "max",
  latency: TimeFigures | null,
  errorShare: number | null,
): string {
  if (name === "errors") {
    return errorShare === null
      ? "no answer"
      : `${(100 * errorShare).toFixed(2)} %`;
  }
  return latency === null
    ? "no answer"
    : `${latency[`${name}Ms`].toFixed(1)} ms`;
}

function summarise(
  context: StressContext,
  results: readonly StressResult[],
  { steps, last, seconds }: {
    readonly steps: readonly RampStep[];
    readonly last: ReadonlyMap<number, StressResult>;
    readonly seconds: number;
  },
): StressResult {
  const { highest, lowestBroken, clientLimited } = rampResult(
    steps satisfies readonly RampTrial[],
  );
  const unit = context.options.ramp === "rate" ? "requests/s" : "clients";
  const best = (highest === null ? undefined : last.get(highest)) ??
    results.at(-1);
  if (best === undefined) throw new RangeError("Cannot summarise no steps");
  const first = steps[0];
  const findings: Finding[] = [
    ...results.flatMap((result) =>
      result.findings.filter(({ kind }) => kind === "server died")
    ),
    ...results.flatMap(wrongAnswers),
    ...(highest === null && first !== undefined
      ? [
        {
          kind: first.verdict === "client"
            ? "client limit"
            : "objective broken",
          text: `not even ${first.load} ${unit} hold: ${first.reason}`,
        } as const,
      ]
      : []),
  ];
  const sum = (name: "plannedRequests" | "goodRequests" | "failedRequests") =>
    results.reduce((total, result) => total + result[name], 0);
  return {
    ...best,
    configuration:
      `${context.options.ramp} up to a break of ${context.options.slo}`,
    findings,
    verdict: verdictOf(findings, context.isInterrupted),
    notes: [
      highest === null
        ? "No load held"
        : clientLimited
        ? `Highest load that holds: at least ${highest} ${unit}; the client was the limit at ${lowestBroken}`
        : `Highest load that holds: ${highest} ${unit}${
          lowestBroken === null ? "" : `; ${lowestBroken} do not`
        }`,
      `Steps: ${seconds} s each${
        context.options.ramp === "rate"
          ? `, or ${LEAST_REQUESTS} requests where that takes longer`
          : ""
      }`,
      // Of the steps that decide; those of all would fill pages.
      ...[highest, lowestBroken].flatMap((load) =>
        (load === null ? undefined : last.get(load))?.notes.map((note) =>
          `At ${load} ${unit}: ${note}`
        ) ?? []
      ),
    ],
    startMs: results[0]?.startMs ?? 0,
    durationMs: results.reduce((total, one) => total + one.durationMs, 0),
    plannedRequests: sum("plannedRequests"),
    goodRequests: sum("goodRequests"),
    failedRequests: sum("failedRequests"),
    failures: mergeFailures(results.flatMap(({ failures }) => failures)),
    errors: results.flatMap(({ errors }) => errors).slice(0, 10),
    timeline: results.flatMap(({ timeline, startMs }) =>
      timeline.map((row) => ({
        ...row,
        startMs: row.startMs + startMs - (results[0]?.startMs ?? 0),
      }))
    ),
    steps,
  };
}

/** Overload is what a ramp looks for; an answer that is wrong is a fault under any load. */
function wrongAnswers(result: StressResult): Finding[] {
  return result.failures.filter(isWrongAnswer).map((
    { outcome, count, example },
  ) => ({
    kind: "failed requests",
    text: `at ${result.configuration}, ${count} x ${outcome}: ${example}`,
  }));
}
