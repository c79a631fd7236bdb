import {
  assert,
  assertEquals,
  assertFalse,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { createServer } from "node:http";
import { type LoadPlan, startLoadGenerator } from "../../lib/load/generator.ts";
import type { Samples } from "../../lib/load/samples.ts";
import { OUTCOMES } from "../../lib/outcome.ts";
import {
  type ScoreServer,
  type ScoreServerOptions,
  startScoreServer,
} from "../support/score_server.ts";

const KEY = "sk-load-08d1";
/** Nothing listens there; the system gives such a port to nobody. */
const NOBODY = "http://127.0.0.1:1";
const NEVER = new AbortController().signal;

function loadPlan(url: string, changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    endpoint: {
      url,
      headers: { "Authorization": `Bearer ${KEY}` },
      caCerts: [],
      unixSocketPath: null,
      secrets: [KEY],
    },
    workload: {
      batchSize: 2,
      labelTokenIds: [1, 2],
      model: "m",
      applySoftmax: true,
      prefixCache: "cold",
      seed: "seed",
      tokens: null,
    },
    dtype: "float32",
    firstIndex: 0,
    timeoutMs: 60_000,
    loop: closed(5),
    ...changes,
  };
}

function closed(count: number, concurrency = 1) {
  return { kind: "closed", concurrency, count, durationMs: null } as const;
}

function outcomes(samples: Samples): string[] {
  return [...samples.outcome].map((code) => OUTCOMES[code] ?? "");
}

function queries(server: ScoreServer): string[] {
  return server.requests.map(({ body }) => JSON.parse(body)["query"]);
}

/** Runs one load on a server of its own. */
async function runLoad(
  serverOptions: ScoreServerOptions,
  changes: Partial<LoadPlan> = {},
  workers = 1,
) {
  await using server = await startScoreServer(serverOptions);
  await using load = startLoadGenerator(workers);
  const samples = await load.run(loadPlan(server.url, changes), {
    signal: NEVER,
  });
  return { samples, server };
}

Deno.test("run() sends a closed loop and times it on the clock of the caller", async () => {
  await using server = await startScoreServer();
  await using load = startLoadGenerator();
  const startMs = performance.now();
  const samples = await load.run(loadPlan(server.url), { signal: NEVER });
  const endMs = performance.now();
  assertEquals(outcomes(samples), ["ok", "ok", "ok", "ok", "ok"]);
  assertEquals(samples.failures, []);
  // Both clocks have a millisecond of their own rounding.
  let earlierMs = startMs - 1;
  for (const i of samples.sentMs.keys()) {
    for (const times of [samples.plannedMs, samples.sentMs, samples.doneMs]) {
      assertGreaterOrEqual(times[i] ?? 0, earlierMs);
      earlierMs = times[i] ?? 0;
    }
  }
  assertLessOrEqual(earlierMs, endMs + 1);
});

Deno.test("run() goes on with new payloads and the same connection in a second load", async () => {
  await using server = await startScoreServer();
  await using load = startLoadGenerator();
  for (const firstIndex of [0, 5]) {
    await load.run(loadPlan(server.url, { firstIndex }), { signal: NEVER });
  }
  assertEquals(new Set(queries(server)).size, 10);
  // The same index is the same payload.
  await load.run(loadPlan(server.url, { firstIndex: 5, loop: closed(1) }), {
    signal: NEVER,
  });
  assertEquals(queries(server)[10], queries(server)[5]);
});

Deno.test("run() shares a load among workers without sending a payload twice", async () => {
  const { samples, server } = await runLoad({}, { loop: closed(11, 4) }, 2);
  assertEquals(outcomes(samples), Array.from({ length: 11 }, () => "ok"));
  assertEquals(new Set(queries(server)).size, 11);
});

Deno.test("run() counts failures and hides the key in what the server said", async () => {
  const { samples } = await runLoad({
    fault: (count) => count === 2 ? "half-sum" : count > 3 ? "echo" : undefined,
  });
  assertEquals(
    outcomes(samples),
    ["ok", "invalid-score", "ok", "http-status", "http-status"],
  );
  assertEquals(samples.failures.map(({ outcome, count }) => [outcome, count]), [
    ["http-status", 2],
    ["invalid-score", 1],
  ]);
  assert(samples.failures[0]?.example.includes("[redacted]"));
  assertFalse(JSON.stringify(samples.failures).includes(KEY));
});

Deno.test("run() judges the sum of a row by the data type, and not without softmax", async () => {
  const workload = loadPlan("http://127.0.0.1").workload;
  const { samples } = await runLoad({ fault: () => "half-sum" }, {
    workload: { ...workload, applySoftmax: false },
  });
  assertEquals(outcomes(samples), ["ok", "ok", "ok", "ok", "ok"]);
});

Deno.test("run() returns what there is when it is aborted", async () => {
  const interrupt = new AbortController();
  await using server = await startScoreServer({
    fault: (count) => count === 3 ? "hung" : undefined,
    onScore: (count) => {
      if (count === 3) interrupt.abort();
    },
  });
  await using load = startLoadGenerator();
  const samples = await load.run(loadPlan(server.url), {
    signal: interrupt.signal,
  });
  assertEquals(outcomes(samples), ["ok", "ok", "aborted"]);
  // It can be used again.
  const again = await load.run(
    loadPlan(server.url, { firstIndex: 10, loop: closed(2) }),
    { signal: NEVER },
  );
  assertEquals(outcomes(again), ["ok", "ok"]);
});

Deno.test("run() sends nothing when it was aborted before", async () => {
  await using server = await startScoreServer();
  await using load = startLoadGenerator();
  const samples = await load.run(loadPlan(server.url), {
    signal: AbortSignal.abort(),
  });
  assertLessOrEqual(samples.outcome.length, 1);
  assertFalse(outcomes(samples).includes("ok"));
});

Deno.test("run() tells of progress while requests wait", async () => {
  await using server = await startScoreServer({
    fault: (count) => count === 2 ? "hung" : undefined,
  });
  await using load = startLoadGenerator();
  const interrupt = new AbortController();
  const heard: [number, number][] = [];
  await load.run(loadPlan(server.url), {
    signal: interrupt.signal,
    onProgress: ({ done, failed }) => {
      heard.push([done, failed]);
      if (done === 1) interrupt.abort();
    },
  });
  assertEquals(heard.at(-1), [1, 0]);
});

Deno.test("run() counts refused connections as samples", async () => {
  await using load = startLoadGenerator();
  const samples = await load.run(
    loadPlan(NOBODY, { loop: closed(2) }),
    { signal: NEVER },
  );
  assertEquals(outcomes(samples), ["connect", "connect"]);
});

Deno.test("run() refuses a request that ends servers, before it is sent", async () => {
  await using server = await startScoreServer();
  await using load = startLoadGenerator();
  const { workload } = loadPlan(server.url);
  await assertRejects(
    () =>
      load.run(
        loadPlan(server.url, {
          workload: { ...workload, labelTokenIds: [1, -1] },
        }),
        { signal: NEVER },
      ),
    Error,
    "known to end a server: label id -1",
  );
  assertEquals(server.requests, []);
});

Deno.test("run() opens the connections of an open loop ahead, but not more than are likely in flight", async () => {
  const openedFor = async (ratePerSec: number, maxInFlight = 100) => {
    let opened = 0;
    const server = createServer((_, response) => response.end("{}"));
    server.on("connection", () => opened++);
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve())
    );
    const { port } = server.address() as { port: number };
    await using load = startLoadGenerator();
    await load.run(
      loadPlan(`http://127.0.0.1:${port}`, {
        loop: {
          ...{ kind: "open", arrival: "constant", seed: 0 },
          ...{ ratePerSec, maxInFlight, share: { index: 0, of: 1 } },
          // One arrival.
          durationMs: 1000 / ratePerSec,
        },
      }),
      { signal: NEVER },
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return opened;
  };
  assertEquals(await openedFor(10), 1);
  assertEquals(await openedFor(75), 8);
  assertEquals(await openedFor(75, 3), 3);
  assertEquals(await openedFor(1000), 16);
});
