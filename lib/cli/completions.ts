/**
 * Completions for shells, from the tables that describe the command lines.
 *
 * @module
 */
import {
  type CommandSpec,
  type Flag,
  flagsOf,
  placeholderOf,
} from "./command_spec.ts";

/** The shells that completions are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** A command of a program: with flags, or with commands of its own. */
export interface CompletedCommand {
  readonly word: string;
  readonly summary: string;
  /** Its command line; nothing follows the word without it. */
  readonly spec?: CommandSpec;
  /** Its own commands; they have none in turn. */
  readonly commands?: readonly CompletedCommand[];
}

/** Returns the script that teaches a shell the commands and flags of a program. */
export function formatCompletions(
  shell: Shell,
  program: string,
  commands: readonly CompletedCommand[],
): string {
  const format = { bash: formatBash, zsh: formatZsh, fish: formatFish }[shell];
  return `${format(program, commands).join("\n")}\n`;
}

function formatBash(
  program: string,
  commands: readonly CompletedCommand[],
): string[] {
  const words = (entries: readonly CompletedCommand[]) =>
    entries.map(({ word }) => word).join(" ");
  const caseOf = (
    path: string,
    { spec, commands }: CompletedCommand,
  ): string[] =>
    commands !== undefined
      ? [
        `  "${path} ") words="${words(commands)}" ;;`,
        ...commands.flatMap((one) => caseOf(`${path} ${one.word}`, one)),
      ]
      : spec === undefined
      ? []
      : [
        `  "${path} "*)`,
        "    case $before in",
        ...bashFlags(spec),
        "    esac ;;",
      ];
  const scripts = scriptsOf(commands);
  return [
    `# Use: eval "$(${program} completions bash)"`,
    `_${program}_words() {`,
    '  local current=$1 before=$2 typed=$3 words="" prefix="" list=""',
    "  case $typed in",
    `  " ") words="${words(commands)}" ;;`,
    ...commands.flatMap((one) => caseOf(one.word, one)),
    "  esac",
    "  # Of a list the last part is completed.",
    "  if [[ -n $list && $current == *,* ]]; then",
    '    prefix="${current%,*}," current=${current##*,}',
    "  fi",
    '  COMPREPLY=($(compgen -P "$prefix" -W "$words" -- "$current"))',
    "}",
    `_${program}_from() {`,
    "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
    "  # The equals sign is a word of its own.",
    "  if [[ $before == = ]]; then",
    "    before=${COMP_WORDS[COMP_CWORD-2]}",
    "  elif [[ $current == = ]]; then",
    '    current=""',
    "  fi",
    `  _${program}_words "$current" "$before" "$1"`,
    "}",
    `_${program}() {`,
    `  _${program}_from "\${COMP_WORDS[*]:1:COMP_CWORD-1} "`,
    "}",
    `_${program}_script() {`,
    '  local name=${COMP_WORDS[0]##*/} typed=""',
    '  (( COMP_CWORD > 1 )) && typed="${COMP_WORDS[*]:1:COMP_CWORD-1} "',
    `  _${program}_from "\${name%.ts} $typed"`,
    "}",
    `_${program}_deno() {`,
    "  local line=${COMP_LINE:0:COMP_POINT} rest",
    `  local task='^[^ ]+ +task +(-[^ ]+ +)*(${
      scripts.join("|")
    })(:[a-z]+)? +(.*)$'`,
    "  if [[ $line =~ $task ]]; then",
    "    rest=${BASH_REMATCH[4]}",
    '    if [[ $rest == *" "* ]]; then rest="${rest% *} "; else rest=""; fi',
    `    _${program}_from "\${BASH_REMATCH[2]} $rest"`,
    `  elif [[ -n $_${program}_deno_other ]]; then`,
    `    "$_${program}_deno_other" "$@"`,
    "  fi",
    "}",
    // What deno itself has, or another tool added, goes on.
    `if [[ $(complete -p deno 2>/dev/null) =~ -F\\ ([^\\ ]+) && \${BASH_REMATCH[1]} != _${program}_deno ]]; then`,
    `  _${program}_deno_other=\${BASH_REMATCH[1]}`,
    "fi",
    // Where nothing fits, a file may.
    `complete -o default -F _${program} ${program}`,
    `complete -o default -F _${program}_script ${
      scripts.map((word) => `${word}.ts`).join(" ")
    }`,
    `complete -o default -F _${program}_deno deno`,
  ];
}

/** The commands that are scripts and tasks as well. */
function scriptsOf(commands: readonly CompletedCommand[]): string[] {
  return commands.filter(({ word }) => word !== "completions")
    .map(({ word }) => word);
}

/** Tells whether a flag takes several values with commas between them. */
function isList({ kind }: Flag): boolean {
  return kind === "texts" || kind === "integers";
}

/** Returns the cases of the word before: a flag's values, or all flags. */
function bashFlags(spec: CommandSpec): string[] {
  const flags = flagsOf(spec);
  const valued = flags.filter(({ kind }) => kind !== "switch");
  const free = valued.filter(({ choices }) => choices === undefined);
  return [
    ...valued.flatMap((flag) =>
      flag.choices === undefined ? [] : [
        `    ${dashed(flag).join("|")}) words="${flag.choices.join(" ")}"${
          isList(flag) ? " list=1" : ""
        } ;;`,
      ]
    ),
    ...free.length === 0 ? [] : [`    ${free.flatMap(dashed).join("|")}) ;;`],
    `    *) words="${flags.flatMap(dashed).join(" ")}" ;;`,
  ];
}

function formatZsh(
  program: string,
  commands: readonly CompletedCommand[],
): string[] {
  // Words from this one on belong to the level.
  const level = (
    at: number,
    entries: readonly CompletedCommand[],
  ): string[] => [
    `if (( CURRENT == ${at} )); then`,
    `  commands=(${
      entries.map(({ word, summary }) => quoted(`${word}:${summary}`)).join(" ")
    })`,
    "  _describe command commands",
    `else case $words[${at}] in`,
    ...entries.flatMap(({ word, spec, commands }) => {
      const inner = commands !== undefined
        ? level(at + 1, commands)
        : spec !== undefined
        ? [
          `shift ${at - 1} words; (( CURRENT -= ${at - 1} ))`,
          `_arguments ${zshArguments(spec).map(quoted).join(" ")}`,
        ]
        : [];
      return inner.length === 0 ? [] : [`${word})`, ...inner, ";;"];
    }),
    "esac fi",
  ];
  return [
    `#compdef ${program}`,
    `# Use: source <(${program} completions zsh), or keep it as _${program} in a folder of $fpath`,
    `compdef _${program} ${program}`,
    `_${program}() {`,
    "local -a commands",
    ...level(2, commands),
    "}",
    `_${program}_script() {`,
    `  words=(${program} \${\${words[1]:t}%.ts} "\${(@)words[2,-1]}")`,
    `  (( CURRENT += 1 )); _${program}`,
    "}",
    `_${program}_deno() {`,
    "  local at=3",
    "  while [[ $words[at] == -* ]]; do (( at += 1 )); done",
    `  if [[ $words[2] == task && \${words[at]%%:*} == (${
      scriptsOf(commands).join("|")
    }) ]] && (( CURRENT > at )); then`,
    `    words=(${program} \${words[at]%%:*} "\${(@)words[at+1,-1]}")`,
    `    (( CURRENT -= at - 2 )); _${program}`,
    "  elif (( $+functions[_deno] )); then",
    '    _deno "$@"',
    "  else",
    "    _files",
    "  fi",
    "}",
    `compdef _${program}_script ${
      scriptsOf(commands).map((word) => `${word}.ts`).join(" ")
    }`,
    `compdef _${program}_deno deno`,
    `if [[ $funcstack[1] == _${program} ]]; then _${program} "$@"; fi`,
  ];
}

function zshArguments(spec: CommandSpec): string[] {
  const { operands } = spec;
  return [
    ...flagsOf(spec).flatMap(zshFlag),
    ...operands === undefined ? [] : [`*:${zshText(operands.name)}:_files`],
  ];
}

function formatFish(
  program: string,
  commands: readonly CompletedCommand[],
): string[] {
  const level = (
    condition: string,
    path: readonly string[],
    entries: readonly CompletedCommand[],
  ): string[] =>
    entries.flatMap(({ word, summary, spec, commands }) => {
      const seen = [...path, `__fish_seen_subcommand_from ${word}`];
      const line = (rest: string) =>
        `complete -c ${program} -n ${quoted(seen.join("; and "))} ${rest}`;
      return [
        `complete -c ${program} -n ${quoted(condition)} -a ${word} -d ${
          quoted(summary)
        }`,
        ...spec?.operands === undefined ? [] : [line("-F")],
        ...spec === undefined
          ? []
          : flagsOf(spec).map((flag) => fishFlag(flag, program)).map(line),
        ...commands === undefined ? [] : level(
          `${seen.join("; and ")}; and not __fish_seen_subcommand_from ${
            commands.map((one) => one.word).join(" ")
          }`,
          seen,
          commands,
        ),
      ];
    });
  const scripts = scriptsOf(commands);
  return [
    `# Use: ${program} completions fish | source`,
    "# Of a list the last part is completed.",
    `function __${program}_list`,
    '  set -l typed (string replace -r "^--[^=]*=" "" -- (commandline -ct))',
    '  set -l before (string replace -r "[^,]*\$" "" -- $typed)',
    "  for choice in $argv; echo $before$choice; end",
    "end",
    `complete -c ${program} -f`,
    ...level("__fish_use_subcommand", [], commands),
    // The same flags where a script, or a task of it, is run.
    ...commands.filter(({ word }) => scripts.includes(word)).flatMap(
      ({ word, spec }) =>
        spec === undefined
          ? []
          : flagsOf(spec).map((flag) => fishFlag(flag, program)).flatMap((
            rest,
          ) => [
            `complete -c ${word}.ts ${rest}`,
            `complete -c deno -n ${
              quoted(
                `__fish_seen_subcommand_from task; and string match -qr '^${word}(:|$)' -- (commandline -opc)`,
              )
            } ${rest}`,
          ]),
    ),
  ];
}

function dashed({ name, short }: Flag): string[] {
  return [`--${name}`, ...short === undefined ? [] : [`-${short}`]];
}

/** Tells whether the value of a flag is the name of a file. */
function isPath(flag: Flag): boolean {
  return /^(?:FILE|PATH|FOLDER|DIR)$/.test(placeholderOf(flag));
}

function zshFlag(flag: Flag): string[] {
  const values = flag.choices === undefined
    ? isPath(flag) ? "_files" : " "
    : isList(flag)
    ? `_values -s , ${flag.name} ${flag.choices.join(" ")}`
    : `(${flag.choices.join(" ")})`;
  const rest = flag.kind === "switch"
    ? ""
    : `:${zshText(placeholderOf(flag))}:${values}`;
  const sign = flag.kind === "switch" ? ["", ""] : ["=", "+"];
  return dashed(flag).map((name) =>
    `${flag.repeat ? "*" : ""}${name}${sign[name.startsWith("--") ? 0 : 1]}[${
      zshText(flag.help)
    }]${rest}`
  );
}

/** Escapes what `_arguments` gives a meaning. */
function zshText(text: string): string {
  return text.replace(/[\\[\]:]/g, "\\$&");
}

function fishFlag(flag: Flag, program: string): string {
  const { name, short, kind, choices, help } = flag;
  const value = kind === "switch" ? [] : choices !== undefined
    ? [
      "-x",
      `-a ${
        quoted(
          isList(flag)
            ? `(__${program}_list ${choices.join(" ")})`
            : choices.join(" "),
        )
      }`,
    ]
    : isPath(flag)
    ? ["-r", "-F"]
    : ["-x"];
  return [
    `-l ${name}`,
    ...short === undefined ? [] : [`-s ${short}`],
    ...value,
    `-d ${quoted(help)}`,
  ].join(" ");
}

/** Quotes a word for a POSIX shell and zsh; fish reads it alike, as no text ends in a backslash. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
