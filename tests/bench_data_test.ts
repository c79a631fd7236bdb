import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  makeTestFolder,
  readRunFile,
  runMain,
} from "./support/bench_runner.ts";
import { scoreBodies, startScoreServer } from "./support/score_server.ts";

const CELL = "--num-labels 2 --num-runs 4 --warmup-runs 1".split(" ");

/** Measures what is sent of a file with a text. */
async function benchFile(
  name: string,
  text: string,
  args: readonly string[] = [],
) {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer({});
  const data = `${folder.path}/${name}`;
  const [path, csv] = [`${folder.path}/a.json`, `${folder.path}/a.csv`];
  await Deno.writeTextFile(data, text);
  const outcome = await runMain([
    ...CELL,
    ...["--url", server.url, "-o", path, "-o", csv, "--data", data],
    ...args,
  ]);
  return {
    ...outcome,
    run: outcome.code === 0 ? await readRunFile(path) : null,
    csv: outcome.code === 0 ? await Deno.readTextFile(csv) : "",
    bodies: scoreBodies(server),
  };
}

const LINES = [
  '{"query":"q0","items":["a","b"]}',
  '{"query":"q1","items":["c"],"label_token_ids":null}',
  '{"query":"q2","items":["d","e","f"]}',
].join("\n");

Deno.test("main() sends the requests of a file with their own items, in its order", async () => {
  const { code, run, bodies, csv, stdout } = await benchFile(
    "own.jsonl",
    LINES,
  );
  assertEquals(code, 0);
  const [cell] = run?.cells ?? [];
  assertEquals(cell?.key.batchSize, 0);
  assertEquals(cell?.key.data, "own.jsonl");
  assertEquals(run?.options.prefixCache, "as data");
  const warm = cell?.warmUp.requests ?? 0;
  assertEquals(
    bodies.map((body) => body["query"]),
    Array.from({ length: warm + 4 }, (_, i) => `q${i % 3}`),
  );
  const sizes = [2, 1, 3];
  const items = Array.from({ length: 4 }, (_, i) => sizes[(warm + i) % 3] ?? 0);
  assertEquals(cell?.samples.items, items);
  const total = items.reduce((sum, count) => sum + count, 0);
  assertEquals(cell?.summary?.totalItems, total);
  const { throughputItemsPerSec = 0, meanMs = 0 } = cell?.summary ?? {};
  assert(Math.abs(throughputItemsPerSec * meanMs / 1000 - total / 4) < 1e-9);
  assertMatch(csv, /^0,2,.*,OK,1,own\.jsonl,/m);
  assertStringIncludes(stdout, "as data");
  assertMatch(stdout, /Sent: own\.jsonl \(3 requests of 1 to 3 items, sent as/);
});

Deno.test("main() cuts and fills the requests of a file to the batch sizes", async () => {
  const { code, run, bodies } = await benchFile(
    "rows.csv",
    "query,item\nq0,a\nq0,b\nq1,c\n",
    ["--batch-sizes", "1,3"],
  );
  assertEquals(code, 0);
  assertEquals(run?.cells.map(({ key }) => key.batchSize), [1, 3]);
  const seen = new Set(
    bodies.map(({ query, items }) =>
      `${query} ${(items as string[]).join("")}`
    ),
  );
  assertEquals(seen, new Set(["q0 a", "q1 c", "q0 abc", "q1 cab"]));
});

Deno.test("main() sends the label ids of a file", async () => {
  const { code, run, bodies } = await benchFile(
    "labels.jsonl",
    [[7, 8, 9], [9, 8, 7]].map((ids) =>
      JSON.stringify({ query: [5], items: [[6]], "label_token_ids": ids })
    ).join("\n"),
  );
  assertEquals(code, 0);
  assertEquals(run?.cells.map(({ key }) => key.numLabels), [3]);
  assertEquals(
    new Set(bodies.map((body) => String(body["label_token_ids"]))),
    new Set(["7,8,9", "9,8,7"]),
  );
});

Deno.test("main() measures each --data as cells of its own", async () => {
  const { code, run, bodies, stdout } = await benchFile("own.jsonl", LINES, [
    ...["--data", "query=6-9,item=3", "--data", "text", "--batch-sizes", "2"],
  ]);
  assertEquals(code, 0);
  assertEquals(run?.cells.map(({ key }) => key.data), [
    ...["own.jsonl", "query=6-9,item=3", undefined],
  ]);
  const lengths = bodies.flatMap(({ query }) =>
    Array.isArray(query) ? [query.length] : []
  );
  assert(lengths.every((length) => length >= 6 && length <= 9));
  assert(new Set(lengths).size > 1);
  assertStringIncludes(stdout, "6 to 9 query and 3 item tokens");
});

Deno.test("main() refuses a bad line before anything is sent", async () => {
  const { code, stderr, bodies } = await benchFile(
    "bad.jsonl",
    `${LINES}\n{"query":"","items":[""]}`,
  );
  assertEquals([code, bodies.length], [2, 0]);
  assertMatch(
    stderr,
    /Cannot send '.*bad\.jsonl': line 4: a request that a server survives was expected, but the prompt of item 0 is empty/,
  );
});

Deno.test("main() refuses prompts that are longer than the server takes, with the line", async () => {
  const { code, stderr } = await runMain([
    ...CELL,
    ...["--data", "query=8000,item=200"],
  ]);
  assertEquals(code, 3);
  assertMatch(
    stderr,
    /Cannot send query=8000,item=200: a prompt of at most \d+ tokens was expected, as the server takes no more, found one of 8200/,
  );
});

Deno.test("main() refuses other data of the same name, and says both", async () => {
  await using folder = await makeTestFolder();
  const [data, base] = [`${folder.path}/own.jsonl`, `${folder.path}/b.csv`];
  const args = [
    ...["--num-labels", "2", "--num-runs", "3", "--warmup-runs", "1"],
    ...["--data", data],
  ];
  await Deno.writeTextFile(data, LINES);
  const first = await runMain([...args, "--update-baseline", base]);
  assertEquals([first.code, first.stderr.includes("Baseline updated")], [
    0,
    true,
  ]);
  await Deno.writeTextFile(data, LINES.replace("q1", "other"));
  const second = await runMain([...args, "--baseline", base]);
  assertEquals(second.code, 3);
  assertMatch(
    second.stderr,
    /workload is own\.jsonl \(3 requests .*sha256 \w{12}\) in the baseline .*, own\.jsonl \(3 requests .*sha256 \w{12}\) in the result/,
  );
});

const TOKENIZER = "tests/testdata/tokenizers/byte_level_bpe.json";

Deno.test("main() looks up labels that are words, and keeps their ids", async () => {
  const { code, run, bodies } = await benchFile("own.jsonl", LINES, [
    ...["--labels", "Yes, no", "--tokenizer", TOKENIZER],
  ]);
  assertEquals(code, 0);
  const [ids = []] = run?.cells.map((cell) => cell.labelTokenIds) ?? [];
  assertEquals(ids.length, 2);
  assertEquals(bodies[0]?.["label_token_ids"], ids);
  assertEquals(run?.metadata["label_token_ids"], { "2": ids });
});

Deno.test("main() refuses labels that are no single token before anything is sent", async () => {
  const refusal = async (...args: string[]) => {
    const { code, stderr, bodies } = await benchFile("own.jsonl", LINES, args);
    assertEquals([code, bodies.length], [2, 0]);
    return stderr;
  };
  assertStringIncludes(
    await refusal("--labels", "Yes no maybe", "--tokenizer", TOKENIZER),
    'and "Yes no maybe" is ',
  );
  assertStringIncludes(
    await refusal("--labels", "Yes"),
    "Cannot take --labels without --tokenizer",
  );
  assertStringIncludes(
    await refusal("--tokenizer", TOKENIZER),
    "Cannot take --tokenizer without --labels",
  );
});
