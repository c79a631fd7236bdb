/**
 * The thread that serves a simulated engine; `startSimulator` starts it.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { Engine } from "./engine.ts";
import {
  serveEngine,
  type SimulatorCommand,
  type SimulatorNotice,
} from "./server.ts";

const { promise: closeAsked, resolve: askToClose } = Promise.withResolvers<
  void
>();

async function serve(
  { engine, hostname, port }: Extract<SimulatorCommand, { kind: "serve" }>,
): Promise<void> {
  const server = await serveEngine(new Engine(engine), { hostname, port });
  notify({ kind: "listening", port: server.port });
  server.crashed.then(() => notify({ kind: "crashed" }));
  await closeAsked;
  await server.close();
  notify({ kind: "closed" });
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
