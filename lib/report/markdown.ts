/**
 * Results as Markdown for the summary of a GitHub job: the verdict, what changed, and the rest in folds.
 *
 * @module
 */
import { PERCENTILE_NOTE, shownColumns } from "./columns.ts";
import { shownStatus } from "./comparison.ts";
import { counted } from "../wrap.ts";
import { escapeMarkdown } from "./markup.ts";
import {
  type CellView,
  isNotable,
  type ReportView,
  sortCells,
  type Tone,
} from "./view.ts";

/** GitHub refuses the summary of a step above this: docs.github.com, "Workflow commands", "Step isolation and limits". */
const MAX_SUMMARY_BYTES = 1024 * 1024;

/** Room for the note that something was cut. */
const CUT_NOTE = "\n\n*Cut here, since GitHub shows no more than 1 MiB.*\n";

/** More notable cells than this are counted and found in the whole table; a reader stops before. */
const MAX_NOTABLE = 50;

/** A sign before the verdict, for the eye; the words say the same. */
const SIGNS: Readonly<Record<Tone, string>> = {
  good: "✅",
  doubtful: "⚠️",
  bad: "❌",
  none: "📏",
};

/** Says that no real server was measured. */
export const SIMULATED_NOTE = "Simulated engine: no real server was measured.";

/** Writes results as Markdown of at most 1 MiB. */
export function renderMarkdown(views: readonly ReportView[]): string {
  return cutToBytes(`${views.map(renderView).join("\n\n---\n\n")}\n`);
}

/** Returns a table of Markdown; its cells are escaped already. */
export function markdownTable(
  columns: readonly { readonly title: string; readonly isNumber?: true }[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ isNumber }) => isNumber ? "---:" : "---")),
    ...rows.map(line),
  ].join("\n");
}

/** Returns a fold of Markdown; its title and its content are escaped already. */
export function markdownFold(title: string, content: string): string {
  return `<details>\n<summary>${title}</summary>\n\n${content}\n\n</details>`;
}

/** Cuts Markdown to the bytes that GitHub takes, at the end of a line, with a note. */
export function cutToBytes(text: string, maxBytes = MAX_SUMMARY_BYTES): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  // An open fold is closed, since the note stands outside of it.
  const end = `\n\n</details>${CUT_NOTE}`;
  const room = maxBytes - new TextEncoder().encode(end).length;
  const head = new TextDecoder().decode(bytes.subarray(0, room));
  const whole = head.slice(0, head.lastIndexOf("\n"));
  const isOpen = whole.lastIndexOf("<details>") >
    whole.lastIndexOf("</details>");
  return `${whole}${isOpen ? end : CUT_NOTE}`;
}

function renderView(view: ReportView): string {
  const { title, headline, tone, cells, notes, facts } = view;
  const { first, rest } = sortCells(cells);
  const notable = [...first, ...rest].filter(isNotable);
  return [
    `## ${SIGNS[tone]} ${escapeMarkdown(headline)}`,
    escapeMarkdown(title) +
    (view.isSimulated ? `. **${SIMULATED_NOTE}**` : ""),
    ...(notable.length === 0 ? [] : [
      view.comparison === null ? "### In doubt" : "### What changed",
      cellTable(notable.slice(0, MAX_NOTABLE), view),
      notable.slice(0, MAX_NOTABLE).map(reasonLine).join("\n"),
      ...(notable.length > MAX_NOTABLE
        ? [`${notable.length - MAX_NOTABLE} more are in the table below.`]
        : []),
    ]),
    markdownFold(
      `${counted(cells.length, "cell")} of the result`,
      `${cellTable([...first, ...rest], view, true)}\n\n${
        escapeMarkdown(PERCENTILE_NOTE)
      }`,
    ),
    markdownFold(
      "How it was measured",
      [
        markdownTable(
          [{ title: "What" }, { title: "Value" }],
          facts.map((fact) => fact.map(escapeMarkdown)),
        ),
        notes.map((note) => `- ${escapeMarkdown(note)}`).join("\n"),
      ].join("\n\n"),
    ),
  ].join("\n\n");
}

function cellTable(
  cells: readonly CellView[],
  view: ReportView,
  withTotal = false,
): string {
  const columns = shownColumns(view);
  const status = (text: string) => text === "FAIL" ? `**${text}**` : text;
  return markdownTable(
    columns.map(({ title, kind }) => ({
      title,
      ...(kind === "number" ? { isNumber: true } as const : {}),
    })),
    [
      ...cells.map((cell) =>
        columns.map(({ kind, text }) =>
          kind === "status" ? status(text(cell)) : escapeMarkdown(text(cell))
        )
      ),
      ...(withTotal && view.comparison?.changePercent !== null &&
          view.comparison !== null
        ? [columns.map(({ total }) => escapeMarkdown(total))]
        : []),
    ],
  );
}

function reasonLine({ name, status, reason, failures }: CellView): string {
  const lines = failures.map(({ outcome, count, example }) =>
    `  - ${count} x ${outcome}: ${escapeMarkdown(example)}`
  );
  const why = reason === "" ? "" : `: ${escapeMarkdown(reason)}`;
  return [`- ${escapeMarkdown(name)}: ${shownStatus(status)}${why}`, ...lines]
    .join("\n");
}
