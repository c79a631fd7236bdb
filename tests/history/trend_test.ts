import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type HistoryRun, historyRun } from "../../lib/history/runs.ts";
import {
  findTrends,
  openRegressions,
  type TrendEvent,
} from "../../lib/history/trend.ts";
import type { Run } from "../../lib/record/run.ts";
import {
  commitOf,
  HISTORY_CELLS,
  type HistoryCell,
  makeHistory,
  PLANTED,
} from "../support/example_history.ts";

function historyOf(runs: readonly Run[]): HistoryRun[] {
  return runs.flatMap((run, night) => historyRun(run, `${night}.json`) ?? []);
}

function onlyGroup(runs: readonly Run[]) {
  const [group, ...others] = findTrends(historyOf(runs));
  assertEquals(others.length, 0);
  assert(group !== undefined);
  return group;
}

/** The places of an event, and the cells; "all" for all. */
function told({ kind, index, cells, isEverywhere }: TrendEvent) {
  return {
    kind,
    index,
    cells: isEverywhere
      ? "all"
      : cells.map(({ key }) => `${key.batchSize}x${key.numLabels}`).toSorted()
        .join(" "),
  };
}

Deno.test("findTrends() shows the two planted steps, the drift, and nothing else", () => {
  for (const seed of ["nightly", "s3", "s7"]) {
    const group = onlyGroup(makeHistory(seed, PLANTED.shape));
    assertEquals(group.events.map(told), [
      { kind: "step", index: PLANTED.sharedStep, cells: "all" },
      { kind: "step", index: PLANTED.groupStep, cells: "16x2 16x4 16x8" },
      { kind: "drift", index: 0, cells: "32x8" },
    ], seed);
    assertEquals(group.events.map(({ index }) => group.runs[index]?.commit), [
      commitOf(85),
      commitOf(40),
      commitOf(0),
    ]);
    const [shared, own, drift] = group.events;
    // Latencies of 1.12, 1.15 and 1.2 times are throughputs of 0.893, 0.870 and 0.833.
    assertAlmostEquals(shared?.cells[0]?.changePercent ?? 0, -10.7, 2.5);
    assertAlmostEquals(own?.cells[0]?.changePercent ?? 0, -13, 1.5);
    assertAlmostEquals(drift?.cells[0]?.changePercent ?? 0, -16.7, 2);
    assertEquals(drift?.endIndex, 119);
    assertEquals(openRegressions(group).map(told), group.events.map(told));
  }
});

Deno.test("findTrends() takes nights that are slow as a whole for noise", () => {
  let alarms = 0;
  for (let i = 0; i < 25; i++) {
    const group = onlyGroup(
      makeHistory(`quiet ${i}`, { nights: 100, sharedNoise: 0.06 }),
    );
    alarms += group.events.length;
  }
  // 1 % of the histories may be wrong: more than 2 of 25 in 1 of 450 such tests.
  assert(alarms <= 2, `${alarms} changes found`);
});

Deno.test("findTrends() leaves alone the cells that a change of most others passes by", () => {
  const isSmall = ({ batchSize }: HistoryCell) => batchSize < 4;
  const group = onlyGroup(makeHistory("most", {
    nights: 60,
    slowness: (night, cell) => night >= 30 && !isSmall(cell) ? 1.2 : 1,
  }));
  assertEquals(group.events.map(({ index }) => index), [30]);
  const changed = group.events[0]?.cells ?? [];
  assertEquals(changed.length, HISTORY_CELLS.length - 6);
  assert(changed.every(({ key }) => key.batchSize >= 4));
});

Deno.test("openRegressions() closes what a later gain has made good", () => {
  const cell = ({ batchSize, numLabels }: HistoryCell) =>
    batchSize === 8 && numLabels === 4;
  const group = onlyGroup(makeHistory("recovered", {
    nights: 90,
    slowness: (night, one) =>
      !cell(one) ? 1 : night < 20 ? 1 : night < 45 ? 1.2 : night < 70 ? 1 : 0.8,
  }));
  assertEquals(group.events.map(({ index }) => index), [70, 45, 20]);
  assertEquals(openRegressions(group), []);
  const partly = onlyGroup(makeHistory("partly", {
    nights: 90,
    slowness: (night, one) =>
      !cell(one) ? 1 : night < 20 ? 1 : night < 45 ? 1.4 : 1.2,
  }));
  const [open] = openRegressions(partly);
  assertEquals([open?.index, open?.cells.length], [20, 1]);
  // 1 / 1.2 - 1
  assertAlmostEquals(open?.cells[0]?.openPercent ?? 0, -16.7, 2);
});

Deno.test("findTrends() compares like with like only", () => {
  const runs = makeHistory("like", { nights: 40 });
  const mixed = runs.map((run, night): Run => {
    // Every other night on other hardware that is twice as fast, once with other label ids.
    if (night % 2 === 0) return run;
    return {
      ...run,
      metadata: { ...run.metadata, "hardware": "tpu-v5e-1" },
      cells: run.cells.map((cell) => ({
        ...cell,
        samples: {
          ...cell.samples,
          doneMs: cell.samples.doneMs.map((doneMs) => doneMs / 2),
        },
      })),
    };
  });
  const groups = findTrends(historyOf(mixed));
  assertEquals(
    groups.map(({ conditions, runs, events }) => [
      conditions.hardware,
      runs.length,
      events.length,
    ]),
    [["tpu-v5e-1", 20, 0], ["tpu-v6e-4", 20, 0]],
  );
  const otherIds = runs.map((run, night): Run =>
    night < 20 ? run : {
      ...run,
      metadata: { ...run.metadata, "label_token_ids": { "2": [7, 8] } },
    }
  );
  const [group] = findTrends(historyOf(otherIds));
  // The cells of two labels are others from then on.
  assertEquals(group?.cells.length, HISTORY_CELLS.length + 6);
});

Deno.test("findTrends() keeps one history over the versions of the server, which is what it is to judge", () => {
  const runs = makeHistory("versions", {
    nights: 40,
    slowness: (night) => night < 20 ? 1 : 1.3,
  }).map((run, night): Run => ({
    ...run,
    metadata: {
      ...run.metadata,
      "servers": run.metadata.servers.map((server) => ({
        ...server,
        version: night < 20 ? "0.0.2" : "0.0.3",
      })),
    },
  }));
  const group = onlyGroup(runs);
  assertEquals(group.events.map(told), [
    { kind: "step", index: 20, cells: "all" },
  ]);
  assertEquals(
    [19, 20].map((night) => group.runs[night]?.versions.split(",")[0]),
    ["server 0.0.2", "server 0.0.3"],
  );
});

Deno.test("findTrends() counts copies of a run once, orders by time, and bears runs that lack cells", () => {
  const runs = makeHistory("copies", { nights: 30 });
  const partial = runs.map((run, night): Run =>
    night % 3 === 0 ? { ...run, cells: run.cells.slice(0, 5) } : run
  );
  const group = onlyGroup([...partial, ...partial].toReversed());
  assertEquals(group.runs.length, 30);
  assertEquals(group.runs[0]?.commit, commitOf(0));
  assertEquals(group.events, []);
  const last = group.cells.at(-1);
  assertEquals(last?.p50Ms.filter((value) => value !== null).length, 20);
  assertEquals(last?.levelMs[0], null);
  assertEquals(findTrends([]), []);
});

Deno.test("historyRun() pools the repeats of a run and leaves out cells that are not fit", () => {
  const [run] = makeHistory("one", { nights: 1 });
  assert(run !== undefined);
  const [first, second, ...rest] = run.cells;
  assert(first !== undefined && second !== undefined);
  const slower = {
    ...first,
    repeat: 1,
    samples: {
      ...first.samples,
      doneMs: first.samples.doneMs.map((doneMs) => 4 * doneMs),
    },
  };
  const pooled = historyRun({
    ...run,
    cells: [first, slower, { ...second, status: "INVALID" }, ...rest],
  }, "x.json");
  assertEquals(pooled?.cells.length, HISTORY_CELLS.length - 1);
  const single = historyRun(run, "x.json");
  // The geometric mean of t and 4 t is 2 t.
  assertAlmostEquals(
    (pooled?.cells[0]?.p50Ms ?? 0) / (single?.cells[0]?.p50Ms ?? 1),
    2,
    1e-9,
  );
  const invalid = run.cells.map((cell) => ({
    ...cell,
    status: "INVALID" as const,
  }));
  assertEquals(historyRun({ ...run, cells: invalid }, "x.json"), null);
});
