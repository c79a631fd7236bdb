/**
 * A score server for tests that shares no code with the simulated engine: `node:http`, and the
 * recorded answers of a real server. Its faults and its bad manners are options.
 *
 * As a program it serves until it is stopped; `--help` is this list:
 * `deno run --allow-net=127.0.0.1 --allow-read [--allow-run --allow-write] tests/support/score_server.ts
 * --port N [--model M --dtype D --info old|new|none --api-key-file FILE --fault NAME
 * --fault-from N --start never|dies --die-at N --delay-ms N --drift-ms N --leak-kib N
 * --ignore-sigterm --child --strays --pid-file FILE --admin-api-key KEY]`
 *
 * @module
 */
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { parseArgs } from "node:util";
import {
  FAULTS,
  recorded,
  score,
  type ScoreFault,
  sendJson,
  sendRecorded,
} from "./score_answers.ts";
export type { ScoreFault };

/** How a server behaves; all is well by default. */
export interface ScoreServerOptions {
  /** Port on 127.0.0.1; 0 takes a free one. @default {0} */
  readonly port?: number;
  /** The model that it says it serves. */
  readonly model?: string;
  /** The data type that it says it runs. */
  readonly dtype?: string;
  /** The key that every path but /health demands; none by default. */
  readonly apiKey?: string | undefined;
  /** Where it tells of itself: the paths of SGLang-JAX, those of newer SGLang, or nowhere. @default {"old"} */
  readonly info?: "old" | "new" | "none";
  /** Further fields of its information. */
  readonly extraInfo?: Readonly<Record<string, unknown>>;
  /** What is wrong with the answer to a score request, counted from 1; nothing where undefined. */
  readonly fault?: (count: number) => ScoreFault | undefined;
  /** Hears of each score request, counted from 1, before it is answered. */
  readonly onScore?: (count: number) => void;
}

/** A request as it came. */
export interface SeenRequest {
  /** Method and path. */
  readonly line: string;
  /** Its headers, by lower-case name. */
  readonly headers: IncomingMessage["headers"];
  /** Its body. */
  readonly body: string;
}

/** A server that listens; disposing closes its port and connections. */
export interface ScoreServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Every request, in order. */
  readonly requests: readonly SeenRequest[];
}

/** A model and a data type that no profile asks for. */
export const SERVED = { model: "models/tiny", dtype: "float32" } as const;

const INFO_PATHS = {
  old: ["/get_server_info", "/get_model_info"],
  new: ["/server_info", "/model_info"],
  none: [],
};

/** Starts a server and returns when it listens. */
export async function startScoreServer(
  options: ScoreServerOptions = {},
): Promise<ScoreServer> {
  const requests: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = new TextDecoder().decode(
      new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
    );
    const line = `${request.method} ${request.url}`;
    requests.push({ line, headers: request.headers, body });
    const scoreCount = requests.filter((one) =>
      one.line === "POST /v1/score"
    ).length;
    respond(options, { line, body, request, response, scoreCount });
  });
  await new Promise<void>((resolve) =>
    server.listen(options.port ?? 0, "127.0.0.1", resolve)
  );
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function respond(
  options: ScoreServerOptions,
  { line, body, request, response, scoreCount }: {
    line: string;
    body: string;
    request: IncomingMessage;
    response: ServerResponse;
    scoreCount: number;
  },
): void {
  if (line === "GET /health") return sendRecorded(response, "health");
  const { apiKey, info = "old" } = options;
  const wanted = apiKey === undefined ? undefined : `Bearer ${apiKey}`;
  if (wanted !== undefined && request.headers.authorization !== wanted) {
    return sendRecorded(response, "missing or wrong api key");
  }
  if (line === "POST /v1/score") {
    options.onScore?.(scoreCount);
    const answer = score(JSON.parse(body));
    const fault = options.fault?.(scoreCount);
    return fault === undefined
      ? sendJson(response, answer)
      : void FAULTS[fault]({ request, response, answer });
  }
  const { model = SERVED.model, dtype = SERVED.dtype, extraInfo } = options;
  const [serverPath, modelPath] = INFO_PATHS[info];
  if (line === `GET ${serverPath}`) {
    return sendJson(response, {
      ...recorded("server info").responseBody as object,
      "model_path": model,
      "served_model_name": model,
      dtype,
      "api_key": apiKey ?? null,
      ...extraInfo,
    });
  }
  if (line === `GET ${modelPath}`) {
    return sendJson(response, { "model_path": model });
  }
  sendJson(response, { "detail": "Not Found" }, 404);
}

/** Starts a child that only SIGKILL ends, as a stuck worker of a real server is. */
function startStubbornChild(): number {
  return new Deno.Command("sh", {
    args: ["-c", 'trap "" TERM; exec sleep 600'],
  }).spawn().pid;
}

/** Starts what leaves the process group: a child in a session of its own, and one whose parent has ended. */
async function startStrays(): Promise<number[]> {
  const child = new Deno.Command("sleep", { args: ["600"], detached: true })
    .spawn();
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", "sleep 600 > /dev/null 2>&1 & echo $!"],
    detached: true,
  }).output();
  return [child.pid, Number(new TextDecoder().decode(stdout))];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      "port": { type: "string" },
      "model": { type: "string" },
      "dtype": { type: "string" },
      "info": { type: "string" },
      "api-key-file": { type: "string" },
      "fault": { type: "string" },
      "fault-from": { type: "string" },
      "start": { type: "string" },
      "die-at": { type: "string" },
      "leak-kib": { type: "string" },
      "ignore-sigterm": { type: "boolean" },
      "child": { type: "boolean" },
      "strays": { type: "boolean" },
      "pid-file": { type: "string" },
      "extra-token": { type: "string" },
      "admin-api-key": { type: "string" },
    },
  });
  const file = values["api-key-file"];
  const apiKey = file === undefined
    ? undefined
    : (await Deno.readTextFile(file)).trim();
  // SGLang prints all its arguments, the key among them.
  writeOut(`server_args: ${JSON.stringify({ ...values, apiKey })}\n`);
  const say = (text: string) => writeOut(`${text}\n`);
  say(`called with ${Deno.args.join(" ")}`);
  Deno.addSignalListener("SIGTERM", () => {
    if (values["ignore-sigterm"]) say("SIGTERM is ignored");
    else Deno.exit(0);
  });
  const pids = [
    Deno.pid,
    ...values.child ? [startStubbornChild()] : [],
    ...values.strays ? await startStrays() : [],
  ];
  if (values["pid-file"] !== undefined) {
    await Deno.writeTextFile(values["pid-file"], `${pids.join("\n")}\n`, {
      append: true,
    });
  }
  if (values.start === "dies") {
    say(`ValueError: no devices, keys ${apiKey} ${values["admin-api-key"]}`);
    Deno.exit(7);
  }
  // A port that stays closed, as while a real server compiles.
  if (values.start === "never") return void setInterval(() => {}, 60_000);
  const leakBytes = 1024 * Number(values["leak-kib"] ?? 0);
  const leaked: Uint8Array[] = [];
  await startScoreServer({
    port: Number(values.port),
    model: values.model ?? SERVED.model,
    dtype: values.dtype ?? SERVED.dtype,
    info: (values.info ?? "old") as "old",
    apiKey,
    fault: (count) =>
      count < Number(values["fault-from"] ?? 1)
        ? undefined
        : values.fault as ScoreFault | undefined,
    onScore: (count) => {
      say(`scored ${count}`);
      // Memory counts as resident only once it was written.
      leaked.push(new Uint8Array(leakBytes).fill(1));
      if (count !== Number(values["die-at"])) return;
      say(`RESOURCE_EXHAUSTED: out of memory, key ${apiKey}`);
      Deno.exit(9);
    },
  });
}

function writeOut(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Returns the bodies of the score requests that a server got, in order. */
export function scoreBodies(server: ScoreServer): Record<string, unknown>[] {
  return server.requests.filter(({ line }) => line === "POST /v1/score")
    .map(({ body }) => JSON.parse(body));
}

if (import.meta.main) await main();
