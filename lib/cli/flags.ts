/**
 * A strict command-line parser over `parseArgs`: typed values, or one error
 * that lists every problem.
 *
 * @module
 */

import { type Args, parseArgs } from "@std/cli/parse-args";
import {
  type CommandSpec,
  type Flag,
  flagsOf,
  type FlagValues,
} from "./command_spec.ts";
import { UsageError } from "../failure.ts";
import { describeProblem, parseValue, quote } from "./flag_value.ts";

/** What a command line asks for. */
export type ParsedCommand<Spec extends CommandSpec> =
  | { readonly action: "help" | "version" }
  | {
    readonly action: "run";
    readonly flags: FlagValues<Spec>;
    readonly operands: readonly string[];
  };

/** Names up to this many edits apart are taken for a typing error. */
const MAX_EDITS = 2;
const SEE_HELP = "see --help";

function editDistance(left: string, right: string): number {
  // One row of the Levenshtein matrix at a time.
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...right].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      const removed = (row[j + 1] ?? 0) + 1;
      next.push(Math.min(replaced, removed, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function suggestion(name: string, flags: readonly Flag[]): string {
  const near = nearestName(name, flags.map((flag) => flag.name));
  return near === null ? SEE_HELP : `did you mean --${near}?`;
}

/** Returns the name that somebody may have meant, or null where none is near. */
export function nearestName(
  given: string,
  names: readonly string[],
): string | null {
  const wanted = given.toLowerCase();
  const ranked = names.map((name) => ({
    name,
    edits: name.startsWith(wanted) && wanted.length > 1
      ? 0
      : editDistance(wanted, name),
  })).toSorted((left, right) => left.edits - right.edits);
  const best = ranked[0];
  // Names of two or three letters are near to almost anything.
  const limit = Math.min(MAX_EDITS, Math.floor(wanted.length / 2));
  return best === undefined || best.edits > limit ? null : best.name;
}

function switchIn(
  token: string,
  flags: readonly Flag[],
): { readonly name: string; readonly value: string | undefined } | undefined {
  const [, dashed, value] = /^([^=]+)(?:=(.*))?$/s.exec(token) ?? [];
  const flag = flags.find((one) =>
    one.kind === "switch" &&
    (dashed === `--${one.name}` || dashed === `-${one.short}`)
  );
  return flag && { name: flag.name, value };
}

/** Lists the switches with a value, which parseArgs takes for plain ones. */
function checkSwitches(
  tokens: readonly string[],
  flags: readonly Flag[],
): string[] {
  return tokens.flatMap((token, index) => {
    const found = switchIn(token, flags);
    if (found === undefined) return [];
    // parseArgs takes these two words, and no others, after a space.
    const next = tokens[index + 1];
    const value = found.value ??
      (next === "true" || next === "false" ? next : undefined);
    if (value === undefined) return [];
    const expected = `no value: write --${found.name} or leave it out`;
    return [describeProblem(found, quote(value), expected)];
  });
}

/**
 * Makes unknown to parseArgs what it would read as something else: `-name`
 * (letters), `--n` (the short flag), `--no-name=value` (the value of `--name`).
 * A third dash does it.
 */
function markMisread(token: string): string {
  if (/^-[^-=][^=]/s.test(token)) return `--${token}`;
  return /^--(?:[^-](?:=|$)|no-[^=]+=)/s.test(token) ? `-${token}` : token;
}

function describeUnknown(token: string, flags: readonly Flag[]): string {
  const [dashed = token, dashes, name = ""] = /^(--?)([^=]*)/.exec(token) ?? [];
  const isPrintable = /^[!-~]+$/.test(dashed);
  const shown = `Cannot take ${isPrintable ? dashed : quote(dashed)}`;
  if (/^-[\d.]/.test(token)) {
    return `${shown}: a negative value is written --NAME=${token}`;
  }
  const short = flags.find((flag) => flag.short === name.charAt(0));
  if (name.length === 1 && dashes === "--" && short !== undefined) {
    return `${shown}: unknown flag, did you mean --${short.name} or -${name}?`;
  }
  const hint = suggestion(name, flags);
  return dashes === "-" && short !== undefined && hint === SEE_HELP
    ? `${shown}: give -${short.short} alone, its value after a space`
    : `${shown}: unknown flag, ${hint}`;
}

function checkOperands(
  spec: CommandSpec,
  words: readonly string[],
): string[] {
  const { operands } = spec;
  if (operands === undefined) {
    return words.map((word) =>
      `Cannot take the word ${quote(word)}: ${
        /^https?:\/\//.test(word)
          ? `did you mean --url ${word}?`
          : "expected flags only, see --help"
      }`
    );
  }
  const { name, min, max } = operands;
  if (words.length >= min && words.length <= max) return [];
  const range = min === max ? `${min}` : `${min} to ${max}`;
  return [`Cannot take ${words.length} ${name}: expected ${range}`];
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Joins a negative number to the flag before it, as its value: it looks like a flag. */
function joinNegatives(
  tokens: readonly string[],
  flags: readonly Flag[],
): string[] {
  const joined: string[] = [];
  for (const token of tokens) {
    const last = joined.at(-1) ?? "";
    const takesValue = flags.some(({ name, short, kind }) =>
      kind !== "switch" && [`--${name}`, `-${short}`].includes(last)
    );
    if (takesValue && /^-[\d.]/.test(token)) {
      joined.splice(-1, 1, `${last}=${token}`);
    } else joined.push(token);
  }
  return joined;
}

function scan(
  args: readonly string[],
  flags: readonly Flag[],
  problems: string[],
): Args {
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const tokens = joinNegatives(before, flags);
  problems.push(...checkSwitches(tokens, flags));
  const marked = tokens
    .filter((token) => switchIn(token, flags)?.value === undefined)
    .map((token) => ({ token, mark: markMisread(token) }));
  const originals = new Map(marked.map(({ token, mark }) => [mark, token]));
  const unknown = (arg: string, key?: string) => {
    if (key === undefined) return true;
    problems.push(describeUnknown(originals.get(arg) ?? arg, flags));
    return false;
  };
  const isSwitch = (flag: Flag) => flag.kind === "switch";
  const valued = flags.filter((flag) => !isSwitch(flag));
  return parseArgs(
    [...marked.map(({ mark }) => mark), ...args.slice(before.length)],
    {
      string: ["_", ...valued.map((flag) => flag.name)],
      boolean: flags.filter(isSwitch).map((flag) => flag.name),
      collect: flags.map((flag) => flag.name),
      alias: Object.fromEntries(
        flags.flatMap(({ name, short }) => short ? [[name, short]] : []),
      ),
      unknown,
    },
  );
}

/**
 * Parses a command line strictly: `--name value`, `--name=value`, `-n value`,
 * and words after `--`; of a single value given twice the last one wins. `--help` wins over everything else, then `--version`.
 *
 * @throws {UsageError} If anything is unknown, missing, out of
 * range or left over; the message has one line for each problem
 */
export function parseFlags<const Spec extends CommandSpec>(
  spec: Spec,
  args: readonly string[],
): ParsedCommand<Spec> {
  const flags = flagsOf(spec);
  const problems: string[] = [];
  const scanned = scan(args, flags, problems);
  const values = new Map(
    flags.map((flag) =>
      [flag.name, parseValue(flag, scanned[flag.name], problems)] as const
    ),
  );
  for (const action of ["help", "version"] as const) {
    if (values.get(action) === true) return { action };
    values.delete(action);
  }
  const operands = scanned._.map(String);
  problems.push(...checkOperands(spec, operands));
  if (problems.length > 0) throw new UsageError([...new Set(problems)]);
  const named = [...values].map(([name, value]) => [camelCase(name), value]);
  return {
    action: "run",
    flags: Object.fromEntries(named) as FlagValues<Spec>,
    operands,
  };
}
