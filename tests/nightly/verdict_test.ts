import { assertEquals, assertStringIncludes } from "@std/assert";
import { judgeNight, type NightFacts } from "../../lib/nightly/verdict.ts";
import { exampleRun } from "../support/example_run.ts";
import {
  comparedRun,
  facts,
  regressionKey,
  step,
} from "../support/nightly_night.ts";

const BROKEN = "broken/tpu-v6e-baseline";
const UNMEASURED = "unmeasured/tpu-v6e-baseline";
const STRESS = "stress/tpu-v6e-baseline";

/** The kinds of the alarms, the keys that are cleared. */
function judged(night: NightFacts) {
  const { alarms, cleared } = judgeNight(night);
  return { alarms: alarms.map(({ key }) => key), cleared };
}

Deno.test("judgeNight() clears everything that a pass shows to be well", () => {
  const run = comparedRun({
    1: "OK",
    4: "IMPROVED",
    8: "WARN",
    16: "INCONCLUSIVE",
    32: "INVALID",
    64: "NEW",
  });
  assertEquals(judged(facts(0, run)), {
    alarms: [],
    cleared: [BROKEN, UNMEASURED, regressionKey(1), regressionKey(4)],
  });
});

Deno.test("judgeNight() raises each regression once, whatever the passes", () => {
  const run = comparedRun({ 1: "REGRESSION", 4: "OK" });
  const passes = { ...run, cells: [...run.cells, ...run.cells] };
  assertEquals(judged(facts(1, passes)), {
    alarms: [regressionKey(1)],
    cleared: [BROKEN, UNMEASURED, regressionKey(4)],
  });
});

Deno.test("judgeNight() clears no regression where the comparison cannot be relied on", () => {
  const run = comparedRun({ 1: "REGRESSION", 4: "OK" }, "2 of 4 cells INVALID");
  assertEquals(judged(facts(1, run)), {
    alarms: [regressionKey(1)],
    cleared: [BROKEN],
  });
});

Deno.test("judgeNight() tells a run that could not measure, with its reason", () => {
  const refused = comparedRun({ 1: "OK" }, "the hardware differs");
  for (
    const [run, reason] of [[refused, "the hardware differs\nthe last words"], [
      "no record",
      "the last words",
    ]] as const
  ) {
    const night = facts(3, run);
    assertEquals(judged(night), { alarms: [UNMEASURED], cleared: [BROKEN] });
    assertEquals(judgeNight(night).alarms[0]?.reason, reason);
  }
});

Deno.test("judgeNight() passes the first run on new hardware, which compares nothing", () => {
  const night = facts(0, exampleRun(), { bench: step(0, { isFirst: true }) });
  assertEquals(judged(night), { alarms: [], cleared: [BROKEN, UNMEASURED] });
});

Deno.test("judgeNight() takes what does not fit together for a fault of the workflow, never for a pass", () => {
  const pass = comparedRun({ 1: "OK" });
  const cases: [NightFacts, string][] = [
    [
      facts(0, "its record is not there"),
      "exit code 0, but its record is not there",
    ],
    [facts(0, exampleRun()), "holds no comparison"],
    [
      facts(0, comparedRun({ 1: "REGRESSION" })),
      "exit code 0, but its record holds 1 regressions",
    ],
    [facts(1, pass), "exit code 1, but its record holds 0 regressions"],
    [facts(2, pass), "exit code 2: the last words"],
    [facts(130, pass), "exit code 130"],
    [
      facts(0, pass, { bench: null, jobResult: "cancelled" }),
      "the job's result: cancelled",
    ],
    [
      facts(0, pass, { jobResult: "failure" }),
      "a step beside bench.ts and stress.ts failed",
    ],
  ];
  for (const [night, reason] of cases) {
    const { alarms, cleared } = judgeNight(night);
    assertEquals(alarms.map(({ key }) => key), [BROKEN]);
    assertStringIncludes(alarms[0]?.reason ?? "", reason);
    assertEquals(cleared.includes(BROKEN), false);
  }
});

Deno.test("judgeNight() judges the stress tests by themselves", () => {
  const pass = comparedRun({ 1: "OK" });
  const failed = facts(0, pass, { stress: step(1), jobResult: "failure" });
  assertEquals(judged(failed), {
    alarms: [STRESS],
    cleared: [BROKEN, UNMEASURED, regressionKey(1)],
  });
  const passed = facts(2, pass, { stress: step(0) });
  assertEquals(judged(passed), { alarms: [BROKEN], cleared: [STRESS] });
});
