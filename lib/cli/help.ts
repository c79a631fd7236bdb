/**
 * The help text of a command.
 *
 * @module
 */

import { wrapWords } from "../wrap.ts";
import {
  BUILT_IN,
  type CommandSpec,
  type Flag,
  placeholderOf,
} from "./command_spec.ts";

const HELP_COLUMNS = 80;
/** Where the help texts begin. */
const HELP_INDENT = 26;

/** Puts a text beside its term, or under it where the term is too long. */
function formatEntry(term: string, text: string): string[] {
  const [first = "", ...rest] = wrapWords(text, HELP_COLUMNS - HELP_INDENT);
  const indent = " ".repeat(HELP_INDENT);
  const head = term.length <= HELP_INDENT - 2
    ? [term.padEnd(HELP_INDENT) + first]
    : [term, indent + first];
  return [...head, ...rest.map((line) => indent + line)];
}

function formatFlag(flag: Flag): string[] {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  const notes = [
    flag.choices && `one of ${flag.choices.join(", ")}`,
    flag.repeat && "may be repeated",
    flag.default !== undefined && `default ${flag.default}`,
  ].filter((note) => typeof note === "string");
  const note = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
  const term = `  ${short}--${flag.name} ${placeholderOf(flag)}`.trimEnd();
  return formatEntry(term, flag.help + note);
}

/** Breaks a command line as a shell takes it, so that it can be copied whole: never inside quotes. */
function formatCommand(command: string): string[] {
  const HIDDEN_SPACE = "\u00a0";
  const words = command.replaceAll(
    /'[^']*'/g,
    (quoted) => quoted.replaceAll(" ", HIDDEN_SPACE),
  );
  const lines = wrapWords(words, HELP_COLUMNS - 6).map((line) =>
    line.replaceAll(HIDDEN_SPACE, " ")
  );
  return lines.map((line, i) =>
    `${i === 0 ? "  " : "    "}${line}${i < lines.length - 1 ? " \\" : ""}`
  );
}

/** Formats the help of a command for 80 columns, with a line feed at the end. */
export function formatHelp(spec: CommandSpec): string {
  const { operands } = spec;
  const examples = Object.entries(spec.examples ?? {});
  const exits = Object.entries(spec.exits ?? {});
  const words = operands === undefined ? "" : ` ${operands.name}`;
  const sections = [
    wrapWords(spec.summary, HELP_COLUMNS),
    [`Usage: ${spec.name} [FLAGS]${words}`],
    operands && formatEntry(`  ${operands.name}`, operands.help),
    ...spec.groups.map((group) => [
      `${group.title}:`,
      ...group.flags.flatMap(formatFlag),
    ]),
    ["Other:", ...BUILT_IN.flatMap(formatFlag)],
    examples.length > 0 && [
      "Examples:",
      ...examples.flatMap(([command, help]) => [
        ...wrapWords(help, HELP_COLUMNS - 4).map((line) => `  # ${line}`),
        ...formatCommand(command),
      ]),
    ],
    exits.length > 0 && [
      "Exit codes:",
      ...exits.flatMap(([code, help]) => formatEntry(`  ${code}`, help)),
    ],
  ];
  return sections.filter((section) => Array.isArray(section))
    .map((section) => section.join("\n") + "\n").join("\n");
}
