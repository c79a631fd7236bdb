/**
 * What the tests of the HTTP client share: sending one small request, and looking at what came.
 *
 * @module
 */

import { assert, AssertionError } from "@std/assert";
import {
  createHttpClient,
  type HttpAnswer,
  type HttpClient,
  type HttpClientOptions,
  type HttpExchange,
  type HttpFailure,
} from "../../lib/http/client.ts";
import { httpAnswer, type ScriptedServer } from "./scripted_server.ts";

/** A whole answer with the body `ok`. */
export const OK: string = httpAnswer("ok");

/** A time limit far beyond what a test needs, in milliseconds; a test that hangs ends here. */
export const PATIENCE_MS = 120_000;

/** Makes a client of a scripted server; however long a busy machine takes, its idle connections stay in use. */
export function clientOf(
  server: ScriptedServer,
  options: Partial<HttpClientOptions> = {},
): HttpClient {
  return createHttpClient({
    url: server.url,
    idleLimitMs: Infinity,
    connectTimeoutMs: PATIENCE_MS,
    ...options,
  });
}

/** Sends a small request. */
export function post(
  client: HttpClient,
  timeoutMs: number = PATIENCE_MS,
): Promise<HttpExchange> {
  const body = new TextEncoder().encode("{}");
  return client.send(client.encode("POST", "/v1/score", body), { timeoutMs });
}

/** The answer; fails the test if there is none. */
export function answered(exchange: HttpExchange): HttpAnswer {
  // An exchange may hold a request of megabytes, so its message stands for it.
  if (exchange.kind === "answer") return exchange;
  throw new AssertionError(`no answer: ${exchange.message}`);
}

/** The failure; fails the test if there is none. */
export function failed(exchange: HttpExchange): HttpFailure {
  if (exchange.kind === "failure") return exchange;
  throw new AssertionError(`no failure: status ${exchange.status}`);
}

/** The body of the answer as text. */
export function bodyText(exchange: HttpExchange): string {
  return new TextDecoder().decode(answered(exchange).body);
}

/** Waits for something that the other side of a socket brings about. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!condition()) {
    assert(performance.now() < endMs, "the condition never came true");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
