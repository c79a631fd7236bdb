import { assertEquals, assertThrows } from "@std/assert";
import type { CommandSpec } from "../../lib/cli/command_spec.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { UsageError } from "../../lib/failure.ts";

const SPEC = {
  name: "deno task bench",
  summary: "Measures a score API",
  groups: [{
    title: "Target",
    flags: [
      { name: "url", kind: "text", help: "Server to measure" },
      { name: "output", short: "o", kind: "text", repeat: true, help: "File" },
      {
        name: "profile",
        kind: "text",
        choices: ["smoke", "full"],
        default: "smoke",
        help: "Cells",
      },
      { name: "batch-sizes", kind: "integers", min: 1, max: 1000, help: "B" },
      { name: "models", kind: "texts", help: "Models" },
      { name: "rate", kind: "number", help: "Requests per second" },
      { name: "runs", kind: "integer", min: 1, default: 5, help: "Requests" },
      { name: "offset", kind: "number", min: -10, max: 10, help: "Offset" },
      { name: "quiet", short: "q", kind: "switch", help: "No progress" },
      { name: "no-color", kind: "switch", help: "No colors" },
    ],
  }],
} as const satisfies CommandSpec;

const WITH_FILES = {
  ...SPEC,
  operands: { name: "FILE", min: 1, max: 2, help: "Runs" },
} as const satisfies CommandSpec;

function flagsFrom(...args: string[]) {
  const parsed = parseFlags(SPEC, args);
  if (parsed.action !== "run") throw new Error(parsed.action);
  return parsed.flags;
}

function problemsOf(...args: string[]): string {
  return assertThrows(() => parseFlags(SPEC, args), UsageError).message;
}

Deno.test("parseFlags() returns defaults, and undefined without one", () => {
  assertEquals(flagsFrom(), {
    url: undefined,
    output: [],
    profile: "smoke",
    batchSizes: undefined,
    models: undefined,
    rate: undefined,
    runs: 5,
    offset: undefined,
    quiet: false,
    noColor: false,
  });
});

Deno.test("parseFlags() types each value by its row", () => {
  const flags = flagsFrom("--batch-sizes", "1,8", "--models=a,b");
  const profile: "smoke" | "full" = flags.profile;
  const url: string | undefined = flags.url;
  const output: readonly string[] = flags.output;
  const batchSizes: readonly number[] | undefined = flags.batchSizes;
  const runs: number = flags.runs;
  const quiet: boolean = flags.quiet;
  assertEquals([profile, url, output, runs, quiet], [
    "smoke",
    undefined,
    [],
    5,
    false,
  ]);
  assertEquals(batchSizes, [1, 8]);
  assertEquals(flags.models, ["a", "b"]);
});

Deno.test("parseFlags() accepts values after a space and after an equals sign", () => {
  const flags = flagsFrom(
    "--url=http://h/?a=b",
    "--rate",
    "0.5",
    "-o",
    "a.csv",
    "--output=b.json",
    "-o=c.csv",
    "--offset=-1.5e0",
    "-q",
    "--no-color",
  );
  assertEquals(flags.url, "http://h/?a=b");
  assertEquals(flags.rate, 0.5);
  assertEquals(flags.output, ["a.csv", "b.json", "c.csv"]);
  assertEquals(flags.offset, -1.5);
  assertEquals([flags.quiet, flags.noColor], [true, true]);
});

Deno.test("parseFlags() lets help win over version and every problem", () => {
  for (const args of [["--help"], ["-h"], ["--raet", "--version", "-h"]]) {
    assertEquals(parseFlags(SPEC, args), { action: "help" });
  }
  assertEquals(parseFlags(SPEC, ["x", "--version"]), { action: "version" });
});

Deno.test("parseFlags() returns the operands, those after two dashes too", () => {
  const parsed = parseFlags(WITH_FILES, ["-q", "07", "--", "--url"]);
  assertEquals(parsed.action === "run" && parsed.operands, ["07", "--url"]);
  for (const args of [[], ["a", "b", "c"]]) {
    assertThrows(
      () => parseFlags(WITH_FILES, args),
      UsageError,
      `Cannot take ${args.length} FILE: expected 1 to 2`,
    );
  }
});

Deno.test("parseFlags() names the nearest flag when one is unknown", () => {
  const cases: [string[], string][] = [
    [["--raet", "10"], "--raet: unknown flag, did you mean --rate?"],
    [["--Profile=full"], "--Profile: unknown flag, did you mean --profile?"],
    [["--prof", "full"], "--prof: unknown flag, did you mean --profile?"],
    [
      ["--batch_sizes=1"],
      "--batch_sizes: unknown flag, did you mean --batch-sizes?",
    ],
    [["--unrelated"], "--unrelated: unknown flag, see --help"],
    [["--no-quiet"], "--no-quiet: unknown flag, see --help"],
    [["-z"], "-z: unknown flag, see --help"],
    [["-profile", "full"], "-profile: unknown flag, did you mean --profile?"],
    [["--o", "a.csv"], "--o: unknown flag, did you mean --output or -o?"],
    [["-oa.csv"], "-oa.csv: give -o alone, its value after a space"],
    [["--__proto__=1"], "--__proto__: unknown flag, see --help"],
    [["--rate.x=1"], "--rate.x: unknown flag, did you mean --rate?"],
  ];
  for (const [args, expected] of cases) {
    assertEquals(problemsOf(...args), `Cannot take ${expected}`);
  }
});

Deno.test("parseFlags() refuses a flag without a value", () => {
  const expected = "Cannot take --rate=: expected a value: write --rate=N";
  for (const args of [["--rate="], ["--rate"], ["--rate", "--quiet"]]) {
    assertEquals(problemsOf(...args), expected);
  }
  assertEquals(
    problemsOf("--output", "-q"),
    "Cannot take --output=: expected a value: write --output=TEXT",
  );
  assertEquals(
    problemsOf("--url= "),
    "Cannot take --url=: expected a value: write --url=TEXT",
  );
});

Deno.test("parseFlags() takes a negative number after a flag for its value, and no other word with a dash", () => {
  assertEquals(flagsFrom("--offset", "-5").offset, -5);
  assertEquals(
    problemsOf("--rate", "-5"),
    'Cannot take --rate="-5": expected a number of at least 0',
  );
  assertEquals(
    problemsOf("-5"),
    "Cannot take -5: a negative value is written --NAME=-5",
  );
});

Deno.test("parseFlags() refuses a value on a switch", () => {
  for (
    const args of [["--quiet=no"], ["-q=no"]]
  ) {
    assertEquals(
      problemsOf(...args),
      'Cannot take --quiet="no": expected no value: write --quiet or leave it out',
    );
  }
  for (const args of [["--quiet", "false"], ["-q", "false"]]) {
    assertEquals(
      problemsOf(...args),
      'Cannot take --quiet="false": expected no value: write --quiet or leave it out',
    );
  }
  assertEquals(
    problemsOf("--no-color=1"),
    'Cannot take --no-color="1": expected no value: write --no-color or leave it out',
  );
  assertEquals(
    problemsOf("--no-rate=5"),
    "Cannot take --no-rate: unknown flag, see --help",
  );
});

Deno.test("parseFlags() refuses words where no operands are allowed", () => {
  assertEquals(
    problemsOf("smoke", "--", "-x"),
    'Cannot take the word "smoke": expected flags only, see --help\n' +
      'Cannot take the word "-x": expected flags only, see --help',
  );
});

Deno.test("parseFlags() takes the last of a value given twice, so that a task's flag can be given again", () => {
  assertEquals(flagsFrom("--runs=1", "--runs", "2").runs, 2);
});

Deno.test("parseFlags() refuses what is not a plain decimal number", () => {
  const words = ["1e999", "0x10", " 5", "5 ", "-1", "NaN", "Infinity", "1_000"];
  for (const text of [...words, "1,2", "٣", "+5", "5.", "1e"]) {
    assertEquals(
      problemsOf(`--rate=${text}`),
      `Cannot take --rate="${text}": expected a number of at least 0`,
    );
  }
  for (const text of [...words, "0", "1.5", "9007199254740992", "1e3"]) {
    assertEquals(
      problemsOf(`--runs=${text}`),
      `Cannot take --runs="${text}": expected a whole number of at least 1`,
    );
  }
  assertEquals(flagsFrom("--runs=9007199254740991").runs, 9007199254740991);
  assertEquals(flagsFrom("--rate=-0").rate, 0);
});

Deno.test("parseFlags() refuses what is out of range or not a choice", () => {
  assertEquals(
    problemsOf("--offset=10.5"),
    'Cannot take --offset="10.5": expected a number from -10 to 10',
  );
  assertEquals(
    problemsOf("--profile=smok"),
    'Cannot take --profile="smok": expected one of smoke, full',
  );
});

Deno.test("parseFlags() refuses broken lists", () => {
  for (const text of ["5,", "1,,2", ",", "1, 2"]) {
    assertEquals(
      problemsOf(`--batch-sizes=${text}`),
      `Cannot take --batch-sizes="${text}": expected values with one comma and no space between them`,
    );
  }
  assertEquals(
    problemsOf("--batch-sizes=1..16"),
    'Cannot take --batch-sizes="1..16": expected each value by itself, as 1,2,4: a range is not taken',
  );
  assertEquals(
    problemsOf("--batch-sizes=1,2000"),
    'Cannot take --batch-sizes="2000": expected a whole number from 1 to 1000',
  );
  assertEquals(
    problemsOf("--models=a,b,a"),
    'Cannot take --models="a,b,a": expected each value once, but a is there more than once',
  );
  assertEquals(
    problemsOf("--batch-sizes=8,08"),
    'Cannot take --batch-sizes="8,08": expected each value once, but 8 is there more than once',
  );
});

Deno.test("parseFlags() reports all problems at once, each on its line", () => {
  assertEquals(
    problemsOf(
      "--raet=1",
      "--runs=0",
      "--quiet=no",
      "x",
    ),
    [
      'Cannot take --quiet="no": expected no value: write --quiet or leave it out',
      "Cannot take --raet: unknown flag, did you mean --rate?",
      'Cannot take --runs="0": expected a whole number of at least 1',
      'Cannot take the word "x": expected flags only, see --help',
    ].join("\n"),
  );
});

Deno.test("parseFlags() escapes control characters of unknown flags", () => {
  assertEquals(
    problemsOf("--a\n\x1b[31m\u202e"),
    'Cannot take "--a\\n\\u001b[31m\\u{202e}": unknown flag, see --help',
  );
});
