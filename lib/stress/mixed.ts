/**
 * The scenario mixed: requests of many shapes at once, and a trickle of small ones beside them.
 *
 * @module
 */
import type { Loop } from "../load/driver.ts";
import { SHOWN_ERRORS } from "../load/observer.ts";
import type { Samples } from "../load/samples.ts";
import { worseOf } from "../score/truth.ts";
import type { StressContext } from "./context.ts";
import { loadFigures, timeFigures } from "./figures.ts";
import { describeFailures, verdictOf } from "./judge.ts";
import type { Finding, StressResult } from "./record.ts";
import type { ShapeReferences } from "./references.ts";
import {
  type LoadStep,
  loadSteps,
  openLoop,
  type OwnRequests,
  scenarioShapes,
  type Shape,
  STRESS_SCENARIOS,
  type StressOptions,
} from "./scenarios.ts";

/** Runs the mixed load with its probes; a probe that fails is a failure of the scenario. */
export async function runMixed(context: StressContext): Promise<StressResult> {
  const { options, model, world } = context;
  const [step] = loadSteps("mixed", options, model, context.own);
  if (step === undefined) throw new RangeError("Cannot run mixed: no load");
  const [shape] = probeShapes(options, model, context.own);
  if (shape === undefined) throw new RangeError("Cannot run mixed: no probe");
  world.onProgress(step, null);
  const [alone] = await context.reference([shape]);
  if (alone === undefined) throw new RangeError("Cannot run mixed: no probe");
  if (alone.workload === null) {
    return await context.run({ ...step, shapes: [shape] }, [alone]);
  }
  const workload = alone.workload;
  const references = await context.reference(step.shapes);
  const probeStep = probesOf(step, options, context.own);
  const startMs = await context.start(step);
  await using generator = world.startProbes();
  const [{ samples }, result] = await Promise.all([
    context.send(probeStep, [workload], { generator, startMs }),
    context.run(step, references, startMs),
  ]);
  const { durationMs } = result;
  context.keep(step, "probes", {
    ...{ samples, durationMs, references: [alone], gaveUp: false },
    ...{ startMs: result.startMs, server: null, death: null },
    isInterrupted: context.isInterrupted,
  });
  return withProbes(result, {
    ...{ alone, samples, isInterrupted: context.isInterrupted },
    loop: context.ownPart(probeStep).loop,
  });
}

/** One small shape, whatever the load is made of. */
function probeShapes(
  options: StressOptions,
  model: string,
  own?: OwnRequests,
): Shape[] {
  return scenarioShapes("mixed", options, model, own).slice(0, 1);
}

/** Returns the probes that go along with a mixed load. */
export function probesOf(
  step: LoadStep,
  options: StressOptions,
  own?: OwnRequests,
): LoadStep {
  const model = step.shapes[0]?.spec.model ?? "";
  return {
    ...step,
    shapes: probeShapes(options, model, own),
    loop: openLoop(
      options,
      STRESS_SCENARIOS.mixed.probesPerSec,
      (step.loop.durationMs ?? 0) / 1000,
    ),
  };
}

/** Adds to the result of a mixed load what its probes came to. */
export function withProbes(
  result: StressResult,
  probes: {
    /** The references of the probes. */
    readonly alone: ShapeReferences;
    /** What was recorded of the probes. */
    readonly samples: Samples;
    /** When they were sent. */
    readonly loop: Loop;
    /** Whether the user ended the load. */
    readonly isInterrupted: boolean;
    /** Which of several hosts saw failures, in words. */
    readonly failedAt?: string;
  },
): StressResult {
  const { alone, samples, failedAt = "" } = probes;
  const figures = loadFigures(samples, probes.loop, result.durationMs);
  const { good, failed } = figures;
  const failures = [...alone.failures, ...figures.failures];
  const findings: Finding[] = [...result.findings];
  if (failures.length > 0) {
    const text = describeFailures(failures, alone.requests + good + failed);
    findings.push({
      kind: "failed requests",
      text: `of the probes, ${text}${failedAt}`,
    });
  }
  const { deviation } = samples.observed ?? {};
  const underLoad = deviation === undefined
    ? result.truth.underLoad
    : worseOf(deviation, result.truth.underLoad ?? deviation);
  return {
    ...result,
    findings,
    verdict: verdictOf(findings, probes.isInterrupted),
    plannedRequests: result.plannedRequests + figures.planned,
    goodRequests: result.goodRequests + good,
    failedRequests: result.failedRequests + failed,
    unfinishedRequests: result.unfinishedRequests + figures.unfinished,
    failures: [
      ...result.failures,
      ...failures.map((failure) => ({
        ...failure,
        example: `of a probe: ${failure.example}`,
      })),
    ],
    errors: [
      ...result.errors,
      ...alone.failures.map(({ outcome, example }) =>
        `of a probe, alone: ${outcome}: ${example}`
      ),
      ...(samples.observed?.errors ?? []).map(({ text }) =>
        `of a probe: ${text}`
      ),
    ].slice(0, SHOWN_ERRORS),
    truth: { ...result.truth, underLoad },
    probes: {
      alone: timeFigures(alone.latenciesMs),
      underLoad: figures.latency,
      failedRequests: failed,
    },
  };
}
