/**
 * What Deno was allowed to connect to, asked before the first request.
 *
 * @module
 */
import { UsageError } from "../failure.ts";

/**
 * Makes sure that requests may be sent to URLs; to be called before the first one.
 *
 * @param urls Checked URLs; one that is null is passed over.
 * @throws {UsageError} If Deno was not allowed to connect to one, with what to do.
 */
export async function checkAllowed(
  urls: readonly (string | null)[],
): Promise<void> {
  for (const text of urls) {
    if (text === null) continue;
    const { hostname, port, protocol } = new URL(text);
    const host = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
    if (await isAllowed(host)) continue;
    throw new UsageError([
      `Cannot reach ${text}: Deno was not allowed to connect to ${host}. The tasks bench and stress may connect to any host, those of a preset (bench:smoke, stress:short) to 127.0.0.1 alone: take deno task bench --profile NAME or deno task stress with the same flags, or add --allow-net=${host} to the deno command`,
    ]);
  }
}

/** Tells whether Deno was allowed to connect to a host, named with or without a port. */
export async function isAllowed(host: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  return state === "granted";
}
