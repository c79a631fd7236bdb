/**
 * Stress runs for a terminal: the specification's banner and printed form of each load, then a table.
 *
 * @module
 */
import { describeClient } from "../../load/client_limit.ts";
import { describeData } from "../../score/data.ts";
import type { Deviation } from "../../score/truth.ts";
import { describeCompiles } from "../../record/compiles.ts";
import { describeTrend } from "../../stress/judge.ts";
import type {
  PoisonRecord,
  StressResult,
  StressRun,
  StressVerdict,
  TimeFigures,
} from "../../stress/record.ts";
import { renderTable, type TableColumn } from "../table.ts";
import { escapeForTerminal } from "../../escape.ts";
import { counted, firstLine, wrapIndented } from "../../wrap.ts";
import { countOf, isSimulated } from "../../record/cells.ts";

/** The specification prints five errors of a load. */
const PRINTED_ERRORS = 5;

/** The width of the specification's rules. */
const BANNER_COLUMNS = 100;

const MISSING = "-";

/** Draws a stress run. */
export function renderStressRun(
  run: StressRun,
  terminalColumns: number,
): string {
  const { results, metadata, calibration } = run;
  const engine = isSimulated([metadata.model], metadata.target)
    ? " - SIMULATED ENGINE (no real server was stressed)"
    : "";
  const rule = "=".repeat(Math.min(terminalColumns, BANNER_COLUMNS));
  const lines = [
    rule,
    `SCORE API STRESS TESTS${engine}`,
    rule,
    `Model: ${metadata.model}`,
    `Scenario: ${run.options.scenarios.join(", ")}`,
    rule,
    "",
    ...results.flatMap((result) => [...describe(result), ""]),
  ];
  return [
    ...lines.map((line) => escapeForTerminal(line)).flatMap((line) =>
      line.length <= terminalColumns
        ? [line]
        : wrapIndented(line, terminalColumns)
    ),
    renderTable(COLUMNS, results.map(rowOf), {
      title: [`STRESS TEST RESULTS${engine}`],
      footer: [
        `Target: ${
          metadata["target_address"] || "simulated engine"
        }, model ${metadata.model}, dtype ${metadata.dtype}, hardware ${metadata.hardware}`,
        `Sent: ${run.options.data.map(describeData).join("; ")}`,
        ...(calibration.length === 0 ? [] : [describeClient(calibration)]),
        ...run.warnings,
        closing(run),
      ],
      terminalColumns,
    }),
  ].join("\n");
}

const right = (title: string): TableColumn => ({ title, align: "right" });
const left = (title: string): TableColumn => ({ title, align: "left" });

const COLUMNS: readonly TableColumn[] = [
  left("Scenario"),
  left("Configuration"),
  { ...right("Good"), rank: 2 },
  right("Failed"),
  { ...right("RPS"), rank: 1 },
  { ...right("Mean (ms)"), rank: 3 },
  right("p99 (ms)"),
  left("Status"),
];

function rowOf(result: StressResult): string[] {
  return [
    result.scenario,
    result.configuration,
    String(result.goodRequests),
    String(result.failedRequests),
    result.reachedPerSec?.toFixed(1) ?? MISSING,
    result.latency?.meanMs.toFixed(1) ?? MISSING,
    result.latency?.p99Ms.toFixed(1) ?? MISSING,
    result.verdict,
  ];
}

/** The specification's block, and below it what it does not know. */
function describe(result: StressResult): string[] {
  const { goodRequests, failedRequests, latency, service, lag } = result;
  const total = goodRequests + failedRequests;
  const errors = result.errors.slice(0, PRINTED_ERRORS);
  const poison = result.part?.scenario === "poison" ? result.part.requests : [];
  const told = new Set(poison.map(poisonLine));
  return [
    `${result.scenario.toUpperCase()} - ${result.configuration}${
      result.compiles?.level === "found"
        ? ` - compiles among it: ${describeCompiles(result.compiles)}`
        : ""
    }`,
    ...(result.sent === "" ? [] : [`  Sent: ${result.sent}`]),
    `  Status: ${result.verdict}`,
    `  Requests: ${goodRequests}/${total} successful`,
    ...(result.unfinishedRequests === 0
      ? []
      : [`  Unfinished: ${result.unfinishedRequests}, ended by the interrupt`]),
    `  Throughput: ${result.reachedPerSec?.toFixed(1) ?? MISSING} RPS${
      result.askedPerSec === null ? "" : ` of ${result.askedPerSec} asked`
    }`,
    `  Latency: ${shown(latency)}${
      lag === null ? "" : ", from the planned times"
    }`,
    ...(lag === null ? [] : [
      `  Service time: ${shown(service)}, from the send times`,
      `  Lag of the client: p50=${lag.p50Ms.toFixed(2)}ms, p99=${
        lag.p99Ms.toFixed(2)
      }ms, max=${lag.maxMs.toFixed(1)}ms; ${lag.late} above 10ms`,
    ]),
    ...compileLines(result),
    ...(total === 0 ? [] : [describeTruth(result)]),
    ...(result.failedRequests === 0 && errors.length === 0 ? [] : [
      `  Errors (${countOf(result.failures)}): ${
        result.failures.map(({ outcome, count }) => `${count} x ${outcome}`)
          .join(", ")
      }`,
      ...(poison.length > 0 ? [] : errors.map((error) => `    - ${error}`)),
    ]),
    ...result.findings.filter(({ text }) => !told.has(text))
      .map(({ kind, text }) => `  Finding: ${kind}: ${text}`),
    ...result.notes.map((note) => `  ${note}`),
    ...healthLines(result),
    ...specialLines(result),
  ];
}

/** What the log says of compiles, and the figures without the seconds that they concern. */
function compileLines({ compiles, quiet }: StressResult): string[] {
  if (compiles === undefined) return [];
  const { level, reason } = compiles;
  const time = (timeMs: number | null) =>
    timeMs === null ? MISSING : `${timeMs.toFixed(1)}ms`;
  return [
    `  Compiles: ${describeCompiles(compiles)}${
      level === "none"
        ? ", proved by the log of the server"
        : reason === ""
        ? ""
        : ` (${reason})`
    }`,
    ...(quiet === undefined
      ? level === "found"
        ? ["  Without the seconds of the compiles nothing is left"]
        : []
      : [
        `  Without the ${quiet.leftOutSeconds} s of the compiles: ${
          quiet.reachedPerSec.toFixed(1)
        } RPS, p50=${time(quiet.p50Ms)}, p99=${time(quiet.p99Ms)}`,
      ]),
  ];
}

function shown(figures: TimeFigures | null): string {
  return figures === null
    ? MISSING
    : `mean=${figures.meanMs.toFixed(1)}ms, p99=${figures.p99Ms.toFixed(1)}ms`;
}

function describeTruth({ truth }: StressResult): string {
  const percent = (deviation: Deviation | null) =>
    deviation === null
      ? "not compared"
      : `${(100 * deviation.relative).toPrecision(2)} %`;
  return `  Scores: worst deviation ${percent(truth.underLoad)} under load, ${
    percent(truth.alone)
  } alone; tolerated ${(100 * truth.tolerance.relative).toPrecision(2)} %`;
}

function healthLines({ health }: StressResult): string[] {
  if (health === null) return [];
  return health.checks.map((check) =>
    check.unobserved === null
      ? `  Change of ${check.watched}: ${describeTrend(check)}`
      : `  Change of ${check.watched}: unobserved (${check.unobserved})`
  );
}

function specialLines(result: StressResult): string[] {
  const { part } = result;
  const seconds = (timeMs: number | null) =>
    timeMs === null ? "never" : `${(timeMs / 1000).toFixed(2)} s`;
  switch (part?.scenario) {
    case "ramp":
      return part.steps.map((step) =>
        `  ${String(step.load).padStart(8)}: ${
          step.verdict.padEnd(6)
        } reached ${step.reachedPerSec.toFixed(1)}/s, ${
          shown(step.latency)
        }, errors ${
          step.errorShare === null
            ? MISSING
            : `${(100 * step.errorShare).toFixed(2)} %`
        }${step.reason === "" ? "" : `; ${step.reason}`}`
      );
    case "poison":
      return part.requests.map((record) => `  ${poisonLine(record)}`);
    case "recovery":
      return [
        `  First right answer after the kill: ${
          seconds(part.firstRightAnswerMs)
        }; requests that failed: ${part.failedRequests}`,
        `  Before: ${shown(part.before)}; after: ${shown(part.after)}`,
      ];
    case "mixed":
      return [
        `  Small requests beside the load: ${shown(part.underLoad)}; alone: ${
          shown(part.alone)
        }; failed: ${part.failedRequests}`,
      ];
    default:
      return [];
  }
}

function poisonLine({ name, status, fault }: PoisonRecord): string {
  return `${name}: ${
    fault === "" ? `refused with status ${status}` : firstLine(fault)
  }`;
}

function closing({ results, metadata }: StressRun): string {
  const of = (wanted: StressVerdict) =>
    results.filter(({ verdict }) => verdict === wanted).length;
  const end = metadata.interrupted ? "; not all was run" : "";
  const open = results.length - of("PASS") - of("FAIL");
  if (of("PASS") === results.length && end === "") {
    return `${results.length > 1 ? "All " : ""}${
      counted(results.length, "stress test")
    } passed`;
  }
  return [
    `${of("PASS")} passed`,
    ...(of("FAIL") === 0 ? [] : [`${of("FAIL")} FAILED`]),
    ...(open === 0 ? [] : [`${open} not judged`]),
  ].join(", ") + end;
}
