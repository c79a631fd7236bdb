import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import type { CommandSpec } from "../lib/cli/command_spec.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { formatHelp } from "../lib/cli/help.ts";
import { BENCH_COMMAND } from "../lib/commands/bench.ts";
import { readBenchFlags } from "../lib/commands/bench_flags.ts";
import { STRESS_COMMAND } from "../lib/commands/stress.ts";
import { OUTCOMES } from "../lib/outcome.ts";
import { COMPARE_COMMAND, RENDER_COMMAND, TREND_COMMAND } from "../report.ts";
import { SIM_COMMAND } from "../lib/commands/sim.ts";

const README = await Deno.readTextFile(
  new URL("../README.md", import.meta.url),
);
const TASKS: Readonly<Record<string, { readonly command: string }>> =
  config.tasks;
const SPECS: Readonly<Record<string, CommandSpec>> = {
  "report.ts": RENDER_COMMAND,
  "report.ts compare": COMPARE_COMMAND,
  "report.ts trend": TREND_COMMAND,
  "bench.ts": BENCH_COMMAND,
  "sim.ts": SIM_COMMAND,
  "stress.ts": STRESS_COMMAND,
};

/** The lines of all `sh` blocks without comments. */
function commands(): string[] {
  return [...README.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((block) =>
    (block[1] ?? "").split("\n").map((line) => line.replace(/(^|\s)#.*/, ""))
      .map((line) => line.trim()).filter((line) => line !== "")
  );
}

/** Splits a line as a shell would: words, and single quotes around spaces. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) =>
    match[1] ?? match[2] ?? ""
  );
}

/** What is run in the end: the script and its arguments. */
function scriptOf(
  argv: readonly string[],
): { script: string; args: string[] } | null {
  const task = argv.indexOf("task");
  const line = task < 0 ? [...argv] : [
    ...words(TASKS[argv[task + 1] ?? ""]?.command ?? ""),
    ...argv.slice(task + 2),
  ];
  const at = line.findIndex((word) => Object.hasOwn(SPECS, word));
  // report.ts has commands of its own.
  const named = `${line[at]} ${line[at + 1]}`;
  if (Object.hasOwn(SPECS, named)) line.splice(at, 2, named);
  const script = line[at];
  return script === undefined ? null : { script, args: line.slice(at + 1) };
}

Deno.test("README.md has commands, and each names a task or a script that exists", () => {
  const found = commands();
  assert(found.length >= 7, `only ${found.length} commands were found`);
  for (const line of found) {
    const argv = words(line);
    const task = argv.indexOf("task");
    if (task >= 0) assert(TASKS[argv[task + 1] ?? ""] !== undefined, line);
    else assert(scriptOf(argv) !== null, line);
  }
});

for (const line of commands()) {
  const target = scriptOf(words(line));
  if (target === null) continue;
  Deno.test(`README.md: flags are accepted in: ${line}`, () => {
    const spec = SPECS[target.script];
    assert(spec !== undefined);
    assertEquals(parseFlags(spec, target.args).action, "run");
    if (target.script !== "bench.ts") return;
    const parsed = parseFlags(BENCH_COMMAND, target.args);
    if (parsed.action === "run") readBenchFlags(parsed.flags, null);
  });
}

for (const [script, spec] of Object.entries(SPECS)) {
  const marker = `<!-- help of ${script} -->`;
  if (!README.includes(marker)) continue;
  Deno.test(`README.md holds the help of ${script}`, () => {
    const after = README.slice(README.indexOf(marker));
    const shown = /```text\n([\s\S]*?)```/.exec(after)?.[1];
    assertEquals(shown, formatHelp(spec));
  });
}

Deno.test("README.md names every outcome that bench.ts can show", () => {
  const explained = [...README.matchAll(/^\| `([\w-]+)` +\| \w[^|]{10,}\|$/gm)]
    .map(([, outcome]) => outcome);
  const hidden = ["ok", "aborted", "dropped"];
  for (const outcome of OUTCOMES.filter((name) => !hidden.includes(name))) {
    assert(explained.includes(outcome), outcome);
  }
});

for (const name of ["bench", "stress", "report", "sim"] as const) {
  Deno.test(`${name}.ts runs by itself with exactly the permissions of its task`, () => {
    const path = new URL(`../${name}.ts`, import.meta.url);
    const [shebang] = Deno.readTextFileSync(path).split("\n");
    assertEquals(
      `${shebang} ${name}.ts`,
      `#!/usr/bin/env -S ${config.tasks[name].command}`,
    );
    const { mode } = Deno.statSync(path);
    assertEquals((mode ?? 0) & 0o100, 0o100);
  });
}
