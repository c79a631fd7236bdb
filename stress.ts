#!/usr/bin/env -S deno run --no-prompt --v8-flags=--max-semi-space-size=2 --allow-net --allow-read --allow-write --allow-run --allow-env=SCORE_URL,SCORE_API_KEY,TPU_ACCELERATOR_TYPE,ACCELERATOR_TYPE,TERM,JOB_COMPLETION_INDEX,SLURM_* --allow-sys=osRelease
/**
 * Stresses `POST /v1/score` and checks every answer; see docs/ or `--help`.
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
import { type Interrupts, listenForInterrupts } from "./lib/cli/interrupt.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  keepRecord,
  type RunOutputs,
  showBeside,
  writeRun,
} from "./lib/commands/outputs.ts";
import { STRESS_COMMAND } from "./lib/commands/stress.ts";
import { startTalk } from "./lib/commands/stress_progress.ts";
import {
  prepareStress,
  type StressSetup,
} from "./lib/commands/stress_setup.ts";
import { joinShards, type Shard } from "./lib/commands/stress_shard.ts";
import { sleep, startWallClock } from "./lib/load/clock.ts";
import { startRuler } from "./lib/load/ruler.ts";
import { createEndpointClient } from "./lib/load/endpoint.ts";
import { type Endpoint, startLoadGenerator } from "./lib/load/generator.ts";
import { renderStressRun } from "./lib/report/stress/text.ts";
import { describeEnvironment } from "./lib/server/environment.ts";
import type { Prober } from "./lib/stress/world.ts";
import { stringifyStressRun } from "./lib/stress/file.ts";
import { describeProgress } from "./lib/stress/progress.ts";
import type { StressRun } from "./lib/stress/record.ts";
import { runStress, type StressEnd, stressExitCode } from "./lib/stress/run.ts";
import { watchServer } from "./lib/stress/watch.ts";

/**
 * Runs the stress tests by their arguments; returns the exit code.
 *
 * @param startMeasuring Measures what the client adds and can do.
 * @param wallMs The clock of this machine, in milliseconds since 1970.
 */
export function main(
  args: readonly string[],
  startMeasuring: typeof startRuler = startRuler,
  wallMs: () => number = startWallClock(),
): Promise<number> {
  return runScript(async () => {
    const parsed = parseFlags(STRESS_COMMAND, args);
    if (parsed.action !== "run") return inform(parsed.action, STRESS_COMMAND);
    const setup = await prepareStress(parsed.flags);
    using interrupts = listenForInterrupts();
    if (setup.shard === null) {
      return await stress(setup, { startMeasuring, interrupts, shard: null });
    }
    const shard = await joinShards(setup.shard, setup, {
      ...{ toolVersion: config.version, wallMs, signal: interrupts.first },
    });
    try {
      return await stress(setup, { startMeasuring, interrupts, shard });
    } finally {
      await shard.fail();
    }
  });
}

async function stress(
  setup: StressSetup,
  { startMeasuring, interrupts, shard }: {
    readonly startMeasuring: typeof startRuler;
    readonly interrupts: Interrupts;
    readonly shard: Shard | null;
  },
): Promise<number> {
  const { outputs, isQuiet, serverPid } = setup;
  const session = shard?.session;
  const options = session?.plan.options ?? setup.options;
  const progress = startProgress(isQuiet);
  using talk = startTalk(progress, isQuiet, {
    options,
    known: setup.resumed?.results ?? [],
    isShard: shard !== null,
  });
  await using load = startLoadGenerator(setup.workers);
  await using ruler = startMeasuring(load, interrupts.first);
  const end = await runStress({
    ...{ ...setup, options },
    own: await setup.readOwn(options.seed),
    environment: await describeEnvironment(),
    toolVersion: config.version,
  }, {
    openTarget: () =>
      shard?.openTarget(interrupts, talk.hear) ??
        setup.openTarget(interrupts, talk.hear),
    load,
    startProbes: () => startLoadGenerator(),
    connect: (endpoint) =>
      connect(endpoint, options.timeoutMs, interrupts.first),
    watch: (target, durationMs) =>
      watchServer(target, durationMs, serverPid, setup.options.timeoutMs),
    calibrate: ruler.measure,
    sleep,
    save: session === undefined
      ? keepRecord(
        outputs.record,
        stringifyStressRun,
        (text) => progress.note(text),
      )
      : (run) => session.save(run),
    onProgress: (step, load) => talk.progress(describeProgress(step, load)),
    onResult: talk.done,
    now: () => performance.now(),
    signal: interrupts.first,
    ...session === undefined ? {} : { team: session },
  });
  progress.clear();
  return await (shard?.finish(end) ?? finish(end, outputs));
}

/** An answer to a single request is small; a server that sends more is cut off. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

function connect(
  endpoint: Endpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Prober {
  const client = createEndpointClient(endpoint, {
    timeoutMs,
    maxBodyBytes: MAX_ANSWER_BYTES,
  });
  return {
    send: ({ method, path, body, timeoutMs }) =>
      client.send(client.encode(method, path, body ?? undefined), {
        timeoutMs,
        signal,
      }),
    close: () => client.close(),
  };
}

/** Shows and writes what was run, and decides the exit code. */
async function finish(
  end: StressEnd,
  outputs: RunOutputs<StressRun>,
): Promise<number> {
  const { run, fatal } = end;
  const exitCode = stressExitCode(end);
  if (run.results.length === 0) {
    const nothing = "Interrupted before anything was measured";
    return complain(fatal ?? nothing, exitCode);
  }
  showBeside(outputs.files, renderStressRun(run, terminalColumns()));
  const isKept = await writeRun(outputs, run, stringifyStressRun);
  if (fatal !== null) return complain(fatal, exitCode);
  if (exitCode === 0 && !isKept) return 3;
  const resume =
    `Interrupted. Go on with the same flags and --resume ${outputs.record}`;
  return exitCode === 130 ? complain(resume, exitCode) : exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
