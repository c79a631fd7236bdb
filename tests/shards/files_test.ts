import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MeasureError, UsageError } from "../../lib/failure.ts";
import { readShards } from "../../lib/shards/files.ts";
import { parsePlan, shardProblems } from "../../lib/shards/plan.ts";
import { makeTestFolder } from "../support/bench_runner.ts";
import {
  mergeVirtualShards,
  runVirtualShards,
} from "../support/virtual_shards.ts";
import { SHORT_OPTIONS } from "../support/virtual_stress.ts";

/** What three sound shards left of a short load. */
const { files: SOUND } = await runVirtualShards({
  ...{ scenarios: ["sustained"], durationSeconds: 2, ratePerSec: 20 },
}, [{}, {}, {}]);

function textOf(name: string): string {
  return SOUND.get(name) ?? "";
}

/** Merges what was left, with other files in place of some; null takes one away. */
async function mergeWith(changes: Readonly<Record<string, string | null>>) {
  const files = new Map(SOUND);
  for (const [name, text] of Object.entries(changes)) {
    if (text === null) files.delete(name);
    else files.set(name, text);
  }
  const { run, code, files: { problems } } = await mergeVirtualShards(files);
  const [result] = run.results;
  return {
    ...{ code, problems, verdict: result?.verdict },
    text: JSON.stringify(result?.findings),
    warnings: run.warnings.join("; "),
  };
}

const changed = (name: string, from: RegExp | string, to: string) => ({
  [name]: textOf(name).replace(from, to),
});

Deno.test("mergeShards() passes what is whole", async () => {
  const { code, problems, verdict } = await mergeWith({});
  assertEquals([code, problems, verdict], [0, [], "PASS"]);
});

for (
  const [what, changes, expected] of [
    [
      "a shard that is missing",
      { "shard-1.json": null },
      "shard 1 of 3 left no record",
    ],
    [
      "two records of one shard",
      { "shard-copy.json": textOf("shard-2.json") },
      "shard 2 has several records, of which none is taken: shard-2.json, shard-copy.json",
    ],
    [
      "a record of another run",
      changed("shard-1.json", '"runId": "run"', '"runId": "other"'),
      "shard-1.json: it is of another run",
    ],
    [
      "a further record of another run",
      {
        "shard-9.json": textOf("shard-1.json").replace(
          '"runId": "run"',
          '"runId": "other"',
        ),
      },
      "shard-9.json: it is of another run",
    ],
    [
      "a record of another version",
      changed("shard-1.json", '"toolVersion": "t"', '"toolVersion": "u"'),
      "shard-1.json: it has other options or another version",
    ],
    [
      "a record of another number of shards",
      changed("shard-1.json", '"of": 3', '"of": 4'),
      "shard-1.json: it is of shard 1 of 4, the plan has 3",
    ],
    [
      "a record that is cut off",
      { "shard-1.json": textOf("shard-1.json").slice(0, 900) },
      "shard-1.json: Cannot read",
    ],
    [
      "a record of a shard that did not end",
      changed("shard-1.json", '"end": "whole"', '"end": "running"'),
      "shard 1: it did not end its run",
    ],
    [
      "a histogram that is none",
      changed("shard-1.json", /"service":\[/, '"service":[1e9,1,'),
      "shard 1: its record is damaged",
    ],
  ] as const
) {
  Deno.test(`mergeShards() names ${what}, and the load is INVALID`, async () => {
    const { code, verdict, text, problems, warnings } = await mergeWith(
      changes,
    );
    const isOnlyEnd = what.endsWith("did not end");
    assertEquals([code, verdict], [3, isOnlyEnd ? "PASS" : "INVALID"]);
    const said = [...problems, text, warnings].join("\n");
    assertStringIncludes(said, expected);
    if (!isOnlyEnd) assertStringIncludes(text, "incomplete load");
  });
}

Deno.test("mergeShards() takes no number for one that was not measured", async () => {
  for (
    const [from, to] of [
      [/"planned":\d+/, '"planned":-1'],
      [/"maxMs":\[/, '"maxMs":[null,'],
      [/"offsetMs":[-\d.]+/, '"offsetMs":"x"'],
    ] as const
  ) {
    const { code, problems } = await mergeWith(
      changed("shard-2.json", from, to),
    );
    assertEquals(code, 3);
    assertStringIncludes(problems[0] ?? "", "shard-2.json: Cannot read");
  }
});

Deno.test("readShards() refuses a folder that is none of shards, and one without records", async () => {
  await using folder = await makeTestFolder();
  await assertRejects(
    () => readShards(`${folder.path}/none`),
    UsageError,
    "Cannot read the folder",
  );
  await assertRejects(
    () => readShards(folder.path),
    UsageError,
    "found no plan.json",
  );
  await Deno.writeTextFile(`${folder.path}/plan.json`, textOf("plan.json"));
  await assertRejects(
    () => readShards(folder.path),
    MeasureError,
    "shard 0 of 3 left no record",
  );
  await Deno.writeTextFile(`${folder.path}/plan.json`, "{}");
  await assertRejects(() => readShards(folder.path), UsageError, "a plan");
});

Deno.test("parsePlan() reads what shard 0 wrote: run, seed, hash and version", () => {
  const plan = parsePlan(textOf("plan.json"));
  assertEquals([plan.runId, plan.shards, plan.toolVersion], ["run", 3, "t"]);
  assertEquals(plan.options.seed, "of shard 0");
  assertEquals(plan.optionsHash.length > 0, true);
});

Deno.test("shardProblems() refuses more shards than clients, and a search", () => {
  const problems = (changes: object, shards: number) =>
    shardProblems({ ...SHORT_OPTIONS, ...changes }, shards);
  const concurrent = { scenarios: ["concurrent"], concurrency: [8, 4] };
  assertEquals(problems(concurrent, 4), []);
  assertStringIncludes(
    problems(concurrent, 5)[0] ?? "",
    "Cannot share 4 clients out over 5 shards",
  );
  assertStringIncludes(
    problems({ scenarios: ["concurrent"], concurrency: null }, 5)[0] ?? "",
    "Cannot share 4 clients",
  );
  assertEquals(problems({ scenarios: ["mixed"], concurrency: [8, 4] }, 8), []);
  assertEquals(problems({ scenarios: ["sustained"] }, 1000), []);
  assertStringIncludes(
    problems({ scenarios: ["ramp"] }, 2)[0] ?? "",
    "--ladder",
  );
  const clients = { scenarios: ["ramp"], ramp: "concurrency", ladder: [2, 8] };
  assertEquals(problems(clients, 2), []);
  assertStringIncludes(problems(clients, 3)[0] ?? "", "Cannot share 2 clients");
});
