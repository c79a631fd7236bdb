/**
 * Renders a run: the table that people read, and the rows of the files.
 *
 * @module
 */
import { stringifyRows } from "../../csv.ts";
import { describeClient } from "../../load/client_limit.ts";
import {
  CHANGE_METRICS,
  METRICS,
  SPECIFIED_METRICS,
} from "../../record/metrics.ts";
import {
  type CellResult,
  goodLatenciesMs,
  type Run,
} from "../../record/run.ts";
import { joinDoubts } from "../../record/doubts.ts";
import { describeHumps } from "../../stats/humps.ts";
import { quantileMinSamples } from "../../stats/summary.ts";
import {
  closingLines,
  comparisonNotes,
  type JudgedCell,
  shownChange,
  shownStatus,
  verdictNotes,
} from "../comparison.ts";
import { renderTable, type TableColumn } from "../table.ts";
import { toJson } from "../../escape.ts";
import { describeCell, isSimulated, poolPasses } from "../../record/cells.ts";
import { PERCENTILE_NOTE } from "../view.ts";
import { counted } from "../../wrap.ts";

const MISSING = "-";

/** Draws the table of results with its title, its notes and its closing line. */
export function renderRun(stored: Run, terminalColumns: number): string {
  const run = { ...stored, cells: poolPasses(stored.cells) };
  const { cells, metadata } = run;
  const several = (value: (cell: CellResult) => string) =>
    new Set(cells.map(value)).size > 1;
  const right = (title: string): TableColumn => ({ title, align: "right" });
  const left = (title: string): TableColumn => ({ title, align: "left" });
  const showModel = several((cell) => cell.key.model);
  const showDtype = several((cell) => cell.key.dtype);
  const showRun = several((cell) => String(cell.repeat));
  const columns = [
    ...(showModel ? [left("Model")] : []),
    ...(showDtype ? [left("Dtype")] : []),
    ...(showRun ? [right("Run")] : []),
    right("Batch"),
    right("Labels"),
    right("Throughput (IPS)"),
    right("p50 (ms)"),
    right("p95 (ms)"),
    right("p99 (ms)"),
    ...(run.comparison === undefined ? [] : [right("Change")]),
    left("Status"),
  ];
  const rows = cells.map((cell) => [
    ...(showModel ? [cell.key.model] : []),
    ...(showDtype ? [cell.key.dtype] : []),
    ...(showRun ? [String(cell.repeat + 1)] : []),
    String(cell.key.batchSize),
    String(cell.key.numLabels),
    fixed(cell.summary?.throughputItemsPerSec, 1),
    fixed(cell.summary?.p50Ms, 2),
    percentile(cell, "p95Ms", 0.95),
    percentile(cell, "p99Ms", 0.99),
    ...(run.comparison === undefined
      ? []
      : [shownChange(cell.verdict ?? null)]),
    shownStatus(cell.status),
  ]);
  return renderTable(columns, rows, {
    title: `BENCHMARK RESULTS - Profile: ${metadata.profile}${
      isSimulated(cells.map(({ key }) => key.model), metadata.target)
        ? " - SIMULATED ENGINE (no real server was measured)"
        : ""
    }`,
    footer: [...notes(run), ...closing(run)],
    terminalColumns,
  });
}

/** One line on what was measured, for the end of the table. */
function notes(run: Run): string[] {
  const { calibration, cells, metadata, doubts: runDoubts } = run;
  const weak = cells.filter((cell) =>
    cell.summary !== null && cell.summary.count < quantileMinSamples(0.99)
  );
  const doubts = cells.flatMap((cell) => {
    const humps = describeHumps(goodLatenciesMs(cell.samples));
    const text = [joinDoubts(cell.doubts), humps].filter((one) => one !== "")
      .join("; ");
    return text === "" ? [] : [{ cell, text }];
  });
  return [
    `Target: ${metadata["target_address"] || "simulated engine"}, model ${
      metadata.model || "unknown"
    }, dtype ${
      metadata.dtype || "unknown"
    }, hardware ${metadata.hardware}, prefix cache ${metadata["prefix_cache"]}`,
    ...(weak.length > 0
      ? [
        PERCENTILE_NOTE,
      ]
      : []),
    ...(calibration === null ? [] : [describeClient(calibration)]),
    ...runDoubts.map(({ text }) => text),
    ...(run.comparison === undefined ? [] : [
      ...comparisonNotes(run.comparison),
      ...verdictNotes(cells.map(toJudged)),
    ]),
    ...doubts.flatMap(({ cell, text }) => [
      `${describeCell(cell.key)}: ${text}`,
      ...cell.failures.map(({ outcome, count, example }) =>
        `  ${count} x ${outcome}: ${example}`
      ),
    ]),
  ];
}

function toJudged(cell: CellResult): JudgedCell {
  return {
    ...cell,
    throughputItemsPerSec: cell.summary?.throughputItemsPerSec ?? null,
  };
}

function closing(run: Run): string[] {
  if (run.comparison !== undefined) {
    return [
      ...(run.metadata.interrupted ? ["The run was interrupted"] : []),
      ...closingLines(run.cells.map(toJudged), run.comparison),
    ];
  }
  const invalid = run.cells.filter((cell) => cell.status === "INVALID").length;
  const measured = run.cells.length - invalid;
  return [
    `${counted(measured, "configuration")} measured${
      invalid === 0 ? "" : `, ${invalid} INVALID`
    }${
      run.metadata.interrupted ? "; the run was interrupted" : ""
    }; nothing was compared (no baseline)`,
  ];
}

function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined
    ? MISSING
    : value.toFixed(digits);
}

function percentile(
  cell: CellResult,
  field: "p95Ms" | "p99Ms",
  q: number,
): string {
  if (cell.summary === null) return MISSING;
  const mark = cell.summary.count < quantileMinSamples(q) ? "*" : "";
  return cell.summary[field].toFixed(2) + mark;
}

/** Writes the cells as CSV: the specification's 15 columns, then further ones. */
export function runToCsv(run: Run): string {
  const metrics = run.comparison === undefined
    ? METRICS
    : [...METRICS, ...CHANGE_METRICS];
  const statistic = run.comparison === undefined
    ? []
    : [{ name: "change_statistic", value: run.comparison.statistic }];
  return stringifyRows(
    [...metrics, ...statistic].map(({ name }) => name),
    poolPasses(run.cells).map((cell) => [
      ...metrics.map((metric) => metric.value(cell)),
      ...statistic.map(({ value }) => value),
    ]),
  );
}

/** Writes the cells as JSON: a list of objects with the specification's 15 fields. */
export function runToRows(run: Run): string {
  const rows = poolPasses(run.cells).map((cell) =>
    Object.fromEntries(
      SPECIFIED_METRICS.map((metric) => [metric.name, metric.value(cell)]),
    )
  );
  return `${toJson(rows, 2)}\n`;
}

/** Writes the metadata as JSON. */
export function runToMetadata(run: Run): string {
  return `${toJson(run.metadata, 2)}\n`;
}
