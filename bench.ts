#!/usr/bin/env -S deno run --no-prompt --allow-net --allow-read --allow-write --allow-run --allow-env=SCORE_URL,SCORE_API_KEY,SCORE_COMPARE_API_KEY,TPU_ACCELERATOR_TYPE,ACCELERATOR_TYPE,TERM --allow-sys=osRelease
/**
 * Measures the performance of `POST /v1/score`; see docs/ or `--help`.
 *
 * @module
 */
import { findSlowCells } from "./lib/bench/confirm.ts";
import { judgeAbRun } from "./lib/bench/ab.ts";
import { judgeTurns } from "./lib/bench/turns.ts";
import { type BenchEnd, exitCodeOf } from "./lib/bench/plan.ts";
import { runBench } from "./lib/bench/run.ts";
import { applyComparison, compareRun } from "./lib/baseline/comparison.ts";
import { updateBaseline } from "./lib/baseline/files.ts";
import {
  complain,
  startProgress,
  terminalColumns,
} from "./lib/cli/command_line.ts";
import { parseFlags } from "./lib/cli/flags.ts";
import { listenForInterrupts } from "./lib/cli/interrupt.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import { BENCH_COMMAND } from "./lib/commands/bench.ts";
import { benchListener } from "./lib/commands/bench_progress.ts";
import { type BenchSetup, prepareBench } from "./lib/commands/bench_setup.ts";
import {
  keepRecord,
  type RunOutputs,
  showBeside,
  writeRun,
} from "./lib/commands/outputs.ts";
import config from "./deno.json" with { type: "json" };
import { UsageError } from "./lib/failure.ts";
import { startRuler } from "./lib/load/ruler.ts";
import { startLoadGenerator } from "./lib/load/generator.ts";
import { poolPasses } from "./lib/record/cells.ts";
import type { Run } from "./lib/record/run.ts";
import { stringifyRun } from "./lib/record/run_file.ts";
import { renderView } from "./lib/report/run/text.ts";
import { viewOfRun } from "./lib/report/view.ts";
import { describeEnvironment } from "./lib/server/environment.ts";

/** Runs the benchmark by its arguments; returns the exit code. `startMeasuring` measures the client, `startLoads` sends. */
export function main(
  args: readonly string[],
  startMeasuring: typeof startRuler = startRuler,
  startLoads: typeof startLoadGenerator = startLoadGenerator,
): Promise<number> {
  return runScript(async () => {
    const parsed = parseFlags(BENCH_COMMAND, args);
    if (parsed.action !== "run") return inform(parsed.action, BENCH_COMMAND);
    const setup = await prepareBench(parsed.flags);
    return await bench(setup, startMeasuring, startLoads);
  });
}

async function bench(
  setup: BenchSetup,
  startMeasuring: typeof startRuler,
  startLoads: typeof startLoadGenerator,
): Promise<number> {
  const { baseline, gate, options, outputs } = setup;
  using interrupts = listenForInterrupts();
  const progress = startProgress(setup.isQuiet);
  await using load = startLoads();
  await using ruler = startMeasuring(load, interrupts.first);
  const end = await runBench({
    options,
    targets: setup.targets,
    files: setup.files,
    resumed: setup.resumed,
    timestamp: setup.timestamp,
    environment: await describeEnvironment(),
    toolVersion: config.version,
    checksDrift: baseline !== null || setup.updateBaseline !== null,
    findServerProblem: setup.findServerProblem,
    findSlowCells: baseline === null || !setup.confirms
      ? null
      : (run) => findSlowCells(compareRun(run, baseline, gate), gate),
  }, {
    ...setup.openers(interrupts, progress),
    load,
    calibrate: ruler.measure,
    save: keepRecord(
      outputs.record,
      stringifyRun,
      (text) => progress.note(text),
    ),
    listener: benchListener(
      progress,
      options.numRuns,
      () => performance.now(),
    ),
    now: () => performance.now(),
    signal: interrupts.first,
  });
  progress.clear();
  return await finish(end, setup);
}

/** Judges what was measured, writes it, shows it, and decides the exit code. */
async function finish(end: BenchEnd, setup: BenchSetup): Promise<number> {
  const { updateBaseline: path, baseline, gate, outputs } = setup;
  // What is not whole is not judged: it may be resumed, and its record holds what was measured.
  const isWhole = end.fatal === null && !end.run.metadata.interrupted;
  const comparison = baseline !== null && isWhole
    ? compareRun(end.run, baseline, gate)
    : null;
  const { compareAddress, inTurn } = end.run.options;
  const inTurns = inTurn && isWhole ? judgeTurns(end.run, gate) : null;
  const run = comparison !== null
    ? applyComparison(end.run, comparison)
    : inTurns !== null
    ? inTurns.run
    : compareAddress !== null && isWhole
    ? judgeAbRun(end.run, gate)
    : end.run;
  const exitCode = await report({ ...end, run }, outputs, {
    exitCode: (comparison ?? inTurns)?.exitCode ??
      exitCodeOf(run, gate.maxInvalid),
  });
  if (path === null || exitCode > 1) return exitCode;
  if (exitCode === 1) {
    return complain(
      `Not appended to ${path}: it is a regression. To accept it, run again without --baseline`,
      1,
    );
  }
  try {
    const updated = await updateBaseline(path, {
      run: { ...end.run, cells: poolPasses(end.run.cells) },
      allowMismatch: gate.allowMismatch,
    });
    complain(`Baseline updated: ${updated.join(", ")}`, 0);
    return exitCode;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 3);
    throw error;
  }
}

/** Shows and writes what was measured, and decides the exit code. */
async function report(
  end: BenchEnd,
  outputs: RunOutputs<Run>,
  verdict: { readonly exitCode: number },
): Promise<number> {
  const { run, fatal } = end;
  const resume = `Go on with the same flags and --resume ${outputs.record}`;
  if (run.cells.length === 0) {
    return fatal !== null
      ? complain(fatal, 3)
      : complain("Interrupted before anything was measured", 130);
  }
  showBeside(outputs.files, renderView(viewOfRun(run), terminalColumns()));
  const isKept = await writeRun(outputs, run, stringifyRun);
  if (fatal !== null) return complain(`${fatal}\n${resume}`, 3);
  if (run.metadata.interrupted) return complain(`Interrupted. ${resume}`, 130);
  if (run.cells.every((cell) => cell.summary === null)) {
    const isClient = run.cells.some(({ samples }) =>
      samples.outcome.includes("ok")
    );
    return complain(
      isClient
        ? "Cannot give a result: the client, not the server, was the limit of each cell"
        : "Cannot give a result: every sample failed",
      3,
    );
  }
  const failure = run.comparison?.failure ?? null;
  if (failure !== null) complain(`No verdict: ${failure}`, 3);
  else if (verdict.exitCode === 3) {
    complain(
      "Cannot rely on this run: more cells are INVALID than --max-invalid allows",
      3,
    );
  }
  return verdict.exitCode === 0 && !isKept ? 3 : verdict.exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
