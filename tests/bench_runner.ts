/**
 * Runs bench.ts for tests, in this process or as a child, and looks at what it left.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { main } from "../bench.ts";
import config from "../deno.json" with { type: "json" };

/** A folder under results/ that is removed with all in it. */
export interface TestFolder extends AsyncDisposable {
  /** Its path, relative to the working directory. */
  readonly path: string;
}

/** Makes a {@linkcode TestFolder}. */
export async function makeTestFolder(): Promise<TestFolder> {
  await Deno.mkdir("results", { recursive: true });
  const path = await Deno.makeTempDir({ dir: "results", prefix: "test-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** What a run of bench.ts came to. */
export interface BenchOutcome {
  /** The exit code. */
  readonly code: number;
  /** All of stdout. */
  readonly stdout: string;
  /** All of stderr. */
  readonly stderr: string;
}

/** Runs bench.ts in this process, without progress. */
export async function runMain(args: readonly string[]): Promise<BenchOutcome> {
  const { log, error } = console;
  const out: string[] = [];
  const err: string[] = [];
  console.log = (...words) => out.push(`${words.join(" ")}\n`);
  console.error = (...words) => err.push(`${words.join(" ")}\n`);
  try {
    const code = await main([...args, "--quiet"]);
    return { code, stdout: out.join(""), stderr: err.join("") };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** The permissions of a task of deno.json. */
export function taskPermissions(task: "bench" | "bench:smoke"): string[] {
  return config.tasks[task].command.split(" ").filter((word) =>
    word === "--no-prompt" || word.startsWith("--allow-")
  );
}

/** Starts bench.ts as a child, by default with the permissions of the task `bench` and no SCORE_ variables. */
export function spawnBench(
  args: readonly string[],
  options: { env?: Record<string, string>; permissions?: string[] } = {},
): Deno.ChildProcess {
  const { env = {}, permissions = taskPermissions("bench") } = options;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "bench.ts", ...args],
    env: { "SCORE_URL": "", "SCORE_API_KEY": "", "NO_COLOR": "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits for a child to end. */
export async function outcomeOf(
  child: Deno.ChildProcess,
): Promise<BenchOutcome> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Reads every file under a folder: path and text. */
export async function readTree(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (!isDirectory) files.set(path, await Deno.readTextFile(path));
    else {for (const [inner, text] of await readTree(path)) {
        files.set(inner, text);
      }}
  }
  return files;
}

/** A launch command for the score server of the tests; `options` follow the port, model and dtype. */
export function scoreServerCommand(options = ""): string {
  return `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run tests/score_server.ts --port {port} --model {model} --dtype {dtype} ${options}`;
}

/** Reads the process ids that score servers wrote with `--pid-file`. */
export async function readPids(path: string): Promise<number[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map(Number);
}

/** How often a process that was killed is looked at until it is gone, and the pause between. */
const LOOKS = 200;
const LOOK_INTERVAL_MS = 25;

/** Waits for processes to end, as the system buries them a little after SIGKILL; returns those that are left. */
export async function survivorsOf(pids: readonly number[]): Promise<number[]> {
  let left = [...pids];
  for (let look = 0; look < LOOKS; look++) {
    const alive = await Promise.all(left.map(isAlive));
    left = left.filter((_, i) => alive[i]);
    if (left.length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
  return left;
}

/** Tells whether a process runs; one that ended and was not waited for does not. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "stat=", "-p", String(pid)],
  }).output();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !state.startsWith("Z");
}
