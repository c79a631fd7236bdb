/**
 * A stand-in for the call of `@std/cli/parse-args` that is made here.
 *
 * @module
 */

/** The options of {@linkcode parseArgs}. */
export interface ParseOptions {
  /** Flags that take a value. */
  readonly string: readonly string[];
  /** Flags that take none. */
  readonly boolean: readonly string[];
  /** Flags whose values are collected: all of them. */
  readonly collect: readonly string[];
  /** The short names of flags. */
  readonly alias: Readonly<Record<string, string>>;
  /** Called for words and for unknown flags, which it leaves out of the result. */
  readonly unknown: (arg: string, key?: string, value?: unknown) => unknown;
}

/** The values of each flag, and the other words under `_`. */
export interface Args {
  /** The values of a flag. */
  [name: string]: unknown;
  /** The words that belong to no flag. */
  _: string[];
}

const FLAG_REGEXP = /^(?<dashes>--?)(?<name>.+?)(?:=(?<value>.*))?$/s;

/** Reads `--name value`, `--name=value`, `-n value`, `-n=value` and words. */
export function parseArgs(
  args: readonly string[],
  options: ParseOptions,
): Args {
  const { alias, unknown } = options;
  const names = new Map(
    Object.entries(alias).map(([name, short]) => [short, name]),
  );
  const values = new Map<string, unknown[]>(
    options.collect.map((name) => [name, []]),
  );
  const end = args.indexOf("--");
  const tokens = end < 0 ? args : args.slice(0, end);
  const words: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? "";
    const { dashes, name = "", value } = FLAG_REGEXP.exec(token)?.groups ?? {};
    if (dashes === undefined) {
      unknown(token);
      words.push(token);
      continue;
    }
    const key = names.get(name) ?? name;
    const next = tokens[index + 1] ?? "";
    const isSwitch = options.boolean.includes(key);
    const isValue = isSwitch
      ? next === "true" || next === "false"
      : next !== "" && !(dashes === "-" ? /^--?[^-]/ : /^-/).test(next);
    const isTaken = value === undefined && isValue;
    if (isTaken) index++;
    const text = value ?? (isTaken ? next : "");
    const found = values.get(key);
    if (found === undefined) unknown(token, key, text);
    else found.push(isSwitch ? text !== "false" : text);
  }
  const rest = end < 0 ? [] : args.slice(end + 1);
  return { ...Object.fromEntries(values), _: [...words, ...rest] };
}
