#!/usr/bin/env -S deno run --no-prompt --allow-read --allow-write=results
// deno-lint-ignore-file no-console
/**
 * Works on stored runs, without a network; see README.md or `--help`.
 *
 * @module
 */
import { extname } from "@std/path";
import {
  applyComparison,
  compareRuns,
  type RunComparison,
} from "./lib/baseline/comparison.ts";
import { loadBaseline, loadRuns } from "./lib/baseline/files.ts";
import { complain, say, terminalColumns } from "./lib/cli/command_line.ts";
import type { CommandSpec } from "./lib/cli/command_spec.ts";
import { parseFlags } from "./lib/cli/flags.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  describeFormats,
  formatOf,
  type Formats,
  RECORD_FORMATS,
  type Render,
  STRESS_FORMATS,
  VIEW_FORMATS,
} from "./lib/commands/formats.ts";
import { readGateFlags } from "./lib/commands/gate_flags.ts";
import {
  COMPARE_COMMAND,
  RENDER_COMMAND,
  TREND_COMMAND,
} from "./lib/commands/report.ts";
import { readStressRun } from "./lib/commands/stress_outputs.ts";
import { escapeForTerminal } from "./lib/escape.ts";
import { UsageError } from "./lib/failure.ts";
import { loadHistory } from "./lib/history/files.ts";
import { readRun } from "./lib/record/run_file.ts";
import { comparisonToJson, renderComparison } from "./lib/report/comparison.ts";
import { renderRun } from "./lib/report/run/text.ts";
import { renderStressRun } from "./lib/report/stress/text.ts";
import { renderTrend } from "./lib/report/trend/page.ts";
import { viewOfComparison, viewOfRun } from "./lib/report/view.ts";
import { checkWritable, readText, writeWhole } from "./lib/store.ts";

export { COMPARE_COMMAND, RENDER_COMMAND, TREND_COMMAND };

const COMMANDS: Readonly<
  Record<string, {
    readonly spec: CommandSpec;
    readonly run: (args: readonly string[]) => Promise<number>;
  }>
> = {
  compare: { spec: COMPARE_COMMAND, run: compare },
  trend: { spec: TREND_COMMAND, run: trend },
};

/** Runs the command that the first word names, or shows the runs that the words name; returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  return runScript(async () => {
    if (Object.hasOwn(COMMANDS, name)) {
      return await COMMANDS[name]?.run(rest) ?? 2;
    }
    const isOverview = ["--help", "-h", "--version"].includes(name);
    return !isOverview && (name.startsWith("-") || extname(name) !== "")
      ? await render(args)
      : overview(name);
  });
}

async function render(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(RENDER_COMMAND, args);
  if (parsed.action !== "run") return inform(parsed.action, RENDER_COMMAND);
  const { flags: { output }, operands } = parsed;
  const single = output.find((path) => path.endsWith(".json"));
  if (single !== undefined && operands.length > 1) {
    throw new UsageError([
      `Cannot write ${operands.length} runs to '${single}': a run record holds one`,
    ]);
  }
  const kinds = await Promise.all(operands.map(isStressRecord));
  if (new Set(kinds).size > 1) {
    throw new UsageError([
      "Cannot show benchmarks and stress tests together: give those of one kind",
    ]);
  }
  if (kinds[0]) {
    const outputs = await planOutputs(output, STRESS_FORMATS);
    const runs = await Promise.all(operands.map(readStressRun));
    for (const run of runs) say(renderStressRun(run, terminalColumns()));
    await writeOutputs(outputs, runs);
  } else {
    const outputs = await planOutputs(output, RECORD_FORMATS);
    const runs = await Promise.all(operands.map(readRun));
    for (const run of runs) say(renderRun(run, terminalColumns()));
    await writeOutputs(outputs, runs);
  }
  return 0;
}

/** Tells the record of a stress test; what is no record at all is left to its reader. */
async function isStressRecord(path: string): Promise<boolean> {
  const text = await readText(path);
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "kind" in value &&
      value.kind === "stress";
  } catch {
    return false;
  }
}

async function trend(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(TREND_COMMAND, args);
  if (parsed.action !== "run") return inform(parsed.action, TREND_COMMAND);
  const { flags, operands } = parsed;
  if (!flags.output.endsWith(".html")) {
    throw new UsageError([
      `Cannot write --output ${flags.output}: expected a name that ends in .html`,
    ]);
  }
  await checkWritable(flags.output);
  const history = await loadHistory(operands[0] ?? "");
  for (const { path, reason } of history.broken) {
    complain(`Cannot read '${path}': ${reason}`, 2);
  }
  const { html, lines } = await renderTrend(history);
  await writeWhole(flags.output, html);
  say(lines.map((line) => escapeForTerminal(line)).join("\n"));
  complain(`Written: ${flags.output}`, 0);
  return history.runs.length === 0 ? 3 : 0;
}

async function compare(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(COMPARE_COMMAND, args);
  if (parsed.action !== "run") return inform(parsed.action, COMPARE_COMMAND);
  const { flags, operands } = parsed;
  const options = readGateFlags(flags);
  const isJson = (path: string) => path.endsWith(".json");
  const jsonPaths = [
    ...flags.output.filter(isJson),
    ...(flags.jsonOutput === undefined ? [] : [flags.jsonOutput]),
  ];
  for (const path of jsonPaths) await checkWritable(path);
  const outputs = await planOutputs(
    flags.output.filter((path) => !isJson(path)),
    VIEW_FORMATS,
  );
  const baseline = await loadBaseline(operands.slice(0, -1));
  const path = operands.at(-1) ?? "";
  const comparison = compareRuns(await loadRuns(path), baseline, options);
  console.log(renderComparison(comparison, terminalColumns()));
  for (const json of jsonPaths) {
    await writeWhole(json, comparisonToJson(comparison));
  }
  await writeOutputs(outputs, [await viewOf(comparison, path)]);
  return comparison.exitCode;
}

/** A run record tells more than the comparison: samples, and how it was measured. */
async function viewOf(comparison: RunComparison, path: string) {
  return path.endsWith(".json")
    ? viewOfRun(applyComparison(await readRun(path), comparison))
    : viewOfComparison(comparison, path);
}

interface Output<Result> {
  readonly path: string;
  readonly render: Render<Result>;
}

/** Makes sure, before anything is read, that all outputs can be written. */
async function planOutputs<Result>(
  paths: readonly string[],
  formats: Formats<Result>,
): Promise<Output<Result>[]> {
  const outputs: Output<Result>[] = [];
  for (const path of paths) {
    const render = formatOf(formats, path);
    if (render === undefined) {
      throw new UsageError([
        `Cannot write --output ${path}: expected ${describeFormats(formats)}`,
      ]);
    }
    await checkWritable(path);
    outputs.push({ path, render });
  }
  return outputs;
}

async function writeOutputs<Result>(
  outputs: readonly Output<Result>[],
  results: readonly Result[],
): Promise<void> {
  for (const { path, render } of outputs) {
    await writeWhole(path, await render(results));
  }
}

/** Shows what there is; an error unless that was asked for. */
function overview(name: string): number {
  if (name === "--version") return inform("version", RENDER_COMMAND);
  const specs = [
    RENDER_COMMAND,
    ...Object.values(COMMANDS).map(({ spec }) => spec),
  ];
  const lines = specs.flatMap(({ name, summary, operands }) => [
    `  ${name} ${operands?.name.toUpperCase() ?? ""}`,
    `      ${summary}`,
  ]);
  const text = ["Commands, each with --help:", ...lines].join("\n");
  if (name === "--help" || name === "-h") return say(text);
  return complain(
    `Cannot run ${
      JSON.stringify(name)
    }: expected a command as the first word\n${text}`,
    2,
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
