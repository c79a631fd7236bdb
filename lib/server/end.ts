/**
 * Ends a launched server: its leader first, then its process group, then all that is left.
 *
 * @module
 */
import type { Guard } from "./guard.ts";
import { isTaken, type Port } from "./port.ts";
import { sleep, within } from "../load/clock.ts";

/** How long a server has to end by itself. */
export interface Grace {
  /** How long its leader may take after SIGTERM, in milliseconds. */
  readonly leaderMs: number;
  /** How long its group may then take after SIGTERM, in milliseconds. */
  readonly groupMs: number;
}

/**
 * SGLang-JAX looks every 5 s whether it has drained. Its leader is told alone, since without its
 * scheduler it waits for requests that never end.
 */
const GRACE: Grace = { leaderMs: 8_000, groupMs: 3_000 };

/** How long a killed leader may take until the system has buried it, in milliseconds. */
const KILL_GRACE_MS = 10_000;

/** How often it is looked whether a group has ended, in milliseconds. */
const LOOK_INTERVAL_MS = 100;

/** A launched server and who knows its processes. */
export interface Ending {
  /** Its leader, whose id is also that of its group. */
  readonly child: Deno.ChildProcess;
  /** Its guard; without one only the group can be ended. */
  readonly guard: Guard | null;
}

/**
 * Ends a server in an orderly way; returns when it has ended.
 *
 * @param urgent Cuts the time short that it has to end by itself.
 * @param grace How long that time is; eight seconds for the leader and three for its group by default.
 * @returns The processes that could not be ended; null where that cannot be known.
 */
export async function endServer(
  server: Ending,
  urgent: AbortSignal,
  grace: Grace = GRACE,
): Promise<number[] | null> {
  const { child, guard } = server;
  // Before the end: what has left the group is known by its parent, as long as that lives.
  await guard?.walk();
  let exit = await within(child.status, 0);
  if (exit === null) {
    await sendSignal(server, child.pid, "SIGTERM");
    exit = await within(child.status, grace.leaderMs, urgent);
  }
  // One that SIGTERM itself ended, as it ends a shell around a server, has told its children nothing.
  if (exit === null || exit.signal === "SIGTERM") {
    await endGroup(server, urgent, grace.groupMs);
  }
  return await killServer(server);
}

async function endGroup(
  server: Ending,
  urgent: AbortSignal,
  graceMs: number,
): Promise<void> {
  const { child, guard } = server;
  const limitMs = performance.now() + graceMs;
  let alive = await guard?.walk() ?? null;
  if (alive?.length === 0) return;
  await sendSignal(server, -child.pid, "SIGTERM");
  if (alive === null) await within(child.status, graceMs, urgent);
  while (alive !== null && alive.length > 0) {
    if (urgent.aborted || performance.now() > limitMs) return;
    await sleep(LOOK_INTERVAL_MS, urgent);
    alive = await guard?.walk() ?? null;
  }
}

/**
 * Ends a server and all its children at once; returns when it has ended.
 *
 * @returns The processes that could not be ended; null where that cannot be known.
 */
export async function killServer(server: Ending): Promise<number[] | null> {
  const { child, guard } = server;
  const left = await guard?.end() ?? null;
  if (left === null) await sendSignal(server, -child.pid, "SIGKILL");
  if (left?.includes(child.pid)) return left;
  return await within(child.status, KILL_GRACE_MS) === null
    ? [child.pid]
    : left;
}

/**
 * Says what is left of a server that was ended: processes by id, else who still holds its port.
 *
 * @param left What {@linkcode killServer} or {@linkcode endServer} returned.
 */
export async function describeLeft(
  left: readonly number[] | null,
  { guard, port }: Pick<Ending, "guard"> & { readonly port: Port },
): Promise<string[]> {
  const pids = left ?? [];
  if (pids.length > 0) {
    return [
      `Cannot end process ${
        pids.join(", ")
      } of the launched server: it may hold memory and its device until it is ended by hand`,
    ];
  }
  if (guard !== null && left === null) {
    return [
      "Cannot tell whether all processes of the launched server have ended: look for them with ps",
    ];
  }
  if (!await isTaken(port.number)) return [];
  const holder = await port.listener();
  const pid = holder.kind === "other" ? holder.pid : null;
  return [
    `Port ${port.number} of the launched server is still taken after its end, by ${
      pid === null ? "a process that cannot be seen" : `process ${pid}`
    }: end it by hand if it is of the server`,
  ];
}

async function sendSignal(
  { child, guard }: Ending,
  pid: number,
  signal: "SIGTERM" | "SIGKILL",
): Promise<void> {
  if (await guard?.signal(pid, signal)) return;
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return;
    // Without leave to run every program, signals are sent by the kill program.
    try {
      await new Deno.Command("kill", {
        args: [`-${signal.slice(3)}`, "--", String(pid)],
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
