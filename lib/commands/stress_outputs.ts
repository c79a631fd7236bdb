/**
 * Decides what a stress run writes and where, before anything is sent.
 *
 * @module
 */
import { join, resolve } from "@std/path";
import { UsageError } from "../failure.ts";
import { checkWritable, readText } from "../store.ts";
import { parseStressRun } from "../stress/file.ts";
import { specifiedResult, type StressRun } from "../stress/record.ts";
import { describeFormats, formatOf, STRESS_FORMATS } from "./formats.ts";
import type { StressFlags } from "./stress_flags.ts";

/** What a run writes. */
export interface StressOutputs {
  /** Where the run record goes, after each load. */
  readonly record: string;
  /** The record's path without its extension, for what lies beside it. */
  readonly stem: string;
  /** What is written at the end, beside the record. */
  readonly files: readonly {
    readonly path: string;
    readonly render: (run: StressRun) => string | Promise<string>;
  }[];
}

/**
 * Decides what is written where, and makes sure that it can be.
 *
 * @throws {UsageError} If a file cannot be written, or two outputs are one file.
 */
export async function planStressOutputs(
  flags: Pick<StressFlags, "output" | "jsonOutput" | "metadataOutput">,
  timestamp: string,
): Promise<StressOutputs> {
  const { output, jsonOutput, metadataOutput } = flags;
  const rendered = output.map((path) => {
    const render = formatOf(STRESS_FORMATS, path);
    if (render === undefined) {
      throw new UsageError([
        `Cannot write --output ${path}: expected ${
          describeFormats(STRESS_FORMATS)
        }`,
      ]);
    }
    return { path, render: (run: StressRun) => render([run]) };
  });
  const [first] = output;
  const given = output.find((path) => path.endsWith(".json"));
  const record = given ??
    (first === undefined
      ? join("results", `stress-${timestamp.replaceAll(/[:.]/g, "-")}.run.json`)
      : first.replace(/\.\w+$/, ".run.json"));
  const files = rendered.filter(({ path }) => path !== record);
  if (jsonOutput !== undefined) {
    files.push({ path: jsonOutput, render: specifiedJson });
  }
  if (metadataOutput !== undefined) {
    files.push({
      path: metadataOutput,
      render: ({ metadata, options }) =>
        `${JSON.stringify({ ...metadata, options }, null, 2)}\n`,
    });
  }
  const paths = [record, ...files.map(({ path }) => path)];
  const whole = paths.map((path) => resolve(path));
  const twice = whole.find((path, i) => whole.indexOf(path) !== i);
  if (twice !== undefined) {
    throw new UsageError([`Cannot write two outputs to the one file ${twice}`]);
  }
  for (const path of paths) await checkWritable(path);
  return { record, stem: record.replace(/(\.run)?\.json$/, ""), files };
}

/** Writes the specification's fields of each load. */
function specifiedJson({ results }: StressRun): string {
  return `${JSON.stringify(results.map(specifiedResult), null, 2)}\n`;
}

/**
 * Reads a stored stress run.
 *
 * @throws {UsageError} If the file cannot be read or is not a whole stress run.
 */
export async function readStressRun(path: string): Promise<StressRun> {
  const text = await readText(path);
  try {
    return parseStressRun(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError([`Cannot read '${path}': ${error.message}`]);
  }
}
