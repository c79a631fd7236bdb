import { assertEquals, assertThrows } from "@std/assert";
import { parseFlags } from "../../lib/cli/flags.ts";
import { GATE_FLAGS, readGateFlags } from "../../lib/commands/gate_flags.ts";
import { UsageError } from "../../lib/failure.ts";

const SPEC = { name: "x", summary: "X.", groups: [GATE_FLAGS] } as const;

function read(...args: string[]) {
  const parsed = parseFlags(SPEC, args);
  if (parsed.action !== "run") throw new Error("help");
  return readGateFlags(parsed.flags);
}

Deno.test("readGateFlags() has the specification's limits by default", () => {
  assertEquals(read(), {
    gate: "statistical",
    failPercent: 10,
    warnPercent: 5,
    allowMismatch: [],
    maxInvalid: 0,
  });
});

Deno.test("readGateFlags() takes all flags", () => {
  assertEquals(
    read(
      "--gate=threshold",
      "--regression-threshold=7.5",
      "--warn-threshold=1.5",
      "--allow-mismatch=hardware",
      "--allow-mismatch=prefix-cache",
      "--max-invalid=3",
    ),
    {
      gate: "threshold",
      failPercent: 7.5,
      warnPercent: 1.5,
      allowMismatch: ["hardware", "prefix-cache"],
      maxInvalid: 3,
    },
  );
});

Deno.test("readGateFlags() keeps the warning below the regression threshold", () => {
  assertEquals(read("--regression-threshold=5").warnPercent, 2.5);
  assertEquals(read("--regression-threshold=20").warnPercent, 5);
  for (const warn of ["10", "11"]) {
    assertThrows(
      () => read(`--warn-threshold=${warn}`),
      UsageError,
      `Cannot take --warn-threshold ${warn}: expected less than --regression-threshold, which is 10`,
    );
  }
});

Deno.test("GATE_FLAGS refuse what is no limit or no name", () => {
  for (
    const flag of [
      "--gate=strict",
      "--regression-threshold=0",
      "--regression-threshold=100",
      "--warn-threshold=0",
      "--allow-mismatch=anything",
      "--max-invalid=-1",
    ]
  ) assertThrows(() => read(flag), UsageError);
});
