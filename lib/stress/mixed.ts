/**
 * The scenario mixed: requests of many shapes at once, and a trickle of small ones beside them.
 *
 * @module
 */
import { SHOWN_ERRORS } from "../load/observer.ts";
import { worseOf } from "../score/truth.ts";
import type { StressContext } from "./context.ts";
import { loadFigures, timeFigures } from "./figures.ts";
import { describeFailures, verdictOf } from "./judge.ts";
import type { Finding, StressResult } from "./record.ts";
import {
  loadSteps,
  openLoop,
  singleShape,
  STRESS_SCENARIOS,
} from "./scenarios.ts";

/** Runs the mixed load with its probes; a probe that fails is a failure of the scenario. */
export async function runMixed(context: StressContext): Promise<StressResult> {
  const { options, model, world } = context;
  const [step] = loadSteps("mixed", options, model);
  if (step === undefined) throw new RangeError("Cannot run mixed: no load");
  const shape = singleShape("mixed", options, model);
  world.onProgress(step, null);
  const [alone] = await context.reference([shape]);
  if (alone === undefined) throw new RangeError("Cannot run mixed: no probe");
  if (alone.workload === null) {
    return await context.run({ ...step, shapes: [shape] }, [alone]);
  }
  const probeStep = {
    ...step,
    loop: openLoop(
      options,
      STRESS_SCENARIOS.mixed.probesPerSec,
      (step.loop.durationMs ?? 0) / 1000,
    ),
  };
  const workload = alone.workload;
  const references = await context.reference(step.shapes);
  await using generator = world.startProbes();
  const [{ samples: probes }, result] = await Promise.all([
    context.send(probeStep, [workload], { generator }),
    context.run(step, references),
  ]);
  const figures = loadFigures(probes, probeStep.loop, result.durationMs);
  const { good, failed } = figures;
  const failures = [...alone.failures, ...figures.failures];
  const findings: Finding[] = [...result.findings];
  if (failures.length > 0) {
    const text = describeFailures(failures, alone.requests + good + failed);
    findings.push({ kind: "failed requests", text: `of the probes, ${text}` });
  }
  const { deviation } = probes.observed ?? {};
  const underLoad = deviation === undefined
    ? result.truth.underLoad
    : worseOf(deviation, result.truth.underLoad ?? deviation);
  return {
    ...result,
    findings,
    verdict: verdictOf(findings, context.isInterrupted),
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
      ...(probes.observed?.errors ?? []).map(({ text }) =>
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
