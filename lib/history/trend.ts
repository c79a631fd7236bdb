/**
 * The history of a benchmark: where the level of each cell changed, what drifts, and what is still slower.
 *
 * Only like is compared with like: runs of other hardware, targets, regimes or workloads are histories of their own.
 * As in the gate, the change of a cell is split in two: what the whole run shares (machine, clock, neighbours, or
 * a change everywhere) and its own. A night that is slow in all cells is then one odd value of one series, not a
 * change in each cell; a level that stays is found in the shared series once.
 *
 * @module
 */
import { type Conditions, UNKNOWN_CONDITIONS } from "../baseline/conditions.ts";
import { slowdownOfDrop } from "../gate/rule.ts";
import { DEFAULT_WARN_PERCENT } from "../gate/verdict.ts";
import type { CellKey } from "../record/run.ts";
import {
  findSegments,
  fittedAt,
  type Segment,
} from "../stats/change_points.ts";
import { median } from "../stats/summary.ts";
import { groupHistory, type HistoryRun } from "./runs.ts";
import { cellId } from "../record/cells.ts";

/** The history of one cell among runs that are alike. */
export interface CellTrend {
  readonly key: CellKey;
  /** Its median latency in each run of its group, in milliseconds; null where it was not measured. */
  readonly p50Ms: readonly (number | null)[];
  /** The level in each run, in milliseconds; null where it was not measured. */
  readonly levelMs: readonly (number | null)[];
}

/** A change of one cell; below 0 is slower. */
export interface CellChange {
  readonly key: CellKey;
  /** The change of throughput in percent. */
  readonly changePercent: number;
  /** What of a slowdown no later gain has made good, in percent; 0 for a gain. */
  readonly openPercent: number;
}

/** A place at which levels changed, or the begin of a drift. */
export interface TrendEvent {
  readonly kind: "step" | "drift";
  /** The index of the first run after the change; of a drift, of its first run. */
  readonly index: number;
  /** The index of the last run of a drift; of a step the same as `index`. */
  readonly endIndex: number;
  /** Where else it may have been: the indices of the earliest and the latest first run. */
  readonly range: readonly [earliest: number, latest: number];
  /** The cells that changed, the slowest first. */
  readonly cells: readonly CellChange[];
  /** Whether all cells of the group changed. */
  readonly isEverywhere: boolean;
}

/** The runs that are alike, and what happened in them. */
export interface TrendGroup {
  readonly conditions: Conditions;
  /** The runs, oldest first. */
  readonly runs: readonly HistoryRun[];
  /** What all cells share in each run, as logarithms of latency around 0: measured, and as levels. */
  readonly shared: {
    /** The distance of the median cell from its own median. */
    readonly logs: readonly number[];
    /** The fitted levels and drifts. */
    readonly levels: readonly number[];
  };
  /** The cells, in order of model, type, labels and batch size. */
  readonly cells: readonly CellTrend[];
  /** The changes, newest first. */
  readonly events: readonly TrendEvent[];
}

/** The chance of any change in a group of runs in which nothing changed. */
export const TREND_FALSE_ALARM = 0.01;

/** Smaller changes are not worth a look even where they are certain: half of what the gate warns of, in percent. */
export const MIN_CHANGE_PERCENT: number = DEFAULT_WARN_PERCENT / 2;

/** A drift has to be as large as what the gate warns of, in percent: a line fits small wanderings too. */
const MIN_DRIFT_PERCENT = DEFAULT_WARN_PERCENT;

const MIN_CHANGE = slowdownOfDrop(MIN_CHANGE_PERCENT / 100);

/** Below this many cells the median of all is the cell itself, and nothing can be told apart. */
const MIN_SHARED_CELLS = 4;

/** Changes that are no farther apart than this, in runs, are one. */
const SAME_PLACE_RUNS = 3;

/** Finds what happened in a history, for each group of runs that are alike; the group with the newest run first. */
export function findTrends(history: readonly HistoryRun[]): TrendGroup[] {
  return groupHistory(history).map(findTrend);
}

/** Returns the changes after which cells are slower until now, by what the gate warns of or more. */
export function openRegressions({ events }: TrendGroup): TrendEvent[] {
  return events.flatMap((event) => {
    const cells = event.cells.filter(({ openPercent }) =>
      openPercent <= -DEFAULT_WARN_PERCENT
    );
    return cells.length === 0 ? [] : [{ ...event, cells }];
  });
}

/** One series: a cell, the runs that hold it, and its logarithms in them. */
interface Series {
  readonly key: CellKey;
  readonly indices: readonly number[];
  readonly logs: readonly number[];
}

/** A series with the stretches of its own part, and the level that they and the shared part make. */
interface Fitted extends Series {
  readonly segments: readonly Segment[];
  readonly level: (index: number) => number;
}

function findTrend(runs: readonly HistoryRun[]): TrendGroup {
  const series = collectSeries(runs);
  const chance = TREND_FALSE_ALARM / (series.length + 1);
  const sharedLogs = sharedSeries(series, runs.length);
  const shared = findSegments(sharedLogs, chance);
  const own = series.map(({ indices, logs }) =>
    findSegments(
      logs.map((log, i) => log - (sharedLogs[indices[i] ?? 0] ?? 0)),
      chance,
    ).map((segment) => inRuns(segment, indices, runs.length))
  );
  const places = findPlaces(shared, own);
  const fitted = series.map((one, i): Fitted => {
    const segments = (own[i] ?? []).map((segment) => snap(segment, places))
      .filter(({ start, end }) => start < end);
    return {
      ...one,
      segments,
      level: (index) => fittedAt(segments, index) + fittedAt(shared, index),
    };
  });
  return {
    conditions: runs[0]?.conditions ?? UNKNOWN_CONDITIONS,
    runs,
    shared: {
      logs: sharedLogs,
      levels: sharedLogs.map((_, index) => fittedAt(shared, index)),
    },
    cells: fitted.map((one) => toTrend(one, runs.length)),
    events: markOpen([
      ...places.flatMap((place) => stepEvent(place, fitted)),
      ...driftEvents(shared, fitted),
    ].toSorted((a, b) => a.index - b.index)).toReversed(),
  };
}

function collectSeries(runs: readonly HistoryRun[]): Series[] {
  const found = new Map<
    string,
    { key: CellKey; indices: number[]; logs: number[] }
  >();
  runs.forEach(({ cells }, index) => {
    for (const { key, id, p50Ms } of cells) {
      const series = found.get(id) ?? { key, indices: [], logs: [] };
      series.indices.push(index);
      series.logs.push(Math.log(p50Ms));
      found.set(id, series);
    }
  });
  return [...found.values()].toSorted(({ key: a }, { key: b }) =>
    a.model.localeCompare(b.model) || a.dtype.localeCompare(b.dtype) ||
    a.numLabels - b.numLabels || a.batchSize - b.batchSize
  );
}

/** Returns for each run how far the median cell lies from its own median. */
function sharedSeries(series: readonly Series[], count: number): number[] {
  const distances: number[][] = Array.from({ length: count }, () => []);
  for (const { indices, logs } of series) {
    const centre = median(logs);
    indices.forEach((index, i) =>
      distances[index]?.push((logs[i] ?? centre) - centre)
    );
  }
  return distances.map((cells) =>
    cells.length < MIN_SHARED_CELLS ? 0 : median(cells)
  );
}

/** Turns the places in a series into those in the history, where runs may lack the cell. */
function inRuns(
  { start, end, startRange, ...rest }: Segment,
  indices: readonly number[],
  count: number,
): Segment {
  const at = (place: number) => indices[place] ?? count;
  return {
    ...rest,
    // The level of the first runs is that of runs before them, so that it is known everywhere.
    start: start === 0 ? 0 : at(start),
    end: at(end),
    startRange: [at(startRange[0]), at(startRange[1])],
  };
}

/** Finds where levels change: what all share first, then the largest changes; what is near them is at the same place. */
function findPlaces(
  shared: readonly Segment[],
  own: readonly (readonly Segment[])[],
): Segment[] {
  const places: Segment[] = [];
  const changesOf = (segments: readonly Segment[]) =>
    segments.slice(1).map((segment, i) => ({
      segment,
      size: Math.abs(segment.first - (segments[i]?.last ?? 0)),
    })).filter(({ size }) => size >= MIN_CHANGE);
  const candidates = [
    ...changesOf(shared).toSorted((a, b) => b.size - a.size),
    ...own.flatMap(changesOf).toSorted((a, b) => b.size - a.size),
  ];
  for (const { segment } of candidates) {
    if (!places.some((place) => isNear(place.start, segment.start))) {
      places.push(segment);
    }
  }
  return places;
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= SAME_PLACE_RUNS;
}

function snap(segment: Segment, places: readonly Segment[]): Segment {
  const nearest = (index: number) =>
    places.find(({ start }) => isNear(start, index))?.start ?? index;
  return {
    ...segment,
    start: segment.start === 0 ? 0 : nearest(segment.start),
    end: nearest(segment.end),
  };
}

function stepEvent(place: Segment, fitted: readonly Fitted[]): TrendEvent[] {
  const { start: index, startRange } = place;
  const known = fitted.filter(({ indices }) =>
    (indices[0] ?? Infinity) < index && (indices.at(-1) ?? 0) >= index
  );
  const cells = known.flatMap(({ key, level }) =>
    changeOf(key, level(index) - level(index - 1))
  );
  return cells.length === 0 ? [] : [{
    kind: "step",
    index,
    endIndex: index,
    range: startRange,
    cells: cells.toSorted((a, b) => a.changePercent - b.changePercent),
    isEverywhere: cells.length === known.length && known.length > 1,
  }];
}

/** A drift that all share is told once; what a cell drifts beyond it, of the cell. */
function driftEvents(
  shared: readonly Segment[],
  fitted: readonly Fitted[],
): TrendEvent[] {
  const event = (segment: Segment, cells: readonly Fitted[]): TrendEvent[] => {
    const changed = cells.flatMap(({ key }) =>
      changeOf(key, segment.last - segment.first, MIN_DRIFT_PERCENT)
    );
    return segment.kind === "level" || changed.length === 0 ? [] : [{
      kind: "drift",
      index: segment.start,
      endIndex: segment.end - 1,
      range: segment.startRange,
      cells: changed,
      isEverywhere: cells.length > 1,
    }];
  };
  return [
    ...shared.flatMap((segment) => event(segment, fitted)),
    ...fitted.flatMap((one) =>
      one.segments.flatMap((segment) => event(segment, [one]))
    ),
  ];
}

/** Returns the change of a cell; nothing where it is not worth a look. */
function changeOf(
  key: CellKey,
  slowdown: number,
  leastPercent = MIN_CHANGE_PERCENT,
): CellChange[] {
  const changePercent = 100 * Math.expm1(-slowdown);
  return Math.abs(changePercent) < leastPercent
    ? []
    : [{ key, changePercent, openPercent: Math.min(0, changePercent) }];
}

/** Lets each gain of a cell make good its slowdowns before it, the newest first; events are oldest first. */
function markOpen(events: readonly TrendEvent[]): TrendEvent[] {
  const logOf = (percent: number) => Math.log1p(percent / 100);
  const open = new Map<string, { change: CellChange; left: number }[]>();
  for (const change of events.flatMap(({ cells }) => cells)) {
    const text = cellId(change.key);
    const changes = open.get(text) ?? [];
    open.set(text, changes);
    let gain = logOf(change.changePercent);
    if (gain < 0) changes.unshift({ change, left: gain });
    for (const slowdown of gain < 0 ? [] : changes) {
      const made = Math.min(gain, -slowdown.left);
      slowdown.left += made;
      gain -= made;
    }
  }
  const left = new Map(
    [...open.values()].flat().map((one) => [one.change, one.left]),
  );
  return events.map((event) => ({
    ...event,
    cells: event.cells.map((change) => ({
      ...change,
      openPercent: 100 * Math.expm1(left.get(change) ?? 0),
    })),
  }));
}

function toTrend(
  { key, indices, logs, level }: Fitted,
  count: number,
): CellTrend {
  const p50Ms = Array<number | null>(count).fill(null);
  indices.forEach((index, i) => {
    p50Ms[index] = Math.exp(logs[i] ?? NaN);
  });
  return {
    key,
    p50Ms,
    levelMs: p50Ms.map((value, index) =>
      value === null ? null : Math.exp(level(index))
    ),
  };
}
