import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeTestFolder, runMain } from "./support/bench_runner.ts";
import { stress } from "./support/stress_runner.ts";

const PAGE = await Deno.readTextFile(
  new URL("../docs/measuring.md", import.meta.url),
);

/** The commands of the recipes, without their comments. */
function recipes(): string[] {
  const section = PAGE.slice(PAGE.indexOf("### Recipes"));
  const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(section) ?? [];
  return block.split("\n").filter((line) => line.startsWith("deno task"));
}

/** The arguments in small: few and short prompts, on the simulated engine, with a file and a tokenizer that are there. */
function inSmall(line: string, file: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) =>
    match[1] ?? match[2] ?? ""
  ).slice(4);
  const kept: string[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [name = "", value = ""] = words.slice(i, i + 2);
    if (name === "--url") continue;
    const small: Record<string, (text: string) => string> = {
      "--batch-sizes": (text) =>
        text.replace(/\d+/g, (n) => String(1 + n.length)),
      "--data": (text) =>
        text === "prompts.jsonl"
          ? file
          // Different ones stay different.
          : text.replace(/\d+/g, (n) => String(5 + Number(n) % 17)),
      "--concurrency": () => "1,2",
      "--ladder": () => "4,8",
      "--tokenizer": () => "tests/testdata/tokenizers/byte_level_bpe.json",
      "--labels": () => "Yes, no, yes",
      "--slo": () => "p99<60s",
    };
    kept.push(name, small[name]?.(value) ?? value);
  }
  return kept;
}

Deno.test("docs/measuring.md has the shapes that owners of the API measure", () => {
  const text = recipes().join("\n");
  for (
    const [query, items, item] of [
      ...[[2000, 500, 20], [650, 128, 53], [1265, 128, 50], [1000, 100, 26]],
      ...[[250, 500, 10], [1150, 50, 80], [1900, 500, 10], [120, 10, 180]],
    ]
  ) {
    const line = text.split("\n").find((one) =>
      one.includes(`query=${query},item=${item}`) &&
      one.includes(`--batch-sizes ${items}`)
    );
    assert(line !== undefined, `${query}x${items}x${item}`);
  }
});

for (const line of recipes()) {
  Deno.test(`the recipe runs: ${line.slice(line.indexOf("30000") + 6)}`, async () => {
    await using folder = await makeTestFolder();
    const file = `${folder.path}/prompts.jsonl`;
    await Deno.writeTextFile(
      file,
      '{"query":"q","items":["a","b"]}\n{"query":"r","items":["c"]}\n',
    );
    const args = inSmall(line, file);
    if (line.includes("task -q stress")) {
      const { code, stdout, run } = await stress([...args, "--duration", "1"]);
      assert(code <= 1, stdout);
      assertEquals(run?.results.length, 1);
      assertStringIncludes(stdout, "  Sent: ");
      return;
    }
    const { stdout, stderr } = await runMain([
      ...[...args, "--num-runs", "3", "--warmup-runs", "1"],
      ...["-o", `${folder.path}/a.json`],
    ]);
    assertStringIncludes(stdout, "Sent: ", stderr);
  });
}
