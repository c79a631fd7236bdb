/**
 * A client for single requests to an endpoint, beside the load.
 *
 * @module
 */
import { createHttpClient, type HttpClient } from "../http/client.ts";
import type { Endpoint } from "./generator.ts";

/** Makes a client for an endpoint, with its headers, certificates and socket. */
export function createEndpointClient(
  endpoint: Endpoint,
  maxBodyBytes: number,
): HttpClient {
  return createHttpClient({
    url: new URL(endpoint.url),
    headers: endpoint.headers,
    caCerts: endpoint.caCerts,
    maxBodyBytes,
    ...(endpoint.unixSocketPath === null
      ? {}
      : { unixSocketPath: endpoint.unixSocketPath }),
  });
}
