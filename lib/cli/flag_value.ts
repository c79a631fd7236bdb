/**
 * The values of flags: text to numbers, choices and lists, with a problem in
 * words for everything that does not fit.
 *
 * @module
 */

import { type Flag, placeholderOf } from "./command_spec.ts";
import { escapeForTerminal } from "../escape.ts";

const INTEGER_REGEXP = /^-?\d+$/;
const NUMBER_REGEXP = /^-?(?:\d+|\d*\.\d+)(?:e[+-]?\d+)?$/i;

const DURATION_REGEXP = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
};

/** Quotes text from a command line, control characters escaped. */
export function quote(text: string): string {
  return escapeForTerminal(JSON.stringify(text));
}

/** Words a problem with the value of a flag. */
export function describeProblem(
  flag: Pick<Flag, "name">,
  value: string,
  expected: string,
): string {
  return `Cannot take --${flag.name}=${value}: expected ${expected}`;
}

function rangeOf(flag: Flag): { readonly min: number; readonly max: number } {
  const isInteger = flag.kind.startsWith("integer");
  const max = isInteger ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
  return { min: flag.min ?? 0, max: flag.max ?? max };
}

function describeNumber(flag: Flag): string {
  const what = flag.kind.startsWith("integer") ? "a whole number" : "a number";
  const { min, max } = rangeOf(flag);
  return flag.max === undefined
    ? `${what} of at least ${min}`
    : `${what} from ${min} to ${max}`;
}

function parseNumber(flag: Flag, text: string): number | undefined {
  const isInteger = flag.kind.startsWith("integer");
  const [, amount = "", unit = ""] = DURATION_REGEXP.exec(text) ?? [];
  const seconds = UNIT_SECONDS[unit];
  if (flag.placeholder === "SECONDS" && seconds !== undefined) {
    // Rounded, as 100 times 0.001 is not quite a tenth.
    text = String(Number((Number(amount) * seconds).toPrecision(12)));
  }
  if (!(isInteger ? INTEGER_REGEXP : NUMBER_REGEXP).test(text)) return;
  // Adding zero turns -0 into 0.
  const value = Number(text) + 0;
  const { min, max } = rangeOf(flag);
  return value >= min && value <= max ? value : undefined;
}

/** What people write for a row of numbers. */
const RANGE_REGEXP = /^\d+(?:\.{2,3}|-|:)\d+$/;

function parseOne(
  flag: Flag,
  text: string,
  problems: string[],
): string | number | undefined {
  if (flag.kind === "text" || flag.kind === "texts") {
    if (flag.choices === undefined || flag.choices.includes(text)) return text;
    const expected = `one of ${flag.choices.join(", ")}`;
    problems.push(describeProblem(flag, quote(text), expected));
    return undefined;
  }
  const value = parseNumber(flag, text);
  if (value === undefined) {
    const isRange = flag.kind === "integers" && RANGE_REGEXP.test(text);
    const expected = isRange
      ? "each value by itself, as 1,2,4: a range is not taken"
      : describeNumber(flag);
    problems.push(describeProblem(flag, quote(text), expected));
  }
  return value;
}

function parseList(flag: Flag, text: string, problems: string[]): unknown {
  const parts = text.split(",");
  if (parts.some((part) => part === "" || part !== part.trim())) {
    const expected = "values with one comma and no space between them";
    problems.push(describeProblem(flag, quote(text), expected));
    return undefined;
  }
  const values = parts.map((part) => parseOne(flag, part, problems));
  const known = values.filter((value) => value !== undefined);
  const again = known.find((value, index) => known.indexOf(value) < index);
  if (again !== undefined) {
    const expected = `each value once, but ${again} is there more than once`;
    problems.push(describeProblem(flag, quote(text), expected));
  }
  return values;
}

/**
 * Turns the texts given for a flag into its value, and adds what is wrong to
 * the problems.
 */
export function parseValue(
  flag: Flag,
  given: unknown,
  problems: string[],
): unknown {
  const all = (given as readonly unknown[]).map(String);
  if (flag.kind === "switch") return all.length > 0;
  // The last one wins, so that what a task gives can be given again.
  const texts = flag.repeat === undefined ? all.slice(-1) : all;
  const values = texts.map((text) => {
    if (text.trim() === "") {
      const expected = `a value: write --${flag.name}=${placeholderOf(flag)}`;
      problems.push(describeProblem(flag, "", expected));
      return undefined;
    }
    return flag.kind.endsWith("s")
      ? parseList(flag, text, problems)
      : parseOne(flag, text, problems);
  });
  if (flag.repeat) return values;
  return values.length === 0 ? flag.default : values[0];
}
