import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { UsageError } from "../../lib/failure.ts";
import { labelIdsOf, openTokenizer } from "../../lib/score/tokenizer.ts";

/**
 * What Python's tokenizers 0.23.2 made of the 10,000 strings of {@linkcode strings}: the SHA-256 of a line of ids each,
 * without special tokens. The files were trained by it on 3,000 of the strings.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  "byte_level_bpe":
    "68d0bdd0ae1d16dbbb04b030fe1208ce42359a68fe6828ae72a50314470df8a5",
  "word_piece":
    "ccc31cadba53315a21155970fd4bb54082f2b4c49a1c81483cbae28c39fc9fb9",
  "unigram": "89986784cba6f093340f9ab069f6de6ae8ba9e4d10bb1f9d7b5230332dc57b2b",
};

const PARTS = [
  ...["a", "b", "c", "e", "i", "n", "o", "r", "s", "t", " ", "  ", "\n", "'s"],
  ...["é", "ü", "ß", "漢", "字", "😀", "1", "23", "456", ".", ",", "!", "-"],
  ...["_", "A", "Z", "Yes", "No", " yes", " no", "the", "ing", "tion"],
];

/** The same strings as the generator in Python: a linear congruence chooses 1 to 24 parts of each. */
function strings(count: number): string[] {
  let x = 12345n;
  const next = (below: number) => {
    x = (x * 1103515245n + 12345n) % 2n ** 31n;
    return Number(x / 65536n % BigInt(below));
  };
  return Array.from({ length: count }, () => {
    const length = 1 + next(24);
    return Array.from({ length }, () => PARTS[next(PARTS.length)]).join("");
  });
}

const folder = new URL("../testdata/tokenizers/", import.meta.url).pathname;

for (const [name, expected] of Object.entries(EXPECTED)) {
  Deno.test(`openTokenizer() gives the ids of Python's tokenizers for 10,000 strings of ${name}`, async () => {
    const tokenizer = await openTokenizer(`${folder}${name}.json`);
    const hash = createHash("sha256");
    for (const text of strings(10_000)) {
      hash.update(`${tokenizer.encode(text).join(",")}\n`);
    }
    assertEquals(hash.digest("hex"), expected);
  });
}

Deno.test("labelIdsOf() takes words of one token, and shows the pieces of others", async () => {
  const tokenizer = await openTokenizer(`${folder}byte_level_bpe.json`);
  const ids = labelIdsOf(["Yes", " no"], tokenizer);
  assertEquals(ids, ["Yes", " no"].flatMap((word) => tokenizer.encode(word)));
  assertEquals(new Set(ids).size, 2);
  const error = assertThrows(
    () => labelIdsOf(["Yes", "Yes no maybe"], tokenizer),
    UsageError,
    'Cannot take --labels: each must be one token of the model, and "Yes no maybe" is ',
  );
  assertEquals(error.message.includes('"Yes"'), true);
});

Deno.test("openTokenizer() says what it expected", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, "{");
    await assertRejects(
      () => openTokenizer(path),
      UsageError,
      "a tokenizer.json was expected",
    );
  } finally {
    await Deno.remove(path);
  }
  await assertRejects(() => openTokenizer("results/nothing"), UsageError);
});
