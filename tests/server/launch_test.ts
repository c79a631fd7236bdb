import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { existsSync } from "node:fs";
import { MeasureError } from "../../lib/failure.ts";
import { createRedactor } from "../../lib/secret.ts";
import {
  type LaunchOptions,
  launchServer,
  launchWords,
} from "../../lib/server/launch.ts";
import {
  makeTestFolder,
  readPids,
  scoreServerCommand,
  survivorsOf,
  until,
} from "../support/bench_runner.ts";

const VALUES = { model: "m", dtype: "d", port: "8000" };
const KEY = "sk-launch-51c2";

function launchOptions(
  folder: string,
  command: string,
  changes: Partial<LaunchOptions> = {},
): LaunchOptions {
  return {
    command,
    model: "m",
    dtype: "float32",
    logPath: `${folder}/server.log`,
    launchTimeoutMs: 60_000,
    redact: createRedactor([KEY]),
    onWaiting: () => {},
    warn: () => {},
    signal: new AbortController().signal,
    urgent: new AbortController().signal,
    isReady: async (url) => {
      try {
        const response = await fetch(`${url}/health`);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    },
    ...changes,
  };
}

Deno.test("launchWords() splits without a shell and puts values into whole words", () => {
  assertEquals(
    launchWords(
      `run "two words" 'a;b' --name="c d"'e' "" $(id) \`id\` > x {model}:{port} {dtype}`,
      {
        model: 'a b"; rm -rf / #{port}',
        dtype: "$(id)",
        port: "8000",
      },
    ),
    [
      ...["run", "two words", "a;b", "--name=c de", ""],
      ...["$(id)", "`id`", ">", "x"],
      ...['a b"; rm -rf / #{port}:8000', "$(id)"],
    ],
  );
});

Deno.test("launchWords() refuses a command without a port or a program", () => {
  assertThrows(
    () => launchWords("server --model {model}", VALUES),
    RangeError,
    "must say where {port} goes",
  );
});

Deno.test("launchServer() starts a server, keeps its log without the key, and stops it", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const keyFile = `${folder.path}/key`;
  await Deno.writeTextFile(keyFile, KEY);
  {
    await using server = await launchServer(launchOptions(
      folder.path,
      scoreServerCommand(`--pid-file ${pidFile} --api-key-file ${keyFile}`),
    ));
    assertEquals(await readPids(pidFile), [server.pid]);
    assertStringIncludes(await server.lastLines(), '"model":"m"');
  }
  assertEquals(await survivorsOf(await readPids(pidFile)), []);
  const log = await Deno.readTextFile(`${folder.path}/server.log`);
  assertFalse(log.includes(KEY));
  assertStringIncludes(log, '"apiKey":"[redacted]"');
});

Deno.test("launchServer() hands every word over as text", async () => {
  await using folder = await makeTestFolder();
  const proof = `${folder.path}/proof`;
  const error = await assertRejects(() =>
    launchServer(launchOptions(
      folder.path,
      `printf '%s|' "a b" $(touch ${proof}) ; touch ${proof} {port} {model}`,
      { isReady: () => Promise.resolve(false), model: "$HOME `id`" },
    ))
  );
  assertInstanceOf(error, MeasureError);
  assertMatch(
    error.message,
    /a b\|\$\(touch\|results\S+proof\)\|;\|touch\|results\S+proof\|\d+\|\$HOME `id`\|/,
  );
  await assertRejects(() => Deno.stat(proof), Deno.errors.NotFound);
});

Deno.test("launchServer() shows the last lines, without the key, when the server dies at start", async () => {
  await using folder = await makeTestFolder();
  const error = await assertRejects(() =>
    launchServer(launchOptions(
      folder.path,
      `sh -c 'for i in $(seq 100); do echo "line $i"; done >&2; echo "no TPU, key ${KEY}" >&2; exit 7' {port}`,
      { isReady: () => Promise.resolve(false) },
    ))
  );
  assertInstanceOf(error, MeasureError);
  assertMatch(error.message, /it exited with code 7 before it was ready/);
  assertStringIncludes(error.message, `${folder.path}/server.log`);
  assertStringIncludes(error.message, "| line 100");
  assertStringIncludes(error.message, "no TPU, key [redacted]");
  assertFalse(error.message.includes("| line 50\n"));
});

Deno.test("launchServer() waits for the last words of a server that died", async () => {
  await using folder = await makeTestFolder();
  const error = await assertRejects(() =>
    launchServer(launchOptions(
      folder.path,
      "sh -c '(sleep 0.7; echo late words) & exit 7' {port}",
      { isReady: () => Promise.resolve(false) },
    ))
  );
  assertStringIncludes(String(error), "| late words");
});

Deno.test("launchServer() stops a server that is never ready, and its children", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const interrupt = new AbortController();
  {
    await using _server = await launchServer(launchOptions(
      folder.path,
      scoreServerCommand(`--start never --child --pid-file ${pidFile}`),
      {
        signal: interrupt.signal,
        onWaiting: () => {
          if (existsSync(pidFile)) interrupt.abort();
        },
      },
    ));
  }
  const pids = await readPids(pidFile);
  assertEquals(pids.length, 2);
  assertEquals(await survivorsOf(pids), []);
  const waits: number[] = [];
  const error = await assertRejects(() =>
    launchServer(launchOptions(
      folder.path,
      scoreServerCommand(`--start never`),
      {
        launchTimeoutMs: 1,
        isReady: () => Promise.resolve(false),
        onWaiting: (waitedMs) => waits.push(waitedMs),
      },
    ))
  );
  assertMatch(
    String(error),
    /MeasureError: .*not ready within 0\.001 s \(--launch-timeout\)/,
  );
  assertEquals(waits, waits.filter((waitedMs) => waitedMs <= 1));
});

Deno.test("launchServer() kills a server that ignores SIGTERM when it is urgent", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const urgent = new AbortController();
  const server = await launchServer(launchOptions(
    folder.path,
    scoreServerCommand(`--ignore-sigterm --child --pid-file ${pidFile}`),
    { urgent: urgent.signal },
  ));
  const stopping = server[Symbol.asyncDispose]();
  // It has got SIGTERM and lives on until it is urgent.
  await until(async () =>
    (await server.lastLines()).includes("SIGTERM is ignored")
  );
  urgent.abort();
  await stopping;
  assertEquals(await server.ended, "it was ended by SIGKILL");
  assertEquals(await survivorsOf(await readPids(pidFile)), []);
});

Deno.test("launchServer() says that there is no such program", async () => {
  await using folder = await makeTestFolder();
  await assertRejects(
    () =>
      launchServer(
        launchOptions(folder.path, "no-such-server-program {port}"),
      ),
    MeasureError,
    "Cannot launch 'no-such-server-program': there is no such program on PATH",
  );
});

Deno.test("launchServer() ends the wait when it is interrupted", async () => {
  await using folder = await makeTestFolder();
  const interrupt = new AbortController();
  await using server = await launchServer(launchOptions(
    folder.path,
    scoreServerCommand("--start never"),
    {
      signal: interrupt.signal,
      onWaiting: () => interrupt.abort(),
    },
  ));
  await server[Symbol.asyncDispose]();
  assertEquals(await survivorsOf([server.pid]), []);
});

Deno.test("launchServer() has last lines also when its log is gone", async () => {
  await using folder = await makeTestFolder();
  await using server = await launchServer(launchOptions(
    folder.path,
    scoreServerCommand(),
  ));
  await Deno.remove(`${folder.path}/server.log`);
  assertMatch(
    await server.lastLines(),
    /^ {2}\| \(the log cannot be read: No such file/,
  );
});
