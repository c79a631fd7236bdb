import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatHelp } from "../../lib/cli/help.ts";

Deno.test("formatHelp() prints the whole table in 80 columns", () => {
  const help = formatHelp({
    name: "deno task bench",
    summary:
      "Measures POST /v1/score and writes a table, a CSV and a metadata file with everything that is needed to repeat the run",
    operands: { name: "FILE...", min: 0, max: 9, help: "Stored runs" },
    groups: [{
      title: "Target",
      flags: [
        { name: "url", kind: "text", placeholder: "URL", help: "Server" },
        {
          name: "prefix-cache-regime-of-run",
          kind: "text",
          choices: ["cold", "hot"],
          default: "cold",
          help: "What the server has seen before a request arrives",
        },
        {
          name: "output",
          short: "o",
          kind: "text",
          repeat: true,
          placeholder: "FILE",
          help: "Where results go",
        },
        { name: "sizes", kind: "integers", default: [1, 8], help: "Items" },
      ],
    }],
    examples: { "deno task bench -o a.csv": "Keep a CSV" },
    exits: { 0: "measured", 130: "interrupted" },
  });
  assertEquals(
    help,
    `Measures POST /v1/score and writes a table, a CSV and a metadata file with
everything that is needed to repeat the run

Usage: deno task bench [FLAGS] FILE...

  FILE...                 Stored runs

Target:
      --url URL           Server
      --prefix-cache-regime-of-run TEXT
                          What the server has seen before a request arrives (one
                          of cold, hot; default cold)
  -o, --output FILE       Where results go (may be repeated)
      --sizes N,N         Items (default 1,8)

Other:
  -h, --help              Show this help
      --version           Show the version

Examples:
  # Keep a CSV
  deno task bench -o a.csv

Exit codes:
  0                       measured
  130                     interrupted
`,
  );
  assertEquals(help.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("formatHelp() breaks long commands where a shell can take them, not inside quotes", () => {
  const command = `tool ${"--some-flag value ".repeat(4)}--run 'a b c d e f'`;
  const help = formatHelp({
    name: "tool",
    summary: "A tool.",
    groups: [],
    examples: { [command]: "Long" },
  });
  assertStringIncludes(
    help,
    "  tool --some-flag value --some-flag value --some-flag value --some-flag \\\n" +
      "    value --run 'a b c d e f'\n",
  );
});
