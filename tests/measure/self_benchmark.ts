// deno-lint-ignore-file no-console
/**
 * The benchmark of the benchmark: this tool beside wrk, autocannon and fetch, against the same servers.
 *
 * Builds `null_server.c`, runs every client against it in interleaved rounds, each alone on one core
 * where `taskset` exists, and prints ratios: the median over the rounds with the least and greatest.
 * Below them: how a rate is kept, what many requests need of memory, and how fast bench.ts starts.
 *
 *     deno task bench:self [ROUNDS]
 *
 * @module
 */
import { type LoadPlan, startLoadGenerator } from "../../lib/load/generator.ts";
import { histogramMean, histogramQuantile } from "../../lib/stats/histogram.ts";
import { median } from "../../lib/stats/summary.ts";
import { measureStarts } from "./start_benchmark.ts";

/** What one client measured of one load. */
interface Figures {
  readonly requestsPerSec: number;
  readonly meanMs: number;
  readonly p99Ms: number;
}

type ClientName = "scorebench" | "wrk" | "autocannon" | "fetch";

const SERVICE_MS = 5;
const WARM_UP_MS = 500;
const MEASURE_MS = 2_000;
/** Starts of bench.ts of which the median is taken. */
const STARTS = 5;
const NULL_CONNECTIONS = [1, 16, 64];
const SERVICE_CONNECTIONS = [1, 8, 32];
const BODY = JSON.stringify({
  "query": "Is this relevant?",
  "items": [" Yes", " No"],
  "label_token_ids": [10, 20],
  "apply_softmax": true,
  "item_first": false,
  "model": "m",
});

const canPin = navigator.hardwareConcurrency > 1 && await has("taskset");
const here = (name: string) => new URL(name, import.meta.url).pathname;
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function run(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
  }).output();
  if (!success) throw new Error(`${program} failed: ${decode(stderr)}`);
  return decode(stdout);
}

/** Puts a command on the core that the servers are not on. */
function pinned(program: string, args: readonly string[]): [string, string[]] {
  return canPin
    ? ["taskset", ["-c", "1", program, ...args]]
    : [program, [...args]];
}

async function has(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, {
      args: ["-v"],
      stdout: "null",
      stderr: "null",
    }).output();
    return true;
  } catch {
    return false;
  }
}

function planFor(url: string, loop: LoadPlan["loop"]): LoadPlan {
  return {
    endpoint: {
      url,
      headers: {},
      caCerts: [],
      unixSocketPath: null,
      secrets: [],
    },
    workload: {
      batchSize: 2,
      labelTokenIds: [10, 20],
      model: "m",
      applySoftmax: true,
      prefixCache: "hot",
      seed: 0,
      tokens: null,
    },
    dtype: "float32",
    firstIndex: 0,
    timeoutMs: 10_000,
    loop,
  };
}

/** Runs as a process of its own, so that it can be held to one core. */
async function client(args: readonly string[]): Promise<void> {
  const [name, url = "", connections = "1"] = args;
  const concurrency = Number(connections);
  console.log(JSON.stringify(
    name === "fetch"
      ? await measureFetch(url, concurrency)
      : name === "rate"
      ? await measureRate(url)
      : name === "memory"
      ? await measureMemory(url)
      : await measureOwn(url, concurrency),
  ));
}

async function measureOwn(url: string, concurrency: number): Promise<Figures> {
  await using load = startLoadGenerator();
  const { signal } = new AbortController();
  const loop = { kind: "closed", concurrency, count: null } as const;
  await load.run(planFor(url, { ...loop, durationMs: WARM_UP_MS }), { signal });
  const samples = await load.run(
    planFor(url, { ...loop, durationMs: MEASURE_MS }),
    { signal },
  );
  if (samples.failures.length > 0) throw new Error("requests failed");
  const { totals } = samples;
  return {
    requestsPerSec: totals.good * 1000 / MEASURE_MS,
    // Of all requests: those that are kept one by one are the first half at best.
    meanMs: histogramMean(totals.service) ?? 0,
    p99Ms: histogramQuantile(totals.service, 0.99) ?? 0,
  };
}

async function measureFetch(
  url: string,
  concurrency: number,
): Promise<Figures> {
  const latenciesMs: number[] = [];
  const runFor = async (durationMs: number) => {
    const endMs = performance.now() + durationMs;
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (performance.now() < endMs) {
        const startMs = performance.now();
        const response = await fetch(`${url}/v1/score`, {
          method: "POST",
          body: BODY,
          headers: { "content-type": "application/json" },
        });
        await response.json();
        latenciesMs.push(performance.now() - startMs);
      }
    }));
  };
  await runFor(WARM_UP_MS);
  latenciesMs.length = 0;
  await runFor(MEASURE_MS);
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return {
    requestsPerSec: sorted.length * 1000 / MEASURE_MS,
    meanMs: sorted.reduce((sum, one) => sum + one, 0) / sorted.length,
    p99Ms: sorted[Math.floor(0.99 * sorted.length)] ?? 0,
  };
}

/** A constant 1,000/s for 30 s: the reached rate and the lag. */
async function measureRate(url: string) {
  await using load = startLoadGenerator();
  const { signal } = new AbortController();
  const [ratePerSec, durationMs] = [1000, 30_000];
  const samples = await load.run(
    planFor(url, {
      kind: "open",
      arrival: "constant",
      ratePerSec,
      durationMs,
      seed: 0,
      maxInFlight: 256,
      share: { index: 0, of: 1 },
    }),
    { signal },
  );
  const { lag, good, planned } = samples.totals;
  return {
    planned,
    good,
    reachedPerSec: good * 1000 / durationMs,
    lagP50Ms: histogramQuantile(lag, 0.5),
    lagP99Ms: histogramQuantile(lag, 0.99),
    lagMaxMs: histogramQuantile(lag, 1),
  };
}

/** Two million requests: resident memory every ten seconds. */
async function measureMemory(url: string) {
  await using load = startLoadGenerator();
  const { signal } = new AbortController();
  const rssMiB: number[] = [];
  const timer = setInterval(
    () => rssMiB.push(Math.round(Deno.memoryUsage().rss / 2 ** 20)),
    5_000,
  );
  const samples = await load.run(
    planFor(url, {
      kind: "closed",
      concurrency: 16,
      count: 2_000_000,
      durationMs: null,
    }),
    { signal },
  );
  clearInterval(timer);
  return { good: samples.totals.good, rssMiB };
}

async function measureWrk(url: string, connections: number): Promise<Figures> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  await Deno.writeTextFile(
    script,
    `wrk.method = "POST"\nwrk.body = [==[${BODY}]==]\nwrk.headers["content-type"] = "application/json"
done = function(summary, latency)
  io.write(string.format("FIGURES %f %f %f\\n", summary.requests * 1e6 / summary.duration, latency.mean / 1000, latency:percentile(99) / 1000))
end`,
  );
  const args = ["-t1", `-c${connections}`, "-s", script, `${url}/v1/score`];
  await run(...pinned("wrk", ["-d1s", ...args]));
  const text = await run(
    ...pinned("wrk", [`-d${MEASURE_MS / 1000}s`, ...args]),
  );
  await Deno.remove(script);
  const [, requestsPerSec = 0, meanMs = 0, p99Ms = 0] =
    /FIGURES (\S+) (\S+) (\S+)/.exec(text)?.map(Number) ?? [];
  return { requestsPerSec, meanMs, p99Ms };
}

/** Autocannon keeps whole milliseconds, so that only its rate can be compared at small latencies. */
async function measureAutocannon(
  url: string,
  connections: number,
): Promise<Figures> {
  const runFor = (seconds: number) =>
    run(...pinned("npx", [
      "-y",
      "autocannon@9.0.0",
      "--json",
      `--connections=${connections}`,
      `--duration=${seconds}`,
      "--method=POST",
      "--headers=content-type=application/json",
      `--body=${BODY}`,
      `${url}/v1/score`,
    ]));
  await runFor(1);
  const { requests, latency } = JSON.parse(await runFor(MEASURE_MS / 1000));
  return {
    requestsPerSec: requests.average,
    meanMs: latency.average,
    p99Ms: latency.p99,
  };
}

function measureChild(
  name: string,
  url: string,
  connections: number,
): Promise<Figures> {
  return run(
    ...pinned(Deno.execPath(), [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-read",
      here("self_benchmark.ts"),
      "client",
      name,
      url,
      String(connections),
    ]),
  ).then((text) => JSON.parse(text));
}

interface Server extends AsyncDisposable {
  readonly url: string;
}

async function startServer(
  program: string,
  serviceMs: number,
): Promise<Server> {
  const [command, args] = canPin
    ? ["taskset", ["-c", "0", program, String(serviceMs * 1000)]] as const
    : [program, [String(serviceMs * 1000)]] as const;
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(decode(value ?? new Uint8Array()));
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await reader.cancel();
    },
  };
}

/** The median of ratios or figures over the rounds, with the least and the greatest. */
function spread(values: readonly number[], digits = 2): string {
  const show = (value: number) => value.toFixed(digits);
  return `${show(median(values))} [${show(Math.min(...values))}, ${
    show(Math.max(...values))
  }]`;
}

/** All figures by client, server kind and connections, one entry a round. */
type Results = Map<string, Figures[]>;

const keyOf = (client: string, server: string, connections: number) =>
  `${client} ${server} ${connections}`;

async function measureRounds(
  rounds: number,
  servers: { readonly null: Server; readonly service: Server },
): Promise<{ clients: ClientName[]; results: Results }> {
  const clients: ClientName[] = ["scorebench", "fetch"];
  if (await has("wrk")) clients.push("wrk");
  if (await has("npx")) clients.push("autocannon");
  const results: Results = new Map();
  for (let round = 0; round < rounds; round++) {
    for (const server of ["null", "service"] as const) {
      const wanted = server === "null" ? NULL_CONNECTIONS : SERVICE_CONNECTIONS;
      for (const connections of wanted) {
        // Each round starts with another client, so that none always follows the same one.
        const order = clients.map((_, i) =>
          clients[(i + round) % clients.length] ?? "scorebench"
        );
        for (const name of order) {
          console.error(
            `round ${
              round + 1
            } of ${rounds}: ${server}, ${connections} in flight, ${name}`,
          );
          const { url } = servers[server];
          const figures = name === "wrk"
            ? await measureWrk(url, connections)
            : name === "autocannon"
            ? await measureAutocannon(url, connections)
            : await measureChild(name, url, connections);
          const key = keyOf(name, server, connections);
          results.set(key, [...results.get(key) ?? [], figures]);
        }
      }
    }
  }
  return { clients, results };
}

function report(clients: readonly ClientName[], results: Results): string[] {
  const of = (client: string, server: string, connections: number) =>
    results.get(keyOf(client, server, connections)) ?? [];
  const compare = (
    other: string,
    load: readonly [string, number],
    figure: (own: Figures, other: Figures) => number,
  ) => {
    const [server, connections] = load;
    const others = of(other, server, connections);
    return spread(
      of("scorebench", server, connections).map((own, i) =>
        figure(own, others[i] ?? own)
      ),
    );
  };
  const others = clients.filter((name) => name !== "scorebench");
  const lines = [
    "| figure, this tool over the other | in flight | " + others.join(" | ") +
    " |",
    "| --- | --- | " + others.map(() => "---").join(" | ") + " |",
  ];
  const row = (
    name: string,
    load: readonly [string, number],
    figure: (own: Figures, other: Figures) => number,
  ) =>
    lines.push(
      `| ${name} | ${load[1]} | ${
        others.map((other) => compare(other, load, figure)).join(" | ")
      } |`,
    );
  for (const connections of NULL_CONNECTIONS) {
    row(
      "requests/s, null server (ratio)",
      ["null", connections],
      (own, other) => own.requestsPerSec / other.requestsPerSec,
    );
  }
  for (const connections of SERVICE_CONNECTIONS) {
    row(
      "mean latency added to 5 ms (difference, us)",
      ["service", connections],
      (own, other) => 1000 * (own.meanMs - other.meanMs),
    );
    row(
      "mean latency added to 5 ms (ratio)",
      ["service", connections],
      (own, other) => (own.meanMs - SERVICE_MS) / (other.meanMs - SERVICE_MS),
    );
    row(
      "p99 added to 5 ms (ratio)",
      ["service", connections],
      (own, other) => (own.p99Ms - SERVICE_MS) / (other.p99Ms - SERVICE_MS),
    );
  }
  lines.push(
    "",
    "| requests/s x mean latency / connections, null server | " +
      clients.join(" | ") + " |",
    "| --- | " + clients.map(() => "---").join(" | ") + " |",
  );
  for (const connections of NULL_CONNECTIONS) {
    lines.push(
      `| ${connections} in flight | ${
        clients.map((name) =>
          spread(
            of(name, "null", connections).map(({ requestsPerSec, meanMs }) =>
              requestsPerSec * meanMs / 1000 / connections
            ),
          )
        ).join(" | ")
      } |`,
    );
  }
  return lines;
}

async function main(args: readonly string[]): Promise<void> {
  const rounds = Number(args[0] ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(
      `Cannot run rounds: expected a whole number of at least 1, found ${
        args[0]
      }`,
    );
  }
  const program = await Deno.makeTempFile({ prefix: "null_server" });
  await run("cc", ["-O2", "-o", program, here("null_server.c")]);
  await using nullServer = await startServer(program, 0);
  await using service = await startServer(program, SERVICE_MS);
  const { clients, results } = await measureRounds(rounds, {
    null: nullServer,
    service,
  });
  console.log(report(clients, results).join("\n"));
  const rate = await measureChild("rate", service.url, 0);
  console.log(`\n1,000/s for 30 s: ${JSON.stringify(rate)}`);
  const memory = await measureChild("memory", nullServer.url, 0);
  console.log(`2,000,000 requests: ${JSON.stringify(memory)}`);
  const starts = await measureStarts(STARTS);
  console.log(
    `Start to first request: first byte after ${
      spread(starts.map(({ firstByteMs }) => firstByteMs), 0)
    } ms, first POST /v1/score after ${
      spread(starts.map(({ firstScoreMs }) => firstScoreMs), 0)
    } ms`,
  );
  await Deno.remove(program);
}

if (Deno.args[0] === "client") await client(Deno.args.slice(1));
else await main(Deno.args);
