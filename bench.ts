#!/usr/bin/env -S deno run --no-prompt --allow-net --allow-read --allow-write --allow-run --allow-env=SCORE_URL,SCORE_API_KEY,SCORE_COMPARE_API_KEY,TPU_ACCELERATOR_TYPE,ACCELERATOR_TYPE --allow-sys=osRelease
// deno-lint-ignore-file no-console
/**
 * Measures the performance of `POST /v1/score`; see README.md or `--help`.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { findPlanProblem } from "./lib/baseline/comparability.ts";
import { applyComparison, compareRun } from "./lib/baseline/comparison.ts";
import {
  checkBaselineUpdate,
  loadBaseline,
  updateBaseline,
} from "./lib/baseline/files.ts";
import { MIN_SAMPLES } from "./lib/baseline/fitness.ts";
import type { Baseline } from "./lib/baseline/merge.ts";
import { exitCodeOf, judgeAbRun } from "./lib/bench/ab.ts";
import { findSuspects } from "./lib/bench/confirm.ts";
import type { BenchEnd, BenchListener, BenchWorld } from "./lib/bench/plan.ts";
import { runBench } from "./lib/bench/run.ts";
import {
  complain,
  startProgress,
  terminalColumns,
} from "./lib/cli/command_line.ts";
import { parseFlags } from "./lib/cli/flags.ts";
import { type Interrupts, listenForInterrupts } from "./lib/cli/interrupt.ts";
import type { Progress } from "./lib/cli/progress.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
  refuseTwoKeys,
} from "./lib/cli/secret_source.ts";
import { BENCH_COMMAND } from "./lib/commands/bench.ts";
import {
  type BenchFlags,
  type BenchRequest,
  isSameHost,
  readBenchFlags,
  wantedTargets,
} from "./lib/commands/bench_flags.ts";
import { type Outputs, planOutputs } from "./lib/commands/bench_outputs.ts";
import { readGateFlags } from "./lib/commands/gate_flags.ts";
import { MeasureError, UsageError } from "./lib/failure.ts";
import { calibrate } from "./lib/load/calibration.ts";
import { describeClient } from "./lib/load/client_limit.ts";
import { startLoadGenerator } from "./lib/load/generator.ts";
import {
  optionDifferences,
  type Run,
  type RunOptions,
} from "./lib/record/run.ts";
import { readRun, stringifyRun } from "./lib/record/run_file.ts";
import { renderRun } from "./lib/report/run/text.ts";
import { createRedactor, headerSecrets, hideKeys } from "./lib/secret.ts";
import { describeEnvironment } from "./lib/server/environment.ts";
import {
  openTarget,
  type TargetOptions,
  type Wanted,
} from "./lib/server/open.ts";
import { writeWhole } from "./lib/store.ts";
import { poolPasses } from "./lib/record/cells.ts";

/** Runs the benchmark by its arguments; returns the exit code. The client is measured by `measureClient`. */
export function main(
  args: readonly string[],
  measureClient: typeof calibrate = calibrate,
): Promise<number> {
  return runScript(async () => {
    const parsed = parseFlags(BENCH_COMMAND, args);
    if (parsed.action !== "run") return inform(parsed.action, BENCH_COMMAND);
    const request = readBenchFlags(parsed.flags, readEnvironment("SCORE_URL"));
    return await bench(parsed.flags, request, measureClient);
  });
}

/** What is known and checked before the first request. */
interface Setup {
  readonly flags: BenchFlags;
  readonly request: BenchRequest;
  readonly apiKey: string | null;
  /** The key of the server that is judged in an A/B run. */
  readonly comparedKey: string | null;
  readonly caCerts: readonly string[];
  readonly gate: ReturnType<typeof readGateFlags>;
  readonly baseline: Baseline | null;
  readonly resumed: Run | null;
  readonly options: RunOptions;
  readonly timestamp: string;
  readonly outputs: Outputs;
}

async function bench(
  flags: BenchFlags,
  request: BenchRequest,
  measureClient: typeof calibrate,
): Promise<number> {
  const setup = await prepare(flags, request);
  const { baseline, gate } = setup;
  using interrupts = listenForInterrupts();
  const progress = startProgress(flags.quiet);
  await using load = startLoadGenerator();
  const end = await runBench({
    options: setup.options,
    targets: wantedTargets(flags, request),
    resumed: setup.resumed,
    timestamp: setup.timestamp,
    environment: await describeEnvironment(),
    toolVersion: config.version,
    checksDrift: baseline !== null || flags.updateBaseline !== undefined,
    findSuspects: baseline === null || flags.noConfirm
      ? null
      : (run) => findSuspects(compareRun(run, baseline, gate), gate),
  }, {
    ...targetsOf(setup, interrupts, progress),
    load,
    calibrate: () => measureClient(load, interrupts.first),
    save: (run) => writeWhole(setup.outputs.record, stringifyRun(run)),
    listener: listenerOf(progress, setup.options),
    now: () => performance.now(),
    signal: interrupts.first,
  });
  progress.clear();
  return await finish(end, setup);
}

/** Reads and checks all that can be wrong before anything is sent. */
async function prepare(
  flags: BenchFlags,
  request: BenchRequest,
): Promise<Setup> {
  const gate = readGateFlags(flags);
  const resumed = flags.resume === undefined
    ? null
    : await readRun(flags.resume);
  const apiKey = await readApiKey(flags.apiKeyFile);
  const comparedKey = keyOfCompared(request, apiKey);
  refuseTwoKeys(apiKey ?? comparedKey, request.headers);
  const caCerts = await readCertificates(flags.caFile);
  const options = runOptions(flags, request, { resumed, apiKey });
  const judged = flags.baseline[0] ?? flags.updateBaseline;
  if (judged !== undefined && options.numRuns < MIN_SAMPLES) {
    throw new UsageError([
      `Cannot use '${judged}' with --num-runs ${options.numRuns}: a cell needs at least ${MIN_SAMPLES} samples to be judged`,
    ]);
  }
  const baseline = flags.baseline.length === 0
    ? null
    : await loadBaseline(flags.baseline);
  const problem = baseline === null ? null : findPlanProblem(options, {
    baseline: baseline.runs,
    allowMismatch: gate.allowMismatch,
  });
  if (problem !== null) throw new MeasureError(`Cannot compare: ${problem}`);
  if (flags.updateBaseline !== undefined) {
    await checkBaselineUpdate(flags.updateBaseline);
  }
  const timestamp = new Date().toISOString();
  const outputs = await planOutputs(flags, timestamp);
  return {
    flags,
    request,
    apiKey,
    comparedKey,
    caCerts,
    gate,
    baseline,
    resumed,
    options,
    timestamp,
    outputs,
  };
}

/** The key goes to no other host than the one that it was given for. */
function keyOfCompared(
  { url, compared }: BenchRequest,
  apiKey: string | null,
): string | null {
  if (compared === null) return null;
  const isAlone = url === null || compared.url === null ||
    isSameHost(url, compared.url);
  return readEnvironment("SCORE_COMPARE_API_KEY") ?? (isAlone ? apiKey : null);
}

/** How the target, and in an A/B run the one that it is judged against, are opened. */
function targetsOf(
  setup: Setup,
  interrupts: Interrupts,
  progress: Progress,
): Pick<BenchWorld, "openTarget" | "openCompared"> {
  const { flags, request, apiKey, outputs } = setup;
  const open = (
    address: Pick<TargetOptions, "url" | "launch" | "apiKey">,
    suffix: string,
  ) =>
  (wanted: Wanted) =>
    openTarget({
      ...address,
      launchTimeoutMs: flags.launchTimeout * 1000,
      timeoutMs: flags.timeout * 1000,
      logPath: (model, dtype) =>
        `${outputs.stem}.${fileName(`${model}-${dtype}${suffix}`)}.log`,
      headers: request.headers,
      caCerts: setup.caCerts,
      unixSocketPath: flags.unixSocket ?? null,
      hardware: flags.hardware ?? null,
      seed: setup.options.seed,
      onWaiting: (what) => progress.update(what),
      signal: interrupts.first,
      urgent: interrupts.second,
    }, wanted);
  const { url, launch, compared } = request;
  const base = open({ url, launch, apiKey }, compared === null ? "" : "-A");
  if (compared === null) return { openTarget: base, openCompared: null };
  return {
    openTarget: open({ ...compared, apiKey: setup.comparedKey }, "-B"),
    openCompared: base,
  };
}

function listenerOf(progress: Progress, options: RunOptions): BenchListener {
  return {
    expect: (weight) => progress.expect(weight),
    measuring: (cell, requests) =>
      progress.update(
        `cell ${cell.number} of ${cell.total}: ${cell.label}, ${requests} requests`,
        // Warm-up has no known end, so a cell is never quite done before it is.
        cell.weight * Math.min(0.9, requests / (2 * options.numRuns + 8)),
      ),
    measured: (cell, { summary, status, reason }) =>
      progress.step(
        `cell ${cell.number} of ${cell.total}: ${cell.label}, ${
          summary === null ? "no figures" : `p50 ${summary.p50Ms.toFixed(2)} ms`
        }${status === "OK" ? "" : `, ${status}`}${
          reason === "" ? "" : `: ${reason}`
        }`,
        cell.weight,
      ),
    calibrated: (calibration) => progress.note(describeClient(calibration)),
    warning: (text) => progress.note(`Warning: ${text}`),
  };
}

/** Judges what was measured, writes it, shows it, and decides the exit code. */
async function finish(end: BenchEnd, setup: Setup): Promise<number> {
  const { flags, baseline, gate, outputs } = setup;
  // What is not whole is not judged: it may be resumed, and its record holds what was measured.
  const isWhole = end.fatal === null && !end.run.metadata.interrupted;
  const comparison = baseline !== null && isWhole
    ? compareRun(end.run, baseline, gate)
    : null;
  const run = comparison !== null
    ? applyComparison(end.run, comparison)
    : end.run.options.compareAddress !== null && isWhole
    ? judgeAbRun(end.run, gate)
    : end.run;
  // Nothing measured must not replace what an earlier run left there.
  if (run.cells.length > 0) {
    await writeWhole(outputs.record, stringifyRun(run));
    for (const { path, render } of outputs.files) {
      await writeWhole(path, await render(run));
    }
  }
  const exitCode = report({ ...end, run }, outputs, {
    exitCode: comparison?.exitCode ?? exitCodeOf(run, gate.maxInvalid),
  });
  if (flags.updateBaseline === undefined || exitCode > 1) return exitCode;
  if (exitCode === 1) {
    return complain(
      `Not appended to ${flags.updateBaseline}: it is a regression. To accept it, run again without --baseline`,
      1,
    );
  }
  try {
    const updated = await updateBaseline(flags.updateBaseline, {
      run: { ...end.run, cells: poolPasses(end.run.cells) },
      allowMismatch: gate.allowMismatch,
    });
    console.error(`Baseline updated: ${updated.join(", ")}`);
    return exitCode;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 3);
    throw error;
  }
}

/** What was asked for, with the seed of the run that is resumed. */
function runOptions(
  flags: BenchFlags,
  request: BenchRequest,
  known: { readonly resumed: Run | null; readonly apiKey: string | null },
): RunOptions {
  const { resumed, apiKey } = known;
  const redact = createRedactor([
    apiKey ?? "",
    ...headerSecrets(request.headers),
  ]);
  const address = (one: { url: string | null; launch: string | null }) =>
    redact(one.url ?? hideKeys(one.launch ?? ""));
  // In an A/B run the one that is judged is the target.
  const { compared } = request;
  const options: RunOptions = {
    profile: flags.profile,
    ...request.profile,
    prefixCache: request.prefixCache,
    applySoftmax: !flags.noSoftmax,
    labelTokenIds: flags.labelTokenIds ?? null,
    tokens: request.tokens,
    repeats: flags.repeats,
    timeoutMs: flags.timeout * 1000,
    // New by default: a server that saw the prompts of an earlier run has them in its cache.
    seed: flags.seed ?? resumed?.options.seed ?? crypto.randomUUID(),
    target: request.url !== null
      ? "url"
      : request.launch !== null
      ? "launched"
      : "simulated",
    targetAddress: address(compared ?? request),
    compareAddress: compared === null ? null : address(request),
  };
  if (resumed === null) return options;
  const differences = optionDifferences(resumed.options, options);
  if (differences.length === 0) return options;
  throw new UsageError([
    `Cannot resume '${flags.resume}': it was made with other options; give the same ones, or start a new run`,
    ...differences.map((difference) => `  ${difference}`),
  ]);
}

/** Shows what was measured, and decides the exit code. */
function report(
  end: BenchEnd,
  outputs: Outputs,
  verdict: { readonly exitCode: number },
): number {
  const { run, fatal } = end;
  const resume = `Go on with the same flags and --resume ${outputs.record}`;
  if (run.cells.length === 0) {
    return fatal !== null
      ? complain(fatal, 3)
      : complain("Interrupted before anything was measured", 130);
  }
  console.log(renderRun(run, terminalColumns()));
  const written = new Set([
    outputs.record,
    ...outputs.files.map(({ path }) => path),
  ]);
  console.error(`Written: ${[...written].join(", ")}`);
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
  if (failure !== null) complain(`Cannot compare: ${failure}`, 3);
  else if (verdict.exitCode === 3) {
    complain(
      "Cannot rely on this run: more cells are INVALID than --max-invalid allows",
      3,
    );
  }
  return verdict.exitCode;
}

function fileName(text: string): string {
  return text.replaceAll(/[^\w.-]/g, "_");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
