import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { createHttpClient } from "../../lib/http/client.ts";
import { dial, parseTarget } from "../../lib/http/dial.ts";
import {
  bodyText,
  clientOf,
  failed,
  OK,
  PATIENCE_MS,
  post,
  until,
} from "../support/client_probe.ts";
import { answerAll, startScriptedServer } from "../support/scripted_server.ts";

Deno.test("HttpClient.send() names a refused connection and a missing host", async () => {
  // Nothing listens there; the system gives such a port to nobody.
  await using client = createHttpClient({ url: new URL("http://127.0.0.1:1") });
  const failure = failed(await post(client));
  assertEquals([failure.outcome, failure.retries], ["connect", 0]);
  assertMatch(
    failure.message,
    /^Cannot connect to 127\.0\.0\.1:\d+: connection refused \(/,
  );
  await client.open(2);
});

const TLS_FOLDER = new URL("../testdata/tls/", import.meta.url);
const pem = (name: string): string =>
  Deno.readTextFileSync(new URL(name, TLS_FOLDER));

Deno.test("HttpClient.send() speaks TLS to a server whose issuer is given", async () => {
  const tls = { cert: pem("server.pem"), key: pem("server.key") };
  await using server = startScriptedServer(answerAll(OK), { tls });
  await using client = clientOf(server, { caCerts: [pem("ca.pem")] });
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(bodyText(await post(client)), "ok");
  assertEquals(server.connectionCount, 1);
});

Deno.test("HttpClient.send() names the cause of a TLS failure", async () => {
  const causes: readonly [string, string[], RegExp][] = [
    ["server.pem", [], /an issuer that is not trusted; give .* --ca-file/],
    ["other_name.pem", [pem("ca.pem")], /its certificate is for another name/],
    ["expired.pem", [pem("ca.pem")], /its certificate has expired/],
  ];
  for (const [cert, caCerts, message] of causes) {
    const tls = { cert: pem(cert), key: pem("server.key") };
    await using server = startScriptedServer(answerAll(OK), { tls });
    await using client = clientOf(server, { caCerts });
    const failure = failed(await post(client));
    assertEquals(failure.outcome, "connect");
    assertMatch(failure.message, message);
  }
  await using plain = startScriptedServer(async (connection) => {
    await connection.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    await connection.untilClosed();
  });
  await using client = createHttpClient({
    url: new URL(plain.url.href.replace("http:", "https:")),
  });
  assertMatch(
    failed(await post(client)).message,
    /^Cannot connect to 127\.0\.0\.1:\d+: the server does not speak TLS; try http:\/\//,
  );
});

Deno.test("createHttpClient() refuses TLS over a Unix socket", () => {
  assertThrows(
    () =>
      createHttpClient({
        url: new URL("https://a/"),
        unixSocketPath: "/nowhere.sock",
      }),
    TypeError,
    "Cannot connect over a Unix socket as the URL starts with https:",
  );
});

Deno.test("dial() leaves nothing open when it is given up", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  const controller = new AbortController();
  const target = parseTarget(
    new URL(server.url.href.replace("http:", "https:")),
  );
  const dialing = dial(target, { controller, timeoutMs: PATIENCE_MS });
  await until(() => server.connectionCount === 1);
  controller.abort();
  await assertRejects(() => dialing, Error, "Cannot connect to 127.0.0.1");
});

Deno.test("HttpClient.close() ends the opening of connections", async () => {
  await using server = startScriptedServer((connection) =>
    connection.untilClosed()
  );
  await using client = createHttpClient({
    url: new URL(server.url.href.replace("http:", "https:")),
    connectTimeoutMs: 1e9,
  });
  const opening = client.open(1);
  await until(() => server.connectionCount === 1);
  client.close();
  await opening;
  assertEquals(failed(await post(client)).message, "The client is closed");
});
