/**
 * The table that describes a command line: flags, words, examples, exit codes,
 * and the types of the values that come out of it.
 *
 * @module
 */

/**
 * What the value of a flag is: one text, one number, a comma-separated list
 * without duplicates, or nothing (`switch`).
 */
export type FlagKind =
  | "text"
  | "integer"
  | "number"
  | "texts"
  | "integers"
  | "switch";

/** One row of the flag table. */
export interface Flag {
  /** The long name without dashes, in kebab case. */
  readonly name: string;
  /** One letter that stands for the name. */
  readonly short?: string;
  readonly kind: FlagKind;
  /** What the help calls the value, for example `FILE`. */
  readonly placeholder?: string;
  /** The help text, without a final period. */
  readonly help: string;
  /** Whether the flag may be given more than once; its values are then a list, `[]` without any. */
  readonly repeat?: true;
  /** The texts that are allowed; all of them without it. */
  readonly choices?: readonly string[];
  /** The least number allowed. @default {0} */
  readonly min?: number;
  /** The greatest number allowed. @default {Number.MAX_SAFE_INTEGER} for integers */
  readonly max?: number;
  /** The value when the flag is not given; `undefined` without it. */
  readonly default?: string | number | readonly string[] | readonly number[];
}

/** What a flag may say beside its name, its value and its help. */
export type FlagRest = Omit<Flag, "name" | "kind" | "placeholder" | "help">;

/** Makes a flag of one kind out of `NAME PLACEHOLDER` (a switch has none) and its help. */
export type FlagMaker<Kind extends FlagKind> = <
  const Head extends string,
  const Rest extends FlagRest = Record<never, never>,
>(head: Head, help: string, rest?: Rest) =>
  & Rest
  & {
    readonly name: Head extends `${infer Name} ${string}` ? Name : Head;
    readonly kind: Kind;
    readonly placeholder: string;
    readonly help: string;
  };

/** Makers of flags by their kinds, so that a table has a row a flag. */
export const flag: { readonly [Kind in FlagKind]: FlagMaker<Kind> } = {
  text: makerOf("text"),
  integer: makerOf("integer"),
  number: makerOf("number"),
  texts: makerOf("texts"),
  integers: makerOf("integers"),
  switch: makerOf("switch"),
};

function makerOf<Kind extends FlagKind>(kind: Kind): FlagMaker<Kind> {
  return (head, help, rest) => {
    const [name = "", placeholder = ""] = head.split(/ (.*)/);
    // The type of the name follows the text of the head, which no value does.
    return { ...rest, name, kind, placeholder, help } as never;
  };
}

/** A command: its flags, its other words and what its help says. */
export interface CommandSpec {
  /** The command as a user types it, for example `deno task bench`. */
  readonly name: string;
  /** One sentence on what the command does. */
  readonly summary: string;
  /** The flags under the titles that the help prints. */
  readonly groups: readonly {
    readonly title: string;
    readonly flags: readonly Flag[];
  }[];
  /** The words that are not flags; none are allowed without it. */
  readonly operands?: {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly help: string;
  };
  /** Command lines to show, each with what it does. */
  readonly examples?: Readonly<Record<string, string>>;
  /** The exit codes and what each means. */
  readonly exits?: Readonly<Record<number, string>>;
}

/** A kebab-case name in camel case. */
export type Camel<Name extends string> = Name extends
  `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

/** The type of one text of a flag: its choices, if it has any. */
export type FlagText<F extends Flag> = F extends
  { readonly choices: readonly (infer Choice)[] } ? Choice : string;

/** The type of one value of a flag that takes values. */
export type FlagArgument<F extends Flag> = F["kind"] extends
  "integer" | "number" ? number
  : F["kind"] extends "integers" ? readonly number[]
  : F["kind"] extends "texts" ? readonly FlagText<F>[]
  : FlagText<F>;

/**
 * The type of a flag's value: `boolean` for a switch, a list for a repeated
 * flag, and `undefined` is part of it unless the flag has a default.
 */
export type FlagValue<F extends Flag> = F["kind"] extends "switch" ? boolean
  : F extends { readonly repeat: true } ? readonly FlagArgument<F>[]
  : F extends { readonly default: NonNullable<Flag["default"]> }
    ? FlagArgument<F>
  : FlagArgument<F> | undefined;

/** The values of all flags of a command, under their names in camel case. */
export type FlagValues<Spec extends CommandSpec> = {
  readonly [
    F in Spec["groups"][number]["flags"][number] as Camel<F["name"]>
  ]: FlagValue<F>;
};

/** The flags that every command has. */
export const BUILT_IN: readonly Flag[] = [
  { name: "help", short: "h", kind: "switch", help: "Show this help" },
  { name: "version", kind: "switch", help: "Show the version" },
];

/** Lists all flags of a command, `--help` and `--version` with them. */
export function flagsOf(spec: CommandSpec): Flag[] {
  return [...spec.groups.flatMap((group) => group.flags), ...BUILT_IN];
}

/** Returns what a flag calls its value, empty for a switch. */
export function placeholderOf(flag: Flag): string {
  const names = {
    text: "TEXT",
    integer: "N",
    number: "N",
    texts: "TEXT,TEXT",
    integers: "N,N",
    switch: "",
  };
  return flag.placeholder ?? names[flag.kind];
}
