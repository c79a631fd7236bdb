// Holds the layout: a folder imports only from those before it in the list, types
// included, no module imports itself by way of others, and only the modules of
// WORLD touch what is outside. A new folder gets a line in the list and a row in
// CONTRIBUTING.md.
import { assertEquals } from "@std/assert";

/** The folders of lib/, from the bottom up; `.` is lib/ itself. */
const FOLDERS: readonly string[] = [
  ".",
  "stats",
  "http",
  "simulator",
  "score",
  "record",
  "gate",
  "baseline",
  "load",
  "witness",
  "server",
  "bench",
  "stress",
  "shards",
  "history",
  "report",
  "report/charts",
  "report/run",
  "report/stress",
  "report/trend",
  "nightly",
  "cli",
  "commands",
];

/** The modules that touch the clock, chance, threads, the network or files; the others are given them. */
const WORLD: readonly string[] = [
  "baseline/files.ts",
  "cli/command_line.ts",
  "cli/interrupt.ts",
  "cli/secret_source.ts",
  "commands/bench_setup.ts",
  "commands/stress_progress.ts",
  "commands/stress_setup.ts",
  "commands/stress_shard.ts",
  "history/files.ts",
  "http/client.ts",
  "http/connection.ts",
  "http/dial.ts",
  "http/pool.ts",
  "http/sweep.ts",
  "load/clock.ts",
  "load/garbage.ts",
  "load/null_server.ts",
  "load/open_files.ts",
  "load/ruler.ts",
  "load/worker.ts",
  "nightly/github_request.ts",
  "score/data_file.ts",
  "server/end.ts",
  "server/environment.ts",
  "server/guard.ts",
  "server/launch.ts",
  "server/log.ts",
  "server/permission.ts",
  "server/port.ts",
  "server/watching.ts",
  "shards/folder.ts",
  "simulator/server.ts",
  "simulator/worker.ts",
  "store.ts",
  "stress/watch.ts",
  "thread.ts",
  "witness/file.ts",
];

/** The folders of tests/ that lib/ does not have. */
const OF_TESTS = ["measure", "support", "testdata"];

/** Aim for 300 lines; at this many a file has to be split. */
const MAX_LINES = 400;

const OUTSIDE_REGEXP =
  /"node:(?!buffer")|\b(?:Deno\.|fetch\(|console\.|crypto\.(?:random|getRandom)|Date\.now|new Date\(\)|performance\.(?:now|timeOrigin)|Math\.random|setTimeout|setInterval|AbortSignal\.timeout|new Worker|self\.(?:on|post))/;
const COMMENT_REGEXP = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm;
/** Of values and of types, at the top of a module and in the middle of it. */
const IMPORT_REGEXP = /\b(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;
const LAST_LINE_REGEXP =
  /\nif \(import\.meta\.main\) Deno\.exit\(await main\(Deno\.args\)\);\n$/;
const ROW_REGEXP = /^ *\| `lib\/(.*?)\/?` +\|/gm;

interface Module {
  readonly name: string;
  readonly folder: string;
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly string[];
}

const ROOT = new URL("../", import.meta.url);
const LIB = new URL("lib/", ROOT);

/** The folders below one, at any depth. */
function foldersBelow(root: URL, folder = ""): string[] {
  return [...Deno.readDirSync(new URL(folder, root))]
    .filter(({ isDirectory }) => isDirectory)
    .flatMap(({ name }) => [
      folder + name,
      ...foldersBelow(root, `${folder}${name}/`),
    ]);
}

/** Reads the modules of one folder, named by their path from `root`. */
function readModules(root: URL, folder: string): Module[] {
  const path = folder === "." ? "" : `${folder}/`;
  return [...Deno.readDirSync(new URL(path, root))]
    .filter((entry) => entry.isFile && entry.name.endsWith(".ts"))
    .map((entry) => {
      const file = new URL(path + entry.name, root);
      const text = Deno.readTextFileSync(file);
      const code = text.replace(COMMENT_REGEXP, "");
      return {
        name: path + entry.name,
        folder,
        code,
        lines: text.split("\n").length - 1,
        imports: [...code.matchAll(IMPORT_REGEXP)].map(([, target = ""]) =>
          new URL(target, file).href.replace(root.href, "")
        ),
      };
    });
}

const SCRIPTS = readModules(ROOT, ".");
const LIBRARY = [".", ...foldersBelow(LIB)].flatMap((folder) =>
  readModules(LIB, folder)
).toSorted((left, right) => left.name < right.name ? -1 : 1);
const BY_NAME = new Map(LIBRARY.map((module) => [module.name, module]));

Deno.test("lib/ has the folders of the list, and CONTRIBUTING.md shows them in its order", () => {
  const map = Deno.readTextFileSync(new URL(".github/CONTRIBUTING.md", ROOT));
  assertEquals([".", ...foldersBelow(LIB)].toSorted(), FOLDERS.toSorted());
  assertEquals(
    [...map.matchAll(ROW_REGEXP)].map(([, folder]) => folder || "."),
    FOLDERS,
  );
});

Deno.test("tests/ has folders of lib/ and its own", () => {
  const unknown = foldersBelow(new URL("tests/", ROOT)).filter((folder) =>
    ![...FOLDERS, ...OF_TESTS].includes(folder) &&
    !folder.startsWith("testdata/")
  );
  assertEquals(unknown, []);
});

Deno.test("lib/ folders import only from those before them, types included", () => {
  const config = new URL("deno.json", ROOT).href;
  const wrong = LIBRARY.flatMap(({ name, folder, imports }) =>
    imports
      .filter((target) => {
        const found = BY_NAME.get(target);
        return found === undefined
          ? target !== config
          : FOLDERS.indexOf(found.folder) > FOLDERS.indexOf(folder);
      })
      .map((target) => `${name} imports ${target}`)
  );
  assertEquals(wrong, []);
});

Deno.test("lib/ modules do not import each other in a circle, types included", () => {
  const done = new Set<string>();
  const circleFrom = (
    name: string,
    path: readonly string[],
  ): string | undefined => {
    if (path.includes(name)) return [...path, name].join(" > ");
    if (done.has(name)) return undefined;
    for (const target of BY_NAME.get(name)?.imports ?? []) {
      const circle = circleFrom(target, [...path, name]);
      if (circle !== undefined) return circle;
    }
    done.add(name);
    return undefined;
  };
  const circles = LIBRARY.map(({ name }) => circleFrom(name, []));
  assertEquals(circles.filter((circle) => circle !== undefined), []);
});

Deno.test("only the listed modules of lib/ touch the world outside", () => {
  const touching = LIBRARY.filter(({ code }) => OUTSIDE_REGEXP.test(code));
  assertEquals(touching.map(({ name }) => name), WORLD);
});

Deno.test("files stay short", () => {
  const long = [...SCRIPTS, ...LIBRARY]
    .filter((module) => module.lines > MAX_LINES)
    .map(({ name, lines }) => [name, lines]);
  assertEquals(long, []);
});

Deno.test("Deno.exit() is the last line of each script and nowhere in lib/", () => {
  const exits = (module: Module) => module.code.split("Deno.exit").length - 1;
  const wrong = [
    ...LIBRARY.filter((module) => exits(module) > 0),
    ...SCRIPTS.filter((module) =>
      exits(module) !== 1 || !LAST_LINE_REGEXP.test(module.code)
    ),
  ];
  assertEquals(wrong.map((module) => module.name), []);
});

Deno.test("CONTRIBUTING.md names only modules that are there", () => {
  const text = Deno.readTextFileSync(
    new URL("../.github/CONTRIBUTING.md", import.meta.url),
  );
  const section = text.slice(
    text.indexOf("## One sample"),
    text.indexOf("## Packages"),
  );
  const named = [...section.matchAll(/`([\w/]+\.ts)`/g)].map(([, name = ""]) =>
    name
  );
  const known = new Set(LIBRARY.map(({ name }) => name));
  assertEquals(named.filter((name) => !known.has(name)), []);
  assertEquals(named.length, new Set(named).size);
});
