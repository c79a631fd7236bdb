/**
 * Reads baselines and results from files and folders, and writes baselines.
 *
 * @module
 */
import { extname, join } from "@std/path";
import { UsageError } from "../failure.ts";
import type { Run } from "../record/run.ts";
import { checkWritable, readText, withLock, writeWhole } from "../store.ts";
import { conditionMismatches, describeRefusal } from "./comparability.ts";
import { type MismatchName, parseMetadata } from "./conditions.ts";
import { type Baseline, mergeRuns, withSamples } from "./merge.ts";
import { runsOfCsv, runsOfRecord, type StoredRun } from "./runs.ts";
import {
  appendCsv,
  appendMetadata,
  appendRecord,
  findUpdateProblem,
} from "./update.ts";
import { parseRun } from "../record/run_file.ts";

/**
 * Reads a baseline from files and folders: result files in CSV, and run records. A CSV is completed from what lies beside
 * it: metadata (NAME-metadata.json, NAME.json) and the samples of the run record (NAME.run.json, NAME.json).
 *
 * @param maxFileMib A file may have so many MiB.
 * @throws {UsageError} If anything cannot be read whole; the message names file, line and column.
 */
export async function loadBaseline(
  paths: readonly string[],
  maxFileMib?: number,
): Promise<Baseline> {
  const listed: Awaited<ReturnType<typeof listFiles>>[] = [];
  for (const path of paths) listed.push(await listFiles(path, maxFileMib));
  const files = new Set(listed.flatMap(({ files }) => files));
  const runs: StoredRun[] = [];
  for (const path of files) runs.push(...await loadRuns(path, maxFileMib));
  const { notes, ...baseline } = named(
    paths.join(", "),
    () => mergeRuns(runs),
  );
  return {
    ...baseline,
    notes: [...notes, ...listed.flatMap(({ skipped }) => skipped)],
  };
}

/**
 * Reads the runs of one file, a CSV or a run record, of at most so many MiB.
 *
 * @throws {UsageError} If it cannot be read whole; the message names file, line and column.
 */
export async function loadRuns(
  path: string,
  maxFileMib?: number,
): Promise<StoredRun[]> {
  switch (extname(path).toLowerCase()) {
    case ".json": {
      const text = await readText(path, maxFileMib);
      return named(path, () => runsOfRecord(parseRun(text), path));
    }
    case ".csv": {
      const text = await readText(path, maxFileMib);
      const stem = path.slice(0, -".csv".length);
      const beside = await findMetadata(stem, maxFileMib);
      const metadata = beside &&
        named(beside.path, () => parseMetadata(beside.text));
      const record = await findRecord(stem, maxFileMib);
      const runs = named(
        path,
        () => runsOfCsv(text, { source: path, metadata }),
      );
      return record === null ? runs : withSamples(
        runs,
        named(record.path, () => runsOfRecord(parseRun(record.text), path)),
      );
    }
    default:
      throw new UsageError([
        `Cannot read '${path}': expected a name that ends in .csv or .json`,
      ]);
  }
}

/**
 * Makes sure that a baseline can be written; to be called before anything is measured.
 *
 * @returns The runs that it holds so far.
 * @throws {UsageError} If it cannot, or if what is there is damaged.
 */
export async function checkBaselineUpdate(
  path: string,
): Promise<StoredRun[]> {
  if (!/\.(?:csv|json)$/i.test(path)) {
    throw new UsageError([
      `Cannot update '${path}': expected a name that ends in .csv or .json`,
    ]);
  }
  await checkWritable(path);
  return await readIfThere(path) === null ? [] : await loadRuns(path);
}

/**
 * Adds a run to a baseline, or starts one; for a CSV, its metadata beside it (NAME-metadata.json) too.
 *
 * @returns The files that were written.
 * @throws {UsageError} If a cell is INVALID, the run was interrupted, or the baseline is damaged or of other conditions.
 * @throws {MeasureError} If another process updates it for a minute, or a file cannot be written.
 */
export function updateBaseline(
  path: string,
  addition: {
    readonly run: Run;
    readonly allowMismatch?: readonly MismatchName[];
  },
): Promise<string[]> {
  return withLock(path, () => update(path, addition));
}

async function update(
  path: string,
  { run, allowMismatch = [] }: Parameters<typeof updateBaseline>[1],
): Promise<string[]> {
  const refuse = (reason: string) =>
    new UsageError([`Cannot update '${path}': ${reason}`]);
  const problem = findUpdateProblem(run);
  if (problem !== null) throw refuse(problem);
  const existing = await readIfThere(path);
  if (existing !== null) {
    const mismatches = conditionMismatches(
      runsOfRecord(run, "the run"),
      await loadRuns(path),
    ).filter(({ name }) => !allowMismatch.includes(name));
    if (mismatches.length > 0) throw refuse(describeRefusal(mismatches));
  }
  if (extname(path).toLowerCase() === ".json") {
    await writeWhole(path, named(path, () => appendRecord(existing, run)));
    return [path];
  }
  const stem = path.slice(0, -".csv".length);
  const metadataPath = `${stem}-metadata.json`;
  // What a new CSV finds beside it is of another file that is gone.
  const beside = existing === null ? null : await findMetadata(stem);
  const text = named(path, () => appendCsv(existing, run));
  const metadata = named(
    metadataPath,
    () => appendMetadata(beside?.text ?? null, run),
  );
  // The metadata first: with a history they describe fewer rows too.
  await writeWhole(metadataPath, metadata);
  await writeWhole(path, text);
  return [path, metadataPath];
}

/** Lists what a path holds for a baseline, and says what a folder holds that is none; metadata belong to a CSV. */
async function listFiles(
  path: string,
  maxFileMib?: number,
): Promise<{ files: string[]; skipped: string[] }> {
  const known = await Deno.stat(path).catch(() => null);
  if (!known?.isDirectory) return { files: [path], skipped: [] };
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (!isDirectory && /\.(?:csv|json)$/i.test(name)) names.push(name);
  }
  const files: string[] = [];
  const skipped: string[] = [];
  for (const name of names.toSorted()) {
    const file = join(path, name);
    const kind = /\.csv$/i.test(name)
      ? "run"
      : kindOf(await readText(file, maxFileMib));
    if (kind === "stress" || kind === "rows") {
      skipped.push(`Not used: ${file}, ${KINDS[kind]}`);
    } else if (kind !== "metadata") files.push(file);
  }
  if (files.length > 0) return { files, skipped };
  throw new UsageError([
    `Cannot read a baseline from '${path}': expected .csv files or run records (.json) in it, found none`,
    ...skipped,
  ]);
}

/**
 * Returns the text of the metadata of a CSV, or null: NAME-metadata.json, NAME.json, or, as the specification names them,
 * the first for a CSV called NAME-baseline.csv.
 */
async function findMetadata(
  stem: string,
  maxFileMib?: number,
): Promise<{ readonly path: string; readonly text: string } | null> {
  const stems = [...new Set([stem, stem.replace(/-baseline$/, "")])];
  const names = stems.map((one) => `${one}-metadata.json`);
  return await findBeside(names, () => true, maxFileMib) ??
    await findBeside(
      [`${stem}.json`],
      (kind) => kind === "metadata",
      maxFileMib,
    );
}

function findRecord(
  stem: string,
  maxFileMib?: number,
): Promise<{ readonly path: string; readonly text: string } | null> {
  const names = [`${stem}.run.json`, `${stem}.json`];
  return findBeside(names, (kind) => kind === "run", maxFileMib);
}

/**
 * Returns the first of some files beside a CSV that is there and of the right kind, or null.
 *
 * @throws {UsageError} If one is damaged: what it would tell, as the hardware, must not pass unchecked.
 */
async function findBeside(
  paths: readonly string[],
  isRight: (kind: FileKind) => boolean,
  maxFileMib?: number,
): Promise<{ readonly path: string; readonly text: string } | null> {
  for (const path of paths) {
    const text = await readIfThere(path, maxFileMib);
    if (text === null) continue;
    const kind = kindOf(text);
    if (kind === "damaged") {
      throw new UsageError([
        `Cannot read '${path}', which tells how the CSV beside it was measured: JSON was expected, found other text. Mend it, or take it away`,
      ]);
    }
    if (isRight(kind)) return { path, text };
  }
  return null;
}

/** Reads a file that need not be there; one that may not be read is not taken for that. */
async function readIfThere(
  path: string,
  maxFileMib?: number,
): Promise<string | null> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
  }
  return await readText(path, maxFileMib);
}

/** What a JSON file is, in words. */
const KINDS = {
  run: "a run record",
  stress: "the record of a stress test",
  metadata: "metadata",
  rows: "rows as JSON",
  damaged: "no JSON",
  other: "something else",
};

type FileKind = keyof typeof KINDS;

function kindOf(text: string): FileKind {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "damaged";
  }
  if (typeof value !== "object" || value === null) return "other";
  if (Array.isArray(value)) return "rows";
  if ("kind" in value && value.kind === "stress") return "stress";
  if ("cells" in value) return "run";
  return "hardware" in value ? "metadata" : "other";
}

/** Names the file in what is wrong with its text. */
function named<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new UsageError([`Cannot read '${path}': ${error.message}`]);
    }
    throw error;
  }
}
