/**
 * The history of a benchmark as a page: what is slower since when, every change, and each cell over time.
 *
 * @module
 */
import { DEFAULT_FAIL_PERCENT, signed } from "../../gate/verdict.ts";
import { describeBroken, type HistoryFiles } from "../../history/files.ts";
import type { HistoryRun } from "../../history/runs.ts";
import {
  type CellTrend,
  findTrends,
  MIN_CHANGE_PERCENT,
  openRegressions,
  TREND_FALSE_ALARM,
  type TrendEvent,
  type TrendGroup,
} from "../../history/trend.ts";
import type { CellKey } from "../../record/run.ts";
import { MIN_SEGMENT } from "../../stats/change_points.ts";
import { type DrawChart, loadCharts } from "../charts/svg.ts";
import {
  cellCurve,
  eventsOf,
  MARKED_RUNS,
  sharedCurve,
  trendChart,
} from "../charts/trend.ts";
import { SIMULATED_NOTE } from "../markdown.ts";
import { escapeHtml } from "../markup.ts";
import {
  banner,
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
import { shownNumber, type Tone } from "../view.ts";
import {
  cellsText,
  changeOf,
  describeConditions,
  describeOpen,
} from "./text.ts";
import { cellNamer, shownBatchSize } from "../../record/cells.ts";
import { counted } from "../../wrap.ts";

/** A history as it is shown: its page, and what it says in short. */
export interface TrendReport {
  readonly html: string;
  /** The verdict, and a line for each open regression; not escaped. */
  readonly lines: readonly string[];
}

/**
 * Writes a history as one page without scripts.
 *
 * @param repository Where the commits are, such as `https://github.com/owner/name`; null where that is not known.
 */
export async function renderTrend(
  history: HistoryFiles,
  repository: string | null = null,
): Promise<TrendReport> {
  const groups = findTrends(history.runs);
  const draw = await loadCharts();
  const headline = headlineOf(groups, history);
  const isSimulated = groups.some(({ conditions }) =>
    conditions.target === "simulated engine"
  );
  const html = await renderPage({
    title: "scorebench: history",
    body: [
      banner({
        title: "History",
        headline,
        tone: toneOf(groups, history),
        note: isSimulated ? SIMULATED_NOTE : null,
      }),
      ...groups.map((group) =>
        renderGroup(group, draw, {
          isOneOfMany: groups.length > 1,
          linkOf: (commit) => commitLink(commit, repository),
        })
      ),
      section(
        "Files that could not be used",
        textList([
          ...describeBroken(history),
          ...history.unfit.map((path) =>
            `${path}: no cell is fit to be compared`
          ),
        ]),
      ),
      section("How changes are found", METHOD),
    ].join("\n"),
    footer: "Written by scorebench. Point at a mark to see its run.",
  });
  const regressions = groups.flatMap((group) =>
    openRegressions(group).map((event) => describeOpen(event, group))
  );
  return {
    html,
    lines: [
      ...(isSimulated ? [SIMULATED_NOTE] : []),
      headline,
      ...regressions.map(({ what, since }) => `  ${what}: ${since}`),
    ],
  };
}

const METHOD: readonly Html[] = [
  `<p>Optimal partitioning of the logarithms of the median latencies into levels and straight drifts, by least squares, after odd single runs are drawn in (Jackson et al. 2005; Fearnhead and Rigaill 2019). What all cells of a run share is taken out of each cell and judged by itself. The chance that anything is found in a group of runs in which nothing changed is about ${
    100 * TREND_FALSE_ALARM
  }&#160;%, if runs scatter independently. A change shows from the ${MIN_SEGMENT}th run after it on, and changes of throughput below ${MIN_CHANGE_PERCENT}&#160;% are left out. The band is ${DEFAULT_FAIL_PERCENT}&#160;% of throughput to either side of the level: beyond it the gate fails a run.</p>`,
];

function headlineOf(
  groups: readonly TrendGroup[],
  { runs, broken, unfit }: HistoryFiles,
): string {
  const open = groups.flatMap(openRegressions).length;
  const steps = groups.flatMap(({ events }) => events).length;
  const lost = broken.length + unfit.length;
  return runs.length === 0
    ? "No run with a cell that is fit to be compared was found"
    : `${counted(open, "open regression")}, ${
      counted(steps, "change")
    } of level in ${counted(runs.length, "run")}${
      lost === 0 ? "" : `; ${counted(lost, "file")} could not be used`
    }`;
}

function toneOf(
  groups: readonly TrendGroup[],
  { runs, broken }: HistoryFiles,
): Tone {
  if (groups.some((group) => openRegressions(group).length > 0)) return "bad";
  return runs.length === 0 || broken.length > 0 ? "doubtful" : "good";
}

function renderGroup(
  group: TrendGroup,
  draw: DrawChart,
  { isOneOfMany, linkOf }: {
    readonly isOneOfMany: boolean;
    readonly linkOf: (commit: string) => Html;
  },
): Html {
  const { conditions, runs, cells, events } = group;
  const nameOf = cellNamer(cells.map(({ key }) => key));
  const open = openRegressions(group);
  // What happened everywhere is drawn once.
  const changed = cells.filter((cell) =>
    eventsOf(cell, events).some(({ isEverywhere }) => !isEverywhere)
  );
  const rest = cells.filter((cell) => !changed.includes(cell));
  const chart = (cell: CellTrend) =>
    figure(draw(trendChart(cellCurve(cell, events), runs)), {
      caption: nameOf(cell.key),
      note: nowText(cell),
    });
  const all = group.shared.logs.every((log) => log === 0) ? [] : [
    figure(draw(trendChart(sharedCurve(group), runs)), {
      caption: "All cells together",
      note: "the median of all, as a share of the usual latency (%)",
    }),
  ];
  return [
    `<section><h2>${escapeHtml(describeConditions(conditions))}</h2>`,
    ...(isOneOfMany
      ? ["<p>Runs that are not alike are a history of their own.</p>"]
      : []),
    factList(factsOf(runs)),
    "</section>",
    section(
      "Open regressions",
      open.length === 0 ? ["<p>None.</p>"] : [
        `<ul class="cards">\n${
          open.map((event) => openCard(event, group, linkOf)).join("\n")
        }\n</ul>`,
      ],
    ),
    section(
      "Changes of level",
      events.length === 0
        ? ["<p>None.</p>"]
        : [eventTable(group, nameOf, linkOf)],
    ),
    section("Each cell over time", [
      LEGEND,
      gallery([...all, ...changed.map(chart)]),
      ...(rest.length === 0 ? [] : [
        fold(`${counted(rest.length, "cell")} without a change of their own`, [
          gallery(rest.map(chart)),
        ]),
      ]),
    ]),
    section("All cells", [cellTable(group)]),
  ].join("\n");
}

const LEGEND: Html =
  `<p class="legend"><span><i class="s0">●</i> median latency of a run (ms), marked for the newest ${MARKED_RUNS}</span> <span><i>—</i> its level</span> <span><i class="band">■</i> the gate's band around the level</span> <span><i class="bad">|</i> slower from here on</span> <span><i class="good">|</i> faster</span></p>`;

function factsOf(
  runs: readonly HistoryRun[],
): (readonly [string, string])[] {
  const [first, last] = [runs[0], runs.at(-1)];
  return first === undefined || last === undefined ? [] : [
    ["Runs", String(runs.length)],
    ["First", `${first.timestamp.slice(0, 10)}, commit ${first.commit}`],
    ["Newest", `${last.timestamp.slice(0, 10)}, commit ${last.commit}`],
    ["Newest versions", last.versions],
  ];
}

/** A commit as a link, where the repository is known and it is one. */
function commitLink(commit: string, repository: string | null): Html {
  const text = escapeHtml(commit);
  return repository === null || !/^[0-9a-f]{7,40}$/i.test(commit)
    ? text
    : `<a href="${escapeHtml(repository)}/commit/${text}">${text}</a>`;
}

/** Makes links of the commits of an event where a text names them. */
function withLinks(
  text: string,
  commits: readonly (string | undefined)[],
  linkOf: (commit: string) => Html,
): Html {
  const known = new Set(commits.filter((commit) => commit !== undefined));
  return text.split(/([\w.-]+)/).map((part) =>
    known.has(part) ? linkOf(part) : escapeHtml(part)
  ).join("");
}

function openCard(
  event: TrendEvent,
  group: TrendGroup,
  linkOf: (commit: string) => Html,
): Html {
  const { what, since } = describeOpen(event, group);
  return `<li>${statusMark("SLOWER", "bad").html} <b>${
    escapeHtml(what)
  }</b><p>${
    withLinks(since, group.runs.map(({ commit }) => commit), linkOf)
  }</p></li>`;
}

function eventTable(
  group: TrendGroup,
  nameOf: (key: CellKey) => string,
  linkOf: (commit: string) => Html,
): Html {
  const { runs, events } = group;
  const open = new Set(openRegressions(group).map(({ index }) => index));
  return htmlTable(
    [
      { title: "First run" },
      { title: "Commit" },
      { title: "Change", isNumber: true },
      { title: "Now" },
      { title: "Cells", isLong: true },
    ],
    events.map((event) => {
      const run = runs[event.index];
      const percent = changeOf(event);
      const isSlower = percent < 0;
      return [
        run?.timestamp.slice(0, 10) ?? "",
        { html: linkOf(run?.commit ?? "") },
        `${event.kind === "drift" ? "drift " : ""}${signed(percent)}`,
        !isSlower
          ? statusMark("faster", "good")
          : open.has(event.index)
          ? statusMark("open", "bad")
          : statusMark("closed or small", "none"),
        cellsText(event, nameOf),
      ];
    }),
  );
}

function nowText(cell: CellTrend): string {
  const level = cell.levelMs.findLast((value) => value !== null) ?? null;
  return level === null ? "" : `level now ${shownNumber(level)} ms`;
}

function cellTable({ cells, events }: TrendGroup): Html {
  const right = (title: string) => ({ title, isNumber: true } as const);
  const shown = (value: number | null | undefined) =>
    value === null || value === undefined ? "-" : shownNumber(value);
  return htmlTable(
    [
      right("Batch"),
      right("Labels"),
      right("Runs"),
      right("First level (ms)"),
      right("Level now (ms)"),
      right("Throughput since"),
      right("Changes"),
      { title: "Model" },
      { title: "Type" },
    ],
    cells.map((cell) => {
      const { key, p50Ms, levelMs } = cell;
      const first = levelMs.find((value) => value !== null) ?? null;
      const now = levelMs.findLast((value) => value !== null) ?? null;
      return [
        shownBatchSize(key),
        String(key.numLabels),
        String(p50Ms.filter((value) => value !== null).length),
        shown(first),
        shown(now),
        first === null || now === null ? "-" : signed(100 * (first / now - 1)),
        String(eventsOf(cell, events).length),
        key.model,
        key.dtype,
      ];
    }),
  );
}
