/**
 * Starts a simulated engine on its own thread, so that serving does not disturb the clock of the client.
 *
 * @module
 */
import { type EngineOptions, engineOptions } from "./options.ts";
import type { SimulatorCommand, SimulatorNotice } from "./server.ts";
import { startThread } from "../thread.ts";

/** The options of {@linkcode startSimulator}. */
export interface SimulatorOptions extends EngineOptions {
  /** Port to listen on; 0 takes a free one. @default {0} */
  readonly port: number;
  /** Address to listen on. @default {"127.0.0.1"} */
  readonly hostname: string;
  /** Takes the log of the server, piece by piece. @default {no log} */
  readonly onLog: (text: string) => void;
}

/** A simulated engine that serves. Disposing closes its port and connections at once. */
export interface Simulator extends AsyncDisposable {
  /** Where it serves, for example `http://127.0.0.1:30000`. */
  readonly url: string;
  readonly port: number;
  /** Resolves when it serves no more: after a lethal request or the fault `crash`, or because it was disposed. */
  readonly ended: Promise<"crashed" | "disposed">;
}

const MAX_PORT = 65535;

/**
 * Starts a simulated engine and resolves when its port is open.
 *
 * @throws {RangeError | SyntaxError} If an option is not valid; nothing is started then.
 * @throws {Error} If the address cannot be listened on.
 */
export async function startSimulator(
  options: Readonly<Partial<SimulatorOptions>> = {},
): Promise<Simulator> {
  const { port = 0, hostname = "127.0.0.1", onLog, ...rest } = options;
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw new RangeError(
      `Cannot start the simulated engine as port must be an integer from 0 to ${MAX_PORT}: current value is ${port}`,
    );
  }
  const engine = engineOptions(rest);
  const worker = startThread(new URL("./worker.ts", import.meta.url));
  const ended = Promise.withResolvers<"crashed" | "disposed">();
  const closed = Promise.withResolvers<void>();
  const listening = new Promise<number>((resolve, reject) => {
    const fail = (message: string): void =>
      reject(new Error(`Cannot start the simulated engine: ${message}`));
    worker.onmessage = ({ data }: MessageEvent<SimulatorNotice>): void => {
      if (data.kind === "listening") resolve(data.port);
      else if (data.kind === "failed") fail(data.message);
      else if (data.kind === "log") onLog?.(data.text);
      else if (data.kind === "crashed") ended.resolve("crashed");
      else closed.resolve();
    };
    worker.onerror = (event): void => {
      // Or the error would end the whole process.
      event.preventDefault();
      fail(event.message);
      ended.resolve("crashed");
      closed.resolve();
    };
  });
  const tell = (command: SimulatorCommand): void => worker.postMessage(command);
  const logs = onLog !== undefined;
  tell({ kind: "serve", engine, hostname, port, logs });
  try {
    const openPort = await listening;
    return {
      url: `http://${urlHost(hostname)}:${openPort}`,
      port: openPort,
      ended: ended.promise,
      async [Symbol.asyncDispose](): Promise<void> {
        ended.resolve("disposed");
        tell({ kind: "close" });
        await closed.promise;
        worker.terminate();
      },
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** A wildcard address can be listened on but not called. */
function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "::") return "127.0.0.1";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
