// Where the packages of JSR come from: the task `packages` played through, in a copy of what it needs, with a JSR on
// 127.0.0.1 that serves the stand-ins as its packages, refuses, or never answers.
import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { makeTestFolder } from "./support/bench_runner.ts";

const TASKS: Readonly<
  Record<string, { command: string; dependencies?: string[] }>
> = config.tasks;
const STAND_INS = [...Deno.readDirSync("stand_ins")].map(({ name }) => ({
  name,
  files: [...Deno.readDirSync(`stand_ins/${name}`)].map((file) => file.name),
}));
const LIMIT = "const LIMIT_MS = 10_000;";

/** Answers as JSR does, with the stand-ins as the newest versions of their packages. */
async function serveStandIns(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  for (const { name: folder, files } of STAND_INS) {
    const { name, version, exports } = JSON.parse(
      await Deno.readTextFile(`stand_ins/${folder}/deno.json`),
    );
    if (path === `/${name}/meta.json`) {
      return Response.json({ versions: { [version]: {} } });
    }
    if (path === `/${name}/${version}_meta.json`) {
      const described = files.map(async (file) =>
        [`/${file}`, await describe(`stand_ins/${folder}/${file}`)] as const
      );
      return Response.json({
        exports: typeof exports === "string" ? { ".": exports } : exports,
        manifest: Object.fromEntries(await Promise.all(described)),
      });
    }
    const file = files.find((one) => path === `/${name}/${version}/${one}`);
    if (file !== undefined) {
      return new Response(
        await Deno.readFile(`stand_ins/${folder}/${file}`),
        { headers: { "content-type": "application/typescript" } },
      );
    }
  }
  return new Response(null, { status: 404 });
}

function refuse(): Promise<Response> {
  return Promise.resolve(new Response(null, { status: 403 }));
}

/** Size and checksum of a file, as JSR lists them. */
async function describe(path: string) {
  const bytes = await Deno.readFile(path);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return {
    size: bytes.length,
    checksum: `sha256-${new Uint8Array(digest).toHex()}`,
  };
}

/** A copy of what the task needs, without npm packages and with an empty cache. */
async function makeCopy(jsrUrl: string, limitMs = 600_000) {
  const folder = await makeTestFolder();
  const root = `${folder.path}/`;
  const isJsr = ([, target]: [string, string]) => target.startsWith("jsr:");
  const imports = Object.fromEntries(
    Object.entries(config.imports).filter(isJsr),
  );
  const { workspace } = config;
  await Deno.writeTextFile(
    `${root}deno.json`,
    JSON.stringify({ imports, workspace }),
  );
  await Deno.writeTextFile(`${root}deno.lock`, '{ "version": "5" }');
  await Deno.mkdir(`${root}tasks`);
  for (const name of ["packages.ts", "imports.ts"]) {
    const text = await Deno.readTextFile(`tasks/${name}`);
    if (name === "packages.ts") assertStringIncludes(text, LIMIT);
    await Deno.writeTextFile(
      `${root}tasks/${name}`,
      text.replace(LIMIT, `const LIMIT_MS = ${limitMs};`),
    );
  }
  for (const { name, files } of STAND_INS) {
    await Deno.mkdir(`${root}stand_ins/${name}`, { recursive: true });
    for (const file of files) {
      const path = `stand_ins/${name}/${file}`;
      await Deno.copyFile(path, `${root}${path}`);
    }
  }
  const run = async (...words: string[]) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...words],
      cwd: root,
      env: {
        "JSR_URL": jsrUrl,
        "DENO_DIR": `${await Deno.realPath(root)}/cache`,
        "NO_COLOR": "1",
      },
    }).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  };
  const [deno, , , ...flags] = (TASKS["packages"]?.command ?? "").split(" ");
  assertEquals([deno, flags.pop()], ["deno", "$SCORE_PACKAGES"]);
  return {
    /** Runs the task with the value of SCORE_PACKAGES. */
    choose: (...choice: string[]) => run(...flags, ...choice),
    /** Runs what imports the packages, by what is there. */
    use: () => run("--cached-only", "--frozen", "tasks/imports.ts"),
    /** Where the link leads, null without one. */
    link: async () => {
      try {
        return await Deno.readLink(`${root}results/offline`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      }
    },
    lock: () => Deno.readTextFile(`${root}deno.lock`),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A JSR on 127.0.0.1, and how many requests it saw. */
function startJsr(handler: (request: Request) => Promise<Response>) {
  let requests = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      requests++;
      return handler(request);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    requests: () => requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("packages takes JSR where it serves them, and completes the lock file", async () => {
  await using jsr = startJsr(serveStandIns);
  await using copy = await makeCopy(jsr.url);
  assertEquals((await copy.choose("stand-ins")).code, 0);
  assertEquals(await copy.choose(), { code: 0, stderr: "" });
  assertEquals(await copy.link(), null);
  const { jsr: locked } = JSON.parse(await copy.lock());
  assertEquals(Object.keys(locked).length, STAND_INS.length);
  assertEquals(await copy.use(), { code: 0, stderr: "" });
});

Deno.test("packages takes the stand-ins where JSR refuses, says so in one line, and goes back", async () => {
  let isServing = false;
  await using jsr = startJsr((request) =>
    isServing ? serveStandIns(request) : refuse()
  );
  await using copy = await makeCopy(jsr.url);
  for (let times = 0; times < 2; times++) {
    const { code, stderr } = await copy.choose();
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /^Packages: the stand-ins of stand_ins\/ \(.+\)\n$/);
    assertEquals(await copy.link(), "../stand_ins");
    assertEquals(await copy.use(), { code: 0, stderr: "" });
  }
  isServing = true;
  assertEquals((await copy.choose()).code, 0);
  assertEquals(await copy.link(), null);
});

Deno.test("packages does not wait for a JSR that never answers", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  await using jsr = startJsr(() => promise);
  await using copy = await makeCopy(jsr.url, 500);
  const { code, stderr } = await copy.choose();
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "JSR did not answer within 0.5 s");
  assertEquals(await copy.link(), "../stand_ins");
  resolve(new Response(null, { status: 503 }));
});

Deno.test("packages does as SCORE_PACKAGES says", async () => {
  await using jsr = startJsr(serveStandIns);
  await using copy = await makeCopy(jsr.url);
  assertEquals((await copy.choose("stand-ins")).code, 0);
  assertEquals([await copy.link(), jsr.requests()], ["../stand_ins", 0]);
  assertEquals(await copy.choose("jsr"), { code: 0, stderr: "" });
  assertEquals(await copy.link(), null);
  assertEquals((await copy.choose("npm")).code, 2);
  await using gone = startJsr(refuse);
  await using other = await makeCopy(gone.url);
  const refused = await other.choose("jsr");
  assertEquals([refused.code, await other.link()], [3, null]);
  assertMatch(refused.stderr, /^Cannot take the packages of JSR: .+\n$/);
});

Deno.test("every task that runs code has its packages first", () => {
  for (const [name, { command, dependencies }] of Object.entries(TASKS)) {
    const runs = /\bdeno (?:run|test|check|compile)\b/.test(command);
    const expected = runs && name !== "packages" ? ["packages"] : undefined;
    assertEquals(dependencies, expected, name);
  }
});

Deno.test("packages tries every module of JSR that is imported", () => {
  const found = (text: string) =>
    [...text.matchAll(/(?:from|import) "(@(?:std|cliffy)\/[^"]+)";$/gm)]
      .map(([, name = ""]) => name);
  const texts = function* (folder: string): Generator<string> {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) yield* texts(path);
      else if (name.endsWith(".ts")) yield Deno.readTextFileSync(path);
    }
  };
  const scripts = [...Deno.readDirSync(".")]
    .filter(({ name }) => name.endsWith(".ts"))
    .map(({ name }) => Deno.readTextFileSync(name));
  const imported = new Set(
    [
      ...scripts,
      ...["lib", "tests", ".github"].flatMap((folder) => [
        ...texts(folder),
      ]),
    ].flatMap(found),
  );
  assertNotEquals(imported.size, 0);
  assertEquals(
    found(Deno.readTextFileSync("tasks/imports.ts")).toSorted(),
    [...imported].toSorted(),
  );
});
