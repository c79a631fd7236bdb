/**
 * Compares a result with a baseline: like with like only, every cell accounted for, and an exit code in the end.
 *
 * @module
 */
import {
  type GateCell,
  type GateVerdict,
  judge,
  judgeThreshold,
} from "../gate/judge.ts";
import type {
  CellFigures,
  CellKey,
  CellVerdictRecord,
  ComparisonRecord,
  Run,
  Status,
} from "../record/run.ts";
import { joinDoubts } from "../record/doubts.ts";
import { levelsOf } from "../gate/spread.ts";
import { limitsOf } from "../gate/verdict.ts";
import { describeHumps } from "../stats/humps.ts";
import { mean, median, sum } from "../stats/summary.ts";
import {
  type CellMatcher,
  conditionMismatches,
  createMatcher,
  describeAllowed,
  describeRefusal,
  findAmbiguity,
  findMissing,
  likenessNotes,
  nameMismatches,
  NO_CELL_KNOWN,
  type RunMismatch,
} from "./comparability.ts";
import type { MismatchName } from "./conditions.ts";
import type { Baseline } from "./merge.ts";
import { runsOfRecord, type StoredRun, type StoredValue } from "./runs.ts";
import { cellId, groupCells } from "../record/cells.ts";
import { counted } from "../wrap.ts";

/** The rules that can judge. */
export const GATES = ["statistical", "threshold"] as const;

/** How a result is compared. */
export interface CompareOptions {
  /** The rule. @default {"statistical"} */
  readonly gate?: typeof GATES[number];
  /** Smallest drop of throughput that is a regression, in percent. @default {10} */
  readonly failPercent?: number;
  /** Smallest drop of throughput that is a warning, in percent. @default {5} */
  readonly warnPercent?: number;
  /** Differences that are let through. @default {[]} */
  readonly allowMismatch?: readonly MismatchName[];
  /** So many INVALID cells are put up with. @default {0} */
  readonly maxInvalid?: number;
}

/** One cell of the result. */
export interface ComparedCell {
  readonly key: CellKey;
  readonly status: Status;
  /** Why it was not compared; empty if it was, or if nothing was. */
  readonly reason: string;
  /** The change; null if it was not compared. */
  readonly verdict: CellVerdictRecord | null;
  /** What the baseline has; null if it lacks the cell. */
  readonly baseline: CellFigures | null;
  /** What the result has; null if no run of it holds a fit cell. */
  readonly result: CellFigures | null;
  /** Where the latencies of the result have two humps, in words; empty where they have one, or no samples are known. */
  readonly humps: string;
}

/** What a comparison came to. */
export interface RunComparison {
  /** Every cell of the result once, in the order of the result. */
  readonly cells: readonly ComparedCell[];
  /** Differences for which the comparison was refused; empty if it took place. */
  readonly mismatches: readonly RunMismatch[];
  readonly record: ComparisonRecord;
  /** 1 on any REGRESSION, else 3 if there is a failure, else 0. */
  readonly exitCode: 0 | 1 | 3;
}

/** A cell of the result before it is judged. */
interface Candidate {
  readonly key: CellKey;
  readonly gateCell: GateCell;
  readonly unfit: string | null;
  readonly baseline: readonly StoredValue[];
  readonly result: readonly StoredValue[];
}

/**
 * Compares the runs of one result with a baseline.
 *
 * @param result At least one run, all measured in the same way.
 * @throws {RangeError} If a limit of the rule is out of its range.
 */
export function compareRuns(
  result: readonly StoredRun[],
  baseline: Baseline,
  options: CompareOptions = {},
): RunComparison {
  const allowed = options.allowMismatch ?? [];
  const matchText = createMatcher(allowed);
  const candidates = findCandidates(result, baseline.runs, matchText);
  const differences = [
    ...conditionMismatches(result, baseline.runs),
    ...nameMismatches(result, baseline.runs),
  ];
  const mismatches = differences.filter(({ name }) => !allowed.includes(name));
  const problem = mismatches.length > 0
    ? describeRefusal(mismatches)
    : findAmbiguity([...result, ...baseline.runs], matchText);
  const verdict = problem === null
    ? judgeCandidates(candidates, options)
    : null;
  const levels = options.gate === "threshold" ? meanLevels : judgedLevels;
  const cells = candidates.map((candidate) =>
    toCell(candidate, verdict, levels)
  );
  const isRegression = cells.some(({ status }) => status === "REGRESSION");
  const failure = problem ?? findFailure(cells, options.maxInvalid ?? 0) ??
    describeLacking(result) ?? verdict?.undecided ?? null;
  const runWide = verdict?.runWide ?? null;
  const missing = findMissing(result, baseline.runs, matchText);
  return {
    cells,
    mismatches,
    record: {
      baseline: baseline.runs.map(({ source }) => source),
      changePercent: runWide?.changePercent ?? null,
      intervalPercent: runWide?.intervalPercent ?? null,
      statistic: verdict?.statistic ?? "",
      limitsPercent: limitsOf(options),
      missing,
      baselineCells: missing.length +
        candidates.filter((candidate) => candidate.baseline.length > 0).length,
      notes: [
        ...baseline.notes,
        ...differences.filter(({ name }) => allowed.includes(name))
          .map(describeAllowed),
        ...likenessNotes(result, baseline.runs),
        ...(verdict?.notes ?? []).map(({ message, baselineRun }) => {
          const source = baseline.runs[baselineRun ?? -1]?.source;
          return source === undefined ? message : `${message} (${source})`;
        }),
      ],
      failure,
    },
    exitCode: isRegression ? 1 : failure === null ? 0 : 3,
  };
}

/** Compares a run record with a baseline, as {@linkcode compareRuns} does. */
export function compareRun(
  run: Run,
  baseline: Baseline,
  options: CompareOptions = {},
): RunComparison {
  return compareRuns(runsOfRecord(run, "the result"), baseline, options);
}

/** Returns a run with the statuses, the changes and the notes of its comparison. */
export function applyComparison(run: Run, comparison: RunComparison): Run {
  const compared = new Map(
    comparison.cells.map((cell) => [cellId(cell.key), cell]),
  );
  return {
    ...run,
    cells: run.cells.map((cell) => {
      const { status, reason, verdict } = compared.get(cellId(cell.key)) ??
        { ...cell, reason: "" };
      const isKnown = reason === "" || joinDoubts(cell.doubts).includes(reason);
      return {
        ...cell,
        status,
        doubts: isKnown
          ? cell.doubts
          : [{ kind: "not-compared", text: reason }, ...cell.doubts],
        ...(verdict ? { verdict } : {}),
      };
    }),
    comparison: comparison.record,
  };
}

function findCandidates(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
  matchText: CellMatcher,
): Candidate[] {
  const baselineCells = baseline.map(({ cells }) =>
    new Map(cells.map((cell) => [matchText(cell.key), cell]))
  );
  return groupCells(result.flatMap(({ cells }) => cells)).map((same) => {
    const { key } = same[0];
    const values = baselineCells.map((cells) => {
      return cells.get(matchText(key))?.value ?? null;
    });
    const results = same.flatMap(({ value }) => value ?? []);
    return {
      key,
      gateCell: { key: cellId(key), baseline: values, result: results },
      unfit: same.find(({ unfit }) => unfit !== null)?.unfit ?? null,
      baseline: values.filter((value) => value !== null),
      result: results,
    };
  });
}

function judgeCandidates(
  candidates: readonly Candidate[],
  options: CompareOptions,
): GateVerdict {
  const cells = candidates.filter(({ unfit }) => unfit === null)
    .map(({ gateCell }) => gateCell);
  return options.gate === "threshold"
    ? judgeThreshold(cells, options)
    : judge(cells, options);
}

function toCell(
  candidate: Candidate,
  verdict: GateVerdict | null,
  levels: typeof judgedLevels,
): ComparedCell {
  const { key, gateCell, unfit, baseline, result } = candidate;
  const shared = {
    key,
    baseline: latenciesOf(baseline),
    result: latenciesOf(result),
    humps: describeHumps(
      result.flatMap(({ latenciesMs }) => latenciesMs ?? []),
    ),
  };
  if (unfit !== null) {
    return { ...shared, status: "INVALID", reason: unfit, verdict: null };
  }
  const judged = verdict?.cells.find((cell) => cell.key === gateCell.key);
  if (judged === undefined) {
    return { ...shared, status: "INCONCLUSIVE", reason: "", verdict: null };
  }
  const { status, reason, changePercent, intervalPercent, moreRuns } = judged;
  return changePercent === null
    ? { ...shared, status, reason, verdict: null }
    : {
      ...shared,
      status,
      reason: "",
      verdict: {
        changePercent,
        intervalPercent,
        levelsMs: levels(candidate),
        baselineRuns: baseline.length,
        moreRuns,
        reason,
      },
    };
}

/** What the statistical gate compares: of the baseline the middle of its runs. */
function judgedLevels(
  { baseline, result }: Candidate,
): readonly [number, number] {
  const levelOf = levelsOf([...baseline, ...result]);
  const logs = (values: readonly StoredValue[]) =>
    values.map((value) => levelOf(value).log);
  return [Math.exp(median(logs(baseline))), Math.exp(mean(logs(result)))];
}

/** What the threshold gate compares: the newest row of the baseline. */
function meanLevels(
  { baseline, result }: Candidate,
): readonly [number, number] {
  return [baseline.at(-1)?.meanMs ?? NaN, mean(result.map((r) => r.meanMs))];
}

/** Of several runs the geometric means, and the samples of the smallest run, on which the percentiles rest. */
function latenciesOf(values: readonly StoredValue[]): CellFigures | null {
  if (values.length === 0) return null;
  const average = (of: (value: StoredValue) => number) =>
    Math.exp(mean(values.map((value) => Math.log(of(value)))));
  return {
    count: Math.min(...values.map(({ count }) => count)),
    throughputItemsPerSec: average((value) => value.throughputItemsPerSec),
    p50Ms: average(({ p50Ms }) => p50Ms),
    p95Ms: average(({ p95Ms }) => p95Ms),
    p99Ms: average(({ p99Ms }) => p99Ms),
    meanMs: average(({ meanMs }) => meanMs),
  };
}

/** Says that a result is not whole, as far as its record tells what was planned, or null. */
function describeLacking(result: readonly StoredRun[]): string | null {
  const lacking = sum(result.map((run) => run.lackingCells));
  const planned = lacking + sum(result.map(({ cells }) => cells.length));
  return lacking === 0
    ? null
    : `${lacking} of ${planned} planned cells have no result: go on with --resume, or measure again`;
}

/** Says why the comparison came to no verdict that can be relied on, or null. */
function findFailure(
  cells: readonly ComparedCell[],
  maxInvalid: number,
): string | null {
  const count = (wanted: Status) =>
    cells.filter(({ status }) => status === wanted).length;
  const [invalid, fresh] = [count("INVALID"), count("NEW")];
  if (cells.length > 0 && fresh === cells.length) {
    return NO_CELL_KNOWN;
  }
  if (invalid + fresh === cells.length) {
    return `no cell could be compared: ${invalid} INVALID, ${fresh} NEW`;
  }
  return invalid > maxInvalid
    ? `${invalid} of ${
      counted(cells.length, "cell")
    } INVALID, more than the ${maxInvalid} of --max-invalid`
    : null;
}
