/**
 * Makes one stress run of the records of its shards: everything adds up, and what it comes to is judged by the code
 * that judges one process.
 *
 * @module
 */
import type { ClientDoubt } from "../load/client_limit.ts";
import { collectGarbage } from "../load/garbage.ts";
import { mergeSamples, type Samples } from "../load/samples.ts";
import { isOfClient } from "../outcome.ts";
import type { FailureCount } from "../record/run.ts";
import { GAVE_UP_NOTE } from "../stress/hope.ts";
import { judgeLoad } from "../stress/judge.ts";
import { probesOf, withProbes } from "../stress/mixed.ts";
import { judgeRampLoad, rampLoad, summariseRamp } from "../stress/ramp.ts";
import type { RampStep, StressResult, StressRun } from "../stress/record.ts";
import {
  type LoadStep,
  loadSteps,
  type Scenario,
  toleranceOf,
} from "../stress/scenarios.ts";
import type { LoadPart } from "../stress/team.ts";
import { allowedSkewMs, findSkew } from "./clock.ts";
import { NO_END, type ShardFiles } from "./files.ts";
import { type PackedPart, unpackPart } from "./record.ts";

/** Merges shards; a load that not all of them sent as they should is INVALID, and says why. */
export function mergeShards(files: ShardFiles): StressRun {
  return new Merger(files).merge();
}

/** One shard's part of a load. */
interface Part {
  readonly shard: number;
  readonly packed: PackedPart;
}

/** What failed of one shard's part. */
interface ShardFailures {
  readonly shard: number;
  readonly failures: readonly FailureCount[];
}

/** A load whose parts were put together. */
interface Whole {
  readonly parts: readonly {
    readonly shard: number;
    readonly part: Omit<LoadPart, "samples">;
  }[];
  readonly samples: Samples | null;
  readonly failedAt: string;
  readonly gaps: readonly string[];
  readonly notes: readonly string[];
}

class Merger {
  readonly #files: ShardFiles;
  readonly #base: StressRun;

  constructor(files: ShardFiles) {
    const [first] = files.records;
    if (first === undefined) {
      throw new RangeError("Cannot merge shards as there are none");
    }
    this.#files = files;
    this.#base = first.run;
  }

  merge(): StressRun {
    const { plan, records, problems } = this.#files;
    const { options } = plan;
    const runs = records.map(({ run, share }) => ({ run, share }));
    const told = runs.flatMap(({ run, share }) =>
      run.warnings.map((warning) => ({ warning, shard: share.index }))
    );
    return {
      ...this.#base,
      metadata: {
        ...this.#base.metadata,
        "total_runtime_seconds": Math.max(
          ...runs.map(({ run }) => run.metadata["total_runtime_seconds"]),
        ),
        "interrupted": problems.length > 0,
      },
      options,
      results: options.scenarios.flatMap((scenario) =>
        this.#resultsOf(scenario)
      ),
      // Each client was measured for its own part.
      calibration: records.flatMap(({ run }) => run.calibration),
      warnings: [
        ...problems,
        ...[...Map.groupBy(told, ({ warning }) => warning)].map(
          ([warning, of]) =>
            of.length === plan.shards
              ? warning
              : `${listOf(of.map(({ shard }) => shard))}: ${warning}`,
        ),
        ...this.#otherServers(),
      ],
    };
  }

  /** Shards behind a balancer may meet several servers; that they serve one model is what all figures take for granted. */
  #otherServers(): string[] {
    const { model, dtype } = this.#base.metadata;
    return this.#files.records.flatMap(({ run: { metadata }, share }) =>
      metadata.model === model && metadata.dtype === dtype
        ? []
        : `shard ${share.index} met another server: ${metadata.model}, ${metadata.dtype}, not ${model}, ${dtype}`
    );
  }

  #resultsOf(scenario: Scenario): StressResult[] {
    const { options } = this.#files.plan;
    const { model } = this.#base.metadata;
    switch (scenario) {
      case "concurrent":
      case "sustained":
        return loadSteps(scenario, options, model).map((step) =>
          this.#judge(step).result
        );
      case "mixed":
        return loadSteps(scenario, options, model).map((step) =>
          this.#judgeMixed(step)
        );
      case "ramp":
        return this.#judgeRamp();
      case "large-batch":
        return loadSteps(scenario, options, model).map((step) =>
          this.#alone(step)
        );
      case "poison":
      case "recovery":
        return [this.#alone({ scenario, configuration: null })];
    }
  }

  /** Returns the result of a load that shard 0 ran alone. */
  #alone(
    load: {
      readonly scenario: Scenario;
      readonly configuration: string | null;
    },
  ): StressResult {
    const first = this.#files.records.find(({ share }) => share.index === 0);
    const found = first?.run.results.find(({ scenario, configuration }) =>
      scenario === load.scenario &&
      (load.configuration ?? configuration) === configuration
    );
    return found ?? this.#judge({
      scenario: load.scenario,
      configuration: load.configuration ?? "",
      shapes: [],
      loop: { kind: "closed", concurrency: 1, count: null, durationMs: 0 },
      judgesHealth: false,
    }, [`shard 0 did not run it${this.#whyNot(0)}`]).result;
  }

  #whyNot(shard: number): string {
    const record = this.#files.records.find(({ share }) =>
      share.index === shard
    );
    if (record === undefined) return ", and left no record of this run";
    return record.end === "whole"
      ? ""
      : `: ${record.end === "running" ? NO_END : record.reason}`;
  }

  #partsOf(step: LoadStep, role: LoadPart["role"]): Part[] {
    return this.#files.records.flatMap(({ share, parts }) =>
      parts.filter((part) =>
        part.scenario === step.scenario && part.role === role &&
        part.configuration === step.configuration
      ).slice(0, 1).map((packed) => ({ shard: share.index, packed }))
    );
  }

  /** Puts the parts of a load together, and finds what is missing. */
  #join(step: LoadStep, role: LoadPart["role"]): Whole {
    const { shards } = this.#files.plan;
    const packed = this.#partsOf(step, role);
    const there = new Set(packed.map(({ shard }) => shard));
    const missing = Array.from({ length: shards }, (_, shard) => shard)
      .filter((shard) => !there.has(shard));
    const clocks = packed.flatMap(({ shard, packed: { clock } }) =>
      clock === null ? [] : { shard, clock }
    );
    const doubts = findSkew(clocks, allowedSkewMs(step.loop, shards));
    const describe = ({ shard, text }: { shard: number; text: string }) =>
      `shard ${shard}: ${text}`;
    const broken: string[] = [];
    const sent: ShardFailures[] = [];
    let merged: Samples | null = null;
    // One after another, and what was unpacked is let go at once: memory does not grow with the shards.
    const parts = packed.flatMap(({ shard, packed }) => {
      try {
        const { samples, ...part } = unpackPart(packed);
        if (samples !== null) {
          const own = named(samples, shard);
          sent.push({ shard, failures: own.failures });
          merged = merged === null ? own : mergeSamples([merged, own]);
          collectGarbage();
        }
        return { shard, part };
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        broken.push(`shard ${shard}: its record is damaged: ${error.message}`);
        return [];
      }
    });
    return {
      parts,
      samples: merged === null ? null : {
        ...merged as Samples,
        failures: mergeByCause(sent.map(({ failures }) => failures)),
      },
      failedAt: describeWhere(sent),
      gaps: [
        ...this.#files.foreign,
        ...broken,
        ...missing.map((shard) =>
          `shard ${shard} of ${shards} is missing${this.#whyNot(shard)}`
        ),
        ...parts.filter(({ part }) => part.isInterrupted).map(({ shard }) =>
          `shard ${shard} was interrupted`
        ),
        ...doubts.filter(({ kind }) => kind === "skew").map(describe),
      ],
      notes: [
        `Sent by ${shards} shards`,
        ...doubts.filter(({ kind }) => kind === "unknown").map((doubt) =>
          `Shard ${doubt.shard}: ${doubt.text}`
        ),
        ...parts.filter(({ part }) => part.gaveUp).map(({ shard }) =>
          `Shard ${shard}: ${GAVE_UP_NOTE}`
        ),
      ],
    };
  }

  /** Judges a load as one process that sent all of it. */
  #judge(
    step: LoadStep,
    furtherGaps: readonly string[] = [],
  ): { readonly result: StressResult; readonly whole: Whole } {
    const whole = furtherGaps.length > 0 ? NOTHING : this.#join(step, "load");
    const { parts, samples, failedAt } = whole;
    const first = parts.find(({ shard }) => shard === 0)?.part ??
      parts[0]?.part;
    const dead = parts.find(({ part }) => part.death !== null);
    const result = judgeLoad({
      ...{ step, samples, failedAt },
      references: first?.references ?? [],
      tolerance: toleranceOf(
        this.#files.plan.options,
        this.#base.metadata.dtype,
      ),
      startMs: first?.startMs ?? 0,
      durationMs: Math.max(0, ...parts.map(({ part }) => part.durationMs)),
      server: first?.server ?? null,
      death: dead === undefined
        ? null
        : `shard ${dead.shard}: ${dead.part.death}`,
      isInterrupted: false,
      doubts: parts.flatMap(({ shard, part }): ClientDoubt[] =>
        part.doubts.map(({ kind, text }) => ({
          kind,
          text: `shard ${shard}: ${text}`,
        }))
      ),
      gaps: [...whole.gaps, ...furtherGaps],
    });
    return {
      result: {
        ...result,
        sent: first?.sent ?? "",
        notes: [...whole.notes, ...result.notes],
      },
      whole,
    };
  }

  #judgeMixed(step: LoadStep): StressResult {
    const { result, whole } = this.#judge(step);
    const probeStep = probesOf(step, this.#files.plan.options);
    const { samples, failedAt, parts } = this.#join(probeStep, "probes");
    const [alone] = parts[0]?.part.references ?? [];
    // Without the references of the probes there was no load.
    if (alone === undefined || samples === null || whole.samples === null) {
      return result;
    }
    return withProbes(result, {
      ...{ alone, samples, failedAt, isInterrupted: false },
      loop: probeStep.loop,
    });
  }

  #judgeRamp(): StressResult[] {
    const { options } = this.#files.plan;
    const { model } = this.#base.metadata;
    const results: StressResult[] = [];
    const steps: RampStep[] = [];
    const last = new Map<number, StressResult>();
    for (const load of options.ladder ?? []) {
      const { result } = this.#judge(rampLoad(options, model, load));
      results.push(result);
      last.set(load, result);
      steps.push(judgeRampLoad(result, {
        // What limits a client is a doubt of its own part.
        ...{ load, options, calibration: null },
      }));
    }
    if (results.length === 0) return [];
    return [
      summariseRamp(options, results, { steps, last, isInterrupted: false }),
    ];
  }
}

const NOTHING: Whole = {
  parts: [],
  samples: null,
  failedAt: "",
  gaps: [],
  notes: [],
};

/** Names the shard in what was seen of failures. */
function named(samples: Samples, shard: number): Samples {
  const { failures, observed } = samples;
  const prefix = `shard ${shard}: `;
  return {
    ...samples,
    failures: failures.map((failure) => ({
      ...failure,
      example: prefix + failure.example,
    })),
    ...observed === undefined ? {} : {
      observed: {
        ...observed,
        errors: observed.errors.map(({ atMs, text }) => ({
          atMs,
          text: prefix + text,
        })),
      },
    },
  };
}

/** Adds failures up by kind, but what a client refused itself apart from what a server did. */
function mergeByCause(
  shards: readonly (readonly FailureCount[])[],
): FailureCount[] {
  const causeOf = ({ outcome, example }: FailureCount) =>
    `${outcome} ${isOfClient({ outcome, message: example })}`;
  return [...Map.groupBy(shards.flat(), causeOf).values()].flatMap(
    ([first, ...others]) =>
      first === undefined ? [] : {
        ...first,
        count: others.reduce((sum, { count }) => sum + count, first.count),
      },
  ).toSorted((a, b) => b.count - a.count);
}

/** Says how many requests failed at which shard. */
function describeWhere(shards: readonly ShardFailures[]): string {
  const failed = shards.flatMap(({ shard, failures }) => {
    const count = failures.filter(({ outcome }) => outcome !== "aborted")
      .reduce((sum, { count }) => sum + count, 0);
    return count === 0 ? [] : `${count} at shard ${shard}`;
  });
  return failed.length === 0 ? "" : ` (${failed.join(", ")})`;
}

function listOf(shards: readonly number[]): string {
  return `shard${shards.length === 1 ? "" : "s"} ${shards.join(", ")}`;
}
