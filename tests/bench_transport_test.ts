import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Run } from "../lib/record/run.ts";
import {
  makeTestFolder,
  runMain,
  taskPermissions,
} from "./support/bench_runner.ts";
import {
  httpAnswer,
  type Script,
  type ScriptedServerOptions,
  startScriptedServer,
} from "./support/scripted_server.ts";

const CELL = ["--batch-sizes", "1", "--num-labels", "2", "--num-runs", "3"];
const TLS = {
  cert: await Deno.readTextFile("tests/testdata/tls/server.pem"),
  key: await Deno.readTextFile("tests/testdata/tls/server.key"),
};
const ANSWER = httpAnswer(
  '{"scores":[[0.25,0.75]],"model":"m","usage":null,"object":"scoring"}',
);

/** Answers score requests alone, as a server without information does. */
const scoreOnly: Script = async (connection) => {
  for (;;) {
    const request = await connection.readRequest();
    if (request === null) return;
    await connection.write(
      request.head.startsWith("POST /gateway/v1/score") ||
        request.head.startsWith("POST /v1/score")
        ? ANSWER
        : httpAnswer('{"detail":"Not Found"}', { status: "404 Not Found" }),
    );
  }
};

/** Measures one cell of a scripted server; `args` name it by its URL. */
async function bench(
  options: ScriptedServerOptions,
  args: (url: URL, folder: string) => string[],
) {
  await using folder = await makeTestFolder();
  await using server = startScriptedServer(scoreOnly, options);
  const path = `${folder.path}/run.json`;
  const outcome = await runMain([
    ...CELL,
    ...args(server.url, folder.path),
    "-o",
    path,
  ]);
  const text = await Deno.readTextFile(path).catch(() => null);
  return {
    ...outcome,
    run: text === null ? null : JSON.parse(text) as Run,
    heads: server.requests.map(({ head }) => head),
  };
}

Deno.test("main() measures over https with the certificates of --ca-file", async () => {
  const { code, run, stderr } = await bench({ tls: TLS }, (url) => [
    "--url",
    url.origin,
    "--ca-file",
    "tests/testdata/tls/ca.pem",
  ]);
  assertEquals(code, 0, stderr);
  assertEquals(run?.cells[0]?.summary?.count, 3);
});

Deno.test("main() names the cause when a certificate is not trusted", async () => {
  const { code, stderr } = await bench(
    { tls: TLS },
    (url) => ["--url", url.origin],
  );
  assertEquals(code, 3);
  assertStringIncludes(stderr, "issuer");
});

Deno.test("main() sends --header with every request and hides its value", async () => {
  const { code, run, heads, stdout, stderr } = await bench({}, (url) => [
    "--url",
    `${url.origin}/gateway`,
    "--header",
    "X-Gateway-Key: let-me-in-77",
    "--header",
    "X-Team: perf",
  ]);
  assertEquals(code, 0, stderr);
  assert(heads.length > 3);
  for (const head of heads) {
    assertStringIncludes(head.toLowerCase(), "x-gateway-key: let-me-in-77");
    assertStringIncludes(head.toLowerCase(), "x-team: perf");
  }
  assert(!JSON.stringify(run).includes("let-me-in-77"));
  assert(!`${stdout}${stderr}`.includes("let-me-in-77"));
});

Deno.test("main() refuses a file without certificates", async () => {
  const { code, stderr, heads } = await bench({ tls: TLS }, (url) => [
    "--url",
    url.origin,
    "--ca-file",
    "tests/testdata/tls/server.key",
  ]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "expected certificates in PEM form");
  assertEquals(heads, []);
});

Deno.test("main() shows no answer of a server as a command to the runner of a workflow", async () => {
  await using folder = await makeTestFolder();
  const hostile = "::error::owned ##[error]owned ".repeat(20);
  await using server = startScriptedServer(async (connection) => {
    for (;;) {
      const request = await connection.readRequest();
      if (request === null) return;
      await connection.write(
        request.head.startsWith("POST")
          ? httpAnswer(hostile, { status: "500 ::error::owned" })
          : httpAnswer(JSON.stringify({
            "version": hostile,
            "served_model_name": "::error::owned ##[error]owned",
          })),
      );
    }
  });
  const { code, stdout, stderr } = await runMain([
    ...[...CELL, "--url", server.url.origin],
    ...["-o", `${folder.path}/run.json`],
  ]);
  assertEquals(code, 3);
  const shown = `${stdout}\n${stderr}`;
  assertStringIncludes(shown, "owned");
  assertEquals(shown.match(/^\s*::.*|##\[.*/gm), null);
});

Deno.test("bench.ts refuses more clients than there may be open files, before anything is sent", async () => {
  await using server = startScriptedServer(scoreOnly, {});
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [
      ...["-c", 'ulimit -n 256 && exec "$0" "$@"', Deno.execPath(), "run"],
      ...[...taskPermissions("bench:smoke"), "bench.ts", ...CELL],
      ...["--url", server.url.href, "--concurrency", "1000"],
    ],
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, decode(stdout)], [2, ""]);
  assertMatch(
    decode(stderr),
    /^Cannot keep 1000 connections open: this process may have \d+ at a time\. Raise .*ulimit -n/m,
  );
  assertEquals(server.connectionCount, 0);
});

Deno.test("main() waits for a server that does not speak TLS, or not at all, no longer than --timeout", async () => {
  await using folder = await makeTestFolder();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) accepted.push(connection);
  })();
  const host = `127.0.0.1:${listener.addr.port}`;
  for (const scheme of ["https", "http"]) {
    const path = `${folder.path}/${scheme}.json`;
    const { code, stderr } = await runMain([
      ...[...CELL, "--url", `${scheme}://${host}`, "--timeout", "0.2"],
      ...["--warmup-timeout", "0.3", "-o", path],
    ]);
    assertEquals(code, 3);
    // Connecting has the deadline of a request, only answers to a warm-up have their own.
    assertMatch(stderr, scheme === "https" ? /within 200 ms/ : /within 300 ms/);
  }
  for (const connection of accepted) connection.close();
  listener.close();
  await accepting;
});
