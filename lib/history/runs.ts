/**
 * The runs of a history: what a trend needs of each, and which of them are alike.
 *
 * @module
 */
import type { Conditions } from "../baseline/conditions.ts";
import { runsOfRecord } from "../baseline/runs.ts";
import type { CellKey, Run } from "../record/run.ts";
import { mean } from "../stats/summary.ts";
import { cellId, groupCells } from "../record/cells.ts";

/** One run of a history: what the trend needs of it, and no more. */
export interface HistoryRun {
  readonly source: string;
  /** When it started, ISO 8601. */
  readonly timestamp: string;
  /** The commit that was measured, or "unknown". */
  readonly commit: string;
  /** The versions of the server and of the tool, in words. */
  readonly versions: string;
  /** What it must have in common with others. */
  readonly conditions: Conditions;
  /** The median latency of each cell that is fit to be compared, in milliseconds. */
  readonly cells: readonly {
    readonly key: CellKey;
    /** The same for the same cell and label ids. */
    readonly id: string;
    /** Its median latency in milliseconds. */
    readonly p50Ms: number;
  }[];
}

/** Returns what a run record adds to a history, its repeats together; null where no cell is fit to be compared. */
export function historyRun(run: Run, source: string): HistoryRun | null {
  const { metadata } = run;
  const stored = runsOfRecord(run, source);
  const groups = groupCells(stored.flatMap(({ cells }) => cells));
  const cells = groups.flatMap((repeats) => {
    const { key } = repeats[0];
    const logs = repeats.flatMap(({ value }) =>
      value === null ? [] : [Math.log(value.p50Ms)]
    );
    if (logs.length === 0) return [];
    const labelIds = metadata["label_token_ids"][key.numLabels] ?? [];
    return { key, id: cellId(key) + labelIds, p50Ms: Math.exp(mean(logs)) };
  });
  const conditions = stored[0]?.conditions;
  return cells.length === 0 || conditions === undefined ? null : {
    source,
    timestamp: metadata.timestamp,
    commit: metadata["commit_hash"],
    versions: [
      `server ${conditions.serverVersion ?? "of unknown version"}`,
      `scorebench ${metadata["tool_version"]}`,
      `Deno ${metadata["deno_version"]}`,
    ].join(", "),
    conditions,
    cells,
  };
}

/** Puts a history into groups of runs that are alike, each oldest first; the group with the newest run first. */
export function groupHistory(
  history: readonly HistoryRun[],
): (readonly HistoryRun[])[] {
  const distinct = new Map(history.map((run) => [identityOf(run), run]));
  const groups = Map.groupBy(distinct.values(), conditionsText);
  return [...groups.values()]
    .map((runs) => runs.toSorted(byTime))
    .toSorted((a, b) => byTime(b.at(-1), a.at(-1)));
}

function byTime(a: HistoryRun | undefined, b: HistoryRun | undefined): number {
  const timeOf = (run: HistoryRun | undefined) =>
    Date.parse(run?.timestamp ?? "") || 0;
  return timeOf(a) - timeOf(b);
}

/** The same for copies of one run, wherever they lie. */
function identityOf({ timestamp, cells }: HistoryRun): string {
  return JSON.stringify([timestamp, cells.map(({ p50Ms }) => p50Ms)]);
}

/** The same for runs that are alike; what the server's version changed is what a history is there to show. */
function conditionsText({ conditions }: HistoryRun): string {
  // The label ids are those of each cell.
  return JSON.stringify({
    ...conditions,
    serverVersion: null,
    versions: null,
    labelTokenIds: null,
  });
}
