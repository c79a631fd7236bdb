import { assertEquals, assertThrows } from "@std/assert";
import { parse } from "@std/csv/parse";
import { stringifyRows } from "../lib/csv.ts";

Deno.test("stringifyRows() writes numbers in full and missing values as nothing", () => {
  const third = 1 / 3;
  assertEquals(
    stringifyRows(["model", "ips"], [["a,b", third], ["", null], ["c", -0.5]]),
    `model,ips\r\n"a,b",0.3333333333333333\r\n,\r\nc,-0.5\r\n`,
  );
});

Deno.test("stringifyRows() writes text that comes back whole and cannot do harm", () => {
  const text = stringifyRows(["=x"], [["=cmd()"], ["-1"], [-1], ['\x1b"\n']]);
  assertEquals(parse(text), [
    ["'=x"],
    ["'=cmd()"],
    ["'-1"],
    ["-1"],
    ['\\x1b"\\n'],
  ]);
});

Deno.test("stringifyRows() refuses what has no place in a CSV", () => {
  for (const value of [NaN, Infinity]) {
    assertThrows(
      () => stringifyRows(["a"], [[value]]),
      RangeError,
      `Cannot write a CSV cell as numbers must be finite: current value is ${value}`,
    );
  }
  assertThrows(
    () => stringifyRows(["a", "b"], [[1]]),
    RangeError,
    "Cannot write a CSV row as it needs 2 cells: current value is 1",
  );
});
