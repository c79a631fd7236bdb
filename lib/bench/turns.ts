/**
 * Two servers that are launched in turn, since an accelerator belongs to one process: the runs of A, interleaved in time,
 * are the baseline of the runs of B.
 *
 * @module
 */
import {
  applyComparison,
  type CompareOptions,
  compareRuns,
  type RunComparison,
} from "../baseline/comparison.ts";
import { type Baseline, mergeRuns } from "../baseline/merge.ts";
import { runsOfRecord } from "../baseline/runs.ts";
import { compareServerArgs, serverArgsOf } from "../baseline/server_args.ts";
import { plannedKeys, repeatId } from "../record/cells.ts";
import type {
  CellKey,
  CellResult,
  Run,
  RunOptions,
  ServerRecord,
} from "../record/run.ts";
import { checkAlike } from "../record/resume.ts";
import type { Target, Wanted } from "../server/open.ts";
import type { BenchWorld, CellName } from "./plan.ts";

/** The server that is compared with, or the one that is judged. */
export type Side = "a" | "b";

/** The server that is measured, and the one that it is compared with. */
export interface Targets {
  readonly target: Target;
  readonly compared: Target | null;
  /** Which of two servers the target is, where they are measured in turn. */
  readonly side?: Side;
}

/** A cell that is about to be measured. */
export interface What {
  readonly key: CellKey;
  readonly repeat: number;
  readonly name: CellName;
}

/** Returns the launches in their order, A B B A A B and so on, so that what drifts touches both alike. */
export function turns(
  repeats: number,
): { readonly side: Side; readonly repeat: number }[] {
  return Array.from({ length: repeats }, (_, repeat) => {
    const order: readonly Side[] = repeat % 2 === 0 ? ["a", "b"] : ["b", "a"];
    return order.map((side) => ({ side, repeat }));
  }).flat();
}

/** One launch of one of two servers. */
export interface Turn {
  readonly target: Target;
  readonly side: Side;
  readonly repeat: number;
  /** Whether this server was not launched before. */
  readonly isNew: boolean;
}

/**
 * Launches two servers in turn, and ends each before the next: A B B A A B and so on.
 *
 * @param world How they are launched.
 * @param plan What is measured; launches of which an earlier part of the run has all cells are passed over.
 */
export async function* launchInTurn(
  { openTarget, openCompared, signal }: Pick<
    BenchWorld,
    "openTarget" | "openCompared" | "signal"
  >,
  { options, wanted, kept }: {
    readonly options: RunOptions;
    readonly wanted: Wanted;
    readonly kept: Readonly<Record<Side, readonly CellResult[]>>;
  },
): AsyncGenerator<Turn> {
  const servers = new Map<Side, ServerRecord>();
  for (const { side, repeat } of turns(options.repeats)) {
    if (signal.aborted) return;
    if (isTurnWhole(options, wanted, { cells: kept[side], repeat })) continue;
    const open = side === "a" ? openCompared ?? openTarget : openTarget;
    await using target = await open(wanted);
    const { server } = target;
    checkAlike(servers.values().next().value ?? server, server);
    const isNew = !servers.has(side) && kept[side].length === 0;
    servers.set(side, server);
    yield { target, side, repeat, isNew };
  }
}

/** Tells whether an earlier part of a run has all cells of one launch. */
function isTurnWhole(
  options: RunOptions,
  wanted: Wanted,
  { cells, repeat }: {
    readonly cells: readonly CellResult[];
    readonly repeat: number;
  },
): boolean {
  const of = cells.filter((cell) => cell.repeat === repeat);
  const { model, dtype } =
    of.find(({ key }) =>
      key.model.endsWith(wanted.model) && key.dtype === wanted.dtype
    )?.key ?? wanted;
  const known = new Set(of.map(repeatId));
  return plannedKeys(options, { model, dtype }).every((key) =>
    known.has(repeatId({ key, repeat }))
  );
}

/** Judges the runs of B by those of A, with the noise that they show. */
export function compareTurns(
  run: Run,
  options: CompareOptions,
): RunComparison | null {
  const { reference = [], ...rest } = run;
  const sideOf = (side: string, cells: readonly CellResult[]) =>
    runsOfRecord({ ...rest, cells }, side);
  let baseline: Baseline;
  try {
    baseline = mergeRuns(sideOf("A", reference));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return compareRuns(sideOf("B", run.cells), baseline, options);
}

/** Returns an A/B run with its verdict. */
export function judgeTurns(
  run: Run,
  options: CompareOptions,
): { readonly run: Run; readonly exitCode: 0 | 1 | 3 } {
  const comparison = compareTurns(run, options);
  if (comparison === null) {
    const failure = "no cell of A is fit to be compared";
    const none = {
      ...{ baseline: [], changePercent: null, intervalPercent: null },
      ...{ statistic: "", missing: [], baselineCells: 0, notes: [], failure },
    };
    return { run: { ...run, comparison: none }, exitCode: 3 };
  }
  const { record } = comparison;
  const notes = [
    `A and B were launched in turn, ${run.options.repeats} times each: A is ${run.options.compareAddress}`,
    ...argNotes(run.metadata.servers),
    ...record.notes,
  ];
  return {
    run: applyComparison(run, { ...comparison, record: { ...record, notes } }),
    exitCode: comparison.exitCode,
  };
}

/** Says where the launch arguments of A and B differ: in an A/B run that may be what is compared. */
function argNotes(servers: readonly ServerRecord[]): string[] {
  const pairs = Map.groupBy(servers, ({ model, dtype }) => `${model} ${dtype}`);
  const notes = [...pairs.values()].flatMap(([a, b]) => {
    if (a === undefined || b === undefined) return [];
    const { differing } = compareServerArgs(
      serverArgsOf([a]),
      serverArgsOf([b]),
    );
    return differing === null
      ? []
      : `Launch arguments that differ: ${differing[0]} of A, ${
        differing[1]
      } of B`;
  });
  return [...new Set(notes)];
}
