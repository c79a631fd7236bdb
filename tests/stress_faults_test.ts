import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { countsOf, stress } from "./stress_runner.ts";

/** A launched server that shares nothing with the simulated engine. */
const SERVER = `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 ` +
  "--allow-read tests/score_server.ts --port {port} --dtype float32";

const LOAD = [
  ...["--scenario", "sustained", "--rate", "20", "--timeout", "5"],
  ...["--dtype", "float32"],
];

Deno.test("stress.ts finds a drift and a leak of a server that is not the simulated engine", async () => {
  // 32 payloads are scored twice before the load of 400: 99 to 119 ms from its start to its end.
  const { code, run } = await stress([
    ...LOAD,
    ...["--duration", "20", "--launch"],
    `${SERVER} --delay-ms 96 --drift-ms 0.05 --leak-kib 512`,
  ]);
  const [result] = run?.results ?? [];
  assertEquals([code, result?.failedRequests], [1, 0]);
  assertEquals(result?.findings.map(({ kind }) => kind), [
    "latency drift",
    "memory leak",
  ]);
  const [drift, leak] = result?.findings ?? [];
  assertStringIncludes(drift?.text ?? "", "latency rose by");
  assertStringIncludes(leak?.text ?? "", "resident memory rose by");
});

Deno.test("stress.ts finds that a server that is not the simulated engine died, and what it said", async () => {
  const { code, run } = await stress([
    ...LOAD,
    ...["--duration", "4", "--launch", `${SERVER} --die-at 100`],
  ]);
  const [result] = run?.results ?? [];
  assertEquals(code, 1);
  assertEquals(
    result?.findings.map(({ kind }) => kind),
    ["failed requests", "server died"],
  );
  assertGreater(countsOf(run)["connect"] ?? 0, 10);
  assertStringIncludes(result?.findings[1]?.text ?? "", "out of memory");
});
