import { assert, assertEquals, assertRejects } from "@std/assert";
import { MeasureError, UsageError } from "../../lib/failure.ts";
import type { DataFormat } from "../../lib/score/data.ts";
import { openDataFile } from "../../lib/score/data_file.ts";
import { MAX_ROW_BYTES, splitRows } from "../../lib/score/rows.ts";

async function withFile<Value>(
  text: string | Uint8Array,
  format: DataFormat,
  use: (path: string) => Promise<Value>,
): Promise<Value> {
  const path = await Deno.makeTempFile({ suffix: `.${format}` });
  try {
    await Deno.writeFile(
      path,
      typeof text === "string" ? new TextEncoder().encode(text) : text,
    );
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Reads the first requests of a file, as `query: items`. */
function readFirst(
  text: string,
  format: DataFormat,
  wanted: {
    readonly first?: number;
    readonly count: number;
    readonly batchSize?: number;
    readonly seed?: string;
  },
): Promise<string[]> {
  return withFile(text, format, async (path) => {
    const file = await openDataFile(path, format);
    const requests = await file.read({
      first: 0,
      batchSize: null,
      seed: "seven",
      ...wanted,
    });
    return requests.map(({ query, items }) => `${query}: ${items.join("|")}`);
  });
}

function problemOf(text: string | Uint8Array, format: DataFormat) {
  return withFile(text, format, async (path) => {
    const error = await assertRejects(
      () => openDataFile(path, format),
      UsageError,
    );
    return error.message.replace(path, "FILE");
  });
}

const LINES = [
  '{"query":"q0","items":["a","b"]}',
  '{"query":"q1","items":["c"]}',
  '{"query":"q2","items":["d"]}',
].join("\n");

const ROWS = [
  "item,query",
  "a,q0",
  "b,q0",
  '"c, ""quoted""\nand on",q1',
  "d,q0",
].join("\r\n");

Deno.test("openDataFile() reads requests in the order of the file, round and round", async () => {
  assertEquals(await readFirst(LINES, "jsonl", { count: 4 }), [
    ...["q0: a|b", "q1: c", "q2: d", "q0: a|b"],
  ]);
  assertEquals(await readFirst(LINES, "jsonl", { first: 4, count: 2 }), [
    ...["q1: c", "q2: d"],
  ]);
  assertEquals(
    await readFirst(LINES, "jsonl", { first: 1, count: 2, batchSize: 3 }),
    ["q1: c|d|a", "q2: d|a|b"],
  );
});

Deno.test("openDataFile() takes rows of one query that follow each other for one request", async () => {
  assertEquals(await readFirst(ROWS, "csv", { count: 3 }), [
    ...["q0: a|b", 'q1: c, "quoted"\nand on', "q0: d"],
  ]);
});

Deno.test("openDataFile() records what is in a file", async () => {
  const ids = [
    '{"query":[1,2],"items":[[3],[4,5]],"label_token_ids":[7,8]}',
    "",
    '{"query":[1],"items":[[3,3,3,3,3]],"label_token_ids":[8,9]}',
    "",
  ].join("\n");
  const { record, longest } = await withFile(
    ids,
    "jsonl",
    (path) => openDataFile(path, "jsonl"),
  );
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(ids),
  );
  assertEquals(record, {
    sha256: new Uint8Array(digest).toHex(),
    requests: 2,
    items: { min: 1, max: 2 },
    labels: 2,
    kind: "ids",
    promptLength: (3 + 4 + 6) / 3,
  });
  assertEquals(longest, { line: 3, tokens: 6 });
});

Deno.test("openDataFile() draws by weight", async () => {
  const lines = [1, 1, 6].map((weight, i) =>
    JSON.stringify({ query: `q${i}`, items: ["a"], weight })
  ).join("\n");
  const drawn = await readFirst(lines, "jsonl", { count: 4000 });
  const share = (query: string) =>
    drawn.filter((one) => one.startsWith(query)).length / drawn.length;
  for (const [query, expected] of [["q0", 1], ["q1", 1], ["q2", 6]] as const) {
    // Five standard deviations of 4,000 draws.
    const p = expected / 8;
    assert(Math.abs(share(query) - p) < 5 * Math.sqrt(p * (1 - p) / 4000));
  }
  assertEquals(await readFirst(lines, "jsonl", { count: 4000 }), drawn);
});

Deno.test("openDataFile() names the line of what is wrong", async () => {
  const second = (line: string) =>
    problemOf(`{"query":"q","items":["a"]}\n\n${line}\n`, "jsonl");
  assertEquals(
    await second("{"),
    `Cannot send 'FILE': line 3: one JSON object was expected, found "{"`,
  );
  assertEquals(
    await second('{"query":[1],"items":[[1]]}'),
    "Cannot send 'FILE': line 3: text were expected, as on line 1, found token ids",
  );
  assertEquals(
    await second('{"query":"q","items":["a"],"label_token_ids":[1]}'),
    "Cannot send 'FILE': line 3: no label ids were expected, as on line 1, found 1 label ids",
  );
  assertEquals(
    await problemOf("query,text\na,b", "csv"),
    "Cannot send 'FILE': line 1: the columns query,item were expected, found query,text",
  );
  assertEquals(
    await problemOf('query,item\nq,"a\nb"\nq', "csv"),
    "Cannot send 'FILE': line 4: 2 cells were expected, found 1",
  );
  assertEquals(
    await problemOf('query,item\nq,"a\nb', "csv"),
    "Cannot send 'FILE': line 2: a quote that closes was expected",
  );
  assertEquals(
    await problemOf("query,item\n", "csv"),
    "Cannot send 'FILE': one request or more was expected, found none",
  );
  assertEquals(
    await problemOf(Uint8Array.of(0x7b, 0xff, 0x0a), "jsonl"),
    "Cannot send 'FILE': line 1: UTF-8 was expected, found other bytes",
  );
});

Deno.test("openDataFile() finds a file that was changed", async () => {
  await withFile(LINES, "jsonl", async (path) => {
    const file = await openDataFile(path, "jsonl");
    await Deno.writeTextFile(path, LINES.replace("q1", "qq1"));
    await assertRejects(
      () => file.read({ first: 0, count: 1, batchSize: null, seed: "" }),
      MeasureError,
      "is no longer the file that was checked",
    );
  });
});

async function rowsOf(chunks: readonly string[], quoted: boolean) {
  const encoder = new TextEncoder();
  const rows = [];
  const source = ReadableStream.from(
    chunks.map((chunk) => encoder.encode(chunk)),
  );
  for await (const { line, offset, text } of splitRows(source, quoted)) {
    rows.push([line, offset, text]);
  }
  return rows;
}

Deno.test("splitRows() finds the same rows however the file is cut", async () => {
  const text = '\ufeffa,"b\n\nc"\r\n\n  \n"d""\n",e\nlast';
  const whole = await rowsOf([text], true);
  assertEquals(whole, [
    [1, 0, 'a,"b\n\nc"'],
    [6, 17, '"d""\n",e'],
    [8, 26, "last"],
  ]);
  for (let at = 1; at < text.length; at++) {
    assertEquals(
      await rowsOf([text.slice(0, at), text.slice(at)], true),
      whole,
    );
  }
  assertEquals(await rowsOf([...text], true), whole);
  assertEquals(
    (await rowsOf(["a\nb\r\n", "c"], false)).map(([, , one]) => one),
    [
      ...["a", "b", "c"],
    ],
  );
});

Deno.test("splitRows() holds no row without an end", async () => {
  const part = "x".repeat(MAX_ROW_BYTES / 4);
  await assertRejects(
    () => rowsOf(["a\n", ...Array.from({ length: 5 }, () => part)], false),
    Error,
    `a row of at most ${MAX_ROW_BYTES} bytes was expected`,
  );
});

Deno.test({
  name: "openDataFile() reads 100 MB in at most 150 MB of memory",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const path = await Deno.makeTempFile({ suffix: ".jsonl" });
    try {
      {
        using file = await Deno.open(path, { write: true });
        const line = JSON.stringify({
          query: "q".repeat(300),
          items: ["a".repeat(60), "b".repeat(60)],
        });
        const block = new TextEncoder().encode(`${line}\n`.repeat(2048));
        for (let bytes = 0; bytes < 100e6; bytes += block.length) {
          await file.write(block);
        }
      }
      const child = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["eval", "--ext=ts"],
          `const { openDataFile } = await import(${
            JSON.stringify(
              new URL("../../lib/score/data_file.ts", import.meta.url).href,
            )
          });
          const file = await openDataFile(${JSON.stringify(path)}, "jsonl");
          await file.read({ first: 7, count: 10_000, batchSize: 8, seed: "" });
          console.log(file.record.requests);
          console.log(await Deno.readTextFile("/proc/self/status"));`,
        ],
      }).output();
      const text = new TextDecoder().decode(child.stdout);
      assert(Number.parseInt(text) > 200_000, text);
      const peakKb = Number(/VmHWM:\s+(\d+)/.exec(text)?.[1]);
      assert(peakKb < 150 * 1000, `${peakKb} kB`);
    } finally {
      await Deno.remove(path);
    }
  },
});
