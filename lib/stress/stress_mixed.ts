/**
 * The scenario mixed: requests of many shapes at once, and a trickle of small ones beside them.
 *
 * @module
 */
import { loadFigures, timeFigures } from "./load_figures.ts";
import {
  loadSteps,
  openLoop,
  singleShape,
  STRESS_SCENARIOS,
} from "./scenarios.ts";
import type { StressContext } from "./stress_context.ts";
import { describeFailures, verdictOf } from "./stress_judge.ts";
import type { Finding, StressResult } from "./stress_result.ts";

/** Runs the mixed load with its probes; a probe that fails is a failure of the scenario. */
export async function runMixed(context: StressContext): Promise<StressResult> {
  const { options, model, world } = context;
  const [step] = loadSteps("mixed", options, model);
  if (step === undefined) throw new RangeError("Cannot run mixed: no load");
  const shape = singleShape("mixed", options, model);
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
  const { good, failed, failures } = figures;
  const findings: Finding[] = [...result.findings];
  if (alone.failures.length + failed > 0) {
    const text = describeFailures(
      [...alone.failures, ...failures],
      alone.requests + good + failed,
    );
    findings.push({ kind: "failed requests", text: `of the probes, ${text}` });
  }
  return {
    ...result,
    findings,
    verdict: verdictOf(findings, context.isInterrupted),
    errors: [...result.errors, ...probes.observed?.errors ?? []].slice(0, 10),
    probes: {
      alone: timeFigures(alone.latenciesMs),
      underLoad: figures.latency,
      failedRequests: failed,
    },
  };
}
