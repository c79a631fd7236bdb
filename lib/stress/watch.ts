/**
 * Looks at a server while a load goes on: its memory by process id or by its own word, its queue and cache.
 *
 * @module
 */
import type { HttpClient } from "../http/client.ts";
import { parseObject } from "../json.ts";
import { sleep } from "../load/clock.ts";
import { createEndpointClient } from "../load/endpoint.ts";
import type { Target } from "../server/open.ts";
import type { SeriesPoint } from "../stats/trend.ts";
import type { ServerWatch } from "./world.ts";
import {
  readMetrics,
  readProcessTree,
  readServerInfo,
  type ServerReading,
} from "./reading.ts";

/** A look takes at most this long, in milliseconds; a slower one is left out. */
const LOOK_TIMEOUT_MS = 5_000;

/** A run is looked at about this often in all, so that looking costs little however long it is. */
const LOOKS = 120;

/** But not more often than this, in milliseconds. */
const LEAST_INTERVAL_MS = 400;

/** A server that lists its whole queue can tell much; more is left out. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Starts watching.
 *
 * @param target The server.
 * @param durationMs The length of the load.
 * @param pid The process of a server that was not started here, or null.
 * @param timeoutMs The deadline of a request, in milliseconds; a look takes no longer either.
 */
export function watchServer(
  target: Target,
  durationMs: number,
  pid: number | null,
  timeoutMs = LOOK_TIMEOUT_MS,
): ServerWatch {
  const ended = new AbortController();
  const watching = new Watcher(target, {
    pid: target.started?.pid ?? pid,
    timeoutMs: Math.min(timeoutMs, LOOK_TIMEOUT_MS),
  });
  const intervalMs = Math.max(LEAST_INTERVAL_MS, durationMs / LOOKS);
  const loop = async () => {
    while (!ended.signal.aborted) {
      await watching.look();
      await sleep(intervalMs, ended.signal);
    }
  };
  const looping = loop();
  return {
    async stop() {
      ended.abort();
      await looping;
      await watching.close();
      return watching.series();
    },
  };
}

class Watcher {
  readonly #target: Target;
  readonly #pid: number | null;
  readonly #timeoutMs: number;
  readonly #client: HttpClient;
  readonly #resident: SeriesPoint[] = [];
  readonly #spare: SeriesPoint[] = [];
  readonly #queued: SeriesPoint[] = [];
  /** Paths that gave nothing are not asked again. */
  readonly #silent = new Set<string>();

  constructor(
    target: Target,
    { pid, timeoutMs }: { pid: number | null; timeoutMs: number },
  ) {
    this.#target = target;
    this.#pid = pid;
    this.#timeoutMs = timeoutMs;
    this.#client = createEndpointClient(target.endpoint, {
      timeoutMs,
      maxBodyBytes: MAX_BYTES,
    });
  }

  async look(): Promise<void> {
    const timeMs = performance.now();
    const { residentBytes, spareTokens, queued } = await this.#read();
    if (residentBytes !== null) {
      this.#resident.push({ timeMs, value: residentBytes });
    }
    if (spareTokens !== null) this.#spare.push({ timeMs, value: spareTokens });
    if (queued !== null) this.#queued.push({ timeMs, value: queued });
  }

  async close(): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  series(): Awaited<ReturnType<ServerWatch["stop"]>> {
    const most = Math.max(...this.#spare.map(({ value }) => value));
    return {
      residentBytes: this.#resident.length > 0
        ? this.#resident
        : this.#whyNoMemory(),
      lostTokens: this.#spare.length > 0
        ? this.#spare.map(({ timeMs, value }) => ({
          timeMs,
          value: most - value,
        }))
        : "the server does not tell its KV pool",
      poolTokens: this.#poolTokens ?? (this.#spare.length > 0 ? most : null),
      queuedRequests: this.#queued.length > 0
        ? this.#queued
        : "the server tells no queue in /get_server_info or /metrics",
    };
  }

  get #poolTokens(): number | null {
    const total = this.#target.server.info?.["max_total_num_tokens"];
    return typeof total === "number" ? total : null;
  }

  #whyNoMemory(): string {
    if (this.#pid !== null) return `ps showed no process ${this.#pid}`;
    return this.#target.kind === "simulated"
      ? "the engine is a thread of this process"
      : "the server was not started here and tells no memory in /metrics; --server-pid names its process";
  }

  async #read(): Promise<ServerReading> {
    const info = await this.#get("/get_server_info");
    const object = parseObject(info ?? "");
    const state = object === null ? null : readServerInfo(object);
    const metrics = await this.#get("/metrics");
    const told = metrics === null ? null : readMetrics(metrics);
    const used = told?.usedTokens ?? null;
    const pool = this.#poolTokens;
    return {
      spareTokens: state?.spareTokens ??
        (used === null || pool === null ? null : pool - used),
      queued: state?.queued ?? told?.queued ?? null,
      residentBytes: this.#pid === null
        ? told?.residentBytes ?? null
        : await residentBytes(this.#pid),
    };
  }

  async #get(path: string): Promise<string | null> {
    if (this.#silent.has(path)) return null;
    const client = this.#client;
    const exchange = await client.send(client.encode("GET", path), {
      timeoutMs: this.#timeoutMs,
    });
    if (exchange.kind === "failure") return null;
    if (exchange.status === 200) return new TextDecoder().decode(exchange.body);
    this.#silent.add(path);
    return null;
  }
}

/** Deno reads nothing below /proc without all permissions, so `ps` is run. */
async function residentBytes(pid: number): Promise<number | null> {
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-A", "-o", "pid=", "-o", "ppid=", "-o", "rss="],
      stdin: "null",
      stderr: "null",
    }).output();
    return readProcessTree(new TextDecoder().decode(stdout), pid);
  } catch {
    return null;
  }
}
