import { assert, assertEquals } from "@std/assert";
import {
  type CapacitySearch,
  runsOfPass,
  searchCapacity,
} from "../../lib/bench/capacity.ts";
import { parseObjectives } from "../../lib/load/objectives.ts";
import { describeCapacity, findKnee } from "../../lib/record/capacity.ts";
import { withClients } from "../../lib/record/cells.ts";
import { summarisePasses } from "../../lib/record/passes.ts";
import type { CapacityRecord, CellKey } from "../../lib/record/run.ts";
import { passOf, type QueueLaw, runQueue } from "../support/queue_law.ts";

const SHAPE: CellKey = {
  batchSize: 4,
  numLabels: 2,
  model: "m",
  dtype: "float32",
};
const RUNGS = [1, 2, 4, 8, 16, 32, 64];

function search(
  law: QueueLaw,
  seed: number,
  slo: string,
  changes: Partial<CapacitySearch> = {},
): Promise<CapacityRecord | null> {
  return searchCapacity({
    shape: SHAPE,
    concurrency: RUNGS,
    slo,
    objectives: parseObjectives(slo),
    measure: (clients, pass) => {
      const key = withClients(SHAPE, clients);
      const runs = runsOfPass(key, { numRuns: 40, leastSamples: 100, slo });
      return Promise.resolve(passOf(
        key,
        runQueue(law, {
          clients,
          runs,
          seed: 1000 * seed + 10 * clients + pass,
        }),
      ));
    },
    ...changes,
  });
}

/** The true curve: so long a load that its noise does not matter. */
function truth(law: QueueLaw, clients: number) {
  const key = withClients(SHAPE, clients);
  const samples = runQueue(law, {
    clients,
    runs: Math.ceil(4_000 / clients) + 100,
    seed: 1,
  });
  const summary = summarisePasses([samples], key);
  if (summary === null) throw new Error("no samples");
  return summary;
}

const LAWS: Readonly<Record<string, QueueLaw & { limitMs: number }>> = {
  "one at a time": {
    ...{ fixedMs: 8, perRequestMs: 2, maxBatch: 1, noise: 0.03 },
    limitMs: 250,
  },
  "batches of 8": {
    ...{ fixedMs: 20, perRequestMs: 2, maxBatch: 8, noise: 0.03 },
    limitMs: 180,
  },
  "batches of 32": {
    ...{ fixedMs: 30, perRequestMs: 1, maxBatch: 32, noise: 0.03 },
    limitMs: 140,
  },
};

for (const [name, { limitMs, ...law }] of Object.entries(LAWS)) {
  Deno.test(`searchCapacity() finds highest load and knee of a server of ${name} within 5 % in 95 of 100 seeds`, async () => {
    const slo = `p99<${limitMs}ms,errors<0.1%`;
    let highest = 0;
    while (truth(law, highest + 1).p99Ms < limitMs) highest++;
    const knee = findKnee(
      Array.from({ length: 64 }, (_, i) => ({
        clients: i + 1,
        ...truth(law, i + 1),
      })),
    );
    assert(knee !== null);
    let right = 0;
    const found: string[] = [];
    for (let seed = 0; seed < 100; seed++) {
      const result = await search(law, seed, slo);
      const goodput = truth(law, highest).throughputItemsPerSec;
      const isNear = (value: number, expected: number) =>
        Math.abs(value / expected - 1) <= 0.05;
      if (
        isNear(result?.highest ?? 0, highest) &&
        isNear(result?.goodputItemsPerSec ?? 0, goodput) &&
        isNear(result?.knee?.clients ?? 0, knee.clients)
      ) right++;
      else found.push(`${result?.highest}/${result?.knee?.clients}`);
    }
    assert(
      right >= 95,
      `${right}: true ${highest}/${knee.clients}, found ${found.join(" ")}`,
    );
  });
}

Deno.test("searchCapacity() skips what is beyond a broken rung, and halves the interval", async () => {
  const law = { fixedMs: 0, perRequestMs: 10, maxBatch: 1, noise: 0 };
  const found = await search(law, 1, "p99<215ms,errors<1%");
  assertEquals([found?.highest, found?.lowestBroken], [21, 22]);
  assertEquals(found?.skipped, [64]);
  assertEquals(found?.knee?.clients, 1);
  assertEquals(Math.round(found?.goodputItemsPerSec ?? 0), 400);
  assertEquals(describeCapacity(found === null ? [] : [found]), [
    "Batch 4, Labels 2: p99<215ms,errors<1% holds up to 21 clients, at 400.0 items/s; 22: p99<215ms broken: 220.0 ms; knee at 1 client, 400.0 items/s: twice as many give less than 10 % more",
  ]);
});

Deno.test("searchCapacity() counts a rung when two passes agree, and lets a third decide", async () => {
  const law = { fixedMs: 0, perRequestMs: 10, maxBatch: 1, noise: 0 };
  const passes: string[] = [];
  const found = await search(law, 1, "p99<35ms", {
    concurrency: [2],
    measure: (clients, pass) => {
      passes.push(`${clients}/${pass}`);
      const key = withClients(SHAPE, clients);
      const slow = { ...law, perRequestMs: pass === 0 ? 30 : 10 };
      return Promise.resolve(
        passOf(key, runQueue(slow, { clients, runs: 10, seed: 1 })),
      );
    },
  });
  assertEquals(passes, ["2/0", "2/1", "2/2"]);
  // All three together: a third of the answers took 60 ms.
  assertEquals(found?.highest, null);
});

Deno.test("searchCapacity() measures again what broke with a compile among its samples", async () => {
  const law = { fixedMs: 0, perRequestMs: 10, maxBatch: 1, noise: 0 };
  const found = await search(law, 1, "p99<35ms", {
    concurrency: [2],
    measure: (clients, pass) => {
      const key = withClients(SHAPE, clients);
      const slow = { ...law, perRequestMs: pass === 0 ? 300 : 10 };
      const result = passOf(
        key,
        runQueue(slow, { clients, runs: 10, seed: 1 }),
      );
      return Promise.resolve(
        pass === 0
          ? { ...result, suspects: [{ index: 0, kind: "stall" as const }] }
          : result,
      );
    },
  });
  assertEquals(found?.highest, 2);
});

Deno.test("searchCapacity() ends with the run", async () => {
  const law = { fixedMs: 0, perRequestMs: 10, maxBatch: 1, noise: 0 };
  assertEquals(
    await search(law, 1, "p99<35ms", { measure: () => Promise.resolve(null) }),
    null,
  );
});

Deno.test("findKnee() says nothing of a curve that still rises", () => {
  const rising = [1, 2, 4, 8].map((clients) => (
    { clients, throughputItemsPerSec: 10 * clients }
  ));
  assertEquals(findKnee(rising), null);
  assertEquals(findKnee([]), null);
});
