/**
 * Finds where a result and the runs of a baseline are not alike, and says it in words.
 *
 * @module
 */
import type { CellKey, RunOptions, ServerRecord } from "../record/run.ts";
import {
  findMismatches,
  findUnknown,
  knownText,
  type Mismatch,
  type MismatchName,
  plannedConditions,
  serverConditions,
} from "./conditions.ts";
import { compareServerArgs, loneArgNotes } from "./server_args.ts";
import { isSameRun, type StoredRun } from "./runs.ts";
import { cellId, plannedKeys } from "../record/cells.ts";

/** A difference that was found, and in which run of the baseline. */
export interface RunMismatch extends Mismatch {
  /** The first run of the baseline that differs so. */
  readonly source: string;
}

/** Returns a text for each cell that is the same for cells that are compared with each other. */
export type CellMatcher = (key: CellKey) => string;

/** Returns a matcher that leaves out the names that may differ. */
export function createMatcher(allowed: readonly MismatchName[]): CellMatcher {
  return ({ data, ...key }) =>
    cellId({
      ...key,
      ...(allowed.includes("model") ? { model: "" } : {}),
      ...(allowed.includes("dtype") ? { dtype: "" } : {}),
      ...(data === undefined || allowed.includes("workload") ? {} : { data }),
    });
}

/** Lists what differs in the conditions, each difference once. */
export function conditionMismatches(
  result: readonly Pick<StoredRun, "conditions">[],
  baseline: readonly StoredRun[],
): RunMismatch[] {
  const found = new Map<string, RunMismatch>();
  for (const { conditions, source } of baseline) {
    for (const run of result) {
      for (const mismatch of findMismatches(conditions, run.conditions)) {
        const text = JSON.stringify(mismatch);
        if (!found.has(text)) found.set(text, { ...mismatch, source });
      }
    }
  }
  return [...found.values()];
}

/**
 * Lists the models and data types of which nothing is left in the result while it has others: a renamed model would
 * else be new, and whatever became of the old one would pass.
 */
export function nameMismatches(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
): RunMismatch[] {
  return (["model", "dtype"] as const).flatMap((name) => {
    const [was, is] = [baseline, result].map((runs) =>
      new Set(runs.flatMap(({ cells }) => cells.map(({ key }) => key[name])))
    );
    const gone = [...was?.difference(is ?? new Set()) ?? []].join(", ");
    const fresh = [...is?.difference(was ?? new Set()) ?? []].join(", ");
    if (gone === "" || fresh === "") return [];
    return {
      name,
      baseline: gone,
      result: fresh,
      source: baseline[0]?.source ?? "",
    };
  });
}

/** Lists the cells of the baseline that the result lacks. */
export function findMissing(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
  matchText: CellMatcher,
): CellKey[] {
  const cellsOf = (runs: readonly StoredRun[]) =>
    runs.flatMap(({ cells }) => cells);
  const measured = new Set(cellsOf(result).map(({ key }) => matchText(key)));
  const missing = new Map(
    cellsOf(baseline).filter(({ unfit }) => unfit === null)
      .map(({ key }) => [matchText(key), key]),
  );
  return [...missing].flatMap(([text, key]) => measured.has(text) ? [] : key);
}

/** Says if cells cannot be told apart once their names may differ, or null. */
export function findAmbiguity(
  runs: readonly StoredRun[],
  matchText: CellMatcher,
): string | null {
  const isAmbiguous = runs.some(({ cells }) =>
    new Set(cells.map(({ key }) => matchText(key))).size < cells.length
  );
  return isAmbiguous
    ? "cells of several models, data types or --data cannot be told apart with --allow-mismatch model, dtype or workload: compare one at a time"
    : null;
}

/** Says why a comparison is refused, and how to have it all the same. */
export function describeRefusal(mismatches: readonly RunMismatch[]): string {
  const names = [...new Set(mismatches.map(({ name }) => name))];
  const isRenamed = names.some((name) => name === "model" || name === "dtype");
  return `only like is compared with like: ${
    mismatches.map(describeMismatch).join("; ")
  }${
    isRenamed ? " (was it renamed?)" : ""
  }. Give another baseline, or compare all the same with ${
    names.map((name) => `--allow-mismatch ${name}`).join(" ")
  }`;
}

/**
 * Says why what is about to be measured cannot be compared with a baseline, or null; to be called before
 * the first request. The hardware and the names are known only afterwards.
 */
export function findPlanProblem(
  options: RunOptions,
  { baseline, allowMismatch }: {
    readonly baseline: readonly StoredRun[];
    readonly allowMismatch: readonly MismatchName[];
  },
): string | null {
  const conditions = plannedConditions(options);
  const mismatches = conditionMismatches([{ conditions }], baseline)
    .filter(({ name }) => !allowMismatch.includes(name));
  return mismatches.length === 0 ? null : describeRefusal(mismatches);
}

/**
 * Says why what a server is cannot be compared with a baseline, or null; to be called before its first cell, so that
 * half an hour is not measured for a refusal.
 *
 * @param options The options; where several servers are launched, the names of the others are not known yet.
 * @param known What it is compared with; a run that is only appended (`isAppended`) may be of other models and cells.
 */
export function findServerProblem(
  server: ServerRecord,
  options: RunOptions,
  { baseline, allowMismatch, isAppended = false }: {
    readonly baseline: readonly StoredRun[];
    readonly allowMismatch: readonly MismatchName[];
    readonly isAppended?: boolean;
  },
): string | null {
  const { models, dtypes, target } = options;
  const isOnly = target === "url" || models.length * dtypes.length === 1;
  const keys = plannedKeys(options, server);
  const run = {
    source: "",
    timestamp: null,
    conditions: {
      ...plannedConditions(options),
      hardware: isOnly ? knownText(server.hardware) : null,
      tpSize: isOnly ? server.tpSize : null,
      ...serverConditions([server]),
    },
    cells: keys.map((key) => ({ key, value: null, unfit: null })),
    lackingCells: 0,
  };
  const mismatches = [
    ...conditionMismatches([run], baseline),
    ...(isOnly && !isAppended ? nameMismatches([run], baseline) : []),
  ].filter(({ name }) => !allowMismatch.includes(name));
  if (mismatches.length > 0) return describeRefusal(mismatches);
  const matchText = createMatcher(allowMismatch);
  const known = new Set(
    baseline.flatMap(({ cells }) => cells.map(({ key }) => matchText(key))),
  );
  return isOnly && !isAppended && !keys.some((key) => known.has(matchText(key)))
    ? NO_CELL_KNOWN
    : null;
}

/** Why a comparison comes to nothing where the baseline has other cells. */
export const NO_CELL_KNOWN =
  "no cell of the result is in the baseline: give a baseline of these batch sizes, label counts, data and clients";

/** Says what a comparison overlooks. */
export function describeAllowed(mismatch: RunMismatch): string {
  return `Compared all the same, as --allow-mismatch asks: ${
    describeMismatch(mismatch)
  }`;
}

/** Says what cannot be checked, what is another version, and what is compared with itself. */
export function likenessNotes(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
): string[] {
  const pairs = baseline.flatMap((run) =>
    result.map((one) => ({ was: run, is: one }))
  );
  const unknown = new Set(
    pairs.flatMap(({ was, is }) => findUnknown(was.conditions, is.conditions)),
  );
  const versions = (runs: readonly StoredRun[]) =>
    [...new Set(runs.flatMap((run) => run.conditions.serverVersion ?? []))]
      .join(", ");
  const [was, is] = [versions(baseline), versions(result)];
  const same = pairs.find((pair) => isSameRun(pair.was, pair.is));
  return [
    ...(unknown.size === 0 ? [] : [
      `Cannot check whether these are alike, since the files do not tell: ${
        [...unknown].join(", ")
      }. Metadata beside a CSV (NAME-metadata.json) would`,
    ]),
    ...(was === "" || is === "" || was === is ? [] : [
      `Another server version: ${was} in the baseline, ${is} in the result`,
    ]),
    ...versionNotes(result, baseline),
    ...argNotes(result, baseline),
    ...ageNote(result, baseline),
    ...(same === undefined ? [] : [
      `The result is itself a run of the baseline (${same.was.source})`,
    ]),
  ];
}

/** Says of what another version is run, as another JAX alone changed the speed of a TPU by half. */
function versionNotes(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
): string[] {
  const versionsOf = (runs: readonly StoredRun[], name: string) =>
    [
      ...new Set(
        runs.flatMap(({ conditions }) => conditions.versions[name] ?? []),
      ),
    ].join(", ");
  const names = new Set(
    baseline.flatMap(({ conditions }) => Object.keys(conditions.versions)),
  );
  return [...names].flatMap((name) => {
    const [was, is] = [versionsOf(baseline, name), versionsOf(result, name)];
    return is === "" || was === is
      ? []
      : `Another version of ${name}: ${was} in the baseline, ${is} in the result`;
  });
}

function argNotes(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
): string[] {
  const [was, is] = [baseline.at(-1), result.at(-1)];
  return was === undefined || is === undefined ? [] : loneArgNotes(
    compareServerArgs(was.conditions.serverArgs, is.conditions.serverArgs),
  );
}

/** A baseline is to be reviewed after this many days. */
const MAX_AGE_DAYS = 90;

const DAY_MS = 86_400_000;

function ageNote(
  result: readonly StoredRun[],
  baseline: readonly StoredRun[],
): string[] {
  const newest = (runs: readonly StoredRun[]) =>
    Math.max(
      ...runs.map(({ timestamp }) => Date.parse(timestamp ?? "")).filter(
        (timeMs) => !Number.isNaN(timeMs),
      ),
    );
  // Of no runs the newest is at minus infinity, and the difference no number above a limit.
  const days = Math.floor((newest(result) - newest(baseline)) / DAY_MS);
  return days > MAX_AGE_DAYS && Number.isFinite(days)
    ? [
      `The newest run of the baseline is ${days} days older than the result: review it, or renew it (more than ${MAX_AGE_DAYS} days)`,
    ]
    : [];
}

function describeMismatch(
  { name, baseline, result, source }: RunMismatch,
): string {
  return `${name} is ${baseline} in the baseline (${source}), ${result} in the result`;
}
