/**
 * Renders a comparison with a baseline: parts of the table of a run, and a table and JSON of its own.
 *
 * @module
 */
import type {
  ComparedCell,
  Latencies,
  RunComparison,
} from "../baseline/comparison.ts";
import { signed } from "../gate/verdict.ts";
import {
  type CellKey,
  type CellVerdictRecord,
  type ComparisonRecord,
  type Status,
  STATUSES,
} from "../record/run.ts";
import { quantileMinSamples } from "../stats/summary.ts";
import { renderTable, type TableColumn } from "./table.ts";
import { cellNamer, isSimulated } from "../record/cells.ts";
import { counted } from "../wrap.ts";

/** What a line on a cell needs. */
export interface JudgedCell {
  /** Which cell this is. */
  readonly key: CellKey;
  /** The judgement. */
  readonly status: Status;
  /** The change; absent or null where it was not compared. */
  readonly verdict?: CellVerdictRecord | null;
  /** Items a second; null where there is no good sample. */
  readonly throughputItemsPerSec: number | null;
}

const MISSING = "-";
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
    changePercent,
    intervalPercent,
    missing,
    notes,
    statistic,
  } = comparison;
  const listed = missing.slice(0, MAX_LISTED).map(cellNamer(missing)).join(
    "; ",
  );
  return [
    `Baseline: ${counted(baseline.length, "run")} of ${
      [...new Set(baseline.map(fileOf))].join(", ")
    }`,
    ...(changePercent === null ? [] : [
      `Median of the compared cells: throughput ${
        shownChange({ changePercent, intervalPercent })
      }`,
    ]),
    ...(statistic === "" ? [] : [
      `Change: of throughput, by the ${statistic}${
        intervalPercent === null
          ? ""
          : "; the bounds hold with 95 % for all cells together"
      }`,
    ]),
    ...(missing.length === 0 ? [] : [
      `In the baseline, not measured: ${
        counted(missing.length, "cell")
      }: ${listed}${missing.length > MAX_LISTED ? "; ..." : ""}`,
    ]),
    ...notes,
  ];
}

/** Returns why cells have their statuses, one line each, none for a plain OK. */
export function verdictNotes(cells: readonly JudgedCell[]): string[] {
  const nameOf = cellNamer(cells.map(({ key }) => key));
  return cells.flatMap(({ key, status, verdict }) =>
    status === "OK" || !verdict ? [] : [`${nameOf(key)}: ${verdict.reason}`]
  );
}

/**
 * Says what a comparison leaves open: cells that were not judged, and cells of the baseline that were not measured;
 * nothing for nothing.
 */
export function openQuestions(
  cells: readonly Pick<JudgedCell, "status" | "verdict">[],
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

/** Returns the last lines: that all passed only where every cell was compared and is as good as before. */
export function closingLines(
  cells: readonly JudgedCell[],
  comparison: Pick<ComparisonRecord, "failure" | "missing" | "baselineCells">,
): string[] {
  const { failure } = comparison;
  const having = (status: Status) =>
    cells.filter((cell) => cell.status === status);
  const passed = [...having("OK"), ...having("IMPROVED")].length;
  const open = openQuestions(cells, comparison);
  if (failure === null && passed === cells.length) {
    return [
      open.length === 0
        ? `All ${passed} configurations passed`
        : `${counted(passed, "configuration")} passed: ${open.join(", ")}`,
    ];
  }
  const nameOf = cellNamer(cells.map(({ key }) => key));
  const regressions = having("REGRESSION");
  const warnings = having("WARN").length;
  const compared = cells.filter(({ verdict }) => verdict).length;
  const counts = STATUSES.flatMap((status) => {
    const count = having(status).length;
    return count === 0 ? [] : [`${count} ${shownStatus(status)}`];
  });
  return [
    [
      `${compared} of ${counted(cells.length, "configuration")} compared: ${
        counts.join(", ")
      }`,
      ...open,
    ].join("; "),
    ...(regressions.length > 0
      ? [
        `FOUND ${regressions.length} PERFORMANCE REGRESSIONS`,
        ...regressions.map(({ key, throughputItemsPerSec, verdict }) =>
          `  - ${nameOf(key)}: ${
            throughputItemsPerSec?.toFixed(1) ?? MISSING
          } IPS (${shownChange(verdict ?? null)})`
        ),
      ]
      : warnings > 0
      ? [`Found ${warnings} warnings (minor degradation)`]
      : []),
    ...(failure === null ? [] : [`NO VERDICT: ${failure}`]),
  ];
}

/** What the columns of growths have in common: a narrow terminal goes without them and their note. */
const GROWTH = {
  isOptional: true,
  note: `mean, p95, p99: change of latency; n too small: need ${
    quantileMinSamples(0.95)
  } samples for a p95, ${quantileMinSamples(0.99)} for a p99`,
} as const;

/** Draws the comparison of two stored results as a table. */
export function renderComparison(
  { cells, record }: RunComparison,
  terminalColumns: number,
): string {
  const keys = cells.map(({ key }) => key);
  const nameOf = cellNamer(keys);
  const columns: (TableColumn & { of: (cell: ComparedCell) => string })[] = [
    ...(["model", "dtype"] as const).filter((name) => isSeveral(keys, name))
      .map((name) => ({
        title: name === "model" ? "Model" : "Dtype",
        align: "left" as const,
        of: ({ key }: ComparedCell) => key[name],
      })),
    right("Batch", ({ key }) => String(key.batchSize)),
    right("Labels", ({ key }) => String(key.numLabels)),
    right("IPS", (cell) => fixed(throughputOf(cell), 1)),
    right("p50 (ms)", ({ result }) => fixed(result?.p50Ms ?? null, 2)),
    right("Change", ({ verdict }) => shownChange(verdict)),
    { ...right("mean", growth("meanMs", 0)), ...GROWTH },
    { ...right("p95", growth("p95Ms", 0.95)), ...GROWTH },
    { ...right("p99", growth("p99Ms", 0.99)), ...GROWTH },
    {
      title: "Status",
      align: "left",
      of: ({ status }) => shownStatus(status),
    },
  ];
  const judged = cells.map(toJudged);
  return renderTable(
    columns,
    cells.map((cell) => columns.map(({ of }) => of(cell))),
    {
      title: `COMPARISON WITH THE BASELINE${
        isSimulated(keys.map(({ model }) => model))
          ? " - SIMULATED ENGINE (no real server was measured)"
          : ""
      }`,
      footer: [
        ...comparisonNotes(record),
        ...cells.flatMap(({ key, reason, humps }) =>
          [reason, humps].filter((text) => text !== "")
            .map((text) => `${nameOf(key)}: ${text}`)
        ),
        ...verdictNotes(judged),
        ...closingLines(judged, record),
      ],
      terminalColumns,
    },
  );
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
  const percentile = (from: Latencies | null, field: "p95Ms" | "p99Ms") =>
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
    "model": key.model,
    "dtype": key.dtype,
  };
}

function toJudged(cell: ComparedCell): JudgedCell {
  return {
    ...cell,
    throughputItemsPerSec: throughputOf(cell),
  };
}

function throughputOf({ key, result }: ComparedCell): number | null {
  return result === null ? null : 1000 * key.batchSize / result.meanMs;
}

/** Leaves out which of the runs in a file it is. */
function fileOf(source: string): string {
  return source.replace(/, run \d+$/, "");
}

function isSeveral(
  keys: readonly CellKey[],
  name: "model" | "dtype",
): boolean {
  return new Set(keys.map((key) => key[name])).size > 1;
}

function right(title: string, of: (cell: ComparedCell) => string) {
  return { title, align: "right" as const, of };
}

/** Shows how much larger a latency is than in the baseline, or that the samples are too few to say. */
function growth(field: "meanMs" | "p95Ms" | "p99Ms", q: number) {
  return ({ baseline, result }: ComparedCell): string => {
    if (baseline === null || result === null) return MISSING;
    return isTooSmall(result, q) || isTooSmall(baseline, q)
      ? `n<${quantileMinSamples(q)}`
      : signed(100 * (result[field] / baseline[field] - 1));
  };
}

function isTooSmall({ count }: Latencies, q: number): boolean {
  return count < quantileMinSamples(q);
}

function fixed(value: number | null, digits: number): string {
  return value?.toFixed(digits) ?? MISSING;
}
