import {
  assertEquals,
  assertFalse,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createHttpClient } from "../../lib/http/client.ts";
import { parseTarget, targetName } from "../../lib/http/dial.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

Deno.test("HttpClient.encode() writes the request byte by byte as RFC 9112 has it", async () => {
  await using client = createHttpClient({
    url: new URL("http://gate.example:8080/base/"),
    headers: { "Authorization": "Bearer KEY", "X-Team": "a b" },
  });
  assertEquals(
    decoder.decode(client.encode("POST", "/v1/score", encoder.encode("{}"))),
    "POST /base/v1/score HTTP/1.1\r\nhost: gate.example:8080\r\naccept: */*\r\n" +
      "accept-encoding: identity\r\nuser-agent: scorebench\r\n" +
      "authorization: Bearer KEY\r\nx-team: a b\r\n" +
      "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
  );
  assertEquals(
    decoder.decode(client.encode("GET", "/health")),
    "GET /base/health HTTP/1.1\r\nhost: gate.example:8080\r\naccept: */*\r\n" +
      "accept-encoding: identity\r\nuser-agent: scorebench\r\n" +
      "authorization: Bearer KEY\r\nx-team: a b\r\n\r\n",
  );
  assertStringIncludes(
    decoder.decode(client.encode("POST", "/flush_cache")),
    "\r\ncontent-length: 0\r\n",
  );
  for (const path of ["v1", "/a b", "/a\r\nx: y", "/#a", "/\u00e9"]) {
    assertThrows(
      () => client.encode("GET", path),
      TypeError,
      "path must start",
    );
  }
});

Deno.test("createHttpClient() names host and port of the URL, IPv6 included", async () => {
  await using client = createHttpClient({ url: new URL("http://[::1]:81") });
  assertStringIncludes(
    decoder.decode(client.encode("GET", "/")),
    "\r\nhost: [::1]:81\r\n",
  );
  const target = parseTarget(new URL("https://[2001:db8::1]/"));
  assertEquals([target.hostname, target.port], ["2001:db8::1", 443]);
  assertEquals(targetName(target), "[2001:db8::1]:443");
});

Deno.test("createHttpClient() refuses unusable options, and never shows a header value", () => {
  const url = new URL("http://127.0.0.1:9");
  const secret = "s3cret-key";
  const bad: readonly [Record<string, string>, string][] = [
    [
      { "X-A": `${secret}\r\nx: y` },
      "Cannot send header x-a as its value must",
    ],
    [{ "X-A": ` ${secret}` }, "Cannot send header x-a as its value must"],
    [{ "X-A": "" }, "Cannot send header x-a as its value must"],
    [{ "X-A": `${secret}\u00e9` }, "Cannot send header x-a as its value must"],
    [{ [`Authorization: ${secret}`]: "x" }, "its name must be an HTTP token"],
    [{ "Host": secret }, "Cannot send header host as the transport sets it"],
    [{ "Content-Length": "1" }, "header content-length as the transport"],
    [{ "transfer-encoding": "x" }, "header transfer-encoding as the transport"],
    [{ "CONNECTION": "close" }, "header connection as the transport sets it"],
    [{ "X-A": secret, "x-a": secret }, "header x-a as it is given twice"],
  ];
  for (const [headers, message] of bad) {
    const error = assertThrows(
      () => createHttpClient({ url, headers }),
      TypeError,
      message,
    );
    assertFalse(String(error).includes(secret));
  }
  for (
    const href of [
      "ftp://127.0.0.1/",
      `http://user:${secret}@127.0.0.1/`,
      `http://127.0.0.1/?key=${secret}`,
    ]
  ) {
    const error = assertThrows(
      () => createHttpClient({ url: new URL(href) }),
      TypeError,
      "Cannot send requests as the URL",
    );
    assertFalse(String(error).includes(secret));
  }
  assertThrows(
    () => createHttpClient({ url, maxBodyBytes: 0 }),
    RangeError,
    "maxBodyBytes must be above 0: current value is 0",
  );
});
