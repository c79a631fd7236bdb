import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  findPlanProblem,
  findServerProblem,
} from "../../lib/baseline/comparability.ts";
import { compareRun, compareRuns } from "../../lib/baseline/comparison.ts";
import { MISMATCH_NAMES } from "../../lib/baseline/conditions.ts";
import { runsOfCsv } from "../../lib/baseline/runs.ts";
import type { CellResult, Run } from "../../lib/record/run.ts";
import { runsToCsv } from "../../lib/report/run/text.ts";
import {
  baselineOf,
  measuredRun,
  statusesOf,
  withCells,
} from "../support/example_baseline.ts";

const BASELINE = baselineOf(
  ...["b1", "b2", "b3", "b4", "b5"].map((seed) => measuredRun(seed)),
);
const RESULT = measuredRun("result");

interface Unlike {
  readonly name: typeof MISMATCH_NAMES[number];
  readonly change: (run: Run) => Run;
  readonly baseline: string;
  readonly result: string;
}

const withMetadata =
  (changes: Partial<Run["metadata"]>) => (run: Run): Run => ({
    ...run,
    metadata: { ...run.metadata, ...changes },
  });
const withOptions = (changes: Partial<Run["options"]>) => (run: Run): Run => ({
  ...run,
  options: { ...run.options, ...changes },
});
const withKey = (changes: Partial<CellResult["key"]>) => (run: Run): Run =>
  withCells(run, (cell) => ({ ...cell, key: { ...cell.key, ...changes } }));

const UNLIKE: readonly Unlike[] = [
  {
    name: "hardware",
    change: withMetadata({ hardware: "gpu-1x" }),
    baseline: "tpu-v6e-4",
    result: "gpu-1x",
  },
  {
    name: "hardware",
    change: withMetadata({ "tp_size": 1 }),
    baseline: "tp_size 4",
    result: "tp_size 1",
  },
  {
    name: "prefix-cache",
    change: withOptions({ prefixCache: "hot" }),
    baseline: "cold",
    result: "hot",
  },
  {
    name: "workload",
    change: withOptions({ applySoftmax: false }),
    baseline: "softmax",
    result: "no softmax",
  },
  {
    name: "workload",
    change: withOptions({
      data: [{
        name: "query=64,item=8",
        tokens: { query: 64, item: 8 },
        file: null,
      }],
    }),
    baseline: "text prompts",
    result: "64 query and 8 item tokens",
  },
  {
    name: "workload",
    change: withMetadata({ "label_token_ids": { "2": [8, 9] } }),
    baseline: "label ids 1,2",
    result: "label ids 8,9",
  },
  {
    name: "target",
    change: withOptions({ target: "simulated" }),
    baseline: "server",
    result: "simulated engine",
  },
  {
    name: "model",
    change: withKey({ model: "org/other" }),
    baseline: "org/model",
    result: "org/other",
  },
  {
    name: "dtype",
    change: withKey({ dtype: "float32" }),
    baseline: "bfloat16",
    result: "float32",
  },
];

for (const { name, change, baseline, result } of UNLIKE) {
  Deno.test(`compareRun() refuses another ${name} (${result}) unless it is allowed`, () => {
    const refused = compareRun(change(RESULT), BASELINE);
    assertEquals(refused.mismatches, [
      { name, baseline, result, source: "b1.json" },
    ]);
    assertEquals(refused.exitCode, 3);
    assertEquals(statusesOf(refused), Array(6).fill("INCONCLUSIVE"));
    const difference =
      `${name} is ${baseline} in the baseline (b1.json), ${result} in the result`;
    assertEquals(
      refused.record.failure,
      `only like is compared with like: ${difference}${
        name === "model" || name === "dtype" ? " (was it renamed?)" : ""
      }. Give another baseline, or compare all the same with --allow-mismatch ${name}`,
    );
    const other = MISMATCH_NAMES.filter((one) => one !== name);
    assertEquals(
      compareRun(change(RESULT), BASELINE, { allowMismatch: other }).exitCode,
      3,
    );
    const allowed = compareRun(change(RESULT), BASELINE, {
      allowMismatch: [name],
    });
    assertEquals(allowed.exitCode, 0);
    assertEquals(statusesOf(allowed), Array(6).fill("OK"));
    assertEquals(allowed.record.notes, [
      `Compared all the same, as --allow-mismatch asks: ${difference}`,
    ]);
    assertEquals(allowed.record.missing, []);
  });
}

Deno.test("compareRun() knows the simulated engine by its model, behind a URL too", () => {
  const simulated = withKey({ model: "simulated/org/model" })(RESULT);
  assertEquals(
    compareRun(simulated, BASELINE).mismatches.map((one) => one.name),
    ["target", "model"],
  );
});

Deno.test("compareRun() compares a launched server with one at a URL", () => {
  const launched = withOptions({ target: "launched" })(RESULT);
  assertEquals(compareRun(launched, BASELINE).exitCode, 0);
});

Deno.test("compareRun() does not mix models that --allow-mismatch cannot tell apart", () => {
  const two = {
    ...RESULT,
    cells: [
      ...RESULT.cells,
      ...withKey({ model: "org/other" })(RESULT).cells,
    ],
  };
  const comparison = compareRun(two, BASELINE, { allowMismatch: ["model"] });
  assertEquals(comparison.exitCode, 3);
  assertStringIncludes(
    comparison.record.failure ?? "",
    "cannot be told apart",
  );
  assertEquals(
    statusesOf(compareRun(two, BASELINE)).slice(6),
    Array(6).fill("NEW"),
  );
});

Deno.test("compareRun() compares another server version and says so", () => {
  const servers = RESULT.metadata.servers.map((server) => ({
    ...server,
    version: "0.0.3",
  }));
  const comparison = compareRun(withMetadata({ servers })(RESULT), BASELINE);
  assertEquals(comparison.exitCode, 0);
  assertEquals(comparison.record.notes, [
    "Another server version: 0.0.2 in the baseline, 0.0.3 in the result",
  ]);
});

Deno.test("compareRun() says when the newest run of the baseline is more than 90 days older", () => {
  const at = (days: number) => {
    const newest = Math.max(
      ...BASELINE.runs.map(({ timestamp }) => Date.parse(timestamp ?? "")),
    );
    const timestamp = new Date(newest + days * 86_400_000).toISOString();
    const result = withMetadata({ timestamp })(RESULT);
    return compareRun(result, BASELINE).record.notes;
  };
  assertEquals(at(90), []);
  assertEquals(at(-400), []);
  assertEquals(at(91), [
    "The newest run of the baseline is 91 days older than the result: review it, or renew it (more than 90 days)",
  ]);
});

Deno.test("compareRuns() says what a CSV without metadata does not tell", () => {
  const csv = runsOfCsv(runsToCsv([RESULT]), {
    source: "r.csv",
    metadata: null,
  });
  assertEquals(compareRuns(csv, BASELINE).record.notes, [
    "Cannot check whether these are alike, since the files do not tell: hardware, prefix-cache, workload. " +
    "Metadata beside a CSV (NAME-metadata.json) would",
  ]);
  const simulated = runsOfCsv(
    runsToCsv([withKey({ model: "simulated/org/model" })(RESULT)]),
    { source: "r.csv", metadata: null },
  );
  assertEquals(
    compareRuns(simulated, BASELINE).mismatches.map(({ name }) => name),
    ["target", "model"],
  );
});

Deno.test("findPlanProblem() finds before a run what cannot be compared after it", () => {
  const problem = (changes: Partial<Run["options"]>) =>
    findPlanProblem({ ...RESULT.options, ...changes }, {
      baseline: BASELINE.runs,
      allowMismatch: ["target"],
    });
  assertEquals(problem({}), null);
  assertEquals(problem({ target: "simulated" }), null);
  assertStringIncludes(
    problem({ prefixCache: "hot" }) ?? "",
    "prefix-cache is cold in the baseline (b1.json), hot in the result",
  );
  assertStringIncludes(
    problem({ labelTokenIds: [5, 6] }) ?? "",
    "workload is label ids 1,2",
  );
});

Deno.test("findServerProblem() says before the first cell what a comparison would refuse", () => {
  const [server] = RESULT.metadata.servers;
  if (server === undefined) throw new Error("a server was expected");
  const options = { ...RESULT.options, batchSizes: [1, 2] };
  const problem = (
    changes: Partial<typeof server>,
    more: Partial<typeof options> = {},
    allowMismatch: typeof MISMATCH_NAMES[number][] = [],
  ) =>
    findServerProblem({ ...server, ...changes }, { ...options, ...more }, {
      baseline: BASELINE.runs,
      allowMismatch,
    }) ?? "none";
  assertEquals(problem({}), "none");
  assertStringIncludes(
    problem({ hardware: "gpu-1x" }),
    "hardware is tpu-v6e-4",
  );
  assertEquals(problem({ hardware: "gpu-1x" }, {}, ["hardware"]), "none");
  assertEquals(problem({ hardware: "unknown" }), "none");
  assertStringIncludes(problem({ model: "org/new" }), "was it renamed?");
  assertStringIncludes(
    problem({}, { batchSizes: [3] }),
    "no cell of the result is in the baseline",
  );
  // What is only appended may be of other models and cells, not of other hardware.
  const appended = (changes: Partial<typeof server>) =>
    findServerProblem({ ...server, ...changes }, {
      ...options,
      batchSizes: [3],
    }, { baseline: BASELINE.runs, allowMismatch: [], isAppended: true });
  assertEquals(appended({ model: "org/new" }), null);
  assertStringIncludes(appended({ hardware: "gpu-1x" }) ?? "", "hardware is");
  // Another of several that are launched may be the one that is known.
  const several = { target: "launched" as const, models: ["a", "b"] };
  assertEquals(problem({ model: "org/new" }, several), "none");
});

Deno.test("compareRun() refuses another launch argument by its name, and shows another version of what the server runs on", () => {
  const withServer = (
    pageSize: number,
    jax: string,
    more: Readonly<Record<string, unknown>> = {},
  ) =>
  (run: Run): Run => {
    const { model, dtype } = run.cells[0]?.key ?? { model: "", dtype: "" };
    const server = {
      ...{ model, dtype, tpSize: 4, version: "1", hardware: "tpu-v6e-4" },
      info: { "page_size": pageSize, ...more },
      versions: { jax },
    };
    return withMetadata({ servers: [server] })(run);
  };
  const baseline = baselineOf(
    ...["b1", "b2", "b3", "b4", "b5"].map((seed) =>
      withServer(1, "0.10.2", { "old_flag": 1 })(measuredRun(seed))
    ),
  );
  const alike = compareRun(withServer(1, "0.11.1")(RESULT), baseline);
  assertEquals(alike.mismatches, []);
  const notes = alike.record.notes.join("\n");
  assertStringIncludes(
    notes,
    "Another version of jax: 0.10.2 in the baseline, 0.11.1 in the result",
  );
  assertStringIncludes(
    notes,
    "Only the server of the baseline tells these launch arguments, so that they are not compared: old_flag",
  );
  const other = withServer(64, "0.10.2")(RESULT);
  const refused = compareRun(other, baseline);
  assertEquals(refused.exitCode, 3);
  assertStringIncludes(
    refused.record.failure ?? "",
    "server-args is page_size 1 in the baseline",
  );
  assertStringIncludes(
    refused.record.failure ?? "",
    "--allow-mismatch server-args",
  );
  const allowed = compareRun(other, baseline, {
    allowMismatch: ["server-args"],
  });
  assertEquals(allowed.mismatches, []);
});
