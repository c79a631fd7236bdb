import {
  assertEquals,
  assertGreater,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import type { Target } from "../../lib/server/open.ts";
import { watchServer } from "../../lib/stress/watch.ts";
import { startSimulator } from "../../lib/simulator/start.ts";

function targetAt(url: string, kind: Target["kind"]): Target {
  return {
    kind,
    endpoint: {
      url,
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    server: {
      model: "m",
      dtype: "float32",
      tpSize: null,
      version: null,
      hardware: "unknown",
      info: null,
    },
    identify: () => Promise.reject(new Error("not asked")),
    death: () => Promise.resolve(null),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

Deno.test("watchServer() measures the KV pool that a server tells and the memory of a process", async () => {
  await using simulator = await startSimulator();
  const watch = watchServer(targetAt(simulator.url, "url"), 1000, Deno.pid);
  // The first look is at once, and stop() waits for it.
  const { residentBytes, lostTokens, poolTokens, queuedRequests } = await watch
    .stop();
  const [first] = residentBytes;
  assertGreater(typeof first === "object" ? first.value : 0, 2 ** 20);
  assertEquals(
    typeof lostTokens === "string" ? null : lostTokens[0]?.value,
    0,
  );
  assertEquals(poolTokens, 65_536);
  assertEquals(
    typeof queuedRequests === "object" ? queuedRequests[0]?.value : null,
    0,
  );
});

Deno.test("watchServer() sees the memory of a process grow", async () => {
  // Holds another 32 MiB at each line, and answers when it does.
  const script = `const held = [];
    for await (const _ of Deno.stdin.readable) {
      held.push(new Uint8Array(2 ** 25).fill(1));
      await Deno.stdout.write(new Uint8Array(1));
    }`;
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const orders = child.stdin.getWriter();
  const answers = child.stdout.getReader();
  let looks = 0;
  // It grows at each look, before that is answered and the memory is read.
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      if (!request.url.endsWith("/get_server_info")) return Response.json({});
      await orders.write(new Uint8Array(1));
      await answers.read();
      looks++;
      return Response.json({});
    },
  );
  const target = targetAt(`http://127.0.0.1:${server.addr.port}`, "url");
  const watch = watchServer(target, 1000, child.pid);
  while (looks < 4) await new Promise((resolve) => setTimeout(resolve, 20));
  const { residentBytes } = await watch.stop();
  const series = typeof residentBytes === "string" ? [] : residentBytes;
  const grownBytes = (series[3]?.value ?? 0) - (series[0]?.value ?? 0);
  assertGreater(grownBytes, 3 * 2 ** 25 * 0.8);
  assertLess(grownBytes, 3 * 2 ** 25 * 1.5);
});

Deno.test("watchServer() takes queue and pool from Prometheus text where the server's own information has none", async () => {
  let looks = 0;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      if (!request.url.endsWith("/metrics")) return Response.json({});
      return new Response(
        `sglang:num_queue_reqs{a="b"} ${7 + looks}\nsglang:num_used_tokens ${
          100 + 50 * looks++
        }\nprocess_resident_memory_bytes 3e6\n`,
      );
    },
  );
  const target = targetAt(`http://127.0.0.1:${server.addr.port}`, "url");
  const watch = watchServer(
    {
      ...target,
      server: { ...target.server, info: { "max_total_num_tokens": 1000 } },
    },
    1000,
    null,
  );
  while (looks < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  const series = await watch.stop();
  const firstTwo = (name: "residentBytes" | "lostTokens" | "queuedRequests") =>
    [...series[name] ?? []].slice(0, 2).map((point) =>
      typeof point === "string" ? point : point.value
    );
  assertEquals(firstTwo("queuedRequests"), [7, 8]);
  assertEquals(firstTwo("lostTokens"), [0, 50]);
  assertEquals(firstTwo("residentBytes"), [3e6, 3e6]);
  assertEquals(series.poolTokens, 1000);
});

Deno.test("watchServer() says what it could not see", async () => {
  const nobody = targetAt("http://127.0.0.1:1", "url");
  const seen = await watchServer(nobody, 1000, null).stop();
  assertStringIncludes(String(seen.residentBytes), "--server-pid");
  assertStringIncludes(String(seen.lostTokens), "does not tell");
  assertEquals(seen.poolTokens, null);
  assertStringIncludes(String(seen.queuedRequests), "tells no queue");
  const gone = await watchServer(nobody, 1000, 2 ** 22).stop();
  assertStringIncludes(String(gone.residentBytes), "ps showed no process");
  const own = await watchServer({ ...nobody, kind: "simulated" }, 1000, null)
    .stop();
  assertStringIncludes(String(own.residentBytes), "thread of this process");
});
