#!/usr/bin/env -S deno run --no-prompt --v8-flags=--max-semi-space-size=2 --allow-net --allow-read --allow-write --allow-run --allow-env=SCORE_URL,SCORE_API_KEY,TPU_ACCELERATOR_TYPE,ACCELERATOR_TYPE --allow-sys=osRelease
// deno-lint-ignore-file no-console
/**
 * Stresses `POST /v1/score` and checks every answer; see README.md or `--help`.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import {
  complain,
  startProgress,
  terminalColumns,
} from "./lib/cli/command_line.ts";
import { parseFlags } from "./lib/cli/flags.ts";
import { listenForInterrupts } from "./lib/cli/interrupt.ts";
import type { Progress } from "./lib/cli/progress.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
  refuseTwoKeys,
} from "./lib/cli/secret_source.ts";
import { STRESS_COMMAND } from "./lib/commands/stress.ts";
import {
  readStressFlags,
  type StressFlags,
  type StressRequest,
} from "./lib/commands/stress_flags.ts";
import {
  planStressOutputs,
  readStressRun,
  type StressOutputs,
} from "./lib/commands/stress_outputs.ts";
import { UsageError } from "./lib/failure.ts";
import { calibrate } from "./lib/load/calibration.ts";
import { sleep } from "./lib/load/clock.ts";
import { createEndpointClient } from "./lib/load/endpoint.ts";
import { type Endpoint, startLoadGenerator } from "./lib/load/generator.ts";
import { renderStressRun } from "./lib/report/stress/text.ts";
import { createRedactor, headerSecrets, hideKeys } from "./lib/secret.ts";
import { describeEnvironment } from "./lib/server/environment.ts";
import { openTarget, UNKNOWN } from "./lib/server/open.ts";
import { writeWhole } from "./lib/store.ts";
import type { Prober } from "./lib/stress/context.ts";
import { stringifyStressRun } from "./lib/stress/file.ts";
import {
  describeProgress,
  type ProgressLog,
  startProgressLog,
} from "./lib/stress/progress.ts";
import type { StressRun } from "./lib/stress/record.ts";
import { runStress, type StressEnd, stressExitCode } from "./lib/stress/run.ts";
import type { StressOptions } from "./lib/stress/scenarios.ts";
import { watchServer } from "./lib/stress/watch.ts";

/** Runs the stress tests by their arguments; returns the exit code. The client is measured by `measureClient`. */
export function main(
  args: readonly string[],
  measureClient: typeof calibrate = calibrate,
): Promise<number> {
  return runScript(async () => {
    const parsed = parseFlags(STRESS_COMMAND, args);
    if (parsed.action !== "run") return inform(parsed.action, STRESS_COMMAND);
    const request = readStressFlags(parsed.flags, readEnvironment("SCORE_URL"));
    return await stress(parsed.flags, request, measureClient);
  });
}

async function stress(
  flags: StressFlags,
  request: StressRequest,
  measureClient: typeof calibrate,
): Promise<number> {
  const resumed = flags.resume === undefined
    ? null
    : await readStressRun(flags.resume);
  const apiKey = await readApiKey(flags.apiKeyFile);
  refuseTwoKeys(apiKey, request.headers);
  const caCerts = await readCertificates(flags.caFile);
  const options = stressOptions(flags, request, resumed);
  const timestamp = new Date().toISOString();
  const outputs = await planStressOutputs(flags, timestamp);
  using interrupts = listenForInterrupts();
  const progress = startProgress(flags.quiet);
  using talk = startTalk(progress, flags.quiet ? "quiet" : "loud");
  await using load = startLoadGenerator(flags.workers);
  const redact = createRedactor([
    apiKey ?? "",
    ...headerSecrets(request.headers),
  ]);
  const end = await runStress({
    options,
    target: request.kind,
    targetAddress: redact(request.url ?? hideKeys(request.launch ?? "")),
    resumed,
    timestamp,
    environment: await describeEnvironment(),
    toolVersion: config.version,
    warnings: request.leftOut,
  }, {
    openTarget: () =>
      openTarget({
        url: request.url,
        launch: request.launch,
        launchTimeoutMs: flags.launchTimeout * 1000,
        logPath: () => `${outputs.stem}.log`,
        apiKey,
        headers: request.headers,
        caCerts,
        unixSocketPath: flags.unixSocket ?? null,
        hardware: flags.hardware ?? null,
        seed: options.seed,
        onWaiting: talk.hear,
        signal: interrupts.first,
        urgent: interrupts.second,
      }, wantedTarget(flags, request)),
    load,
    startProbes: () => startLoadGenerator(),
    connect: (endpoint) => connect(endpoint, interrupts.first),
    watch: (target, durationMs) =>
      watchServer(target, durationMs, flags.serverPid ?? null),
    calibrate: () => measureClient(load, interrupts.first),
    sleep,
    save: (run) => writeWhole(outputs.record, stringifyStressRun(run)),
    onProgress: (step, load) => talk.hear(describeProgress(step, load)),
    onResult: ({ scenario, configuration, verdict, findings }) =>
      progress.note(
        [
          `${scenario}, ${configuration}: ${verdict}`,
          ...findings.map(({ kind, text }) => `${kind}: ${text}`),
        ].join("; "),
      ),
    now: () => performance.now(),
    signal: interrupts.first,
  });
  progress.clear();
  return await finish(end, outputs);
}

/** What was asked for, with the seed of the run that is resumed. */
function stressOptions(
  flags: StressFlags,
  request: StressRequest,
  resumed: StressRun | null,
): StressOptions {
  const seed = flags.seed ?? resumed?.options.seed ?? crypto.randomUUID();
  const options = { ...request.options, seed };
  if (
    resumed === null ||
    JSON.stringify(resumed.options) === JSON.stringify(options)
  ) return options;
  throw new UsageError([
    `Cannot resume '${flags.resume}': it was made with other options; give the same ones, or start a new run`,
  ]);
}

/** A server at a URL names itself; the simulated engine has scores of float32 whatever it is called. */
function wantedTarget(flags: StressFlags, { kind }: StressRequest) {
  const dtype = flags.dtype ??
    (kind === "url" ? UNKNOWN : kind === "launched" ? "bfloat16" : "float32");
  return { model: flags.model, dtype };
}

/** An answer to a single request is small; a server that sends more is cut off. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

function connect(endpoint: Endpoint, signal: AbortSignal): Prober {
  const client = createEndpointClient(endpoint, MAX_ANSWER_BYTES);
  return {
    send: ({ method, path, body, timeoutMs }) =>
      client.send(client.encode(method, path, body ?? undefined), {
        timeoutMs,
        signal,
      }),
    close: () => client.close(),
  };
}

/** Draws on a terminal what is heard, and says it line by line elsewhere. */
function startTalk(progress: Progress, volume: "loud" | "quiet"): ProgressLog {
  if (volume === "quiet" || Deno.stderr.isTerminal()) {
    return { hear: (text) => progress.update(text), [Symbol.dispose]() {} };
  }
  return startProgressLog({
    note: (text) => progress.note(text),
    now: () => performance.now(),
    every: (task, intervalMs) => {
      const timer = setInterval(task, intervalMs);
      // A run that is over is not held up by its talk.
      Deno.unrefTimer(timer);
      return () => clearInterval(timer);
    },
  });
}

/** Writes and shows what was run, and decides the exit code. */
async function finish(end: StressEnd, outputs: StressOutputs): Promise<number> {
  const { run, fatal } = end;
  for (const { path, render } of outputs.files) {
    await writeWhole(path, await render(run));
  }
  if (run.results.length > 0) {
    console.log(renderStressRun(run, terminalColumns()));
  }
  const paths = [outputs.record, ...outputs.files.map(({ path }) => path)];
  console.error(`Written: ${[...new Set(paths)].join(", ")}`);
  const exitCode = stressExitCode(end);
  if (fatal !== null) return complain(fatal, exitCode);
  return exitCode === 130
    ? complain(
      `Interrupted. Go on with the same flags and --resume ${outputs.record}`,
      exitCode,
    )
    : exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
