#!/usr/bin/env -S deno run --no-prompt --allow-read --allow-write=results
// deno-lint-ignore-file no-console
/**
 * Works on stored runs, without a network; see README.md or `--help`.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { loadBaseline, loadRuns } from "./lib/baseline_files.ts";
import type { CommandSpec } from "./lib/command_spec.ts";
import { compareRuns } from "./lib/comparison.ts";
import { escapeForTerminal } from "./lib/escape.ts";
import { parseFlags, UsageError } from "./lib/flags.ts";
import { GATE_FLAGS, readGateFlags } from "./lib/gate_flags.ts";
import { formatHelp } from "./lib/help.ts";
import { comparisonToJson, renderComparison } from "./lib/report_comparison.ts";
import { checkWritable, writeWhole } from "./lib/store.ts";

/** The flags of `report.ts compare`. */
export const COMPARE_COMMAND = {
  name: "report.ts compare",
  summary: "Judges a stored result against a baseline.",
  operands: {
    name: "files",
    min: 2,
    max: 10_000,
    help:
      "BASELINE ... RESULT: .csv files or run records (.json), the result last; a baseline may be a folder",
  },
  groups: [
    GATE_FLAGS,
    {
      title: "Output",
      flags: [
        {
          name: "json-output",
          kind: "text",
          placeholder: "FILE",
          help: "Write the verdict of each cell as JSON",
        },
      ],
    },
  ],
  examples: [
    {
      command: "deno task report compare baselines/tpu-v6e.csv results/run.csv",
      help: "Two files",
    },
  ],
  exits: [
    { code: 0, help: "no regression" },
    { code: 1, help: "a REGRESSION" },
    { code: 2, help: "a flag or a file is wrong" },
    {
      code: 3,
      help: "no verdict: nothing alike to compare, or too many INVALID cells",
    },
  ],
} as const;

const COMMANDS: Readonly<
  Record<string, {
    readonly spec: CommandSpec;
    readonly run: (args: readonly string[]) => Promise<number>;
  }>
> = {
  compare: { spec: COMPARE_COMMAND, run: compare },
};

/** Runs the command that the first word names; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return overview(name);
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 2);
    // Left to Deno the exit code would be 1, which means a regression.
    const found = error instanceof Error ? error.stack : String(error);
    return complain(`Cannot go on, an error of this tool: ${found}`, 3);
  }
}

async function compare(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(COMPARE_COMMAND, args);
  if (parsed.action !== "run") {
    return say(
      parsed.action === "help"
        ? formatHelp(COMPARE_COMMAND)
        : `scorebench ${config.version}`,
    );
  }
  const { flags, operands } = parsed;
  const options = readGateFlags(flags);
  if (flags.jsonOutput !== undefined) await checkWritable(flags.jsonOutput);
  const baseline = await loadBaseline(operands.slice(0, -1));
  const result = await loadRuns(operands.at(-1) ?? "");
  const comparison = compareRuns(result, baseline, options);
  console.log(renderComparison(comparison, terminalColumns()));
  if (flags.jsonOutput !== undefined) {
    await writeWhole(flags.jsonOutput, comparisonToJson(comparison));
  }
  return comparison.exitCode;
}

/** Shows what there is; an error unless that was asked for. */
function overview(name: string): number {
  if (name === "--version") return say(`scorebench ${config.version}`);
  const lines = Object.values(COMMANDS).map(({ spec }) =>
    `  ${spec.name}  ${spec.summary}`
  );
  const text = ["Commands, each with --help:", ...lines].join("\n");
  if (name === "--help" || name === "-h") return say(text);
  return complain(
    `Cannot run ${
      JSON.stringify(name)
    }: expected a command as the first word\n${text}`,
    2,
  );
}

/** The width of the terminal; 100 where there is none, which is the width of the specification's table. */
function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 100;
  }
}

function say(text: string): number {
  console.log(text.trimEnd());
  return 0;
}

function complain(message: string, exitCode: number): number {
  const lines = message.split("\n").map((line) => escapeForTerminal(line));
  console.error(lines.join("\n"));
  return exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
