/**
 * The stored shape of a stress run, a {@linkcode StressRun}: the journal of one in progress and its result.
 *
 * @module
 */
import type { TimelineRow } from "../load/timeline.ts";
import type { Deviation, Tolerance } from "../score/truth.ts";
import type { Compiles } from "../record/compiles.ts";
import type {
  Calibration,
  FailureCount,
  LatencySummary,
  RunMetadata,
  ServerRecord,
} from "../record/run.ts";
import type { Health } from "./health.ts";
import type { Scenario, StressOptions } from "./scenarios.ts";

/** The version of the stored shape; a reader refuses another. */
export const STRESS_SCHEMA = 2;

/**
 * Every judgement of one load. `INVALID`: the load that was asked for is not the load that was
 * sent, so nothing is said of the server.
 */
export const STRESS_VERDICTS = [
  "PASS",
  "FAIL",
  "INVALID",
  "INTERRUPTED",
] as const;

/** One of {@linkcode STRESS_VERDICTS}. */
export type StressVerdict = typeof STRESS_VERDICTS[number];

/** What kinds of faults are found beside the failures of single requests. */
export const FINDING_KINDS = [
  "failed requests",
  "no right answer",
  "latency drift",
  "memory leak",
  "growing queue",
  "server died",
  "poison accepted",
  "not recovered",
  "objective broken",
  "client limit",
  "incomplete load",
] as const;

/** A fault of the server, or of the measurement. */
export interface Finding {
  readonly kind: typeof FINDING_KINDS[number];
  /** The fault in words, with its numbers. */
  readonly text: string;
}

/** Figures of a set of times. */
export type TimeFigures = Pick<
  LatencySummary,
  "meanMs" | "p50Ms" | "p95Ms" | "p99Ms" | "maxMs"
>;

/** How late requests were sent. */
export interface LagFigures extends TimeFigures {
  /** Requests that were sent more than 10 ms after they were due. */
  readonly late: number;
}

/** What was known of the right answers, and how far the answers were from it. */
export interface TruthRecord {
  /** Distinct payloads that were scored alone before the load. */
  readonly payloads: number;
  readonly tolerance: Tolerance;
  /** Requests that it took to get the references. */
  readonly requests: number;
  /** The worst deviation between two answers to one payload that was alone; null where there were no two. */
  readonly alone: Deviation | null;
  /** The worst deviation under load; null where no answer was compared. */
  readonly underLoad: Deviation | null;
}

/** One step of a ramp. */
export interface RampStep {
  /** Requests a second, or clients. */
  readonly load: number;
  /** Requests a second that were answered rightly. */
  readonly reachedPerSec: number;
  /** Latencies from the plan; null without a right answer. */
  readonly latency: TimeFigures | null;
  /** The share of requests that failed, 0 to 1. */
  readonly errorShare: number | null;
  readonly verdict: "held" | "broke" | "client";
  /** The objectives that it broke, or what limited the client. */
  readonly reason: string;
}

/** One bad request and what came of it. */
export interface PoisonRecord {
  readonly name: string;
  readonly isLethal: boolean;
  /** The status of the answer; null where none came. */
  readonly status: number | null;
  /** What was wrong with what came, in words; empty where the server refused it as it should and went on. */
  readonly fault: string;
}

/** What a kill of the server showed. */
export interface RecoveryRecord {
  /** From the kill to the first right answer of the server that was started again, in milliseconds; null without one. */
  readonly firstRightAnswerMs: number | null;
  /** Requests that failed by the kill: it took their connection or their answer. They are not among the failures of the load. */
  readonly failedRequests: number;
  readonly failures: readonly FailureCount[];
  readonly before: TimeFigures | null;
  readonly after: TimeFigures | null;
}

/** Small requests that go along with a load, and how they fare alone. */
export interface ProbeRecord {
  /** Latencies of the references of the same shape, alone. */
  readonly alone: TimeFigures | null;
  /** Latencies under the load, from the plan. */
  readonly underLoad: TimeFigures | null;
  readonly failedRequests: number;
}

/** How a load was warmed up, at its own concurrency or rate. */
export interface LoadWarmUp {
  readonly requests: number;
  readonly failed: number;
  /** How long it took. */
  readonly seconds: number;
  /** Whether nothing was compiled in its last window. */
  readonly isQuiet: boolean;
}

/** The figures of a load without the seconds in which the server compiled. */
export interface QuietFigures {
  readonly leftOutSeconds: number;
  /** Right answers a second in the others. */
  readonly reachedPerSec: number;
  /** Their median latency from the plan in milliseconds, within 1 %; null without a right answer. */
  readonly p50Ms: number | null;
  /** Their 99th percentile. */
  readonly p99Ms: number | null;
}

/** The result of one load: the specification's figures and what stands behind them. */
export interface StressResult {
  readonly scenario: Scenario;
  /** What is special of this load. */
  readonly configuration: string;
  readonly sent: string;
  readonly verdict: StressVerdict;
  /** What made it so: faults, each with its numbers; empty for PASS. */
  readonly findings: readonly Finding[];
  /** What people should know and what does not change the verdict. */
  readonly notes: readonly string[];
  /** When the load started, in milliseconds from the start of the run. */
  readonly startMs: number;
  /** Its wall time in milliseconds, draining included. */
  readonly durationMs: number;
  /** Requests that were due. */
  readonly plannedRequests: number;
  /** Right answers. */
  readonly goodRequests: number;
  /** Failures, arrivals that could not be sent among them. */
  readonly failedRequests: number;
  /** Requests in flight when an interrupt ended them; they count for neither side. */
  readonly unfinishedRequests: number;
  /** Requests a second that were asked for; null in closed loops. */
  readonly askedPerSec: number | null;
  /** Right answers a second; null where no time was measured. */
  readonly reachedPerSec: number | null;
  /** Latencies of right answers from their planned times; in closed loops those are the send times. */
  readonly latency: TimeFigures | null;
  /** The same from the send times: what a client that waits for its answers would report. */
  readonly service: TimeFigures | null;
  /** How late requests were sent; null in closed loops. */
  readonly lag: LagFigures | null;
  /** How it was warmed up; absent where it was not. */
  readonly warmUp?: LoadWarmUp;
  /** What the server's log says of compiles meanwhile; absent in records of older versions. */
  readonly compiles?: Compiles;
  /** The figures without the seconds of the compiles that were found; absent where none were, or nothing is left. */
  readonly quiet?: QuietFigures;
  /** Failures by kind, all counted. */
  readonly failures: readonly FailureCount[];
  /** The first ten failures. */
  readonly errors: readonly string[];
  /** The truth that answers were compared with. */
  readonly truth: TruthRecord;
  /** The health of the server; null where the load was too short to judge it. */
  readonly health: Health | null;
  readonly timeline: readonly TimelineRow[];
  /** What the scenario showed beside its load; null where it is a load and no more, or was not sent. */
  readonly part: ScenarioPart | null;
}

/** What scenarios show that are more than a load. */
export type ScenarioPart =
  | { readonly scenario: "ramp"; readonly steps: readonly RampStep[] }
  | { readonly scenario: "poison"; readonly requests: readonly PoisonRecord[] }
  | { readonly scenario: "recovery" } & RecoveryRecord
  | { readonly scenario: "mixed" } & ProbeRecord;

/** Where, when and on what a stress run was made: the fields that all records have, and the server. */
export interface StressMetadata extends
  Pick<
    RunMetadata,
    | "timestamp"
    | "hardware"
    | "platform"
    | "commit_hash"
    | "model"
    | "dtype"
    | "tool_version"
    | "deno_version"
    | "target"
    | "target_address"
    | "total_runtime_seconds"
    | "interrupted"
  > {
  /** What the server says of itself; null where it was never reached. */
  readonly "server": ServerRecord | null;
}

/** One execution of stress scenarios. */
export interface StressRun {
  readonly schema: typeof STRESS_SCHEMA;
  readonly kind: "stress";
  readonly metadata: StressMetadata;
  readonly options: StressOptions;
  readonly results: readonly StressResult[];
  /** What the client adds and can do; null when it was not measured. */
  readonly calibration: readonly Calibration[];
  /** Doubts about the whole run, in words. */
  readonly warnings: readonly string[];
}

/** The specification's StressTestResult, field by field. */
export interface StressTestResult {
  readonly "scenario": string;
  /** What is special of this load. */
  readonly "configuration": string;
  readonly "success": boolean;
  /** Requests that came to an end, or could not be sent. */
  readonly "total_requests": number;
  /** Right answers. */
  readonly "successful_requests": number;
  /** All others. */
  readonly "failed_requests": number;
  /** Right answers a second; null where nothing was measured. */
  readonly "throughput_rps": number | null;
  /** Mean latency from the plan; null without a right answer. */
  readonly "latency_mean_ms": number | null;
  readonly "latency_p99_ms": number | null;
  /** The first ten errors. */
  readonly "errors": readonly string[];
  /** Wall time, draining included. */
  readonly "duration_seconds": number;
}

/** Returns the specification's fields of a result. */
export function specifiedResult(result: StressResult): StressTestResult {
  return {
    "scenario": result.scenario,
    "configuration": result.configuration,
    "success": result.verdict === "PASS",
    "total_requests": result.goodRequests + result.failedRequests,
    "successful_requests": result.goodRequests,
    "failed_requests": result.failedRequests,
    "throughput_rps": result.reachedPerSec,
    "latency_mean_ms": result.latency?.meanMs ?? null,
    "latency_p99_ms": result.latency?.p99Ms ?? null,
    "errors": result.errors,
    "duration_seconds": result.durationMs / 1000,
  };
}
