/**
 * Threads of this program.
 *
 * @module
 */
import { dirname, fromFileUrl } from "@std/path";
import { UsageError } from "./failure.ts";

/**
 * Starts a module of this program in a thread of its own.
 *
 * @throws {UsageError} If Deno may not read the module: found only within the thread, that would end the process with 1.
 */
export function startThread(module: URL): Worker {
  // Its imports lie beside its folder.
  const path = module.protocol === "file:"
    ? dirname(dirname(fromFileUrl(module)))
    : null;
  if (
    path !== null &&
    Deno.permissions.querySync({ name: "read", path }).state !== "granted"
  ) {
    throw new UsageError([
      `Cannot start a thread: Deno was not allowed to read ${path}. Add --allow-read=${path} to the deno command`,
    ]);
  }
  return new Worker(module.href, { type: "module" });
}
