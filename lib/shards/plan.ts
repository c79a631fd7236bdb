/**
 * The plan of a run over several shards: what shard 0 writes first, and all others must have been started with.
 *
 * @module
 */
import * as v from "valibot";
import { toJson } from "../json.ts";
import type { TargetKind } from "../record/run.ts";
import { parseShape, SHAPES } from "../record/shape.ts";
import { STRESS_SHAPES } from "../stress/file.ts";
import { STRESS_SCENARIOS, type StressOptions } from "../stress/scenarios.ts";

/** The name of its file. */
export const PLAN_FILE = "plan.json";

/** The version of the stored shapes of shards; a reader refuses another. */
export const SHARD_SCHEMA = 1;

/** What all shards of a run share. */
export interface ShardPlan {
  readonly schema: typeof SHARD_SCHEMA;
  readonly kind: "stress-plan";
  /** Names this run, so that no file of another is taken for one of it. */
  readonly runId: string;
  readonly shards: number;
  /** What was asked for, the seed among it. */
  readonly options: StressOptions;
  /** A hash of what was asked for and of what is stressed. */
  readonly optionsHash: string;
  readonly toolVersion: string;
  readonly target: TargetKind;
  /** Its address, without secrets. */
  readonly targetAddress: string;
}

const plan: v.GenericSchema<unknown, ShardPlan> = v.object({
  schema: v.literal(SHARD_SCHEMA),
  kind: v.literal("stress-plan"),
  runId: v.string(),
  shards: v.pipe(v.number(), v.integer(), v.minValue(1)),
  options: STRESS_SHAPES.options,
  optionsHash: v.string(),
  toolVersion: v.string(),
  target: SHAPES.target,
  targetAddress: v.string(),
});

/**
 * Reads a plan.
 *
 * @throws {SyntaxError} If it is none, or of another version.
 */
export function parsePlan(json: string): ShardPlan {
  return parseShape(
    json,
    (value) => v.parse(plan, value, { abortEarly: true }),
    "a plan of shards was",
  );
}

/** Writes a plan as JSON. */
export function stringifyPlan(value: ShardPlan): string {
  return `${toJson(value, 2)}\n`;
}

/** What a shard was started with. */
export type ShardRequest = Pick<
  ShardPlan,
  "shards" | "options" | "toolVersion" | "target" | "targetAddress"
>;

/**
 * Makes the plan of a run.
 *
 * @param hash Hashes a text.
 */
export async function makePlan(
  request: ShardRequest,
  runId: string,
  hash: (text: string) => Promise<string>,
): Promise<ShardPlan> {
  const { options, target, targetAddress, shards } = request;
  const entries = Object.entries(options).toSorted(([a], [b]) =>
    a < b ? -1 : 1
  );
  return {
    ...{ schema: SHARD_SCHEMA, kind: "stress-plan", runId },
    ...request,
    optionsHash: await hash(
      JSON.stringify([entries, target, targetAddress, shards]),
    ),
  };
}

/**
 * Says how what a shard was started with differs from the plan; empty where it is the same. A shard that was given no
 * seed takes that of the plan.
 */
export function planDifferences(
  plan: ShardPlan,
  request: ShardRequest,
): string[] {
  const flat = ({ options, ...rest }: ShardRequest) =>
    Object.entries({ ...options, ...rest });
  const { shards, options, toolVersion, target, targetAddress } = plan;
  const known = new Map<string, unknown>(
    flat({ shards, options, toolVersion, target, targetAddress }),
  );
  return flat(request).flatMap(([name, value]) => {
    const [was, is] = [known.get(name), value].map((one) =>
      JSON.stringify(one)
    );
    return was === is
      ? []
      : `${name}: ${was} in the plan of shard 0, ${is} here`;
  });
}

/**
 * Finds what cannot be shared out over shards.
 *
 * @returns Problems in words; empty where all can.
 */
export function shardProblems(
  options: Pick<StressOptions, "scenarios" | "concurrency" | "ramp" | "ladder">,
  shards: number,
): string[] {
  const clients = options.scenarios.flatMap((scenario) => {
    switch (scenario) {
      case "concurrent":
        return options.concurrency ??
          STRESS_SCENARIOS.concurrent.concurrencyLevels;
      case "mixed":
        return options.concurrency?.[0] ?? STRESS_SCENARIOS.mixed.concurrency;
      case "ramp":
        return options.ramp === "concurrency" ? options.ladder ?? [] : [];
      default:
        return [];
    }
  });
  const least = Math.min(...clients);
  const problems: string[] = [];
  if (least < shards) {
    problems.push(
      `Cannot share ${least} clients out over ${shards} shards: each needs one. Give higher numbers to --concurrency or --ladder, or run fewer shards`,
    );
  }
  if (options.scenarios.includes("ramp") && options.ladder === null) {
    problems.push(
      "Cannot search for the highest load with --shard: what a load came to is known when the shards are merged. Give the loads with --ladder",
    );
  }
  return problems;
}
