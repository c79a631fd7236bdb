/**
 * What is said of a comparison with a baseline, and the comparison as JSON.
 *
 * @module
 */
import type { ComparedCell, RunComparison } from "../baseline/comparison.ts";
import { signed } from "../gate/verdict.ts";
import type {
  CellFigures,
  CellKey,
  CellVerdictRecord,
  ComparisonRecord,
  Status,
} from "../record/run.ts";
import { TEXT_DATA } from "../score/data.ts";
import { quantileMinSamples } from "../stats/summary.ts";
import { counted, listed } from "../wrap.ts";
import { cellNamer } from "../record/cells.ts";

const MISSING = "-";
/** How the source of an A/B run begins. */
const AB_SOURCE = "A, ";
/** More cells that were not measured are counted, not listed. */
const MAX_LISTED = 20;

/** Returns a status as it is shown to people: REGRESSION as FAIL, as the specification has it. */
export function shownStatus(status: Status): string {
  return status === "REGRESSION" ? "FAIL" : status;
}

/** Returns a change with its interval, as `-3.2 % [-6.1, -0.2]`. */
export function shownChange(
  verdict: Pick<CellVerdictRecord, "changePercent" | "intervalPercent"> | null,
): string {
  if (verdict === null) return MISSING;
  const bounds = verdict.intervalPercent?.map((bound) =>
    signed(bound).replace(" %", "")
  );
  const change = signed(verdict.changePercent);
  return bounds === undefined ? change : `${change} [${bounds.join(", ")}]`;
}

/** Returns the lines under a table of compared cells: what was compared, and every doubt. */
export function comparisonNotes(comparison: ComparisonRecord): string[] {
  const {
    baseline,
    intervalPercent,
    missing,
    notes,
    statistic,
  } = comparison;
  const isAb = baseline.every((source) => source.startsWith(AB_SOURCE));
  return [
    isAb
      ? `Compared with ${baseline.join(", ")}`
      : `Baseline: ${counted(baseline.length, "run")} of ${
        [...new Set(baseline.map(fileOf))].join(", ")
      }`,
    ...(statistic === "" ? [] : [
      `Old, new and change: of throughput, by the ${statistic}${
        intervalPercent === null
          ? ""
          : "; the bounds hold with 95 % for all cells together"
      }`,
    ]),
    ...(missing.length === 0 ? [] : [
      `In the baseline, not measured: ${counted(missing.length, "cell")}: ${
        listed(missing.map(cellNamer(missing)), MAX_LISTED)
      }`,
    ]),
    ...notes,
  ];
}

/**
 * Says what a comparison leaves open: cells that were not judged, and cells of the baseline that were not measured;
 * nothing for nothing.
 */
export function openQuestions(
  cells: readonly { readonly status: Status }[],
  { missing, baselineCells }: Pick<
    ComparisonRecord,
    "missing" | "baselineCells"
  >,
): string[] {
  const open = cells.filter(({ status }) => status === "INCONCLUSIVE").length;
  return [
    ...(open === 0 ? [] : [`${counted(open, "cell")} not judged`]),
    ...(missing.length === 0 ? [] : [
      `${
        baselineCells - missing.length
      } of the baseline's ${baselineCells} cells measured`,
    ]),
  ];
}

/** Writes the verdicts as JSON: the comparison as a whole, and under `results` an object for each cell. */
export function comparisonToJson(
  { cells, mismatches, record, exitCode }: RunComparison,
): string {
  return `${
    JSON.stringify(
      {
        "exit_code": exitCode,
        "failure": record.failure,
        "baseline": record.baseline,
        "change_percent": record.changePercent,
        "interval_percent": record.intervalPercent,
        "statistic": record.statistic,
        "mismatches": mismatches,
        "notes": record.notes,
        "missing": record.missing.map(keyFields),
        "results": cells.map((cell) => cellFields(cell, record.failure)),
      },
      null,
      2,
    )
  }\n`;
}

function cellFields(
  cell: ComparedCell,
  failure: string | null,
): Record<string, unknown> {
  const { key, status, reason, verdict, baseline, result } = cell;
  const percentile = (from: CellFigures | null, field: "p95Ms" | "p99Ms") =>
    from === null || isTooSmall(from, field === "p95Ms" ? 0.95 : 0.99)
      ? null
      : from[field];
  return {
    ...keyFields(key),
    "status": status,
    "reason": verdict?.reason ?? (reason || failure),
    "change_percent": verdict?.changePercent ?? null,
    "change_low_percent": verdict?.intervalPercent?.[0] ?? null,
    "change_high_percent": verdict?.intervalPercent?.[1] ?? null,
    "baseline_runs": verdict?.baselineRuns ?? 0,
    "more_runs": verdict?.moreRuns ?? null,
    "samples": result?.count ?? null,
    "baseline_p50_ms": baseline?.p50Ms ?? null,
    "latency_p50_ms": result?.p50Ms ?? null,
    "baseline_mean_ms": baseline?.meanMs ?? null,
    "latency_mean_ms": result?.meanMs ?? null,
    "baseline_p95_ms": percentile(baseline, "p95Ms"),
    "latency_p95_ms": percentile(result, "p95Ms"),
    "baseline_p99_ms": percentile(baseline, "p99Ms"),
    "latency_p99_ms": percentile(result, "p99Ms"),
  };
}

function keyFields(key: CellKey): Record<string, unknown> {
  return {
    "batch_size": key.batchSize,
    "num_labels": key.numLabels,
    "data": key.data ?? TEXT_DATA,
    "concurrency": key.concurrency ?? 1,
    "model": key.model,
    "dtype": key.dtype,
  };
}

/** Leaves out which of the runs in a file it is. */
function fileOf(source: string): string {
  return source.replace(/, run \d+$/, "");
}

function isTooSmall({ count }: CellFigures, q: number): boolean {
  return count < quantileMinSamples(q);
}
