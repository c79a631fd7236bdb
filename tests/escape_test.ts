import { assertEquals } from "@std/assert";
import { escapeCsvFormula, escapeForTerminal } from "../lib/escape.ts";

Deno.test("escapeForTerminal() shows what a terminal would obey", () => {
  const cases: [string, string][] = [
    ["plain é 中 😀 ~", "plain é 中 😀 ~"],
    ["\x1b[2J\x07\0\x7f", "\\x1b[2J\\x07\\x00\\x7f"],
    ["\x9b31m\x85", "\\x9b31m\\x85"],
    ["a\nb\r\tc", "a\\nb\\x0d\\x09c"],
    ["\u202eabc\u2066\u200f\u061c", "\\u{202e}abc\\u{2066}\\u{200f}\\u{61c}"],
    ["\u200b\ufeff\u2028\u2029", "\\u{200b}\\u{feff}\\u{2028}\\u{2029}"],
    ["\u{e0041}\ud800", "\\u{e0041}\\u{d800}"],
  ];
  for (const [text, expected] of cases) {
    assertEquals(escapeForTerminal(text), expected);
  }
});

Deno.test("escapeForTerminal() cuts long text between characters", () => {
  assertEquals(escapeForTerminal("😀😀😀", 2), "😀😀...");
  assertEquals(escapeForTerminal("😀😀", 2), "😀😀");
  assertEquals(escapeForTerminal("\x1b\x1b", 1), "\\x1b...");
});

Deno.test("escapeCsvFormula() disarms what a spreadsheet would run", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]) {
    assertEquals(escapeCsvFormula(text), `'${text}`);
  }
  for (const text of ["", "a=1", "1-1", " =1"]) {
    assertEquals(escapeCsvFormula(text), text);
  }
});
