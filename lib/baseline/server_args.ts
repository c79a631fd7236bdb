/**
 * The launch arguments of servers: which of them change what is measured, and where those of two servers differ.
 *
 * @module
 */
import type { ServerRecord } from "../record/run.ts";

/** The arguments of each server by its model and data type, and by their names; a value in force replaces its flag. */
export type ServerArgs = Readonly<
  Record<string, Readonly<Record<string, unknown>>>
>;

/**
 * What is no argument, or changes no speed: where a server listens, what lies where, keys, names, logs, metrics of
 * requests, seeds and watchdogs; and what is told by a condition of its own.
 */
const HARMLESS_REGEXP = new RegExp(
  [
    "host|port|.*_port|.*_ip|.*_addr|nnodes|node_rank|base_gpu_id",
    ".*_path|.*_paths|.*_dir|.*_folder|.*_file|revision|trust_remote_code",
    ".*key|.*secret.*|served_model_name|chat_template|warmups|skip_server_warmup",
    "log_.*|.*_log|.*_logging|.*_log_.*|show_time_cost|bucket_.*|crash_dump.*",
    ".*seed|.*watchdog.*|.*_timeout|.*_timeout_seconds|kv_events_config",
    "grammar_backend|.*_parser|constrained_json.*|enable_cache_report",
    // Conditions of their own.
    "dtype|tp_size|device",
    // State.
    "status|version|.*_version|versions|internal_states|max_total_num_tokens|max_req_input_len|last_.*",
  ].map((names) => `^(?:${names})$`).join("|"),
);

/** Returns the arguments of servers that change what is measured; null where none tells any. */
export function serverArgsOf(
  servers: readonly Partial<
    Pick<ServerRecord, "model" | "dtype" | "info" | "inForce">
  >[],
): ServerArgs | null {
  const told = servers.flatMap(({ model = "", dtype = "", info, inForce }) =>
    info === null || info === undefined ? [] : [
      [
        `${model} (${dtype})`,
        Object.fromEntries(
          Object.entries({ ...info, ...inForce }).filter(([name]) =>
            !HARMLESS_REGEXP.test(name)
          ),
        ),
      ] as const,
    ]
  );
  return told.length === 0 ? null : Object.fromEntries(told);
}

/** A difference between the arguments of two servers, in words; and the arguments that only one of them has. */
export interface ArgDifferences {
  /** What differs, as `page_size 1, tp_size 2`; null for nothing. */
  readonly differing: readonly [was: string, is: string] | null;
  /** Names that only the first has. */
  readonly onlyFirst: readonly string[];
  /** Names that only the second has. */
  readonly onlySecond: readonly string[];
}

/** Compares the arguments of the servers of two runs; of those of other names only where each run has one server. */
export function compareServerArgs(
  first: ServerArgs | null,
  second: ServerArgs | null,
): ArgDifferences {
  const pairs = pairsOf(first ?? {}, second ?? {});
  const was: string[] = [];
  const is: string[] = [];
  const onlyFirst = new Set<string>();
  const onlySecond = new Set<string>();
  for (const [a, b] of pairs) {
    for (const [name, value] of Object.entries(a)) {
      if (!Object.hasOwn(b, name)) {
        onlyFirst.add(name);
        continue;
      }
      const [left, right] = [value, b[name]].map(shown);
      if (left === right) continue;
      was.push(`${name} ${left}`);
      is.push(`${name} ${right}`);
    }
    for (const name of Object.keys(b)) {
      if (!Object.hasOwn(a, name)) onlySecond.add(name);
    }
  }
  return {
    differing: was.length === 0 ? null : [was.join(", "), is.join(", ")],
    onlyFirst: [...onlyFirst],
    onlySecond: [...onlySecond],
  };
}

type Args = ServerArgs[string];

function pairsOf(first: ServerArgs, second: ServerArgs): [Args, Args][] {
  const same = Object.entries(first).flatMap(([name, args]) => {
    const other = second[name];
    return other === undefined ? [] : [[args, other] as [Args, Args]];
  });
  const [a, ...moreA] = Object.values(first);
  const [b, ...moreB] = Object.values(second);
  return same.length > 0 || a === undefined || b === undefined ||
      moreA.length + moreB.length > 0
    ? same
    : [[a, b]];
}

/** A log writes 1.0 as 1, and what is in force as text. */
function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value) ?? "null";
}

/** More names in one note would hide the rest. */
const MAX_NAMES = 5;

/** Says which arguments only one of two servers has, as notes. */
export function loneArgNotes(
  { onlyFirst, onlySecond }: ArgDifferences,
): string[] {
  const list = (names: readonly string[]) =>
    names.slice(0, MAX_NAMES).join(", ") +
    (names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "");
  return [[onlyFirst, "baseline"], [onlySecond, "result"]].flatMap((
    [names, whose],
  ) =>
    Array.isArray(names) && names.length > 0
      ? [
        `Only the server of the ${whose} tells these launch arguments, so that they are not compared: ${
          list(names)
        }`,
      ]
      : []
  );
}
