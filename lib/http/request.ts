/**
 * HTTP/1.1 requests as bytes, made before any clock starts.
 *
 * No message of this module holds the value of a header: keys travel in them.
 *
 * @module
 */

/** Visible ASCII but `#`: nothing that ends the request line, and no fragment. */
const PATH_REGEXP = /^\/[\x21\x22\x24-\x7e]*$/;
const HEADER_NAME_REGEXP = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HEADER_VALUE_REGEXP = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
/** What the transport itself decides; another value would break the framing or the route. */
const RESERVED_HEADERS: readonly string[] = [
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Writes one request as bytes; the path is appended to the base path of the URL. */
export type RequestEncoder = (
  method: "GET" | "POST",
  path: string,
  body?: Uint8Array,
) => Uint8Array;

/**
 * Makes the encoder of requests to one server.
 *
 * @param url The base URL, without user name, query and fragment.
 * @param headers Headers of every request; `content-type` is `application/json` unless given.
 * @throws {TypeError} If the URL has a part that cannot be sent, or a header is malformed, given
 * twice or reserved to the transport.
 */
export function createRequestEncoder(
  url: URL,
  headers: Readonly<Record<string, string>> = {},
): RequestEncoder {
  checkUrl(url);
  const fields = new Map([
    ["accept", "*/*"],
    ["accept-encoding", "identity"],
    ["user-agent", "scorebench"],
  ]);
  for (const [name, value] of checkedHeaders(headers)) fields.set(name, value);
  const basePath = url.pathname.replace(/\/+$/, "");
  const contentType = fields.get("content-type") ?? "application/json";
  fields.delete("content-type");
  const common = [["host", url.host], ...fields]
    .map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const encoder = new TextEncoder();

  return (method, path, body): Uint8Array => {
    if (!PATH_REGEXP.test(path)) {
      throw new TypeError(
        `Cannot encode request as path must start with / and hold visible ASCII without #: current value is ${
          JSON.stringify(path)
        }`,
      );
    }
    const line = `${method} ${basePath}${path} HTTP/1.1\r\n`;
    const entity = body === undefined
      ? method === "GET" ? "" : "content-length: 0\r\n"
      : `content-type: ${contentType}\r\ncontent-length: ${body.length}\r\n`;
    const head = encoder.encode(`${line}${common}${entity}\r\n`);
    if (body === undefined) return head;
    const request = new Uint8Array(head.length + body.length);
    request.set(head);
    request.set(body, head.length);
    return request;
  };
}

function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(
      `Cannot send requests as the URL must start with http: or https:: current value is ${
        JSON.stringify(url.protocol)
      }`,
    );
  }
  // The values are left out: a password or a key may be in them.
  if (url.username !== "" || url.password !== "") {
    throw new TypeError(
      "Cannot send requests as the URL holds a user name or a password: give an Authorization header instead",
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw new TypeError(
      "Cannot send requests as the URL holds a query or a fragment: give scheme, host, port and base path",
    );
  }
}

function checkedHeaders(
  headers: Readonly<Record<string, string>>,
): Map<string, string> {
  const checked = new Map<string, string>();
  for (const [givenName, value] of Object.entries(headers)) {
    // A malformed name is not shown: it may be a line that holds a key.
    if (!HEADER_NAME_REGEXP.test(givenName)) {
      throw new TypeError(
        "Cannot send header as its name must be an HTTP token, such as X-Team (RFC 9110, 5.6.2)",
      );
    }
    const name = givenName.toLowerCase();
    if (RESERVED_HEADERS.includes(name)) {
      throw new TypeError(
        `Cannot send header ${name} as the transport sets it`,
      );
    }
    if (checked.has(name)) {
      throw new TypeError(`Cannot send header ${name} as it is given twice`);
    }
    if (!HEADER_VALUE_REGEXP.test(value)) {
      throw new TypeError(
        `Cannot send header ${name} as its value must be visible ASCII, not empty, without blanks at its ends`,
      );
    }
    checked.set(name, value);
  }
  return checked;
}
