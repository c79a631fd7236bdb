/**
 * The entry of the executable, which needs a single one: every script as a subcommand, and completions.
 *
 * A baseline inside the executable is named `embedded:FILE`.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import config from "./deno.json" with { type: "json" };
import { complain, say } from "./lib/cli/command_line.ts";
import {
  type CompletedCommand,
  formatCompletions,
  type Shell,
  SHELLS,
} from "./lib/cli/completions.ts";

interface Subcommand {
  readonly summary: string;
  /** Of the permissions of the executable, those that the command does without. */
  readonly drops: readonly Deno.PermissionName[];
  readonly run: (args: readonly string[]) => Promise<number>;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  bench: {
    summary: "measure a profile, compare with a baseline, gate",
    drops: [],
    run: async (args) => (await import("./bench.ts")).main(args),
  },
  stress: {
    summary: "run stress scenarios and judge them",
    drops: [],
    run: async (args) => (await import("./stress.ts")).main(args),
  },
  report: {
    summary: "render or compare stored runs; no network",
    drops: ["net", "run", "env", "sys"],
    run: async (args) => (await import("./report.ts")).main(args),
  },
  sim: {
    summary: "serve the simulated engine",
    drops: ["write", "run", "env", "sys"],
    run: async (args) => (await import("./sim.ts")).main(args),
  },
  completions: {
    summary: `print completions for ${SHELLS.join(", ")}`,
    drops: ["net", "write", "run", "env", "sys"],
    run: printCompletions,
  },
};

const BASELINES = new URL("./baselines/", import.meta.url);
const EMBEDDED_REGEXP = /^(--[\w-]+=)?embedded:(.*)$/s;

/**
 * Runs the subcommand that the first word names; returns the exit code.
 * The whole process gives up the permissions that the command does without.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(SUBCOMMANDS, name)
    ? SUBCOMMANDS[name]
    : undefined;
  if (command === undefined) return overview(name);
  const wanted = rest.flatMap((arg) => EMBEDDED_REGEXP.exec(arg)?.[2] ?? []);
  const embedded = wanted.length === 0 ? [] : embeddedBaselines();
  const unknown = wanted.find((file) => !embedded.includes(file));
  if (unknown !== undefined) {
    return complain(
      `Cannot read the embedded baseline ${
        JSON.stringify(unknown)
      }: expected one of ${embedded.join(", ")}`,
      2,
    );
  }
  for (const permission of command.drops) {
    await Deno.permissions.revoke({ name: permission });
  }
  return await command.run(
    rest.map((arg) =>
      arg.replace(
        EMBEDDED_REGEXP,
        (_, flag = "", file: string) =>
          flag + fromFileUrl(new URL(file, BASELINES)),
      )
    ),
  );
}

/** Lists the baselines inside the executable. */
function embeddedBaselines(): string[] {
  try {
    return [...Deno.readDirSync(BASELINES)].map(({ name }) => name)
      .filter((name) => name.endsWith(".csv")).toSorted();
  } catch (error) {
    // Compiled without any.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Shows what there is; an error unless that was asked for. */
function overview(name: string): number {
  if (name === "--version") return say(`scorebench ${config.version}`);
  const text = [
    "Measures and gates POST /v1/score of SGLang and SGLang-JAX servers.",
    "",
    "Usage: scorebench COMMAND [FLAGS]",
    "",
    "Commands, each with --help:",
    ...Object.entries(SUBCOMMANDS).map(([word, { summary }]) =>
      `  ${word.padEnd(COMMAND_COLUMNS)}${summary}`
    ),
    "",
    "Baselines inside, each written as embedded:FILE:",
    ...embeddedBaselines().map((file) => `  embedded:${file}`),
  ].join("\n");
  if (name === "--help" || name === "-h") return say(text);
  return complain(
    `Cannot run ${
      JSON.stringify(name)
    }: expected a command as the first word\n${text}`,
    2,
  );
}

const COMMAND_COLUMNS = 14;

async function printCompletions(args: readonly string[]): Promise<number> {
  const [shell] = args;
  if (args.length !== 1 || !isShell(shell)) {
    return complain(
      `Cannot print completions: expected one of ${
        SHELLS.join(", ")
      } as the only word`,
      2,
    );
  }
  const { BENCH_COMMAND } = await import("./lib/commands/bench.ts");
  const { STRESS_COMMAND } = await import("./lib/commands/stress.ts");
  const { COMPARE_COMMAND, RENDER_COMMAND, TREND_COMMAND } = await import(
    "./report.ts"
  );
  const { SIM_COMMAND } = await import("./lib/commands/sim.ts");
  const below: Readonly<Record<string, Partial<CompletedCommand>>> = {
    bench: { spec: BENCH_COMMAND },
    stress: { spec: STRESS_COMMAND },
    report: {
      spec: RENDER_COMMAND,
      commands: [
        {
          word: "compare",
          summary: COMPARE_COMMAND.summary,
          spec: COMPARE_COMMAND,
        },
        { word: "trend", summary: TREND_COMMAND.summary, spec: TREND_COMMAND },
      ],
    },
    sim: { spec: SIM_COMMAND },
    completions: {
      commands: SHELLS.map((word) => ({
        word,
        summary: `completions for ${word}`,
      })),
    },
  };
  const commands = Object.entries(SUBCOMMANDS).map(([word, { summary }]) => ({
    word,
    summary,
    ...below[word],
  }));
  return say(formatCompletions(shell, "scorebench", commands));
}

function isShell(word: string | undefined): word is Shell {
  return SHELLS.some((shell) => shell === word);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
