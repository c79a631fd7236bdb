/**
 * Reads and checks all that a run of the benchmark needs before anything is sent: nothing behind it sees a flag.
 *
 * @module
 */
import type { Baseline } from "../baseline/merge.ts";
import { profileNameOf } from "../bench/profiles.ts";
import { checkBaselineUpdate, loadBaseline } from "../baseline/files.ts";
import {
  findPlanProblem,
  findServerProblem,
} from "../baseline/comparability.ts";
import type { MismatchName } from "../baseline/conditions.ts";
import { MIN_SAMPLES } from "../baseline/fitness.ts";
import type { StoredRun } from "../baseline/runs.ts";
import type { BenchPlan, BenchWorld } from "../bench/plan.ts";
import { advise } from "../cli/command_line.ts";
import type { Interrupts } from "../cli/interrupt.ts";
import type { Progress } from "../cli/progress.ts";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
  refuseTwoKeys,
} from "../cli/secret_source.ts";
import { checkOpenFiles } from "../load/open_files.ts";
import { MeasureError, UsageError } from "../failure.ts";
import { refuseOtherOptions } from "../record/resume.ts";
import type { Run, RunOptions } from "../record/run.ts";
import { readRun } from "../record/run_file.ts";
import { runToMetadata, runToRows } from "../report/run/text.ts";
import { AS_DATA } from "../score/data.ts";
import { createRedactor, headerSecrets, hideKeys } from "../secret.ts";
import { openTarget, type TargetOptions, type Wanted } from "../server/open.ts";
import { checkAllowed } from "../server/permission.ts";
import {
  type BenchFlags,
  type BenchRequest,
  isSameHost,
  readBenchFlags,
  wantedTargets,
} from "./bench_flags.ts";
import { openData, withLabelIds } from "./data_flags.ts";
import { RECORD_FORMATS } from "./formats.ts";
import { readGateFlags } from "./gate_flags.ts";
import { planRunOutputs, recordName, type RunOutputs } from "./outputs.ts";

/** What a run needs, checked. */
export interface BenchSetup extends
  Pick<
    BenchPlan,
    | "options"
    | "files"
    | "targets"
    | "resumed"
    | "timestamp"
    | "findServerProblem"
  > {
  /** What the run is compared with; null for nothing. */
  readonly baseline: Baseline | null;
  /** The baseline that the run is appended to; null for none. */
  readonly updateBaseline: string | null;
  readonly gate: ReturnType<typeof readGateFlags>;
  /** Whether what looks slower is measured again. */
  readonly confirms: boolean;
  readonly outputs: RunOutputs<Run>;
  readonly isQuiet: boolean;
  /** How the target, and in an A/B run the one that it is judged against, are opened. */
  readonly openers: (
    interrupts: Interrupts,
    progress: Progress,
  ) => Pick<BenchWorld, "openTarget" | "openCompared">;
}

/**
 * Reads flags, files and environment, and checks all that can be wrong before anything is sent.
 *
 * @throws {UsageError} If a flag, a file or a setting is wrong.
 * @throws {MeasureError} If what is to be measured cannot be compared with the baseline, or appended to it.
 */
export async function prepareBench(given: BenchFlags): Promise<BenchSetup> {
  const labelled = await withLabelIds(given);
  const { labels, labelTokenIds } = labelled;
  // Words say how many labels there are, where nothing else does.
  const ownCount = labels === undefined || labelTokenIds === undefined
    ? undefined
    : [labelTokenIds.length];
  const flags = { ...labelled, numLabels: given.numLabels ?? ownCount };
  const request = readBenchFlags(flags, readEnvironment("SCORE_URL"));
  const gate = readGateFlags(flags);
  const resumed = flags.resume === undefined
    ? null
    : await readRun(flags.resume);
  if (flags.unixSocket === undefined) {
    await checkAllowed([request.url, request.compared?.url ?? null]);
  }
  const apiKey = await readApiKey(flags.apiKeyFile);
  const comparedKey = keyOfCompared(request, apiKey);
  refuseTwoKeys(apiKey ?? comparedKey, request.headers);
  const caCerts = await readCertificates(flags.caFile);
  // Without batch sizes each request of a file is sent as it is.
  const data = await openData(request.data, flags.batchSizes === undefined);
  const options = runOptions(flags, request, {
    resumed,
    apiKey,
    data: data.records,
  });
  const judged = flags.baseline[0] ?? flags.updateBaseline;
  if (judged !== undefined && options.numRuns < MIN_SAMPLES) {
    throw new UsageError([
      `Cannot use '${judged}' with --num-runs ${options.numRuns}: a cell needs at least ${MIN_SAMPLES} samples to be judged`,
    ]);
  }
  const baseline = flags.baseline.length === 0
    ? null
    : await loadBaseline(flags.baseline);
  const judges = await judgesOf(flags, baseline, gate.allowMismatch);
  const problem = firstProblem(
    judges,
    (known) => findPlanProblem(options, known),
  );
  if (problem !== null) throw new MeasureError(problem);
  const timestamp = new Date().toISOString();
  const outputs = await planBenchOutputs(flags, timestamp);
  return {
    options,
    files: data.files,
    targets: wantedTargets(flags, request),
    resumed,
    timestamp,
    baseline,
    updateBaseline: flags.updateBaseline ?? null,
    findServerProblem: (server) =>
      firstProblem(
        judges,
        (known) => findServerProblem(server, options, known),
      ),
    gate,
    confirms: !flags.noConfirm,
    outputs,
    isQuiet: flags.quiet,
    openers: openersOf(flags, request, {
      ...{ apiKey, comparedKey, caCerts, seed: options.seed },
      stem: outputs.stem,
    }),
  };
}

/** Stored runs that a run must be like. */
interface Judge {
  /** What cannot be done where it is not, as a message begins. */
  readonly cannot: string;
  readonly baseline: readonly StoredRun[];
  readonly allowMismatch: readonly MismatchName[];
  readonly isAppended: boolean;
}

/** Returns what a run must be like: what it is compared with, and what it is appended to. */
async function judgesOf(
  { updateBaseline: path }: BenchFlags,
  baseline: Baseline | null,
  allowMismatch: readonly MismatchName[],
): Promise<Judge[]> {
  return [
    ...(baseline === null ? [] : [{
      cannot: "Cannot compare",
      baseline: baseline.runs,
      allowMismatch,
      isAppended: false,
    }]),
    ...(path === undefined ? [] : [{
      cannot: `Cannot update '${path}'`,
      baseline: await checkBaselineUpdate(path),
      allowMismatch,
      isAppended: true,
    }]),
  ];
}

function firstProblem(
  judges: readonly Judge[],
  find: (known: Judge) => string | null,
): string | null {
  for (const judge of judges) {
    const problem = find(judge);
    if (problem !== null) return `${judge.cannot}: ${problem}`;
  }
  return null;
}

function planBenchOutputs(
  flags: BenchFlags,
  timestamp: string,
): Promise<RunOutputs<Run>> {
  const { output, jsonOutput, metadataOutput, baseline, updateBaseline } =
    flags;
  const others = [
    { path: jsonOutput, render: runToRows },
    { path: metadataOutput, render: runToMetadata },
  ];
  return planRunOutputs(
    { output, others, formats: RECORD_FORMATS },
    flags.resume ?? recordName(`${flags.profile}-${timestamp}`),
    [
      ...baseline,
      ...(updateBaseline === undefined ? [] : [
        updateBaseline,
        updateBaseline.replace(/\.csv$/, "-metadata.json"),
      ]),
    ],
  );
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

function openersOf(
  flags: BenchFlags,
  request: BenchRequest,
  { apiKey, caCerts, seed, comparedKey, stem }:
    & Pick<TargetOptions, "apiKey" | "caCerts" | "seed">
    & { readonly comparedKey: string | null; readonly stem: string },
): BenchSetup["openers"] {
  return (interrupts, progress) => {
    const open = (
      address: Pick<
        TargetOptions,
        "url" | "launch" | "apiKey" | "serverLog"
      >,
      suffix: string,
    ) =>
    (wanted: Wanted) =>
      openTarget({
        ...address,
        launchTimeoutMs: flags.launchTimeout * 1000,
        timeoutMs: flags.timeout * 1000,
        logPath: (model, dtype) =>
          `${stem}.${
            `${model}-${dtype}${suffix}`.replaceAll(/[^\w.-]/g, "_")
          }.log`,
        headers: request.headers,
        caCerts,
        unixSocketPath: flags.unixSocket ?? null,
        hardware: flags.hardware ?? null,
        seed,
        onWaiting: (what) => progress.wait(what),
        warn: (text) => {
          progress.clear();
          advise(`Warning: ${text}`);
        },
        signal: interrupts.first,
        urgent: interrupts.second,
      }, wanted);
    const { url, launch, compared } = request;
    const serverLog = flags.serverLog ?? null;
    const base = open(
      { url, launch, apiKey, serverLog },
      compared === null ? "" : "-A",
    );
    if (compared === null) return { openTarget: base, openCompared: null };
    return {
      openTarget: open({ ...compared, apiKey: comparedKey }, "-B"),
      openCompared: base,
    };
  };
}

/** How often two servers are launched in turn by default: fewer show no noise between runs. */
const TURNS = 3;

/** What was asked for, with the seed of the run that is resumed. */
function runOptions(
  flags: BenchFlags,
  request: BenchRequest,
  known: {
    readonly resumed: Run | null;
    readonly apiKey: string | null;
    readonly data: RunOptions["data"];
  },
): RunOptions {
  const { resumed, apiKey, data } = known;
  const redact = createRedactor([
    apiKey ?? "",
    ...headerSecrets(request.headers),
  ]);
  const address = (one: { url: string | null; launch: string | null }) =>
    redact(one.url ?? hideKeys(one.launch ?? ""));
  // In an A/B run the one that is judged is the target.
  const { compared } = request;
  const options: RunOptions = {
    profile: profileNameOf(flags.profile, request.profile),
    ...request.profile,
    prefixCache: data.every(({ file }) => file !== null)
      ? AS_DATA
      : flags.prefixCache ?? "cold",
    applySoftmax: !flags.noSoftmax,
    labelTokenIds: flags.labelTokenIds ?? null,
    data,
    pricePerHour: flags.pricePerHour ?? null,
    repeats: flags.repeats ?? (compared?.inTurn ? TURNS : 1),
    timeoutMs: flags.timeout * 1000,
    warmupTimeoutMs: flags.warmupTimeout * 1000,
    // New by default: a server that saw the prompts of an earlier run has them in its cache.
    seed: flags.seed ?? resumed?.options.seed ?? crypto.randomUUID(),
    target: request.url !== null
      ? "url"
      : request.launch !== null
      ? "launched"
      : "simulated",
    targetAddress: address(compared ?? request),
    compareAddress: compared === null ? null : address(request),
    inTurn: compared?.inTurn ?? false,
  };
  refuseOtherOptions(flags.resume, resumed?.options ?? options, options);
  checkOpenFiles(Math.max(...request.profile.concurrency), {
    isServedHere: options.target === "simulated",
  });
  return options;
}
