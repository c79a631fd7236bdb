import { assertEquals, assertStringIncludes } from "@std/assert";
import { renderStressRun } from "../../../lib/report/stress/text.ts";
import type { StressMetadata, StressRun } from "../../../lib/stress/record.ts";
import { exampleLoad, exampleStressRun } from "../../support/example_stress.ts";

/** A run of one load of the specification. */
function runWith(changes: Partial<StressMetadata>): StressRun {
  const configuration = "duration=300s, target_rps=10";
  const run = exampleStressRun({ results: [exampleLoad({ configuration })] });
  return { ...run, metadata: { ...run.metadata, ...changes } };
}

Deno.test("renderStressRun() prints the specification's banner before the loads", () => {
  const rule = "=".repeat(100);
  assertEquals(
    renderStressRun(runWith({ model: "m\x1b[31m" }), 120).split("\n")
      .slice(0, 8),
    [
      rule,
      "SCORE API STRESS TESTS",
      rule,
      "Model: m\\x1b[31m",
      "Scenario: sustained, ramp",
      rule,
      "",
      "SUSTAINED - duration=300s, target_rps=10",
    ],
  );
});

Deno.test("renderStressRun() says at the start and over the table that the engine was simulated", () => {
  const lines = renderStressRun(runWith({ target: "simulated" }), 80)
    .split("\n");
  const said = " - SIMULATED ENGINE (no real server was stressed)";
  assertEquals(lines[0], "=".repeat(80));
  assertEquals(lines.filter((line) => line.endsWith(said)), [
    `SCORE API STRESS TESTS${said}`,
    `STRESS TEST RESULTS${said}`,
  ]);
});

Deno.test("renderStressRun() cuts no configuration inside a word in 80 columns", () => {
  const text = renderStressRun(runWith({}), 80);
  assertStringIncludes(text, "| duration=300s,");
  assertStringIncludes(text, "| target_rps=10 ");
});

Deno.test("renderStressRun() says that all passed only where all was run", () => {
  const last = (changes: Partial<StressMetadata>) =>
    renderStressRun(runWith(changes), 120).trimEnd().split("\n").at(-1);
  assertEquals(last({}), "1 stress test passed");
  assertEquals(
    last({ interrupted: true }),
    "1 passed; not all was run",
  );
});
