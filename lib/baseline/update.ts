/**
 * Adds a run to a baseline, or starts one: as the specification's CSV with its metadata, or as a run record.
 *
 * @module
 */
import { stringifyRows } from "../csv.ts";
import { parseObject } from "../json.ts";
import { KEY_METRICS, SPECIFIED_METRICS } from "../record/metrics.ts";
import type { Run } from "../record/run.ts";
import { parseRun, stringifyRun } from "../record/run_file.ts";
import { parseResultCsv } from "./csv.ts";
import { findUnfitness } from "./fitness.ts";
import { describeCell, repeatId } from "../record/cells.ts";
import { counted } from "../wrap.ts";

/**
 * Says why a run must not become part of a baseline, or null.
 *
 * A REGRESSION is no reason: whoever accepts a change renews the baseline with it.
 */
export function findUpdateProblem(run: Run): string | null {
  if (run.metadata.interrupted) return "the run was interrupted";
  if (run.cells.length === 0) return "nothing was measured";
  const unfit = run.cells.flatMap((cell) => {
    const reason = findUnfitness(cell);
    return reason === null ? [] : [{ key: cell.key, reason }];
  });
  const first = unfit[0];
  if (first !== undefined) {
    return `${unfit.length} of ${
      counted(run.cells.length, "cell")
    } INVALID, as ${describeCell(first.key)}: ${first.reason}`;
  }
  const keys = run.cells.map(repeatId);
  return new Set(keys).size < keys.length
    ? "cells were measured again to confirm a regression: measure a run without"
    : null;
}

/**
 * Appends a run to a CSV of exactly the specification's columns, and of those that tell its cells apart where they are
 * needed; what is there stays as it is, byte for byte.
 *
 * @param existing The whole file, or null to start one.
 * @throws {SyntaxError} If the file is not such a CSV.
 */
export function appendCsv(existing: string | null, run: Run): string {
  const found = existing?.replace(/^\ufeff/, "").split(/\r?\n/)[0] ?? "";
  const columns = found.split(",");
  const isWide =
    columns.some((column) => KEY_METRICS.some(({ name }) => name === column)) ||
    run.cells.some(({ key: { data, concurrency } }) =>
      data !== undefined || concurrency !== undefined
    );
  const metrics = isWide
    ? [...SPECIFIED_METRICS, ...KEY_METRICS]
    : SPECIFIED_METRICS;
  const added = stringifyRows(
    metrics.map(({ name }) => name),
    // The n-th row of a cell is read as its n-th run.
    run.cells.toSorted((a, b) => a.repeat - b.repeat)
      .map((cell) => metrics.map(({ value }) => value(cell))),
  );
  if (existing === null) return added;
  parseResultCsv(existing);
  const [header = "", ...rows] = added.split("\r\n");
  if (found !== header) {
    throw new SyntaxError(
      `line 1: exactly the columns ${header} were expected, found ${
        columns.length < metrics.length ? "fewer" : "further ones"
      }; start a new file`,
    );
  }
  return `${existing.replace(/(?:\r?\n)*$/, "")}\r\n${rows.join("\r\n")}`;
}

/**
 * Writes the metadata that lie beside such a CSV: those of the newest run, and a short history under `runs`.
 *
 * @param existing The whole file, or null to start one.
 * @throws {SyntaxError} If the file is not JSON.
 */
export function appendMetadata(existing: string | null, run: Run): string {
  const { metadata } = run;
  const known = existing === null ? {} : parseObject(existing);
  if (known === null) {
    throw new SyntaxError("metadata as a JSON object were expected");
  }
  const earlier = Array.isArray(known["runs"])
    ? known["runs"]
    : existing === null
    ? []
    : [historyEntry(known)];
  return `${
    JSON.stringify(
      {
        ...metadata,
        "runs": [...earlier, historyEntry({ ...metadata })],
      },
      null,
      2,
    )
  }\n`;
}

/**
 * Appends a run to a run record: its cells become further repeats.
 *
 * @param existing The whole file, or null to start one.
 * @throws {SyntaxError} If the file is not a run record.
 */
export function appendRecord(existing: string | null, run: Run): string {
  const { comparison: _, ...rest } = run;
  if (existing === null) return stringifyRun(rest);
  const { cells: earlier } = parseRun(existing);
  const next = Math.max(-1, ...earlier.map(({ repeat }) => repeat)) + 1;
  const added = run.cells.map((cell) => ({
    ...cell,
    repeat: cell.repeat + next,
  }));
  const cells = [...earlier, ...added];
  return stringifyRun({
    ...rest,
    cells,
    metadata: { ...run.metadata, "total_configurations": cells.length },
  });
}

/** What tells one run of a baseline from another. */
function historyEntry(
  metadata: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const servers = metadata["servers"];
  return {
    "timestamp": metadata["timestamp"] ?? null,
    "profile": metadata["profile"] ?? null,
    "commit_hash": metadata["commit_hash"] ?? null,
    "server_versions": Array.isArray(servers)
      ? [...new Set(servers.map((server) => server?.version ?? null))]
      : [],
    "total_configurations": metadata["total_configurations"] ?? null,
  };
}
