/**
 * The lines that the simulated engine logs, as SGLang-JAX writes them.
 *
 * @module
 */
import type { BatchReport } from "./cost.ts";
import { serverInfo } from "./info.ts";
import type { EngineOptions } from "./options.ts";

/** Takes a line without its time, and when it is written, in ms of virtual time. */
export type EngineLog = (message: string, atMs: number) => void;

/** A compile of the forward pass and one of the sampler; a real server counts both. */
const MISSES = 2;

/** The lines of a batch: what is in it when it starts and, where a shape was new, its compiles when it is done. */
export function logBatch(log: EngineLog, batch: BatchReport): void {
  log(
    `Prefill batch. #new-seq: ${batch.items}, #new-token: ${batch.newTokens}, #cached-token: ${batch.cachedTokens}, token usage: 0.00, #running-req: 0, #queue-req: ${batch.waiting}, `,
    batch.startMs,
  );
  if (batch.compiled) {
    log(
      `Prefill batch. #bid: ${batch.id}, #cache_miss: ${MISSES}`,
      batch.endMs,
    );
  }
}

/** The line of uvicorn for a score request that was answered. */
export function answerLine(status: number): string {
  return `INFO:     127.0.0.1:40000 - "POST /v1/score HTTP/1.1" ${status} ${
    status === 200 ? "OK" : "Error"
  }`;
}

/** The lines of a start: the launch arguments, the slots in force and that it serves. */
export function startLines(options: EngineOptions, port: number): string[] {
  const {
    "internal_states": _,
    status: _status,
    version: _version,
    "max_total_num_tokens": _tokens,
    "max_req_input_len": _length,
    ...args
  } = serverInfo({ ...options, apiKey: null }, {
    ...{ waiting: 0, running: 0, cachedTokens: 0, batches: 0, leakedTokens: 0 },
  });
  const words = Object.entries({ ...args, port }).map(([name, value]) =>
    `${name}=${python(value)}`
  );
  return [
    `server_args=ServerArgs(${words.join(", ")})`,
    `  → Final max_running_requests: ${options.maxRunningRequests}`,
    "The server is fired up and ready to roll!",
  ];
}

/** Writes a value as Python's `repr` does. */
function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return typeof value === "string"
    ? `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
    : String(value);
}

/** Writes a line as a server does: the time of its clock in whole seconds before it, here of a zone without an offset. */
export function timedLine(message: string, unixMs: number): string {
  const time = new Date(unixMs).toISOString().slice(0, 19).replace("T", " ");
  return `[${time}] ${message}\n`;
}
