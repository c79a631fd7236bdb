/**
 * Where results go: decided and tried before the first request, written one by one, and none lost to another.
 *
 * @module
 */
import { join, resolve } from "@std/path";
import { flag } from "../cli/command_spec.ts";
import { complain, show } from "../cli/command_line.ts";
import { MeasureError, UsageError } from "../failure.ts";
import { checkWritable, STANDARD_OUTPUT, writeWhole } from "../store.ts";
import type { Formats } from "./formats.ts";

/** The flags of the output that all runs have. */
export const RUN_FLAGS = [
  flag.text("metadata-output FILE", "Write what reproduction needs as JSON"),
  flag.text(
    "resume FILE",
    "Go on with an interrupted run record: run what is missing",
  ),
  flag.switch("quiet", "No progress", { short: "q" }),
] as const;

/** A text that is written at the end. */
export interface Output<Result> {
  /** The file, or {@linkcode STANDARD_OUTPUT}. */
  readonly path: string;
  readonly render: (result: Result) => string | Promise<string>;
}

/** What a run writes. */
export interface RunOutputs<Result> {
  /** Where the run record goes, as the run goes on. */
  readonly record: string;
  /** The record's path without its extension, for what lies beside it. */
  readonly stem: string;
  readonly files: readonly Output<Result>[];
}

/**
 * Reads values of `--output`: a file whose name ends in one of the formats, or `csv:-` for standard output.
 *
 * @throws {UsageError} If one is neither.
 */
export function readOutputs<Result>(
  values: readonly string[],
  formats: Formats<Result>,
): Output<readonly Result[]>[] {
  return values.map((value) => {
    const [, word] = /^(\w+):-$/.exec(value) ?? [];
    const extension = Object.keys(formats).find((known) =>
      word === undefined ? value.endsWith(known) : `.${word}` === known
    );
    const render = formats[extension ?? ""];
    if (render === undefined) {
      const known = Object.keys(formats);
      throw new UsageError([
        `Cannot write --output ${value}: expected a name that ends in ${
          known.slice(0, -1).join(", ")
        } or ${known.at(-1)}, or for standard output a format, as ${
          known[0]?.slice(1)
        }:-`,
      ]);
    }
    return { path: word === undefined ? value : STANDARD_OUTPUT, render };
  });
}

/**
 * Decides what a run writes and where: the outputs that are asked for, and its record, which is one of them or lies
 * beside the first.
 *
 * @param name Where a record goes that has no other name.
 * @param kept Files and folders that must not be written to.
 * @throws {UsageError} If a file cannot be written, or two outputs are one file.
 */
export async function planRunOutputs<Result>(
  { output, others, formats }: {
    readonly output: readonly string[];
    /** Further files where they are asked for. */
    readonly others: readonly {
      readonly path: string | undefined;
      readonly render: Output<Result>["render"];
    }[];
    readonly formats: Formats<Result>;
  },
  name: string,
  kept: readonly string[] = [],
): Promise<RunOutputs<Result>> {
  const files = [
    ...readOutputs(output, formats).map(({ path, render }) => ({
      path,
      render: (run: Result) => render([run]),
    })),
    ...others.flatMap(({ path, render }) =>
      path === undefined ? [] : { path, render }
    ),
  ];
  const paths = output.filter((path) => !path.endsWith(":-"));
  const record = paths.find((path) => path.endsWith(".json")) ??
    paths[0]?.replace(/\.\w+$/, ".run.json") ??
    name;
  await checkOutputs(
    [
      ...files.map(({ path }) => path),
      ...paths.includes(record) ? [] : [record],
    ],
    kept,
  );
  return { record, stem: record.replace(/(\.run)?\.json$/, ""), files };
}

/** Returns where a record goes that was given no name. */
export function recordName(stem: string): string {
  return join("results", `${stem.replaceAll(/[:.]/g, "-")}.run.json`);
}

/**
 * Makes sure that all outputs can be written.
 *
 * @throws {UsageError} If one cannot, two are one file, or one is, or lies in, what must be kept.
 */
export async function checkOutputs(
  paths: readonly string[],
  kept: readonly string[] = [],
): Promise<void> {
  const whole = paths.map((path) =>
    path === STANDARD_OUTPUT ? path : resolve(path)
  );
  const twice = whole.find((path, i) => whole.indexOf(path) !== i);
  if (twice !== undefined) {
    throw new UsageError([`Cannot write two outputs to the one file ${twice}`]);
  }
  const lost = whole.find((path) =>
    kept.map((known) => resolve(known)).some((known) =>
      path === known || path.startsWith(`${known}/`)
    )
  );
  if (lost !== undefined) {
    throw new UsageError([
      `Cannot write an output to ${lost}: it is, or lies in, a baseline of this run. --update-baseline appends to one`,
    ]);
  }
  for (const path of paths) await checkWritable(path);
}

/** Writes every output that can be written, says on stderr which could not, and returns the files of both kinds. */
export async function writeOutputs<Result>(
  outputs: readonly Output<Result>[],
  result: Result,
): Promise<{ readonly written: string[]; readonly failed: string[] }> {
  const written: string[] = [];
  const failed: string[] = [];
  for (const { path, render } of outputs) {
    try {
      await writeWhole(path, await render(result));
      if (path !== STANDARD_OUTPUT) written.push(path);
    } catch (error) {
      if (!(error instanceof MeasureError)) throw error;
      complain(error.message, 3);
      failed.push(path);
    }
  }
  return { written, failed };
}

/**
 * Writes the record of a run and all else that it writes, and says on stderr where all of it is.
 *
 * @returns Whether the record could be kept.
 */
export async function writeRun<Result>(
  { record, files }: RunOutputs<Result>,
  run: Result,
  stringify: (run: Result) => string,
): Promise<boolean> {
  const { written, failed } = await writeOutputs(
    [
      { path: record, render: stringify },
      ...files.filter(({ path }) => path !== record),
    ],
    run,
  );
  if (written.length > 0) complain(`Written: ${written.join(", ")}`, 0);
  return !failed.includes(record);
}

/** Returns what keeps the record of a run while it goes on; a run is not ended by a full disk, it says so once. */
export function keepRecord<Result>(
  path: string,
  stringify: (run: Result) => string,
  tell: (problem: string) => void,
): (run: Result) => Promise<void> {
  let isTold = false;
  return async (run) => {
    try {
      await writeWhole(path, stringify(run));
      isTold = false;
    } catch (error) {
      if (!(error instanceof MeasureError)) throw error;
      if (!isTold) tell(error.message);
      isTold = true;
    }
  };
}

/** Shows a table: on standard output, or on stderr where an output is written there. */
export function showBeside(
  outputs: readonly { readonly path: string }[],
  text: string,
): void {
  const isTaken = outputs.some(({ path }) => path === STANDARD_OUTPUT);
  show(text, isTaken ? "stderr" : "stdout");
}
