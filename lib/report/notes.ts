/**
 * Notes on cells, counted: what many cells share is said once.
 *
 * @module
 */
import { type Doubt, DOUBT_KINDS, type DoubtKind } from "../record/doubts.ts";
import type { Status } from "../record/run.ts";
import { sum } from "../stats/summary.ts";
import { counted, listed } from "../wrap.ts";
import { shownStatus } from "./comparison.ts";
import type { CellView } from "./view.ts";

/** So many cells are named one by one. */
const MAX_NAMED = 4;

/** A cell as notes need it. */
export type NotedCell = Pick<CellView, "name" | "doubts">;

/** What several cells of a kind have in common, and what their doubts count; others are told by their texts. */
const SHARED: Readonly<
  Partial<Record<DoubtKind, { readonly text: string; readonly unit: string }>>
> = {
  "warm-up": {
    text: "had warm-up requests that failed",
    unit: "request",
  },
  "unsettled": {
    text: "had latencies that did not settle before the timed requests",
    unit: "warm-up request",
  },
  "stall": { text: "have samples that look like a stall", unit: "sample" },
  "again": {
    text: "were measured again, as timed requests looked like a compile",
    unit: "sample",
  },
  "pause": { text: "met a pause of the client", unit: "sample" },
  "retry": {
    text: "had requests that were sent again on a new connection",
    unit: "request",
  },
  "client": { text: "are so fast that the client blurs them", unit: "" },
  "humps": { text: "show two kinds of answers", unit: "" },
};

/** Returns the doubts about cells, a line for each kind; the gravest kind first. */
export function doubtNotes(cells: readonly NotedCell[]): string[] {
  const all = cells.flatMap(({ name, doubts }) =>
    doubts.map((doubt) => ({ name, doubt }))
  );
  return DOUBT_KINDS.flatMap((kind) =>
    notesOfKind(kind, all.filter(({ doubt }) => doubt.kind === kind))
  );
}

interface NamedDoubt {
  readonly name: string;
  readonly doubt: Doubt;
}

function notesOfKind(kind: DoubtKind, all: readonly NamedDoubt[]): string[] {
  const shared = SHARED[kind];
  const [first] = all;
  if (first === undefined) return [];
  if (shared === undefined || all.length === 1) return notesByText(all);
  const worst = all.reduce((most, one) =>
    (one.doubt.count ?? 0) > (most.doubt.count ?? 0) ? one : most
  );
  const { count } = worst.doubt;
  const example = count === undefined || shared.unit === ""
    ? `first: ${worst.name}: ${worst.doubt.text}`
    : `most: ${worst.name}, ${counted(count, shared.unit)}`;
  return [`${counted(all.length, "cell")} ${shared.text} (${example})`];
}

function notesByText(all: readonly NamedDoubt[]): string[] {
  return [...Map.groupBy(all, ({ doubt }) => doubt.text)].map(
    ([text, same]) => `${namesOf(same)}: ${text}`,
  );
}

function namesOf(cells: readonly { readonly name: string }[]): string {
  const names = listed([...new Set(cells.map(({ name }) => name))], MAX_NAMED);
  return cells.length === 1 ? names : `${cells.length} cells (${names})`;
}

/** So many kinds of failures are told, the most frequent first. */
const MAX_FAILURES = 20;

/** Returns the failed requests, a line for each kind and for what was said of it; the most frequent first. */
export function failureNotes(
  cells: readonly Pick<CellView, "name" | "failures">[],
): string[] {
  const all = cells.flatMap(({ name, failures }) =>
    failures.map((failure) => ({ name, ...failure }))
  );
  const lines = [
    ...Map.groupBy(
      all,
      ({ outcome, example }) => `${outcome}: ${example}`,
    ),
  ].map(([text, same]) => ({
    count: sum(same.map(({ count }) => count)),
    text,
    names: namesOf(same),
  })).toSorted((a, b) => b.count - a.count);
  const more = lines.length - MAX_FAILURES;
  return [
    ...lines.slice(0, MAX_FAILURES).map(({ count, text, names }) =>
      `${count} x ${text} (${names})`
    ),
    ...(more > 0
      ? [`${counted(more, "more kind")} of failures are in the record`]
      : []),
  ];
}

/** The statuses that have a reason worth a line, in the order in which cells are told of. */
const TOLD: readonly Status[] = [
  "REGRESSION",
  "WARN",
  "IMPROVED",
  "INVALID",
  "INCONCLUSIVE",
  "NEW",
];

/** Returns why cells have the statuses that they have, a line for each status and reason; none for a plain OK. */
export function verdictNotes(
  cells: readonly Pick<CellView, "name" | "status" | "verdict">[],
): string[] {
  return TOLD.flatMap((status) => {
    const same = cells.flatMap((cell) =>
      cell.status === status && cell.verdict !== null
        ? [{ name: cell.name, ...partsOf(cell.verdict.reason) }]
        : []
    );
    return [...Map.groupBy(same, ({ why }) => why)].map(([why, group]) => {
      const advice = [...new Set(group.map(({ advice }) => advice))];
      return `${shownStatus(status)}, ${namesOf(group)}: ${why}${
        advice.length === 1 ? advice[0] : ""
      }`;
    });
  });
}

/** Returns the reason of a verdict without the numbers before it, which stand beside it anyway. */
export function verdictText(reason: string): string {
  return reason.slice(reason.indexOf(": ") + 1).trimStart();
}

/** The numbers before the reason stand in the table; what would decide differs from cell to cell. */
function partsOf(reason: string): { readonly why: string; advice: string } {
  const text = verdictText(reason);
  const [why = "", ...rest] = text.split("; ");
  return { why, advice: rest.map((part) => `; ${part}`).join("") };
}
