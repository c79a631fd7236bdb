/**
 * The scenario mixed: requests of many shapes at once, and a trickle of small ones beside them.
 *
 * @module
 */
import type { Loop } from "../load/driver.ts";
import type { Samples } from "../load/samples.ts";
import { useOf } from "../bench/watch.ts";
import type { StressContext } from "./context.ts";
import { loadFigures, timeFigures } from "./figures.ts";
import { combine, describeFailures } from "./judge.ts";
import { logFigures } from "./log.ts";
import { withWarmUp } from "./warm_up.ts";
import type { StressResult } from "./record.ts";
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
  // Of several hosts none measures its client when the load begins.
  const calibration = await context.calibrate(step);
  await using generator = world.startProbes();
  const workloads = references.flatMap((one) => one.workload ?? []);
  const isReady = workloads.length === step.shapes.length;
  // Small requests beside the load make shapes of their own.
  const warmUp = !isReady ? null : await context.warmUp(
    step,
    async (window, timeoutMs) => {
      const { durationMs } = window.loop;
      const beside = {
        ...probeStep,
        loop: { ...probeStep.loop, durationMs: durationMs ?? 0 },
      };
      const sent = await Promise.all([
        context.send(window, workloads, { timeoutMs }),
        context.send(beside, [workload], { generator, timeoutMs }),
      ]);
      return sent.map(({ samples }) => samples);
    },
  );
  const startMs = await context.start(step);
  const { sent: [{ samples }, { result: load, samples: own }], log } =
    await context.watched(() =>
      Promise.all([
        context.send(probeStep, [workload], { generator, startMs }),
        context.runBeside(step, references, { startMs, calibration }),
      ]), ([probes, main]) => useOf([probes.samples, ...main.samples]));
  const result = {
    ...withWarmUp(load, warmUp),
    ...logFigures(log, {
      timeline: own[0]?.observed?.timeline ?? null,
      startMs,
      lengthMs: step.loop.durationMs ?? load.durationMs,
    }),
  };
  const { durationMs } = result;
  context.keep(step, {
    ...{ role: "probes", doubts: [] },
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
    readonly alone: ShapeReferences;
    readonly samples: Samples;
    readonly loop: Loop;
    readonly isInterrupted: boolean;
    /** Which of several hosts saw failures, in words. */
    readonly failedAt?: string;
  },
): StressResult {
  const { alone, samples, failedAt = "" } = probes;
  const figures = loadFigures(samples, probes.loop, result.durationMs);
  const { planned, good, failed, unfinished } = figures;
  const failures = [...alone.failures, ...figures.failures];
  const total = alone.requests + good + failed;
  const text = `of the probes, ${describeFailures(failures, total)}${failedAt}`;
  return {
    ...combine(result, [result, {
      plannedRequests: planned,
      goodRequests: good,
      failedRequests: failed,
      unfinishedRequests: unfinished,
      findings: failures.length > 0 ? [{ kind: "failed requests", text }] : [],
      failures: failures.map((failure) => ({
        ...failure,
        example: `of a probe: ${failure.example}`,
      })),
      errors: [
        ...alone.failures.map(({ outcome, example }) =>
          `of a probe, alone: ${outcome}: ${example}`
        ),
        ...(samples.observed?.errors ?? []).map(({ text }) =>
          `of a probe: ${text}`
        ),
      ],
      truth: { underLoad: samples.observed?.deviation },
    }], probes.isInterrupted),
    part: {
      scenario: "mixed",
      alone: timeFigures(alone.latenciesMs),
      underLoad: figures.latency,
      failedRequests: failed,
    },
  };
}
