/**
 * How long bench.ts takes from the start of its process to its first request.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { createServer } from "node:http";

/** Times from the start of the process, in milliseconds. */
export interface StartTimes {
  /** When the first byte reached the server: it is asked what it is. */
  readonly firstByteMs: number;
  /** When the first `POST /v1/score` reached it: the client was calibrated between them. */
  readonly firstScoreMs: number;
}

/** Starts bench.ts against a server that answers 404 to all but the first score request, with which bench.ts is ended. */
async function measureStart(folder: string): Promise<StartTimes> {
  let startMs = NaN;
  let firstByteMs: number | null = null;
  const times = Promise.withResolvers<StartTimes>();
  const server = createServer((request, response) => {
    // A request is small, so that its first byte comes with its last.
    const sinceMs = performance.now() - startMs;
    firstByteMs ??= sinceMs;
    if (request.method === "GET") return void response.writeHead(404).end();
    times.resolve({ firstByteMs, firstScoreMs: sinceMs });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const [, ...args] = config.tasks.bench.command.split(" ");
  startMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...args,
      ...["--url", `http://127.0.0.1:${port}`, "--model", "m"],
      ...["--profile", "smoke", "--output", `${folder}/run.json`],
    ],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const failed = child.status.then(({ code }) => {
      throw new Error(`bench.ts ended with ${code} before it sent a request`);
    });
    return await Promise.race([failed, times.promise]);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/**
 * Measures some starts, one after the other, after one that fills the cache of compiled code.
 *
 * @param rounds How many starts, at least 1.
 */
export async function measureStarts(rounds: number): Promise<StartTimes[]> {
  const folder = await Deno.makeTempDir({ prefix: "start_benchmark" });
  try {
    await measureStart(folder);
    const times: StartTimes[] = [];
    for (let i = 0; i < rounds; i++) times.push(await measureStart(folder));
    return times;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
