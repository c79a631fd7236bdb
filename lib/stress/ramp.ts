/**
 * The scenario ramp: the highest load that holds the objectives.
 *
 * @module
 */
import { knownBody } from "../load/known_load.ts";
import { isWrongAnswer } from "../outcome.ts";
import { addCompiles } from "../record/compiles.ts";
import type { Calibration } from "../record/run.ts";
import { sum } from "../stats/summary.ts";
import type { StressContext } from "./context.ts";
import { timeFigures } from "./figures.ts";
import { combine, verdictOf } from "./judge.ts";
import {
  brokenObjectives,
  describeBroken,
  parseObjectives,
} from "../load/objectives.ts";
import { nextLoad, rampResult, type RampTrial } from "../load/search.ts";
import type { Finding, RampStep, StressResult } from "./record.ts";
import {
  closedLoop,
  type LoadStep,
  openLoop,
  type OwnRequests,
  scenarioShapes,
  STRESS_SCENARIOS,
  type StressOptions,
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

/** Runs steps until the highest load that holds is known, or those of the ladder that was asked for. */
export async function runRamp(
  context: StressContext,
): Promise<StressResult> {
  const { options, model } = context;
  const whole = options.ramp === "concurrency";
  const plan = {
    first: whole
      ? options.concurrency?.[0] ?? 1
      : options.ratePerSec ?? STRESS_SCENARIOS.ramp.firstRps,
    whole,
    ladder: options.ladder,
  };
  const results: StressResult[] = [];
  const steps: RampStep[] = [];
  const last = new Map<number, StressResult>();
  for (
    let load = nextLoad(plan, steps);
    load !== null && !context.isInterrupted;
    load = nextLoad(plan, steps)
  ) {
    const step = rampLoad(options, model, load, context.own);
    const calibration = await context.calibrate(step);
    const judge = (result: StressResult) =>
      judgeRampLoad(result, { load, options, calibration });
    let result = await context.run(step);
    results.push(result);
    // A new load may bring new shapes, whose compiles say nothing of the load: a break counts the second time.
    if (judge(result).verdict === "broke" && !isBroken(result)) {
      await settle(context, step);
      if (plan.ladder === null) {
        result = await context.run(step);
        results.push(result);
        await settle(context, step);
      }
    }
    if (context.isInterrupted) break;
    steps.push(judge(result));
    last.set(load, result);
    if (isBroken(result)) break;
  }
  return summariseRamp(options, results, {
    ...{ steps, last, isInterrupted: context.isInterrupted },
  });
}

/** Returns the load of one step of a ramp. */
export function rampLoad(
  options: StressOptions,
  model: string,
  load: number,
  own?: OwnRequests,
): LoadStep {
  const whole = options.ramp === "concurrency";
  const seconds = rampSeconds(options, load);
  return {
    scenario: "ramp",
    configuration: `${options.ramp}=${load}`,
    shapes: scenarioShapes("ramp", options, model, own),
    loop: whole ? closedLoop(load, seconds) : openLoop(options, load, seconds),
    judgesHealth: false,
  };
}

/** Returns how long the steps of a ramp take, in seconds; one of few requests takes longer. */
function rampSeconds(
  { durationSeconds, ramp }: StressOptions,
  load = Infinity,
): number {
  const seconds = durationSeconds === null
    ? STRESS_SCENARIOS.ramp.stepSeconds
    : Math.max(LEAST_STEP_SECONDS, STEP_SHARE * durationSeconds);
  return ramp === "concurrency"
    ? seconds
    : Math.max(seconds, LEAST_REQUESTS / load);
}

/** A server has settled when it answers within this many times what the request took before any load. */
const SETTLED_FACTOR = 3;

/** How often it is asked at most, and the pause between, in milliseconds. */
const MAX_ASKS = 100;
const ASK_INTERVAL_MS = 200;

/** Waits until a server has worked off what an overload left behind, requests that were given up among it. */
async function settle(
  context: StressContext,
  { shapes }: LoadStep,
): Promise<void> {
  const { world } = context;
  const [shape] = shapes;
  const [reference] = await context.reference(shapes);
  // Of several hosts one asks; the others wait for it before the next load.
  const isOther = (world.team?.share.index ?? 0) > 0;
  if (shape === undefined || isOther) return;
  const aloneMs = timeFigures(reference?.latenciesMs ?? [])?.p50Ms ?? 0;
  const prober = context.connect();
  for (let ask = 0; ask < MAX_ASKS && !context.isInterrupted; ask++) {
    const exchange = await context.score(prober, knownBody(shape.spec, 0));
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

/** Says whether a load of a ramp held. */
export function judgeRampLoad(result: StressResult, step: {
  /** The load: requests a second, or clients. */
  readonly load: number;
  readonly options: StressOptions;
  /** What the client adds and can do; null where it was not measured. */
  readonly calibration: Calibration | null;
}): RampStep {
  const { load, options, calibration } = step;
  const objectives = parseObjectives(options.slo);
  const stepSeconds = rampSeconds(options, load);
  const { latency, goodRequests, failedRequests } = result;
  const ended = goodRequests + failedRequests;
  const errorShare = ended === 0 ? null : failedRequests / ended;
  // Where the load itself makes no claim, over the step and its drain.
  const reachedPerSec = result.reachedPerSec ??
    (goodRequests === 0 ? 0 : goodRequests * 1000 / result.durationMs);
  const common = { load, reachedPerSec, latency, errorShare };
  const limit = result.findings.find(({ kind }) =>
    kind === "client limit" || kind === "incomplete load"
  );
  if (limit !== undefined) {
    return { ...common, verdict: "client", reason: limit.text };
  }
  const broken = brokenObjectives(objectives, { latency, errorShare });
  if (broken.length > 0) {
    const reason = describeBroken(broken, { latency, errorShare });
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

/** Makes one result of the loads of a ramp: that of the highest that held, with all steps. */
export function summariseRamp(
  options: StressOptions,
  results: readonly StressResult[],
  { steps, last, isInterrupted }: {
    readonly steps: readonly RampStep[];
    readonly last: ReadonlyMap<number, StressResult>;
    readonly isInterrupted: boolean;
  },
): StressResult {
  const seconds = rampSeconds(options);
  const { highest, lowestBroken, clientLimited } = rampResult(
    steps satisfies readonly RampTrial[],
  );
  const unit = options.ramp === "rate" ? "requests/s" : "clients";
  const best = (highest === null ? undefined : last.get(highest)) ??
    results.at(-1);
  if (best === undefined) throw new RangeError("Cannot summarise no steps");
  const first = steps[0];
  const findings: Finding[] = [
    ...results.flatMap((result) =>
      result.findings.filter(({ kind }) => kind === "server died")
    ),
    ...results.flatMap(wrongAnswers),
    ...results.flatMap(({ findings, configuration }) =>
      findings.filter(({ kind }) => kind === "incomplete load").map(
        ({ kind, text }) => ({ kind, text: `at ${configuration}, ${text}` }),
      )
    ),
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
  return {
    ...combine(best, results, isInterrupted),
    configuration: `${options.ramp} up to a break of ${options.slo}`,
    findings,
    verdict: verdictOf(findings, isInterrupted),
    notes: [
      highest === null
        ? "No load held"
        : clientLimited
        ? `Highest load that holds: at least ${highest} ${unit}; the client was the limit at ${lowestBroken}`
        : `Highest load that holds: ${highest} ${unit}${
          lowestBroken === null ? "" : `; ${lowestBroken} do not`
        }`,
      `Steps: ${seconds} s each${
        options.ramp === "rate"
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
    durationMs: sum(results.map(({ durationMs }) => durationMs)),
    ...rampCompiles([...last.values()]),
    part: { scenario: "ramp", steps },
  };
}

/** What is known of compiles in the steps that count. */
function rampCompiles(
  results: readonly StressResult[],
): Pick<StressResult, "compiles"> {
  const known = results.flatMap(({ compiles }) => compiles ?? []);
  return known.length === 0 ? {} : { compiles: known.reduce(addCompiles) };
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
