/**
 * What every rendering of a result for people shows: the verdict first, then each cell once.
 *
 * @module
 */
import { summarisePasses } from "../record/passes.ts";
import { CUSTOM_PROFILE } from "../bench/profiles.ts";
import type { ComparedCell, RunComparison } from "../baseline/comparison.ts";
import { describeClient } from "../load/client_limit.ts";
import {
  type CapacityRecord,
  type CellFigures,
  type CellKey,
  type CellResult,
  type CellVerdictRecord,
  type ComparisonRecord,
  type FailureCount,
  type Run,
  type Status,
  STATUSES,
} from "../record/run.ts";
import { compileNotes } from "../record/compiles.ts";
import { type Doubt, joinDoubts, mergeDoubts } from "../record/doubts.ts";
import { type Price, priceOf } from "../record/price.ts";
import { costNotes } from "../record/costs.ts";
import { describeCapacity } from "../record/capacity.ts";
import { describeData } from "../score/data.ts";
import { describeHumps } from "../stats/humps.ts";
import {
  type Interval,
  meanInterval,
  medianInterval,
} from "../stats/intervals.ts";
import {
  comparisonNotes,
  openQuestions,
  shownChange,
  shownStatus,
} from "./comparison.ts";
import { counted } from "../wrap.ts";
import {
  cellNamer,
  groupCells,
  isSimulated,
  pooledLatenciesMs,
} from "../record/cells.ts";

/** One cell, all its runs and passes together. */
export interface CellView {
  readonly key: CellKey;
  /** How it is called among the others of its report; not escaped. */
  readonly name: string;
  readonly status: Status;
  /** What is doubtful about it, and why it was not compared; not escaped. */
  readonly doubts: readonly Doubt[];
  /** The doubts and what the comparison says, in words; empty for nothing. Not escaped. */
  readonly reason: string;
  /** The change against the baseline; null where it was not compared. */
  readonly verdict: CellVerdictRecord | null;
  /** The figures; null where no sample was good. */
  readonly summary: CellFigures | null;
  /** Bounds of the throughput in items a second, by the scatter of the samples; null where they are too few. */
  readonly throughputInterval: Interval | null;
  /** Bounds of the median in milliseconds, likewise. */
  readonly medianInterval: Interval | null;
  /** The failures by kind; not escaped. */
  readonly failures: readonly FailureCount[];
  /** What was measured, an entry for each run and pass; empty where only summaries are stored. */
  readonly passes: readonly CellResult[];
}

/** How good the news is. */
export type Tone = "good" | "doubtful" | "bad" | "none";

/** A result as it is shown. */
export interface ReportView {
  /** What kind of result this is, for a heading; not escaped. */
  readonly title: string;
  /** Whether no real server was measured. */
  readonly isSimulated: boolean;
  /** The verdict in one sentence; not escaped. */
  readonly headline: string;
  readonly tone: Tone;
  /** What was measured, in one sentence; not escaped. */
  readonly target: string;
  /** Each cell once, in the order of the result. */
  readonly cells: readonly CellView[];
  /** What the comparison says of the run as a whole; null where nothing was compared. */
  readonly comparison: ComparisonRecord | null;
  /** What the server costs; null where that is not known. */
  readonly price: Price | null;
  /** What was found of the clients that hold objectives, a shape each. */
  readonly capacity: readonly CapacityRecord[];
  /** Notes on the comparison and doubts about the run, in words; not escaped. */
  readonly notes: readonly string[];
  /** How it was measured: names and values; not escaped. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** Returns what is shown of a run record. */
export function viewOfRun(run: Run): ReportView {
  const { metadata, comparison = null, calibration, doubts } = run;
  const nameOf = cellNamer(run.cells.map(({ key }) => key));
  const cells = groupCells(run.cells).map((passes) =>
    cellOfPasses(passes, nameOf)
  );
  return {
    title: describeProfile(metadata.profile),
    target: `Target: ${
      metadata["target_address"] || "simulated engine"
    }, model ${spaced(metadata.model)}, dtype ${
      spaced(metadata.dtype)
    }, hardware ${metadata.hardware}, prefix cache ${metadata["prefix_cache"]}`,
    isSimulated: isSimulated(
      cells.map(({ key }) => key.model),
      metadata.target,
    ),
    ...verdictOf(cells, { comparison, isInterrupted: metadata.interrupted }),
    cells,
    comparison,
    price: priceOf(run),
    capacity: run.capacity ?? [],
    notes: [
      ...(comparison === null ? [] : comparisonNotes(comparison)),
      `Sent: ${run.options.data.map(describeData).join("; ")}`,
      ...costNotes(cells, run.options.data),
      ...describeCapacity(run.capacity ?? [], priceOf(run)),
      ...(calibration.length === 0 ? [] : [describeClient(calibration)]),
      ...compileNotes(run.cells),
      ...doubts.map(({ text }) => text),
    ],
    facts: factsOf(run),
  };
}

/** Returns what is shown of a comparison of which only summaries are known. */
export function viewOfComparison(
  { cells: compared, record }: RunComparison,
  source: string,
): ReportView {
  const nameOf = cellNamer(compared.map(({ key }) => key));
  const cells = compared.map((cell) => cellOfCompared(cell, nameOf));
  return {
    title: "Comparison with the baseline",
    target: `Result: ${source}`,
    isSimulated: isSimulated(cells.map(({ key }) => key.model)),
    ...verdictOf(cells, { comparison: record, isInterrupted: false }),
    cells,
    comparison: record,
    price: null,
    capacity: [],
    notes: comparisonNotes(record),
    facts: [["Result", source]],
  };
}

/** Says what was measured: a profile, or cells of the user's choice. */
export function describeProfile(profile: string): string {
  return profile === CUSTOM_PROFILE
    ? "Cells of your choice"
    : `Profile: ${profile}`;
}

/** Returns cells in the order in which they are read: what changed or could not be measured, then the rest. */
export function sortCells(
  cells: readonly CellView[],
): { readonly first: CellView[]; readonly rest: CellView[] } {
  const first = URGENT.flatMap((status) =>
    cells.filter((cell) => cell.status === status)
      .toSorted((a, b) => changeOf(a) - changeOf(b))
  );
  return { first, rest: cells.filter((cell) => !first.includes(cell)) };
}

/** Several names are stored with commas alone. */
function spaced(names: string): string {
  return names.replaceAll(",", ", ") || "unknown";
}

/** Statuses in the order in which they are told of: what changed, what could not be measured. */
const URGENT: readonly Status[] = ["REGRESSION", "WARN", "IMPROVED", "INVALID"];

/** Tells whether a cell deserves a line of its own before the whole table. */
export function isNotable({ status, reason }: CellView): boolean {
  return status !== "OK" || reason !== "";
}

/** Returns a number with three digits or more, whatever its size. */
export function shownNumber(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function cellOfPasses(
  passes: readonly [CellResult, ...CellResult[]],
  nameOf: (key: CellKey) => string,
): CellView {
  const [first] = passes;
  const { key, verdict = null } = first;
  // A pass without figures was the client's, or had no good sample.
  const latencies = pooledLatenciesMs(
    passes.filter(({ summary }) => summary !== null),
  );
  const summary = summarisePasses(
    passes.flatMap(({ summary, samples }) => summary === null ? [] : samples),
    key,
  );
  const [fastMs = 0, slowMs = 0] = meanInterval(latencies) ?? [];
  const doubts = [
    ...mergeDoubts(passes.map(({ doubts }) => doubts)),
    ...humpDoubts(describeHumps(latencies)),
  ];
  const worst = passes.find(({ status }) => status === "INVALID") ?? first;
  return {
    key,
    name: nameOf(key),
    status: worst.status,
    doubts,
    reason: distinct([
      worst.status === "OK" ? "" : verdict?.reason ?? "",
      joinDoubts(doubts),
    ]).join("; "),
    verdict,
    summary,
    throughputInterval: summary === null || fastMs <= 0 ? null : [
      summary.throughputItemsPerSec * summary.meanMs / slowMs,
      summary.throughputItemsPerSec * summary.meanMs / fastMs,
    ],
    medianInterval: medianInterval(latencies),
    failures: passes.flatMap(({ failures }) => failures),
    passes,
  };
}

function cellOfCompared(
  { key, status, reason, verdict, result, humps }: ComparedCell,
  nameOf: (key: CellKey) => string,
): CellView {
  const doubts: Doubt[] = [
    ...(reason === "" ? [] : [{ kind: "not-compared", text: reason } as const]),
    ...humpDoubts(humps),
  ];
  return {
    key,
    name: nameOf(key),
    status,
    doubts,
    reason: distinct([
      status === "OK" ? "" : verdict?.reason ?? "",
      joinDoubts(doubts),
    ]).join("; "),
    verdict,
    summary: result,
    throughputInterval: null,
    medianInterval: null,
    failures: [],
    passes: [],
  };
}

function humpDoubts(text: string): Doubt[] {
  return text === "" ? [] : [{ kind: "humps", text }];
}

/** The verdict in one sentence: good only where every cell was compared and is as good as before. */
function verdictOf(
  cells: readonly CellView[],
  { comparison, isInterrupted }: {
    readonly comparison: ComparisonRecord | null;
    readonly isInterrupted: boolean;
  },
): Pick<ReportView, "headline" | "tone"> {
  const counts = countStatuses(cells);
  const end = isInterrupted ? ". The run was interrupted" : "";
  const of = (status: Status) =>
    cells.filter((cell) => cell.status === status).length;
  if (comparison === null) {
    return {
      headline: `${
        of("INVALID") === 0
          ? counted(cells.length, "cell")
          : `${cells.length - of("INVALID")} of ${
            counted(cells.length, "cell")
          }`
      } measured${
        of("INVALID") > 0 ? `, ${of("INVALID")} INVALID` : ""
      }; nothing was compared (no baseline)${end}`,
      tone: of("INVALID") > 0 || isInterrupted ? "doubtful" : "none",
    };
  }
  const open = openQuestions(cells, comparison).map((text) => `, ${text}`)
    .join("");
  const slowest = cells.filter(({ status }) => status === "REGRESSION")
    .toSorted((a, b) => changeOf(a) - changeOf(b))[0];
  if (slowest !== undefined) {
    // Where all moved, what they share is the news.
    const { changePercent, intervalPercent } = comparison;
    const allMoved = of("REGRESSION") < cells.length || cells.length === 1 ||
        changePercent === null
      ? ""
      : `Throughput ${
        shownChange({ changePercent, intervalPercent })
      } at the median of the cells: `;
    return {
      headline: `${allMoved}${of("REGRESSION")} of ${
        counted(cells.length, "cell")
      } ${of("REGRESSION") === 1 ? "is" : "are"} slower (${
        shownStatus("REGRESSION")
      }), most of all ${slowest.name}: throughput ${
        shownChange(slowest.verdict)
      }${open}${
        comparison.failure === null ? "" : `. ${comparison.failure}`
      }${end}`,
      tone: "bad",
    };
  }
  if (comparison.failure !== null) {
    return {
      headline: `No verdict: ${comparison.failure}${end}`,
      tone: "doubtful",
    };
  }
  return of("OK") + of("IMPROVED") === cells.length
    ? {
      headline: `${open === "" && cells.length > 1 ? "All " : ""}${
        counted(cells.length, "cell")
      } passed${
        of("IMPROVED") > 0 ? `, ${of("IMPROVED")} of them IMPROVED` : ""
      }${open}${end}`,
      tone: isInterrupted ? "doubtful" : "good",
    }
    : {
      headline:
        `No regression found, but not every cell passed: ${counts}${open}${end}`,
      tone: "doubtful",
    };
}

/** Counts cells by status, as `3 OK, 1 NEW`. */
export function countStatuses(cells: readonly CellView[]): string {
  return STATUSES.flatMap((status) => {
    const count = cells.filter((cell) => cell.status === status).length;
    return count === 0 ? [] : [`${count} ${shownStatus(status)}`];
  }).join(", ");
}

function factsOf(
  { metadata, options, cells }: Run,
): (readonly [string, string])[] {
  const versions = metadata.servers.flatMap(({ version }) => version ?? []);
  return [
    [
      "Measured",
      metadata.target === "simulated"
        ? "the simulated engine, no real server"
        : metadata["target_address"],
    ],
    ...(options.compareAddress === null
      ? []
      : [["Compared with", options.compareAddress] as const]),
    ["Started", metadata.timestamp],
    ["Took", `${metadata["total_runtime_seconds"].toFixed(1)} s`],
    ["Commit", metadata["commit_hash"]],
    ["Model", spaced(metadata.model)],
    ["Data type", spaced(metadata.dtype)],
    ["Hardware", metadata.hardware],
    ["Tensor parallelism", String(metadata["tp_size"] ?? "unknown")],
    ["Server version", distinct(versions).join(", ") || "unknown"],
    ["Prefix cache", metadata["prefix_cache"]],
    ["Prompts", options.data.map(describeData).join("; ")],
    ["Softmax over the labels", options.applySoftmax ? "yes" : "no"],
    [
      "Samples of a cell",
      `${options.numRuns}, after ${options.warmupRuns} or more warm-up requests`,
    ],
    ["Repeats", String(new Set(cells.map(({ repeat }) => repeat)).size)],
    ["Seed", metadata.seed],
    ["Client", metadata.platform],
    [
      "Tool",
      `scorebench ${metadata["tool_version"]}, Deno ${
        metadata["deno_version"]
      }`,
    ],
  ];
}

function changeOf({ verdict }: CellView): number {
  return verdict?.changePercent ?? 0;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts.filter((text) => text !== ""))];
}
