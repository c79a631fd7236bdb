/**
 * Whether what was measured belongs to one run: on one server, or on two that are alike.
 *
 * @module
 */
import { MeasureError, UsageError } from "../failure.ts";
import type { CellResult, Run, ServerRecord, TargetKind } from "./run.ts";
import { repeatId } from "./cells.ts";

/**
 * Returns the cells that need not be measured again, without what an earlier comparison said.
 *
 * A cell that was cut short, in which nothing was answered, or that lacks its counterpart in an
 * A/B run is measured again.
 */
export function keptCells(
  earlier: Run | null,
): Pick<Required<Run>, "cells" | "reference"> {
  if (earlier === null) return { cells: [], reference: [] };
  const reference = (earlier.reference ?? []).filter(isWhole);
  const referenced = new Set(
    reference.map((cell) => repeatId(cell)),
  );
  const cells = earlier.cells.filter((cell) =>
    isWhole(cell) &&
    (earlier.options.compareAddress === null || earlier.options.inTurn ||
      referenced.has(repeatId(cell)))
  );
  return { cells: cells.map(withoutVerdict), reference };
}

function isWhole(cell: CellResult): boolean {
  const { concurrency = 1 } = cell.key;
  return cell.samples.outcome.length >= cell.numRuns * concurrency &&
    cell.summary !== null;
}

function withoutVerdict(cell: CellResult): CellResult {
  const { verdict: _, ...rest } = cell;
  return rest.status === "INVALID" ? rest : {
    ...rest,
    status: "OK",
    doubts: rest.doubts.filter(({ kind }) => kind !== "not-compared"),
  };
}

/**
 * Makes sure that a run is resumed on what it was begun on, or its parts would not be of one run.
 *
 * @param earlier The servers of the part that was measured.
 * @param target What is measured: another model at a URL is another server, where it is launched it may be the next one.
 * @returns Doubts, in words: the version or the quantisation may have changed.
 * @throws {MeasureError} If the server is of another model, data type or hardware.
 */
export function checkResumed(
  earlier: readonly ServerRecord[],
  target: TargetKind,
  server: ServerRecord,
): string[] {
  const same = earlier.find((known) =>
    known.model === server.model && known.dtype === server.dtype
  );
  const isOther = same === undefined
    ? earlier.length > 0 && target === "url"
    : same.hardware !== server.hardware || same.tpSize !== server.tpSize;
  if (!isOther) {
    return same === undefined ? [] : [
      ["version", same.version, server.version],
      [
        "quantization",
        same.info?.["quantization"],
        server.info?.["quantization"],
      ],
    ].flatMap(([name, was, is]) =>
      (was ?? null) === (is ?? null)
        ? []
        : `The run was begun on a server of ${name} ${
          was ?? "unknown"
        }, and goes on with ${is ?? "unknown"}`
    );
  }
  const describe = ({ model, dtype, hardware, tpSize }: ServerRecord) =>
    `${model} (${dtype}) on ${hardware}, tp_size ${tpSize ?? "unknown"}`;
  throw new MeasureError(
    `Cannot resume: the run was begun on ${
      earlier.map(describe).join(", ")
    }; the server is now ${describe(server)}. Start a new run`,
  );
}

/**
 * Makes sure that two servers are alike in what names a cell.
 *
 * @throws {MeasureError} If they serve different models or data types.
 */
export function checkAlike(a: ServerRecord, b: ServerRecord): void {
  if (a.model === b.model && a.dtype === b.dtype) return;
  throw new MeasureError(
    `Cannot compare two servers of different models: A serves ${a.model} (${a.dtype}), B serves ${b.model} (${b.dtype})`,
  );
}

/** Tells whether two records are of one server. */
export function isSameServer(a: ServerRecord, b: ServerRecord): boolean {
  return a.model === b.model && a.dtype === b.dtype && a.version === b.version;
}

/**
 * Makes sure that a run is resumed with the options that it was begun with; the profile's name alone makes no difference.
 *
 * @throws {UsageError} If one differs; the message names each.
 */
export function refuseOtherOptions<Options extends object>(
  path: string | undefined,
  stored: Options,
  given: Options,
): void {
  const names = Object.keys(given) as (keyof Options & string)[];
  const differences = names.flatMap((name) => {
    const [was, is] = [stored[name], given[name]].map((value) =>
      JSON.stringify(value)
    );
    return name === "profile" || was === is
      ? []
      : [`  ${name}: ${was} in the file, ${is} now`];
  });
  if (differences.length === 0) return;
  throw new UsageError([
    `Cannot resume '${path}': it was made with other options; give the same ones, or start a new run`,
    ...differences,
  ]);
}
