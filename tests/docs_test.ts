import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import type { CommandSpec } from "../lib/cli/command_spec.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { BENCH_COMMAND } from "../lib/commands/bench.ts";
import { readBenchFlags } from "../lib/commands/bench_flags.ts";
import { STRESS_COMMAND } from "../lib/commands/stress.ts";
import { OUTCOMES } from "../lib/outcome.ts";
import {
  COMPARE_COMMAND,
  MERGE_COMMAND,
  RENDER_COMMAND,
  TREND_COMMAND,
} from "../lib/commands/report.ts";
import { flagsPage } from "../tasks/flags.ts";
import { SIM_COMMAND } from "../lib/commands/sim.ts";

const ROOT = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const README = read("README.md");
/** The pages that people read, by their paths. */
const PAGES: Readonly<Record<string, string>> = Object.fromEntries([
  "README.md",
  ".github/CONTRIBUTING.md",
  "baselines/README.md",
  ...[...Deno.readDirSync(new URL("docs", ROOT))].map(({ name }) => name)
    .filter((name) => name.endsWith(".md")).toSorted()
    .map((name) => `docs/${name}`),
].map((path) => [path, read(path)]));
const TASKS: Readonly<Record<string, { readonly command: string }>> =
  config.tasks;
const SPECS: Readonly<Record<string, CommandSpec>> = {
  "report.ts": RENDER_COMMAND,
  "report.ts compare": COMPARE_COMMAND,
  "report.ts trend": TREND_COMMAND,
  "report.ts merge": MERGE_COMMAND,
  "bench.ts": BENCH_COMMAND,
  "sim.ts": SIM_COMMAND,
  "stress.ts": STRESS_COMMAND,
};

/** The lines of all `sh` blocks without comments. */
function commands(): string[] {
  const text = Object.values(PAGES).join("\n");
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((block) =>
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

/** The name of a task in a command line; `-q` may stand before it. */
function taskOf(argv: readonly string[]): string {
  return argv.slice(argv.indexOf("task") + 1)
    .find((word) => !word.startsWith("-")) ?? "";
}

/** Tells whether a word of a command is a file of the repository. */
function isFile(word: string): boolean {
  try {
    return word.includes("/") && Deno.statSync(new URL(word, ROOT)).isFile;
  } catch {
    return false;
  }
}

/** What is run in the end: the script and its arguments. */
function scriptOf(
  argv: readonly string[],
): { script: string; args: string[] } | null {
  const task = argv.indexOf("task");
  const named = taskOf(argv);
  const line = task < 0 ? [...argv] : [
    ...words(TASKS[named]?.command ?? ""),
    ...argv.slice(argv.indexOf(named) + 1),
  ];
  const at = line.findIndex((word) => Object.hasOwn(SPECS, word));
  // report.ts has commands of its own.
  const pair = `${line[at]} ${line[at + 1]}`;
  if (Object.hasOwn(SPECS, pair)) line.splice(at, 2, pair);
  const script = line[at];
  return script === undefined ? null : { script, args: line.slice(at + 1) };
}

Deno.test("the pages have commands, and each names a task or a script that exists", () => {
  const found = commands();
  assert(found.length >= 7, `only ${found.length} commands were found`);
  for (const line of found) {
    const argv = words(line);
    const task = argv.indexOf("task");
    if (task >= 0) assert(TASKS[taskOf(argv)] !== undefined, line);
    else assert(scriptOf(argv) !== null || argv.some(isFile), line);
  }
});

for (const line of commands()) {
  const target = scriptOf(words(line));
  if (target === null) continue;
  Deno.test(`the pages: flags are accepted in: ${line}`, () => {
    const spec = SPECS[target.script];
    assert(spec !== undefined);
    assertEquals(parseFlags(spec, target.args).action, "run");
    if (target.script !== "bench.ts") return;
    const parsed = parseFlags(BENCH_COMMAND, target.args);
    if (parsed.action === "run") readBenchFlags(parsed.flags, null);
  });
}

Deno.test("docs/flags.md is what deno task flags writes", () => {
  assertEquals(PAGES["docs/flags.md"], flagsPage());
});

Deno.test("README.md can be read in three minutes, and leads to every page of docs/", () => {
  assert(README.split("\n").length <= 200);
  for (const path of Object.keys(PAGES)) {
    if (path.startsWith("docs/")) assert(README.includes(`](${path})`), path);
  }
});

Deno.test("README.md has the placeholder that the release fills", () => {
  assert(README.includes("\ngit clone REPOSITORY && cd scorebench\n"));
  assert(
    read(".github/workflows/release.yaml").includes(
      'sed "s|git clone REPOSITORY|',
    ),
  );
});

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s-]/gu, "")
    .trim().replaceAll(" ", "-");
}

for (const [path, text] of Object.entries(PAGES)) {
  Deno.test(`${path}: what it links to is there, anchors too`, () => {
    const plain = text.replaceAll(/```[\s\S]*?```/g, "");
    for (const [, link = ""] of plain.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [file = "", anchor] = link.split("#");
      const target = file === ""
        ? new URL(path, ROOT)
        : new URL(file, new URL(path, ROOT));
      const found = Deno.statSync(target);
      if (anchor === undefined) continue;
      assert(found.isFile, link);
      const anchors = [
        ...Deno.readTextFileSync(target).matchAll(/^#+ (.+)$/gm),
      ].map(([, heading = ""]) => anchorOf(heading));
      assert(anchors.includes(anchor), link);
    }
    // What is written as [name] is defined.
    for (
      const [, name = ""] of plain.matchAll(/\[([a-z][\w .-]+)\](?![(:\w])/gi)
    ) {
      const isTable = /^\|/.test(name);
      if (isTable || plain.includes(`[${name}]: `)) continue;
      assert(/`[^`]*\[[^`]*`/.test(plain), `${path}: [${name}]`);
    }
  });

  Deno.test(`${path}: tables of figures say which command made them`, () => {
    const blocks = text.split(/\n(?=#+ )/);
    for (const block of blocks) {
      if (!/^\| *figure/m.test(block)) continue;
      assert(/`deno task [\w:]+`/.test(block), block.slice(0, 80));
    }
  });
}

Deno.test("docs/measuring.md names every outcome that bench.ts can show", () => {
  const explained = [
    ...(PAGES["docs/measuring.md"] ?? "").matchAll(
      /^\| `([\w-]+)` +\| \w[^|]{10,}\|$/gm,
    ),
  ]
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
