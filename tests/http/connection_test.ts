import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertStringIncludes,
} from "@std/assert";
import {
  answered,
  bodyText,
  clientOf,
  failed,
  OK,
  post,
  until,
} from "../support/client_probe.ts";
import {
  answerAll,
  httpAnswer,
  type Script,
  startScriptedServer,
} from "../support/scripted_server.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
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

Deno.test("HttpClient.send() takes a status other than 200 and a redirect as answers", async () => {
  const moved = httpAnswer("", {
    status: "307 Temporary Redirect",
    headers: "location: http://127.0.0.1:1/\r\n",
  });
  await using server = startScriptedServer(
    steps(moved, httpAnswer("full", { status: "503 Service Unavailable" })),
  );
  await using client = clientOf(server);
  assertEquals(answered(await post(client)).status, 307);
  assertEquals(answered(await post(client)).status, 503);
  assertEquals(server.connectionCount, 1);
});

Deno.test("HttpClient.send() refuses two answers in one piece", async () => {
  await using server = startScriptedServer(answerAll(OK + OK));
  await using client = clientOf(server);
  const failure = failed(await post(client));
  assertEquals(failure.outcome, "protocol");
  assertEquals(
    failure.message,
    `${OK.length} bytes follow the end of the answer`,
  );
  await until(() => server.openCount === 0);
});

Deno.test("HttpClient.send() refuses a body after a status that has none", async () => {
  const noContent = "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok";
  await using server = startScriptedServer(
    steps(noContent, noContent.replace("204", "304")),
  );
  await using client = clientOf(server);
  assertEquals(failed(await post(client)).outcome, "protocol");
  assertEquals(failed(await post(client)).outcome, "protocol");
});

Deno.test("HttpClient.send() passes over 100 Continue and reads an answer a byte at a time", async () => {
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\ntrailer: 1\r\n\r\n";
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.drip(`HTTP/1.1 100 Continue\r\n\r\n${OK}`);
    await connection.readRequest();
    await connection.drip(chunked);
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(bodyText(await post(client)), "abcde");
  assertEquals(server.connectionCount, 1);
});

Deno.test("HttpClient.send() reads a body that ends with the connection, half-closed or closed", async () => {
  const untilClose = "HTTP/1.0 200 OK\r\n\r\nall of it";
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(connection.index === 0 ? untilClose : OK);
    await connection.stream.closeWrite();
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  assertEquals(bodyText(await post(client)), "all of it");
  await until(() => server.openCount === 0);
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(bodyText(await post(client)), "ok");
  assertGreaterOrEqual(server.connectionCount, 3);
});

Deno.test("HttpClient.send() ends as truncated when the connection ends in the answer", async () => {
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write(httpAnswer("0123456789").slice(0, -5));
  });
  await using client = clientOf(server);
  const failure = failed(await post(client));
  assertEquals(failure.outcome, "truncated");
  assertEquals(
    failure.message,
    "The server closed the connection within the answer",
  );
});

Deno.test("HttpClient.send() ends as too-large when a body never ends", async () => {
  await using server = startScriptedServer(async (connection) => {
    await connection.readRequest();
    await connection.write("HTTP/1.1 200 OK\r\n\r\n");
    for (;;) await connection.write(new Uint8Array(10_000));
  });
  await using client = clientOf(server, { maxBodyBytes: 1_000_000 });
  const failure = failed(await post(client));
  assertEquals(failure.outcome, "too-large");
  assertEquals(
    failure.message,
    "The answer is refused: the body is above 1000000 bytes",
  );
});

Deno.test("HttpClient.send() writes a large request whole and reads a large answer whole", async () => {
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251);
  await using server = startScriptedServer(async (connection) => {
    const request = await connection.readRequest();
    await connection.write(
      `HTTP/1.1 200 OK\r\ncontent-length: ${request?.body.length}\r\n\r\n`,
    );
    await connection.write(request?.body ?? "");
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  const request = client.encode("POST", "/echo", bytes);
  const answer = answered(await client.send(request, { timeoutMs: 60_000 }));
  assertEquals(answer.body.length, bytes.length);
  assert(answer.body.every((byte, index) => byte === bytes[index]));
});

Deno.test("HttpClient.send() takes an answer that comes before the request was read", async () => {
  const early = httpAnswer("too much", { status: "413 Content Too Large" });
  await using server = startScriptedServer(async (connection) => {
    if (connection.index > 0) return await answerAll(OK)(connection);
    await connection.write(early);
    await connection.untilClosed();
  });
  await using client = clientOf(server);
  const request = client.encode("POST", "/", new Uint8Array(30_000_000));
  const answer = answered(await client.send(request, { timeoutMs: 60_000 }));
  assertEquals([answer.status, decoder.decode(answer.body)], [413, "too much"]);
  // The rest of the request would be read as the next one.
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 2);
});

async function compressed(
  data: Uint8Array<ArrayBuffer>,
  coding: "gzip" | "deflate",
): Promise<Uint8Array> {
  const stream = new Blob([data]).stream()
    .pipeThrough(new CompressionStream(coding));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function codedAnswer(body: Uint8Array, coding: string): Uint8Array {
  const head = encoder.encode(
    `HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  return new Uint8Array([...head, ...body]);
}

Deno.test("HttpClient.send() decodes gzip and deflate within maxBodyBytes", async () => {
  const zeros = new Uint8Array(5_000_000);
  const bomb = await compressed(zeros, "gzip");
  const zipped = await compressed(encoder.encode("scores"), "gzip");
  const broken = zipped.slice(0, -3);
  const deflated = await compressed(encoder.encode("scores"), "deflate");
  const answers = [
    codedAnswer(zipped, "gzip"),
    codedAnswer(deflated, "deflate"),
    codedAnswer(bomb, "gzip"),
    codedAnswer(broken, "gzip"),
    codedAnswer(zipped, "br"),
  ];
  await using server = startScriptedServer(async (connection) => {
    while (await connection.readRequest() !== null) {
      await connection.write(answers[server.requests.length - 1] ?? OK);
    }
  });
  await using client = clientOf(server, { maxBodyBytes: 1_000_000 });
  assertEquals(bodyText(await post(client)), "scores");
  assertEquals(bodyText(await post(client)), "scores");
  const bombed = failed(await post(client));
  assertEquals(bombed.outcome, "too-large");
  assertEquals(
    bombed.message,
    "Cannot decode the body as it is above 1000000 bytes",
  );
  assertEquals(failed(await post(client)).outcome, "protocol");
  const unknown = failed(await post(client));
  assertEquals(unknown.outcome, "protocol");
  assertStringIncludes(unknown.message, 'content-encoding is "br"');
});
