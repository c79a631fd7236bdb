/**
 * Asks a server what it is: its model, data type, version, accelerator and launch arguments.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import type { HttpClient } from "../http/client.ts";
import { parseObject } from "../json.ts";
import { createEndpointClient } from "../load/endpoint.ts";
import type { Endpoint } from "../load/generator.ts";
import type { ServerRecord } from "../record/run.ts";
import { quoteBody } from "../score/answer.ts";
import { createRedactor, redactJson, type Redactor } from "../secret.ts";
import { detectHardware } from "./environment.ts";

/** What asking needs. */
export interface IdentifyOptions {
  /** The deadline of a request, in milliseconds; an information request waits no longer. @default {10_000} */
  readonly timeoutMs?: number;
  /** The key for the server, or null. */
  readonly apiKey: string | null;
  /** The accelerator by the user's word, or null to look for it. */
  readonly hardware: string | null;
  readonly signal: AbortSignal;
}

/** A model and a data type, as they are asked for. */
export interface Wanted {
  readonly model: string;
  readonly dtype: string;
}

/** Stands where neither the server nor the user says. */
export const UNKNOWN = "unknown";

/** What a simulated engine calls its device; its numbers never go under a real model's name. */
export const SIMULATED = "simulated";

/** How long an information request may take at most, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;

/** A longer name of a model or a data type is cut. */
const MAX_NAME_LENGTH = 2_000;

/** An information answer is at most this long; the queue that it lists is bounded by it too. */
const MAX_INFO_BYTES = 8 * 1024 * 1024;

function probeTimeoutMs({ timeoutMs }: IdentifyOptions): number {
  return Math.min(timeoutMs ?? PROBE_TIMEOUT_MS, PROBE_TIMEOUT_MS);
}

function clientOf(endpoint: Endpoint, options: IdentifyOptions): HttpClient {
  return createEndpointClient(endpoint, {
    timeoutMs: probeTimeoutMs(options),
    maxBodyBytes: MAX_INFO_BYTES,
  });
}

/** A server is up when it answers /health with anything but 503; one without /health answers 404. */
export async function isReady(
  endpoint: Endpoint,
  options: IdentifyOptions,
): Promise<boolean> {
  await using client = clientOf(endpoint, options);
  const exchange = await client.send(client.encode("GET", "/health"), {
    timeoutMs: probeTimeoutMs(options),
    signal: options.signal,
  });
  return exchange.kind === "answer" && exchange.status !== 503;
}

/** Asks a server what it is; what it does not tell is taken from the user, or unknown. */
export async function identify(
  endpoint: Endpoint,
  options: IdentifyOptions,
  wanted: Wanted,
): Promise<ServerRecord> {
  const redact = createRedactor(endpoint.secrets);
  await using client = clientOf(endpoint, options);
  const look = (paths: readonly string[]) =>
    lookUp(client, paths, { endpoint, redact, options });
  const server = await look(["/get_server_info", "/server_info"]);
  const model = await look(["/get_model_info", "/model_info"]);
  const info = server === null
    ? null
    : redactJson(server, redact) as Record<string, unknown>;
  const isLocal = endpoint.unixSocketPath !== null ||
    isLoopback(new URL(endpoint.url).hostname);
  const told = (name: string) =>
    textOf(server?.[name]) ?? textOf(model?.[name]);
  const dtype = told("dtype");
  const version = told("version");
  const name = told("served_model_name") ?? told("model_path") ?? wanted.model;
  return {
    model: nameOf(
      server?.["device"] === SIMULATED && !name.startsWith(SIMULATED)
        ? `${SIMULATED}/${name}`
        : name,
      options,
    ),
    // "auto" is what the server was started with, not what it runs; the user may know.
    dtype: nameOf(
      dtype === null || (dtype === "auto" && wanted.dtype !== UNKNOWN)
        ? wanted.dtype
        : dtype,
      options,
    ),
    tpSize: numberOf(server?.["tp_size"]),
    version: version === null ? null : String(redactJson(version, redact)),
    hardware: options.hardware ??
      await detectHardware(info, isLocal) ?? UNKNOWN,
    info,
    ...versionsIn(info),
  };
}

/** What a server runs on, by the names that it may give it. */
const VERSION_NAMES = ["jax", "jaxlib", "libtpu", "torch", "python"];

function versionsIn(
  info: Readonly<Record<string, unknown>> | null,
): Pick<ServerRecord, "versions"> {
  const versions = Object.fromEntries(
    VERSION_NAMES.flatMap((name) => {
      const told = textOf(info?.[`${name}_version`]);
      return told === null ? [] : [[name, told]];
    }),
  );
  return Object.keys(versions).length === 0 ? {} : { versions };
}

/** A model or a data type names cells, so nothing in it is replaced: two models must not become one. */
function nameOf(name: string, { apiKey }: IdentifyOptions): string {
  if (apiKey !== null && apiKey !== "" && name.includes(apiKey)) {
    throw new MeasureError(
      "Cannot name the cells as the model or the data type of the server contains the API key, which is never stored: give the server another key, or another --served-model-name",
    );
  }
  return name.slice(0, MAX_NAME_LENGTH);
}

/** Asks the paths in turn until one answers with a JSON object; null when none does. */
async function lookUp(
  client: HttpClient,
  paths: readonly string[],
  context: {
    readonly endpoint: Endpoint;
    readonly redact: Redactor;
    readonly options: IdentifyOptions;
  },
): Promise<Record<string, unknown> | null> {
  const { endpoint, redact, options } = context;
  for (const path of paths) {
    const exchange = await client.send(client.encode("GET", path), {
      timeoutMs: probeTimeoutMs(options),
      signal: options.signal,
    });
    if (exchange.kind === "failure") {
      if (exchange.outcome !== "connect") continue;
      throw new MeasureError(
        `Cannot reach ${endpoint.url}: ${
          redact(exchange.message)
        }. Check that the server is up (a TPU server keeps its port closed while it compiles)`,
      );
    }
    if (exchange.status === 401 || exchange.status === 403) {
      // A gateway may take its key from a header of any name.
      const isSent = Object.keys(endpoint.headers).length > 0;
      throw new MeasureError(
        `Cannot measure ${endpoint.url}: it ${
          isSent ? "refuses the key" : "asks for a key, and none was sent,"
        } with status ${exchange.status} (${
          quoteBody(exchange.body, redact)
        }). Set SCORE_API_KEY or --api-key-file (SCORE_COMPARE_API_KEY for a --compare-url on another host)`,
      );
    }
    const value = exchange.status === 200
      ? parseObject(new TextDecoder().decode(exchange.body))
      : null;
    if (value !== null) return value;
  }
  return null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
