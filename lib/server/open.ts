/**
 * What is measured: a server at a URL, a server that is launched, or the simulated engine.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import { within } from "../load/clock.ts";
import type { Endpoint } from "../load/generator.ts";
import type { ServerRecord, TargetKind } from "../record/run.ts";
import {
  argumentSecrets,
  createRedactor,
  headerSecrets,
  hideKeys,
} from "../secret.ts";
import { hash32 } from "../stats/rng.ts";
import {
  identify,
  type IdentifyOptions,
  isReady,
  SIMULATED,
  type Wanted,
} from "./identify.ts";
export { UNKNOWN, type Wanted } from "./identify.ts";
import { type LaunchOptions, launchServer, launchWords } from "./launch.ts";
import { followFile } from "../witness/file.ts";
import { MemoryLog } from "../witness/memory.ts";
import type { Witness } from "../witness/witness.ts";
import { isLogOf, watchFile, watchLog, withFacts } from "./watching.ts";
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
  /** Watches it through its log; absent where none is known. */
  readonly witness?: Witness;
}

/** A server that was started here. */
export interface StartedServer {
  /** Its process, with all its children; null where it is a thread of this process. */
  readonly pid: number | null;
  readonly kill: () => Promise<void>;
}

/** Which target to open. */
export interface TargetOptions
  extends
    IdentifyOptions,
    Pick<Endpoint, "headers" | "caCerts" | "unixSocketPath">,
    Pick<LaunchOptions, "launchTimeoutMs" | "warn" | "signal" | "urgent"> {
  readonly url: string | null;
  /** The command to launch, or null; without a URL and a command the engine is simulated. */
  readonly launch: string | null;
  /** Where the log of a launched server goes; its folder exists. */
  readonly logPath: (model: string, dtype: string) => string;
  /** A file that the server at the URL writes its log to, or null. @default {null} */
  readonly serverLog?: string | null;
  readonly seed: string;
  /** Hears what the tool is waiting for. */
  readonly onWaiting: (what: string) => void;
}

/** How long after the loss of a connection the end of a process may be noticed, in milliseconds; its log has 2 s of it. */
const DEATH_NOTICE_MS = 3_000;

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
  const met = await meet("url", endpointOf(options, url), options, wanted);
  const { serverLog = null } = options;
  const witness = serverLog === null ? null : await watchFile(serverLog);
  if (witness !== null && isLogOf(witness.facts, met.server.info)) {
    witness.identify();
  }
  return {
    ...met,
    ...(witness?.isOurs ? told(met, witness, options) : {}),
    death: () => Promise.resolve(null),
    ...(witness === null ? {} : { witness }),
    [Symbol.asyncDispose]: () => {
      witness?.[Symbol.dispose]();
      return Promise.resolve();
    },
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

/** What the log of a server adds to what it says of itself. */
function told(
  { server }: Pick<Target, "server">,
  witness: Witness,
  options: TargetOptions,
): Pick<Target, "server"> {
  const redact = createRedactor(secretsOf(options));
  return { server: withFacts(server, witness.facts, redact) };
}

async function openLaunched(
  options: TargetOptions,
  command: string,
  wanted: Wanted,
): Promise<Target> {
  const redact = createRedactor(secretsOf(options));
  const logPath = options.logPath(wanted.model, wanted.dtype);
  const launched = await launchServer({
    command,
    ...wanted,
    logPath,
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
    const met = await meet("launched", endpoint, options, wanted);
    const witness = watchLog(await followFile(logPath, "start"), true);
    await witness.look();
    return {
      ...met,
      ...told(met, witness, options),
      death: async () => {
        const exit = await within(launched.ended, DEATH_NOTICE_MS);
        return exit === null
          ? null
          : `the launched server died: ${exit}; its log ends with:\n${await launched
            .lastLines()}`;
      },
      started: { pid: launched.pid, kill: launched.kill },
      witness,
      [Symbol.asyncDispose]: () => {
        witness[Symbol.dispose]();
        return launched[Symbol.asyncDispose]();
      },
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
  const log = new MemoryLog();
  const simulator = await startSimulator({
    onLog: (text) => log.push(text),
    modelPath: `${SIMULATED}/${wanted.model}`,
    dtype: wanted.dtype,
    apiKey: options.apiKey,
    seed: hash32(options.seed),
  });
  const endpoint = endpointOf(
    { ...options, unixSocketPath: null },
    simulator.url,
  );
  const met = await meet("simulated", endpoint, options, wanted);
  const witness = watchLog(log, true);
  return {
    ...met,
    death: async () => {
      const exit = await within(simulator.ended, DEATH_NOTICE_MS);
      return exit === null ? null : `the simulated engine ${exit}`;
    },
    started: {
      pid: null,
      kill: async () => await simulator[Symbol.asyncDispose](),
    },
    witness,
    [Symbol.asyncDispose]: async () => {
      witness[Symbol.dispose]();
      await simulator[Symbol.asyncDispose]();
    },
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
