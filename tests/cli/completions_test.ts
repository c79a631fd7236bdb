// The scripts are loaded into the shells themselves, where they are installed.
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { CommandSpec } from "../../lib/cli/command_spec.ts";
import {
  type CompletedCommand,
  formatCompletions,
  type Shell,
} from "../../lib/cli/completions.ts";

const SPEC: CommandSpec = {
  name: "tool run",
  summary: "Runs it: [all] of it.",
  groups: [{
    title: "Flags",
    flags: [
      {
        name: "mode",
        kind: "text",
        choices: ["fast", "slow"],
        help: "It's a [mode]: $(echo no)",
      },
      {
        name: "output",
        short: "o",
        kind: "text",
        repeat: true,
        placeholder: "FILE",
        help: "Where",
      },
      {
        name: "parts",
        kind: "texts",
        choices: ["one", "two", "three"],
        help: "Which",
      },
      { name: "num-runs", kind: "integer", help: "How many" },
      { name: "quiet", short: "q", kind: "switch", help: "No progress" },
    ],
  }],
};
const FILES: CommandSpec = {
  name: "tool show each",
  summary: "Shows files.",
  groups: [],
  operands: { name: "files", min: 1, max: 2, help: "The files" },
};
const COMMANDS: CompletedCommand[] = [
  { word: "run", summary: SPEC.summary, spec: SPEC },
  {
    word: "show",
    summary: "shows",
    commands: [
      { word: "each", summary: FILES.summary, spec: FILES },
      { word: "all", summary: "shows all" },
    ],
  },
];

function script(shell: Shell): string {
  return formatCompletions(shell, "tool", COMMANDS);
}

/** Runs a shell; null where it is not installed. */
async function runShell(
  shell: Shell,
  args: readonly string[],
): Promise<string | null> {
  try {
    const { stdout, stderr } = await new Deno.Command(shell, {
      args: [...args],
      env: { "HOME": "/nonexistent" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stderr), "");
    return decoder.decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What bash offers for the last of these words. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const out = await runShell("bash", [
    "--norc",
    "-c",
    `${script("bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tool; printf '%s\\n' "\${COMPREPLY[@]}"`,
    "bash",
    ...words,
  ]);
  return (out ?? "").split("\n").filter((word) => word !== "");
}

Deno.test("formatCompletions() gives bash commands, flags and values", async () => {
  if (await runShell("bash", ["-c", ":"]) === null) return;
  assertEquals(await bashOffers("tool", ""), ["run", "show"]);
  assertEquals(await bashOffers("tool", "sh"), ["show"]);
  assertEquals(await bashOffers("tool", "show", ""), ["each", "all"]);
  assertEquals(await bashOffers("tool", "run", "--m"), ["--mode"]);
  assertEquals(await bashOffers("tool", "run", "--mode", ""), ["fast", "slow"]);
  assertEquals(await bashOffers("tool", "run", "--mode", "=", "s"), ["slow"]);
  assertEquals(await bashOffers("tool", "run", "--mode", "="), [
    "fast",
    "slow",
  ]);
  assertEquals(await bashOffers("tool", "run", "-q", "--mode", "f"), ["fast"]);
  assertEquals(await bashOffers("tool", "run", "--output", ""), []);
  assertEquals(await bashOffers("tool", "show", "each", "--h"), ["--help"]);
  assertEquals(await bashOffers("tool", "show", "all", ""), []);
});

/** What bash offers at the end of a line whose first word has a completion of its own. */
async function bashCompletes(line: string): Promise<string[]> {
  const words = line.split(" ");
  const out = await runShell("bash", [
    "--norc",
    "-c",
    `_other() { COMPREPLY=(other); }
complete -F _other deno
${script("bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
[[ $(complete -p "\${1##*/}") =~ -F\\ ([^\\ ]+) ]] && "\${BASH_REMATCH[1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`,
    "bash",
    ...words,
  ]);
  return (out ?? "").split("\n").filter((word) => word !== "");
}

Deno.test("formatCompletions() serves scripts and tasks too, and completes after a comma", async () => {
  if (await runShell("bash", ["-c", ":"]) === null) return;
  assertEquals(await bashCompletes("run.ts --m"), ["--mode"]);
  assertEquals(await bashCompletes("./run.ts --mode "), ["fast", "slow"]);
  assertEquals(await bashCompletes("show.ts "), ["each", "all"]);
  assertEquals(await bashCompletes("deno task run --mode f"), ["fast"]);
  assertEquals(await bashCompletes("deno task -q run -q --mode f"), ["fast"]);
  assertEquals(await bashCompletes("deno task run:smoke --num-runs 2 --m"), [
    "--mode",
  ]);
  assertEquals(await bashCompletes("deno task show "), ["each", "all"]);
  // What deno itself completes is left alone.
  assertEquals(await bashCompletes("deno task oth"), ["other"]);
  assertEquals(await bashCompletes("tool run --parts one,t"), [
    "one,two",
    "one,three",
  ]);
  assertEquals(await bashCompletes("tool run --mode fast,s"), []);
});

Deno.test("formatCompletions() gives fish commands, flags and values", async () => {
  const offers = async (line: string) => {
    const out = await runShell("fish", [
      "--no-config",
      "-c",
      `${script("fish")}\ncomplete -C '${line}'`,
    ]);
    return out?.split("\n").filter((one) => one !== "") ?? null;
  };
  if (await offers("tool ") === null) return;
  assertEquals(await offers("tool "), [
    "run\tRuns it: [all] of it.",
    "show\tshows",
  ]);
  assertEquals(await offers("tool show "), [
    "all\tshows all",
    "each\tShows files.",
  ]);
  assertEquals(await offers("tool run --mode "), [
    "fast\tIt's a [mode]: $(echo no)",
    "slow\tIt's a [mode]: $(echo no)",
  ]);
  assertEquals(await offers("tool run --q"), ["--quiet\tNo progress"]);
  assertEquals(await offers("tool run --num-runs=deno"), []);
  assertStringIncludes(String(await offers("tool run -o deno.j")), "deno.json");
  assertStringIncludes(
    String(await offers("tool show each deno.j")),
    "deno.json",
  );
});

Deno.test("formatCompletions() gives zsh a script that loads and calls its helpers with whole words", async () => {
  // What _arguments and _describe make of them needs a terminal; stand-ins show what they get.
  const calls = async (current: number, ...words: string[]) => {
    const out = await runShell("zsh", [
      "-f",
      "-c",
      `compdef() { :; }
_arguments() { print -rl -- "$CURRENT \${words[*]}" "$@"; }
_describe() { print -rl -- "\${commands[@]}"; }
${script("zsh")}
words=("$@"); CURRENT=${current}; _tool`,
      "zsh",
      ...words,
    ]);
    return out?.trimEnd().split("\n") ?? null;
  };
  if (await calls(2, "tool", "") === null) return;
  assertEquals(await calls(2, "tool", ""), [
    "run:Runs it: [all] of it.",
    "show:shows",
  ]);
  assertEquals(await calls(3, "tool", "show", ""), [
    "each:Shows files.",
    "all:shows all",
  ]);
  assertEquals(await calls(4, "tool", "show", "each", ""), [
    "2 each ",
    "--help[Show this help]",
    "-h[Show this help]",
    "--version[Show the version]",
    "*:files:_files",
  ]);
  assertEquals(await calls(4, "tool", "show", "all", ""), [""]);
  assertEquals((await calls(3, "tool", "run", ""))?.slice(0, 6), [
    "2 run ",
    "--mode=[It's a \\[mode\\]\\: $(echo no)]:TEXT:(fast slow)",
    "*--output=[Where]:FILE:_files",
    "*-o+[Where]:FILE:_files",
    "--parts=[Which]:LIST:_values -s , parts one two three",
    "--num-runs=[How many]:N: ",
  ]);
  assertEquals((await calls(2, "run.ts", ""))?.[0], "2 run ");
});
