/**
 * Results as one HTML page: the verdict, what changed, the charts, and everything as a table.
 *
 * @module
 */
import { describeCapacity } from "../../record/capacity.ts";
import { describeCell } from "../../record/cells.ts";
import type { CellKey, Status } from "../../record/run.ts";
import { capacityChart } from "../charts/capacity.ts";
import {
  changeChart,
  isDrawable,
  labelCounts,
  latencyChart,
  legendSign,
  throughputChart,
} from "../charts/cells.ts";
import { samplesChart } from "../charts/samples.ts";
import { type DrawChart, loadCharts } from "../charts/svg.ts";
import {
  hasWeakPercentile,
  PERCENTILE_NOTE,
  shownColumns,
  shownFigures,
} from "../columns.ts";
import { shownChange, shownStatus } from "../comparison.ts";
import { SIMULATED_NOTE } from "../markdown.ts";
import { counted } from "../../wrap.ts";
import { namesOf, overlay } from "./overlay.ts";
import { escapeHtml } from "../markup.ts";
import { doubtNotes, failureNotes, verdictText } from "../notes.ts";
import { joinDoubts } from "../../record/doubts.ts";
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
import {
  type CellView,
  isNotable,
  type ReportView,
  sortCells,
  type Tone,
} from "../view.ts";

/** How good each status is. */
const TONES: Readonly<Record<Status, Tone>> = {
  OK: "good",
  IMPROVED: "good",
  WARN: "doubtful",
  INCONCLUSIVE: "doubtful",
  NEW: "none",
  INVALID: "bad",
  REGRESSION: "bad",
};

/** Writes results as one page without scripts. */
export async function renderHtml(
  views: readonly ReportView[],
): Promise<string> {
  const draw = await loadCharts();
  const names = namesOf(views);
  return await renderPage({
    title: `scorebench: ${views.map(({ title }) => title).join(", ")}`,
    body: [
      ...(views.length === 1 ? [] : [
        sideBySide(views),
        section("Side by side", overlay(views, draw)),
      ]),
      ...views.map((view, index) => renderView(view, draw, names[index] ?? "")),
    ].join("\n"),
    footer: "Written by scorebench. Point at a mark to see its figures.",
  });
}

/** The head of a page of several runs, each told in full below. */
function sideBySide(views: readonly ReportView[]): Html {
  const isMade = views.some(({ isSimulated }) => isSimulated);
  return banner({
    title: `${counted(views.length, "run")} side by side`,
    headline: "What lies over each other has one scale",
    tone: "none",
    note: isMade ? SIMULATED_NOTE : null,
  });
}

/** Tells of one run; where it is one of several it has a name, and what it is beside the others stands above. */
function renderView(
  view: ReportView,
  draw: DrawChart,
  name: string,
): Html {
  const { title, isSimulated, headline, tone, cells, facts } = view;
  const { first, rest } = sortCells(cells);
  const notable = [...first, ...rest].filter(({ status }) => status !== "OK");
  return [
    banner({
      title: name === "" ? title : `${name}: ${title}`,
      headline,
      tone,
      note: isSimulated ? SIMULATED_NOTE : null,
    }),
    section("What changed", changes(view, notable, draw)),
    section("How much the server holds", capacities(view, draw)),
    section(
      "Throughput and latency",
      name !== ""
        ? []
        : isOverlaid(view)
        ? overlay([view], draw)
        : curves(view, draw),
    ),
    section("Samples and their distribution", samples(view, draw)),
    section("Every cell of the result", [
      cellTable(view),
      ...textList(cells.some(hasWeakPercentile) ? [PERCENTILE_NOTE] : []),
    ]),
    section("How it was measured", [
      ...doubtList(view),
      factList(facts),
    ]),
  ].join("\n");
}

/** Tells whether a run has several models or data types, which lie over each other. */
function isOverlaid({ cells }: ReportView): boolean {
  return new Set(
    cells.map(({ key: { model, dtype } }) => JSON.stringify([model, dtype])),
  ).size > 1;
}

/** Everything that is doubtful, in one list. */
function doubtList({ cells, notes }: ReportView): Html[] {
  const all = [...notes, ...doubtNotes(cells), ...failureNotes(cells)];
  return all.length === 0
    ? []
    : [fold(`Notes and doubts (${all.length})`, textList(all))];
}

function changes(
  view: ReportView,
  notable: readonly CellView[],
  draw: DrawChart,
): Html[] {
  if (view.comparison === null) return [];
  const charts = groupByModel(view.cells)
    .filter(({ cells }) => cells.some(({ verdict }) => verdict !== null))
    .map(({ name, cells }) =>
      figure(draw(changeChart(cells, view.comparison)), {
        caption: `Change against the baseline${name}`,
        note:
          "batch size × labels, old → new in items/s; a bar spans the bounds of the change, which hold with 95\u00a0% for all cells together",
        legend: [
          { sign: "▲", style: "bad", text: "FAIL" },
          { sign: "◆", style: "doubtful", text: "WARN, INCONCLUSIVE" },
          { sign: "◆", style: "good", text: "IMPROVED" },
          { sign: "●", style: "s0", text: "OK" },
          { sign: "┆", style: "doubtful", text: "limit that warns" },
          { sign: "┆", style: "bad", text: "limit that fails" },
        ],
      })
    );
  const list = notable.length === 0 ? [] : [
    `<ul class="cards">\n${notable.map(card).join("\n")}\n</ul>`,
  ];
  return charts.length === 1
    ? [beside(charts, list)]
    : [...(charts.length === 0 ? [] : [gallery(charts)]), ...list];
}

/** Says of one cell what happened, in sentences that wrap: a table of them does not fit a phone. */
function card(cell: CellView): Html {
  const { name, status, verdict } = cell;
  return `<li>${statusMark(shownStatus(status), TONES[status]).html} <b>${
    escapeHtml(name)
  }</b><br>${
    escapeHtml(
      [
        ...(verdict === null ? [] : [`throughput ${shownChange(verdict)}`]),
        shownFigures(cell),
      ].filter((text) => text !== "").join(", "),
    )
  }<p>${escapeHtml(whyOf(cell))}</p></li>`;
}

/** What was found of each shape, with its curve. */
function capacities(
  { capacity, price }: ReportView,
  draw: DrawChart,
): Html[] {
  if (capacity.length === 0) return [];
  const words = describeCapacity(capacity, price);
  return [
    gallery(capacity.map((found, index) =>
      figure(draw(capacityChart(found)), {
        caption: describeCell(found.key),
        note: words[index] ?? "",
        legend: [
          { sign: "●", style: "s0", text: "holds" },
          { sign: "▲", style: "bad", text: "does not" },
          { sign: "┃", style: "bad", text: "objective of the p99" },
          { sign: "━", style: "good", text: "knee" },
        ],
      })
    )),
  ];
}

function curves(view: ReportView, draw: DrawChart): Html[] {
  // Of one batch size under several clients a chart against the batch size would be a point.
  const hasClients = view.cells.some(({ key }) =>
    key.concurrency !== undefined
  );
  const isCurve = (cells: readonly CellView[]) =>
    !hasClients || new Set(cells.map(({ key }) => key.batchSize)).size > 1;
  const blocks = groupByModel(view.cells)
    .filter(({ cells }) => cells.some(isDrawable) && isCurve(cells))
    .flatMap(({ name, cells }) => {
      const legend = labelCounts(cells).map((count, index) => {
        const { sign, colour } = legendSign(index);
        return { sign, style: `s${colour}`, text: counted(count, "label") };
      });
      return [
        figure(draw(throughputChart(cells)), {
          caption: `Throughput (items/s)${name}`,
          legend,
        }),
        figure(draw(latencyChart(cells)), {
          caption: `Median latency (ms)${name}`,
          legend,
        }),
      ];
    });
  return blocks.length === 0 ? [] : [
    gallery(blocks),
    "<p>A bar shows how far the figure may be off by the scatter of its samples (95&#160;% confidence). What differs from run to run is not in it. INVALID cells are left out.</p>",
  ];
}

function samples({ cells }: ReportView, draw: DrawChart): Html[] {
  const measured = cells.filter(({ summary, passes }) =>
    summary !== null && passes.length > 0
  );
  const block = (cell: CellView) =>
    figure(draw(samplesChart(cell)), {
      caption: cell.name,
      note: [shownFigures(cell), shownStatus(cell.status)].filter((text) =>
        text !== ""
      ).join(": "),
    });
  if (measured.length === 0) return [];
  const [first, rest] = [
    measured.filter(isNotable),
    measured.filter((cell) => !isNotable(cell)),
  ];
  return [
    '<p class="legend"><span><i class="s0">●</i> sample (latency in ms)</span> <span><i class="bad">▲</i> looks like a compile</span> <span><i class="doubtful">◆</i> looks like a stall</span> <span><i class="bad">■</i> failed</span> <span>on the right: how often each latency was met, <i class="s1">—</i> p50, <i class="s1">┅</i> p95, <i class="s1">┈</i> p99</span></p>',
    ...(first.length === 0 ? [] : [gallery(first.map(block))]),
    ...(rest.length === 0 ? [] : [
      fold(`${counted(rest.length, "cell")} without doubts`, [
        gallery(rest.map(block)),
      ]),
    ]),
  ];
}

function cellTable(view: ReportView): Html {
  const columns = shownColumns(view);
  const { first, rest } = sortCells(view.cells);
  const isCompared = view.comparison !== null;
  const cells = isCompared ? [...first, ...rest] : view.cells;
  const total = view.comparison?.changePercent ?? null;
  return htmlTable(
    [
      ...columns.map(({ title, kind }) => ({
        title,
        ...(kind === "number" ? { isNumber: true } as const : {}),
      })),
      ...(isCompared ? [] : [{ title: "Samples", isNumber: true } as const]),
    ],
    [
      ...cells.map((cell) => [
        ...columns.map(({ kind, text }) =>
          kind === "status"
            ? statusMark(text(cell), TONES[cell.status])
            : text(cell)
        ),
        ...(isCompared ? [] : [String(cell.summary?.count ?? 0)]),
      ]),
      ...(total === null ? [] : [columns.map(({ total }) => total)]),
    ],
  );
}

/** Why a cell has its status; what is doubtful beside that stands in one list below. */
function whyOf({ verdict, doubts, failures }: CellView): string {
  return [
    verdict === null ? "" : verdictText(verdict.reason),
    joinDoubts(
      doubts.filter(({ kind }) =>
        kind === "invalid" || kind === "not-compared"
      ),
    ),
    ...failures.map(({ outcome, count, example }) =>
      `${count} x ${outcome}: ${example}`
    ),
  ].filter((text) => text !== "").join("; ");
}

function describeGroup({ model, dtype, data, concurrency }: CellKey): string {
  return [
    model,
    dtype,
    ...(data === undefined ? [] : [data]),
    ...(concurrency === undefined ? [] : [`${concurrency} clients`]),
  ].join(", ");
}

/** Cells of one model, data type, data and number of clients stand in one chart; their name is empty where there is one alone. */
function groupByModel(
  cells: readonly CellView[],
): { readonly name: string; readonly cells: readonly CellView[] }[] {
  const groups = Map.groupBy(
    cells,
    ({ key: { model, dtype, data, concurrency } }) =>
      JSON.stringify([model, dtype, data, concurrency]),
  );
  return [...groups.values()].map((group) => ({
    name: groups.size === 1 || group[0] === undefined
      ? ""
      : `: ${describeGroup(group[0].key)}`,
    cells: group,
  }));
}
