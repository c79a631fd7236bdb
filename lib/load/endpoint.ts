/**
 * A client of an endpoint, with its headers, certificates and socket.
 *
 * @module
 */
import { createHttpClient, type HttpClient } from "../http/client.ts";
import type { Endpoint } from "./generator.ts";

/** Opening a connection takes no longer than this in milliseconds, and no longer than a request may take. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Makes a client for an endpoint whose requests have this deadline; a whole answer has at most 64 MiB unless told otherwise. */
export function createEndpointClient(
  { url, headers, caCerts, unixSocketPath }: Endpoint,
  { timeoutMs, maxBodyBytes }: {
    readonly timeoutMs: number;
    readonly maxBodyBytes?: number;
  },
): HttpClient {
  return createHttpClient({
    url: new URL(url),
    headers,
    caCerts,
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    ...(unixSocketPath === null ? {} : { unixSocketPath }),
  });
}
