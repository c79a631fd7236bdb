/**
 * Results as OpenMetrics text, for the textfile folder of a node exporter, a Pushgateway or Grafana behind them.
 *
 * The text is also valid in the older Prometheus format, which both of them read: gauges without timestamps, base units
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/, https://prometheus.io/docs/practices/naming/).
 *
 * @module
 */
import { metricOf } from "../record/metrics.ts";
import type { Run } from "../record/run.ts";
import type { StressResult, StressRun } from "../stress/record.ts";
import { TEXT_DATA } from "../score/data.ts";
import { countOf, isSimulated } from "../record/cells.ts";
import { numberOf } from "./columns.ts";
import { shownStatus } from "./comparison.ts";
import { type CellView, viewOfRun } from "./view.ts";

type Labels = Readonly<Record<string, string>>;

/** One number with what it is of. */
interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** All samples of one name. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Writes runs as OpenMetrics text. */
export function runsToOpenMetrics(runs: readonly Run[]): string {
  const cells = runs.flatMap((run) => {
    const view = viewOfRun(run);
    return view.cells.map((cell) => ({
      cell,
      labels: labelsOfCell(run, cell, view.isSimulated),
    }));
  });
  const gauge = (
    name: string,
    help: string,
    value: (cell: CellView) => number | null,
    more: Labels = {},
  ): Family => ({
    name,
    help,
    samples: cells.flatMap(({ cell, labels }) => {
      const found = value(cell);
      return found === null
        ? []
        : [{ labels: { ...labels, ...more }, value: found }];
    }),
  });
  const seconds = (column: string) => (cell: CellView) => {
    const found = numberOf(metricOf(column), cell);
    return found === null ? null : found / 1000;
  };
  const quantiles =
    ([["0.5", "p50"], ["0.95", "p95"], ["0.99", "p99"]] as const)
      .map(([quantile, name]) =>
        gauge(
          "scorebench_latency_seconds",
          "Latency of a request from the first byte sent to the last byte read.",
          seconds(`latency_${name}_ms`),
          { quantile },
        )
      );
  return toText([
    gauge(
      "scorebench_throughput_items_per_second",
      "Items over the sum of the latencies of the good requests.",
      (cell) => numberOf(metricOf("throughput_ips"), cell),
    ),
    mergeFamilies(quantiles),
    gauge(
      "scorebench_latency_mean_seconds",
      "Mean latency of a request.",
      seconds("latency_mean_ms"),
    ),
    gauge(
      "scorebench_samples",
      "Good timed requests.",
      ({ summary }) => summary?.count ?? 0,
    ),
    gauge(
      "scorebench_failed_requests",
      "Timed requests that failed.",
      ({ failures }) => countOf(failures),
    ),
    gauge(
      "scorebench_throughput_change_ratio",
      "Change of throughput against the baseline; -0.1 is 10 % slower.",
      ({ verdict }) => verdict === null ? null : verdict.changePercent / 100,
    ),
    {
      name: "scorebench_cell_status",
      help: "1 for the status that a cell has: OK, WARN, FAIL, INVALID, ...",
      samples: cells.map(({ cell, labels }) => ({
        labels: { ...labels, status: shownStatus(cell.status) },
        value: 1,
      })),
    },
    timestampFamily(runs),
  ]);
}

/** Writes stress runs as OpenMetrics text. */
export function stressToOpenMetrics(runs: readonly StressRun[]): string {
  const results = runs.flatMap((run) =>
    run.results.map((result) => ({ result, labels: labelsOfLoad(run, result) }))
  );
  const gauge = (
    name: string,
    help: string,
    value: (result: StressResult) => number | null | undefined,
    more: Labels = {},
  ): Family => ({
    name,
    help,
    samples: results.flatMap(({ result, labels }) => {
      const found = value(result) ?? null;
      return found === null
        ? []
        : [{ labels: { ...labels, ...more }, value: found }];
    }),
  });
  const seconds = (timeMs: number | undefined) =>
    timeMs === undefined ? null : timeMs / 1000;
  return toText([
    gauge(
      "scorebench_stress_right_answers_per_second",
      "Right answers a second of a load.",
      ({ reachedPerSec }) => reachedPerSec,
    ),
    mergeFamilies(
      ([["0.5", "p50Ms"], ["0.95", "p95Ms"], ["0.99", "p99Ms"]] as const).map((
        [quantile, field],
      ) =>
        gauge(
          "scorebench_stress_latency_seconds",
          "Latency of right answers from their planned times.",
          ({ latency }) => seconds(latency?.[field]),
          { quantile },
        )
      ),
    ),
    gauge(
      "scorebench_stress_right_answers",
      "Right answers of a load.",
      ({ goodRequests }) => goodRequests,
    ),
    gauge(
      "scorebench_stress_failed_requests",
      "Requests of a load that failed or were answered wrongly.",
      ({ failedRequests }) => failedRequests,
    ),
    {
      name: "scorebench_stress_verdict",
      help: "1 for the verdict that a load has: PASS, FAIL, INVALID, ...",
      samples: results.map(({ result, labels }) => ({
        labels: { ...labels, verdict: result.verdict },
        value: 1,
      })),
    },
    timestampFamily(runs),
  ]);
}

function labelsOfCell(run: Run, { key }: CellView, isMade: boolean): Labels {
  return {
    model: key.model,
    dtype: key.dtype,
    batch_size: String(key.batchSize),
    num_labels: String(key.numLabels),
    data: key.data ?? TEXT_DATA,
    concurrency: String(key.concurrency ?? 1),
    hardware: run.metadata.hardware,
    simulated: String(isMade),
  };
}

function labelsOfLoad({ metadata }: StressRun, result: StressResult): Labels {
  return {
    model: metadata.model,
    dtype: metadata.dtype,
    scenario: result.scenario,
    configuration: result.configuration,
    hardware: metadata.hardware,
    simulated: String(isSimulated([metadata.model], metadata.target)),
  };
}

/** When the runs started: the text itself may carry no timestamps in a textfile folder. */
function timestampFamily(
  runs: readonly (Run | StressRun)[],
): Family {
  return {
    name: "scorebench_run_timestamp_seconds",
    help: "When the run started.",
    samples: runs.map(({ metadata }) => ({
      labels: {
        commit: metadata["commit_hash"],
        target: metadata["target_address"] || metadata.target,
      },
      value: Date.parse(metadata.timestamp) / 1000,
    })).filter(({ value }) => Number.isFinite(value)),
  };
}

function mergeFamilies(families: readonly Family[]): Family {
  const [first] = families;
  return {
    name: first?.name ?? "",
    help: first?.help ?? "",
    samples: families.flatMap(({ samples }) => samples),
  };
}

function toText(families: readonly Family[]): string {
  const lines = families.flatMap(({ name, help, samples }) => {
    // One series twice would be refused as a whole.
    const series = new Map(
      samples.map((
        { labels, value },
      ) => [`${name}{${labelText(labels)}}`, value]),
    );
    return series.size === 0 ? [] : [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      ...[...series].map(([text, value]) => `${text} ${value}`),
    ];
  });
  return `${[...lines, "# EOF"].join("\n")}\n`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",");
}

/** Backslashes, quotes and line feeds are escaped, other control characters are not wanted in any view. */
function escapeLabel(value: string): string {
  return value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
