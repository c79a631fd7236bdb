// deno-lint-ignore-file no-console
/**
 * The benchmark of the benchmark: this tool beside wrk, autocannon and fetch, against the same servers.
 *
 * Builds `null_server.c`, runs every client against it in interleaved rounds, each alone on one core
 * where `taskset` exists, and prints ratios: the median over the rounds with the least and greatest.
 * Below them: how a rate is kept, what many requests need of memory, and how fast bench.ts starts.
 *
 *     deno task bench:self [ROUNDS [REGEXP]]
 *
 * With an expression only the loads whose names match it. Where other programs want the cores, `chrt -r 10` before it keeps
 * them away from servers and clients alike.
 *
 * @module
 */
import { createHttpClient } from "../../lib/http/client.ts";
import { startLoadGenerator } from "../../lib/load/generator.ts";
import { histogramMean, histogramQuantile } from "../../lib/stats/histogram.ts";
import { median } from "../../lib/stats/summary.ts";
import {
  type ClientName,
  planFor,
  SELF_LOADS,
  type SelfLoad,
  type ServerPlan,
  staticBody,
  workloadFor,
} from "./self_loads.ts";
import { measureStarts } from "./start_benchmark.ts";

/** What one client measured of one load. */
interface Figures {
  readonly requestsPerSec: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  /** Resident memory at the end, of this tool. */
  readonly rssMiB?: number;
}

const WARM_UP_MS = 500;
const MEASURE_MS = 1_000;
/** Starts of bench.ts of which the median is taken. */
const STARTS = 5;
/** Connections of which the median time to open is taken. */
const OPENED = 50;
const SMALL = { rows: 2 };

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

/** Runs as a process of its own, so that it can be held to one core. */
async function client(args: readonly string[]): Promise<void> {
  const [name, url = "", text = "{}"] = args;
  const load: ChildLoad = JSON.parse(text);
  console.log(JSON.stringify(
    name === "fetch"
      ? await measureFetch(url, load.connections)
      : name === "rate"
      ? await measureRate(url)
      : name === "memory"
      ? await measureMemory(url)
      : name === "hung"
      ? await measureHung(url)
      : name === "open"
      ? await measureOpening(url, load.caCerts)
      : await measureOwn(url, load),
  ));
}

/** What a child is told of its load. */
interface ChildLoad {
  readonly connections: number;
  readonly rows: number;
  readonly prefixCache: SelfLoad["prefixCache"];
  readonly caCerts: readonly string[];
}

async function measureOwn(
  url: string,
  { connections, rows, prefixCache, caCerts }: ChildLoad,
): Promise<Figures> {
  await using load = startLoadGenerator();
  const { signal } = new AbortController();
  const runFor = (durationMs: number) =>
    load.run(
      planFor(url, workloadFor({ rows }, prefixCache), {
        loop: {
          ...{ kind: "closed", count: null } as const,
          ...{ concurrency: connections, durationMs },
        },
        caCerts,
      }),
      { signal },
    );
  await runFor(WARM_UP_MS);
  const samples = await runFor(MEASURE_MS);
  if (samples.failures.length > 0) {
    throw new Error(`requests failed: ${samples.failures[0]?.example}`);
  }
  const { totals } = samples;
  return {
    requestsPerSec: totals.good * 1000 / MEASURE_MS,
    // Of all requests: those that are kept one by one are the first half at best.
    meanMs: histogramMean(totals.service) ?? 0,
    p99Ms: histogramQuantile(totals.service, 0.99) ?? 0,
    rssMiB: Math.round(Deno.memoryUsage().rss / 2 ** 20),
  };
}

/** How long a connection takes to open, its TLS handshake included: the median, in milliseconds. */
async function measureOpening(url: string, caCerts: readonly string[]) {
  const openMs: number[] = [];
  for (let i = 0; i < OPENED; i++) {
    await using http = createHttpClient({ url: new URL(url), caCerts });
    const startMs = performance.now();
    await http.open(1);
    openMs.push(performance.now() - startMs);
  }
  return { openMs: median(openMs) };
}

/** An open loop on a server that never answers, until 10,000 requests are in flight. */
async function measureHung(url: string) {
  await using load = startLoadGenerator();
  const { signal } = new AbortController();
  const [inFlight, durationMs] = [10_000, 5_000];
  const rssMiB: number[] = [];
  const timer = setInterval(
    () => rssMiB.push(Math.round(Deno.memoryUsage().rss / 2 ** 20)),
    1_000,
  );
  const samples = await load.run(
    {
      ...planFor(url, workloadFor(SMALL, "cold"), {
        loop: {
          kind: "open",
          arrival: "constant",
          ratePerSec: 2 * inFlight * 1000 / durationMs,
          durationMs,
          seed: 0,
          maxInFlight: inFlight,
          share: { index: 0, of: 1 },
        },
      }),
      timeoutMs: 2 * durationMs,
    },
    { signal },
  );
  clearInterval(timer);
  return {
    planned: samples.totals.planned,
    ended: samples.failures.map(({ outcome, count }) => `${count} ${outcome}`),
    rssMiB,
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
          body: staticBody(SMALL),
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
    planFor(url, workloadFor(SMALL, "hot"), {
      loop: {
        kind: "open",
        arrival: "constant",
        ratePerSec,
        durationMs,
        seed: 0,
        maxInFlight: 256,
        share: { index: 0, of: 1 },
      },
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
    planFor(url, workloadFor(SMALL, "hot"), {
      loop: {
        kind: "closed",
        concurrency: 16,
        count: 2_000_000,
        durationMs: null,
      },
    }),
    { signal },
  );
  clearInterval(timer);
  return { good: samples.totals.good, rssMiB };
}

async function measureWrk(
  url: string,
  { connections, rows }: ChildLoad,
): Promise<Figures> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  await Deno.writeTextFile(
    script,
    `wrk.method = "POST"\nwrk.body = [==[${
      staticBody({ rows })
    }]==]\nwrk.headers["content-type"] = "application/json"
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
      `--body=${staticBody(SMALL)}`,
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

function measureChild<T>(
  name: string,
  url: string,
  load: ChildLoad = {
    ...{ connections: 0, rows: 2, prefixCache: "hot", caCerts: [] },
  },
): Promise<T> {
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
      JSON.stringify(load),
    ]),
  ).then((text) => JSON.parse(text));
}

interface Server extends AsyncDisposable {
  readonly url: string;
}

/** The server program, and the certificate where it can speak TLS. */
interface Program {
  readonly path: string;
  readonly tls: { readonly certificate: string; readonly key: string } | null;
}

/** Compiles the server, with TLS where OpenSSL is there, and makes a certificate that is trusted for a day. */
async function makeProgram(folder: string): Promise<Program> {
  const path = `${folder}/null_server`;
  const source = here("null_server.c");
  const [certificate, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    await run("cc", [
      ...["-O2", "-DTLS", "-o", path, source, "-lssl", "-lcrypto"],
    ]);
    await run("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(
        " ",
      ),
      ...["-nodes", "-days", "1", "-subj", "/CN=test", "-keyout", key],
      ...["-out", certificate, "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ]);
    return { path, tls: { certificate, key } };
  } catch (error) {
    console.error(`Without TLS: ${error}`);
    await run("cc", ["-O2", "-o", path, source]);
    return { path, tls: null };
  }
}

async function startServer(
  program: Program,
  plan: ServerPlan,
): Promise<Server> {
  const { serviceMs, rows, varies, isTls } = plan;
  const tls = isTls ? program.tls : null;
  const args = [
    ...[serviceMs * 1000, rows, varies ? 1 : 0].map(String),
    ...tls === null ? [] : [tls.certificate, tls.key],
  ];
  const [command, all] = canPin
    ? ["taskset", ["-c", "0", program.path, ...args]] as const
    : [program.path, args] as const;
  const child = new Deno.Command(command, {
    args: [...all],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(decode(value ?? new Uint8Array()));
  return {
    url: `${isTls ? "https" : "http"}://127.0.0.1:${port}`,
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

/** All figures of one load and number of connections by client, one entry a round. */
interface Row {
  readonly load: SelfLoad;
  readonly connections: number;
  readonly figures: ReadonlyMap<ClientName, Figures[]>;
}

async function measureRounds(
  rounds: number,
  { loads, open, caCerts }: {
    readonly loads: readonly SelfLoad[];
    readonly open: (plan: ServerPlan) => Promise<Server>;
    readonly caCerts: readonly string[];
  },
): Promise<Row[]> {
  const isThere = new Map<ClientName, boolean>([
    ["scorebench", true],
    ["fetch", true],
    ["wrk", await has("wrk")],
    ["autocannon", await has("npx")],
  ]);
  const rows = loads.flatMap((load) =>
    load.connections.map((connections): Row => ({
      load,
      connections,
      figures: new Map(
        load.clients.filter((name) => isThere.get(name)).map((
          name,
        ) => [name, []]),
      ),
    }))
  );
  for (let round = 0; round < rounds; round++) {
    for (const { load, connections, figures } of rows) {
      await using server = await open(load.server);
      const child: ChildLoad = {
        connections,
        rows: load.server.rows,
        prefixCache: load.prefixCache,
        caCerts: load.server.isTls ? caCerts : [],
      };
      // Each round starts with another client, so that none always follows the same one.
      const clients = [...figures.keys()];
      for (const [i] of clients.entries()) {
        const name = clients[(i + round) % clients.length] ?? "scorebench";
        console.error(
          `round ${
            round + 1
          } of ${rounds}: ${load.title}, ${load.server.serviceMs} ms, ${connections} in flight, ${name}`,
        );
        figures.get(name)?.push(
          name === "wrk"
            ? await measureWrk(server.url, child)
            : name === "autocannon"
            ? await measureAutocannon(server.url, connections)
            : await measureChild<Figures>(name, server.url, child),
        );
      }
    }
  }
  return rows;
}

const OTHERS = ["fetch", "wrk", "autocannon"] as const;

function report(rows: readonly Row[]): string[] {
  const lines = [
    `| sent | in flight | figure, this tool over the other | ${
      OTHERS.join(" | ")
    } |`,
    `| --- | --- | --- | ${OTHERS.map(() => "---").join(" | ")} |`,
  ];
  for (const { load, connections, figures } of rows) {
    const { serviceMs } = load.server;
    const row = (
      name: string,
      figure: (own: Figures, other: Figures) => number,
      digits = 2,
    ) => {
      const cells = OTHERS.map((other) => {
        const others = figures.get(other);
        return others === undefined ? "" : spread(
          (figures.get("scorebench") ?? []).map((own, i) =>
            figure(own, others[i] ?? own)
          ),
          digits,
        );
      });
      lines.push(
        `| ${load.title} | ${connections} | ${name} | ${cells.join(" | ")} |`,
      );
    };
    if (serviceMs === 0) {
      row(
        "requests/s (ratio)",
        (own, other) => own.requestsPerSec / other.requestsPerSec,
      );
      continue;
    }
    row(
      `mean added to ${serviceMs} ms (difference, us)`,
      (own, other) => 1000 * (own.meanMs - other.meanMs),
      0,
    );
    row(
      `mean added to ${serviceMs} ms (ratio)`,
      (own, other) => (own.meanMs - serviceMs) / (other.meanMs - serviceMs),
    );
    row(
      `p99 added to ${serviceMs} ms (ratio)`,
      (own, other) => (own.p99Ms - serviceMs) / (other.p99Ms - serviceMs),
    );
  }
  lines.push(
    "",
    "| sent | in flight | requests/s | mean (ms) | requests/s x mean / connections | wrk's requests/s | memory (MiB) |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  );
  for (const { load, connections, figures } of rows) {
    const own = figures.get("scorebench") ?? [];
    const rates = (all: readonly Figures[]) =>
      spread(all.map(({ requestsPerSec }) => requestsPerSec), 0);
    const wrk = figures.get("wrk");
    lines.push(
      `| ${load.title}, ${load.server.serviceMs} ms | ${connections} | ${
        rates(own)
      } | ${spread(own.map(({ meanMs }) => meanMs), 3)} | ${
        spread(
          own.map(({ requestsPerSec, meanMs }) =>
            requestsPerSec * meanMs / 1000 / connections
          ),
        )
      } | ${wrk === undefined ? "" : rates(wrk)} | ${
        spread(own.map(({ rssMiB = 0 }) => rssMiB), 0)
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
  const folder = await Deno.makeTempDir({ prefix: "self_benchmark" });
  const program = await makeProgram(folder);
  const caCerts = program.tls === null
    ? []
    : [await Deno.readTextFile(program.tls.certificate)];
  const open = (plan: ServerPlan) => startServer(program, plan);
  const rows = await measureRounds(rounds, {
    loads: SELF_LOADS.filter(({ server, title }) =>
      new RegExp(args[1] ?? "").test(title) &&
      (!server.isTls || program.tls !== null)
    ),
    ...{ open, caCerts },
  });
  console.log(report(rows).join("\n"));
  if (args[1] !== undefined) {
    return await Deno.remove(folder, { recursive: true });
  }
  const plan = { serviceMs: 0, rows: 2, varies: false, isTls: false };
  const show = async (title: string, name: string, server: ServerPlan) => {
    await using running = await open(server);
    const load: ChildLoad = {
      ...{ connections: 0, rows: 2, prefixCache: "hot" },
      caCerts: server.isTls ? caCerts : [],
    };
    const found = await measureChild<unknown>(name, running.url, load);
    console.log(`${title}: ${JSON.stringify(found)}`);
  };
  console.log("");
  await show("A connection opened", "open", plan);
  if (program.tls !== null) {
    await show("A TLS connection opened", "open", { ...plan, isTls: true });
  }
  await show("1,000/s for 30 s", "rate", { ...plan, serviceMs: 5 });
  await show("10,000 in flight, no answer", "hung", {
    ...plan,
    serviceMs: 3_600_000,
  });
  await show("2,000,000 requests", "memory", plan);
  const starts = await measureStarts(STARTS);
  console.log(
    `Start to first request: first byte after ${
      spread(starts.map(({ firstByteMs }) => firstByteMs), 0)
    } ms, first POST /v1/score after ${
      spread(starts.map(({ firstScoreMs }) => firstScoreMs), 0)
    } ms`,
  );
  await Deno.remove(folder, { recursive: true });
}

if (Deno.args[0] === "client") await client(Deno.args.slice(1));
else await main(Deno.args);
