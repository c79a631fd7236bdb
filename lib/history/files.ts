/**
 * Reads the runs of a history from all files below a folder, one after the other.
 *
 * @module
 */
import { join } from "@std/path";
import { messageOf, UsageError } from "../failure.ts";
import { readText } from "../store.ts";
import { type HistoryRun, historyRun } from "./runs.ts";
import { parseRun } from "../record/run_file.ts";
import { counted } from "../wrap.ts";

/** What was found below a folder. */
export interface HistoryFiles {
  /** The runs with a cell that is fit to be compared. */
  readonly runs: readonly HistoryRun[];
  /** Files that should be runs and could not be read, each with the reason. */
  readonly broken: readonly {
    readonly path: string;
    /** Why, in words; not escaped. */
    readonly reason: string;
  }[];
  /** Run records without any cell that is fit to be compared. */
  readonly unfit: readonly string[];
}

/**
 * Reads all run records (`.json`) below a folder. Links are not followed, hidden folders and other JSON are left out.
 * Each record is let go when its figures are taken, so that memory grows by kilobytes a run.
 *
 * @param maxFileMib A larger file counts as one that cannot be read.
 * @throws {UsageError} If the folder itself cannot be read.
 */
export async function loadHistory(
  folder: string,
  maxFileMib?: number,
): Promise<HistoryFiles> {
  const runs: HistoryRun[] = [];
  const broken: { path: string; reason: string }[] = [];
  const unfit: string[] = [];
  for (const path of await listRecords(folder)) {
    let text = "";
    try {
      text = await readText(path, maxFileMib);
      const run = historyRun(parseRun(text), path);
      if (run === null) unfit.push(path);
      else runs.push(run);
    } catch (error) {
      const isExpected = error instanceof SyntaxError ||
        error instanceof UsageError;
      if (!isExpected) throw error;
      if (!isOther(text)) broken.push({ path, reason: error.message });
    }
  }
  return { runs, broken, unfit };
}

/** So many files that cannot be read are named; a folder of another tool may hold thousands. */
const MAX_NAMED = 10;

/** Says which files cannot be read and why: the first ten, and how many more. */
export function describeBroken(
  { broken }: Pick<HistoryFiles, "broken">,
): string[] {
  const rest = broken.length - MAX_NAMED;
  return [
    ...broken.slice(0, MAX_NAMED).map(({ path, reason }) =>
      `${path}: ${reason}`
    ),
    ...(rest > 0
      ? [`and ${counted(rest, "more file")} that cannot be read`]
      : []),
  ];
}

async function listRecords(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
      if (name.startsWith(".")) continue;
      const path = join(folder, name);
      if (isDirectory) paths.push(...await listRecords(path));
      else if (isFile && name.endsWith(".json")) paths.push(path);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([
      `Cannot read folder '${folder}': ${messageOf(error)}`,
    ]);
  }
  return paths.toSorted();
}

/** Tells JSON that was never meant as the record of a benchmark, such as metadata, from a damaged record. */
function isOther(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value !== "object" || value === null ||
      !("kind" in value && value.kind === "bench");
  } catch {
    return false;
  }
}
