/**
 * The one stored shape, a {@linkcode Run}, and the table of metrics that every rendering is fed from.
 *
 * The journal of a run in progress, a result file, the history and a baseline are all runs.
 *
 * @module
 */
import type { Outcome } from "../outcome.ts";
import { type LatencySummary, summariseLatencies } from "../stats/summary.ts";
import type { Calibration } from "./calibration.ts";
export type { Calibration, LatencySummary };
import type { AS_DATA, DataRecord } from "../score/data.ts";
import type { PrefixCache } from "../score/workload.ts";
import type { Compiles } from "./compiles.ts";
import type { Doubt } from "./doubts.ts";

/** The version of the stored shape that is written; a reader takes the older ones too, and refuses others. */
export const RUN_SCHEMA = 2;

/** What can be measured: a server at a URL, a server that the tool started, or the embedded engine. */
export const TARGET_KINDS = ["url", "launched", "simulated"] as const;

/** One of {@linkcode TARGET_KINDS}. */
export type TargetKind = typeof TARGET_KINDS[number];

/** Every judgement of a cell. */
export const STATUSES = [
  "OK",
  "WARN",
  "REGRESSION",
  "IMPROVED",
  "INCONCLUSIVE",
  "NEW",
  "INVALID",
] as const;

/** The judgement of one cell: one of {@linkcode STATUSES}. */
export type Status = typeof STATUSES[number];

/** What tells one cell from another. */
export interface CellKey {
  /** Items in one request; 0 where each request of a file has its own. */
  readonly batchSize: number;
  readonly numLabels: number;
  /** The model, by the name that the server gives. */
  readonly model: string;
  /** The data type, as the server names it. */
  readonly dtype: string;
  /** The short name of what is sent; absent for the specification's text. */
  readonly data?: string;
  /** Clients that send side by side; absent for one. */
  readonly concurrency?: number;
}

/** The warm-up of a cell. */
export interface WarmUp {
  /** Requests that were sent before the timed ones. */
  readonly requests: number;
  readonly failed: number;
  /** The slowest good one in milliseconds, null when none was good. */
  readonly slowestMs: number | null;
  /** Whether the latencies settled before the limit. */
  readonly settled: boolean;
}

/**
 * The timed requests of a cell, a column each, all of one length.
 * Times are milliseconds since the start of the run.
 */
export interface SampleColumns {
  /** When each was due; in a closed loop that is when it was sent. */
  readonly plannedMs: readonly number[];
  /** When the first byte was written. */
  readonly sentMs: readonly number[];
  /** When the last byte of the answer, or the failure, arrived. */
  readonly doneMs: readonly number[];
  readonly outcome: readonly Outcome[];
  /** Items of each; absent where all have those of the cell. */
  readonly items?: readonly number[];
  /** Of several clients that went on: of each pass the requests, and the time from their first send to the next after them. */
  readonly windows?: readonly { count: number; durationMs: number }[];
}

/** A timed sample that does not look like the others of its cell. */
export interface Suspect {
  readonly index: number;
  readonly kind: "compile" | "stall";
}

/** One kind of failure in a cell. */
export interface FailureCount {
  readonly outcome: Outcome;
  /** How many requests ended so, at least 1. */
  readonly count: number;
  /** What the first one said, without secrets, at most 500 characters; not escaped. */
  readonly example: string;
}

/** The figures of the good samples of a cell; latencies in milliseconds. */
export interface CellSummary extends LatencySummary {
  /** Items in all good samples. */
  readonly totalItems: number;
  /**
   * Items a second: items over the time in which requests were in flight. Of one client that is the sum of the
   * latencies, as the specification defines it.
   */
  readonly throughputItemsPerSec: number;
  /** Requests a second, likewise. */
  readonly throughputRequestsPerSec: number;
}

/** The figures that are known of every cell, also of one of a CSV; latencies in milliseconds. */
export type CellFigures = Pick<
  CellSummary,
  "count" | "throughputItemsPerSec" | "meanMs" | "p50Ms" | "p95Ms" | "p99Ms"
>;

/** One measured cell. */
export interface CellResult {
  readonly key: CellKey;
  /** Which of several interleaved runs this is, from 0. */
  readonly repeat: number;
  readonly numRuns: number;
  /** Warm-up requests that were asked for, a minimum. */
  readonly warmupRuns: number;
  /** The label ids that were sent; empty where each request of a file has its own. */
  readonly labelTokenIds: readonly number[];
  /** What was sent, in words; absent in records of older versions. */
  readonly sent?: string;
  readonly warmUp: WarmUp;
  readonly samples: SampleColumns;
  /** Samples that look like a compile or a stall; indices into {@linkcode samples}. */
  readonly suspects: readonly Suspect[];
  /** What the server's log says of compiles among them; absent in records of older versions. */
  readonly compiles?: Compiles;
  /** The failed samples by kind; empty when all were good. */
  readonly failures: readonly FailureCount[];
  /** Null when no sample was good. */
  readonly summary: CellSummary | null;
  /**
   * The most that the client added to the median latency, measured at the size and number of clients of the cell, in
   * milliseconds; absent in records of older versions, and where it could not be measured.
   */
  readonly clientAddedMs?: number;
  readonly status: Status;
  /** What is doubtful about the measurement, and why it was not compared; the gravest first. */
  readonly doubts: readonly Doubt[];
  /** The change against the baseline; absent where the cell was not compared. */
  readonly verdict?: CellVerdictRecord;
}

/** How one cell changed against the baseline; throughput in percent, below 0 if slower. */
export interface CellVerdictRecord {
  readonly changePercent: number;
  /** Its bounds, held with a confidence of 95 % by all cells together; null where the rule gives none. */
  readonly intervalPercent: readonly [low: number, high: number] | null;
  /** What was compared, as latencies by the statistic of the comparison; absent in records of older versions. */
  readonly levelsMs?: readonly [baseline: number, result: number];
  /** Baseline runs that hold the cell, at least 1. */
  readonly baselineRuns: number;
  /** Further runs that would decide an INCONCLUSIVE cell, if its change stays as it is; null if too many, or decided. */
  readonly moreRuns: number | null;
  readonly reason: string;
}

/** One number of clients that was tried. */
export interface CapacityRung {
  readonly clients: number;
  /** Whether the objectives held, broke, or the client could not send so much. */
  readonly verdict: "held" | "broke" | "client";
  /** Why it did not hold, in words; empty where it did. */
  readonly reason: string;
  /** Items a second of all passes together; null without a right answer. */
  readonly throughputItemsPerSec: number | null;
  /** The 99th percentile of their latencies in milliseconds; null likewise. */
  readonly p99Ms: number | null;
}

/** What was found of one shape: a cell without its clients. */
export interface CapacityRecord {
  /** The shape; its clients are those of no cell. */
  readonly key: CellKey;
  /** The objectives, as they were given. */
  readonly slo: string;
  /** What was tried, in ascending order. */
  readonly rungs: readonly CapacityRung[];
  /** The highest number of clients that holds; null if not even the first does. */
  readonly highest: number | null;
  /** The lowest that does not hold; null if all did. */
  readonly lowestBroken: number | null;
  /** Items a second at the highest: the goodput; null without one. */
  readonly goodputItemsPerSec: number | null;
  /** The fewest clients of which twice as many give less than 10 % more; null where that was not reached. */
  readonly knee:
    | Pick<CapacityRung, "clients"> & {
      readonly throughputItemsPerSec: number;
    }
    | null;
  /** Rungs that were not tried, as a lower one broke. */
  readonly skipped: readonly number[];
}

/** What a comparison with a baseline says of a whole run. */
export interface ComparisonRecord {
  /** The files, and the runs in them, that the run was compared with. */
  readonly baseline: readonly string[];
  /** Median change of throughput of all cells in percent, below 0 if slower; null where the rule gives none. */
  readonly changePercent: number | null;
  /** Its bounds in percent, each held with a confidence of 95 %; null where the rule gives none. */
  readonly intervalPercent: readonly [low: number, high: number] | null;
  /** By what the changes are measured; empty in records of older versions, and where nothing was judged. */
  readonly statistic: string;
  /** The drops of throughput in percent that warn and fail; absent in records of older versions. */
  readonly limitsPercent?: readonly [warn: number, fail: number];
  /** Cells of the baseline that were not measured. */
  readonly missing: readonly CellKey[];
  /** Cells of the baseline, those that were not measured included; 0 in records of older versions. */
  readonly baselineCells: number;
  /** Doubts about the comparison, in words. */
  readonly notes: readonly string[];
  /** Why it came to no verdict that can be relied on, in words; null if it did. */
  readonly failure: string | null;
}

/** What was asked for. Two runs with the same options measure the same cells in the same way. */
export interface RunOptions {
  /** The profile, or "custom" where other cells are measured. */
  readonly profile: string;
  /** Items in a request, each at least 1. */
  readonly batchSizes: readonly number[];
  /** Label ids in a request, each at least 1. */
  readonly numLabels: readonly number[];
  /** Timed requests of each cell, at least 1. */
  readonly numRuns: number;
  /** The least number of warm-up requests; 0 turns warm-up off. */
  readonly warmupRuns: number;
  /** The models that were asked for, by the name that a server is asked to serve. */
  readonly models: readonly string[];
  /** The data types that were asked for, as the server's `--dtype` takes them. */
  readonly dtypes: readonly string[];
  /** The prefix-cache regime; that of a file is in the file, and of files alone no other is told. */
  readonly prefixCache: PrefixCache | typeof AS_DATA;
  readonly applySoftmax: boolean;
  /** The label ids that were given, or null for small ids. */
  readonly labelTokenIds: readonly number[] | null;
  /** What is sent; the cells are measured with each of them. */
  readonly data: readonly DataRecord[];
  /** Clients that send side by side, each of which sends {@linkcode RunOptions.numRuns} timed requests. */
  readonly concurrency: readonly number[];
  /** A cell has at least so many timed requests, whatever its clients; 0 for as many as they send. */
  readonly leastSamples: number;
  /** The objectives by which the highest number of clients is searched, as they were given; null for no search. */
  readonly slo: string | null;
  /** What the server costs an hour in US dollars, by the user's word; null where it was not told. */
  readonly pricePerHour: number | null;
  /** How often the whole profile is measured, one run after another. */
  readonly repeats: number;
  readonly timeoutMs: number;
  /** The deadline of a warm-up request in milliseconds, where that is longer. */
  readonly warmupTimeoutMs: number;
  readonly seed: string;
  readonly target: TargetKind;
  /** The URL or the launch command without secrets; empty for the simulated engine. */
  readonly targetAddress: string;
  /** The address of the server that is compared with, in an A/B run; else null. */
  readonly compareAddress: string | null;
  /** Whether the servers of an A/B run were launched in turn, and not together; false in a run of one server. */
  readonly inTurn: boolean;
}

/**
 * Where, when and on what a run was made.
 *
 * The first eleven fields are the specification's, by its names; `python_version` is null unless
 * the server tells it, since no Python runs here. Unknown values are "unknown" or null.
 */
export interface RunMetadata {
  /** When the run started, ISO 8601 in UTC. */
  readonly "timestamp": string;
  readonly "profile": string;
  /** The accelerator, "simulated" or "unknown". */
  readonly "hardware": string;
  /** The operating system and processor of the client. */
  readonly "platform": string;
  /** The server's; null where it does not tell it. */
  readonly "python_version": string | null;
  /** The commit of the working directory, or "unknown". */
  readonly "commit_hash": string;
  /** The models that were measured, separated by commas. */
  readonly "model": string;
  /** The data types that were measured, separated by commas. */
  readonly "dtype": string;
  /** Devices that one model is spread over, when the server tells. */
  readonly "tp_size": number | null;
  readonly "total_configurations": number;
  /** Wall time of the whole run in seconds. */
  readonly "total_runtime_seconds": number;
  readonly "tool_version": string;
  readonly "deno_version": string;
  readonly "target": TargetKind;
  /** The URL or the launch command, without secrets. */
  readonly "target_address": string;
  /** One entry for each server that was measured: model, dtype and what it says of itself. */
  readonly "servers": readonly ServerRecord[];
  readonly "prefix_cache": RunOptions["prefixCache"];
  readonly "apply_softmax": boolean;
  readonly "seed": string;
  readonly "data": readonly DataRecord[];
  readonly "label_token_ids": Readonly<Record<string, readonly number[]>>;
  /** Warm-up requests of each cell, in the order of the cells. */
  readonly "warmup_counts": readonly number[];
  /** Whether the run was ended before all cells were measured. */
  readonly "interrupted": boolean;
}

/** What a server says of itself, without secrets. */
export interface ServerRecord {
  /** The model, by the name that the server gives. */
  readonly model: string;
  /** The data type, as the server names it. */
  readonly dtype: string;
  /** Devices that the model is spread over, when the server tells. */
  readonly tpSize: number | null;
  /** The version of the server, when it tells. */
  readonly version: string | null;
  /** The accelerator, found as described in the environment module, or "unknown". */
  readonly hardware: string;
  /** The launch arguments and state from `/get_server_info`, redacted; null when it has none. */
  readonly info: Readonly<Record<string, unknown>> | null;
  /** Launch arguments whose value in force its log tells, where that is not the one of the flag. */
  readonly inForce?: Readonly<Record<string, string>>;
  /** The versions of what it runs on, as `jax`, where it or its log tells. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** One execution of a profile. */
export interface Run {
  readonly schema: typeof RUN_SCHEMA;
  readonly kind: "bench";
  readonly metadata: RunMetadata;
  readonly options: RunOptions;
  readonly cells: readonly CellResult[];
  /** What the client adds and can do, for each size and number of clients that was measured. */
  readonly calibration: readonly Calibration[];
  readonly doubts: readonly Doubt[];
  /** The cells of the server that the run was compared with request by request; only in an A/B run. */
  readonly reference?: readonly CellResult[];
  /** What was found of each shape; absent where no objectives were given. */
  readonly capacity?: readonly CapacityRecord[];
  /** What the comparison says; absent where nothing was compared. */
  readonly comparison?: ComparisonRecord;
}

/** Returns the latencies of the good samples in milliseconds, from send to last byte, in order. */
export function goodLatenciesMs(samples: SampleColumns): number[] {
  return samples.outcome.flatMap((outcome, i) =>
    outcome === "ok"
      ? [(samples.doneMs[i] ?? 0) - (samples.sentMs[i] ?? 0)]
      : []
  );
}

/**
 * Computes the figures of a cell over its good samples, as the specification defines them.
 *
 * @param items Items of a request, or their mean.
 * @returns null when there is no good sample, or when all took no time at all.
 */
export function summariseCell(
  latenciesMs: readonly number[],
  items: number,
): CellSummary | null {
  const latency = summariseLatencies(latenciesMs);
  if (latency === null || latency.meanMs === 0) return null;
  return {
    ...latency,
    totalItems: Math.round(items * latency.count),
    throughputItemsPerSec: items * 1000 / latency.meanMs,
    throughputRequestsPerSec: 1000 / latency.meanMs,
  };
}
