/**
 * The port of a launched server.
 *
 * @module
 */
import type { Guard, Listener } from "./guard.ts";

/** A port, and who listens on it. */
export interface Port {
  readonly number: number;
  /** Tells who accepts connections to it on 127.0.0.1. */
  readonly listener: () => Promise<Listener>;
}

/**
 * Takes a free port of 127.0.0.1, and finds out whether the system tells who listens on one: where
 * it does not name this tool while it listens, all further answers are `unknown`.
 */
export async function takePort(guard: Guard | null): Promise<Port> {
  using reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = reserved.addr;
  const told = await guard?.listener(port);
  return {
    number: port,
    listener: async () =>
      guard !== null && told?.kind === "other"
        ? await guard.listener(port)
        : { kind: "unknown" },
  };
}

/** Tries whether a port can be listened on; where it cannot, a connection tells whether somebody does. */
export async function isTaken(port: number): Promise<boolean> {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return false;
  } catch {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return false;
    }
  }
}
