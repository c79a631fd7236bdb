// Holds for the packages of JSR and for the stand-ins of stand_ins/: this file passes with either.
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { parse } from "@std/csv/parse";
import { stringify } from "@std/csv/stringify";
import { dirname, extname, fromFileUrl, join, resolve } from "@std/path";
import { Table } from "@cliffy/table";

function isRefused(action: () => void): boolean {
  try {
    action();
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
  return false;
}

Deno.test("assertEquals() compares deeply, by class and by own properties", () => {
  class Point {
    constructor(readonly x: number) {}
  }
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const other: Record<string, unknown> = {};
  other["self"] = other;
  const equal: [unknown, unknown][] = [
    [0, -0],
    [NaN, NaN],
    [[1, [2]], [1, [2]]],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }],
    [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 1]])],
    [new Set([[1], [2]]), new Set([[2], [1]])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [new URL("http://a/b"), new URL("http://a/b")],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Point(1), new Point(1)],
    [cycle, other],
  ];
  for (const [left, right] of equal) {
    assertFalse(isRefused(() => assertEquals(left, right)));
    assert(isRefused(() => assertNotEquals(left, right)));
  }
  const different: [unknown, unknown][] = [
    [1, "1"],
    [null, undefined],
    [{ a: undefined }, {}],
    [{}, { a: undefined }],
    [[1], [1, 2]],
    [[undefined], new Array(1)],
    [{}, []],
    [new Point(1), { x: 1 }],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Set([1]), new Set([1, 2])],
    [new Date(5), new Date(6)],
    [/a/g, /a/],
    [new Uint8Array([1]), new Uint16Array([1])],
    [new Error("a"), new Error("b")],
    [1n, 1],
  ];
  for (const [left, right] of different) {
    assert(isRefused(() => assertEquals(left, right)));
    assertFalse(isRefused(() => assertNotEquals(left, right)));
  }
});

Deno.test("assertions pass and fail", () => {
  const cases: [() => void, () => void][] = [
    [() => assert(1), () => assert(0)],
    [() => assertFalse(0), () => assertFalse(1)],
    [() => assertStrictEquals(NaN, NaN), () => assertStrictEquals(0, -0)],
    [
      () => assertAlmostEquals(1 + 1e-8, 1),
      () => assertAlmostEquals(1 + 1e-6, 1),
    ],
    [
      () => assertAlmostEquals(1.5, 1, 0.5),
      () => assertAlmostEquals(1.6, 1, 0.5),
    ],
    [() => assertGreater(2, 1), () => assertGreater(1, 1)],
    [() => assertGreaterOrEqual(1, 1), () => assertGreaterOrEqual(0, 1)],
    [() => assertLess(1, 2), () => assertLess(1, 1)],
    [() => assertLessOrEqual(1, 1), () => assertLessOrEqual(2, 1)],
    [
      () => assertStringIncludes("abc", "b"),
      () => assertStringIncludes("abc", "d"),
    ],
    [() => assertMatch("abc", /b/), () => assertMatch("abc", /d/)],
    [
      () => assertInstanceOf(new TypeError(), Error),
      () => assertInstanceOf({}, Error),
    ],
    [() => {}, () => fail("a")],
  ];
  for (const [passing, failing] of cases) {
    assertFalse(isRefused(passing));
    assert(isRefused(failing));
  }
});

Deno.test("assertThrows() checks the class and the message, and returns the error", () => {
  const error = new RangeError("Cannot do it");
  const thrower = () => {
    throw error;
  };
  assertStrictEquals(assertThrows(thrower, RangeError, "do it"), error);
  assert(isRefused(() => assertThrows(() => {}, RangeError)));
  assert(isRefused(() => assertThrows(thrower, TypeError)));
  assert(isRefused(() => assertThrows(thrower, RangeError, "done")));
});

Deno.test("assertRejects() checks the class and the message, and returns the error", async () => {
  const error = new RangeError("Cannot do it");
  const rejecter = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(rejecter), error);
  assertStrictEquals(await assertRejects(rejecter, RangeError, "do"), error);
  await assertRejects(
    () => assertRejects(() => Promise.resolve(), RangeError),
    AssertionError,
  );
  await assertRejects(
    () => assertRejects(rejecter, TypeError),
    AssertionError,
  );
});

Deno.test("parseArgs() reads declared flags, and offers the rest to the hook", () => {
  const cases: [string[], string[], boolean[], string[], unknown[]][] = [
    [["--rate", "10", "--rate=20"], ["10", "20"], [], [], []],
    [["--rate"], [""], [], [], []],
    [["--rate="], [""], [], [], []],
    [["--rate", ""], [""], [], [""], [[""]]],
    [["--rate", "--quiet"], [""], [true], [], []],
    [["--rate", "-q"], [""], [true], [], []],
    [["--rate=-5"], ["-5"], [], [], []],
    [["--rate=a=b"], ["a=b"], [], [], []],
    [["--quiet", "false", "x"], [], [false], ["x"], [["x"]]],
    [["-r", "5", "-q", "07"], ["5"], [true], ["07"], [["07"]]],
    [["-r=5", "-r", "-"], ["5", "-"], [], [], []],
    [["a", "--", "--rate", "1"], [], [], ["a", "--rate", "1"], [["a"]]],
    [["--conc", "07", "-"], [], [], ["-"], [["--conc", "conc"], ["-"]]],
    [["--no-quiet", "x"], [], [], [], [["--no-quiet", "no-quiet"]]],
    [["---rate=1", "-x"], [], [], [], [["---rate=1", "-rate"], ["-x", "x"]]],
  ];
  for (const [args, rate, quiet, words, asked] of cases) {
    const seen: unknown[] = [];
    const result = parseArgs(args, {
      string: ["rate", "_"],
      boolean: ["quiet"],
      collect: ["rate", "quiet"],
      alias: { rate: "r", quiet: "q" },
      unknown: (arg: string, key?: string) => {
        seen.push(key === undefined ? [arg] : [arg, key]);
        return key === undefined;
      },
    });
    assertEquals(
      [result["rate"], result["quiet"], result._, seen],
      [rate, quiet, words, asked],
    );
  }
});

Deno.test("parse() reads rows, and refuses wrong quotes", () => {
  assertEquals(parse('\ufeffa,"b ""c"""\r\n\r\n"x\r\ny",\r\n  \n"",'), [
    ["a", 'b "c"'],
    ["x\ny", ""],
    ["  "],
    ["", ""],
  ]);
  assertEquals(parse("a"), [["a"]]);
  assertEquals(parse(""), []);
  for (const text of ['a "word","b"', 'x\na,"b"c', 'a,"b\nc', '"']) {
    assertThrows(() => parse(text), SyntaxError);
  }
});

Deno.test("stringify() quotes and ends lines", () => {
  assertEquals(
    stringify([["a,b", 'c"d', "e\nf", "g\rh"], [" i ", ""]]),
    '"a,b","c""d","e\nf",g\rh\r\n i ,\r\n',
  );
});

Deno.test("paths are taken apart and put together", () => {
  assertEquals(join("a", "..", "b", "c.csv"), "b/c.csv");
  assertEquals(join(""), ".");
  assertEquals([dirname("a/b.csv"), dirname("b.csv")], ["a", "."]);
  assertEquals(["b.tar.gz", ".b", "b"].map((path) => extname(path)), [
    ".gz",
    "",
    "",
  ]);
  assertEquals(resolve("/a", "../b"), "/b");
  assertEquals(fromFileUrl("file:///a%20b/c"), "/a b/c");
  assertEquals(fromFileUrl(new URL("file:///a")), "/a");
});

Deno.test("Table draws aligned cells with a border between columns", () => {
  const none = { top: "", topMid: "", topLeft: "", topRight: "" };
  const table = Table.from([["Name", "IPS"], ["a\nbc", "85.3"], ["é", "9.5"]])
    .columns([{ align: "left" }, { align: "right" }]).border(true).chars({
      ...none,
      ...{ bottom: "", bottomMid: "", bottomLeft: "", bottomRight: "" },
      ...{ mid: "", midMid: "", leftMid: "", rightMid: "" },
      ...{ left: "", right: "", middle: "|" },
    });
  assertEquals(
    table.toString(),
    [" Name |  IPS ", " a    | 85.3 ", " bc   |      ", " é    |  9.5 "]
      .join("\n"),
  );
});
