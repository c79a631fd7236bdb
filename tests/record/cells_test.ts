import { assertEquals } from "@std/assert";
import { exampleCell } from "../support/example_run.ts";
import {
  cellId,
  cellNamer,
  poolPasses,
  repeatId,
} from "../../lib/record/cells.ts";

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
    doubts: [{ kind: "other" as const, text: "a doubt" }],
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
  assertEquals(pooled?.doubts, [{ kind: "other" as const, text: "a doubt" }]);
  assertEquals(
    pooled?.warmUp.requests,
    2 * cell.warmUp.requests,
  );
});

Deno.test("cellId() and repeatId() are the same for the same cell, and no other", () => {
  const key = { batchSize: 4, numLabels: 2, model: "m", dtype: "bfloat16" };
  assertEquals(cellId({ ...key }), cellId(key));
  const others = [
    { ...key, batchSize: 2, numLabels: 4 },
    { ...key, model: "a/b", dtype: "c" },
    { ...key, model: "a", dtype: "b/c" },
    { ...key, dtype: "float32" },
  ];
  const ids = [key, ...others].flatMap((one) => [
    cellId(one),
    repeatId({ key: one, repeat: 0 }),
    repeatId({ key: one, repeat: 1 }),
  ]);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("cellNamer() names model and data type only where there are several", () => {
  const key = { batchSize: 4, numLabels: 2, model: "m", dtype: "bfloat16" };
  assertEquals(cellNamer([key])(key), "Batch 4, Labels 2");
  assertEquals(
    cellNamer([key, { ...key, model: "n" }])(key),
    "Batch 4, Labels 2, m",
  );
});
