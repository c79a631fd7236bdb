/**
 * Decides what a run of the benchmark writes and where, before anything is measured.
 *
 * @module
 */
import { extname, join, resolve } from "@std/path";
import { UsageError } from "../failure.ts";
import type { Run } from "../record/run.ts";
import { runToMetadata, runToRows } from "../report/run/text.ts";
import { checkWritable } from "../store.ts";
import type { BenchFlags } from "./bench_flags.ts";
import { describeFormats, formatOf, RECORD_FORMATS } from "./formats.ts";

/** What a run writes. */
export interface Outputs {
  /** Where the run record goes, after each cell. */
  readonly record: string;
  /** The record's path without its extension, for what lies beside it. */
  readonly stem: string;
  /** What is written at the end. */
  readonly files: readonly {
    readonly path: string;
    readonly render: (run: Run) => string | Promise<string>;
  }[];
}

/**
 * Decides what is written where, and makes sure that it can be.
 *
 * @throws {UsageError} If a file cannot be written, or two outputs are one file.
 */
export async function planOutputs(
  flags: BenchFlags,
  timestamp: string,
): Promise<Outputs> {
  const files = flags.output.map((path): Outputs["files"][number] => {
    const render = formatOf(RECORD_FORMATS, path);
    if (render !== undefined) {
      return { path, render: (run: Run) => render([run]) };
    }
    throw new UsageError([
      `Cannot write --output ${path}: expected ${
        describeFormats(RECORD_FORMATS)
      }`,
    ]);
  });
  if (flags.jsonOutput !== undefined) {
    files.push({ path: flags.jsonOutput, render: runToRows });
  }
  if (flags.metadataOutput !== undefined) {
    files.push({ path: flags.metadataOutput, render: runToMetadata });
  }
  const first = flags.output[0];
  const record = flags.output.find((path) => extname(path) === ".json") ??
    (first === undefined
      ? join(
        "results",
        `${flags.profile}-${timestamp.replaceAll(/[:.]/g, "-")}.run.json`,
      )
      : `${first.slice(0, -extname(first).length)}.run.json`);
  // The record is one of the outputs, or lies beside the first of them.
  const others = flags.output.includes(record) ? [] : [record];
  const paths = [...files.map(({ path }) => path), ...others];
  const whole = paths.map((path) => resolve(path));
  const twice = whole.find((path, i) => whole.indexOf(path) !== i);
  if (twice !== undefined) {
    throw new UsageError([`Cannot write two outputs to the one file ${twice}`]);
  }
  const baselines = [
    ...flags.baseline,
    ...(flags.updateBaseline === undefined ? [] : [
      flags.updateBaseline,
      flags.updateBaseline.replace(/\.csv$/, "-metadata.json"),
    ]),
  ].map((path) => resolve(path));
  const lost = whole.find((path) =>
    baselines.some((known) => path === known || path.startsWith(`${known}/`))
  );
  if (lost !== undefined) {
    throw new UsageError([
      `Cannot write an output to ${lost}: it is, or lies in, a baseline of this run. --update-baseline appends to one`,
    ]);
  }
  for (const path of paths) await checkWritable(path);
  return { record, stem: record.replace(/(\.run)?\.json$/, ""), files };
}
