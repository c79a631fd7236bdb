import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseMetadata } from "../../lib/baseline/conditions.ts";
import {
  isSameRun,
  runsOfCsv,
  runsOfRecord,
  type StoredRun,
} from "../../lib/baseline/runs.ts";
import { appendCsv } from "../../lib/baseline/update.ts";
import { runsToCsv, runToMetadata } from "../../lib/report/run/text.ts";
import {
  latenciesAround,
  measuredCell,
  measuredRun,
} from "../support/example_baseline.ts";
import { exampleRun } from "../support/example_run.ts";

const RUN = measuredRun("one");
const OTHER = measuredRun("two");

function fromCsv(text: string, source = "a.csv"): StoredRun[] {
  return runsOfCsv(text, { source, metadata: null });
}

function mediansOf(runs: readonly StoredRun[]): (number | undefined)[][] {
  return runs.map(({ cells }) => cells.map(({ value }) => value?.p50Ms));
}

Deno.test("runsOfRecord() makes a run of each repeat, and pools what was measured again", () => {
  const [first, second, third] = ["a", "b", "c"].map((seed) =>
    latenciesAround(10, seed)
  );
  assert(first !== undefined && second !== undefined && third !== undefined);
  const cells = [first, second, third].map((one, i) =>
    measuredCell(1, one, { repeat: i === 2 ? 1 : 0 })
  );
  const runs = runsOfRecord(exampleRun({ cells }), "r.json");
  assertEquals(runs.map(({ source }) => source), [
    "r.json, run 1",
    "r.json, run 2",
  ]);
  assertEquals(
    runs.map((run) => run.cells.map(({ value }) => value?.latenciesMs)),
    [[[...first, ...second]], [third]],
  );
});

Deno.test("runsOfRecord() summarises the samples of all passes together", () => {
  const [run] = runsOfRecord(
    exampleRun({
      cells: [measuredCell(1, [10, 20, 30]), measuredCell(1, [40, 50, 60])],
    }),
    "r.json",
  );
  const value = run?.cells[0]?.value;
  assertEquals([value?.count, value?.p50Ms, value?.meanMs], [6, 35, 35]);
});

Deno.test("runsOfRecord() computes the figures anew, and takes none of a latency of 0", () => {
  const summary = measuredCell(1, latenciesAround(99, "x")).summary;
  const [run] = runsOfRecord(
    exampleRun({
      cells: [
        measuredCell(1, [10, 20, 30], { summary }),
        measuredCell(2, [0, 20, 30]),
      ],
    }),
    "r.json",
  );
  assertEquals(run?.cells[0]?.value?.p50Ms, 20);
  assertEquals(run?.cells[1]?.unfit, "a latency is not above 0 ms");
  assertEquals(run?.cells[1]?.value, null);
});

Deno.test("runsOfCsv() gives the n-th row of a cell to the n-th run, whatever the order of cells", () => {
  const text = appendCsv(appendCsv(null, RUN), OTHER);
  const [header, ...rows] = text.trimEnd().split("\r\n");
  const expected = mediansOf([
    ...runsOfRecord(RUN, ""),
    ...runsOfRecord(OTHER, ""),
  ]);
  assertEquals(mediansOf(fromCsv(text)), expected);
  // All rows of one cell, then all of the next.
  const byCell = [0, 1, 2, 3, 4, 5].flatMap((i) => [rows[i], rows[i + 6]]);
  const shuffled = [header, ...byCell].join("\n");
  assertEquals(mediansOf(fromCsv(shuffled)), expected);
});

Deno.test("runsOfCsv() refuses a file with fewer rows than its metadata say", () => {
  const metadata = parseMetadata(runToMetadata(RUN));
  const text = runsToCsv([RUN]);
  assertEquals(runsOfCsv(text, { source: "a.csv", metadata }).length, 1);
  const cut = text.split("\r\n").slice(0, -2).join("\r\n");
  const error = assertThrows(
    () => runsOfCsv(cut, { source: "a.csv", metadata }),
    SyntaxError,
  );
  assertEquals(
    error.message,
    "line 7: 6 rows were expected, as its metadata say, found 5",
  );
});

Deno.test("isSameRun() tells a run from another by its figures, not by its file", () => {
  const [record, csv, other] = [
    runsOfRecord(RUN, "a.json")[0],
    fromCsv(runsToCsv([RUN]))[0],
    runsOfRecord(OTHER, "b.json")[0],
  ];
  assert(record !== undefined && csv !== undefined && other !== undefined);
  assertEquals(isSameRun(record, csv), true);
  assertEquals(isSameRun(record, other), false);
  // The record knows of a compile that the CSV does not tell.
  const doubted = runsOfRecord({
    ...RUN,
    cells: RUN.cells.map((cell, i) =>
      i > 0 ? cell : { ...cell, suspects: [{ index: 0, kind: "compile" }] }
    ),
  }, "a.json")[0];
  assert(doubted !== undefined);
  assertEquals(isSameRun(doubted, csv), true);
  assertEquals(isSameRun({ ...csv, cells: [] }, csv), false);
});
