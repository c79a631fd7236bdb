#!/usr/bin/env -S deno run --no-prompt --allow-net --allow-read --allow-write=results --allow-run --allow-env=SCORE_URL,SCORE_API_KEY,NO_COLOR --allow-sys=osRelease
// deno-lint-ignore-file no-console
/**
 * Measures the performance of `POST /v1/score`; see README.md or `--help`.
 *
 * @module
 */
import { extname, join, resolve } from "@std/path";
import {
  BENCH_COMMAND,
  type BenchFlags,
  type BenchRequest,
  readBenchFlags,
} from "./lib/bench_flags.ts";
import { type BenchEnd, runBench } from "./lib/bench_run.ts";
import { calibrate } from "./lib/calibration.ts";
import { describeClient } from "./lib/client_limit.ts";
import config from "./deno.json" with { type: "json" };
import { describeEnvironment } from "./lib/environment.ts";
import { escapeForTerminal } from "./lib/escape.ts";
import { MeasureError } from "./lib/failure.ts";
import { parseFlags, UsageError } from "./lib/flags.ts";
import { formatHelp } from "./lib/help.ts";
import { listenForInterrupts } from "./lib/interrupt.ts";
import { startLoadGenerator } from "./lib/load.ts";
import { Progress } from "./lib/progress.ts";
import {
  renderRun,
  RUN_FORMATS,
  runToMetadata,
  runToRows,
} from "./lib/report_run.ts";
import { optionDifferences, type Run, type RunOptions } from "./lib/result.ts";
import { stringifyRun } from "./lib/run_file.ts";
import { createRedactor, hideKeys } from "./lib/secret.ts";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
} from "./lib/secret_source.ts";
import { checkWritable, readRun, writeWhole } from "./lib/store.ts";
import { openTarget, UNKNOWN, type Wanted } from "./lib/target.ts";

/** Runs the benchmark; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseFlags(BENCH_COMMAND, args);
    if (parsed.action !== "run") {
      return say(
        parsed.action === "help"
          ? formatHelp(BENCH_COMMAND)
          : `scorebench ${config.version}`,
      );
    }
    const request = readBenchFlags(parsed.flags, readEnvironment("SCORE_URL"));
    return await bench(parsed.flags, request);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 2);
    if (error instanceof MeasureError) return complain(error.message, 3);
    throw error;
  }
}

async function bench(
  flags: BenchFlags,
  request: BenchRequest,
): Promise<number> {
  const resumed = flags.resume === undefined
    ? null
    : await readRun(flags.resume);
  const apiKey = await readApiKey(flags.apiKeyFile);
  if (apiKey !== null && hasHeader(request.headers, "authorization")) {
    throw new UsageError([
      "Cannot send two keys: give --header 'Authorization: ...' or the key (SCORE_API_KEY, --api-key-file), not both",
    ]);
  }
  const caCerts = flags.caFile === undefined
    ? []
    : [await readCertificates(flags.caFile)];
  const options = runOptions(flags, request, { resumed, apiKey });
  const timestamp = new Date().toISOString();
  const outputs = await planOutputs(flags, timestamp);
  using interrupts = listenForInterrupts();
  const progress = startProgress(flags.quiet);
  await using load = startLoadGenerator();
  const end = await runBench({
    options,
    targets: wantedTargets(flags, request),
    resumed,
    timestamp,
    environment: await describeEnvironment(),
    toolVersion: config.version,
  }, {
    openTarget: (wanted) =>
      openTarget({
        url: request.url,
        launch: request.launch,
        launchTimeoutMs: flags.launchTimeout * 1000,
        logPath: (model, dtype) =>
          `${outputs.stem}.${fileName(`${model}-${dtype}`)}.log`,
        apiKey,
        headers: request.headers,
        caCerts,
        unixSocketPath: flags.unixSocket ?? null,
        hardware: flags.hardware ?? null,
        seed: options.seed,
        onWaiting: (what) => progress.update(what),
        signal: interrupts.first,
        urgent: interrupts.second,
      }, wanted),
    load,
    calibrate: async () => {
      // A worker that may not listen prints a stack trace that cannot be caught.
      const loopback = { name: "net", host: "127.0.0.1" } as const;
      const { state } = await Deno.permissions.query(loopback);
      return state === "granted" ? calibrate(load, interrupts.first) : null;
    },
    save: (run) => writeWhole(outputs.record, stringifyRun(run)),
    listener: {
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
            summary === null
              ? "no good sample"
              : `p50 ${summary.p50Ms.toFixed(2)} ms`
          }${status === "OK" ? "" : `, ${status}`}${
            reason === "" ? "" : `: ${reason}`
          }`,
          cell.weight,
        ),
      calibrated: (calibration) => progress.note(describeClient(calibration)),
      warning: (text) => progress.note(`Warning: ${text}`),
    },
    now: () => performance.now(),
    signal: interrupts.first,
  });
  progress.clear();
  for (const { path, render } of outputs.files) {
    await writeWhole(path, render(end.run));
  }
  return report(end, outputs);
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
    ...Object.values(request.headers),
  ]);
  const address = request.url ?? hideKeys(request.launch ?? "");
  const options: RunOptions = {
    profile: flags.profile,
    ...request.profile,
    prefixCache: request.prefixCache,
    applySoftmax: !flags.noSoftmax,
    labelTokenIds: flags.labelTokenIds ?? null,
    tokens: request.tokens,
    timeoutMs: flags.timeout * 1000,
    // New by default: a server that saw the prompts of an earlier run has them in its cache.
    seed: flags.seed ?? resumed?.options.seed ?? crypto.randomUUID(),
    target: request.url !== null
      ? "url"
      : request.launch !== null
      ? "launched"
      : "simulated",
    targetAddress: redact(address),
  };
  if (resumed === null) return options;
  const differences = optionDifferences(resumed.options, options);
  if (differences.length === 0) return options;
  throw new UsageError([
    `Cannot resume '${flags.resume}': it was made with other options; give the same ones, or start a new run`,
    ...differences.map((difference) => `  ${difference}`),
  ]);
}

/** A URL has one target, whose server names itself; only the user's own words fill in. */
function wantedTargets(flags: BenchFlags, request: BenchRequest): Wanted[] {
  if (request.url !== null) {
    const only = (values: readonly string[] | undefined) =>
      values?.length === 1 ? values[0] ?? UNKNOWN : UNKNOWN;
    return [{ model: only(flags.model), dtype: only(flags.dtype) }];
  }
  const { models, dtypes } = request.profile;
  return models.flatMap((model) => dtypes.map((dtype) => ({ model, dtype })));
}

interface Outputs {
  /** Where the run record goes, after each cell. */
  readonly record: string;
  /** The record's path without its extension, for what lies beside it. */
  readonly stem: string;
  /** What is written at the end. */
  readonly files: readonly {
    readonly path: string;
    readonly render: (run: Run) => string;
  }[];
}

/** Decides what is written where, and makes sure that it can be. */
async function planOutputs(
  flags: BenchFlags,
  timestamp: string,
): Promise<Outputs> {
  const files = flags.output.map((path) => {
    const render = RUN_FORMATS[extname(path)];
    if (render !== undefined) return { path, render };
    throw new UsageError([
      `Cannot write --output ${path}: expected a name that ends in ${
        Object.keys(RUN_FORMATS).join(" or ")
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
  for (const path of paths) {
    await checkWritable(path);
  }
  return { record, stem: record.replace(/(\.run)?\.json$/, ""), files };
}

function startProgress(isQuiet: boolean): Progress {
  const isTerminal = Deno.stderr.isTerminal();
  return new Progress({
    write: (text) => {
      if (!isQuiet) Deno.stderr.writeSync(new TextEncoder().encode(text));
    },
    isTerminal,
    terminalColumns: terminalColumns(),
    now: () => performance.now(),
  });
}

/** Shows what was measured, and decides the exit code. */
function report(end: BenchEnd, outputs: Outputs): number {
  const { run, fatal } = end;
  if (run.cells.length > 0) console.log(renderRun(run, terminalColumns()));
  const written = new Set([
    outputs.record,
    ...outputs.files.map(({ path }) => path),
  ]);
  console.error(`Written: ${[...written].join(", ")}`);
  if (fatal !== null) return complain(fatal, 3);
  if (run.metadata.interrupted) {
    return complain(
      `Interrupted. Go on with the same flags and --resume ${outputs.record}`,
      130,
    );
  }
  if (run.cells.every((cell) => cell.summary === null)) {
    return complain("Cannot give a result: every sample failed", 3);
  }
  return 0;
}

/** The width of the terminal; 100 where there is none, which is the width of the specification's table. */
function terminalColumns(): number {
  try {
    // Some pseudo-terminals say 0.
    return Deno.consoleSize().columns || 100;
  } catch {
    return 100;
  }
}

function hasHeader(headers: Readonly<Record<string, string>>, name: string) {
  return Object.keys(headers).some((given) => given.toLowerCase() === name);
}

function fileName(text: string): string {
  return text.replaceAll(/[^\w.-]/g, "_");
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
