/**
 * Serves a simulated engine over HTTP/1.1: real sockets, real time, and the faults that only a socket can have.
 *
 * node:http serves more than 10,000 of these requests a second on one core, and gives
 * hold of the socket of each request.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { clearImmediate, setImmediate } from "node:timers";
import type { Answer } from "./answers.ts";
import type { Engine, EngineReply } from "./engine.ts";
import type { EngineOptions } from "./options.ts";

/** What the thread that serves is told. */
export type SimulatorCommand =
  | {
    readonly kind: "serve";
    readonly engine: Readonly<Partial<EngineOptions>>;
    readonly hostname: string;
    /** Port to listen on, 0 for a free one. */
    readonly port: number;
    readonly logs: boolean;
  }
  | { readonly kind: "close" };

/** What the thread that serves tells. */
export type SimulatorNotice =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "log"; readonly text: string }
  | { readonly kind: "crashed" }
  | { readonly kind: "closed" };

/** A server that listens. */
export interface EngineServer {
  readonly port: number;
  /** Resolves when the simulated server has died of a lethal request or a fault. */
  readonly crashed: Promise<void>;
  /** Closes the port and all connections at once. */
  close(): Promise<void>;
}

/** uvicorn closes a connection that was idle for this long, in ms. */
const KEEP_ALIVE_MS = 5000;

/** node:http waits this much longer than it was told, in ms. */
const NODE_BUFFER_MS = 1000;

/** Larger bodies get 413; a real server has no limit, but this one shares the machine with its client. */
const MAX_BODY_BYTES = 64 * 2 ** 20;

/** `setTimeout` wakes 1 to 3 ms late, so it is left this long before the due time, in ms. */
const TIMER_MARGIN_MS = 3.2;

/** The last stretch is spent in a loop, in ms: short, so that arriving requests are not held up. */
const SPIN_MS = 0.05;

/**
 * Serves the engine.
 *
 * @param engine The engine; its virtual time becomes `performance.now()`.
 * @param address Where to listen; port 0 takes a free one.
 * @throws {Error} If the address cannot be listened on.
 */
export async function serveEngine(
  engine: Engine,
  address: { readonly hostname: string; readonly port: number },
): Promise<EngineServer> {
  const connections = new Connections(engine);
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS - NODE_BUFFER_MS },
    (request, response) => connections.take(request, response),
  );
  server.on("connection", (socket: Socket) => connections.add(socket));
  const closed = new Promise<void>((resolve) => server.on("close", resolve));
  const close = (): Promise<void> => {
    server.close();
    connections.destroy();
    return closed;
  };
  const crashed = connections.crashed.then(close);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.hostname, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { port, crashed, close };
}

/** The open sockets and unanswered requests of one server, and the one timer that answers them. */
class Connections {
  /** Resolves when the engine dies. */
  readonly crashed: Promise<void>;
  readonly #engine: Engine;
  readonly #sockets = new Set<Socket>();
  readonly #open = new Map<number, ServerResponse>();
  readonly #leak: Uint8Array[] = [];
  readonly #reportCrash: () => void;
  #leakBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #immediate: ReturnType<typeof setImmediate> | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.crashed = promise;
    this.#reportCrash = resolve;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    // A client that resets its connection is no concern of the server.
    socket.on("error", () => socket.destroy());
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else if (!response.headersSent) {
        response.writeHead(413, { "connection": "close" }).end();
        request.destroy();
      }
    });
    request.on("end", () => {
      if (bytes > MAX_BODY_BYTES) return;
      const body = Buffer.concat(chunks).toString("utf8");
      this.#handle(request, { response, body });
    });
  }

  destroy(): void {
    this.#disarm();
    this.#open.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  #handle(
    { method = "", url = "", headers }: IncomingMessage,
    { response, body }: { response: ServerResponse; body: string },
  ): void {
    const nowMs = performance.now();
    const ticket = this.#engine.handle({
      method,
      path: url.split("?")[0] ?? "",
      authorization: headers.authorization ?? null,
      contentType: headers["content-type"] ?? null,
      body,
      unixTimeSec: Date.now() / 1000,
    }, nowMs);
    this.#open.set(ticket, response);
    response.on("close", () => this.#open.delete(ticket));
    this.#leakUpTo(this.#engine.leakedBytes(nowMs));
    this.#pump();
  }

  /** Sends what is due and arranges to be called when the next reply is. */
  #pump(): void {
    this.#disarm();
    for (;;) {
      for (const { ticket, reply } of this.#engine.advance(performance.now())) {
        const response = this.#open.get(ticket);
        this.#open.delete(ticket);
        this.#send(reply, response);
      }
      const nextMs = this.#engine.nextEventMs;
      if (nextMs === null) return;
      const waitMs = nextMs - performance.now();
      if (waitMs > TIMER_MARGIN_MS) {
        this.#timer = setTimeout(() => this.#pump(), waitMs - TIMER_MARGIN_MS);
        return;
      }
      if (waitMs > SPIN_MS) {
        this.#immediate = setImmediate(() => this.#pump());
        return;
      }
      while (performance.now() < nextMs);
    }
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
  }

  #send(reply: EngineReply, response: ServerResponse | undefined): void {
    if (reply.kind === "crash") this.#reportCrash();
    else if (reply.kind === "reset") response?.socket?.destroy();
    else if (response !== undefined) sendAnswer(reply.answer, response);
  }

  #leakUpTo(bytes: number): void {
    const missing = bytes - this.#leakBytes;
    if (missing < 2 ** 16) return;
    // Filled, since the system hands out a page only when it is written to.
    this.#leak.push(new Uint8Array(missing).fill(1));
    this.#leakBytes = bytes;
  }
}

function sendAnswer(answer: Answer, response: ServerResponse): void {
  const { status, headers, delivery } = answer;
  const body = Buffer.from(answer.body);
  const common = { "server": "uvicorn", ...headers };
  // uvicorn sends neither `connection` nor `keep-alive`.
  response.removeHeader("connection");
  if (delivery === "endless") {
    response.writeHead(status, common);
    sendForever(body, response);
    return;
  }
  const whole = { ...common, "content-length": body.length };
  response.writeHead(status, whole);
  if (delivery === "whole") {
    response.end(body);
    return;
  }
  const part = body.subarray(0, Math.floor(body.length * delivery.cutAt));
  // Destroyed when the part has been written, or it would be lost.
  response.write(part, () => response.socket?.destroy());
}

function sendForever(body: Buffer, response: ServerResponse): void {
  const chunk = Buffer.alloc(Math.max(body.length, 65536), body);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", more);
  more();
}
