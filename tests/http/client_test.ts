import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
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
  assert(first.connectMs !== null && first.connectMs > 0);
  assertEquals([second.connectMs, second.waitMs, second.retries], [null, 0, 0]);
  for (const { sentMs, firstByteMs, doneMs } of [first, second]) {
    assert(sentMs < firstByteMs && firstByteMs <= doneMs);
  }
  assertEquals(server.connectionCount, 1);
  assertStringIncludes(server.requests[1]?.head ?? "", "\r\nx-key: k\r\n");
  assertEquals(decoder.decode(server.requests[1]?.body), "{}");
  assertEquals(client.connections, { open: 1, idle: 1 });
  assertEquals([client.counters.connectionsOpened, client.counters.reused], [
    1,
    1,
  ]);
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
  await using client = clientOf(server, { maxConnections: 3 });
  assertEquals(await client.open(2), 2);
  assertEquals(client.connections, { open: 2, idle: 2 });
  const answers = await Promise.all([post(client), post(client)]);
  assertEquals(answers.map((answer) => answered(answer).connectMs), [
    null,
    null,
  ]);
  assertEquals(await client.open(9), 3);
  assertEquals(client.counters.connectionsOpened, 3);
});

Deno.test("HttpClient.send() waits in order once maxConnections is reached, before sentMs", async () => {
  await using server = startScriptedServer(answerAll(OK));
  await using client = clientOf(server, { maxConnections: 1 });
  const order: number[] = [];
  const answers = await Promise.all([0, 1, 2].map(async (index) => {
    const answer = answered(await post(client));
    order.push(index);
    return answer;
  }));
  assertEquals(order, [0, 1, 2]);
  assertEquals(server.connectionCount, 1);
  assertEquals(answers[0]?.waitMs, 0);
  for (const index of [1, 2]) {
    const before = answers[index - 1];
    const answer = answers[index];
    assert(before !== undefined && answer !== undefined && answer.waitMs > 0);
    assertGreaterOrEqual(answer.sentMs, before.doneMs);
  }
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
  assertEquals(answered(await post(client)).connectMs, null);
  nowMs += 4_000;
  assertEquals(answered(await post(client)).connectMs, 0);
  assertEquals(client.counters.idleRetired, 2);
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
  assertEquals(client.connections, { open: 3, idle: 3 });
  nowMs = 4_000;
  // One at each turn of its timer, which has the pace of the deadlines: here 1 ms.
  for (let i = 0; i < 10_000 && client.connections.open > 1; i++) {
    const answer = await client.send(request, { timeoutMs: 20 });
    assertEquals(answered(answer).connectMs, null);
  }
  assertEquals(client.connections, { open: 1, idle: 1 });
  assertEquals(client.counters.idleRetired, 2);
});

Deno.test("HttpClient.send() retries once on a new connection when a reused one is closed", async () => {
  await using server = startScriptedServer(steps(OK, null, OK));
  await using client = clientOf(server);
  const first = answered(await post(client));
  const second = answered(await post(client));
  assertEquals([decoder.decode(second.body), second.retries], ["ok", 1]);
  assert(second.connectMs !== null && second.sentMs > first.doneMs);
  assertEquals(client.counters.staleRetries, 1);
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
  await until(() => client.counters.idleClosed === 1);
  assertEquals(client.connections, { open: 0, idle: 0 });
  assertEquals(answered(await post(client)).retries, 0);
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient closes a connection whose answer says so, though the server does not", async () => {
  await using server = startScriptedServer(
    answerAll(httpAnswer("ok", { headers: "Connection: close\r\n" })),
  );
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(client.connections, { open: 0, idle: 0 });
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 2);
});

Deno.test("HttpClient never takes bytes of an idle connection for the next answer", async () => {
  await using server = startScriptedServer(async (connection) => {
    if (connection.index > 0) return await answerAll(OK)(connection);
    await connection.readRequest();
    await connection.write(OK);
    // Not before the first answer was taken as whole.
    await until(() => client.connections.idle === 1);
    await connection.write(httpAnswer("not yours"));
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "ok");
  await until(() => client.counters.unsolicited === 1);
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
  await using client = clientOf(server, { maxConnections: 1, now });
  const sending = [post(client, 60), post(client, 40)] as const;
  await until(() => server.requests.length === 1);
  nowMs = 45;
  const waiting = failed(await sending[1]);
  assertMatch(
    waiting.message,
    /within 40 ms: it still waited for a free connection$/,
  );
  assertEquals(waiting.waitMs, 45);
  nowMs = 60;
  const silent = failed(await sending[0]);
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
  // What was written lies in the socket; the client reads it in one of the next turns.
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  nowMs += 40;
  assertMatch(failed(await begun).message, /the answer had begun$/);
  assertEquals(stalled.connections.open, 0);

  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  await using deaf = startScriptedServer(() => hold);
  await using unheard = clientOf(deaf, { now });
  const large = unheard.encode("POST", "/", new Uint8Array(30_000_000));
  const writing = unheard.send(large, { timeoutMs: 40 });
  await until(() => unheard.connections.open === 1);
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
  await using client = clientOf(server, { maxConnections: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const request = client.encode("GET", "/");
  const send = (): Promise<HttpExchange> =>
    client.send(request, { timeoutMs: PATIENCE_MS, signal });
  const pending = [send(), send()];
  await until(() => client.connections.open === 1);
  controller.abort();
  const all = [...await Promise.all(pending), await send()];
  assertEquals(all.map((exchange) => failed(exchange).outcome), [
    "aborted",
    "aborted",
    "aborted",
  ]);
  assertEquals(client.connections.open, 0);
});

Deno.test("HttpClient.close() opens no connection for requests that wait", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  await using client = clientOf(server, { maxConnections: 1 });
  const pending = [post(client), post(client), post(client)];
  await until(() => client.connections.open === 1);
  client.close();
  const ended = await Promise.all(pending);
  assertEquals(ended.map((exchange) => failed(exchange).message), [
    "The client is closed",
    "The client is closed",
    "The client is closed",
  ]);
  await client[Symbol.asyncDispose]();
  assertEquals(client.counters.connectFailures, 0);
  assertEquals(server.connectionCount, 1);
});

Deno.test("HttpClient.send() gives up the place of a failed request to the next that waits", async () => {
  await using server = startScriptedServer(async (connection) => {
    if (connection.index > 0) return await answerAll(OK)(connection);
    await connection.readRequest();
  });
  await using client = clientOf(server, { maxConnections: 1 });
  const [first, second] = await Promise.all([post(client), post(client)]);
  assertEquals([failed(first).outcome, bodyText(second)], ["reset", "ok"]);
  assert(answered(second).waitMs > 0);
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
