import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { MeasureError } from "../../lib/failure.ts";
import {
  openTarget,
  type TargetOptions,
  UNKNOWN,
} from "../../lib/server/open.ts";
import { makeTestFolder, scoreServerCommand } from "../support/bench_runner.ts";
import { SERVED, startScoreServer } from "../support/score_server.ts";
import { httpAnswer, startScriptedServer } from "../support/scripted_server.ts";

const KEY = "sk-target-44d0";
const NOBODY_SAID = { model: UNKNOWN, dtype: UNKNOWN };

function targetOptions(changes: Partial<TargetOptions>): TargetOptions {
  return {
    url: null,
    launch: null,
    launchTimeoutMs: 60_000,
    logPath: () => "results/none.log",
    apiKey: null,
    headers: {},
    caCerts: [],
    unixSocketPath: null,
    hardware: null,
    seed: "seed",
    onWaiting: () => {},
    warn: () => {},
    signal: new AbortController().signal,
    urgent: new AbortController().signal,
    ...changes,
  };
}

for (const info of ["old", "new"] as const) {
  Deno.test(`openTarget() asks a server of the ${info} paths what it is`, async () => {
    await using server = await startScoreServer({ info });
    await using target = await openTarget(
      targetOptions({ url: server.url }),
      { model: "wanted", dtype: "bfloat16" },
    );
    assertEquals(target.kind, "url");
    assertEquals(target.server.model, SERVED.model);
    assertEquals(target.server.dtype, SERVED.dtype);
    assertEquals(target.server.tpSize, 1);
    assertEquals(target.server.hardware, "cpu-1x");
    assertEquals(await target.death(), null);
    assertEquals(
      server.requests.filter(({ line }) => line.startsWith("POST")),
      [],
    );
  });
}

Deno.test("openTarget() takes the user's word only where the server gives none", async () => {
  await using silent = await startScoreServer({ info: "none" });
  await using unknown = await openTarget(
    targetOptions({ url: silent.url }),
    NOBODY_SAID,
  );
  assertEquals(unknown.server, {
    model: "unknown",
    dtype: "unknown",
    tpSize: null,
    version: null,
    hardware: unknown.server.hardware,
    info: null,
  });
  await using told = await openTarget(
    targetOptions({ url: silent.url, hardware: "tpu-v6e-4" }),
    { model: "m", dtype: "d" },
  );
  assertEquals(
    [told.server.model, told.server.dtype, told.server.hardware],
    ["m", "d", "tpu-v6e-4"],
  );
  // "auto" is a flag, not a type.
  await using auto = await startScoreServer({ dtype: "auto" });
  await using named = await openTarget(targetOptions({ url: auto.url }), {
    model: "m",
    dtype: "bfloat16",
  });
  assertEquals(named.server.dtype, "bfloat16");
  await using unnamed = await openTarget(
    targetOptions({ url: auto.url }),
    NOBODY_SAID,
  );
  assertEquals(unnamed.server.dtype, "auto");
});

Deno.test("openTarget() passes by answers that are no information", async () => {
  for (const answer of ["<html>", "[1]", "null", '"text"', '{"dtype": 7}']) {
    await using server = startScriptedServer(async (connection) => {
      while (await connection.readRequest() !== null) {
        await connection.write(httpAnswer(answer));
      }
    });
    await using target = await openTarget(
      targetOptions({ url: server.url.href }),
      { model: "m", dtype: "d" },
    );
    assertEquals([target.server.model, target.server.dtype], ["m", "d"]);
  }
});

Deno.test("openTarget() sends the key and further headers, and keeps neither", async () => {
  await using server = await startScoreServer({
    apiKey: KEY,
    extraInfo: { note: `key ${KEY}`, gateway: "gw-secret", hf: { token: "t" } },
  });
  await using target = await openTarget(
    targetOptions({
      url: server.url,
      apiKey: KEY,
      headers: { "x-gateway": "gw-secret" },
    }),
    NOBODY_SAID,
  );
  for (const { headers } of server.requests) {
    assertEquals(headers.authorization, `Bearer ${KEY}`);
    assertEquals(headers["x-gateway"], "gw-secret");
  }
  const kept = JSON.stringify(target.server);
  assertFalse(kept.includes(KEY));
  assertFalse(kept.includes("gw-secret"));
  assertEquals(target.server.info?.["api_key"], "[redacted]");
  assertEquals(target.server.info?.["hf"], { token: "[redacted]" });
});

Deno.test("openTarget() refuses a server that refuses the key, or that is not there", async () => {
  const server = await startScoreServer({ apiKey: KEY });
  const open = () =>
    openTarget(
      targetOptions({ url: server.url, apiKey: "sk-wrong" }),
      NOBODY_SAID,
    );
  const refused = await assertRejects(open);
  assertInstanceOf(refused, MeasureError);
  assertMatch(refused.message, /refuses the key with status 401.*Unauthorized/);
  assertFalse(refused.message.includes("sk-wrong"));
  await server[Symbol.asyncDispose]();
  const gone = await assertRejects(open);
  assertInstanceOf(gone, MeasureError);
  assertStringIncludes(gone.message, `Cannot reach ${server.url}`);
});

Deno.test("openTarget() opens the simulated engine without a URL and a command", async () => {
  await using target = await openTarget(targetOptions({ apiKey: KEY }), {
    model: "m",
    dtype: "float32",
  });
  assertEquals(target.kind, "simulated");
  assertEquals(target.server.model, "simulated/m");
  assertEquals(target.server.dtype, "float32");
  assertEquals(target.server.hardware, "simulated");
  assertFalse(JSON.stringify(target.server).includes(KEY));
  assertEquals(await target.death(), null);
});

Deno.test("openTarget() tells how a launched server died", async () => {
  await using folder = await makeTestFolder();
  await using target = await openTarget(
    targetOptions({
      launch: scoreServerCommand("--die-at 1"),
      logPath: () => `${folder.path}/log`,
    }),
    { model: "m", dtype: "d" },
  );
  assertEquals(target.kind, "launched");
  assertEquals([target.server.model, target.server.dtype], ["m", "d"]);
  const body = { query: "q", items: ["i"], "label_token_ids": [1] };
  await fetch(`${target.endpoint.url}/v1/score`, {
    method: "POST",
    body: JSON.stringify(body),
  }).catch(() => {});
  assertMatch(
    await target.death() ?? "",
    /^the launched server died: it exited with code 9; its log ends with:[\s\S]*out of memory/,
  );
});

Deno.test("openTarget() names model and data type as they are, whatever headers are sent", async () => {
  const model = "meta-llama/Llama-3.2-1B";
  await using server = await startScoreServer({ model, dtype: "bfloat16" });
  for (const header of ["1", "Llama-3.2-1B"]) {
    await using target = await openTarget(
      targetOptions({ url: server.url, headers: { "X-Tenant": header } }),
      NOBODY_SAID,
    );
    assertEquals(
      [target.server.model, target.server.dtype],
      [model, "bfloat16"],
    );
  }
  await using secret = await startScoreServer({ model: `m-${KEY}` });
  const refused = await assertRejects(() =>
    openTarget(targetOptions({ url: secret.url, apiKey: KEY }), NOBODY_SAID)
  );
  assertInstanceOf(refused, MeasureError);
  assertStringIncludes(refused.message, "contains the API key");
  assertFalse(refused.message.includes(KEY));
});

Deno.test("openTarget() waits for information no longer than a request may take", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  const interrupt = new AbortController();
  const open = async (changes: Partial<TargetOptions>) => {
    await using target = await openTarget(
      targetOptions({ url: server.url.href, ...changes }),
      { model: "m", dtype: "d" },
    );
    assertEquals(target.server.info, null);
  };
  const ended: string[] = [];
  // Without a limit each of the four paths takes 10 s.
  const patient = open({ signal: interrupt.signal })
    .finally(() => ended.push("patient"));
  await open({ timeoutMs: 20 });
  ended.push("hasty");
  interrupt.abort();
  await patient;
  assertEquals(ended, ["hasty", "patient"]);
});

Deno.test("openTarget() ends a hanging /health when it is interrupted", async () => {
  await using folder = await makeTestFolder();
  const script = `${folder.path}/hang.ts`;
  await Deno.writeTextFile(
    script,
    `for await (const c of Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) })) {
      await c.read(new Uint8Array(9));
      await Deno.writeTextFile("${folder.path}/asked", "");
    }`,
  );
  const interrupt = new AbortController();
  const asked = (async () => {
    while (!await Deno.stat(`${folder.path}/asked`).catch(() => null)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    interrupt.abort();
    return performance.now();
  })();
  await using _target = await openTarget(
    targetOptions({
      launch:
        `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-write=${folder.path} ${script} {port}`,
      logPath: () => `${folder.path}/log`,
      signal: interrupt.signal,
    }),
    { model: "m", dtype: "d" },
  );
  // Without the signal it takes the 10 s of an information request.
  assertLess(performance.now() - await asked, 8_000);
});
