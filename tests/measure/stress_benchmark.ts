// deno-lint-ignore-file no-console
/**
 * What checking every answer costs, and how a rate is kept: figures for the documentation, not a test.
 *
 * Prints Markdown tables, with the machine that they come from. SECONDS is the length of the load.
 *
 *     deno task bench:stress [SECONDS]
 *
 * @module
 */
import { cpus } from "node:os";
import { startLoadGenerator } from "../../lib/load/generator.ts";
import {
  knownBody,
  KnownLoadJudge,
  type KnownWorkload,
} from "../../lib/load/known_load.ts";
import type { Samples } from "../../lib/load/samples.ts";
import { scoreTolerance } from "../../lib/score/truth.ts";
import {
  defaultLabelTokenIds,
  type WorkloadSpec,
} from "../../lib/score/workload.ts";
import { ZERO_COST } from "../../lib/simulator/options.ts";
import { histogramQuantile } from "../../lib/stats/histogram.ts";
import { median } from "../../lib/stats/summary.ts";
import { STRESS_SCENARIOS } from "../../lib/stress/scenarios.ts";
import { checkAnswer, expectedAnswer } from "../../lib/score/answer.ts";
import { startSimulator } from "../../lib/simulator/start.ts";

const { batchSize, numLabels } = STRESS_SCENARIOS.sustained;
const SPEC: WorkloadSpec = {
  batchSize,
  labelTokenIds: defaultLabelTokenIds(numLabels),
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: 0,
  tokens: null,
};
const DTYPE = "float32";
const TOLERANCE = scoreTolerance(DTYPE);
const PAYLOADS = 32;
const RATE_PER_SEC = 1_000;
const DEFAULT_SECONDS = 60;
const TIMEOUT_MS = 10_000;

/** Rounds of which the median is taken, and the calls of each: a round takes some 50 ms. */
const ROUNDS = 15;
const CALLS = 5_000;

/** Asks for the answer to every payload, alone. */
async function readAnswers(url: string): Promise<Uint8Array[]> {
  const answers: Uint8Array[] = [];
  for (let payload = 0; payload < PAYLOADS; payload++) {
    const response = await fetch(`${url}/v1/score`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: knownBody(SPEC, payload) as BodyInit,
    });
    answers.push(await response.bytes());
  }
  return answers;
}

function workloadOf(answers: readonly Uint8Array[]): KnownWorkload {
  const scores = answers.flatMap((body) =>
    JSON.parse(new TextDecoder().decode(body)).scores.flat()
  );
  return {
    spec: SPEC,
    payloads: PAYLOADS,
    weight: 1,
    references: Float64Array.from(scores),
  };
}

/** Microseconds a call of each function, the median of rounds that alternate between them. */
function costsUs(calls: readonly ((i: number) => void)[]): number[] {
  const rounds = Array.from({ length: ROUNDS }, () =>
    calls.map((call) => {
      const startMs = performance.now();
      for (let i = 0; i < CALLS; i++) call(i);
      return (performance.now() - startMs) * 1000 / CALLS;
    }));
  return calls.map((_, at) => median(rounds.map((round) => round[at] ?? NaN)));
}

/** What the judge of a load does with each answer, part by part. */
function checkingTable(
  answers: readonly Uint8Array[],
  workload: KnownWorkload,
): string[] {
  const judge = new KnownLoadJudge({
    workloads: [workload],
    tolerance: TOLERANCE,
  }, {
    encode: (bytes) => bytes,
    dtype: DTYPE,
    timeoutMs: TIMEOUT_MS,
    redact: (text) => text,
  });
  const exchanges = answers.map((body) => ({
    kind: "answer" as const,
    status: 200,
    headers: new Map(),
    body,
    sentMs: 0,
    doneMs: 1,
    retries: 0,
  }));
  const at = <T>(all: readonly T[], i: number) => all[i % PAYLOADS] as T;
  const expected = expectedAnswer(SPEC, DTYPE);
  const [readUs = NaN, judgedUs = NaN] = costsUs([
    (i) => void checkAnswer(at(answers, i), expected),
    (i) => {
      const { outcome, message } = judge.judge(at(exchanges, i), i);
      if (outcome !== "ok") throw new Error(`The answer is wrong: ${message}`);
    },
  ]);
  const row = (part: string, costUs: number) =>
    `| ${part} | ${costUs.toFixed(2)} | ${
      (100 * costUs * RATE_PER_SEC / 1e6).toFixed(2)
    } |`;
  return [
    `| checking an answer of ${batchSize} items and ${numLabels} labels, ${
      answers[0]?.length
    } bytes | us | % of a core at ${RATE_PER_SEC}/s |`,
    "| --- | ---: | ---: |",
    row("reading: decode, JSON, shape, range, sums of rows", readUs),
    row("comparison with its reference", judgedUs - readUs),
    row("all", judgedUs),
  ];
}

/** Sends a constant rate to the simulated engine and judges every answer. */
async function keepRate(
  url: string,
  workload: KnownWorkload,
  seconds: number,
): Promise<Samples> {
  await using load = startLoadGenerator();
  return await load.run({
    endpoint: {
      url,
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    workload: SPEC,
    known: { workloads: [workload], tolerance: TOLERANCE },
    dtype: DTYPE,
    firstIndex: 0,
    timeoutMs: TIMEOUT_MS,
    loop: {
      kind: "open",
      arrival: "constant",
      ratePerSec: RATE_PER_SEC,
      durationMs: seconds * 1000,
      seed: 0,
      maxInFlight: 10_000,
      share: { index: 0, of: 1 },
    },
  }, { signal: new AbortController().signal });
}

function rateTable({ totals }: Samples, seconds: number): string[] {
  const { planned, good, lag } = totals;
  const figures = [0.5, 0.9, 0.99, 0.999, 1].map((q) =>
    histogramQuantile(lag, q)?.toFixed(3) ?? "-"
  );
  const memoryMiB = (Deno.memoryUsage().rss / 2 ** 20).toFixed(0);
  return [
    `| ${RATE_PER_SEC}/s for ${seconds} s | right answers | lag p50 (ms) | p90 | p99 | p99.9 | most | memory (MiB), server included |`,
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    `| ${planned} planned | ${good} | ${figures.join(" | ")} | ${memoryMiB} |`,
  ];
}

function describeMachine(): string {
  const processors = cpus();
  const { os, arch } = Deno.build;
  return `${processors.length} x ${
    processors[0]?.model ?? "unknown processor"
  }, ${os} ${Deno.osRelease()} ${arch}, Deno ${Deno.version.deno}`;
}

async function main(args: readonly string[]): Promise<void> {
  const seconds = Number(args[0] ?? DEFAULT_SECONDS);
  if (!(seconds > 0)) {
    throw new RangeError(
      `Cannot run a load as SECONDS must be a number above 0: current value is ${
        args[0]
      }`,
    );
  }
  await using simulator = await startSimulator(ZERO_COST);
  const answers = await readAnswers(simulator.url);
  const workload = workloadOf(answers);
  console.log([...checkingTable(answers, workload), ""].join("\n"));
  const samples = await keepRate(simulator.url, workload, seconds);
  console.log([...rateTable(samples, seconds), ""].join("\n"));
  console.log(`Machine: ${describeMachine()}`);
}

await main(Deno.args);
