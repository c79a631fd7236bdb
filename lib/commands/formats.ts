/**
 * The formats of `--output`, by the extension of the file, for all commands that write results.
 *
 * Most are made at once. HTML waits for the chart library, which is loaded only when it is asked for.
 *
 * @module
 */
import { stringifyRows } from "../csv.ts";
import type { RunComparison } from "../baseline/comparison.ts";
import type { Run } from "../record/run.ts";
import { CHANGE_METRICS, metricOf } from "../record/metrics.ts";
import { stringifyRun } from "../record/run_file.ts";
import { comparisonToJson } from "../report/comparison.ts";
import { renderJunit } from "../report/junit.ts";
import { renderMarkdown } from "../report/markdown.ts";
import {
  runsToOpenMetrics,
  stressToOpenMetrics,
} from "../report/openmetrics.ts";
import { renderHtml } from "../report/run/page.ts";
import { runsToCsv } from "../report/run/text.ts";
import { renderStressPage } from "../report/stress/page.ts";
import {
  renderStressJunit,
  renderStressMarkdown,
  stressToCsv,
} from "../report/stress/view.ts";
import { type ReportView, viewOfRun } from "../report/view.ts";
import { stringifyStressRun } from "../stress/file.ts";
import type { StressRun } from "../stress/record.ts";

/** Writes one or more results as one text. */
export type Render<Result> = (
  results: readonly Result[],
) => string | Promise<string>;

/** The formats of one kind of result, by extension. */
export type Formats<Result> = Readonly<Record<string, Render<Result>>>;

/** A comparison, and how it is shown. */
export interface ShownComparison {
  readonly comparison: RunComparison;
  /** What is shown of it; no samples need be known. */
  readonly view: ReportView;
}

/** How comparisons are written. */
export const COMPARISON_FORMATS = {
  ".csv": (shown) => viewsToCsv(shown.map(({ view }) => view)),
  ".json": (shown) => comparisonToJson(onlyOne(shown).comparison),
  ".md": (shown) => renderMarkdown(shown.map(({ view }) => view)),
  ".html": (shown) => renderHtml(shown.map(({ view }) => view)),
  ".xml": (shown) => renderJunit(shown.map(({ view }) => view)),
} satisfies Formats<ShownComparison>;

/** How run records are written. */
export const RECORD_FORMATS: Formats<Run> = {
  ".csv": (runs) => runsToCsv(runs),
  ".json": (runs) => stringifyRun(onlyOne(runs)),
  ".md": (runs) => renderMarkdown(runs.map(viewOfRun)),
  ".html": (runs) => renderHtml(runs.map(viewOfRun)),
  ".xml": (runs) => renderJunit(runs.map(viewOfRun)),
  ".prom": runsToOpenMetrics,
};

/** How stress runs are written. */
export const STRESS_FORMATS: Formats<StressRun> = {
  ".csv": stressToCsv,
  ".json": (runs) => stringifyStressRun(onlyOne(runs)),
  ".md": renderStressMarkdown,
  ".html": renderStressPage,
  ".xml": renderStressJunit,
  ".prom": stressToOpenMetrics,
};

/** A record holds one run, so that whoever reads it knows what it is. */
function onlyOne<Result>(results: readonly Result[]): Result {
  const [first] = results;
  if (first !== undefined && results.length === 1) return first;
  throw new RangeError(
    `Cannot write a record as it must hold one run: current count is ${results.length}`,
  );
}

/** What is known of a comparison whose record is not. */
const COMPARED_METRICS = [
  "batch_size",
  "num_labels",
  "model",
  "dtype",
  "throughput_ips",
  "latency_p50_ms",
  "latency_p95_ms",
  "latency_p99_ms",
  "latency_mean_ms",
  "status",
].map(metricOf);

/** The columns have the names that those of a result have. */
function viewsToCsv(views: readonly ReportView[]): string {
  const metrics = [...COMPARED_METRICS, ...CHANGE_METRICS, metricOf("reason")];
  return stringifyRows(
    metrics.map(({ name }) => name),
    views.flatMap(({ cells }) =>
      cells.map((cell) => metrics.map(({ value }) => value(cell)))
    ),
  );
}
