/**
 * Starts a server without a shell, waits until it answers, and stops it with all its children.
 *
 * @module
 */
import { parseArgsStringToArgv as splitWords } from "string-argv";
import { MeasureError } from "../failure.ts";
import { sleep } from "../load/clock.ts";
import type { Redactor } from "../secret.ts";

/** How a server is started. */
export interface LaunchOptions {
  /** The command; `{model}`, `{dtype}` and `{port}` stand for values, quotes group words. */
  readonly command: string;
  /** What `{model}` stands for. */
  readonly model: string;
  /** What `{dtype}` stands for. */
  readonly dtype: string;
  /** Where the output of the server goes; its folder exists. */
  readonly logPath: string;
  /** How long it may take to answer, in milliseconds. */
  readonly launchTimeoutMs: number;
  /** Takes secrets out of the log. */
  readonly redact: Redactor;
  /** Hears how long the wait has been, about once a second. */
  readonly onWaiting: (waitedMs: number) => void;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** Cuts the time short that the server has to end by itself. */
  readonly urgent: AbortSignal;
  /** Asks whether the server is ready at a URL; never rejects. */
  readonly isReady: (url: string) => Promise<boolean>;
}

/** A server that was started here; disposing stops it and all its children. */
export interface LaunchedServer extends AsyncDisposable {
  /** Where it listens. */
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

/** How long a server may take to end after SIGTERM: SGLang-JAX looks every 5 s whether it has drained. */
const TERMINATE_GRACE_MS = 15_000;

/** How long the rest of a log may take once its writer has ended: a child that lives on may hold it open. */
const LOG_GRACE_MS = 2_000;

/** How often a starting server is asked. */
const POLL_INTERVAL_MS = 500;

/** Lines of the log that are shown when a server dies. */
const SHOWN_LINES = 15;

/** A longer line of the log is broken here, so that a server cannot fill the memory. */
const MAX_LINE_LENGTH = 65_536;

/** What is kept of a broken line for its next part, longer than any key. */
const KEPT_LENGTH = 16_384;

/** How much of the end of a log is read to find them. */
const TAIL_BYTES = 16_384;

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

/**
 * Starts a server and returns when it is ready.
 *
 * @throws {MeasureError} If the program cannot be started, ends before it is ready, or is not ready in time; then nothing of it is left.
 */
export async function launchServer(
  options: LaunchOptions,
): Promise<LaunchedServer> {
  const port = freePort();
  const { model, dtype, logPath } = options;
  const words = launchWords(options.command, {
    model,
    dtype,
    port: String(port),
  });
  const log = await Deno.open(logPath, {
    write: true,
    create: true,
    truncate: true,
  });
  let child: Deno.ChildProcess;
  try {
    // Its own process group: a Ctrl-C at the terminal must not reach the server before the
    // requests in flight have ended, and stopping the group stops its workers too.
    child = new Deno.Command(words[0] ?? "", {
      args: words.slice(1),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
  } catch (error) {
    log.close();
    throw new MeasureError(cannotStart(words[0] ?? "", error));
  }
  const logged = keepLog(child, log, options.redact);
  const server = describe(child, { port, logged }, options);
  try {
    await untilReady(server, options);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

function describe(
  child: Deno.ChildProcess,
  { port, logged }: { port: number; logged: Promise<void> },
  options: LaunchOptions,
): LaunchedServer {
  const exited = child.status.then((status) =>
    status.signal === null
      ? `it exited with code ${status.code}`
      : `it was ended by ${status.signal}`
  );
  // Its last words say why it ended, and may still be on their way to the log.
  const ended = exited.then(async (words) => {
    await atMost(logged, LOG_GRACE_MS);
    return words;
  });
  const stop = async () => {
    await stopGroup(child, exited, options.urgent);
    await ended;
  };
  let stopping: Promise<void> | null = null;
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    ended,
    lastLines: async () => tailLines(await readTail(options.logPath)),
    kill: async () => {
      await signalGroup(child, "SIGKILL");
      await ended;
    },
    [Symbol.asyncDispose]: () => stopping ??= stop(),
  };
}

async function atMost(work: Promise<void>, limitMs: number): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, sleep(limitMs, done.signal)]);
  done.abort();
}

async function untilReady(
  server: LaunchedServer,
  options: LaunchOptions,
): Promise<void> {
  const startMs = performance.now();
  let exit: string | null = null;
  void server.ended.then((words) => exit = words);
  while (!options.signal.aborted) {
    if (exit !== null) {
      throw new MeasureError(
        `Cannot measure the launched server: ${exit} before it was ready. Its log is ${options.logPath}; it ends with:\n${await server
          .lastLines()}`,
      );
    }
    if (await options.isReady(server.url)) return;
    const waitedMs = performance.now() - startMs;
    if (waitedMs > options.launchTimeoutMs) {
      throw new MeasureError(
        `Cannot measure the launched server: it was not ready within ${
          options.launchTimeoutMs / 1000
        } s (--launch-timeout). Its log is ${options.logPath}; it ends with:\n${await server
          .lastLines()}`,
      );
    }
    options.onWaiting(waitedMs);
    await sleep(POLL_INTERVAL_MS, options.signal);
  }
}

function cannotStart(program: string, error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `Cannot launch '${program}': Deno was not allowed to run it. Add --allow-run=${program},kill to the deno command`;
  }
  return `Cannot launch '${program}': ${
    error instanceof Deno.errors.NotFound
      ? "there is no such program on PATH"
      : error instanceof Error
      ? error.message
      : String(error)
  }`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Writes the output of a server to its log, line by line, since the server may print its own key. */
async function keepLog(
  child: Deno.ChildProcess,
  log: Deno.FsFile,
  redact: Redactor,
): Promise<void> {
  const encoder = new TextEncoder();
  // Not `log.writable`, which holds lines back until it has many.
  const writeLine = async (line: string) => {
    let bytes = encoder.encode(`${redact(line)}\n`);
    while (bytes.length > 0) bytes = bytes.subarray(await log.write(bytes));
  };
  const write = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE_LENGTH) {
        // A key that is whole is hidden before the cut; one that is not stays in what is kept.
        rest = redact(rest);
        lines.push(rest.slice(0, -KEPT_LENGTH));
        rest = rest.slice(-KEPT_LENGTH);
      }
      for (const line of lines) await writeLine(line);
    }
    if (rest !== "") await writeLine(rest);
  };
  await Promise.allSettled([write(child.stdout), write(child.stderr)]);
  log.close();
}

async function readTail(path: string): Promise<string> {
  try {
    const bytes = await Deno.readFile(path);
    return new TextDecoder().decode(bytes.subarray(-TAIL_BYTES));
  } catch (error) {
    return `(the log cannot be read: ${
      error instanceof Error ? error.message : String(error)
    })`;
  }
}

function tailLines(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-SHOWN_LINES);
  return lines.map((line) => `  | ${line}`).join("\n");
}

/** Ends a process group: SIGTERM, a grace period, SIGKILL; returns when nothing of it is left. */
async function stopGroup(
  child: Deno.ChildProcess,
  exited: Promise<string>,
  urgent: AbortSignal,
): Promise<void> {
  await signalGroup(child, "SIGTERM");
  const grace = new AbortController();
  const cut = AbortSignal.any([grace.signal, urgent]);
  await Promise.race([exited, sleep(TERMINATE_GRACE_MS, cut)]);
  grace.abort();
  // Also when the leader has ended: a child that ignores SIGTERM may live on in its group.
  await signalGroup(child, "SIGKILL");
  await exited;
}

async function signalGroup(
  child: Deno.ChildProcess,
  signal: "SIGTERM" | "SIGKILL",
): Promise<void> {
  try {
    Deno.kill(-child.pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return;
    // Without leave to run every program, signals are sent by the kill program.
    try {
      await new Deno.Command("kill", {
        args: [`-${signal.slice(3)}`, "--", `-${child.pid}`],
        stdout: "null",
        stderr: "null",
      }).output();
    } catch {
      try {
        child.kill(signal);
      } catch {
        // It has ended.
      }
    }
  }
}
