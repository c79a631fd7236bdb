/**
 * A server for tests that does on each connection exactly what a script says, byte by byte.
 *
 * ```ts
 * await using server = startScriptedServer(async (connection) => {
 *   await connection.readRequest();
 *   await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
 *   await connection.untilClosed();
 * });
 * const answer = await fetch(server.url);
 * ```
 *
 * A script is called once for each connection, with its index; when it returns, the connection is
 * closed. The helpers {@linkcode answerAll} and {@linkcode httpAnswer} cover the common cases.
 *
 * @module
 */

import { createServer, type Socket } from "node:net";

/** A request as it came. */
export interface ScriptedRequest {
  /** The index of its connection. */
  connectionIndex: number;
  /** Request line and header lines, without the empty line. */
  head: string;
  /** The body, by content-length. */
  body: Uint8Array;
}

/** What the server does on one connection. */
export type Script = (connection: ScriptedConnection) => Promise<void>;

/** How the server listens. */
export interface ScriptedServerOptions {
  /** PEM texts; with them the server speaks TLS. */
  tls?: { cert: string; key: string };
  /** The path of a Unix socket to listen on instead of 127.0.0.1. */
  unixSocketPath?: string;
}

/** What a closed or broken connection throws into a script; no fault of the test. */
const CONNECTION_ERRORS = [
  Deno.errors.BadResource,
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionAborted,
  Deno.errors.ConnectionReset,
  Deno.errors.Interrupted,
  Deno.errors.InvalidData,
  Deno.errors.NotConnected,
  Deno.errors.UnexpectedEof,
];

/** One connection, seen from the server. */
export class ScriptedConnection {
  /** 0 for the first connection of the server, and so on. */
  readonly index: number;
  /** The stream itself, for what has no helper. */
  readonly stream: Deno.Conn;
  readonly #requests: ScriptedRequest[];
  #unread: Uint8Array = new Uint8Array(0);

  /** Wraps an accepted stream; whole requests are added to `requests`. */
  constructor(
    stream: Deno.Conn,
    index: number,
    options: { requests: ScriptedRequest[] },
  ) {
    this.stream = stream;
    this.index = index;
    this.#requests = options.requests;
  }

  /** Reads one whole request; null if the client closes instead. */
  async readRequest(): Promise<ScriptedRequest | null> {
    let end = -1;
    while ((end = latin1(this.#unread).indexOf("\r\n\r\n")) < 0) {
      if (!await this.#readMore()) return null;
    }
    const head = latin1(this.#unread.subarray(0, end));
    const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const bodyStart = end + 4;
    while (this.#unread.length < bodyStart + length) {
      if (!await this.#readMore()) return null;
    }
    const body = this.#unread.slice(bodyStart, bodyStart + length);
    this.#unread = this.#unread.slice(bodyStart + length);
    const request = { connectionIndex: this.index, head, body };
    this.#requests.push(request);
    return request;
  }

  /** Writes all of a text (as UTF-8) or of bytes. */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encode(data) : data;
    for (let at = 0; at < bytes.length;) {
      at += await this.stream.write(bytes.subarray(at));
    }
  }

  /** Writes a byte at a time, and lets the client run after each. */
  async drip(data: string): Promise<void> {
    for (const byte of encode(data)) {
      await this.write(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Reads and drops everything until the client closes. */
  async untilClosed(): Promise<void> {
    while (await this.#readMore()) this.#unread = new Uint8Array(0);
  }

  /** Closes the connection now; what the system has taken is still sent. */
  close(): void {
    try {
      this.stream.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #readMore(): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    const readBytes = await this.stream.read(buffer);
    if (readBytes === null) return false;
    const all = new Uint8Array(this.#unread.length + readBytes);
    all.set(this.#unread);
    all.set(buffer.subarray(0, readBytes), this.#unread.length);
    this.#unread = all;
    return true;
  }
}

/** A listening server; disposing it closes every connection and rethrows what a script threw. */
export interface ScriptedServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/`, or `https:` with TLS; of no use with a Unix socket. */
  readonly url: URL;
  /** How many connections were accepted. */
  readonly connectionCount: number;
  /** How many of them neither side has been seen to close. */
  readonly openCount: number;
  /** Every request that was read whole, in order. */
  readonly requests: readonly ScriptedRequest[];
  /** Stops to listen; open connections go on. */
  stopListening(): void;
}

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param script What to do on each connection.
 */
export function startScriptedServer(
  script: Script,
  options: ScriptedServerOptions = {},
): ScriptedServer {
  const listener = listen(options);
  const requests: ScriptedRequest[] = [];
  const connections: ScriptedConnection[] = [];
  const running: Promise<void>[] = [];
  const errors: unknown[] = [];

  const run = async (connection: ScriptedConnection): Promise<void> => {
    try {
      await script(connection);
    } catch (error) {
      if (!CONNECTION_ERRORS.some((kind) => error instanceof kind)) {
        errors.push(error);
      }
    } finally {
      connection.close();
      openCount--;
    }
  };
  let openCount = 0;
  const accepting = (async (): Promise<void> => {
    try {
      for await (const stream of listener) {
        const index = connections.length;
        const connection = new ScriptedConnection(stream, index, { requests });
        connections.push(connection);
        openCount++;
        running.push(run(connection));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) errors.push(error);
    }
  })();

  let isListening = true;
  const stopListening = (): void => {
    if (isListening) listener.close();
    isListening = false;
  };
  const { addr } = listener;
  const port = "port" in addr ? addr.port : 0;
  const scheme = options.tls === undefined ? "http" : "https";
  return {
    url: new URL(`${scheme}://127.0.0.1:${port}/`),
    requests,
    get connectionCount() {
      return connections.length;
    },
    get openCount() {
      return openCount;
    },
    stopListening,
    async [Symbol.asyncDispose]() {
      stopListening();
      for (const connection of connections) connection.close();
      await Promise.all([accepting, ...running]);
      if (errors.length > 0) throw errors[0];
    },
  };
}

/**
 * Starts a server that answers its first requests and resets the connection of every later one.
 *
 * It is made with `node:net`, since closing a `Deno.Conn` sends an orderly end before any reset.
 *
 * @param answers The answer to the first request, the second, and so on, on whatever connection;
 * each request must be small enough to come in one packet.
 */
export async function startResettingServer(
  answers: readonly string[],
): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    const connectionIndex = connectionCount++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      const answer = answers[requests.length];
      const [head = "", body = ""] = latin1(data).split("\r\n\r\n");
      requests.push({ connectionIndex, head, body: encode(body) });
      if (answer === undefined) socket.resetAndDestroy();
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object"
    ? address.port
    : 0;
  const closed = new Promise<void>((resolve) => server.on("close", resolve));
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    requests,
    get connectionCount() {
      return connectionCount;
    },
    get openCount() {
      return [...sockets].filter(({ destroyed }) => !destroyed).length;
    },
    stopListening: () => server.close(),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A script that gives the same answer to every request until the client closes. */
export function answerAll(answer: string | Uint8Array): Script {
  return async (connection) => {
    while (await connection.readRequest() !== null) {
      await connection.write(answer);
    }
  };
}

/** The text of an answer with a content-length. */
export function httpAnswer(
  body: string,
  options: { status?: string; headers?: string } = {},
): string {
  const { status = "200 OK", headers = "" } = options;
  const bodyBytes = encode(body).length;
  return `HTTP/1.1 ${status}\r\n${headers}content-length: ${bodyBytes}\r\n` +
    `content-type: application/json\r\n\r\n${body}`;
}

function listen(options: ScriptedServerOptions): Deno.Listener {
  const { tls, unixSocketPath } = options;
  if (unixSocketPath !== undefined) {
    return Deno.listen({ transport: "unix", path: unixSocketPath });
  }
  const address = { hostname: "127.0.0.1", port: 0 };
  return tls === undefined
    ? Deno.listen(address)
    : Deno.listenTls({ ...address, cert: tls.cert, key: tls.key });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
