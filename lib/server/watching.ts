/**
 * Sets a witness to the log of a server.
 *
 * @module
 */
import { sleep } from "../load/clock.ts";
import type { ServerRecord } from "../record/run.ts";
import { redactJson, type Redactor } from "../secret.ts";
import { parseServerArgs } from "../witness/arguments.ts";
import { followFile } from "../witness/file.ts";
import { type LogSource, Witness } from "../witness/witness.ts";

/** How often a log is read while nobody asks, so that a line is known to the quarter of a second, in milliseconds. */
const LOOK_INTERVAL_MS = 250;

/** Watches a log until it is disposed. */
export function watchLog(source: LogSource, isOurs: boolean): Witness {
  const timer = setInterval(() => void witness.look(), LOOK_INTERVAL_MS);
  const witness = new Witness({
    read: () => source.read(),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      source[Symbol.dispose]();
    },
  }, {
    now: () => performance.now(),
    sleep: (durationMs) => sleep(durationMs, NEVER),
  }, isOurs);
  return witness;
}

const NEVER = new AbortController().signal;

/**
 * Watches a log file that a server writes to, from its end on; what the server said of itself is read from what is there.
 *
 * @throws {UsageError} If it cannot be read.
 */
export async function watchFile(path: string): Promise<Witness> {
  const source = await followFile(path, "end");
  const witness = watchLog(source, false);
  witness.recall(source.head);
  return witness;
}

/**
 * Adds to what a server says of itself what its log tells: launch arguments where it has no `/get_server_info`, values in
 * force and versions.
 */
export function withFacts(
  server: ServerRecord,
  facts: ReadonlyMap<string, string>,
  redact: Redactor,
): ServerRecord {
  const logged = parseServerArgs(facts.get("server_args") ?? "");
  const inForce: Record<string, string> = {};
  const versions: Record<string, string> = { ...server.versions };
  for (const [name, value] of facts) {
    if (name === "server_args") continue;
    const [, of] = /^version of (.+)$/.exec(name) ?? [];
    if (of === undefined) inForce[name] = redact(value);
    else versions[of] ??= redact(value);
  }
  return {
    ...server,
    info: server.info ??
      (logged === null
        ? null
        : redactJson(logged, redact) as Record<string, unknown>),
    ...(Object.keys(inForce).length === 0 ? {} : { inForce }),
    ...(Object.keys(versions).length === 0 ? {} : { versions }),
  };
}

/** Arguments that no two servers of one machine have in common, but for those that are one. */
const TELLING = ["port", "model_path", "served_model_name", "random_seed"];

/** Whether a log is that of a server, by the launch arguments that both tell; a port must be among them. */
export function isLogOf(
  facts: ReadonlyMap<string, string>,
  info: Readonly<Record<string, unknown>> | null,
): boolean {
  const logged = parseServerArgs(facts.get("server_args") ?? "");
  if (logged === null || info === null) return false;
  const isKnown = (value: unknown) => value !== null && value !== undefined;
  if (!isKnown(logged["port"]) || !isKnown(info["port"])) return false;
  return TELLING.every((name) =>
    !isKnown(logged[name]) || !isKnown(info[name]) ||
    logged[name] === info[name]
  );
}
