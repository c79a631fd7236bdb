/**
 * A stand-in for the part of `@std/cli/parse-args` that `lib/cli/flags.ts` calls,
 * with the results of the original for dotless names.
 *
 * @module
 */

/** The options of {@linkcode parseArgs} that this project uses. */
export interface ParseOptions {
  /** Flags that take a value; `"_"` keeps the words that look like numbers as text. */
  readonly string?: readonly string[];
  /** Flags that take no value. */
  readonly boolean?: readonly string[];
  /** Flags whose values are collected into an array; of others the last value counts. */
  readonly collect?: readonly string[];
  /** Flags that `--no-NAME` sets to false. */
  readonly negatable?: readonly string[];
  /** Other names of a flag. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Values of the flags that are not given. */
  readonly default?: Readonly<Record<string, unknown>>;
  /** Called for words and undeclared flags; `false` leaves them out of the result. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  /** Whether the words after `--` are put under that key instead of `_`. */
  readonly "--"?: boolean;
}

/** The flags found, and the other words under `_`. */
export interface Args {
  /** The value of a flag. */
  [name: string]: unknown;
  /** The words that belong to no flag. */
  _: (string | number)[];
}

/** One flag token: the dashes, the name and the text after `=`. */
const FLAG_REGEXP = /^(?<dashes>--?)(?<name>.+?)(?:=(?<value>.*))?$/s;
/** A word that a short flag does not take as its value. */
const DASHED_REGEXP = /^--?[^-]/;
/** Text that ends in a number, which a short flag takes as its value. */
const NUMBER_END_REGEXP = /\d(\.\d*)?(e-?\d+)?$/;

function isNumeric(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

class Parser {
  readonly result: Args = { _: [] };
  readonly #options: ParseOptions;
  readonly #aliases = new Map<string, readonly string[]>();
  readonly #strings: ReadonlySet<string>;
  readonly #booleans: ReadonlySet<string>;
  readonly #collected: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const names = [name, others].flat();
      for (const one of names) {
        this.#aliases.set(one, names.filter((other) => other !== one));
      }
    }
    const withAliases = (names: readonly string[] = []) =>
      new Set(names.flatMap((name) => this.#namesOf(name)));
    this.#strings = withAliases(options.string);
    this.#booleans = withAliases(options.boolean);
    this.#collected = withAliases(options.collect);
    this.#negatable = withAliases(options.negatable);
  }

  #namesOf(name: string): string[] {
    return [name, ...(this.#aliases.get(name) ?? [])];
  }

  #set(name: string, value: string | boolean, arg: string): void {
    const isDeclared = this.#strings.has(name) || this.#booleans.has(name) ||
      this.#collected.has(name) || this.#aliases.has(name);
    if (!isDeclared && this.#options.unknown?.(arg, name, value) === false) {
      return;
    }
    const isNumber = typeof value === "string" && !this.#strings.has(name) &&
      isNumeric(value);
    this.#store(name, isNumber ? Number(value) : value);
  }

  #store(name: string, value: unknown): void {
    for (const one of this.#namesOf(name)) {
      const earlier = this.result[one];
      if (!this.#collected.has(name)) this.result[one] = value;
      else if (Array.isArray(earlier)) earlier.push(value);
      else this.result[one] = earlier ? [earlier, value] : [value];
    }
  }

  /** Sets a flag without `=`; returns whether the next argument was its value. */
  #setWithNext(
    name: string,
    arg: string,
    next: { readonly text: string | undefined; readonly isValue: boolean },
  ): boolean {
    const { text, isValue } = next;
    if (text && isValue && !this.#booleans.has(name)) {
      this.#set(name, text, arg);
      return true;
    }
    if (text === "true" || text === "false") {
      this.#set(name, text === "true", arg);
      return true;
    }
    this.#set(name, this.#strings.has(name) ? "" : true, arg);
    return false;
  }

  #parseLong(arg: string, next: string | undefined): boolean {
    const { name = "", value } = FLAG_REGEXP.exec(arg)?.groups ?? {};
    const positive = /^no-./s.test(name) ? name.slice("no-".length) : undefined;
    if (value !== undefined) {
      const key = positive ?? name;
      this.#set(key, this.#booleans.has(key) ? value !== "false" : value, arg);
      return false;
    }
    if (positive !== undefined && this.#negatable.has(positive)) {
      for (const one of this.#namesOf(positive)) this.result[one] = false;
      return false;
    }
    const isValue = next !== undefined && !next.startsWith("-");
    return this.#setWithNext(name, arg, { text: next, isValue });
  }

  /** Parses `-a`, `-abc`, `-a=1`, `-a1`; the last letter may take the next argument. */
  #parseShort(arg: string, next: string | undefined): boolean {
    for (let index = 1; index < arg.length - 1; index++) {
      const letter = arg.charAt(index);
      const rest = arg.slice(index + 1);
      if (rest === "-") {
        this.#set(letter, "-", arg);
        continue;
      }
      const value = this.#attachedValue(letter, rest);
      if (value !== undefined) {
        this.#set(letter, value, arg);
        return false;
      }
      this.#set(letter, this.#strings.has(letter) ? "" : true, arg);
    }
    const last = arg.slice(-1);
    if (last === "-") return false;
    const isValue = next !== undefined && !DASHED_REGEXP.test(next);
    return this.#setWithNext(last, arg, { text: next, isValue });
  }

  #attachedValue(letter: string, rest: string): string | undefined {
    if (rest === "=") return "";
    if (/[A-Za-z]/.test(letter)) {
      const value = /=(.+)/.exec(rest)?.[1];
      if (value !== undefined) return value;
      if (NUMBER_END_REGEXP.test(rest)) return rest;
    }
    return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
  }

  parse(args: readonly string[]): Args {
    const end = args.indexOf("--");
    const flags = end < 0 ? args : args.slice(0, end);
    for (let index = 0; index < flags.length; index++) {
      const arg = flags[index] ?? "";
      const dashes = FLAG_REGEXP.exec(arg)?.groups?.["dashes"];
      if (dashes === undefined) this.#addWord(arg);
      else {
        const next = flags[index + 1];
        const isTaken = dashes === "--"
          ? this.#parseLong(arg, next)
          : this.#parseShort(arg, next);
        if (isTaken) index++;
      }
    }
    this.#addDefaults();
    const rest = end < 0 ? [] : args.slice(end + 1);
    if (this.#options["--"]) this.result["--"] = rest;
    else this.result._.push(...rest);
    return this.result;
  }

  #addWord(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    const isText = this.#strings.has("_") || !isNumeric(arg);
    this.result._.push(isText ? arg : Number(arg));
  }

  #addDefaults(): void {
    const { default: defaults = {} } = this.#options;
    for (const [name, value] of Object.entries(defaults)) {
      if (Object.hasOwn(this.result, name)) continue;
      for (const one of this.#namesOf(name)) this.result[one] = value;
    }
    for (const name of [...this.#booleans, ...this.#strings]) {
      if (Object.hasOwn(this.result, name)) continue;
      if (this.#collected.has(name)) this.result[name] = [];
      else if (this.#booleans.has(name)) this.result[name] = false;
    }
  }
}

/** Finds the flags and the other words of a command line. */
export function parseArgs(
  args: readonly string[],
  options: ParseOptions = {},
): Args {
  return new Parser(options).parse(args);
}
