/**
 * Starts a server without a shell, waits until it answers, and stops it with all its children.
 *
 * @module
 */
import { parseArgsStringToArgv as splitWords } from "string-argv";
import { MeasureError, messageOf } from "../failure.ts";
import { sleep, within } from "../load/clock.ts";
import type { Redactor } from "../secret.ts";
import { describeLeft, endServer, killServer } from "./end.ts";
import { type Guard, startGuard } from "./guard.ts";
import { keepLog, lastLinesOf } from "./log.ts";
import { type Port, takePort } from "./port.ts";

/** How a server is started. */
export interface LaunchOptions {
  /** The command; `{model}`, `{dtype}` and `{port}` stand for values, quotes group words. */
  readonly command: string;
  readonly model: string;
  readonly dtype: string;
  /** Where the output of the server goes; its folder exists. */
  readonly logPath: string;
  /** How long it may take to answer, in milliseconds. */
  readonly launchTimeoutMs: number;
  readonly redact: Redactor;
  /** Hears how long the wait has been, about once a second. */
  readonly onWaiting: (waitedMs: number) => void;
  /** Hears what people must know though the run goes on: a line without secrets. */
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
  /** Cuts the time short that the server has to end by itself. */
  readonly urgent: AbortSignal;
  /** Asks whether the server is ready at a URL, with its key; never rejects. */
  readonly isReady: (url: string) => Promise<boolean>;
}

/** A server that was started here; disposing stops it and all its children. */
export interface LaunchedServer extends AsyncDisposable {
  readonly url: string;
  /** Its process id, which is also the id of its process group. */
  readonly pid: number;
  /** Resolves when the process has ended and its log is written, with its exit in words. */
  readonly ended: Promise<string>;
  /** The last lines of its log, without secrets; never rejects. */
  readonly lastLines: () => Promise<string>;
  /** Ends it and all its children at once, and returns when it has ended. */
  readonly kill: () => Promise<void>;
}

/** How long the rest of a log may take once its writer has ended: a child that lives on may hold it open. */
const LOG_GRACE_MS = 2_000;

/** How often a starting server is asked. */
const POLL_INTERVAL_MS = 500;

/**
 * Splits a launch command into words, as a shell would split it, and puts the values in.
 *
 * Values are put into whole words after the split, so that nothing in them is read as syntax.
 *
 * @throws {RangeError} If there is no program or no `{port}`.
 */
export function launchWords(
  command: string,
  values: Readonly<Record<"model" | "dtype" | "port", string>>,
): string[] {
  if (!command.includes("{port}")) {
    throw new RangeError(
      `Cannot launch a server as the command must say where {port} goes, for example '--port {port}': current value is '${command}'`,
    );
  }
  const words = splitWords(command).map((word) =>
    word.replaceAll(
      /\{(model|dtype|port)\}/g,
      (_, name: "model" | "dtype" | "port") => values[name],
    )
  );
  if (words.length === 0) {
    throw new RangeError("Cannot launch a server as the command is empty");
  }
  return words;
}

/** A launch under way. */
interface Launch {
  readonly child: Deno.ChildProcess;
  readonly guard: Guard | null;
  readonly port: Port;
  /** Resolves when the output of the server has ended. */
  readonly logged: Promise<void>;
}

/**
 * Starts a server and returns when it is ready.
 *
 * The key is sent only to a process that was launched here, where the system tells who listens.
 *
 * @throws {MeasureError} If the program cannot be started, ends before it is ready, is not ready in time, or another process takes its port; then nothing of it is left, but for what {@linkcode LaunchOptions.warn} heard of.
 */
export async function launchServer(
  options: LaunchOptions,
): Promise<LaunchedServer> {
  const launch = await start(options);
  const server = describe(launch, options);
  try {
    await untilReady(server, launch, options);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function start(options: LaunchOptions): Promise<Launch> {
  const { model, dtype, logPath, redact } = options;
  await using undo = new AsyncDisposableStack();
  const log = undo.adopt(
    await Deno.open(logPath, { write: true, create: true, truncate: true }),
    (file) => file.close(),
  );
  const guard = await startGuard();
  undo.defer(() => guard?.close());
  const port = await takePort(guard);
  const [program = "", ...args] = launchWords(options.command, {
    model,
    dtype,
    port: String(port.number),
  });
  let child: Deno.ChildProcess;
  try {
    // Its own process group: a Ctrl-C at the terminal must not reach the server before the
    // requests in flight have ended, and the group is ended as one.
    child = new Deno.Command(program, {
      args,
      env: { ...guard?.environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
  } catch (error) {
    throw new MeasureError(redact(cannotStart(program, error)));
  }
  undo.move();
  await guard?.watch(child.pid);
  if (guard === null) {
    options.warn(
      "sh may not be run (--allow-run): the launched server lives on if this tool is killed (kill -9), and children that left its process group live on in any case",
    );
  }
  return { child, guard, port, logged: keepLog(child, log, redact) };
}

function describe(launch: Launch, options: LaunchOptions): LaunchedServer {
  const { child, guard, port, logged } = launch;
  const exited = child.status.then((status) =>
    status.signal === null
      ? `it exited with code ${status.code}`
      : `it was ended by ${status.signal}`
  );
  // Its last words say why it ended, and may still be on their way to the log.
  const ended = exited.then(async (words) => {
    await within(logged, LOG_GRACE_MS);
    return words;
  });
  const settle = async (left: readonly number[] | null) => {
    if (left?.includes(child.pid) !== true) await ended;
    for (const line of await describeLeft(left, launch)) options.warn(line);
  };
  const stop = async () => {
    await settle(await endServer(launch, options.urgent));
    await guard?.close();
  };
  let stopping: Promise<void> | null = null;
  return {
    url: `http://127.0.0.1:${port.number}`,
    pid: child.pid,
    ended,
    lastLines: () => lastLinesOf(options.logPath),
    kill: async () => await settle(await killServer(launch)),
    [Symbol.asyncDispose]: () => stopping ??= stop(),
  };
}

async function untilReady(
  server: LaunchedServer,
  { port }: Launch,
  options: LaunchOptions,
): Promise<void> {
  const startMs = performance.now();
  let exit: string | null = null;
  void server.ended.then((words) => exit = words);
  const fail = async (what: string): Promise<never> => {
    throw new MeasureError(
      `Cannot measure the launched server: ${what}. Its log is ${options.logPath}; it ends with:\n${await server
        .lastLines()}`,
    );
  };
  while (!options.signal.aborted) {
    if (exit !== null) return await fail(`${exit} before it was ready`);
    const listener = await port.listener();
    if (listener.kind === "other") {
      return await fail(
        `${
          listener.pid === null ? "a process" : `process ${listener.pid}`
        } that was not launched here listens on its port ${port.number}, and was sent nothing. A server whose port is held by another program, as that of a container is, is started by hand and measured with --url`,
      );
    }
    if (listener.kind !== "none" && await options.isReady(server.url)) {
      if (listener.kind === "unknown") {
        options.warn(
          `It cannot be told whether the process that listens on port ${port.number} was launched here: whoever does is sent the key and is measured`,
        );
      }
      return;
    }
    const waitedMs = performance.now() - startMs;
    if (waitedMs > options.launchTimeoutMs) {
      return await fail(
        `it was not ready within ${
          options.launchTimeoutMs / 1000
        } s (--launch-timeout)`,
      );
    }
    options.onWaiting(waitedMs);
    await sleep(POLL_INTERVAL_MS, options.signal);
  }
}

function cannotStart(program: string, error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `Cannot launch '${program}': Deno was not allowed to run it. Add --allow-run=${
      [...new Set([program, "sh"])].join()
    } to the deno command`;
  }
  return `Cannot launch '${program}': ${
    error instanceof Deno.errors.NotFound
      ? "there is no such program on PATH"
      : messageOf(error)
  }`;
}
