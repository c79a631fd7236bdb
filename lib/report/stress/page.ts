/**
 * Stress runs as one HTML page: the verdict, each load over time, the ramp, and everything as a table.
 *
 * @module
 */
import type { RampStep, StressResult, StressRun } from "../../stress/record.ts";
import { kneeOf, rampChart, timelineChart } from "../charts/stress.ts";
import { type DrawChart, loadCharts } from "../charts/svg.ts";
import { SIMULATED_NOTE } from "../markdown.ts";
import {
  banner,
  beside,
  factList,
  figure,
  fold,
  gallery,
  type Html,
  htmlTable,
  renderPage,
  section,
  statusMark,
  textList,
} from "../page.ts";
import { shownNumber } from "../view.ts";
import {
  findingsOf,
  loadName,
  STRESS_TONES,
  stressFacts,
  stressFigures,
  stressHeadline,
} from "./view.ts";
import { escapeHtml } from "../markup.ts";
import { parseObjectives } from "../../load/objectives.ts";
import { firstLine } from "../../wrap.ts";
import { isSimulated } from "../../record/cells.ts";

/** Writes stress runs as one page without scripts. */
export async function renderStressPage(
  runs: readonly StressRun[],
): Promise<string> {
  const draw = await loadCharts();
  return await renderPage({
    title: "scorebench: stress test",
    body: runs.map((run) => renderRun(run, draw)).join("\n<hr>\n"),
    footer: "Written by scorebench. Point at a mark to see its figures.",
  });
}

const LEGEND = [
  { sign: "┅", style: "muted", text: "planned" },
  { sign: "—", style: "s0", text: "right answers, p50" },
  { sign: "—", style: "s1", text: "p99" },
  { sign: "▲", style: "bad", text: "failed" },
] as const;

const RAMP_LEGEND = [
  { sign: "●", style: "s0", text: "held" },
  { sign: "▲", style: "bad", text: "broke an objective" },
  { sign: "■", style: "doubtful", text: "limit of the client" },
  { sign: "|", style: "good", text: "the highest load that held" },
  { sign: "┅", style: "bad", text: "objective of the p99" },
] as const;

function renderRun(run: StressRun, draw: DrawChart): Html {
  const { metadata, options, results, warnings } = run;
  const unit = options.ramp === "rate" ? "requests/s asked" : "clients";
  const ramps = results.flatMap(({ part }) =>
    part?.scenario === "ramp" && part.steps.length > 0 ? [part.steps] : []
  );
  return [
    banner({
      title: "Stress test",
      ...stressHeadline(run),
      note: isSimulated([metadata.model], metadata.target)
        ? SIMULATED_NOTE
        : null,
    }),
    section(
      "The ramp and its knee",
      ramps.map((steps) =>
        beside([
          figure(draw(rampChart(steps, unit, p99LimitOf(options.slo))), {
            caption: kneeText(steps, unit),
            legend: RAMP_LEGEND,
          }),
        ], [stepTable(steps, unit)])
      ),
    ),
    ...loadSections(results, draw),
    section("Bad requests", results.flatMap(poisonTable)),
    section("How it was measured", [
      ...noteList([...warnings, ...results.flatMap(({ notes }) => notes)]),
      factList(stressFacts(run)),
    ]),
  ].join("\n");
}

/** Each load over time, and all in a table: beside a single chart, as there is room. */
function loadSections(
  results: readonly StressResult[],
  draw: DrawChart,
): Html[] {
  const charts = results.filter(({ timeline }) => timeline.length > 1).map(
    (result) => {
      const isClosed = result.askedPerSec === null;
      return figure(draw(timelineChart(result)), {
        caption: loadName(result),
        note: `${result.verdict}; ${
          isClosed
            ? "closed loop, latencies from the send times"
            : "latencies from the planned times"
        }`,
        legend: isClosed ? LEGEND.slice(1) : LEGEND,
      });
    },
  );
  const table = [loadTable(results), ...doubtful(results)];
  return charts.length === 1 ? [section("Loads", [beside(charts, table)])] : [
    section(
      "Each load over time",
      charts.length === 0 ? [] : [gallery(charts)],
    ),
    section("Loads", table),
  ];
}

/** The objective of the p99 in milliseconds, for a line in the chart; null where there is none. */
function p99LimitOf(slo: string): number | null {
  try {
    return parseObjectives(slo).find(({ name }) => name === "p99")?.limit ??
      null;
  } catch {
    // A record of another version may have other words.
    return null;
  }
}

/** Says of each load that did not pass why, in sentences that wrap. */
function doubtful(results: readonly StressResult[]): Html[] {
  const entries = results.filter(({ verdict }) => verdict !== "PASS").map(
    (result) =>
      `<li>${
        statusMark(result.verdict, STRESS_TONES[result.verdict]).html
      } <b>${escapeHtml(loadName(result))}</b>${
        findingsOf(result).map((text) => `<p>${escapeHtml(text)}</p>`).join("")
      }</li>`,
  );
  return entries.length === 0
    ? []
    : [`<ul class="cards">\n${entries.join("\n")}\n</ul>`];
}

function noteList(notes: readonly string[]): Html[] {
  const once = [...new Set(notes)];
  return once.length === 0
    ? []
    : [fold(`Notes and doubts (${once.length})`, textList(once))];
}

const right = (title: string) => ({ title, isNumber: true } as const);

function loadTable(results: readonly StressResult[]): Html {
  return htmlTable(
    [
      { title: "Verdict" },
      { title: "Load", isLong: true },
      right("Asked/s"),
      right("Reached/s"),
      right("p50 (ms)"),
      right("p99 (ms)"),
      right("Right"),
      right("Failed"),
    ],
    results.map((result) => [
      statusMark(result.verdict, STRESS_TONES[result.verdict]),
      loadName(result),
      ...stressFigures(result),
    ]),
  );
}

function kneeText(steps: readonly RampStep[], unit: string): string {
  const knee = kneeOf(steps);
  return knee === null
    ? "No load of the ramp held"
    : `The ramp holds ${shownNumber(knee.load)} ${unit}, ${
      shownNumber(knee.reachedPerSec)
    } right answers a second`;
}

function stepTable(steps: readonly RampStep[], unit: string): Html {
  return htmlTable(
    [
      right(unit),
      right("Reached/s"),
      right("p50 (ms)"),
      right("p99 (ms)"),
      right("Failed (%)"),
      { title: "Verdict" },
      { title: "Why", isLong: true },
    ],
    steps.map((
      { load, reachedPerSec, latency, errorShare, verdict, reason },
    ) => [
      shownNumber(load),
      shownNumber(reachedPerSec),
      latency === null ? "-" : shownNumber(latency.p50Ms),
      latency === null ? "-" : shownNumber(latency.p99Ms),
      errorShare === null ? "-" : (100 * errorShare).toFixed(1),
      statusMark(
        verdict,
        verdict === "held" ? "good" : verdict === "broke" ? "bad" : "doubtful",
      ),
      reason,
    ]),
  );
}

function poisonTable({ part }: StressResult): Html[] {
  return part?.scenario !== "poison" ? [] : [
    htmlTable(
      [
        { title: "Request" },
        { title: "Status", isNumber: true },
        { title: "Refused" },
        { title: "Fault", isLong: true },
      ],
      part.requests.map(({ name, status, fault }) => [
        name,
        status === null ? "-" : String(status),
        statusMark(
          fault === "" ? "as it should" : "no",
          fault === "" ? "good" : "bad",
        ),
        firstLine(fault),
      ]),
    ),
  ];
}
