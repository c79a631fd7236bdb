/**
 * What a run of the benchmark is, what it needs from the world, and how it ends.
 *
 * @module
 */
import type { Samples } from "../load/samples.ts";
import { OUTCOMES } from "../outcome.ts";
import { median } from "../stats/summary.ts";
import { describeCell, plannedKeys, shapesOf } from "../record/cells.ts";
import type { LoadGenerator } from "../load/generator.ts";
import type { Ruler } from "../load/ruler.ts";
import type {
  Calibration,
  CellKey,
  CellResult,
  Run,
  ServerRecord,
  Status,
} from "../record/run.ts";
import { type Target, UNKNOWN, type Wanted } from "../server/open.ts";
import type { DataFile } from "../score/data_file.ts";
import type { RunFacts } from "./record.ts";

/** What is run. */
export interface BenchPlan extends RunFacts {
  /** The models and data types to open a target for, in order; one for a URL. */
  readonly targets: readonly Wanted[];
  /** Whether the first and the last cell are measured again at the end: where the run will be compared. */
  readonly checksDrift: boolean;
  /** Says why a server need not be measured, as its cells could not be compared or kept; null if they can. */
  readonly findServerProblem: (server: ServerRecord) => string | null;
  /** The files of requests, by the short names under which the options have them. */
  readonly files: ReadonlyMap<string, DataFile>;
  /** Names the cells of a run that look like a regression, which are then measured again; null for none. */
  readonly findSlowCells: ((run: Run) => readonly CellKey[]) | null;
}

/** What a run needs from the world. */
export interface BenchWorld {
  readonly openTarget: (wanted: Wanted) => Promise<Target>;
  /** Opens the target to compare with, request by request; null for none. */
  readonly openCompared: ((wanted: Wanted) => Promise<Target>) | null;
  readonly load: LoadGenerator;
  /** Measures what the client adds to a load and can do; null when it cannot. */
  readonly calibrate: Ruler["measure"];
  /** Keeps the run so far; called after each cell. */
  readonly save: (run: Run) => Promise<void>;
  readonly listener: BenchListener;
  /** The clock of the samples, in milliseconds. */
  readonly now: () => number;
  /** Ends the run; what was measured is returned. */
  readonly signal: AbortSignal;
}

/** Hears of a run as it goes. */
export interface BenchListener {
  /** Cells of these batch sizes will be measured next; `why` is said where they are measured again, else null. */
  readonly planned: (batchSizes: readonly number[], why: string | null) => void;
  /** What the client adds was measured for another size or number of clients. */
  readonly calibrated: (calibration: Calibration) => void;
  /** A cell is being measured: the requests that ended so far, and the median of the last ones, null before the first. */
  readonly measuring: (
    cell: CellName,
    requests: number,
    p50Ms: number | null,
  ) => void;
  /** A cell is done. */
  readonly measured: (cell: CellName, result: CellResult) => void;
  /** Something the user should know, kept with the run. */
  readonly warning: (text: string) => void;
}

/** A cell as a listener hears of it. */
export interface CellName {
  /** For example `batch 4, 2 labels`. */
  readonly label: string;
  /** Its number, from 1; cells that are measured again count on. */
  readonly number: number;
  /** How many cells the run has. */
  readonly total: number;
  readonly key: CellKey;
}

/** How a run ended. */
export interface BenchEnd {
  readonly run: Run;
  /** Why nothing more could be measured, in words; null when all cells were. */
  readonly fatal: string | null;
}

/** The exit code of a run without a baseline: 1 on a regression of an A/B run, 3 where too much is INVALID. */
export function exitCodeOf(run: Run, maxInvalid: number): 0 | 1 | 3 {
  const count = (status: Status) =>
    run.cells.filter((cell) => cell.status === status).length;
  if (count("REGRESSION") > 0) return 1;
  const failure = run.comparison?.failure ?? null;
  return failure !== null || count("INVALID") > maxInvalid ? 3 : 0;
}

/** Says which names that were asked for a server does not serve; null for none. */
export function describeLack(
  server: Pick<ServerRecord, "model" | "dtype">,
  wanted: Wanted,
): string | null {
  const missing = (["model", "dtype"] as const)
    .filter((name) => ![UNKNOWN, server[name]].includes(wanted[name]))
    .map((name) => wanted[name]);
  return missing.length === 0
    ? null
    : `The server serves ${server.model} (${server.dtype}), and only that is measured: not ${
      missing.join(", ")
    }`;
}

/** Returns the batch sizes of the cells that are left to measure, each as often as it is. */
export function batchesLeft(
  { options, targets }: Pick<BenchPlan, "options" | "targets">,
  kept: readonly Pick<CellResult, "key">[],
): number[] {
  const planned = plannedKeys(options, { model: "", dtype: "" })
    .map(({ batchSize }) => batchSize);
  return [...new Set(planned)].flatMap((batchSize) => {
    const of = (sizes: readonly number[]) =>
      sizes.filter((size) => size === batchSize).length;
    const sides = options.inTurn ? 2 : 1;
    const left = of(planned) * targets.length * options.repeats * sides -
      of(kept.map(({ key }) => key.batchSize));
    return Array<number>(Math.max(0, left)).fill(batchSize);
  });
}

/** Returns the median latency of the good ones of some samples in milliseconds; null without any. */
export function p50Of({ sentMs, doneMs, outcome }: Samples): number | null {
  const latenciesMs = Array.from(outcome).flatMap((code, i) =>
    OUTCOMES[code] === "ok" ? [(doneMs[i] ?? 0) - (sentMs[i] ?? 0)] : []
  );
  return latenciesMs.length === 0 ? null : median(latenciesMs);
}

/** Names a cell for who watches the run: with model, data type and repeat only where there are several. */
export function labelOf(
  { options, targets }: Pick<BenchPlan, "options" | "targets">,
  key: CellKey,
  repeat: number,
): string {
  return [
    describeCell(key),
    ...(targets.length > 1 ? [key.model, key.dtype] : []),
    ...(options.repeats > 1 ? [`repeat ${repeat + 1}`] : []),
  ].join(", ");
}

/** Returns how many cells a run measures, each repeat counted; with objectives at most. */
export function expectedCells(
  { options, targets }: Pick<BenchPlan, "options" | "targets">,
): number {
  const keys = plannedKeys(options, { model: "", dtype: "" });
  return keys.length * targets.length * options.repeats;
}

/**
 * Tells whether what was asked for is not whole; beyond a broken objective nothing was asked for.
 *
 * @param measured Cells that were measured, each repeat counted.
 * @param found Shapes of which the capacity is known.
 */
export function isLacking(
  plan: Pick<BenchPlan, "options" | "targets">,
  measured: number,
  found: number,
): boolean {
  const { options, targets } = plan;
  if (options.slo === null) return measured < expectedCells(plan);
  const keys = plannedKeys(options, { model: "", dtype: "" });
  return found < shapesOf(keys).length * targets.length;
}
