/**
 * Opens one connection to a server, over TCP, TLS or a Unix socket, and names why it failed.
 *
 * @module
 */
import { messageOf } from "../failure.ts";

/** Where connections go. */
export interface DialTarget {
  /** A name or an IP address, IPv6 without brackets. */
  hostname: string;
  /** The port, 1 to 65535. */
  port: number;
  protocol: "http" | "https";
  /** PEM texts of certificates that are trusted beside the system's. */
  caCerts: readonly string[];
  /** The path of a Unix socket that is used instead of host and port; null for TCP. */
  unixSocketPath: string | null;
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** What rustls and the system say, and what it means to a user; the first match counts. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [
    /certificate expired|CertExpired|\bExpired\b/i,
    "its certificate has expired",
  ],
  [/NotValidYet|not valid yet/i, "its certificate is not valid yet"],
  [
    /UnknownIssuer/,
    "its certificate is signed by an issuer that is not trusted; give the issuer with --ca-file",
  ],
  [
    /NotValidForName|not valid for name/,
    "its certificate is for another name",
  ],
  [
    /CaUsedAsEndEntity/,
    "its certificate is that of an issuer and cannot stand for a server (it needs basicConstraints=CA:FALSE)",
  ],
  [/invalid peer certificate/i, "its certificate was refused"],
  [
    /corrupt message|InvalidContentType|InvalidMessage/i,
    "the server does not speak TLS; try http://",
  ],
  [
    /fatal alert|HandshakeFailure|peer is incompatible/i,
    "the TLS handshake was refused",
  ],
  [
    /close_notify|unexpected (?:end of file|eof)|tls handshake eof/i,
    "the server closed the connection within the TLS handshake",
  ],
  [/refused/i, "connection refused"],
  [/lookup address|resolve|name or service/i, "the host name was not found"],
  [/unreachable|no route/i, "the host is unreachable"],
  [/timed out/i, "the connection attempt timed out"],
  [/too many open files/i, "this process has too many open files"],
];

/** Reads the target out of a URL; brackets of an IPv6 address are taken off. */
export function parseTarget(
  url: URL,
  options: { caCerts?: readonly string[]; unixSocketPath?: string } = {},
): DialTarget {
  const protocol = url.protocol === "https:" ? "https" : "http";
  const unixSocketPath = options.unixSocketPath ?? null;
  if (unixSocketPath !== null && protocol === "https") {
    throw new TypeError(
      "Cannot connect over a Unix socket as the URL starts with https: give an http: URL",
    );
  }
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? DEFAULT_PORTS[protocol] : Number(url.port),
    protocol,
    caCerts: options.caCerts ?? [],
    unixSocketPath,
  };
}

/** The target in messages: `host:port`, or the path of the socket. */
export function targetName(target: DialTarget): string {
  if (target.unixSocketPath !== null) return target.unixSocketPath;
  const { hostname, port } = target;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/**
 * Opens a connection, its TLS handshake included; nothing stays open if that fails.
 *
 * @param target Where to.
 * @param options `controller` ends the attempt from outside, and is used to end it after
 * `timeoutMs` milliseconds.
 * @throws {Error} If there is no connection; the message names the target and the cause.
 */
export async function dial(
  target: DialTarget,
  options: { controller: AbortController; timeoutMs: number },
): Promise<Deno.Conn> {
  const { controller, timeoutMs } = options;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
  }, timeoutMs);
  try {
    const stream = await openStream(target, controller.signal);
    if (!controller.signal.aborted) return stream;
    stream.close();
    throw new Error("the attempt was given up");
  } catch (error) {
    const cause = isLate
      ? `no connection within ${timeoutMs} ms`
      : dialCause(error);
    const message = `Cannot connect to ${targetName(target)}: ${cause}`;
    throw new Error(message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function openStream(
  target: DialTarget,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  const { hostname, port, unixSocketPath } = target;
  if (unixSocketPath !== null) {
    return await Deno.connect({ transport: "unix", path: unixSocketPath });
  }
  const tcp = await Deno.connect({ hostname, port, signal });
  tcp.setNoDelay(true);
  if (target.protocol === "http") return tcp;
  const tls = await Deno.startTls(tcp, {
    hostname,
    caCerts: [...target.caCerts],
  });
  const giveUp = (): void => tls.close();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await tls.handshake();
  } catch (error) {
    if (!signal.aborted) tls.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  return tls;
}

function dialCause(error: unknown): string {
  const text = messageOf(error);
  const cause = CAUSES.find(([pattern]) => pattern.test(text));
  return cause === undefined ? text : `${cause[1]} (${text})`;
}
