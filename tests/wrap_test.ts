import { assert, assertEquals } from "@std/assert";
import {
  counted,
  wrapCharacters,
  wrapIndented,
  wrapWords,
} from "../lib/wrap.ts";

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

Deno.test("wrapIndented() goes on deeper than it began, and leaves nothing out", () => {
  const text = "  a finding: of several words and one-that-is-far-too-long";
  for (let columns = 16; columns <= 70; columns++) {
    const lines = wrapIndented(text, columns);
    for (const line of lines) {
      assert(line.length <= columns, `${columns}: ${line}`);
    }
    assertEquals(
      lines.map((line) => line.trim()).join("").replaceAll(" ", ""),
      text.replaceAll(" ", ""),
    );
    for (const line of lines.slice(1)) assertEquals(line.slice(0, 6), "      ");
  }
});
