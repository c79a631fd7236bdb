import config from "../../deno.json" with { type: "json" };
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { until } from "../support/bench_runner.ts";
import { ZERO_COST } from "../../lib/simulator/options.ts";
import {
  type SimulatorOptions,
  startSimulator,
} from "../../lib/simulator/start.ts";

const CALL = JSON.stringify({
  query: "Is this relevant?",
  items: [" Yes", " No"],
  label_token_ids: [10, 20],
  model: "m",
});

const HOST = { hostname: "127.0.0.1" };

function start(
  faults: string[] = [],
  options: Partial<SimulatorOptions> = {},
) {
  return startSimulator({ ...ZERO_COST, faults, ...options });
}

function message(head: string, body: string): Uint8Array<ArrayBuffer> {
  const { length } = new TextEncoder().encode(body);
  return new TextEncoder().encode(
    `${head} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
  );
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array) {
  for (let sent = 0; sent < bytes.length;) {
    sent += await connection.write(bytes.subarray(sent));
  }
}

/** Reads until the text ends in `end`, has `limit` characters, or the connection closes. */
async function readUntil(
  connection: Deno.Conn,
  { end = "\0", limit = Infinity }: { end?: string; limit?: number },
): Promise<{ text: string; closed: boolean }> {
  const buffer = new Uint8Array(65536);
  let text = "";
  while (!text.endsWith(end) && text.length < limit) {
    // A connection that is torn down may end in an error as well as in an end.
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return { text, closed: true };
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return { text, closed: false };
}

/** Sends one request on a connection of its own and reads the answer. */
async function exchange(
  port: number,
  { head = "POST /v1/score", body = CALL, ...until }: {
    head?: string;
    body?: string;
    end?: string;
    limit?: number;
  } = {},
) {
  using connection = await Deno.connect({ ...HOST, port });
  await writeAll(connection, message(head, body));
  return await readUntil(connection, { end: "}", ...until });
}

function bodyOf(text: string): string {
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

Deno.test("startSimulator() serves many requests on one connection", async () => {
  await using simulator = await start();
  assertEquals(simulator.url, `http://127.0.0.1:${simulator.port}`);
  using connection = await Deno.connect({ ...HOST, port: simulator.port });
  const bodies = new Set<string>();
  for (let i = 0; i < 20; i++) {
    await writeAll(connection, message("POST /v1/score?x=1", CALL));
    const { text, closed } = await readUntil(connection, { end: "}" });
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
    assertMatch(text, /\r\nserver: uvicorn\r\n/i);
    assertMatch(text, /\r\ncontent-type: application\/json\r\n/i);
    assertEquals(closed, false);
    bodies.add(bodyOf(text));
  }
  assertEquals(bodies.size, 1);
  const [body = ""] = bodies;
  assertEquals(JSON.parse(body).object, "scoring");
});

Deno.test("startSimulator() answers no sooner than the cost model says", async () => {
  await using simulator = await start([], { fixedMs: 40 });
  const startMs = performance.now();
  await exchange(simulator.port);
  assertGreater(performance.now() - startMs, 40);
});

Deno.test("startSimulator() lets concurrent requests share a batch", async () => {
  const fixedMs = 40;
  await using simulator = await start([], { fixedMs });
  const { port } = simulator;
  // One by one they cannot take less than this, however quick the machine is. On a busy one eight
  // together may take longer, so it is enough that they once do not.
  const apartMs = 8 * fixedMs;
  let leastMs = Infinity;
  for (let tries = 0; tries < 100 && leastMs >= apartMs; tries++) {
    const startMs = performance.now();
    await Promise.all(Array.from({ length: 8 }, () => exchange(port)));
    leastMs = Math.min(leastMs, performance.now() - startMs);
  }
  assertLess(leastMs, apartMs);
});

Deno.test("startSimulator() refuses wrong options before it starts anything", async () => {
  await assertRejects(
    () => startSimulator({ port: 70000 }),
    RangeError,
    "Cannot start the simulated engine as port must be an integer from 0 to 65535: current value is 70000",
  );
  await assertRejects(() => start(["nope"]), SyntaxError, 'fault "nope"');
  await assertRejects(() => start([], { noise: -1 }), RangeError, "noise");
});

Deno.test("startSimulator() says when a port is taken, and gives its own back", async () => {
  const first = await start();
  const { port } = first;
  await assertRejects(
    () => start([], { port }),
    Error,
    "Cannot start the simulated engine",
  );
  using idle = await Deno.connect({ ...HOST, port });
  await first[Symbol.asyncDispose]();
  assertEquals(await first.ended, "disposed");
  assertEquals(await readUntil(idle, {}), { text: "", closed: true });
  await using second = await start([], { port });
  assertStringIncludes((await exchange(second.port)).text, "scoring");
});

Deno.test("Simulator dies of a lethal request and leaves the process alone", async () => {
  await using simulator = await start();
  const { port } = simulator;
  using bystander = await Deno.connect({ ...HOST, port });
  const lethal = CALL.replace("[10,20]", "[10,-1]");
  assertEquals(await exchange(port, { body: lethal }), {
    text: "",
    closed: true,
  });
  assertEquals(await simulator.ended, "crashed");
  assertEquals(await readUntil(bystander, {}), { text: "", closed: true });
  await assertRejects(
    () => Deno.connect({ ...HOST, port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("Simulator crashes at the request that was asked for", async () => {
  await using simulator = await start(["crash#3"]);
  const { port } = simulator;
  for (let i = 0; i < 2; i++) {
    assertStringIncludes((await exchange(port)).text, "scoring");
  }
  assertEquals(await exchange(port), { text: "", closed: true });
  assertEquals(await simulator.ended, "crashed");
});

Deno.test("Simulator hangs until it is disposed, and answers other paths", async () => {
  const simulator = await start(["hang"]);
  const { port } = simulator;
  using hung = await Deno.connect({ ...HOST, port });
  await writeAll(hung, message("POST /v1/score", CALL));
  const end = readUntil(hung, {});
  for (let i = 0; i < 5; i++) {
    const ping = { head: "GET /ping", body: "", end: "\r\n\r\n" };
    assertMatch((await exchange(port, ping)).text, /^HTTP\/1\.1 200 /);
  }
  await simulator[Symbol.asyncDispose]();
  assertEquals(await end, { text: "", closed: true });
});

Deno.test("Simulator resets before the answer", async () => {
  await using simulator = await start(["reset#1"]);
  assertEquals(await exchange(simulator.port), { text: "", closed: true });
  assertStringIncludes((await exchange(simulator.port)).text, "scoring");
});

Deno.test("Simulator truncates inside the body", async () => {
  await using simulator = await start(["truncate=0.5#1"]);
  const { text, closed } = await exchange(simulator.port, { end: "\0" });
  assertEquals(closed, true);
  const whole = bodyOf((await exchange(simulator.port)).text);
  assertMatch(
    text,
    new RegExp(`\r\ncontent-length: ${whole.length}\r\n`, "i"),
  );
  assertEquals(
    bodyOf(text),
    whole.slice(0, Math.floor(whole.length / 2)),
  );
});

Deno.test("Simulator sends an endless body until the client leaves", async () => {
  await using simulator = await start(["endless#1"]);
  const limit = 2_000_000;
  const { text, closed } = await exchange(simulator.port, {
    end: "\0",
    limit,
  });
  assertEquals(closed, false);
  assertGreater(text.length, limit - 1);
  assertStringIncludes((await exchange(simulator.port)).text, "scoring");
});

Deno.test("Simulator sends error, redirect and HTML answers", async () => {
  await using simulator = await start([
    "status=401#1",
    "status=503#2",
    "redirect#3",
    "html#4",
    "nan-500#5",
    "nan-json#6",
  ]);
  const { port } = simulator;
  const ends = ["}", "}", "\r\n\r\n", "</html>", "Error", "}"];
  const texts = [];
  for (const end of ends) texts.push((await exchange(port, { end })).text);
  const statuses = texts.map((text) => text.slice(9, 12));
  assertEquals(statuses, ["401", "503", "307", "200", "500", "200"]);
  assertMatch(texts[2] ?? "", /\r\nlocation: \/simulated\/elsewhere\r\n/i);
  assertMatch(bodyOf(texts[5] ?? ""), /^\{"scores":\[\[NaN,/);
});

/** The resident memory of a process, in bytes. */
async function residentBytesOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "rss=", "-p", String(pid)],
  }).output();
  return Number(new TextDecoder().decode(stdout)) * 1024;
}

Deno.test("Simulator really leaks memory, and shows it in the server info", async () => {
  const leakMib = 64;
  // A process of its own: what other tests take or give back is not its memory.
  await using child = sim([
    "--port=0",
    "--zero-cost",
    `--fault=leak=${leakMib * 8}`,
  ]);
  const stdout = child.stdout.getReader();
  const { value } = await stdout.read();
  const port = Number(new URL(new TextDecoder().decode(value)).port);
  const freeTokens = async () => {
    const { text } = await exchange(port, {
      head: "GET /get_server_info",
      body: "",
      end: '"0.0.0+simulated"}',
    });
    const info = JSON.parse(bodyOf(text));
    return info.internal_states[0].available_kv_tokens as number;
  };
  await exchange(port);
  const beforeBytes = await residentBytesOf(child.pid);
  const before = await freeTokens();
  while (before - await freeTokens() < leakMib * 32);
  const grownBytes = await residentBytesOf(child.pid) - beforeBytes;
  // It may have given back other memory meanwhile.
  assertGreater(grownBytes, leakMib * 2 ** 20 / 4);
  child.kill("SIGTERM");
  await Promise.all([stdout.cancel(), child.stderr.cancel()]);
});

Deno.test("Simulator refuses a body of more than 64 MiB", async () => {
  await using simulator = await start();
  using connection = await Deno.connect({ ...HOST, port: simulator.port });
  const big = "x".repeat(64 * 2 ** 20 + 1);
  const sent = writeAll(connection, message("POST /v1/score", big))
    .catch(() => {});
  const { text } = await readUntil(connection, { end: "\r\n\r\n" });
  await sent;
  assertMatch(text, /^HTTP\/1\.1 413 /);
  assertStringIncludes((await exchange(simulator.port)).text, "scoring");
});

const SIM = new URL("../../sim.ts", import.meta.url);

function sim(args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-read=.",
      SIM.pathname,
      ...args,
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("sim.ts prints its URL, serves, and ends with 0 on SIGTERM and SIGINT", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const child = sim(["--port", "0", "--zero-cost", "--model", "meta/llama"]);
    const stdout = child.stdout.getReader();
    const stderr = new Response(child.stderr).text();
    const { value } = await stdout.read();
    const url = new TextDecoder().decode(value).trim();
    assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const { text } = await exchange(Number(new URL(url).port), {
      head: "GET /get_model_info",
      body: "",
    });
    assertEquals(JSON.parse(bodyOf(text)).model_path, "meta/llama");
    child.kill(signal);
    assertEquals((await child.status).code, 0);
    await stdout.cancel();
    assertEquals(
      await stderr,
      `Simulated engine on ${url} (simulated numbers; press Ctrl-C to stop)\n`,
    );
  }
});

Deno.test("sim.ts ends with 3 when its engine dies", async () => {
  const child = sim(["--port", "0", "--fault", "crash#1"]);
  const stdout = child.stdout.getReader();
  const stderr = new Response(child.stderr).text();
  const { value } = await stdout.read();
  const port = Number(new URL(new TextDecoder().decode(value)).port);
  assertEquals(await exchange(port), { text: "", closed: true });
  assertEquals((await child.status).code, 3);
  await stdout.cancel();
  assertStringIncludes(await stderr, "Simulated engine died");
});

Deno.test("sim.ts ends with 2 and a clear line on a usage error, and with 0 on --help", async () => {
  const cases: [string[], number, string][] = [
    [["--fault", "nope"], 2, 'Cannot read fault "nope"'],
    [["--set", "speed=1"], 2, 'Cannot take --set "speed=1"'],
    [["--set", "noise=9"], 2, "noise must be a number from 0 to 3"],
    [["--port", "99999"], 2, "--port"],
    [["--host", "0.0.0.0"], 2, "Cannot listen on 0.0.0.0:30000: the perm"],
    [["--version"], 0, `scorebench ${config.version}\n`],
    [["--help"], 0, "swap-rows"],
  ];
  await Promise.all(cases.map(async ([args, code, text]) => {
    const output = await sim(args).output();
    assertEquals(output.code, code, args.join(" "));
    const shown = new TextDecoder().decode(
      code === 0 ? output.stdout : output.stderr,
    );
    assert(shown.includes(text), shown);
    assertEquals(shown.includes("    at "), false, shown);
  }));
});

Deno.test("sim.ts logs as a server does, and is refused an accelerator that another holds", async () => {
  using held = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accelerator = String(held.addr.port);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ..."run --no-prompt --allow-net=127.0.0.1 --allow-read=. sim.ts --port 0"
        .split(" "),
      ...["--accelerator", accelerator],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  assertEquals(code, 3);
  assertMatch(
    new TextDecoder().decode(stderr),
    /TPU is already in use by another process/,
  );
  const pieces: string[] = [];
  await using simulator = await startSimulator({
    compileMs: 1,
    onLog: (text) => pieces.push(text),
  });
  const answer = await fetch(`${simulator.url}/v1/score`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      ...{ query: "q", items: [" a"], model: "m" },
      "label_token_ids": [1],
    }),
  });
  await answer.body?.cancel();
  await until(() => pieces.join("").includes("POST /v1/score"));
  const log = pieces.join("");
  assertMatch(log, /^\[[\d-]{10} [\d:]{8}\] server_args=ServerArgs\(/);
  assertMatch(log, /fired up[\s\S]*#new-seq: 1,[\s\S]*#cache_miss: 2\n/);
});
