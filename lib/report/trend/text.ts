/**
 * What is said of a history in words; nothing of it is escaped.
 *
 * @module
 */
import type { Conditions } from "../../baseline/conditions.ts";
import { signed } from "../../gate/verdict.ts";
import type { HistoryRun } from "../../history/runs.ts";
import type { TrendEvent, TrendGroup } from "../../history/trend.ts";
import type { CellKey } from "../../record/run.ts";
import { median } from "../../stats/summary.ts";
import { cellNamer } from "../../record/cells.ts";
import { counted } from "../../wrap.ts";

/** More cells of one change than this are counted. */
const MAX_NAMED_CELLS = 8;

/** Returns what the runs of a group have in common. */
export function describeConditions(conditions: Conditions): string {
  const { hardware, target, prefixCache, applySoftmax, data } = conditions;
  return [
    hardware ?? "unknown hardware",
    target ?? "unknown target",
    `prefix cache ${prefixCache ?? "unknown"}`,
    data === null ? "unknown prompts" : Object.values(data).join("; "),
    ...(applySoftmax === false ? ["no softmax"] : []),
  ].join(", ");
}

/** Says of a regression how large it is and where, and since when. */
export function describeOpen(
  event: TrendEvent,
  { runs, cells }: TrendGroup,
): { readonly what: string; readonly since: string } {
  const nameOf = cellNamer(cells.map(({ key }) => key));
  const [bad, good] = [runs[event.index], runs[event.index - 1]];
  const left = event.cells.map(({ openPercent }) => openPercent);
  const size = event.isEverywhere ? median(left) : Math.min(...left);
  const [earliest, latest] = event.range;
  const span = earliest === latest
    ? ""
    : `, or any from ${commitText(runs[earliest])} to ${
      commitText(runs[latest])
    }`;
  const when = event.kind === "drift"
    ? `drifts from ${commitText(bad)} to ${commitText(runs[event.endIndex])}`
    : `first bad commit ${commitText(bad)}, last good ${
      commitText(good)
    }${span}`;
  const versions = good === undefined || bad === undefined ||
      good.versions === bad.versions
    ? ""
    : `; before it ${good.versions}, from it on ${bad.versions}`;
  return {
    what: `throughput ${signed(size)}, ${cellsText(event, nameOf)}`,
    since: `${when}; ${
      counted(runs.length - event.index, "run")
    } since${versions}`,
  };
}

function commitText(run: HistoryRun | undefined): string {
  return run === undefined
    ? "unknown"
    : `${run.commit} (${run.timestamp.slice(0, 10)})`;
}

/**
 * Returns the change of throughput at an event in percent, as the list and the charts give it: of a change of all cells
 * their median, else that of the cell that changed most.
 */
export function changeOf({ cells, isEverywhere }: TrendEvent): number {
  const percents = cells.map(({ changePercent }) => changePercent);
  if (isEverywhere) return median(percents);
  const least = Math.min(...percents);
  return least < 0 ? least : Math.max(...percents);
}

/** Returns the names of the cells of a change. */
export function cellsText(
  { cells, isEverywhere }: TrendEvent,
  nameOf: (key: CellKey) => string,
): string {
  if (isEverywhere) {
    const [least, most] = [cells[0], cells.at(-1)];
    return `all ${counted(cells.length, "cell")}${
      least === undefined || most === undefined
        ? ""
        : `, from ${signed(least.changePercent)} (${nameOf(least.key)}) to ${
          signed(most.changePercent)
        } (${nameOf(most.key)})`
    }`;
  }
  const named = cells.slice(0, MAX_NAMED_CELLS).map(({ key }) => nameOf(key))
    .join("; ");
  return cells.length > MAX_NAMED_CELLS
    ? `${named}; and ${counted(cells.length - MAX_NAMED_CELLS, "more cell")}`
    : named;
}
