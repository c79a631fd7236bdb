import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createHttpClient, type HttpExchange } from "../../lib/http/client.ts";
import {
  answered,
  bodyText,
  clientOf,
  failed,
  OK,
  PATIENCE_MS,
  post,
  until,
} from "../support/client_probe.ts";
import {
  answerAll,
  httpAnswer,
  type Script,
  type ScriptedServer,
  startResettingServer,
  startScriptedServer,
} from "../support/scripted_server.ts";

const decoder = new TextDecoder();

/** What the other side did lies in the socket; the client reads it in one of the next turns. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Gives one answer per request, whatever connection it comes on; null closes the connection. */
function steps(...answers: readonly (string | null)[]): Script {
  let next = 0;
  return async (connection) => {
    while (await connection.readRequest() !== null) {
      const answer = answers[next++] ?? null;
      if (answer === null) return;
      await connection.write(answer);
    }
  };
}

/** A server that ends the connections of all but the first requests in one of two ways. */
async function endingServer(
  end: "close" | "reset",
  answerCount: number,
): Promise<ScriptedServer> {
  const answers = Array<string>(answerCount).fill(OK);
  return end === "close"
    ? startScriptedServer(steps(...answers))
    : await startResettingServer(answers);
}

Deno.test("HttpClient.send() returns the answer with its times and reuses the connection", async () => {
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server, { headers: { "X-Key": "k" } });
  const first = answered(await post(client));
  const second = answered(await post(client));
  assertEquals([first.status, decoder.decode(first.body)], [200, "ok"]);
  assertEquals(first.headers.get("content-type"), "application/json");
  assertEquals(second.retries, 0);
  for (const { sentMs, doneMs } of [first, second]) assert(sentMs < doneMs);
  assertEquals(server.connectionCount, 1);
  assertStringIncludes(server.requests[1]?.head ?? "", "\r\nx-key: k\r\n");
  assertEquals(decoder.decode(server.requests[1]?.body), "{}");
});

Deno.test("HttpClient.submit() lets a closed loop send right after the last byte, before other answers", async () => {
  // The clock counts how often it is read, so any other answer in between would show.
  let reads = 0;
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server, { now: () => reads++ });
  const request = client.encode("GET", "/");
  await client.open(8);
  const gaps: number[] = [];
  const loop = (rounds: number): Promise<void> =>
    new Promise((resolve) => {
      let lastDone = -1;
      const next = (): void =>
        client.submit(request, { timeoutMs: 1e9 }, (exchange) => {
          const { sentMs, doneMs } = answered(exchange);
          if (lastDone >= 0) gaps.push(sentMs - lastDone);
          lastDone = doneMs;
          if (--rounds > 0) next();
          else resolve();
        });
      next();
    });
  await Promise.all(Array.from({ length: 8 }, () => loop(20)));
  assertEquals(gaps.length, 8 * 19);
  // One reading, when the request is handed over: on an idle connection it is written at once.
  assertEquals([...new Set(gaps)], [1]);
});

Deno.test("HttpClient.send() refuses a time limit that is not above 0", async () => {
  await using client = createHttpClient({ url: new URL("http://127.0.0.1:9") });
  const request = client.encode("GET", "/");
  assertThrows(
    () => client.submit(request, { timeoutMs: 0 }, () => {}),
    RangeError,
    "timeoutMs must be above 0: current value is 0",
  );
  await assertRejects(
    () => client.send(request, { timeoutMs: NaN }),
    RangeError,
  );
});

Deno.test("HttpClient.open() opens ahead, and requests then need no connection", async () => {
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server);
  await client.open(2);
  await until(() => server.connectionCount === 2);
  const answers = await Promise.all([post(client), post(client)]);
  assertEquals(answers.map(bodyText), ["ok", "ok"]);
  await client.open(2);
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient.send() takes the connection that was used last", async () => {
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server);
  await client.open(2);
  for (let i = 0; i < 4; i++) await post(client);
  const used = server.requests.map((request) => request.connectionIndex);
  assertEquals(new Set(used).size, 1);
});

Deno.test("HttpClient.send() uses no connection that was idle for idleLimitMs", async () => {
  let nowMs = 0;
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server, {
    idleLimitMs: 4_000,
    now: () => nowMs,
  });
  await client.open(2);
  nowMs = 3_999;
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 2);
  nowMs += 4_000;
  assertEquals(bodyText(await post(client)), "ok");
  await until(() => server.openCount === 1);
  assertEquals(server.connectionCount, 3);
});

Deno.test("HttpClient closes what was idle for idleLimitMs beside a connection in use", async () => {
  let nowMs = 0;
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server, {
    idleLimitMs: 4_000,
    now: () => nowMs,
  });
  const request = client.encode("GET", "/");
  await client.open(3);
  nowMs = 3_999;
  await post(client);
  assertEquals(server.openCount, 3);
  nowMs = 4_000;
  // One at each turn of its timer, which has the pace of the deadlines: here 1 ms.
  for (let i = 0; i < 10_000 && server.openCount > 1; i++) {
    assertEquals(
      bodyText(await client.send(request, { timeoutMs: 20 })),
      "ok",
    );
  }
  assertEquals([server.openCount, server.connectionCount], [1, 3]);
});

Deno.test("HttpClient.send() retries once on a new connection when a reused one is closed", async () => {
  await using server = startScriptedServer(steps(OK, null, OK));
  await using client = clientOf(server);
  const first = answered(await post(client));
  const second = answered(await post(client));
  assertEquals([decoder.decode(second.body), second.retries], ["ok", 1]);
  assert(second.sentMs > first.doneMs);
  assertEquals(server.connectionCount, 2);
});

for (const end of ["close", "reset"] as const) {
  Deno.test(`HttpClient.send() retries after a ${end} of a reused connection, never twice`, async () => {
    await using server = await endingServer(end, 1);
    await using client = clientOf(server);
    await post(client);
    const failure = failed(await post(client));
    assertEquals([failure.outcome, failure.retries], ["reset", 1]);
    assertStringIncludes(failure.message, "second attempt");
    assertEquals([server.connectionCount, server.requests.length], [2, 3]);
  });

  Deno.test(`HttpClient.send() never retries after a ${end} of a fresh connection`, async () => {
    await using server = await endingServer(end, 0);
    await using client = clientOf(server);
    const failure = failed(await post(client));
    assertEquals([failure.outcome, failure.retries], ["reset", 0]);
    assertMatch(
      failure.message,
      end === "close"
        ? /^The server closed the connection before the answer$/
        : /^The connection broke before the answer: .*reset/,
    );
    assertEquals([server.connectionCount, server.requests.length], [1, 1]);
  });
}

Deno.test("HttpClient.send() never retries after a byte of the answer", async () => {
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(OK);
    await connection.readRequest();
    await connection.write("H");
  });
  await using client = clientOf(server);
  await post(client);
  const failure = failed(await post(client));
  assertEquals([failure.outcome, failure.retries], ["truncated", 0]);
  assertEquals(server.connectionCount, 1);
});

Deno.test("HttpClient.send() reports a server that died of a request as such", async () => {
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(OK);
    await connection.readRequest();
    server.stopListening();
  });
  await using client = clientOf(server);
  await post(client);
  const failure = failed(await post(client));
  assertEquals([failure.outcome, failure.retries], ["connect", 1]);
  assertMatch(
    failure.message,
    /^Cannot connect to 127\.0\.0\.1:\d+: connection refused .*second attempt.*the first: The server closed/,
  );
});

Deno.test("HttpClient drops an idle connection as soon as the server closes it", async () => {
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(OK);
  });
  await using client = clientOf(server);
  await post(client);
  await until(() => server.openCount === 0);
  await turns();
  assertEquals(answered(await post(client)).retries, 0);
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient closes a connection whose answer says so, though the server does not", async () => {
  await using server = startScriptedServer(
    answerAll(httpAnswer("ok", { headers: "Connection: close\r\n" })),
  );
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "ok");
  await until(() => server.openCount === 0);
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient never takes bytes of an idle connection for the next answer", async () => {
  let isTaken = false;
  await using server = startScriptedServer(async (connection) => {
    if (connection.index > 0) return await answerAll(OK)(connection);
    await connection.readRequest();
    await connection.write(OK);
    // Not before the first answer was taken as whole.
    await until(() => isTaken);
    await connection.write(httpAnswer("not yours"));
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "ok");
  isTaken = true;
  await until(() => server.openCount === 0);
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient.send() ends as timeout in each phase, and says which", async () => {
  let nowMs = 0;
  const now = () => nowMs;
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.untilClosed();
  });
  await using client = clientOf(server, { now });
  const sending = post(client, 60);
  await until(() => server.requests.length === 1);
  nowMs = 60;
  const silent = failed(await sending);
  assertEquals([silent.outcome, silent.doneMs], ["timeout", 60]);
  assertMatch(
    silent.message,
    /^No whole answer from 127\.0\.0\.1:\d+ within 60 ms: the request was sent, no byte of an answer had come$/,
  );

  let written = 0;
  await using stalling = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(OK.slice(0, -1));
    written++;
    await connection.untilClosed();
  });
  await using stalled = clientOf(stalling, { now });
  const begun = post(stalled, 40);
  await until(() => written === 1);
  await turns();
  nowMs += 40;
  assertMatch(failed(await begun).message, /the answer had begun$/);
  await until(() => stalling.openCount === 0);

  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  await using deaf = startScriptedServer(() => hold);
  await using unheard = clientOf(deaf, { now });
  const large = unheard.encode("POST", "/", new Uint8Array(30_000_000));
  const writing = unheard.send(large, { timeoutMs: 40 });
  await until(() => deaf.openCount === 1);
  await turns();
  nowMs += 40;
  assertMatch(
    failed(await writing).message,
    /the server had not taken the whole request$/,
  );
  release();

  const url = new URL(server.url.href.replace("http:", "https:"));
  const before = server.connectionCount;
  await using tls = clientOf(server, { url, now });
  const dialing = post(tls, 40);
  await until(() => server.connectionCount > before);
  nowMs += 40;
  const dialed = failed(await dialing);
  assertEquals(dialed.outcome, "timeout");
  assertMatch(dialed.message, /within 40 ms: its connection was not yet open$/);

  await using hasty = clientOf(server, { url, connectTimeoutMs: 20 });
  const late = failed(await post(hasty));
  assertEquals(late.outcome, "connect");
  assertMatch(
    late.message,
    /^Cannot connect to .*: no connection within 20 ms$/,
  );
});

Deno.test("HttpClient.send() ends as aborted at once, wherever the request is", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  await using client = clientOf(server);
  await client.open(1);
  const controller = new AbortController();
  const { signal } = controller;
  const request = client.encode("GET", "/");
  const send = (): Promise<HttpExchange> =>
    client.send(request, { timeoutMs: PATIENCE_MS, signal });
  const pending = [send(), send()];
  await until(() => server.openCount === 1);
  controller.abort();
  const all = [...await Promise.all(pending), await send()];
  assertEquals(all.map((exchange) => failed(exchange).outcome), [
    "aborted",
    "aborted",
    "aborted",
  ]);
  await until(() => server.openCount === 0);
});

Deno.test("HttpClient.close() ends what is in flight and refuses what comes later", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  await using client = clientOf(server);
  const pending = post(client);
  client.close();
  assertEquals(failed(await pending).outcome, "aborted");
  assertEquals(failed(await post(client)).message, "The client is closed");
});

Deno.test("HttpClient.send() leaves each body as it was, whatever answers follow on the connection, repeated or not", async () => {
  const sizes = [3, 300, 0, 20_000, 2_000, 70_000, 1, 1_200_000, 5_000];
  const kinds = sizes.map((size, i) =>
    String.fromCharCode(97 + i).repeat(size)
  );
  // Each once, twice and thrice, and back to those before.
  const bodies = [
    ...kinds,
    ...kinds.flatMap((body) => [body, body]),
    ...kinds.toReversed().flatMap((body) => [body, body, body]),
    ...kinds.map((body) => `${body.slice(0, -1)}!`),
  ];
  await using server = startScriptedServer(
    steps(...bodies.map((body) => httpAnswer(body))),
  );
  await using client = clientOf(server);
  const kept: Uint8Array[] = [];
  for (const _ of bodies) {
    const answer = answered(await post(client));
    kept.push(answer.body);
  }
  assertEquals(kept.map((body) => decoder.decode(body)), bodies);
  assertEquals(server.connectionCount, 1);
});
