/**
 * How a script begins and ends: help and version, and which exit code an error becomes.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { MeasureError, UsageError } from "../failure.ts";
import { complain, say } from "./command_line.ts";
import type { CommandSpec } from "./command_spec.ts";
import { formatHelp } from "./help.ts";

/**
 * Runs a script and returns its exit code: 2 for a wrong command line, 3 where nothing could be
 * measured, and also for an error of the tool itself, since Deno would exit with 1, which says that
 * what was measured is bad.
 */
export async function runScript(run: () => Promise<number>): Promise<number> {
  const fault = Promise.withResolvers<never>();
  // What nobody waits for would end the process with 1 too.
  const onFault = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    fault.reject(event instanceof ErrorEvent ? event.error : event.reason);
  };
  globalThis.addEventListener("error", onFault);
  globalThis.addEventListener("unhandledrejection", onFault);
  try {
    return await Promise.race([run(), fault.promise]);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 2);
    if (error instanceof MeasureError) return complain(error.message, 3);
    return complain(describeFault(error), 3);
  } finally {
    globalThis.removeEventListener("error", onFault);
    globalThis.removeEventListener("unhandledrejection", onFault);
  }
}

function describeFault(error: unknown): string {
  const found = error instanceof Error ? error.stack ?? error.message : error;
  return `Cannot go on as the tool itself failed: ${found}`;
}

/** Prints the help of a command, or the version; returns the exit code 0. */
export function inform(action: "help" | "version", spec: CommandSpec): number {
  return say(
    action === "help" ? formatHelp(spec) : `scorebench ${config.version}`,
  );
}
