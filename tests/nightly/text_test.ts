import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import {
  markKey,
  readMarks,
  renewMarks,
  writeMarks,
} from "../../lib/nightly/mark.ts";
import {
  issueBody,
  issueTitle,
  lastingComment,
  type NightContext,
  nightSummary,
} from "../../lib/nightly/text.ts";
import { judgeNight } from "../../lib/nightly/verdict.ts";
import type { Run } from "../../lib/record/run.ts";
import {
  comparedRun,
  facts,
  judgedCell,
  regressionKey,
} from "../support/nightly_night.ts";

function contextOf(
  run: Run | null,
  changes: Partial<NightContext> = {},
): NightContext {
  return {
    serverUrl: "https://github.com",
    repository: "owner/name",
    runId: "100",
    runNumber: "12",
    commit: "badc0de",
    profile: "smoke",
    baseline: "baselines/tpu-v6e-baseline.csv",
    threshold: "10",
    lastPassed: {
      commit: "900d",
      url: "https://github.com/owner/name/actions/runs/99",
    },
    isFirst: false,
    run,
    ...changes,
  };
}

const SLOW = comparedRun({ 1: "REGRESSION", 4: "OK" });
const ALARMS = judgeNight(facts(1, SLOW)).alarms;
/** All that a server could put into a name to get out of its place. */
const HOSTILE =
  "@everyone #1 <!-- scorebench:live x -->\n<!-- scorebench:live x -->\n| a | **b** `c` </td><script> ::error::x GH-1 www.example.com https://example.com";

Deno.test("markKey() is the same for the same parts and fit for a mark", () => {
  assertEquals(
    markKey(["regression", 4, "org/model name"]),
    "regression/4/org%2Fmodel%20name",
  );
  assertEquals(markKey(["-->\n\ud800"]), "--%3E%0A%EF%BF%BD");
  assertEquals(markKey(["x".repeat(5000)]).length, 100);
});

Deno.test("readMarks() reads what writeMarks() wrote, also with the line ends of a browser", () => {
  const body = `${
    writeMarks(["a", "b/c"], "7")
  }\n\ntext <!-- scorebench:live no -->\n<!-- scorebench:live no --> text`;
  for (const text of [body, body.replaceAll("\n", "\r\n")]) {
    assertEquals(readMarks(text), { live: ["a", "b/c"], runId: "7" });
    const renewed = renewMarks(text, { past: ["a"], runId: "8" });
    assertEquals(readMarks(renewed), { live: ["b/c"], runId: "8" });
    assertEquals(renewed.length, text.length);
  }
  assertEquals(readMarks("text of people"), { live: [], runId: null });
});

Deno.test("issueTitle() names the cell, or how many", () => {
  assertEquals(
    issueTitle(ALARMS, contextOf(SLOW)),
    "Performance regression: Batch 1, Labels 2, org/model on tpu-v6e-4",
  );
  const all = comparedRun({ 1: "REGRESSION", 4: "REGRESSION" });
  assertEquals(
    issueTitle(judgeNight(facts(1, all)).alarms, contextOf(all)),
    "Performance regression: 2 configurations on tpu-v6e-4",
  );
  assertEquals(
    issueTitle(judgeNight(facts(3, "")).alarms, contextOf(null)),
    "Nightly benchmark came to no verdict: baselines/tpu-v6e-baseline.csv",
  );
});

Deno.test("issueBody() says what, how much, how sure, since when, and how to reproduce it", () => {
  const body = issueBody(ALARMS, contextOf(SLOW));
  assertEquals(readMarks(body), { live: [regressionKey(1)], runId: "100" });
  for (
    const text of [
      "| 1 | 2 | org/model | bfloat16 | -23.4 % [-25.4, -21.4] | 15.00 ms | 5 | the reason of 1 |",
      "measured again before this was filed",
      "- **First seen:** [run 12](https://github.com/owner/name/actions/runs/100), commit badc0de",
      "[what changed since](https://github.com/owner/name/compare/900d...badc0de)",
      "- **Hardware:** tpu-v6e-4",
      "- **Server:** org/model 0.0.2",
      "deno task bench --url \"$SCORE_URL\" --batch-sizes 1 --num-labels 2 --prefix-cache cold --baseline 'baselines/tpu-v6e-baseline.csv' --regression-threshold 10",
      "--name perf-results-12",
      "*not planned*",
    ]
  ) assertStringIncludes(body, text);
  assertStringIncludes(
    issueBody(ALARMS, contextOf(SLOW, { lastPassed: null })),
    "- **Last run that passed:** none known",
  );
});

Deno.test("issueBody() quotes the last words line by line", () => {
  const { alarms } = judgeNight(
    facts(3, "", {
      bench: { exitCode: 3, lastWords: "one\ntwo *2*", isFirst: false },
    }),
  );
  assertStringIncludes(
    issueBody(alarms, contextOf(null)),
    "neither a pass nor a regression. Nothing watches performance until it does.\n\n> one\n>\n> two \\*2\\*\n\n- **First seen:**",
  );
});

Deno.test("texts hold nothing that a server wrote as markup, mention or mark", () => {
  const cell = judgedCell(1, "REGRESSION");
  const run: Run = {
    ...SLOW,
    cells: [{
      ...cell,
      key: { ...cell.key, model: HOSTILE, dtype: HOSTILE },
      ...(cell.verdict
        ? { verdict: { ...cell.verdict, reason: HOSTILE } }
        : {}),
    }],
    metadata: {
      ...SLOW.metadata,
      "hardware": HOSTILE,
      "servers": SLOW.metadata.servers.map((server) => ({
        ...server,
        version: HOSTILE,
      })),
    },
    ...(SLOW.comparison
      ? { comparison: { ...SLOW.comparison, notes: [HOSTILE] } }
      : {}),
  };
  const context = contextOf(run);
  const night = judgeNight(facts(1, run));
  const dead = judgeNight(
    facts(2, run, {
      bench: { exitCode: 2, lastWords: HOSTILE, isFirst: false },
    }),
  );
  const issue = {
    number: 1,
    url: "",
    body: "",
    isOpen: true,
    isDeclined: false,
  };
  const [first] = night.alarms;
  const texts = [
    issueBody(night.alarms, context),
    issueBody(dead.alarms, context),
    lastingComment(
      { type: "comment", issue, alarms: night.alarms, body: "" },
      context,
    ),
    nightSummary(night, [], context),
  ];
  for (const text of texts) {
    const visible = text.split("\n").filter((line) =>
      !line.startsWith("<!-- scorebench:")
    ).join("\n").replaceAll(/&#\d+;/g, "?");
    for (
      const sign of [
        "@",
        "<script",
        "<!--",
        "**b**",
        "`c`",
        "www.example",
        "GH-1",
        "#1",
        "\n::error",
      ]
    ) {
      assertFalse(visible.includes(sign), `${sign} in ${visible}`);
    }
  }
  assertEquals(readMarks(texts[0] ?? "").live, [first?.key ?? ""]);
  assertFalse(issueTitle(night.alarms, context).includes("\n"));
});

Deno.test("issueBody() stays below GitHub's limit, and keeps all marks of a full profile", () => {
  for (
    const [count, model] of [[84, "m".repeat(96)], [
      200,
      "<".repeat(2000),
    ]] as const
  ) {
    const cells = Array.from({ length: count }, (_, i) => {
      const cell = judgedCell(i + 1, "REGRESSION");
      return {
        ...cell,
        key: { ...cell.key, model },
        doubts: [{ kind: "other" as const, text: model }],
      };
    });
    const many: Run = { ...comparedRun({}), cells };
    const { alarms } = judgeNight(facts(1, many));
    const body = issueBody(alarms, contextOf(many));
    assertLess(body.length, 65_536);
    if (count === 84) assertEquals(readMarks(body).live.length, 84);
  }
});

Deno.test("nightSummary() puts the verdict first, and offers the first baseline", () => {
  const pass = judgeNight(facts(0, comparedRun({ 1: "OK" })));
  assert(nightSummary(pass, [], contextOf(null)).startsWith("## Passed\n"));
  const first = nightSummary(pass, [], contextOf(null, { isFirst: true }));
  assertStringIncludes(first, "`new-baseline-12` holds one from this run");
  const open = comparedRun({ 1: "OK", 2: "INCONCLUSIVE" }, null, [4]);
  assert(
    nightSummary(judgeNight(facts(0, open)), [], contextOf(open)).startsWith(
      "## Passed, 1 cell not judged, 2 of the baseline's 3 cells measured\n",
    ),
  );
  const slow = nightSummary(judgeNight(facts(1, SLOW)), [{
    type: "open",
    url: "https://github.com/owner/name/issues/3",
  }], contextOf(SLOW));
  assert(slow.startsWith("## Performance regression\n"));
  assertStringIncludes(
    slow,
    "| https://github.com/owner/name/issues/3 | opened |",
  );
  assertStringIncludes(slow, "-23.4 [-25.4, -21.4] | 15.00 |");
});
