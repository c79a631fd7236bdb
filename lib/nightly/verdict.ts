/**
 * What a night came to: which alarms it raises, and which it clears.
 *
 * @module
 */
import { joinDoubts } from "../record/doubts.ts";
import type { CellKey, CellResult, Run } from "../record/run.ts";
import { markKey } from "./mark.ts";

/** How one script of the night ended. */
export interface StepRecord {
  readonly exitCode: number;
  /** The last lines that it wrote to stderr; not escaped. */
  readonly lastWords: string;
  /** Whether there was no baseline, so that it measured one. */
  readonly isFirst: boolean;
}

/** What is known of a night. */
export interface NightFacts {
  /** How bench.ts ended; null if that is not known. */
  readonly bench: StepRecord | null;
  /** How stress.ts ended; null if it did not run. */
  readonly stress: StepRecord | null;
  /** The run record, or why there is none. */
  readonly run: Run | string;
  /** How the job that measured ended, as GitHub names it: `success`, `failure`, `cancelled` or `skipped`. */
  readonly jobResult: string;
  /** What tells this nightly workflow from others of the repository: the baseline's name. */
  readonly lane: string;
}

/** What an alarm is about. */
export type AlarmKind = "regression" | "unmeasured" | "broken" | "stress";

/** Something that a maintainer has to know. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** The same for the same trouble in another night. */
  readonly key: string;
  /** The cell of a regression; null for other kinds. */
  readonly cell: CellResult | null;
  /** Why, in words; not escaped. */
  readonly reason: string;
}

/** What a night came to. */
export interface Night {
  /** The trouble of this night; empty if all is well. */
  readonly alarms: readonly Alarm[];
  /** The keys of trouble that this night shows to be over. */
  readonly cleared: readonly string[];
  /** The keys of cells of the baseline that this night did not measure. */
  readonly absent: readonly string[];
}

/** Judges a night. An exit code that its record does not bear out is a fault of the workflow, never a pass. */
export function judgeNight(facts: NightFacts): Night {
  const { bench, stress, run, lane } = facts;
  const keyOf = (kind: AlarmKind) => markKey([kind, lane]);
  const alarm = (kind: AlarmKind, reason: string): Alarm => ({
    kind,
    key: keyOf(kind),
    cell: null,
    reason,
  });
  const alarms: Alarm[] = [];
  const cleared: string[] = [];
  const fault = findFault(facts);
  if (fault !== null) alarms.push(alarm("broken", fault));
  else cleared.push(keyOf("broken"));
  if (bench !== null && findBenchFault(bench, run) === null) {
    if (bench.exitCode === 3) {
      alarms.push(alarm("unmeasured", unmeasuredReason(bench, run)));
    } else if (typeof run !== "string") {
      alarms.push(...regressionsOf(run).map((cell) => regression(cell, run)));
      if ((run.comparison?.failure ?? null) === null) {
        cleared.push(keyOf("unmeasured"), ...recoveredKeys(run));
      }
    }
  }
  if (stress?.exitCode === 0) cleared.push(keyOf("stress"));
  else if (stress !== null) {
    alarms.push(
      alarm(
        "stress",
        `stress.ts ended with exit code ${stress.exitCode}: ${stress.lastWords}`,
      ),
    );
  }
  return { alarms, cleared, absent: absentKeys(run) };
}

/** Returns what is wrong with the workflow itself, or null. */
function findFault({ bench, stress, run, jobResult }: NightFacts) {
  if (bench === null) {
    return `bench.ts left no word of how it ended: a step before it failed, or the job was cut off, or its files were lost (the job's result: ${jobResult})`;
  }
  const fault = findBenchFault(bench, run);
  if (fault !== null) return fault;
  const isExplained = bench.exitCode !== 0 ||
    (stress !== null && stress.exitCode !== 0);
  return jobResult === "success" || isExplained
    ? null
    : `a step beside bench.ts and stress.ts failed, or the job was cut off (its result: ${jobResult})`;
}

function findBenchFault(
  { exitCode, isFirst, lastWords }: StepRecord,
  run: Run | string,
): string | null {
  if (exitCode === 3) return null;
  if (exitCode !== 0 && exitCode !== 1) {
    return `bench.ts ended with exit code ${exitCode}: ${lastWords}`;
  }
  if (typeof run === "string") {
    return `bench.ts ended with exit code ${exitCode}, but ${run}`;
  }
  if (run.comparison === undefined && !isFirst) {
    return `bench.ts ended with exit code ${exitCode}, but its record holds no comparison with the baseline`;
  }
  const { length } = regressionsOf(run);
  return (exitCode === 1) === (length > 0)
    ? null
    : `bench.ts ended with exit code ${exitCode}, but its record holds ${length} regressions`;
}

function unmeasuredReason(bench: StepRecord, run: Run | string): string {
  const failure = typeof run === "string" ? null : run.comparison?.failure;
  return [failure ?? "", bench.lastWords].filter((text) => text !== "").join(
    "\n",
  );
}

function regression(cell: CellResult, run: Run): Alarm {
  return {
    kind: "regression",
    key: cellKey(cell.key, run),
    cell,
    reason: cell.verdict?.reason ?? joinDoubts(cell.doubts),
  };
}

function regressionsOf(run: Run): CellResult[] {
  return distinctCells(run).filter(({ status }) => status === "REGRESSION");
}

/** A WARN or an INCONCLUSIVE cell is no recovery. */
function recoveredKeys(run: Run): string[] {
  return distinctCells(run)
    .filter(({ status, verdict }) =>
      verdict !== undefined && (status === "OK" || status === "IMPROVED")
    )
    .map(({ key }) => cellKey(key, run));
}

function absentKeys(run: Run | string): string[] {
  return typeof run === "string"
    ? []
    : (run.comparison?.missing ?? []).map((key) => cellKey(key, run));
}

/** Each cell once: the passes of a cell share their verdict. */
function distinctCells(run: Run): CellResult[] {
  const cells = run.cells.map((cell) =>
    [cellKey(cell.key, run), cell] as const
  );
  return [...new Map(cells).values()];
}

function cellKey(key: CellKey, { metadata }: Run): string {
  const { batchSize, numLabels, model, dtype, data, concurrency } = key;
  return markKey([
    "regression",
    metadata.hardware,
    model,
    dtype,
    batchSize,
    numLabels,
    ...(data === undefined ? [] : [data]),
    ...(concurrency === undefined ? [] : [concurrency]),
  ]);
}
