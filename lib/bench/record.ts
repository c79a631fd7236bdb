/**
 * Makes the record of a run out of what was measured so far.
 *
 * @module
 */
import {
  type Run,
  RUN_SCHEMA,
  type RunOptions,
  type ServerRecord,
} from "../record/run.ts";
import type { Environment } from "../server/environment.ts";

/** What is known of a run before anything is measured. */
export interface RunFacts {
  readonly options: RunOptions;
  /** Cells of an earlier part of this run, which are not measured again. */
  readonly resumed: Run | null;
  /** When the run started, ISO 8601 in UTC. */
  readonly timestamp: string;
  readonly environment: Environment;
  readonly toolVersion: string;
}

/** What was measured so far. */
export interface BenchState extends
  Required<
    Pick<Run, "cells" | "reference" | "calibration" | "doubts" | "capacity">
  > {
  readonly servers: readonly ServerRecord[];
  /** How long it took so far, without earlier parts, in milliseconds. */
  readonly elapsedMs: number;
  /** Whether something that was asked for is missing. */
  readonly isInterrupted: boolean;
}

/** Returns the record of a run that is in progress or done. */
export function recordRun(facts: RunFacts, state: BenchState): Run {
  const { options, resumed } = facts;
  const { cells, servers } = state;
  const distinct = (values: readonly string[]) => [...new Set(values)].join();
  return {
    schema: RUN_SCHEMA,
    kind: "bench",
    metadata: {
      "timestamp": resumed?.metadata.timestamp ?? facts.timestamp,
      "profile": options.profile,
      "hardware": distinct(servers.map((server) => server.hardware)) ||
        "unknown",
      "platform": facts.environment.platform,
      "python_version":
        servers.flatMap(({ versions }) => versions?.["python"] ?? [])[0] ??
          null,
      "commit_hash": facts.environment.commit,
      "model": distinct(servers.map((server) => server.model)),
      "dtype": distinct(servers.map((server) => server.dtype)),
      "tp_size": servers[0]?.tpSize ?? null,
      "total_configurations": new Set(
        cells.map((cell) => JSON.stringify(cell.key)),
      ).size,
      "total_runtime_seconds":
        (resumed?.metadata["total_runtime_seconds"] ?? 0) +
        state.elapsedMs / 1000,
      "tool_version": facts.toolVersion,
      "deno_version": facts.environment.denoVersion,
      "target": options.target,
      "target_address": options.targetAddress,
      "servers": servers,
      "prefix_cache": options.prefixCache,
      "apply_softmax": options.applySoftmax,
      "seed": options.seed,
      "data": options.data,
      "label_token_ids": Object.fromEntries(
        cells.flatMap(({ key, labelTokenIds }) =>
          labelTokenIds.length === 0 ? [] : [[key.numLabels, labelTokenIds]]
        ),
      ),
      "warmup_counts": cells.map((cell) => cell.warmUp.requests),
      "interrupted": state.isInterrupted,
    },
    options,
    cells: [...cells],
    calibration: [...state.calibration],
    doubts: [...state.doubts],
    ...(options.slo === null ? {} : { capacity: [...state.capacity] }),
    ...(options.compareAddress === null ? {} : { reference: state.reference }),
  };
}
