import {
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { createServer, type ServerResponse } from "node:http";
import { ZERO_COST } from "../lib/simulator/options.ts";
import { hash32 } from "../lib/stats/rng.ts";
import { parseStressRun } from "../lib/stress/file.ts";
import { loadSteps } from "../lib/stress/scenarios.ts";
import { partOf } from "./support/example_stress.ts";
import { makeTestFolder, QUICK_CLIENT } from "./support/bench_runner.ts";
import {
  assertPassedOrBusy,
  countsOf,
  serverFindings,
  stress,
} from "./support/stress_runner.ts";
import { SHORT_OPTIONS } from "./support/virtual_stress.ts";
import { startSimulator } from "../lib/simulator/start.ts";

// Faults strike requests by their number, and no deadline is near but that of a request without an
// answer, so that what is found does not hang on the machine. When what was found is a drift, a leak,
// a stall or the client's is tested in virtual time: tests/stress/run_test.ts.

/** One seed: by chance a row or a score can be so like another that a fault is within the tolerance. */
const SUSTAINED = [
  ...["--seed", "faults"],
  ...["--scenario", "sustained", "--duration", "2", "--rate", "100"],
];

/** Returns how many requests come before a sustained load: each payload is scored twice. */
function referencesAt(ratePerSec: number): number {
  const options = { ...SHORT_OPTIONS, ratePerSec };
  const [step] = loadSteps("sustained", options, "m");
  return 2 * (step?.shapes[0]?.payloads ?? NaN);
}

/** Requests before the load of 200. */
const BEFORE = referencesAt(100);

interface Answer {
  scores: number[][];
}

/** What is wrong with the answer to a request with a number, which counts from 1. */
type Faults = Readonly<
  Record<number, (response: ServerResponse, answer: Answer) => void>
>;

const send = (response: ServerResponse, answer: Answer, status = 200) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
};

/** A score server that shares nothing with the simulated engine. */
async function startServer(
  faults: Faults,
): Promise<AsyncDisposable & { readonly url: string }> {
  let count = 0;
  /** The last answers to two queries. */
  let last: { query: string; answer: Answer } = {
    query: "",
    answer: { scores: [] },
  };
  let beforeLast = last;
  let standsUntilMs = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      // The client was interrupted.
      return;
    }
    if (request.method !== "POST") {
      response.writeHead(404).end();
      return;
    }
    const { query, items, ...rest } = JSON.parse(body);
    const answer: Answer = {
      scores: items.map((item: string) => {
        const row: number[] = rest["label_token_ids"].map((id: number) =>
          1 + hash32(`${query}${item}/${id}`) / 2 ** 30
        );
        const sum = row.reduce((a, b) => a + b, 0);
        return row.map((value) => value / sum);
      }),
    };
    const fault = faults[++count];
    if (fault === stall) standsUntilMs = performance.now() + STALL_MS;
    const waitMs = standsUntilMs - performance.now();
    if (waitMs > 0) await new Promise((go) => setTimeout(go, waitMs));
    if (fault === undefined) send(response, answer);
    // On a busy machine the request before it may have had the same query.
    else fault(response, fault === stale ? other(query) : answer);
    if (query !== last.query) beforeLast = last;
    last = { query, answer };
  });
  const other = (query: string) =>
    (last.query === query ? beforeLast : last).answer;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const STALL_MS = 1_500;
/** The server stands still, and all that comes meanwhile waits for it. */
const stall: Faults[number] = (response, answer) => send(response, answer);
/** The server gives it the answer before. */
const stale: Faults[number] = (response, answer) => send(response, answer);
const offByTwoPercent = (row: number[]) =>
  row.map((score, i) =>
    i === 0 ? score * 1.02 : score - (row[0] ?? 0) * 0.02 / (row.length - 1)
  );
const changed =
  (change: (scores: number[][]) => number[][]): Faults[number] =>
  (response, { scores }) => send(response, { scores: change(scores) });

const offRow = changed((scores) =>
  scores.map((row, i) => i > 0 ? row : offByTwoPercent(row))
);

Deno.test("stress.ts finds the faults of a server that is not the simulated engine", async () => {
  await using server = await startServer({
    [BEFORE + 26]: changed((scores) =>
      scores.with(0, scores[3] ?? []).with(3, scores[0] ?? [])
    ),
    [BEFORE + 46]: offRow,
    [BEFORE + 66]: stale,
    [BEFORE + 76]: (response, answer) => send(response, answer, 503),
    [BEFORE + 86]: changed((scores) => scores.slice(1)),
    [BEFORE + 96]: (response, answer) => {
      const text = JSON.stringify(answer);
      response.writeHead(200, { "content-length": text.length });
      response.write(text.slice(0, 40), () => response.socket?.destroy());
    },
    [BEFORE + 116]: (response, answer) =>
      void setTimeout(() => send(response, answer), 900),
  });
  const { code, stdout, run } = await stress([
    ...SUSTAINED,
    ...["--url", server.url, "--dtype", "float32"],
  ]);
  assertEquals(code, 1);
  assertEquals(countsOf(run), {
    "mismatch": 3,
    "http-status": 1,
    "invalid-shape": 1,
    "truncated": 1,
  });
  assertStringIncludes(stdout, "row 0 holds the scores of row 3");
  assertStringIncludes(stdout, "the answer is that of another request");
  const [result] = run?.results ?? [];
  assertEquals([result?.plannedRequests, result?.failedRequests], [200, 6]);
  assertGreater(result?.latency?.maxMs ?? 0, 850);
});

Deno.test("stress.ts counts a request without an answer as a timeout", async () => {
  // One batch size, five requests, each scored twice before.
  await using server = await startServer({ 13: () => {} });
  const { code, run } = await stress([
    ...["--scenario", "large-batch", "--batch-sizes", "20"],
    ...["--timeout", "2", "--url", server.url, "--dtype", "float32"],
  ]);
  assertEquals(code, 1);
  const { timeout = 0, ...others } = countsOf(run);
  // A busy machine may let others wait as long.
  assertGreater(timeout, 0);
  assertEquals(others, {});
  assertStringIncludes(run?.results[0]?.errors[0] ?? "", "within 2000 ms");
});

Deno.test("stress.ts finds a score that is 2 % off under an unknown data type only with --tolerance", async () => {
  for (
    const [flags, found] of [[[], 0], [["--tolerance", "0.01"], 1]] as const
  ) {
    // Each of 20 payloads is scored twice before the load.
    await using server = await startServer({ [2 * 20 + 7]: offRow });
    const { code, run } = await stress([
      ...["--scenario", "large-batch", "--batch-sizes", "16"],
      ...["--iterations", "20", "--seed", "faults", "--url", server.url],
      ...flags,
    ]);
    assertEquals(
      [run?.metadata.dtype, code, countsOf(run)["mismatch"] ?? 0],
      ["unknown", found, found],
    );
    // What is tolerated is told: 2 % more is 1.96 % of the greater score.
    assertGreater(run?.results[0]?.truth.underLoad?.relative ?? 0, 0.0195);
  }
});

Deno.test("stress.ts shows what waited for a server that stood still", async () => {
  await using server = await startServer({ [referencesAt(50) + 86]: stall });
  const outcome = await stress([
    ...["--scenario", "sustained", "--duration", "4", "--rate", "50"],
    ...["--url", server.url, "--dtype", "float32"],
  ]);
  // Late is not wrong.
  assertPassedOrBusy(outcome);
  const [result] = outcome.run?.results ?? [];
  assertEquals([result?.failedRequests, result?.goodRequests], [0, 200]);
  // Latencies count from the plan: what was due in the first 300 ms of it waited for the rest.
  assertGreater(result?.latency?.p99Ms ?? 0, STALL_MS - 300);
  assertGreater(result?.health?.standstill.durationMs ?? 0, STALL_MS / 2);
});

Deno.test("stress.ts finds the faults of the simulated engine over sockets", async () => {
  await using simulator = await startSimulator({
    ...{ fixedMs: 1, perTokenMs: 0, perItemMs: 0, perLabelMs: 0, compileMs: 0 },
    faults: [
      `swap-rows#${BEFORE + 26}`,
      `off=2#${BEFORE + 46}`,
      `other-answer#${BEFORE + 66}`,
      `status=500#${BEFORE + 76}`,
      `stall=700#${BEFORE + 106}`,
    ],
  });
  const { code, stdout, run } = await stress([
    ...SUSTAINED,
    ...["--url", simulator.url],
  ]);
  assertEquals(code, 1);
  assertEquals(countsOf(run), { "mismatch": 3, "http-status": 1 });
  assertStringIncludes(stdout, "the answer is that of another request");
  const [result] = run?.results ?? [];
  // Everything behind the stall waited for it.
  assertGreater(result?.latency?.p95Ms ?? 0, 300);
  assertGreater(result?.health?.standstill.durationMs ?? 0, 350);
  assertEquals(result?.askedPerSec, 100);
});

Deno.test("stress.ts passes a right server, with several threads and clients, and writes every form", async () => {
  await using folder = await makeTestFolder();
  await using server = await startServer({});
  const at = (name: string) => `${folder.path}/${name}`;
  const { code, stdout, run } = await stress([
    ...["--scenario", "concurrent,large-batch", "--concurrency", "4"],
    ...["--duration", "1", "--workers", "2", "--iterations", "2"],
    ...["--batch-sizes", "20", "--url", server.url, "--dtype", "float32"],
    ...["--json-output", at("rows.json"), "--metadata-output", at("meta.json")],
    ...["--output", at("run.csv"), "--output", at("run.html")],
  ]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "All 2 stress tests passed");
  assertMatch(stdout, /CONCURRENT - threads=4\n {2}Sent: .*\n {2}Status: PASS/);
  const rows = JSON.parse(await Deno.readTextFile(at("rows.json")));
  assertEquals(Object.keys(rows[0]), [
    "scenario",
    "configuration",
    "success",
    "total_requests",
    "successful_requests",
    "failed_requests",
    "throughput_rps",
    "latency_mean_ms",
    "latency_p99_ms",
    "errors",
    "duration_seconds",
  ]);
  assertEquals(
    rows.map((row: { success: boolean }) => row.success),
    [true, true],
  );
  const concurrent = run?.results[1];
  assertEquals(concurrent?.truth.underLoad?.share, 0);
  const timeline = concurrent?.timeline ?? [];
  assertEquals(
    timeline.reduce((sum, { good }) => sum + good, 0),
    concurrent?.goodRequests,
  );
  const metadata = JSON.parse(await Deno.readTextFile(at("meta.json")));
  assertEquals(metadata.target, "url");
  for (const name of ["run.csv", "run.html"]) {
    assertGreater((await Deno.stat(at(name))).size, 100);
  }
});

Deno.test("stress.ts says that a server died, and ends with 1", async () => {
  await using simulator = await startSimulator({
    ...ZERO_COST,
    faults: [`crash#${referencesAt(80) + 36}`],
  });
  const { code, run, stderr } = await stress([
    ...["--scenario", "sustained,poison", "--duration", "1", "--rate", "80"],
    ...["--url", simulator.url],
  ]);
  assertEquals(code, 1);
  assertEquals(run?.results.length, 1);
  assertEquals(serverFindings(run?.results[0]), [
    "failed requests",
    "server died",
  ]);
  assertStringIncludes(stderr, "the server is gone");
});

Deno.test("stress.ts ends with 2 on a wrong flag and with 3 where nothing answers", async () => {
  const wrong = await stress(["--scenario", "sustain"]);
  assertEquals([wrong.code, wrong.run], [2, null]);
  // The system gives such a port to nobody.
  const nobody = await stress([...SUSTAINED, "--url", "http://127.0.0.1:1"]);
  // Nothing measured must not replace what an earlier run left there.
  assertEquals([nobody.code, nobody.run], [3, null]);
  assertStringIncludes(nobody.stderr, "Cannot reach");
});

Deno.test("stress.ts ends with 3 where the client was the limit, and claims no rate", async () => {
  await using server = await startServer({});
  const { code, run, stdout } = await stress([
    ...["--scenario", "sustained", "--duration", "1", "--rate", "20"],
    ...["--url", server.url, "--dtype", "float32"],
    // Much slower than any answer.
  ], { ...QUICK_CLIENT, addedP50Ms: 1e9 });
  const [result] = run?.results ?? [];
  assertEquals([code, result?.verdict], [3, "INVALID"]);
  assertEquals([result?.goodRequests, result?.reachedPerSec], [20, null]);
  assertEquals(serverFindings(result), []);
  assertStringIncludes(stdout, "client limit: the client adds up to");
});

const SIM =
  `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-read sim.ts --port {port} --dtype float32 --zero-cost`;

Deno.test("stress.ts kills a server that it launched, starts it again and tells what that cost", async () => {
  const outcome = await stress([
    ...["--scenario", "recovery", "--duration", "2", "--rate", "20"],
    ...["--dtype", "float32", "--launch", SIM],
  ]);
  assertPassedOrBusy(outcome);
  const recovery = partOf(outcome.run?.results[0], "recovery");
  assertGreater(recovery.failedRequests ?? 0, 0);
  // The load goes on for a second after the kill.
  assertGreater(recovery.firstRightAnswerMs ?? 0, 1000);
  assertStringIncludes(outcome.stdout, "First right answer after the kill");
});

Deno.test("stress.ts keeps what was run when it is interrupted, and goes on from there", async () => {
  await using folder = await makeTestFolder();
  let child: Deno.ChildProcess | null = null;
  // Two payloads of large-batch are scored twice before they are the load; then comes the other load.
  const inSecond = 3 * 2 + referencesAt(20) + 10;
  await using server = await startServer({
    [inSecond]: () => child?.kill("SIGINT"),
  });
  const path = `${folder.path}/run.json`;
  const flags = [
    ...["--scenario", "large-batch,sustained", "--batch-sizes", "20"],
    ...["--iterations", "2", "--rate", "20", "--dtype", "float32"],
    ...["--url", server.url, "--output", path],
  ];
  child = new Deno.Command(Deno.execPath(), {
    args: [
      // A client that may reach no other server cannot be measured, and is no limit of a closed load.
      ...["run", "--no-prompt", `--allow-net=${new URL(server.url).host}`],
      ...["--allow-read=.", "--allow-write=results"],
      ...["--allow-env=SCORE_URL,SCORE_API_KEY"],
      ...["stress.ts", ...flags, "--duration", "2", "--load-warmup", "0"],
    ],
    env: { "SCORE_URL": "", "SCORE_API_KEY": "" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  assertEquals((await child.status).code, 130);
  const cut = parseStressRun(await Deno.readTextFile(path));
  assertEquals(cut.metadata.interrupted, true);
  assertEquals(
    cut.results.map(({ scenario, verdict }) => [scenario, verdict]),
    [["large-batch", "PASS"], ["sustained", "INTERRUPTED"]],
  );
  const other = await stress([...flags, "--duration", "50", "--resume", path]);
  assertEquals(other.code, 2);
  assertStringIncludes(
    other.stderr,
    "other options; give the same ones, or start a new run\n  durationSeconds: 2 in the file, 50 now",
  );
  const resumed = await stress([
    ...flags.filter((word) => word !== "--output" && word !== path),
    ...["--duration", "2", "--resume", path, "--json-output", `${path}2`],
  ]);
  assertPassedOrBusy(resumed);
  const rows = JSON.parse(await Deno.readTextFile(`${path}2`));
  assertEquals(
    rows.map((row: Record<string, unknown>) => [row.scenario, row.success]),
    [["large-batch", true], ["sustained", resumed.code === 0]],
  );
});
