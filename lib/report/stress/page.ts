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
  { sign: "▲", style: "bad", text: "did not" },
  { sign: "|", style: "good", text: "the highest load that held" },
] as const;

function renderRun(run: StressRun, draw: DrawChart): Html {
  const { metadata, options, results, warnings } = run;
  const unit = options.ramp === "rate" ? "requests/s asked" : "clients";
  const ramps = results.flatMap(({ part }) =>
    part?.scenario === "ramp" && part.steps.length > 0 ? [part.steps] : []
  );
  const drawn = results.filter(({ timeline }) => timeline.length > 1);
  return [
    banner({
      title: "Stress test",
      ...stressHeadline(run),
      note: isSimulated([metadata.model], metadata.target)
        ? SIMULATED_NOTE
        : null,
    }),
    section("Loads", [loadTable(results)]),
    section(
      "The ramp and its knee",
      ramps.map((steps) =>
        beside([
          figure(draw(rampChart(steps, unit)), {
            caption: kneeText(steps, unit),
            legend: RAMP_LEGEND,
          }),
        ], [stepTable(steps, unit)])
      ),
    ),
    section(
      "Each load over time",
      drawn.length === 0 ? [] : [
        gallery(drawn.map((result) =>
          figure(draw(timelineChart(result)), {
            caption: loadName(result),
            note: `${result.verdict}; latencies from the planned times`,
            legend: LEGEND,
          })
        )),
      ],
    ),
    section("Bad requests", results.flatMap(poisonTable)),
    section("How it was measured", [
      factList(stressFacts(run)),
      ...textList([...warnings, ...results.flatMap(({ notes }) => notes)]),
    ]),
  ].join("\n");
}

function loadTable(results: readonly StressResult[]): Html {
  const right = (title: string) => ({ title, isNumber: true } as const);
  return htmlTable(
    [
      { title: "Verdict" },
      { title: "Load" },
      right("Asked/s"),
      right("Reached/s"),
      right("p50 (ms)"),
      right("p99 (ms)"),
      right("Right"),
      right("Failed"),
      { title: "Why", isLong: true },
    ],
    results.map((result) => [
      statusMark(result.verdict, STRESS_TONES[result.verdict]),
      loadName(result),
      ...stressFigures(result),
      findingsOf(result).join("; "),
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
  const right = (title: string) => ({ title, isNumber: true } as const);
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
