/**
 * Renders a result: the table that people read, and the rows of the files.
 *
 * @module
 */
import { stringifyRows } from "../../csv.ts";
import {
  CHANGE_METRICS,
  METRICS,
  SPECIFIED_METRICS,
} from "../../record/metrics.ts";
import { type Price, priceOf, usdPerMillion } from "../../record/price.ts";
import type { CellResult, Run } from "../../record/run.ts";
import { renderTable, type TableRow } from "../table.ts";
import { toJson } from "../../json.ts";
import { poolPasses } from "../../record/cells.ts";
import {
  hasWeakPercentile,
  PERCENTILE_NOTE,
  type ShownColumn,
  shownColumns,
} from "../columns.ts";
import { doubtNotes, failureNotes, verdictNotes } from "../notes.ts";
import { openQuestions } from "../comparison.ts";
import {
  type CellView,
  countStatuses,
  type ReportView,
  sortCells,
} from "../view.ts";

/**
 * Draws a result as a table: the verdict, the cells that changed, the rest, all cells together, and what is doubtful.
 *
 * @returns Lines of at most `terminalColumns`, where that is 60 or more, with a line feed at the end.
 */
export function renderView(view: ReportView, terminalColumns: number): string {
  const { cells, comparison } = view;
  const columns = shownColumns(view);
  const rows = rowsOf(view, columns);
  return renderTable(
    columns.map(({ title, kind, rank }) => ({
      title,
      align: kind === "number" ? "right" : "left",
      isName: kind === "name",
      rank,
    })),
    rows,
    {
      title: [
        `${
          comparison === null ? "BENCHMARK RESULTS" : "BENCHMARK COMPARISON"
        } - ${view.title}${
          view.isSimulated
            ? " - SIMULATED ENGINE (no real server was measured)"
            : ""
        }`,
        ...(comparison === null ? [] : [view.headline]),
      ],
      footer: [
        view.target,
        ...(cells.some(hasWeakPercentile) ? [PERCENTILE_NOTE] : []),
        ...view.notes,
        ...doubtNotes(cells),
        ...failureNotes(cells),
        ...(comparison === null ? [] : verdictNotes(cells)),
        comparison === null ? view.headline : closing(view),
      ],
      terminalColumns,
    },
  );
}

/** The last line, which is what stays in sight: how many cells have which status, and that there is no verdict. */
function closing({ cells, comparison }: ReportView): string {
  const open = comparison === null ? [] : openQuestions(cells, comparison);
  const counts = [countStatuses(cells) || "no cells", ...open].join(", ");
  return `${comparison?.failure ? "No verdict" : "Result"}: ${counts}`;
}

function rowsOf(
  { cells, comparison }: ReportView,
  columns: readonly ShownColumn[],
): TableRow[] {
  const row = (cell: CellView) => columns.map(({ text }) => text(cell));
  if (comparison === null) return cells.map(row);
  const { first, rest } = sortCells(cells);
  const isSplit = first.length > 0 && rest.length > 0;
  return [
    ...first.map(row),
    ...(isSplit ? ["rule" as const] : []),
    ...rest.map(row),
    ...(comparison.changePercent === null
      ? []
      : ["rule" as const, columns.map(({ total }) => total)]),
  ];
}

/** What is told of the run in each row, so that rows of many runs can be put together. */
const RUN_COLUMNS: Readonly<Record<string, (run: Run) => string>> = {
  "timestamp": ({ metadata }) => metadata.timestamp,
  "commit": ({ metadata }) => metadata["commit_hash"],
  "target": ({ metadata }) => metadata["target_address"] || metadata.target,
  "hardware": ({ metadata }) => metadata.hardware,
};

/**
 * Writes the cells of runs below each other as CSV: the specification's 15 columns, then further ones. The `run` column
 * counts on, so that no run is taken for the repeat of another.
 */
export function runsToCsv(runs: readonly Run[]): string {
  const isCompared = runs.some(({ comparison }) => comparison !== undefined);
  const metrics = isCompared ? [...METRICS, ...CHANGE_METRICS] : METRICS;
  let past = 0;
  const isPriced = runs.some((run) => priceOf(run) !== null);
  const rows = runs.flatMap((run) => {
    const first = past;
    const cells = poolPasses(run.cells);
    past += 1 + Math.max(0, ...cells.map(({ repeat }) => repeat));
    return cells.map((cell) => {
      const shifted = { ...cell, repeat: first + cell.repeat };
      return [
        ...metrics.map((metric) => metric.value(shifted)),
        ...(isCompared ? [run.comparison?.statistic ?? null] : []),
        ...(isPriced ? costsOf(cell, priceOf(run)) : []),
        ...Object.values(RUN_COLUMNS).map((of) => of(run)),
      ];
    });
  });
  return stringifyRows([
    ...metrics.map(({ name }) => name),
    ...(isCompared ? ["change_statistic"] : []),
    ...(isPriced ? ["usd_per_million_items", "items_per_sec_per_chip"] : []),
    ...Object.keys(RUN_COLUMNS),
  ], rows);
}

function costsOf(
  { summary }: CellResult,
  price: Price | null,
): [number | null, number | null] {
  if (summary === null || price === null) return [null, null];
  const { throughputItemsPerSec } = summary;
  return [
    usdPerMillion(price, throughputItemsPerSec),
    price.chips === null ? null : throughputItemsPerSec / price.chips,
  ];
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
