import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { faultsAt, parseFault } from "../lib/simulator/faults.ts";
import { ZERO_COST } from "../lib/simulator/options.ts";
import { startScoreServer } from "./support/score_server.ts";
import { countsOf, serverFindings, stress } from "./support/stress_runner.ts";
import { startSimulator } from "../lib/simulator/start.ts";

/** A launched server that shares nothing with the simulated engine. */
const SERVER = `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 ` +
  "--allow-read tests/support/score_server.ts --port {port} --dtype float32";

const LOAD = [
  ...["--scenario", "sustained", "--rate", "20"],
  ...["--dtype", "float32"],
];

Deno.test("stress.ts finds a leak by the memory of a server that it launched", async () => {
  // Half a gigabyte in all: what a busy machine changes of the pace is little beside it.
  const { code, run } = await stress([
    ...LOAD,
    ...["--duration", "20", "--launch", `${SERVER} --leak-kib 1024`],
  ]);
  const [result] = run?.results ?? [];
  assertEquals([code, result?.failedRequests], [1, 0]);
  const leak = result?.findings.find(({ kind }) => kind === "memory leak");
  assertStringIncludes(leak?.text ?? "", "resident memory rose by");
});

Deno.test("stress.ts finds that a server that is not the simulated engine died, and what it said", async () => {
  const { code, run } = await stress([
    ...LOAD,
    ...["--duration", "4", "--launch", `${SERVER} --die-at 100`],
  ]);
  const [result] = run?.results ?? [];
  assertEquals(code, 1);
  assertEquals(serverFindings(result), ["failed requests", "server died"]);
  assertGreater(countsOf(run)["connect"] ?? 0, 10);
  assertStringIncludes(result?.findings[1]?.text ?? "", "out of memory");
});

/**
 * Runs 400 requests against a server that refuses some requests with a 503, and expects that these
 * are found and counted, in the load and before it, and no other failure.
 */
async function assertRefused(
  url: string,
  isRefused: (requestNumber: number) => boolean,
) {
  const { code, run } = await stress([
    ...["--scenario", "sustained", "--rate", "200", "--duration", "2"],
    ...["--dtype", "float32", "--url", url],
  ]);
  const [result] = run?.results ?? [];
  // References are scored before the load.
  const before = result?.truth.requests ?? NaN;
  const refused = Array.from({ length: before + 400 }, (_, i) => i + 1)
    .filter(isRefused);
  const inLoad = refused.filter((number) => number > before).length;
  assertGreater(inLoad, 2);
  assertEquals(
    [code, result?.goodRequests, result?.failedRequests],
    [1, 400 - inLoad, inLoad],
  );
  assertEquals(countsOf(run), { "http-status": refused.length });
  assert(result?.findings.some(({ kind }) => kind === "failed requests"));
  assertStringIncludes(result?.errors[0] ?? "", "status 503");
}

Deno.test("stress.ts counts errors at 1 % of the simulated engine", async () => {
  const [fault, seed] = ["status=503@1%", 1] as const;
  await using simulator = await startSimulator({
    ...ZERO_COST,
    ...{ seed, faults: [fault] },
  });
  await assertRefused(
    simulator.url,
    (requestNumber) =>
      faultsAt([parseFault(fault)], { requestNumber, seed }).size > 0,
  );
});

Deno.test("stress.ts counts errors at 1 % of a server that is not the simulated engine", async () => {
  const isRefused = (count: number) => count % 100 === 0;
  await using server = await startScoreServer({
    fault: (count) => isRefused(count) ? "503" : undefined,
  });
  await assertRefused(server.url, isRefused);
});
