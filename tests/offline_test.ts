// The expected values hold for the packages on JSR too: this file passes with
// them and with the stand-ins of lib/offline/.
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertExists,
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
  unreachable,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { parse } from "@std/csv/parse";
import { stringify } from "@std/csv/stringify";
import {
  basename,
  dirname,
  extname,
  fromFileUrl,
  isAbsolute,
  join,
  resolve,
  toFileUrl,
} from "@std/path";
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

Deno.test("assertEquals() follows the equality of the original", () => {
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
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
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

Deno.test("assertions pass and fail as in the original", () => {
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
    [() => assertExists(0), () => assertExists(null)],
    [
      () => assertInstanceOf(new TypeError(), Error),
      () => assertInstanceOf({}, Error),
    ],
    [() => {}, () => fail("a")],
    [() => {}, () => unreachable()],
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
  assertStrictEquals(assertThrows(thrower), error);
  assertStrictEquals(assertThrows(thrower, RangeError, "do it"), error);
  assert(isRefused(() => assertThrows(() => {})));
  assert(isRefused(() => assertThrows(thrower, TypeError)));
  assert(isRefused(() => assertThrows(thrower, RangeError, "done")));
});

Deno.test("assertRejects() checks the class and the message, and returns the error", async () => {
  const error = new RangeError("Cannot do it");
  const rejecter = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(rejecter), error);
  assertStrictEquals(await assertRejects(rejecter, RangeError, "do"), error);
  await assertRejects(
    () => assertRejects(() => Promise.resolve()),
    AssertionError,
  );
  await assertRejects(
    () => assertRejects(rejecter, TypeError),
    AssertionError,
  );
  await assertRejects(
    () =>
      assertRejects(() => {
        throw error;
      }),
    AssertionError,
  );
});

Deno.test("parseArgs() reads declared flags as in the original", () => {
  const options = {
    string: ["rate", "_"],
    boolean: ["quiet"],
    collect: ["rate", "quiet"],
    alias: { rate: "r", quiet: "q" },
  };
  const cases: [string[], string[], boolean[], string[]][] = [
    [["--rate", "10", "--rate=20"], ["10", "20"], [], []],
    [["--rate"], [""], [], []],
    [["--rate="], [""], [], []],
    [["--rate", "--quiet"], [""], [true], []],
    [["--rate=-5"], ["-5"], [], []],
    [["--rate=a=b"], ["a=b"], [], []],
    [["--quiet=no"], [], [true], []],
    [["--quiet=false"], [], [false], []],
    [["--quiet", "false", "x"], [], [false], ["x"]],
    [["-r", "5", "-q", "07"], ["5"], [true], ["07"]],
    [["-r=5"], ["5"], [], []],
    [["-r5"], ["5"], [], []],
    [["-qr", "5"], ["5"], [true], []],
    [["a", "--", "--rate", "1"], [], [], ["a", "--rate", "1"]],
  ];
  for (const [args, rate, quiet, words] of cases) {
    const result = parseArgs(args, options);
    assertEquals(result["rate"], rate);
    assertEquals(result["quiet"], quiet);
    assertEquals(result._, words);
  }
});

Deno.test("parseArgs() coerces what is undeclared and offers it to the hook", () => {
  const seen: unknown[] = [];
  const result = parseArgs(["--conc", "07", "--no-color", "x", "5", "y"], {
    unknown: (...values: unknown[]) => {
      seen.push(values);
      return values[0] !== "y" && values[0] !== "--conc";
    },
  });
  assertEquals({ ...result }, { _: [5], "no-color": "x" });
  assertEquals(seen, [
    ["--conc", "conc", "07"],
    ["--no-color", "no-color", "x"],
    ["5"],
    ["y"],
  ]);
});

Deno.test("parse() reads rows and records as in the original", () => {
  assertEquals(parse('\ufeffa,"b ""c"""\r\n\r\n"x\r\ny",\r\n'), [
    ["a", 'b "c"'],
    ["x\ny", ""],
  ]);
  assertEquals(parse("a,b\n1,2", { skipFirstRow: true }), [{ a: "1", b: "2" }]);
  assertEquals(parse("1,2\n", { columns: ["x", "y"] }), [{ x: "1", y: "2" }]);
  assertEquals(
    parse("a,b\n1,2", { skipFirstRow: true, columns: ["x", "y"] }),
    [{ x: "1", y: "2" }],
  );
  assertEquals(parse(""), []);
});

Deno.test("parse() refuses broken text with the messages of the original", () => {
  const cases: [string, number, string][] = [
    [
      'a "word","b"',
      -1,
      'Syntax error on line 1; parse error on line 1, column 3: bare " in non-quoted-field',
    ],
    [
      'x\na,"b"c',
      -1,
      'Syntax error on line 2; parse error on line 2, column 5: extraneous or missing " in quoted-field',
    ],
    [
      'a,"b\nc',
      -1,
      'Syntax error on line 1; parse error on line 2, column 1: extraneous or missing " in quoted-field',
    ],
    ["a,b\n\nc", 0, "Syntax error on line 3: expected 2 fields but got 1"],
    ["a,b", 3, "Syntax error on line 1: expected 3 fields but got 2"],
  ];
  for (const [text, fieldsPerRecord, message] of cases) {
    const error = assertThrows(
      () => parse(text, { fieldsPerRecord }),
      SyntaxError,
    );
    assertEquals(error.message, message);
  }
  assertEquals(
    assertThrows(() => parse("a,b\n1", { skipFirstRow: true }), Error).message,
    "Syntax error on line 2: The record has 1 fields, but the header has 2 fields",
  );
  assertEquals(
    assertThrows(() => parse("", { skipFirstRow: true }), TypeError).message,
    "Cannot parse input: headers must be defined",
  );
});

Deno.test("stringify() quotes and ends lines as in the original", () => {
  assertEquals(
    stringify([["a,b", 'c"d', "e\nf", "g\rh", " i ", null, undefined, 1e21]]),
    '"a,b","c""d","e\nf",g\rh, i ,,,1e+21\r\n',
  );
  const records = [{ a: 1, "b,c": true }, { a: { d: 1 } }];
  assertEquals(
    stringify(records, { columns: ["b,c", "a"] }),
    '"b,c",a\r\ntrue,1\r\n,"{""d"":1}"\r\n',
  );
  assertEquals(
    stringify(records, { columns: ["a"], headers: false }),
    [
      "1\r\n",
      '"{""d"":1}"\r\n',
    ].join(""),
  );
  assertThrows(() => stringify([{ a: 1 }]), TypeError);
});

Deno.test("paths are taken apart and put together as in the original", () => {
  assertEquals(join("a", "..", "b", "c.csv"), "b/c.csv");
  assertEquals(join(""), ".");
  assertEquals([dirname("a/b.csv"), dirname("b.csv")], ["a", "."]);
  assertEquals(basename("a/b.csv", ".csv"), "b");
  assertEquals(["b.tar.gz", ".b", "b"].map((path) => extname(path)), [
    ".gz",
    "",
    "",
  ]);
  assertEquals(resolve("/a", "../b"), "/b");
  assertEquals([isAbsolute("/a"), isAbsolute("a")], [true, false]);
});

Deno.test("file URLs are read and made as in the original", () => {
  assertEquals(fromFileUrl("file:///a%20b/%c"), "/a b/%c");
  assertEquals(toFileUrl("/a b/%20#?").href, "file:///a%20b/%2520%23%3F");
  assertEquals(
    assertThrows(() => fromFileUrl("http://a/"), TypeError).message,
    'URL must be a file URL: received "http:"',
  );
  assertEquals(
    assertThrows(() => toFileUrl("a"), TypeError).message,
    'Path must be absolute: received "a"',
  );
});

Deno.test("Table draws borders and aligned cells as in the original", () => {
  const table = Table.from([["Name", "IPS"], ["a\nbc", "85.3"], ["é", "9.5"]])
    .columns([{ align: "left" }, { align: "right" }]).border(true);
  assertEquals(
    table.toString(),
    `┌──────┬──────┐
│ Name │  IPS │
├──────┼──────┤
│ a    │ 85.3 │
│ bc   │      │
├──────┼──────┤
│ é    │  9.5 │
└──────┴──────┘`,
  );
  assertEquals(Table.from([]).border(true).toString(), "");
});
