/**
 * Runs bench.ts for tests, in this process or as a child, and looks at what it left.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { joinDoubts } from "../../lib/record/doubts.ts";
import { assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { main } from "../../bench.ts";
import type { Ruler } from "../../lib/load/ruler.ts";
import type { Calibration, Run } from "../../lib/record/run.ts";

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

/**
 * What a client adds and can do that is never the limit: how busy the machine of a test is decides
 * no verdict. What bench.ts and stress.ts make of a client that is the limit is tested in virtual time.
 */
export const QUICK_CLIENT: Calibration = {
  ...{ clients: 1, requestBytes: 300, answerBytes: 80 },
  ...{ addedP50Ms: 0, addedP99Ms: 0, ceilingRequestsPerSec: 1e6 },
  closedLoopRatio: 1,
};

/** A ruler that finds the same for every load. */
export function rulerOf(client: Calibration): Ruler {
  return {
    measure: () => Promise.resolve(client),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Runs bench.ts in this process, without progress, and takes the client for one that is never the limit; with loads of
 * `startLoads` where the figures decide.
 */
export async function runMain(
  args: readonly string[],
  client: Calibration = QUICK_CLIENT,
  startLoads?: Parameters<typeof main>[2],
): Promise<BenchOutcome> {
  const { log, error } = console;
  const out: string[] = [];
  const err: string[] = [];
  console.log = (...words) => out.push(`${words.join(" ")}\n`);
  console.error = (...words) => err.push(`${words.join(" ")}\n`);
  try {
    const code = await main(
      [...args, "--quiet"],
      () => rulerOf(client),
      startLoads,
    );
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

/**
 * The permissions of the task `bench`, but of the network only the server at a URL: a client that
 * cannot be measured is never the limit, however busy the machine is.
 */
export function permissionsFor(url: string): string[] {
  return taskPermissions("bench").map((word) =>
    word === "--allow-net" ? `${word}=${new URL(url).host}` : word
  );
}

/**
 * Asserts that a run came to its end: with figures, or, where this machine was so busy that the
 * client was the limit of cells, with code 3 and that in the reason of each.
 */
export async function assertMeasuredOrBusy(
  { code, stderr }: BenchOutcome,
  record: string,
): Promise<void> {
  const { cells }: Run = JSON.parse(await Deno.readTextFile(record));
  const invalid = cells.filter(({ status }) => status === "INVALID");
  for (const { doubts } of invalid) {
    assertMatch(joinDoubts(doubts), /^the client adds /);
  }
  assertEquals(code, invalid.length > 0 ? 3 : 0, stderr);
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
  return `${Deno.execPath()} run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run tests/support/score_server.ts --port {port} --model {model} --dtype {dtype} ${options}`;
}

/** Reads the process ids that score servers wrote with `--pid-file`. */
export async function readPids(path: string): Promise<number[]> {
  return (await Deno.readTextFile(path)).trim().split("\n").map(Number);
}

/** How long is waited for what is sure to come, in milliseconds: long, as all cores may be busy. */
const PATIENCE_MS = 120_000;

/** How often it is looked for, in milliseconds. */
const LOOK_INTERVAL_MS = 25;

/**
 * Waits until something holds.
 *
 * @throws {Error} If it did not come for two minutes.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const limitMs = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() > limitMs) throw new Error(`Never came: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

/** Waits for processes to end, as the system buries them a little after SIGKILL; returns those that are left. */
export async function survivorsOf(pids: readonly number[]): Promise<number[]> {
  let left = [...pids];
  try {
    await until(async () => {
      const alive = await Promise.all(left.map(isAlive));
      left = left.filter((_, i) => alive[i]);
      return left.length === 0;
    });
  } catch {
    // A test that fails leaves nothing alive either.
    for (const pid of left) Deno.kill(pid, "SIGKILL");
  }
  return left;
}

/** Tells whether a process runs; one that ended and was not waited for does not. */
export async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "stat=", "-p", String(pid)],
  }).output();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !state.startsWith("Z");
}

/** Reads the record of a run as it stands, without checking it. */
export async function readRunFile(path: string): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(path));
}
