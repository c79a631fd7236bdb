import { assertEquals } from "@std/assert";
import { counted, wrapCharacters, wrapWords } from "../lib/wrap.ts";

Deno.test("counted() writes one of a thing without an s", () => {
  assertEquals([0, 1, 2].map((count) => counted(count, "cell")), [
    "0 cells",
    "1 cell",
    "2 cells",
  ]);
});

Deno.test("wrapWords() breaks at spaces and keeps long words whole", () => {
  assertEquals(wrapWords("aa bb cc", 5), ["aa bb", "cc"]);
  assertEquals(wrapWords("a abcdefgh b", 3), ["a", "abcdefgh", "b"]);
  assertEquals(wrapWords("  a", 9), ["  a"]);
  assertEquals(wrapWords("", 9), [""]);
});

Deno.test("wrapCharacters() cuts text into equal pieces", () => {
  assertEquals(wrapCharacters("abcde", 2), ["ab", "cd", "e"]);
  assertEquals(wrapCharacters("😀😀😀", 2), ["😀😀", "😀"]);
  assertEquals(wrapCharacters("", 2), [""]);
});
