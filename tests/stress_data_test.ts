import {
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { SCENARIOS } from "../lib/stress/scenarios.ts";
import { makeTestFolder } from "./support/bench_runner.ts";
import { scoreBodies, startScoreServer } from "./support/score_server.ts";
import { stress } from "./support/stress_runner.ts";
import { runVirtualStress } from "./support/virtual_stress.ts";

const LINES = [
  { query: "q0", items: ["a", "b"] },
  { query: "q1", items: ["c", "d"] },
  { query: "q2", items: ["e", "f", "g"] },
];

async function stressFile(args: readonly string[]) {
  await using folder = await makeTestFolder();
  await using server = await startScoreServer({});
  const path = `${folder.path}/own.jsonl`;
  await Deno.writeTextFile(
    path,
    LINES.map((line) => JSON.stringify(line)).join("\n"),
  );
  const outcome = await stress([
    ...["--url", server.url, "--duration", "0.5", "--data", path],
    ...args,
  ]);
  return { ...outcome, bodies: scoreBodies(server) };
}

Deno.test("main() stresses with the requests of a file, each answer checked", async () => {
  const { code, run, stdout, bodies } = await stressFile([
    ...["--scenario", "concurrent", "--concurrency", "3"],
    ...["--label-token-ids", "9,4"],
  ]);
  assertEquals(code, 0, stdout);
  assertEquals(
    new Set(bodies.map(({ query, items }) => JSON.stringify({ query, items }))),
    new Set(LINES.map((line) => JSON.stringify(line))),
  );
  assertEquals(
    new Set(bodies.map((body) => String(body["label_token_ids"]))),
    new Set(["9,4"]),
  );
  const [result] = run?.results ?? [];
  assertEquals(
    result?.sent,
    "2 items x 2 labels x 3 bytes (2 payloads in turn); 3 items x 2 labels x 3 bytes (1 payload in turn)",
  );
  assertGreater(result?.goodRequests ?? 0, 3);
  assertStringIncludes(stdout, `Sent: ${result?.sent.slice(0, 20)}`);
  assertMatch(stdout, /Sent: own\.jsonl \(3 requests of 2 to 3 items/);
});

Deno.test("main() cuts and fills the requests of a file to a batch size", async () => {
  const { code, bodies } = await stressFile([
    ...["--scenario", "large-batch", "--iterations", "3"],
    ...["--batch-sizes", "4", "--num-labels", "3"],
  ]);
  assertEquals(code, 0);
  assertEquals(
    new Set(bodies.map(({ items }) => (items as string[]).join(""))),
    new Set(["abcd", "cdef", "efga"]),
  );
  assertEquals(
    new Set(bodies.map((body) => String(body["label_token_ids"]))),
    new Set(["1,2,3"]),
  );
});

Deno.test("main() refuses a bad file before anything is sent", async () => {
  const { code, stderr } = await stress(["--data", "results/nothing.csv"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "there is no such file");
});

for (const scenario of SCENARIOS) {
  Deno.test(`runStress() sends items, labels and lengths of the user's choice in ${scenario}`, async () => {
    const { run, fatal } = await runVirtualStress({
      scenarios: [scenario],
      batchSizes: [10],
      numLabels: 2,
      durationSeconds: 2,
      data: [{
        name: "query=7-9,item=5",
        tokens: { query: { min: 7, max: 9 }, item: 5 },
        file: null,
      }],
    });
    assertEquals(fatal, null);
    const [result] = run.results;
    assertEquals(result?.verdict, "PASS", JSON.stringify(result?.findings));
    assertMatch(
      result?.sent ?? "",
      /^10 items x 2 labels x 12 to 14 tokens \(\d+ payloads in turn\)$/,
    );
  });
}
