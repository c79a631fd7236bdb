/**
 * What is measured: a server at a URL, a server that is launched, or the simulated engine.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import type { HttpClient } from "../http/client.ts";
import { createEndpointClient } from "../load/endpoint.ts";
import { parseObject } from "../json.ts";
import { within } from "../load/clock.ts";
import type { Endpoint } from "../load/generator.ts";
import type { ServerRecord, TargetKind } from "../record/run.ts";
import { quoteBody } from "../score/answer.ts";
import {
  argumentSecrets,
  createRedactor,
  headerSecrets,
  hideKeys,
  redactJson,
  type Redactor,
} from "../secret.ts";
import { hash32 } from "../stats/rng.ts";
import { detectHardware } from "./environment.ts";
import { launchServer, launchWords } from "./launch.ts";
import { startSimulator } from "../simulator/start.ts";
import { isAllowed } from "./permission.ts";

/** An open target; disposing closes what was started for it. */
export interface Target extends AsyncDisposable {
  readonly kind: TargetKind;
  readonly endpoint: Endpoint;
  /** What the server says of itself; its model and dtype name the cells. */
  readonly server: ServerRecord;
  /** Asks the server again what it is, since it may have been replaced. */
  readonly identify: () => Promise<ServerRecord>;
  /**
   * Why it is no longer there, in words with the end of its log, or null while it is or when that
   * cannot be known. Ask when connections were lost: it waits a little for a process that is ending.
   */
  readonly death: () => Promise<string | null>;
  /** What was started for it; absent for a URL. */
  readonly started?: StartedServer;
}

/** A server that was started here. */
export interface StartedServer {
  /** Its process, with all its children; null where it is a thread of this process. */
  readonly pid: number | null;
  readonly kill: () => Promise<void>;
}

/** Which target to open. */
export interface TargetOptions {
  /** The URL to measure, or null. */
  readonly url: string | null;
  /** The command to launch, or null; without a URL and a command the engine is simulated. */
  readonly launch: string | null;
  /** How long a launched server may take to answer, in milliseconds. */
  readonly launchTimeoutMs: number;
  /** The deadline of a request, in milliseconds; an information request waits no longer. @default {10_000} */
  readonly timeoutMs?: number;
  /** Where the log of a launched server goes; its folder exists. */
  readonly logPath: (model: string, dtype: string) => string;
  /** The key for the server, or null. */
  readonly apiKey: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates to trust beside the system's, as PEM texts. */
  readonly caCerts: readonly string[];
  /** A Unix socket to connect to, or null. */
  readonly unixSocketPath: string | null;
  /** The accelerator by the user's word, or null to look for it. */
  readonly hardware: string | null;
  readonly seed: string;
  /** Hears what the tool is waiting for. */
  readonly onWaiting: (what: string) => void;
  /** Hears what people must know though the run goes on: a line without secrets. */
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
  /** Cuts the time short that a launched server has to end by itself. */
  readonly urgent: AbortSignal;
}

/** A model and a data type, as they are asked for. */
export interface Wanted {
  readonly model: string;
  readonly dtype: string;
}

/** Stands where neither the server nor the user says. */
export const UNKNOWN = "unknown";

/** What a simulated engine calls its device; its numbers never go under a real model's name. */
const SIMULATED = "simulated";

/** How long an information request may take at most, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;

/** How long after the loss of a connection the end of a process may be noticed, in milliseconds; its log has 2 s of it. */
const DEATH_NOTICE_MS = 3_000;

/** A longer name of a model or a data type is cut. */
const MAX_NAME_LENGTH = 2_000;

/** An information answer is at most this long; the queue that it lists is bounded by it too. */
const MAX_INFO_BYTES = 8 * 1024 * 1024;

/**
 * Opens a target.
 *
 * On a URL the server decides what it serves: `wanted` names only what it does not tell.
 *
 * @throws {MeasureError} If it cannot be reached, refuses the key, or does not start.
 */
export async function openTarget(
  options: TargetOptions,
  wanted: Wanted,
): Promise<Target> {
  if (options.url !== null) return openUrl(options, options.url, wanted);
  if (!await isAllowed("127.0.0.1")) {
    throw new MeasureError(
      "Cannot start a server on 127.0.0.1: Deno was not allowed to use it. Add --allow-net=127.0.0.1 to the deno command",
    );
  }
  if (options.launch !== null) {
    return openLaunched(options, options.launch, wanted);
  }
  return openSimulated(options, wanted);
}

async function openUrl(
  options: TargetOptions,
  url: string,
  wanted: Wanted,
): Promise<Target> {
  return {
    ...await meet("url", endpointOf(options, url), options, wanted),
    death: () => Promise.resolve(null),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Asks a server that is there what it is. */
async function meet(
  kind: TargetKind,
  endpoint: Endpoint,
  options: TargetOptions,
  wanted: Wanted,
): Promise<Pick<Target, "kind" | "endpoint" | "server" | "identify">> {
  const ask = () => identify(endpoint, options, wanted);
  return { kind, endpoint, server: await ask(), identify: ask };
}

async function openLaunched(
  options: TargetOptions,
  command: string,
  wanted: Wanted,
): Promise<Target> {
  const redact = createRedactor(secretsOf(options));
  const launched = await launchServer({
    command,
    ...wanted,
    logPath: options.logPath(wanted.model, wanted.dtype),
    launchTimeoutMs: options.launchTimeoutMs,
    // The server may print keys that it has from elsewhere; those are known by their names alone.
    redact: (text) => hideKeys(redact(text)),
    warn: options.warn,
    onWaiting: (waitedMs) =>
      options.onWaiting(
        `waiting for the server of ${wanted.model} (${wanted.dtype}), ${
          Math.round(waitedMs / 1000)
        } s of at most ${options.launchTimeoutMs / 1000} s`,
      ),
    signal: options.signal,
    urgent: options.urgent,
    isReady: (url) => isReady(endpointOf(options, url), options),
  });
  try {
    const endpoint = endpointOf(options, launched.url);
    return {
      ...await meet("launched", endpoint, options, wanted),
      death: async () => {
        const exit = await within(launched.ended, DEATH_NOTICE_MS);
        return exit === null
          ? null
          : `the launched server died: ${exit}; its log ends with:\n${await launched
            .lastLines()}`;
      },
      started: { pid: launched.pid, kill: launched.kill },
      [Symbol.asyncDispose]: () => launched[Symbol.asyncDispose](),
    };
  } catch (error) {
    await launched[Symbol.asyncDispose]();
    throw error;
  }
}

async function openSimulated(
  options: TargetOptions,
  wanted: Wanted,
): Promise<Target> {
  const simulator = await startSimulator({
    modelPath: `${SIMULATED}/${wanted.model}`,
    dtype: wanted.dtype,
    apiKey: options.apiKey,
    seed: hash32(options.seed),
  });
  const endpoint = endpointOf(
    { ...options, unixSocketPath: null },
    simulator.url,
  );
  return {
    ...await meet("simulated", endpoint, options, wanted),
    death: async () => {
      const exit = await within(simulator.ended, DEATH_NOTICE_MS);
      return exit === null ? null : `the simulated engine ${exit}`;
    },
    started: {
      pid: null,
      kill: async () => await simulator[Symbol.asyncDispose](),
    },
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}

function endpointOf(options: TargetOptions, url: string): Endpoint {
  const { apiKey, headers, caCerts, unixSocketPath } = options;
  return {
    url,
    headers: apiKey === null
      ? headers
      : { "Authorization": `Bearer ${apiKey}`, ...headers },
    caCerts,
    unixSocketPath,
    secrets: secretsOf(options),
  };
}

function secretsOf({ apiKey, headers, launch }: TargetOptions): string[] {
  const words = launch === null
    ? []
    : launchWords(launch, { model: "", dtype: "", port: "" });
  return [apiKey ?? "", ...headerSecrets(headers), ...argumentSecrets(words)];
}

function probeTimeoutMs({ timeoutMs }: TargetOptions): number {
  return Math.min(timeoutMs ?? PROBE_TIMEOUT_MS, PROBE_TIMEOUT_MS);
}

function clientOf(endpoint: Endpoint): HttpClient {
  return createEndpointClient(endpoint, {
    timeoutMs: PROBE_TIMEOUT_MS,
    maxBodyBytes: MAX_INFO_BYTES,
  });
}

/** A server is up when it answers /health with anything but 503; one without /health answers 404. */
async function isReady(
  endpoint: Endpoint,
  options: TargetOptions,
): Promise<boolean> {
  await using client = clientOf(endpoint);
  const exchange = await client.send(client.encode("GET", "/health"), {
    timeoutMs: probeTimeoutMs(options),
    signal: options.signal,
  });
  return exchange.kind === "answer" && exchange.status !== 503;
}

async function identify(
  endpoint: Endpoint,
  options: TargetOptions,
  wanted: Wanted,
): Promise<ServerRecord> {
  const redact = createRedactor(endpoint.secrets);
  await using client = clientOf(endpoint);
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
  };
}

/** A model or a data type names cells, so nothing in it is replaced: two models must not become one. */
function nameOf(name: string, { apiKey }: TargetOptions): string {
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
    readonly options: TargetOptions;
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
