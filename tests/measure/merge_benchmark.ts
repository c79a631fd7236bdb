/**
 * How long `report.ts merge` takes for a million requests over eight shards, and how much memory.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { LoadObserver } from "../../lib/load/observer.ts";
import { dueTimesMs } from "../../lib/load/pacing.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import { NO_DEVIATION } from "../../lib/score/truth.ts";
import { makePlan, stringifyPlan } from "../../lib/shards/plan.ts";
import { packPart, stringifyShardRecord } from "../../lib/shards/record.ts";
import { createRng, exponential } from "../../lib/stats/rng.ts";
import { loadSteps } from "../../lib/stress/scenarios.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { SHORT_OPTIONS } from "../support/virtual_stress.ts";

const SHARDS = 8;
const RATE = 1_000;
const SECONDS = 1_000;
const ROUNDS = 5;

const OPTIONS = {
  ...SHORT_OPTIONS,
  ...{ ratePerSec: RATE, durationSeconds: SECONDS },
};

async function writeShards(folder: string): Promise<void> {
  const plan = await makePlan(
    {
      ...{ shards: SHARDS, options: OPTIONS, toolVersion: "t" },
      ...{ target: "url", targetAddress: "http://example" },
    },
    "run",
    () => Promise.resolve("hash"),
  );
  await Deno.writeTextFile(`${folder}/plan.json`, stringifyPlan(plan));
  const [step] = loadSteps("sustained", OPTIONS, "model");
  if (step === undefined || step.loop.kind !== "open") {
    throw new Error("A load was expected");
  }
  const dueMs = [...dueTimesMs(step.loop)];
  console.log(`${dueMs.length} requests over ${SHARDS} shards`);
  for (let index = 0; index < SHARDS; index++) {
    const rng = createRng(index);
    const observer = new LoadObserver(0);
    const recorder = new SampleRecorder((request, message) =>
      observer.observe(request, message)
    );
    recorder.endWindow(SECONDS * 1000);
    for (let k = index; k < dueMs.length; k += SHARDS) {
      const plannedMs = dueMs[k] ?? 0;
      const sentMs = plannedMs + 0.01 * exponential(rng);
      const doneMs = sentMs + 20 + 30 * exponential(rng);
      const outcome = rng() < 1e-4 ? "timeout" : "ok";
      const request = { plannedMs, sentMs, doneMs, outcome } as const;
      recorder.end(recorder.plan(plannedMs), request, "late");
    }
    const part = packPart({
      ...{ scenario: step.scenario, configuration: step.configuration },
      ...{ sent: "", role: "load", startMs: 0, durationMs: SECONDS * 1000 },
      samples: {
        ...recorder.finish(),
        observed: observer.finish(NO_DEVIATION, []),
      },
      ...{ doubts: [], references: [], server: null, death: null },
      ...{ isInterrupted: false, gaveUp: false },
    }, { offsetMs: 0, uncertaintyMs: 1 });
    const { runId, optionsHash, toolVersion } = plan;
    const text = stringifyShardRecord({
      ...{ schema: 1, kind: "stress-shard", runId, optionsHash, toolVersion },
      ...{ share: { index, of: SHARDS }, end: "whole", reason: "" },
      ...{ parts: [part], run: { ...exampleStressRun(), results: [] } },
    });
    await Deno.writeTextFile(`${folder}/shard-${index}.json`, text);
  }
}

/** Merges in a process of its own; its memory is looked at every 10 ms. */
async function merge(folder: string): Promise<{ ms: number; mib: number }> {
  const startMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-read", "--allow-write", "report.ts"],
      ...["merge", folder, "--output", `${folder}/merged.json`],
    ],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  let isOver = false;
  const ended = child.status.then(() => {
    isOver = true;
    return performance.now() - startMs;
  });
  let mib = 0;
  while (!isOver) {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-o", "rss=", "-p", String(child.pid)],
    }).output();
    mib = Math.max(mib, Number(new TextDecoder().decode(stdout)) / 1024);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { ms: await ended, mib };
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "merge-" });
  try {
    await writeShards(folder);
    const rounds: Awaited<ReturnType<typeof merge>>[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await merge(folder));
    }
    const list = (name: "ms" | "mib") =>
      rounds.map((round) => round[name].toFixed(0)).join(", ");
    console.log(`wall time, ms: ${list("ms")} (limit 2000)`);
    console.log(`greatest resident memory, MiB: ${list("mib")} (limit 200)`);
    const { results } = JSON.parse(
      await Deno.readTextFile(`${folder}/merged.json`),
    );
    console.log(
      `merged: ${results[0].plannedRequests} planned, ${
        results[0].goodRequests
      } good, ${results[0].reachedPerSec} /s`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
