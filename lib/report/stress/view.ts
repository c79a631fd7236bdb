/**
 * Stress runs as Markdown, JUnit XML and CSV: the verdict first, then each load.
 *
 * @module
 */
import { compileNotes, describeCompiles } from "../../record/compiles.ts";
import { stringifyRows } from "../../csv.ts";
import { describeData } from "../../score/data.ts";
import {
  specifiedResult,
  type StressResult,
  type StressRun,
  type StressVerdict,
} from "../../stress/record.ts";
import { suitesToXml } from "../junit.ts";
import {
  cutToBytes,
  markdownFold,
  markdownTable,
  SIMULATED_NOTE,
} from "../markdown.ts";
import { escapeMarkdown } from "../markup.ts";
import { shownNumber, type Tone } from "../view.ts";
import { isSimulated } from "../../record/cells.ts";
import { counted } from "../../wrap.ts";

/** How good each verdict is. */
export const STRESS_TONES: Readonly<Record<StressVerdict, Tone>> = {
  PASS: "good",
  FAIL: "bad",
  INVALID: "doubtful",
  INTERRUPTED: "doubtful",
};

/** Returns the verdict of a stress run in one sentence, and how good it is; not escaped. */
export function stressHeadline(
  { results, metadata }: StressRun,
): { readonly headline: string; readonly tone: Tone } {
  const of = (verdict: StressVerdict) =>
    results.filter((result) => result.verdict === verdict);
  const failed = of("FAIL");
  const passed = of("PASS").length;
  const end = metadata.interrupted ? ". The run was interrupted" : "";
  if (failed.length > 0) {
    return {
      headline: `${failed.length} of ${
        counted(results.length, "load")
      } failed, first ${loadName(failed[0])}: ${
        failed[0]?.findings[0]?.text ?? "no reason was stored"
      }${end}`,
      tone: "bad",
    };
  }
  return passed === results.length && passed > 0 && !metadata.interrupted
    ? {
      headline: `${passed > 1 ? "All " : ""}${counted(passed, "load")} passed`,
      tone: "good",
    }
    : {
      headline:
        `No failure found, but not every load passed: ${passed} of ${results.length} PASS, ${
          of("INVALID").length
        } INVALID${end}`,
      tone: "doubtful",
    };
}

/** Returns how a load is called; not escaped. */
export function loadName(result: StressResult | undefined): string {
  return result === undefined
    ? ""
    : `${result.scenario}, ${result.configuration}`;
}

/** Returns how a stress run was made: names and values; not escaped. */
export function stressFacts(
  { metadata, options, results }: StressRun,
): (readonly [name: string, value: string])[] {
  return [
    [
      "Stressed",
      metadata.target === "simulated"
        ? "the simulated engine, no real server"
        : metadata["target_address"],
    ],
    ["Started", metadata.timestamp],
    ["Took", `${metadata["total_runtime_seconds"].toFixed(1)} s`],
    ["Commit", metadata["commit_hash"]],
    ["Model", metadata.model || "unknown"],
    ["Data type", metadata.dtype || "unknown"],
    ["Hardware", metadata.hardware],
    ["Server version", metadata.server?.version ?? "unknown"],
    ...results.filter(({ sent }) => sent !== "").map((result) =>
      [`Sent by ${loadName(result)}`, result.sent] as const
    ),
    ["Data", options.data.map(describeData).join("; ")],
    ["Arrivals", options.arrival],
    ["Objectives of the ramp", options.slo],
    ["Deadline", `${options.timeoutMs} ms`],
    ["Seed", options.seed],
    ["Client", metadata.platform],
    [
      "Tool",
      `scorebench ${metadata["tool_version"]}, Deno ${
        metadata["deno_version"]
      }`,
    ],
  ];
}

/** Writes stress runs as Markdown of at most 1 MiB. */
export function renderStressMarkdown(runs: readonly StressRun[]): string {
  return cutToBytes(`${runs.map(runToMarkdown).join("\n\n---\n\n")}\n`);
}

function runToMarkdown(run: StressRun): string {
  const { headline, tone } = stressHeadline(run);
  const sign = tone === "good" ? "✅" : tone === "bad" ? "❌" : "⚠️";
  const doubtful = run.results.filter(({ verdict }) => verdict !== "PASS");
  const right = (title: string) => ({ title, isNumber: true } as const);
  return [
    `## ${sign} ${escapeMarkdown(headline)}`,
    `Stress test${
      isSimulated([run.metadata.model], run.metadata.target)
        ? `. **${SIMULATED_NOTE}**`
        : ""
    }`,
    ...(doubtful.length === 0 ? [] : [
      "### What went wrong",
      doubtful.map((result) =>
        [
          `- ${escapeMarkdown(loadName(result))}: **${result.verdict}**`,
          ...findingsOf(result).map((text) => `  - ${escapeMarkdown(text)}`),
        ].join("\n")
      ).join("\n"),
    ]),
    "### Loads",
    markdownTable(
      [
        { title: "Load" },
        right("Asked/s"),
        right("Reached/s"),
        right("p50 (ms)"),
        right("p99 (ms)"),
        right("Right"),
        right("Failed"),
        { title: "Verdict" },
      ],
      run.results.map((result) => [
        escapeMarkdown(loadName(result)),
        ...stressFigures(result).map(escapeMarkdown),
        result.verdict,
      ]),
    ),
    markdownFold(
      "How it was measured",
      [
        markdownTable(
          [{ title: "What" }, { title: "Value" }],
          stressFacts(run).map((fact) => fact.map(escapeMarkdown)),
        ),
        [
          ...compileNotes(run.results),
          ...run.warnings,
          ...run.results.flatMap(({ notes }) => notes),
        ]
          .map((note) => `- ${escapeMarkdown(note)}`).join("\n"),
      ].join("\n\n"),
    ),
  ].join("\n\n");
}

/** Returns the findings of a load and its failures by kind, in words; not escaped. */
export function findingsOf({ findings, failures }: StressResult): string[] {
  return [
    ...findings.map(({ kind, text }) => `${kind}: ${text}`),
    ...failures.map(({ outcome, count, example }) =>
      `${count} x ${outcome}: ${example}`
    ),
  ];
}

/** Returns asked and reached rate, p50 and p99, right answers and failures of a load, as text. */
export function stressFigures(result: StressResult): string[] {
  const shown = (value: number | null | undefined) =>
    value === null || value === undefined ? "-" : shownNumber(value);
  return [
    shown(result.askedPerSec),
    shown(result.reachedPerSec),
    shown(result.latency?.p50Ms),
    shown(result.latency?.p99Ms),
    String(result.goodRequests),
    String(result.failedRequests),
  ];
}

/** Writes stress runs as JUnit XML, a test case for each load. */
export function renderStressJunit(runs: readonly StressRun[]): string {
  return suitesToXml(runs.map(({ results, metadata }) => ({
    name: `scorebench: stress${
      isSimulated([metadata.model], metadata.target)
        ? `. ${SIMULATED_NOTE}`
        : ""
    }`,
    className: "scorebench.stress",
    cases: results.map((result) => ({
      name: loadName(result),
      element: result.verdict === "PASS"
        ? null
        : result.verdict === "FAIL"
        ? "failure" as const
        : "error" as const,
      message: `${result.verdict}: ${
        findingsOf(result)[0] ?? "no reason was stored"
      }`,
      timeSeconds: result.durationMs / 1000,
      output: [...findingsOf(result), ...result.notes].join("\n"),
    })),
  })));
}

/** Writes the loads as CSV: the specification's fields, the verdict and why. */
export function stressToCsv(runs: readonly StressRun[]): string {
  const results = runs.flatMap((run) => run.results);
  const fields = [
    "scenario",
    "configuration",
    "success",
    "total_requests",
    "successful_requests",
    "failed_requests",
    "throughput_rps",
    "latency_mean_ms",
    "latency_p99_ms",
    "duration_seconds",
  ] as const;
  return stringifyRows(
    [...fields, "errors", "verdict", "compiles", "reason", "sent"],
    results.map((result) => {
      const specified = specifiedResult(result);
      return [
        ...fields.map((field) => {
          const value = specified[field];
          return typeof value === "boolean" ? String(value) : value;
        }),
        specified.errors.join("; "),
        result.verdict,
        result.compiles === undefined
          ? null
          : describeCompiles(result.compiles),
        findingsOf(result).join("; "),
        result.sent,
      ];
    }),
  );
}
