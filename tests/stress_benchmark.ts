// deno-lint-ignore-file no-console
/**
 * What checking costs, and how a rate is kept: figures for the documentation, not a test.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read tests/stress_benchmark.ts [SECONDS]
 *
 * @module
 */
import { checkAnswer } from "../lib/answer.ts";
import { histogramQuantile } from "../lib/stats/histogram.ts";
import { knownBody, KnownLoadJudge } from "../lib/load/known_load.ts";
import { startLoadGenerator } from "../lib/load/load.ts";
import { startSimulator } from "../lib/engine/simulator.ts";
import { ZERO_COST } from "../lib/engine/engine_options.ts";
import type { WorkloadSpec } from "../lib/workload.ts";

const SPEC: WorkloadSpec = {
  batchSize: 16,
  labelTokenIds: [1, 2, 3, 4],
  model: "m",
  applySoftmax: true,
  prefixCache: "cold",
  seed: 0,
  tokens: null,
};
const PAYLOADS = 32;
const RATE_PER_SEC = 1_000;
const TOLERANCE = { relative: 0.01, absolute: 1e-4 };
const seconds = Number(Deno.args[0] ?? 60);

const scores = Array.from(
  { length: SPEC.batchSize },
  (_, i) => [0.1, 0.2, 0.3 + i / 1000, 0.4 - i / 1000],
);
const workload = {
  spec: SPEC,
  payloads: PAYLOADS,
  weight: 1,
  references: Float64Array.from(
    Array.from({ length: PAYLOADS }, () => scores.flat()).flat(),
  ),
};

/** Microseconds a call, the median of several rounds. */
function costUs(call: (i: number) => void): number {
  const rounds = Array.from({ length: 9 }, () => {
    const startMs = performance.now();
    for (let i = 0; i < 5_000; i++) call(i);
    return (performance.now() - startMs) * 1000 / 5_000;
  });
  return rounds.toSorted((a, b) => a - b)[4] ?? NaN;
}

const body = new TextEncoder().encode(JSON.stringify({ scores }));
const judge = new KnownLoadJudge({
  workloads: [workload],
  tolerance: TOLERANCE,
}, {
  encode: (bytes) => bytes,
  dtype: "float32",
  timeoutMs: 1e9,
  redact: (text) => text,
});
const answer = {
  kind: "answer" as const,
  status: 200,
  headers: new Map(),
  body,
  waitMs: 0,
  connectMs: null,
  sentMs: 0,
  firstByteMs: 1,
  doneMs: 1,
  retries: 0,
};
const expected = { rows: 16, labels: 4, rowSumTolerance: 1e-4 };
const parsedUs = costUs(() => void checkAnswer(body, expected));
const judgedUs = costUs((i) => void judge.judge(answer, i));
const comparedUs = judgedUs - parsedUs;
console.log(
  `16 items, 4 labels: reading an answer ${
    parsedUs.toFixed(2)
  } us, comparing it ${comparedUs.toFixed(2)} us: ${
    (comparedUs * RATE_PER_SEC / 1e4).toFixed(2)
  } % of a core at ${RATE_PER_SEC} requests/s`,
);

await using simulator = await startSimulator(ZERO_COST);
await using load = startLoadGenerator();
const references: number[] = [];
for (let payload = 0; payload < PAYLOADS; payload++) {
  const response = await fetch(`${simulator.url}/v1/score`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: knownBody(SPEC, payload) as BodyInit,
  });
  references.push(...(await response.json()).scores.flat());
}
const samples = await load.run({
  endpoint: {
    url: simulator.url,
    headers: {},
    caCerts: [],
    unixSocketPath: null,
    secrets: [],
  },
  workload: SPEC,
  known: {
    workloads: [{ ...workload, references: Float64Array.from(references) }],
    tolerance: TOLERANCE,
  },
  dtype: "float32",
  firstIndex: 0,
  timeoutMs: 10_000,
  loop: {
    kind: "open",
    arrival: "constant",
    ratePerSec: RATE_PER_SEC,
    durationMs: seconds * 1000,
    seed: 0,
    maxInFlight: 10_000,
    overflow: "drop",
    share: { index: 0, of: 1 },
  },
}, { signal: new AbortController().signal });
const { lag, good, planned } = samples.totals;
const at = (q: number) => histogramQuantile(lag, q)?.toFixed(3);
console.log(
  `${planned} planned at ${RATE_PER_SEC}/s for ${seconds} s, ${good} right answers; lag p50 ${
    at(0.5)
  } ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms; memory ${
    (Deno.memoryUsage().rss / 2 ** 20).toFixed(0)
  } MiB`,
);
