import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { PROFILES } from "../../lib/bench/profiles.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { formatHelp } from "../../lib/cli/help.ts";
import { BENCH_COMMAND } from "../../lib/commands/bench.ts";
import {
  type BenchRequest,
  readBenchFlags,
} from "../../lib/commands/bench_flags.ts";
import { UsageError } from "../../lib/failure.ts";
import { TEXT_SOURCE } from "../../lib/score/data.ts";

function flagsOf(args: readonly string[]) {
  const parsed = parseFlags(BENCH_COMMAND, args);
  assert(parsed.action === "run");
  return parsed.flags;
}

function read(
  args: readonly string[],
  environmentUrl: string | null = null,
): BenchRequest {
  return readBenchFlags(flagsOf(args), environmentUrl);
}

function problems(
  args: readonly string[],
  environmentUrl: string | null = null,
): string[] {
  const error = assertThrows(() => read(args, environmentUrl), UsageError);
  return error.message.split("\n");
}

Deno.test("readBenchFlags() measures the standard profile on the simulated engine by default", () => {
  assertEquals(read([]), {
    profile: PROFILES.standard,
    data: [TEXT_SOURCE],
    url: null,
    launch: null,
    headers: {},
    compared: null,
  });
});

Deno.test("readBenchFlags() takes the profile by name", () => {
  for (const name of ["smoke", "standard", "full"] as const) {
    assertEquals(read(["--profile", name]).profile, PROFILES[name]);
  }
});

Deno.test("readBenchFlags() overrides each value of a profile, and only that one", () => {
  const base = PROFILES.smoke;
  const cases: [string, Partial<typeof base>][] = [
    ["--batch-sizes=1,2,8", { batchSizes: [1, 2, 8] }],
    ["--num-labels=3", { numLabels: [3] }],
    ["--num-runs=30", { numRuns: 30 }],
    ["--warmup-runs=0", { warmupRuns: 0 }],
    ["--model=org/a,org/b", { models: ["org/a", "org/b"] }],
    ["--dtype=float32", { dtypes: ["float32"] }],
  ];
  for (const [flag, changes] of cases) {
    assertEquals(read(["--profile=smoke", flag]).profile, {
      ...base,
      ...changes,
    });
  }
  const all = cases.map(([flag]) => flag);
  assertEquals(
    read(all).profile,
    Object.assign({}, base, ...cases.map(([, changes]) => changes)),
  );
});

Deno.test("readBenchFlags() refuses overrides that no cell could be measured with", () => {
  const cases: [string, string][] = [
    [
      "--batch-sizes=0",
      'Cannot take --batch-sizes="0": expected a whole number from 1 to 100000',
    ],
    [
      "--batch-sizes=1,1",
      'Cannot take --batch-sizes="1,1": expected each value once, but 1 is there more than once',
    ],
    [
      "--num-labels=0",
      'Cannot take --num-labels="0": expected a whole number from 1 to 10000',
    ],
    [
      "--num-runs=0",
      'Cannot take --num-runs="0": expected a whole number from 1 to 131072',
    ],
    [
      "--num-runs=131073",
      'Cannot take --num-runs="131073": expected a whole number from 1 to 131072',
    ],
    [
      "--warmup-runs=-1",
      'Cannot take --warmup-runs="-1": expected a whole number from 0 to 10000',
    ],
    [
      "--timeout=0",
      'Cannot take --timeout="0": expected a number from 0.001 to 86400',
    ],
    [
      "--profile=tiny",
      'Cannot take --profile="tiny": expected one of smoke, standard, full, capacity',
    ],
    [
      "--prefix-cache=warm",
      'Cannot take --prefix-cache="warm": expected one of cold, shared, hot',
    ],
  ];
  for (const [flag, message] of cases) {
    const error = assertThrows(() => flagsOf([flag]), UsageError);
    assertEquals(error.message, message);
  }
});

Deno.test("readBenchFlags() takes --url before SCORE_URL, and --launch before it too", () => {
  const [url, other] = ["http://127.0.0.1:30000", "https://other/base"];
  const launch = "serve --port {port}";
  const targetOf = (...given: Parameters<typeof read>) => {
    const { url, launch } = read(...given);
    return [url, launch];
  };
  assertEquals(targetOf([], null), [null, null]);
  assertEquals(targetOf([], other), [other, null]);
  assertEquals(targetOf(["--url", url], other), [url, null]);
  assertEquals(targetOf(["--launch", launch], other), [null, launch]);
  assertEquals(problems(["--url", url, "--launch", launch]), [
    "Cannot take both --url and --launch: give one of them",
  ]);
});

Deno.test("readBenchFlags() refuses a URL that it could not send to", () => {
  const expected = "expected a URL such as http://127.0.0.1:30000, found";
  const cases: [string, string][] = [
    ["127.0.0.1:30000", `${expected} "127.0.0.1:30000"`],
    ["ftp://host", `${expected} "ftp://host"`],
    ["http://", `${expected} "http://"`],
    ["localhost:30000", `${expected} "localhost:30000"`],
  ];
  for (const [url, message] of cases) {
    assertEquals(problems(["--url", url]), [`Cannot take --url: ${message}`]);
    assertEquals(problems([], url), [`Cannot take SCORE_URL: ${message}`]);
  }
});

Deno.test("readBenchFlags() refuses a URL with more than an address, and repeats no secret", () => {
  assertEquals(problems(["--url", "http://me:hush@host/?key=hush"]), [
    "Cannot take --url with a user or password in it: put the key into SCORE_API_KEY or --api-key-file",
    "Cannot take --url with a query or fragment: expected the base URL alone, such as http://host",
  ]);
  assertEquals(problems(["--url", "http://host/#x"]), [
    "Cannot take --url with a query or fragment: expected the base URL alone, such as http://host",
  ]);
  assertEquals(problems(["--url", "ftp://me:hush@host"]), [
    'Cannot take --url: expected a URL such as http://127.0.0.1:30000, found "ftp://[hidden]@host"',
  ]);
});

Deno.test("readBenchFlags() wants {port} in a launch command", () => {
  assertEquals(problems(["--launch", "serve"]), [
    "Cannot launch a server as the command must say where {port} goes, for example '--port {port}': current value is 'serve'",
  ]);
});

Deno.test("readBenchFlags() wants {model} and {dtype} where several are launched", () => {
  const launch = (command: string, ...args: string[]) => [
    ...["--launch", `serve --port {port} ${command}`],
    ...args,
  ];
  assertEquals(problems(launch("", "--model=a,b", "--dtype=c,d")), [
    "Cannot take --launch without {model} as 2 of them are to be started: a, b. Put it into the command, or name one with --model",
    "Cannot take --launch without {dtype} as 2 of them are to be started: c, d. Put it into the command, or name one with --dtype",
  ]);
  assertEquals(problems(launch("{model}", "--profile=full")).length, 1);
  read(launch("{model} {dtype}", "--profile=full"));
  read(launch(""));
});

Deno.test("readBenchFlags() checks the label ids against the cells and the server's life", () => {
  const ids = (text: string, ...args: string[]) => [
    ...[`--label-token-ids=${text}`, "--num-labels=2"],
    ...args,
  ];
  assertEquals(flagsOf(ids("9454,2753")).labelTokenIds, [9454, 2753]);
  read(ids("9454,2753,5"));
  assertEquals(problems(ids("9454")), [
    "Cannot take --label-token-ids: the cells need 2 of them, found 1. Give more, or fewer with --num-labels",
  ]);
  assertEquals(problems(ids("-1")), [
    "Cannot take --label-token-ids: the cells need 2 of them, found 1. Give more, or fewer with --num-labels",
    "Cannot take --label-token-ids: label id -1 is not a whole number from 0 to 2147483647, and such a request ends the server",
  ]);
  assertEquals(problems(ids("1,2147483648")), [
    "Cannot take --label-token-ids: label id 2147483648 is not a whole number from 0 to 2147483647, and such a request ends the server",
  ]);
});

Deno.test("readBenchFlags() lists all problems at once", () => {
  assertEquals(
    problems([
      ...["--url=nowhere", "--label-token-ids=1", "--data=nothing"],
    ]).length,
    3,
  );
});

Deno.test("BENCH_COMMAND has the flags of the specification", () => {
  const names = BENCH_COMMAND.groups.flatMap(({ flags }) =>
    flags.map(({ name }) => name as string)
  );
  const specified = [
    ...["profile", "batch-sizes", "num-labels", "num-runs", "warmup-runs"],
    ...["model", "output", "json-output", "metadata-output"],
  ];
  assertEquals(specified.filter((name) => !names.includes(name)), []);
  assertEquals(flagsOf(["-o", "a.csv", "--output", "b.json"]).output, [
    "a.csv",
    "b.json",
  ]);
});

Deno.test("BENCH_COMMAND's help fits 80 columns", () => {
  const help = formatHelp(BENCH_COMMAND);
  for (const line of help.split("\n")) {
    assertLessOrEqual(line.length, 80);
  }
  for (const code of Object.keys(BENCH_COMMAND.exits)) {
    assertStringIncludes(help, `\n  ${code} `);
  }
});

Deno.test("BENCH_COMMAND's examples are accepted", () => {
  for (const command of Object.keys(BENCH_COMMAND.examples)) {
    const words = [...command.matchAll(/'([^']*)'|(\S+)/g)]
      .map(([, quoted, word]) => quoted ?? word ?? "");
    assertEquals(words.slice(0, 2), ["deno", "task"]);
    read(words.slice(3));
  }
});

Deno.test("readBenchFlags() says what is meant by a URL of the API, a word that is a URL, and a header given twice", () => {
  for (const path of ["/v1", "/v1/", "/v1/score", "/a/v1/score"]) {
    assertStringIncludes(
      problems(["--url", `http://127.0.0.1:30000${path}`])[0] ?? "",
      "leave it off, requests go to /v1/score below the URL",
    );
  }
  const error = assertThrows(() => flagsOf(["http://127.0.0.1:1"]), UsageError);
  assertStringIncludes(error.message, "did you mean --url http://127.0.0.1:1?");
  assertEquals(
    problems([
      "--url",
      "http://127.0.0.1:1",
      "--header",
      "A: 1",
      "--header",
      "a: 2",
    ]),
    ["Cannot take --header a twice: give one value"],
  );
});

Deno.test("readBenchFlags() takes seconds with their unit", () => {
  const timeoutOf = (text: string) => flagsOf(["--timeout", text]).timeout;
  assertEquals(["5", "5s", "1m", "0.1h", "1500ms"].map(timeoutOf), [
    5,
    5,
    60,
    360,
    1.5,
  ]);
  assertThrows(() => flagsOf(["--timeout", "5d"]), UsageError);
});
