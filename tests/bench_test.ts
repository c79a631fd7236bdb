import { joinDoubts } from "../lib/record/doubts.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Outcome } from "../lib/outcome.ts";
import type { Run, RunMetadata } from "../lib/record/run.ts";
import {
  assertMeasuredOrBusy,
  type BenchOutcome,
  makeTestFolder,
  outcomeOf,
  permissionsFor,
  QUICK_CLIENT,
  readRunFile,
  readTree,
  runMain,
  spawnBench,
  taskPermissions,
} from "./support/bench_runner.ts";
import {
  scoreBodies,
  type ScoreFault,
  type ScoreServerOptions,
  SERVED,
  startScoreServer,
} from "./support/score_server.ts";
import { startSimulator } from "../lib/simulator/start.ts";
import { parseRun } from "../lib/record/run_file.ts";

/** Overrides of a profile that leave one short cell. */
const ONE_CELL = ["--batch-sizes", "3", "--num-labels", "2", "--num-runs", "4"];
const KEY = "sk-e2e-7f3a+/=9c\"'";

/** The columns of the specification, in its order. */
const SPECIFIED_COLUMNS =
  "batch_size,num_labels,model,dtype,num_runs,warmup_runs,total_items,throughput_ips,throughput_rps,latency_p50_ms,latency_p95_ms,latency_p99_ms,latency_mean_ms,latency_std_ms,status";

/** Measures one cell of a server in this process; the run is null where no file was written. */
async function benchUrl(
  serverOptions: ScoreServerOptions,
  args: readonly string[] = [],
  cells: readonly string[] = ONE_CELL,
): Promise<BenchOutcome & { run: Run; bodies: Record<string, unknown>[] }> {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer(serverOptions);
  const path = `${folder.path}/a.json`;
  const outcome = await runMain(
    [...cells, "--url", server.url, "-o", path, ...args],
  );
  return {
    ...outcome,
    run: await readRunFile(path),
    bodies: scoreBodies(server),
  };
}

Deno.test("main() measures a server at a URL and names what it serves", async () => {
  const { code, run, bodies } = await benchUrl({});
  assertEquals(code, 0);
  const [cell] = run.cells;
  assertEquals(cell?.key, { batchSize: 3, numLabels: 2, ...SERVED });
  assertEquals(cell?.samples.outcome, ["ok", "ok", "ok", "ok"]);
  assertEquals(cell?.status, "OK");
  assertEquals(bodies.length, 4 + (cell?.warmUp.requests ?? 0));
  const [first] = bodies;
  assertEquals(first?.["label_token_ids"], [1, 2]);
  assertEquals(first?.["apply_softmax"], true);
  assertEquals(first?.["model"], SERVED.model);
  assertEquals((first?.["items"] as unknown[]).length, 3);
  assertMatch(String(first?.["query"]), /Benchmark query for performance/);
  // Nobody asked for the models of the profiles.
  assertEquals(run.doubts, []);
});

Deno.test("main() sends new prompts in the cold regime, one prompt in the hot one", async () => {
  const cold = await benchUrl({});
  assertEquals(
    new Set(cold.bodies.map((body) => String(body["query"]).slice(0, 8))).size,
    cold.bodies.length,
  );
  const hot = await benchUrl({}, ["--prefix-cache", "hot"]);
  assertGreater(hot.bodies.length, 4);
  assertEquals(new Set(hot.bodies.map((body) => body["query"])).size, 1);
});

Deno.test("main() does not measure a server that contradicts itself", async () => {
  await using folder = await makeTestFolder();
  await using server = await startSimulator({
    faults: ["off=50/3"],
    noise: 0,
  });
  const path = `${folder.path}/run.json`;
  const outcome = await runMain([
    ...["--url", server.url, "--prefix-cache", "hot", "--output", path],
    ...["--batch-sizes", "3", "--num-labels", "2", "--num-runs", "6"],
  ]);
  assertEquals(outcome.code, 3);
  const [cell] = parseRun(await Deno.readTextFile(path)).cells;
  assertEquals(cell?.status, "INVALID");
  assertStringIncludes(
    joinDoubts(cell?.doubts ?? []),
    "the server gave different answers to one request (",
  );
});

Deno.test("main() sends token ids of exact lengths and no softmax when asked", async () => {
  const { code, bodies, run } = await benchUrl({}, [
    ..."--data query=7,item=2 --no-softmax --label-token-ids 9,4"
      .split(" "),
  ]);
  assertEquals(code, 0);
  for (const body of bodies) {
    assertEquals((body["query"] as number[]).length, 7);
    assertEquals(
      (body["items"] as number[][]).map((item) => item.length),
      [2, 2, 2],
    );
    assertEquals(body["apply_softmax"], false);
    assertEquals(body["label_token_ids"], [9, 4]);
  }
  assertEquals(run.cells[0]?.failures, []);
});

Deno.test("main() takes model and dtype from the newer paths, or from the user", async () => {
  const newer = await benchUrl({ info: "new" });
  assertEquals(newer.run.cells[0]?.key.model, SERVED.model);
  assertEquals(newer.run.cells[0]?.key.dtype, SERVED.dtype);
  const silent = await benchUrl({ info: "none" });
  assertEquals(silent.code, 0);
  assertEquals(silent.run.metadata.model, "unknown");
  assertEquals(silent.run.metadata.servers[0]?.info, null);
  const named = await benchUrl({ info: "none" }, [
    ..."--model mine --dtype float16".split(" "),
  ]);
  assertEquals(named.run.cells[0]?.key.model, "mine");
  assertEquals(named.run.cells[0]?.key.dtype, "float16");
  assertEquals(named.run.doubts, []);
});

/** Each fault, the outcome that it must get, and what the line about it must say. */
const WAITING: readonly [ScoreFault, Outcome, RegExp][] = [
  ["slow", "timeout", /the answer had begun/],
  ["hung", "timeout", /no byte of an answer/],
];
const WRONG: readonly [ScoreFault, Outcome, RegExp][] = [
  ["truncated", "truncated", /closed/],
  ["missing-row", "invalid-shape", /^\d+ rows for \d+ items$/],
  ["extra-label", "invalid-shape", /^row 0 has 3 scores for 2 labels$/],
  ["not-a-probability", "invalid-score", /-1/],
  ["half-sum", "invalid-score", /^row 0 sums to 0\.5/],
  ["null-score", "invalid-score", /null/],
  ["nan", "invalid-json", /NaN/],
  ["nan-500", "http-status", /^status 500: "Internal Server Error"$/],
  ["html", "invalid-json", /Sign in/],
  ["401", "http-status", /^status 401: the key is missing or wrong/],
  ["500", "http-status", /^status 500: .*list index out of range/],
  ["503", "http-status", /^status 503: .*queue is full/],
  ["redirect", "http-status", /302: redirects are not followed.*elsewhere/],
  ["endless", "too-large", /67108864/],
  ["huge", "too-large", /67108864/],
];
const RESET: typeof WRONG = [["reset", "reset", /reset/]];

/** Four requests a cell, without warm-up; a batch size is a cell, and a cell has its fault. */
function faultCells(faults: typeof WRONG, good: number) {
  const args = [
    ...["--num-labels", "2", "--num-runs", "4", "--warmup-runs", "0"],
    ...["--batch-sizes", faults.map((_, i) => i + 2).join()],
  ];
  // A request that was reset is sent once more, so the last cell may see more than four.
  // After three failures in a row a cell is given up.
  const sent = good === 0 ? 3 : 4;
  const fault = (count: number) => {
    const cell = Math.min(Math.floor((count - 1) / sent), faults.length - 1);
    return count - 1 - sent * cell < good ? undefined : faults[cell]?.[0];
  };
  return { args, fault };
}

for (
  const [name, faults, timeout] of [
    // What is answered takes milliseconds, and may take some hundred on a busy machine.
    ["waits", WAITING, 2],
    // A server on a busy machine needs its time for 64 MiB.
    ["is wrong", [...WRONG, ...RESET], 600],
  ] as const
) {
  Deno.test(`main() shows each failure beside the figures when an answer ${name}`, async () => {
    const { args, fault } = faultCells(faults, 2);
    const { code, run, stdout } = await benchUrl(
      { fault },
      [...args, "--timeout", String(timeout)],
      [],
    );
    // Nobody may take it for a measurement, unless --max-invalid says so.
    assertEquals(code, 3);
    assertEquals(run.cells.length, faults.length);
    for (const [i, [kind, outcome, line]] of faults.entries()) {
      const cell = run.cells[i];
      assertEquals([kind, cell?.samples.outcome], [
        kind,
        ["ok", "ok", outcome, outcome],
      ]);
      assertEquals(cell?.failures.map((one) => [one.outcome, one.count]), [
        [outcome, 2],
      ]);
      assertMatch(cell?.failures[0]?.example ?? "", line);
      assertEquals(cell?.summary?.count, 2);
      assertEquals(cell?.summary?.totalItems, 2 * (i + 2));
      assertEquals([kind, cell?.status], [kind, "INVALID"]);
      assertStringIncludes(
        joinDoubts(cell?.doubts ?? []),
        "2 of 4 requests failed",
      );
      assertMatch(stdout, new RegExp(`\\d x ${outcome}: `));
      if (outcome !== "timeout") continue;
      for (const sample of [2, 3]) {
        const waitedMs = (cell?.samples.doneMs[sample] ?? 0) -
          (cell?.samples.plannedMs[sample] ?? 0);
        // The deadline counts from the call; a busy machine may write the request some time after it.
        assertGreater(waitedMs, 0.5 * 1000 * timeout);
      }
    }
  });
}

Deno.test("main() exits with 3 when every answer is wrong", async () => {
  const faults = WRONG.filter(([kind]) => kind !== "endless");
  const { args, fault } = faultCells(faults, 0);
  const { code, run, stdout, stderr } = await benchUrl({ fault }, args, []);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "Cannot give a result: every sample failed");
  assertEquals(run.cells.length, faults.length);
  for (const cell of run.cells) {
    assertEquals(cell.status, "INVALID");
    assertEquals(cell.summary, null);
    // After three failures in a row the fourth is not sent.
    assertEquals(cell.failures[0]?.count, 3);
  }
  // No throughput and no latency stands where nothing was right.
  assertEquals(
    stdout.match(/^ +\d+ \| +2 \| +- \| +- \| +- \| +- \| INVALID/gm)?.length,
    faults.length,
  );
});

for (
  const [fault, outcome, timeout] of [
    ...WAITING.map(([fault, outcome]) => [fault, outcome, 1] as const),
    ...RESET.map(([fault, outcome]) => [fault, outcome, 60] as const),
  ]
) {
  Deno.test(`main() stops after a cell without an answer and exits with 3 when a server is ${fault}`, async () => {
    const { code, run, stderr, bodies } = await benchUrl(
      { fault: () => fault },
      [
        ...["--timeout", String(timeout), "--warmup-timeout", "0.001"],
        ...["--batch-sizes", "1,2", "--num-labels", "2"],
      ],
      [],
    );
    assertEquals(code, 3);
    assertMatch(
      stderr,
      /Cannot go on: .* answered no request of a whole cell: /,
    );
    assertEquals(run.cells.length, 1);
    // One deadline, or two requests, are enough to see that nothing is answered.
    const count = outcome === "timeout" ? 1 : 2;
    assertEquals(run.cells[0]?.failures[0]?.outcome, outcome);
    if (outcome === "timeout") assertEquals(bodies.length, count);
  });
}

Deno.test("main() exits with 3 when the client was the limit of each cell", async () => {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer();
  const path = `${folder.path}/a.json`;
  const { code, stderr } = await runMain(
    [...ONE_CELL, "--url", server.url, "-o", path],
    // Much slower than any answer.
    { ...QUICK_CLIENT, addedP50Ms: 1e9 },
  );
  assertEquals(code, 3);
  assertStringIncludes(stderr, "the client, not the server, was the limit");
  const [cell] = (await readRunFile(path)).cells;
  assertEquals([cell?.status, cell?.summary], ["INVALID", null]);
  assertMatch(joinDoubts(cell?.doubts ?? []), /^the client adds up to/);
});

Deno.test("main() exits with 3 when nothing listens at the URL", async () => {
  await using folder = await makeTestFolder();
  // The system gives such a port to nobody.
  const url = "http://127.0.0.1:1";
  const { code, stderr } = await runMain(
    [...ONE_CELL, "--url", url, "-o", `${folder.path}/a.csv`],
  );
  assertEquals(code, 3);
  assertStringIncludes(stderr, `Cannot reach ${url}`);
});

Deno.test("main() sends the key as the contract says and keeps it out of all that it writes", async () => {
  await using folder = await makeTestFolder();
  const keyFile = await Deno.makeTempFile();
  await Deno.writeTextFile(keyFile, `${KEY}\n`);
  for (const source of ["variable", "file"]) {
    await using server = await startScoreServer({
      apiKey: KEY,
      fault: (count) => count === 2 ? "echo" : undefined,
      extraInfo: {
        "argv": ["--api-key", KEY],
        "note": `the key is ${KEY}`,
        [KEY]: KEY,
      },
    });
    const out = `${folder.path}/${source}`;
    const args = [
      ...[...ONE_CELL, "--url", server.url, "--warmup-runs", "0"],
      ...["--max-invalid", "1"],
      ...["-o", `${out}.csv`, "-o", `${out}.json`],
      ...["--json-output", `${out}.rows.json`],
      ...["--metadata-output", `${out}.metadata.json`],
    ];
    const { code, stdout, stderr } = source === "file"
      ? await runMain([...args, "--api-key-file", keyFile])
      : await outcomeOf(spawnBench(args, {
        env: { "SCORE_API_KEY": KEY },
        permissions: permissionsFor(server.url),
      }));
    assertEquals(code, 0, stderr);
    assertNoKey(stdout + stderr);
    assertGreater(server.requests.length, 4);
    for (const { headers } of server.requests) {
      assertEquals(headers.authorization, `Bearer ${KEY}`);
    }
    // The echo was seen, and the key in it was hidden.
    const [cell] = (await readRunFile(`${out}.json`)).cells;
    assertEquals(cell?.failures[0]?.outcome, "http-status");
    assertStringIncludes(cell?.failures[0]?.example ?? "", "Bearer [redacted]");
  }
  await Deno.remove(keyFile);
  const files = await readTree(folder.path);
  assertEquals(files.size, 8);
  for (const [path, text] of files) assertNoKey(path + text);
});

/** Neither plain nor as JSON or a URL would write it. */
function assertNoKey(text: string): void {
  const forms = [
    KEY,
    JSON.stringify(KEY).slice(1, -1),
    encodeURIComponent(KEY),
  ];
  // A doubly quoted form is found by its plain middle.
  for (const form of [...forms, "7f3a"]) {
    assertFalse(text.includes(form), `the key is in: ${text.slice(0, 2_000)}`);
  }
}

Deno.test("main() exits with 3 when the server refuses the key, and says whether one was sent", async () => {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer({ apiKey: KEY });
  const said = "with status 401 \\(.*Set SCORE_API_KEY or --api-key-file";
  const cases: [string[], RegExp][] = [
    [[], new RegExp(`asks for a key, and none was sent, ${said}`)],
    [
      ["--header", "Authorization: Bearer another"],
      new RegExp(`refuses the key ${said}`),
    ],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runMain([
      ...[...ONE_CELL, ...args],
      ...["--url", server.url, "-o", `${folder.path}/a.csv`],
    ]);
    assertEquals(code, 3);
    assertMatch(stderr, message);
  }
  assertEquals(scoreBodies(server).length, 0);
});

Deno.test("main() refuses what it cannot write before the first request", async () => {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer();
  const { path } = folder;
  await Deno.writeTextFile(`${path}/file`, "");
  await Deno.mkdir(`${path}/folder.csv`);
  const cases: [string[], RegExp][] = [
    [["-o", `${path}/file/a.csv`], /Cannot write '.*file\/a\.csv'/],
    [["-o", `${path}/folder.csv`], /folder\.csv': it is a folder/],
    [["--json-output", `${path}/folder.csv`], /it is a folder/],
    [["-o", `${path}/a.txt`], /expected a name that ends in \.csv, /],
    [["-o", `${path}/a`], /expected a name that ends in/],
    [
      ["-o", `${path}/a.csv`, "-o", `${path}/../${path.slice(8)}/a.csv`],
      /two outputs to the one file/,
    ],
    [
      ["-o", `${path}/a.json`, "--metadata-output", `${path}/a.json`],
      /two outputs to the one file/,
    ],
    // The record of each cell lies beside the CSV.
    [
      ["-o", `${path}/a.csv`, "--json-output", `${path}/a.run.json`],
      /two outputs to the one file/,
    ],
  ];
  for (const [flags, message] of cases) {
    const { code, stderr } = await runMain(
      [...ONE_CELL, "--url", server.url, ...flags],
    );
    assertEquals([flags, code], [flags, 2]);
    assertMatch(stderr, message);
  }
  assertEquals(server.requests, []);
  assertEquals((await readTree(path)).size, 1);
});

Deno.test("main() refuses a URL with a user in it and does not show it", async () => {
  const { code, stderr } = await runMain(
    ["--url", "http://me:hunter2@127.0.0.1:1/"],
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, "SCORE_API_KEY or --api-key-file");
  assertFalse(stderr.includes("hunter2"));
});

Deno.test("main() names the flag to add when Deno may not do something", async () => {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer();
  const path = `${folder.path}/a.csv`;
  const all = taskPermissions("bench");
  const without = (name: string) =>
    all.filter((word) => !word.startsWith(`--allow-${name}`));
  const cases: [string, string[], number, RegExp][] = [
    [
      "net",
      ["--url", "http://localhost"],
      2,
      /not allowed to connect to localhost:80\. .*deno task bench --profile NAME.*--allow-net=localhost:80 /,
    ],
    ["net", ["--url", server.url], 2, /--allow-net=127\.0\.0\.1:\d+ to /],
    ["net", [], 3, /--allow-net/],
    ["write", ["--url", server.url], 2, /--allow-write/],
    ["run", ["--launch", "sh {port}"], 3, /--allow-run=sh to /],
  ];
  const results = await Promise.all(cases.map(([name, args]) =>
    outcomeOf(
      spawnBench([...ONE_CELL, ...args, "-o", path], {
        permissions: without(name),
      }),
    )
  ));
  for (const [i, [name, , exit, message]] of cases.entries()) {
    const { code = -1, stderr = "" } = results[i] ?? {};
    assertEquals([name, code], [name, exit], stderr);
    assertMatch(stderr, message);
    assertFalse(/^\s+at /m.test(stderr), stderr);
  }
  assertEquals(server.requests, []);
});

Deno.test("main() measures the simulated engine and says so everywhere", async () => {
  await using folder = await makeTestFolder();
  const out = `${folder.path}/deep/er/smoke`;
  const outcome = await outcomeOf(
    spawnBench([
      ..."--profile smoke --num-runs 2 --warmup-runs 0".split(" "),
      ...["-o", `${out}.csv`, "--metadata-output", `${out}.metadata.json`],
      ...["--json-output", `${out}.rows.json`],
    ], { permissions: taskPermissions("bench:smoke") }),
  );
  await assertMeasuredOrBusy(outcome, `${out}.run.json`);
  const { stdout, stderr } = outcome;
  const { calibration } = await readRunFile(`${out}.run.json`);
  assertGreater(calibration[0]?.ceilingRequestsPerSec ?? 0, 0);
  assertMatch(stderr, /^The client itself takes /m);
  assertStringIncludes(stdout, "SIMULATED ENGINE");
  assertEquals(stderr.match(/^cell \d of 6: /gm)?.length, 6);
  assertFalse(stderr.includes("\x1b"), "no control codes without a terminal");

  const [header, ...rows] = (await Deno.readTextFile(`${out}.csv`)).trim()
    .split("\r\n");
  assert(header?.startsWith(`${SPECIFIED_COLUMNS},`), header);
  assertEquals(
    rows.map((row) => row.split(",").slice(0, 6).join()),
    [
      "1,2",
      "1,4",
      "4,2",
      "4,4",
      "16,2",
      "16,4",
    ].map((cell) =>
      `${cell},simulated/meta-llama/Llama-3.2-1B-Instruct,bfloat16,2,0`
    ),
  );

  const list = JSON.parse(await Deno.readTextFile(`${out}.rows.json`));
  assertEquals(list.length, 6);
  assertEquals(Object.keys(list[0]).join(), SPECIFIED_COLUMNS);

  const metadata: RunMetadata = JSON.parse(
    await Deno.readTextFile(`${out}.metadata.json`),
  );
  assertEquals(Object.keys(metadata).slice(0, 11), [
    "timestamp",
    "profile",
    "hardware",
    "platform",
    "python_version",
    "commit_hash",
    "model",
    "dtype",
    "tp_size",
    "total_configurations",
    "total_runtime_seconds",
  ]);
  assertEquals(metadata.hardware, "simulated");
  assertEquals(metadata.target, "simulated");
  assertEquals(metadata["total_configurations"], 6);
  assertEquals(metadata["deno_version"], Deno.version.deno);
  assertEquals(metadata["label_token_ids"]["4"], [1, 2, 3, 4]);
  // The log of the engine shows the compile of the first sample, so that each was measured again.
  assertEquals(metadata["warmup_counts"], [2, 2, 2, 2, 2, 2]);
  assertFalse(metadata.interrupted);
});
