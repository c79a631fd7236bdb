import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import config from "../deno.json" with { type: "json" };
import {
  assertMeasuredOrBusy,
  makeTestFolder,
} from "./support/bench_runner.ts";

const TASKS: Readonly<Record<string, { readonly command: string }>> =
  config.tasks;

/** The command that makes the executable. */
const COMPILE = TASKS["compile"]?.command ?? "";

/** Its words, without what another command adds. */
function compileWords(): string[] {
  return COMPILE.replace(/\$\(.*?\)/, "").split(" ");
}

/** Runs the entry as the executable does, with its permissions. */
async function runEntry(...args: string[]) {
  const permissions = compileWords().filter((word) =>
    word === "--no-prompt" || /^--(?:allow|deny|v8)-/.test(word)
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "main.ts", ...args],
    env: { "SCORE_URL": "", "SCORE_API_KEY": "", "NO_COLOR": "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("main() shows the commands in 80 columns, and the version", async () => {
  const help = await runEntry("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  for (const line of help.stdout.split("\n")) {
    assertLessOrEqual(line.length, 80);
  }
  for (
    const word of [
      "bench",
      "report",
      "sim",
      "completions",
      "embedded:simulated-smoke.csv",
    ]
  ) {
    assertStringIncludes(help.stdout, `  ${word}`);
  }
  assertEquals(await runEntry("--version"), {
    code: 0,
    stdout: `scorebench ${config.version}\n`,
    stderr: "",
  });
});

Deno.test("main() refuses a command and an embedded baseline that are not there", async () => {
  const unknown = await runEntry("toString");
  assertEquals([unknown.code, unknown.stdout], [2, ""]);
  assertStringIncludes(
    unknown.stderr,
    'Cannot run "toString": expected a command as the first word',
  );
  const escape = await runEntry(
    "report",
    "compare",
    "embedded:../deno.json",
    "x",
  );
  assertEquals(escape.code, 2);
  assertStringIncludes(
    escape.stderr,
    'embedded baseline "../deno.json": expected one of simulated-smoke.csv',
  );
  assertEquals((await runEntry("completions", "tcsh")).code, 2);
});

Deno.test("main() runs each command by the executable's permissions, with its own worker and embedded files", async () => {
  await using folder = await makeTestFolder();
  const output = `${folder.path}/run.csv`;
  const bench = await runEntry(
    ...[
      "bench",
      "--batch-sizes=1",
      "--num-labels=2",
      "--num-runs=2",
      "--quiet",
    ],
    `--output=${output}`,
  );
  await assertMeasuredOrBusy(bench, `${folder.path}/run.run.json`);
  assertMatch(bench.stdout, /1 cell measured|0 of 1 cell measured/);
  assert(!bench.stderr.includes("NotCapable"));
  assertStringIncludes(await Deno.readTextFile(output), "throughput_ips");
  const embedded = "embedded:simulated-smoke.csv";
  const compare = await runEntry("report", "compare", embedded, embedded);
  assertEquals([compare.code, compare.stderr], [0, ""]);
  assertStringIncludes(compare.stdout, "All 6 cells passed");
  const completions = await runEntry("completions", "bash");
  assertEquals([completions.code, completions.stderr], [0, ""]);
  assertStringIncludes(
    completions.stdout,
    '--profile) words="smoke standard full capacity" ;;',
  );
});

Deno.test("main() gives up the permissions that a command does without", async () => {
  for (
    const [words, given] of [
      [["report", "--version"], ["read", "write"]],
      [["completions", "fish"], ["read"]],
      [["sim", "--version"], ["net", "read"]],
      [["bench", "--version"], ["net", "read", "run", "write"]],
    ] as const
  ) {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { main } from "${new URL("../main.ts", import.meta.url)}";
console.log = () => {};
await main(${JSON.stringify(words)});
const names = ["net", "read", "run", "write"];
const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
console.error(names.filter((_, i) => states[i].state === "granted").join());`,
      ],
    }).output();
    assertEquals(
      [
        new TextDecoder().decode(stdout),
        new TextDecoder().decode(stderr).trim(),
      ],
      ["", given.join()],
      words.join(" "),
    );
  }
});

Deno.test("deno task compile includes every worker of lib/", () => {
  const words = compileWords();
  const included = words.filter((_, i) => words[i - 1] === "--include");
  const folders = [...Deno.readDirSync("lib")]
    .filter((entry) => entry.isDirectory)
    .map(({ name }) => `lib/${name}`);
  const workers = folders.flatMap((folder) =>
    [...Deno.readDirSync(folder)]
      .filter(({ name }) => name.endsWith(".ts"))
      .flatMap(({ name }) => [
        ...Deno.readTextFileSync(`${folder}/${name}`).matchAll(
          /new URL\("\.\/([^"]+)", import\.meta\.url\)/g,
        ),
      ])
      .map(([, file]) => `${folder}/${file}`)
  );
  assertEquals(
    included.toSorted(),
    ["baselines", ...new Set(workers)].toSorted(),
  );
});

Deno.test("the executable has the V8 flags of the task stress", () => {
  const flags = (command = "") => command.match(/--v8-flags=\S+/g);
  assertEquals(flags(COMPILE)?.length, 1);
  assertEquals(flags(COMPILE), flags(TASKS["stress"]?.command));
});

Deno.test({
  name:
    "deno task compile takes the base binary of DENORT_BIN, and of ECharts one file",
  // A Mach-O base would have to be a real one.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = await makeTestFolder();
    const base = `${folder.path}/base`;
    await Deno.copyFile("/bin/echo", base);
    const output = `${folder.path}/scorebench`;
    // Elsewhere than the task does, where the user's own may lie.
    assertStringIncludes(COMPILE, " --output results/scorebench ");
    const command = COMPILE.replace("results/scorebench", output);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "--eval", command],
      env: { "DENORT_BIN": base, "NO_COLOR": "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const bytes = await Deno.readFile(output);
    const text = new TextDecoder("latin1").decode(bytes);
    for (const name of ["main.ts", "worker.ts", "simulated-smoke.csv"]) {
      assert(text.includes(`"n":"${name}"`), name);
    }
    assertEquals(text.match(/"n":"echarts\.[^"]+"/g), [
      '"n":"echarts.esm.min.mjs"',
    ]);
    const { stdout } = await new Deno.Command(output, {
      args: ["the base ran"],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "the base ran\n");
  },
});
