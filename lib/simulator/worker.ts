/**
 * The thread that serves a simulated engine; `startSimulator` starts it.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { Engine } from "./engine.ts";
import { type EngineLog, startLines, timedLine } from "./log.ts";
import {
  serveEngine,
  type SimulatorCommand,
  type SimulatorNotice,
} from "./server.ts";

const { promise: closeAsked, resolve: askToClose } = Promise.withResolvers<
  void
>();

async function serve(
  { engine, hostname, port, logs }: Extract<
    SimulatorCommand,
    { kind: "serve" }
  >,
): Promise<void> {
  const log = logs ? postLines() : null;
  const served = new Engine(engine, log);
  const server = await serveEngine(served, { hostname, port });
  if (log !== null) {
    for (const line of startLines(served.options, server.port)) {
      log(line, performance.now());
    }
  }
  notify({ kind: "listening", port: server.port });
  server.crashed.then(() => notify({ kind: "crashed" }));
  await closeAsked;
  await server.close();
  notify({ kind: "closed" });
}

/** Posts lines, those of one turn together. */
function postLines(): EngineLog {
  let text = "";
  return (message, atMs) => {
    if (text === "") {
      queueMicrotask(() => {
        notify({ kind: "log", text });
        text = "";
      });
    }
    text += timedLine(message, performance.timeOrigin + atMs);
  };
}

function notify(notice: SimulatorNotice): void {
  self.postMessage(notice);
}

self.onmessage = ({ data }: MessageEvent<SimulatorCommand>): void => {
  if (data.kind === "close") askToClose();
  else {
    serve(data).catch((error: unknown) =>
      notify({ kind: "failed", message: String(error) })
    );
  }
};
