import { assertEquals } from "@std/assert";
import type { GitHubIssue } from "../../lib/nightly/github_api.ts";
import { readMarks, writeMarks } from "../../lib/nightly/mark.ts";
import { type Action, planNight } from "../../lib/nightly/plan.ts";
import { type Alarm, judgeNight } from "../../lib/nightly/verdict.ts";
import type { Status } from "../../lib/record/run.ts";
import { comparedRun, facts, regressionKey } from "../support/nightly_night.ts";

/** An issue that an earlier run filed for the cells of these batch sizes. */
function issueOf(
  number: number,
  batchSizes: readonly number[],
  changes: Partial<GitHubIssue> = {},
): GitHubIssue {
  return {
    number,
    url: `https://github.com/owner/name/issues/${number}`,
    body: `${writeMarks(batchSizes.map(regressionKey), "1")}\n\nText`,
    isOpen: true,
    isDeclined: false,
    ...changes,
  };
}

function alarmKeys(alarms: readonly Alarm[]): string[] {
  return alarms.map(({ key }) => key);
}

/** The actions in short: type, issue, alarms, and the marks that are left. */
function shown(actions: readonly Action[]) {
  return actions.map((action) =>
    action.type === "open" ? [action.type, alarmKeys(action.alarms)] : [
      action.type,
      action.issue.number,
      ..."into" in action ? [action.into] : [],
      ..."body" in action ? [readMarks(action.body).live.length] : [],
    ]
  );
}

/** Plans a night in which these cells have these statuses. */
function plan(
  statuses: Readonly<Record<number, Status>>,
  issues: readonly GitHubIssue[],
  runId = "2",
) {
  const isSlow = Object.values(statuses).includes("REGRESSION");
  const night = judgeNight(facts(isSlow ? 1 : 0, comparedRun(statuses)));
  return shown(planNight(night, Object.freeze([...issues]), { runId }));
}

const CLOSED = { isOpen: false };
const DECLINED = { isOpen: false, isDeclined: true };

Deno.test("planNight() does nothing after a pass without issues", () => {
  assertEquals(plan({ 1: "OK" }, []), []);
  const foreign = issueOf(7, [], { body: "text of people" });
  assertEquals(plan({ 1: "OK" }, [foreign]), []);
});

Deno.test("planNight() opens one issue for each regression, one for all when they are many", () => {
  assertEquals(plan({ 1: "REGRESSION", 4: "OK", 8: "REGRESSION" }, []), [
    ["open", [regressionKey(1)]],
    ["open", [regressionKey(8)]],
  ]);
  const many = {
    1: "REGRESSION",
    2: "REGRESSION",
    4: "REGRESSION",
    8: "REGRESSION",
  } as const;
  assertEquals(plan(many, []), [["open", [1, 2, 4, 8].map(regressionKey)]]);
});

Deno.test("planNight() comments while a regression lasts, once a run", () => {
  const issue = issueOf(5, [1]);
  assertEquals(plan({ 1: "REGRESSION" }, [issue]), [["comment", 5, 1]]);
  assertEquals(plan({ 1: "REGRESSION" }, [issue], "1"), [["reported", 5]]);
  assertEquals(plan({ 1: "REGRESSION", 4: "REGRESSION" }, [issue]), [
    ["comment", 5, 1],
    ["open", [regressionKey(4)]],
  ]);
});

Deno.test("planNight() closes an issue when all of its cells have recovered, not before", () => {
  const issue = issueOf(5, [1, 4]);
  assertEquals(plan({ 1: "OK", 4: "IMPROVED" }, [issue]), [["close", 5, 0]]);
  assertEquals(plan({ 1: "OK", 4: "REGRESSION" }, [issue]), [[
    "comment",
    5,
    1,
  ]]);
  assertEquals(plan({ 1: "OK" }, [issue]), [["renew", 5, 1]]);
  for (const status of ["WARN", "INCONCLUSIVE", "INVALID", "NEW"] as const) {
    assertEquals(plan({ 1: status, 4: status }, [issue]), []);
  }
});

Deno.test("planNight() says of an open issue that its cell was not measured, once a run", () => {
  const night = judgeNight(facts(0, comparedRun({ 1: "OK" }, null, [2])));
  const actions = (runId: string, changes: Partial<GitHubIssue> = {}) =>
    shown(planNight(night, [issueOf(7, [2], changes)], { runId }));
  assertEquals(actions("2"), [["absent", 7, 1]]);
  assertEquals(actions("1"), []);
  assertEquals(actions("2", CLOSED), []);
});

Deno.test("planNight() closes no issue for a cell that was not judged", () => {
  assertEquals(plan({ 1: "INCONCLUSIVE" }, [issueOf(7, [1])]), []);
});

Deno.test("planNight() opens an issue again that was closed as completed, and leaves one that was declined", () => {
  assertEquals(plan({ 1: "REGRESSION" }, [issueOf(5, [1], CLOSED)]), [[
    "reopen",
    5,
    1,
  ]]);
  assertEquals(plan({ 1: "REGRESSION" }, [issueOf(5, [1], DECLINED)]), [[
    "declined",
    5,
  ]]);
});

Deno.test("planNight() files anew what comes back after it was over", () => {
  for (const closed of [CLOSED, DECLINED]) {
    const issue = issueOf(5, [1], closed);
    assertEquals(plan({ 1: "OK" }, [issue]), [["renew", 5, 0]]);
    const past = { ...issue, body: issue.body.replace(":live", ":past") };
    assertEquals(plan({ 1: "REGRESSION" }, [past]), [["open", [
      regressionKey(1),
    ]]]);
  }
});

Deno.test("planNight() merges duplicates into the oldest, and comments there alone", () => {
  const issues = [issueOf(9, [1]), issueOf(5, [1]), issueOf(7, [1])];
  assertEquals(plan({ 1: "REGRESSION" }, issues), [
    ["comment", 5, 1],
    ["merge", 7, 5, 0],
    ["merge", 9, 5, 0],
  ]);
  assertEquals(plan({ 1: "OK" }, issues), [
    ["close", 5, 0],
    ["merge", 7, 5, 0],
    ["merge", 9, 5, 0],
  ]);
});

Deno.test("planNight() takes an open issue before a closed one, and a newer decision before an older", () => {
  assertEquals(
    plan({ 1: "REGRESSION" }, [issueOf(5, [1], DECLINED), issueOf(9, [1])]),
    [
      ["renew", 5, 0],
      ["comment", 9, 1],
    ],
  );
  assertEquals(
    plan({ 1: "REGRESSION" }, [
      issueOf(5, [1], CLOSED),
      issueOf(9, [1], DECLINED),
    ]),
    [["renew", 5, 0], ["declined", 9]],
  );
});

Deno.test("planNight() keeps kinds and hardware apart", () => {
  const run = comparedRun({ 1: "OK" });
  const elsewhere = {
    ...run,
    metadata: { ...run.metadata, hardware: "tpu-v5e-8" },
  };
  const night = judgeNight(facts(0, elsewhere));
  assertEquals(planNight(night, [issueOf(5, [1])], { runId: "2" }), []);
  const unmeasured = judgeNight(facts(3, "no record"));
  assertEquals(
    shown(planNight(unmeasured, [issueOf(5, [1])], { runId: "2" })),
    [
      ["open", ["unmeasured/tpu-v6e-baseline"]],
    ],
  );
});
