#!/usr/bin/env -S deno run --no-prompt --allow-net=127.0.0.1 --allow-read=.
// deno-lint-ignore-file no-console
/**
 * Serves the simulated engine: `deno task sim --port 30000`.
 *
 * @module
 */
import { say } from "./lib/cli/command_line.ts";
import { parseFlags } from "./lib/cli/flags.ts";
import { inform, runScript } from "./lib/cli/script.ts";
import {
  readSimFlags,
  SIM_COMMAND,
  simHelp,
  type SimRequest,
} from "./lib/commands/sim.ts";
import { MeasureError, messageOf, UsageError } from "./lib/failure.ts";
import { type Simulator, startSimulator } from "./lib/simulator/start.ts";

async function serveUntilSignal(simulator: Simulator): Promise<number> {
  const stopped = Promise.withResolvers<"stopped">();
  const stop = (): void => stopped.resolve("stopped");
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  try {
    console.error(
      `Simulated engine on ${simulator.url} (simulated numbers; press Ctrl-C to stop)`,
    );
    console.log(simulator.url);
    const end = await Promise.race([stopped.promise, simulator.ended]);
    if (end !== "crashed") return 0;
    console.error("Simulated engine died, as a real server would have");
    return 3;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
  }
}

/** Runs the command and returns its exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runScript(async () => {
    const parsed = parseFlags(SIM_COMMAND, args);
    if (parsed.action === "help") return say(simHelp());
    if (parsed.action !== "run") return inform(parsed.action, SIM_COMMAND);
    const request = readSimFlags(parsed.flags);
    using _held = holdAccelerator(request.accelerator);
    await using simulator = await start(request);
    return await serveUntilSignal(simulator);
  });
}

/** An accelerator belongs to one process: a second one fails as it does on a TPU. */
function holdAccelerator(port: number | null): Deno.Listener | null {
  if (port === null) return null;
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    throw new MeasureError(
      `RuntimeError: TPU is already in use by another process (port ${port} of 127.0.0.1: ${
        error instanceof Error ? error.message : error
      })`,
    );
  }
}

async function start({ options, logs }: SimRequest): Promise<Simulator> {
  const { hostname, port } = options;
  // The server's library would throw out of anyone's reach.
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const { state } = await Deno.permissions.query({
    name: "net",
    host: `${host}:${port}`,
  });
  if (state !== "granted") {
    throw new UsageError([
      `Cannot listen on ${host}:${port}: the permission is missing; run with --allow-net=${host}`,
    ]);
  }
  try {
    return await startSimulator({
      ...options,
      ...(logs ? { onLog: writeLog } : {}),
    });
  } catch (error) {
    throw new MeasureError(
      `Cannot listen on ${host}:${port}: ${messageOf(error)}`,
    );
  }
}

function writeLog(text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
