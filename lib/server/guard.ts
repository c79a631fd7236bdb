/**
 * Starts a guard beside a launched server: a small `sh` that knows the server's processes, and ends
 * them when this tool is gone, however it went.
 *
 * @module
 */
import { within } from "../load/clock.ts";
import { GUARD_SCRIPT, MARK_VARIABLE } from "./guard_script.ts";

/** Who accepts connections to a port; `unknown` where the system does not tell. */
export type Listener =
  | { readonly kind: "none" | "own" | "unknown" }
  | {
    readonly kind: "other";
    /** Its process id; null where it cannot be seen. */
    readonly pid: number | null;
  };

/** Knows the processes of a launched server; nothing here rejects. */
export interface Guard {
  readonly pid: number;
  /** What the environment of the server must have, so that all that it starts is known by it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Tells which process leads the server's group. */
  readonly watch: (pid: number) => Promise<void>;
  /** Sends a signal to a process, or to a group (negative); false where it does not answer. */
  readonly signal: (
    pid: number,
    signal: "SIGTERM" | "SIGKILL",
  ) => Promise<boolean>;
  /**
   * Takes down who is of the server while it can be seen, also what has left the group.
   *
   * @returns The live processes; null where it does not answer.
   */
  readonly walk: () => Promise<number[] | null>;
  /** Tells who accepts connections to a port of 127.0.0.1. */
  readonly listener: (port: number) => Promise<Listener>;
  /**
   * Ends all at once.
   *
   * @returns What could not be ended; null where it does not answer.
   */
  readonly end: () => Promise<number[] | null>;
  /** Lets it go without ending anything more. */
  readonly close: () => Promise<void>;
}

/** How a guard works. */
export interface GuardOptions {
  /** Where the system tells of its processes; without this folder `ps` is asked. @default {"/proc"} */
  readonly processFolder?: string;
  /** How long processes may take to end once they are killed, in seconds: the memory of an accelerator takes a while. @default {10} */
  readonly endSeconds?: number;
}

/** A guard that has not answered by then is stuck, in milliseconds; the longest answer is that to an end. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Starts a guard; null where `sh` cannot be run.
 *
 * Its standard input is the life line: the system closes it when this process ends, by whatever.
 */
export async function startGuard(
  { processFolder = "/proc", endSeconds = 10 }: GuardOptions = {},
): Promise<Guard | null> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("sh", {
      args: [
        ...["-c", GUARD_SCRIPT, "scorebench-guard"],
        ...[processFolder, String(endSeconds)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      // A session of its own: no signal of a terminal or to this tool's group reaches it.
      detached: true,
    }).spawn();
  } catch {
    return null;
  }
  const { tell, ask, close } = talkTo(child);
  const mark = crypto.randomUUID();
  await tell(`${MARK_VARIABLE}=${mark}`);
  const askForPids = async (command: string) => readPids(await ask(command));
  return {
    pid: child.pid,
    environment: { [MARK_VARIABLE]: mark },
    watch: async (pid) => void await ask(`leader ${pid}`),
    signal: async (pid, signal) =>
      await ask(`signal ${signal.slice(3)} ${pid}`) !== null,
    walk: () => askForPids("walk"),
    listener: async (port) => readListener(await ask(`listener ${port}`)),
    end: () => askForPids("end"),
    close,
  };
}

function readPids(answer: string | null): number[] | null {
  return answer?.split(" ").filter((word) => word !== "").map(Number) ?? null;
}

function readListener(answer: string | null): Listener {
  const [kind = "", pid = ""] = (answer ?? "").split(" ");
  if (kind === "none" || kind === "own") return { kind };
  if (kind !== "other") return { kind: "unknown" };
  return { kind, pid: pid === "" ? null : Number(pid) };
}

/** Sends lines to a child and reads a line for each that asks, one after another. */
function talkTo(child: Deno.ChildProcess) {
  const encoder = new TextEncoder();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let isBroken = false;
  let queue: Promise<unknown> = Promise.resolve();
  const readLine = async () => {
    for (;;) {
      const end = rest.indexOf("\n");
      if (end >= 0) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        return line;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      rest += value;
    }
  };
  const tell = async (line: string) => {
    try {
      await writer.write(encoder.encode(`${line}\n`));
    } catch {
      isBroken = true;
    }
  };
  const exchange = async (line: string) => {
    if (!isBroken) await tell(line);
    if (isBroken) return null;
    const answer = await within(readLine(), ANSWER_TIMEOUT_MS);
    isBroken = answer === null;
    return answer;
  };
  return {
    tell,
    ask(line: string): Promise<string | null> {
      const answer = queue.then(() => exchange(line));
      queue = answer;
      return answer;
    },
    async close() {
      await queue;
      if (!isBroken) await tell("quit");
      await writer.close().catch(() => {});
      await reader.cancel().catch(() => {});
      // One that is stuck ends what it guards when it can; nobody waits for it.
      if (isBroken) child.unref();
      else await child.status;
    },
  };
}
