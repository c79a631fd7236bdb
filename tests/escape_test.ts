import { assertEquals } from "@std/assert";
import {
  escapeForCsv,
  escapeForLog,
  escapeForTerminal,
  unescapeCsv,
} from "../lib/escape.ts";
import { toJson } from "../lib/json.ts";

Deno.test("escapeForLog() makes no line a command of a workflow, and leaves all else", () => {
  const cases: [string, string][] = [
    [
      "::error::x\n \u3000::set-env name=a::b",
      "\\x3a:error::x\n \u3000\\x3a:set-env name=a::b",
    ],
    ["a ##[error]b ##[add-path]c", "a ##\\x5berror]b ##\\x5badd-path]c"],
    ["a ::b\n[::1]:80\n#[a] : :", "a ::b\n[::1]:80\n#[a] : :"],
  ];
  for (const [text, expected] of cases) {
    assertEquals(escapeForLog(text), expected);
  }
});

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

Deno.test("escapeForCsv() disarms what a spreadsheet would run", () => {
  for (const text of ["=1", "+1", "-1", "@a", "'=1"]) {
    assertEquals(escapeForCsv(text), `'${text}`);
  }
  assertEquals(escapeForCsv("\t=1"), "\\x09=1");
  for (const text of ["a=1", "1-1", "", "'a"]) {
    assertEquals(escapeForCsv(text), text);
  }
});

Deno.test("unescapeCsv() takes back what escapeForCsv() made safe, and leaves the rest", () => {
  const names = [
    "org/model",
    "=1+1",
    "'=1+1",
    "''@x",
    "it's",
    "a\u200bb",
    "a\u202eb",
    "\ufffd",
    "a\x1b[31m\u0085",
    "\u{e0001}",
    "\ud800",
    "C:\\x41\\u{41}\\n",
  ];
  for (const name of names) {
    assertEquals(unescapeCsv(escapeForCsv(name)), name);
    assertEquals(escapeForCsv(name).includes("\u202e"), false);
  }
  assertEquals(unescapeCsv("\\u{110000}"), "\\u{110000}");
});

Deno.test("toJson() writes no character that hides or reorders text, and loses none", () => {
  const value = { name: "a\u202eb\u200b\u2028\u{e0001}\x7f", list: [1, "é"] };
  for (const indent of [undefined, 2]) {
    const text = toJson(value, indent);
    assertEquals(JSON.parse(text), value);
    assertEquals(/[\u202e\u200b\u2028\x7f]/.test(text), false);
  }
  assertEquals(toJson("\u202e"), '"\\u202e"');
});
