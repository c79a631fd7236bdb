import { assertEquals } from "@std/assert";
import { poolPasses } from "../../lib/record/cells.ts";
import { exampleCell } from "../support/example_run.ts";

Deno.test("poolPasses() returns cells with one pass as they are", () => {
  const cells = [exampleCell(), { ...exampleCell(), repeat: 1 }];
  assertEquals(poolPasses(cells), cells);
});

Deno.test("poolPasses() summarises all samples of a cell, and keeps its place", () => {
  const cell = exampleCell();
  const other = { ...cell, key: { ...cell.key, batchSize: 64 } };
  const first = {
    ...cell,
    numRuns: 2,
    samples: {
      plannedMs: [0, 10],
      sentMs: [0, 10],
      doneMs: [1, 12],
      outcome: ["ok", "ok"] as const,
    },
    suspects: [{ index: 1, kind: "stall" as const }],
    failures: [],
    reason: "a doubt",
  };
  const second = {
    ...first,
    samples: {
      plannedMs: [20, 30],
      sentMs: [20, 30],
      doneMs: [23, 130],
      outcome: ["ok", "timeout"] as const,
    },
    suspects: [{ index: 0, kind: "stall" as const }],
    failures: [{ outcome: "timeout" as const, count: 1, example: "late" }],
    status: "INVALID" as const,
  };
  const [pooled, untouched, ...rest] = poolPasses([first, other, second]);
  assertEquals(rest, []);
  assertEquals(untouched, other);
  assertEquals(pooled?.samples.doneMs, [1, 12, 23, 130]);
  assertEquals(pooled?.summary?.count, 3);
  assertEquals(pooled?.summary?.p50Ms, 2);
  assertEquals(pooled?.numRuns, 4);
  assertEquals(pooled?.suspects.map(({ index }) => index), [1, 2]);
  assertEquals(pooled?.failures, second.failures);
  assertEquals(pooled?.status, "INVALID");
  assertEquals(pooled?.reason, "a doubt");
  assertEquals(
    pooled?.warmUp.requests,
    2 * cell.warmUp.requests,
  );
});
