import { assert, assertEquals, assertRejects } from "@std/assert";
import type { BenchPlan } from "../../lib/bench/plan.ts";
import { runBench } from "../../lib/bench/run.ts";
import { MeasureError } from "../../lib/failure.ts";
import type { LoadGenerator, LoadPlan } from "../../lib/load/generator.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import type { Outcome } from "../../lib/outcome.ts";
import type {
  Calibration,
  Run,
  RunOptions,
  ServerRecord,
} from "../../lib/record/run.ts";
import type { Target, Wanted } from "../../lib/server/open.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

const OPTIONS: RunOptions = {
  profile: "smoke",
  batchSizes: [1, 4],
  numLabels: [2, 3],
  numRuns: 3,
  warmupRuns: 2,
  models: ["org/model"],
  dtypes: ["bfloat16"],
  prefixCache: "cold",
  applySoftmax: true,
  labelTokenIds: null,
  data: [TEXT_RECORD],
  concurrency: [1],
  leastSamples: 0,
  slo: null,
  pricePerHour: null,
  compareAddress: null,
  inTurn: false,
  repeats: 1,
  timeoutMs: 5000,
  warmupTimeoutMs: 600_000,
  seed: "seven",
  target: "url",
  targetAddress: "http://127.0.0.1:30000",
};
const PLAN: BenchPlan = {
  options: OPTIONS,
  targets: [{ model: "org/model", dtype: "bfloat16" }],
  resumed: null,
  timestamp: "2026-01-02T03:04:05.678Z",
  environment: {
    platform: "linux 6.1.0 x86_64",
    commit: "abc1234",
    denoVersion: "2.9.6",
  },
  checksDrift: false,
  findServerProblem: () => null,
  files: new Map(),
  findSlowCells: null,
  toolVersion: "0.1.0",
};
const SERVER: ServerRecord = {
  model: "org/model",
  dtype: "bfloat16",
  tpSize: 4,
  version: "0.0.2",
  hardware: "tpu-v6e-4",
  info: { "page_size": 1 },
};

const CLIENT: Calibration = {
  clients: 1,
  requestBytes: 300,
  answerBytes: 80,
  addedP50Ms: 0.1,
  addedP99Ms: 0.2,
  ceilingRequestsPerSec: 10_000,
  closedLoopRatio: 1,
};

interface FakeWorld {
  /** Whether the client may not be measured. */
  readonly isUnmeasured?: boolean;
  readonly kind?: Target["kind"];
  readonly server?: (wanted: Wanted) => ServerRecord;
  /** What another server says that took the place of the first. */
  readonly later?: Partial<ServerRecord>;
  /** Says why the target is dead. */
  readonly death?: () => string;
  readonly open?: (wanted: Wanted) => void;
  /** How the n-th request of the whole run ends, from 0. */
  readonly end?: (request: number) => Outcome;
  /** The request of the whole run during which the user interrupts. */
  readonly interruptAt?: number;
}

/** Runs a plan on a fake target in virtual time: each request takes 10 ms. */
async function run(changes: Partial<BenchPlan>, world: FakeWorld = {}) {
  const events: string[] = [];
  const saved: Run[] = [];
  const loads: LoadPlan[] = [];
  const planned: [batchSizes: readonly number[], why: string | null][] = [];
  const abort = new AbortController();
  let nowMs = 1000;
  let requests = 0;
  const load: LoadGenerator = {
    run(plan, { signal }) {
      loads.push(plan);
      const recorder = new SampleRecorder();
      const count = plan.loop.kind === "closed" ? plan.loop.count ?? 0 : 0;
      for (let i = 0; i < count && !signal.aborted; i++) {
        const request = requests++;
        if (request === world.interruptAt) abort.abort();
        const end = world.end?.(request) ?? "ok";
        const outcome = signal.aborted ? "aborted" : end;
        recorder.end(recorder.plan(nowMs), {
          plannedMs: nowMs,
          sentMs: nowMs,
          doneMs: nowMs + 10,
          outcome,
        }, outcome === "ok" ? "" : `was ${outcome}`);
        nowMs += 10;
      }
      return Promise.resolve(recorder.finish());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const openTarget = (wanted: Wanted): Promise<Target> => {
    events.push(`open ${wanted.model} ${wanted.dtype}`);
    world.open?.(wanted);
    return Promise.resolve({
      kind: world.kind ?? "url",
      endpoint: {
        url: "http://127.0.0.1:30000",
        headers: {},
        caCerts: [],
        unixSocketPath: null,
        secrets: [],
      },
      server: world.server?.(wanted) ?? { ...SERVER, ...wanted },
      identify: () =>
        Promise.resolve({
          ...SERVER,
          ...world.server?.(wanted) ?? wanted,
          ...world.later,
        }),
      death: () => Promise.resolve(world.death?.() ?? null),
      [Symbol.asyncDispose]: () => {
        events.push(`close ${wanted.model} ${wanted.dtype}`);
        return Promise.resolve();
      },
    });
  };
  const end = await runBench({ ...PLAN, ...changes }, {
    openTarget,
    openCompared: null,
    load,
    calibrate: () => Promise.resolve(world.isUnmeasured ? null : CLIENT),
    save: (record) => {
      events.push(`save ${record.cells.length}`);
      saved.push(record);
      return Promise.resolve();
    },
    listener: {
      planned: (...plan) => planned.push(plan),
      calibrated: () => {},
      measuring: ({ label }) => {
        const event = `measure ${label}`;
        if (events.at(-1) !== event) events.push(event);
      },
      measured: ({ label, number, total }) => {
        events.push(`measured ${number}/${total} ${label}`);
      },
      warning: (text) => events.push(`warning ${text}`),
    },
    now: () => nowMs,
    signal: abort.signal,
  });
  const seeds = new Set(loads.map(({ workload }) => workload.seed));
  return { ...end, events, saved, loads, planned, seeds: [...seeds] };
}

const cellsOf = ({ cells }: Run) =>
  cells.map(({ key }) => [key.batchSize, key.numLabels]);
const ALL = [[1, 2], [1, 3], [4, 2], [4, 3]];

Deno.test("runBench() measures cell after cell and saves each before the next", async () => {
  const seen = await run({});
  assertEquals(seen.events, [
    "open org/model bfloat16",
    ...[
      "Batch 1, Labels 2",
      "Batch 1, Labels 3",
      "Batch 4, Labels 2",
      "Batch 4, Labels 3",
    ].flatMap((label, i) => [
      `measure ${label}`,
      `save ${i + 1}`,
      `measured ${i + 1}/4 ${label}`,
    ]),
    "close org/model bfloat16",
    "save 4",
  ]);
  assertEquals(cellsOf(seen.run), ALL);
  assertEquals(seen.fatal, null);
  assertEquals(seen.run.metadata.interrupted, false);
  // A file that a crash leaves behind says that it is not whole.
  assertEquals(
    seen.saved.map(({ metadata }) => metadata.interrupted),
    [true, true, true, false, false],
  );
});

Deno.test("runBench() measures each target in turn and closes it before the next", async () => {
  const seen = await run({
    options: {
      ...OPTIONS,
      batchSizes: [1],
      numLabels: [2],
      models: ["a", "b"],
      target: "launched",
    },
    targets: [
      { model: "a", dtype: "bfloat16" },
      { model: "a", dtype: "float32" },
      { model: "b", dtype: "bfloat16" },
    ],
  }, { kind: "launched" });
  assertEquals(
    seen.events.filter((event) => !event.startsWith("measure ")),
    [
      "open a bfloat16",
      "save 1",
      "measured 1/3 Batch 1, Labels 2, a, bfloat16",
      "close a bfloat16",
      "open a float32",
      "save 2",
      "measured 2/3 Batch 1, Labels 2, a, float32",
      "close a float32",
      "open b bfloat16",
      "save 3",
      "measured 3/3 Batch 1, Labels 2, b, bfloat16",
      "close b bfloat16",
      "save 3",
    ],
  );
  const { metadata, cells } = seen.run;
  assertEquals(
    cells.map(({ key }) => [key.model, key.dtype]),
    [["a", "bfloat16"], ["a", "float32"], ["b", "bfloat16"]],
  );
  assertEquals([metadata.model, metadata.dtype], ["a,b", "bfloat16,float32"]);
  assertEquals(metadata.servers.length, 3);
});

Deno.test("runBench() sends what the options say, never the same payload twice", async () => {
  const seen = await run({
    options: {
      ...OPTIONS,
      batchSizes: [4],
      labelTokenIds: [50, 60, 70],
      applySoftmax: false,
      prefixCache: "shared",
      data: [{
        name: "query=9,item=8",
        tokens: { query: 9, item: 8 },
        file: null,
      }],
    },
  });
  assertEquals(
    seen.loads.map(({ workload, loop, firstIndex }) => [
      workload.labelTokenIds,
      firstIndex,
      loop.kind === "closed" ? [loop.concurrency, loop.count] : null,
    ]),
    [[50, 60], [50, 60, 70]].flatMap((ids) => [
      [ids, 0, [1, 1]],
      [ids, 1, [1, 7]],
      [ids, 8, [1, 3]],
    ]),
  );
  const [first] = seen.loads;
  assertEquals(first?.workload, {
    batchSize: 4,
    labelTokenIds: [50, 60],
    model: "org/model",
    applySoftmax: false,
    prefixCache: "shared",
    seed: "seven",
    tokens: { query: 9, item: 8 },
  });
  // The warm-up has a deadline of its own.
  assertEquals([first?.dtype, first?.timeoutMs], ["bfloat16", 600_000]);
  assertEquals(seen.loads.at(-1)?.timeoutMs, 5000);
});

Deno.test("runBench() gives small label ids where none are given", async () => {
  const seen = await run({ options: { ...OPTIONS, batchSizes: [1] } });
  assertEquals(
    seen.run.cells.map((cell) => cell.labelTokenIds),
    [[1, 2], [1, 2, 3]],
  );
  assertEquals(seen.run.metadata["label_token_ids"], {
    "2": [1, 2],
    "3": [1, 2, 3],
  });
});

Deno.test("runBench() writes the specified metadata first, by name", async () => {
  const { run: { metadata } } = await run({});
  assertEquals(Object.entries(metadata).slice(0, 11), [
    ["timestamp", "2026-01-02T03:04:05.678Z"],
    ["profile", "smoke"],
    ["hardware", "tpu-v6e-4"],
    ["platform", "linux 6.1.0 x86_64"],
    ["python_version", null],
    ["commit_hash", "abc1234"],
    ["model", "org/model"],
    ["dtype", "bfloat16"],
    ["tp_size", 4],
    ["total_configurations", 4],
    // Four cells of 8 warm-up and 3 timed requests, 10 ms each.
    ["total_runtime_seconds", 0.44],
  ]);
  assertEquals(Object.fromEntries(Object.entries(metadata).slice(11)), {
    "tool_version": "0.1.0",
    "deno_version": "2.9.6",
    "target": "url",
    "target_address": "http://127.0.0.1:30000",
    "servers": [SERVER],
    "prefix_cache": "cold",
    "apply_softmax": true,
    "seed": "seven",
    "data": [TEXT_RECORD],
    "label_token_ids": { "2": [1, 2], "3": [1, 2, 3] },
    "warmup_counts": [8, 8, 8, 8],
    "interrupted": false,
  });
});

Deno.test("runBench() names cells by what the server serves and says what it does not", async () => {
  const seen = await run({
    options: {
      ...OPTIONS,
      batchSizes: [1],
      numLabels: [2],
    },
    targets: [{ model: "org/model", dtype: "bfloat16" }],
  }, { server: () => ({ ...SERVER, model: "served", dtype: "float32" }) });
  const warning =
    "The server serves served (float32), and only that is measured: not org/model, bfloat16";
  assertEquals(seen.run.doubts.map(({ text }) => text), [warning]);
  assertEquals(
    seen.events.filter((event) => event.startsWith("warning")),
    [`warning ${warning}`],
  );
  assertEquals(seen.run.cells.map(({ key }) => [key.model, key.dtype]), [
    ["served", "float32"],
  ]);
  assertEquals(seen.loads[0]?.workload.model, "served");
  // Where nobody asked for a model, none is missing.
  const unasked = await run({
    targets: [{ model: "unknown", dtype: "unknown" }],
  }, { server: () => ({ ...SERVER, model: "served", dtype: "float32" }) });
  assertEquals(unasked.run.doubts, []);
});

Deno.test("runBench() measures no server that could not be compared", async () => {
  const seen = await run({
    findServerProblem: ({ hardware }) => `Cannot compare: it is ${hardware}`,
  });
  assertEquals(seen.fatal, "Cannot compare: it is tpu-v6e-4");
  assertEquals(seen.loads, []);
});

Deno.test("runBench() says once that the client could not be measured", async () => {
  const seen = await run({}, { isUnmeasured: true });
  assertEquals(seen.run.calibration, []);
  assertEquals(seen.run.doubts.map(({ text }) => text.slice(0, 37)), [
    "What the client adds is not known, as",
  ]);
});

Deno.test("runBench() does not warn of a server that is launched or simulated", async () => {
  for (const kind of ["launched", "simulated"] as const) {
    const seen = await run({}, {
      kind,
      server: () => ({ ...SERVER, model: "simulated/org/model" }),
    });
    assertEquals(seen.run.doubts, []);
  }
});

Deno.test("runBench() marks an interrupted run wherever the interrupt comes", async () => {
  // Eleven requests a cell: 2 + 6 warm-up, then 3 timed.
  for (const warmupRuns of [0, 2]) {
    const perCell = warmupRuns === 0 ? 3 : 11;
    for (let at = 0; at < 4 * perCell; at++) {
      const seen = await run(
        { options: { ...OPTIONS, warmupRuns } },
        { interruptAt: at },
      );
      assertEquals([at, seen.run.metadata.interrupted], [at, true]);
      assertEquals(seen.fatal, null);
      assertEquals(seen.run.cells.length, 1 + Math.floor(at / perCell));
      assertEquals(seen.run.cells.at(-1)?.status, "INVALID");
      assertEquals(seen.events.at(-2), "close org/model bfloat16");
    }
  }
});

Deno.test("runBench() opens no target after the interrupt", async () => {
  const seen = await run({
    targets: [
      { model: "a", dtype: "bfloat16" },
      { model: "b", dtype: "bfloat16" },
    ],
  }, { kind: "launched", interruptAt: 20 });
  assertEquals(
    seen.events.filter((event) => event.startsWith("open")),
    ["open a bfloat16"],
  );
});

Deno.test("runBench() skips finished cells on resume and measures cut ones again, with new payloads", async () => {
  const { run: cut } = await run({}, { interruptAt: 31 });
  assertEquals(cellsOf(cut), [[1, 2], [1, 3], [4, 2]]);
  assertEquals(
    cut.cells.map((cell) => cell.samples.outcome.length),
    [3, 3, 1],
  );
  const later = "2026-01-03T00:00:00.000Z";
  const seen = await run({ resumed: cut, timestamp: later });
  assertEquals(cellsOf(seen.run), ALL);
  assertEquals(seen.run.cells.slice(0, 2), cut.cells.slice(0, 2));
  assertEquals(
    seen.run.cells.map((cell) => cell.samples.outcome.length),
    [3, 3, 3, 3],
  );
  assertEquals(
    seen.events.filter((event) => event.startsWith("measured")),
    [
      "measured 1/4 Batch 1, Labels 2",
      "measured 2/4 Batch 1, Labels 3",
      "measured 3/4 Batch 4, Labels 2",
      "measured 4/4 Batch 4, Labels 3",
    ],
  );
  assertEquals(seen.loads.map(({ workload }) => workload.batchSize), [
    ...[4, 4, 4, 4, 4, 4],
  ]);
  // The server may still hold the prompts of the cell that was cut.
  assertEquals(seen.seeds, [`seven/${later}`]);
  const { metadata } = seen.run;
  assertEquals(metadata.interrupted, false);
  assertEquals(metadata.seed, "seven");
  assertEquals(metadata.timestamp, PLAN.timestamp);
  assertEquals(metadata.servers, [SERVER]);
  // 32 requests before the interrupt and 22 after it.
  assertEquals(Math.round(metadata["total_runtime_seconds"] * 1000), 540);
});

Deno.test("runBench() plans only the cells that are left", async () => {
  const { run: cut, planned } = await run({}, { interruptAt: 31 });
  assertEquals(planned, [[[1, 1, 4, 4], null]]);
  const seen = await run({ resumed: cut });
  assertEquals(seen.planned, [[[4, 4], null]]);
});

Deno.test("runBench() ends when the target has died, with what was measured", async () => {
  const seen = await run({}, {
    kind: "launched",
    end: (request) => request === 21 ? "reset" : "ok",
    death: () => "the launched server died: exit 1",
  });
  assertEquals(seen.fatal, "Cannot go on: the launched server died: exit 1");
  assertEquals(cellsOf(seen.run), [[1, 2], [1, 3]]);
  assertEquals(seen.events.slice(-2), ["close org/model bfloat16", "save 2"]);
  assertEquals(seen.run.metadata.interrupted, true);
});

Deno.test("runBench() goes on when a target lives on after a reset", async () => {
  const seen = await run({}, {
    end: (request) => request === 21 ? "reset" : "ok",
  });
  assertEquals(seen.fatal, null);
  assertEquals(
    seen.run.cells.map((cell) => cell.status),
    ["OK", "INVALID", "OK", "OK"],
  );
});

Deno.test("runBench() ends when a whole cell was not answered", async () => {
  for (const outcome of ["connect", "timeout", "reset"] as const) {
    const seen = await run({}, {
      end: (request) => request < 11 ? "ok" : outcome,
    });
    assertEquals(
      seen.fatal,
      `Cannot go on: http://127.0.0.1:30000 answered no request of a whole cell: was ${outcome}`,
    );
    assertEquals(cellsOf(seen.run), [[1, 2], [1, 3]]);
  }
});

Deno.test("runBench() goes on while a server answers, however wrongly", async () => {
  for (const outcome of ["http-status", "invalid-score"] as const) {
    const seen = await run({}, { end: () => outcome });
    assertEquals(seen.fatal, null);
    assertEquals(cellsOf(seen.run), ALL);
    assertEquals(seen.run.metadata.interrupted, false);
    assertEquals(
      seen.run.cells.map((cell) => cell.status),
      ["INVALID", "INVALID", "INVALID", "INVALID"],
    );
  }
});

Deno.test("runBench() ends when a target cannot be opened", async () => {
  const seen = await run({
    targets: [
      { model: "a", dtype: "bfloat16" },
      { model: "b", dtype: "bfloat16" },
    ],
  }, {
    kind: "launched",
    open: ({ model }) => {
      if (model === "b") throw new MeasureError("Cannot start");
    },
  });
  assertEquals(seen.fatal, "Cannot start");
  assertEquals(seen.run.cells.length, 4);
  assertEquals(seen.events.at(-1), "save 4");
});

Deno.test("runBench() does not hide a defect of its own", async () => {
  await assertRejects(
    () =>
      run({}, {
        open: () => {
          throw new TypeError("defect");
        },
      }),
    TypeError,
    "defect",
  );
});

Deno.test("runBench() trusts nothing of a server that was replaced during the run", async () => {
  const { run: { cells }, fatal } = await run({}, {
    later: { model: "org/other" },
  });
  assertEquals(
    fatal,
    "Cannot trust what was measured: the server was replaced during the run: it is org/other (bfloat16) now",
  );
  assert(cells.every(({ status }) => status === "INVALID"));
});
