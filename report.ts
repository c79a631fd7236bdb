#!/usr/bin/env -S deno run --no-prompt --allow-read --allow-write=results --allow-env=TERM
/**
 * Works on stored runs, without a network; see docs/ or `--help`.
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
import { nearestName, parseFlags } from "./lib/cli/flags.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  COMPARISON_FORMATS,
  type Formats,
  RECORD_FORMATS,
  STRESS_FORMATS,
} from "./lib/commands/formats.ts";
import { readGateFlags } from "./lib/commands/gate_flags.ts";
import {
  COMPARE_COMMAND,
  MERGE_COMMAND,
  RENDER_COMMAND,
  TREND_COMMAND,
} from "./lib/commands/report.ts";
import { UsageError } from "./lib/failure.ts";
import { describeBroken, loadHistory } from "./lib/history/files.ts";
import { parseObject } from "./lib/json.ts";
import { readRun } from "./lib/record/run_file.ts";
import { renderView } from "./lib/report/run/text.ts";
import { renderStressRun } from "./lib/report/stress/text.ts";
import { renderTrend } from "./lib/report/trend/page.ts";
import { viewOfComparison, viewOfRun } from "./lib/report/view.ts";
import { checkWritable, readText, writeWhole } from "./lib/store.ts";
import { readShards } from "./lib/shards/files.ts";
import { mergeShards } from "./lib/shards/merge.ts";
import { readStressRun, stringifyStressRun } from "./lib/stress/file.ts";
import { stressExitCode } from "./lib/stress/run.ts";
import {
  checkOutputs,
  planRunOutputs,
  readOutputs,
  recordName,
  showBeside,
  writeOutputs,
  writeRun,
} from "./lib/commands/outputs.ts";
import { escapeForTerminal } from "./lib/escape.ts";
import { wrapIndented } from "./lib/wrap.ts";

export { COMPARE_COMMAND, MERGE_COMMAND, RENDER_COMMAND, TREND_COMMAND };

const COMMANDS: Readonly<
  Record<string, {
    readonly spec: CommandSpec;
    readonly run: (args: readonly string[]) => Promise<number>;
  }>
> = {
  compare: { spec: COMPARE_COMMAND, run: compare },
  merge: { spec: MERGE_COMMAND, run: merge },
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
  const { flags: { output, maxFileMib }, operands } = parsed;
  const single = output.find((path) => path.endsWith(".json"));
  if (single !== undefined && operands.length > 1) {
    throw new UsageError([
      `Cannot write ${operands.length} runs to '${single}': a run record holds one`,
    ]);
  }
  const csv = operands.find((path) => /\.csv$/i.test(path));
  if (csv !== undefined) {
    throw new UsageError([
      `Cannot show '${csv}': a run record (.json) was expected; a CSV is judged with: report compare BASELINE ${csv}`,
    ]);
  }
  const kinds: boolean[] = [];
  // One after the other, since each may be large.
  for (const path of operands) {
    kinds.push(await isStressRecord(path, maxFileMib));
  }
  if (new Set(kinds).size > 1) {
    throw new UsageError([
      "Cannot show benchmarks and stress tests together: give those of one kind",
    ]);
  }
  return kinds[0]
    ? await renderAs(operands, output, {
      formats: STRESS_FORMATS,
      read: (path) => readStressRun(path, maxFileMib),
      draw: renderStressRun,
    })
    : await renderAs(operands, output, {
      formats: RECORD_FORMATS,
      read: (path) => readRun(path, maxFileMib),
      draw: (run, columns) => renderView(viewOfRun(run), columns),
    });
}

async function renderAs<Result>(
  paths: readonly string[],
  output: readonly string[],
  { formats, read, draw }: {
    readonly formats: Formats<Result>;
    readonly read: (path: string) => Promise<Result>;
    readonly draw: (run: Result, terminalColumns: number) => string;
  },
): Promise<number> {
  const outputs = readOutputs(output, formats);
  await checkOutputs(outputs.map(({ path }) => path));
  const runs: Result[] = [];
  for (const path of paths) runs.push(await read(path));
  for (const run of runs) showBeside(outputs, draw(run, terminalColumns()));
  const { failed } = await writeOutputs(outputs, runs);
  return failed.length === 0 ? 0 : 3;
}

/** Tells the record of a stress test; what is no record at all is left to its reader. */
async function isStressRecord(
  path: string,
  maxFileMib: number,
): Promise<boolean> {
  return parseObject(await readText(path, maxFileMib))?.["kind"] === "stress";
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
  const history = await loadHistory(operands[0] ?? "", flags.maxFileMib);
  for (const line of describeBroken(history)) {
    complain(`Cannot use ${line}`, 2);
  }
  const { html, lines } = await renderTrend(
    history,
    readRepository(flags.repository),
  );
  await writeWhole(flags.output, html);
  say(
    lines.flatMap((line) =>
      wrapIndented(escapeForTerminal(line), terminalColumns())
    ).join("\n"),
  );
  complain(`Written: ${flags.output}`, 0);
  return history.runs.length === 0 ? 3 : 0;
}

/** Returns the address of a repository without a slash at its end; null for none. */
function readRepository(value: string | undefined): string | null {
  if (value === undefined) return null;
  const url = URL.parse(value);
  if (url?.protocol === "https:" || url?.protocol === "http:") {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  }
  throw new UsageError([
    `Cannot take --repository ${value}: expected an address as https://github.com/owner/name`,
  ]);
}

async function merge(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(MERGE_COMMAND, args);
  if (parsed.action !== "run") return inform(parsed.action, MERGE_COMMAND);
  const { flags: { output }, operands: [folder = ""] } = parsed;
  const files = await readShards(folder);
  const run = mergeShards(files);
  const outputs = await planRunOutputs(
    { output, others: [], formats: STRESS_FORMATS },
    recordName(`stress-${run.metadata.timestamp}-merged`),
  );
  showBeside(outputs.files, renderStressRun(run, terminalColumns()));
  const isKept = await writeRun(outputs, run, stringifyStressRun);
  const { problems } = files;
  const fatal = problems.length === 0
    ? null
    : `Not all of the run is known: ${problems.join("; ")}`;
  if (fatal !== null) complain(escapeForTerminal(fatal), 3);
  return stressExitCode({ run, fatal: fatal ?? (isKept ? null : "") });
}

async function compare(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(COMPARE_COMMAND, args);
  if (parsed.action !== "run") return inform(parsed.action, COMPARE_COMMAND);
  const { flags, operands } = parsed;
  const options = readGateFlags(flags);
  const outputs = [
    ...readOutputs(flags.output, COMPARISON_FORMATS),
    ...(flags.jsonOutput === undefined ? [] : [{
      path: flags.jsonOutput,
      render: COMPARISON_FORMATS[".json"],
    }]),
  ];
  await checkOutputs(outputs.map(({ path }) => path));
  const baseline = await loadBaseline(operands.slice(0, -1), flags.maxFileMib);
  const path = operands.at(-1) ?? "";
  const comparison = compareRuns(
    await loadRuns(path, flags.maxFileMib),
    baseline,
    options,
  );
  const view = await viewOf(comparison, path, flags.maxFileMib);
  showBeside(outputs, renderView(view, terminalColumns()));
  await writeOutputs(outputs, [{ comparison, view }]);
  return comparison.exitCode;
}

/** A run record tells more than the comparison: samples, and how it was measured. */
async function viewOf(
  comparison: RunComparison,
  path: string,
  maxFileMib: number,
) {
  return path.endsWith(".json")
    ? viewOfRun(applyComparison(await readRun(path, maxFileMib), comparison))
    : viewOfComparison(comparison, path);
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
  const near = nearestName(name, Object.keys(COMMANDS));
  return complain(
    `Cannot run ${JSON.stringify(name)}: expected a command as the first word${
      near === null ? "" : `, did you mean ${near}?`
    }\n${text}`,
    2,
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
