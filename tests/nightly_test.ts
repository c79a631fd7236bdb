// The nightly logic played through: the commands of nightly-perf.yaml, with their own permissions, on a
// local stand-in of GitHub's API.
import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { dirname, resolve } from "@std/path";
import { parseFlags } from "../lib/cli/flags.ts";
import { BENCH_COMMAND } from "../lib/commands/bench.ts";
import { readBenchFlags } from "../lib/commands/bench_flags.ts";
import { UsageError } from "../lib/failure.ts";
import {
  benchFlags,
  readSettings,
  requireServer,
  stressFlags,
} from "../lib/nightly/command.ts";
import type { StepRecord } from "../lib/nightly/verdict.ts";
import type { Run, Status } from "../lib/record/run.ts";
import { stringifyRun } from "../lib/record/run_file.ts";
import { makeTestFolder } from "./support/bench_runner.ts";
import { exampleRun } from "./support/example_run.ts";
import {
  failure,
  GitHubStandIn,
  REPOSITORY,
  TOKEN,
} from "./support/github_stand_in.ts";
import { comparedRun, regressionKey, step } from "./support/nightly_night.ts";
import { nightlyScript } from "./support/workflow_files.ts";

/** How a step ended. */
interface StepOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a step of the workflow in a folder, by the workflow's own command. */
async function runStep(
  name: "bench" | "stress" | "report",
  folder: string,
  env: Record<string, string>,
): Promise<StepOutcome> {
  const script = nightlyScript(name)
    .replace("api.github.com", "127.0.0.1")
    .replace(".github/nightly.ts", resolve(".github/nightly.ts"));
  const deno = Deno.execPath();
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-e", "-c", script],
    cwd: folder,
    clearEnv: true,
    env: {
      "PATH": `${dirname(deno)}:/usr/bin:/bin`,
      "DENO_DIR": await denoFolder(),
      "NO_COLOR": "1",
      "PROFILE": "smoke",
      "BENCHMARK_BASELINE": "baselines/tpu-v6e-baseline.csv",
      "REGRESSION_THRESHOLD": "10",
      "GITHUB_RUN_NUMBER": "12",
      ...env,
    },
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code, stdout: out, stderr: err };
}

/** The cache of npm packages, which a cleared environment would not find. */
async function denoFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout))["denoDir"];
}

/** What the job that measured left behind. */
interface Left {
  readonly bench?: StepRecord;
  readonly stress?: StepRecord;
  readonly run?: Run;
}

/** Runs the step that reports after a night; returns its outcome and the job's summary. */
async function reportNight(
  github: GitHubStandIn,
  runId: number,
  { bench, stress, run }: Left,
): Promise<StepOutcome & { readonly summary: string }> {
  await using folder = await makeTestFolder();
  await Deno.mkdir(`${folder.path}/results`);
  const files = {
    "results/bench-step.json": bench && JSON.stringify(bench),
    "results/stress-step.json": stress && JSON.stringify(stress),
    "results/benchmark-12.json": run && stringifyRun(run),
    "summary.md": "",
  };
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined) {
      await Deno.writeTextFile(`${folder.path}/${name}`, text);
    }
  }
  const isGood = bench?.exitCode === 0 && (stress?.exitCode ?? 0) === 0;
  const outcome = await runStep("report", folder.path, {
    "JOB_RESULT": isGood ? "success" : "failure",
    "GITHUB_API_URL": github.url,
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": REPOSITORY,
    "GITHUB_RUN_ID": String(runId),
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": "badc0de",
    "GITHUB_STEP_SUMMARY": resolve(folder.path, "summary.md"),
    "GITHUB_TOKEN": TOKEN,
    "GITHUB_WORKFLOW_REF":
      `${REPOSITORY}/.github/workflows/nightly-perf.yaml@refs/heads/main`,
  });
  assertFalse((outcome.stdout + outcome.stderr).includes(TOKEN));
  return {
    ...outcome,
    summary: await Deno.readTextFile(`${folder.path}/summary.md`),
  };
}

/** What a measured night leaves. */
function measured(statuses: Readonly<Record<number, Status>>): Left {
  const run = comparedRun(statuses);
  const isSlow = run.cells.some(({ status }) => status === "REGRESSION");
  return { bench: step(isSlow ? 1 : 0), run };
}

/** The issues in short: number, state, reason, number of comments. */
function states({ issues }: GitHubStandIn) {
  return issues.map((
    issue,
  ) => [
    issue.number,
    issue.state,
    issue["state_reason"],
    issue.comments.length,
  ]);
}

Deno.test("a regression is one issue: filed, commented on, said once a run, closed with the recovery", async () => {
  await using github = new GitHubStandIn();
  github.passed.push("900d");
  const slow = measured({ 1: "REGRESSION", 4: "OK" });

  const pass = await reportNight(github, 1, measured({ 1: "OK", 4: "OK" }));
  assertEquals([pass.code, pass.stderr, github.writes()], [0, "", []]);
  assert(pass.summary.startsWith("## Passed\n"));

  const first = await reportNight(github, 2, slow);
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(states(github), [[1, "open", null, 0]]);
  const [issue] = github.issues;
  assertEquals(issue?.labels, ["performance", "automated"]);
  assertStringIncludes(
    issue?.body ?? "",
    `<!-- scorebench:live ${regressionKey(1)} -->`,
  );
  assertStringIncludes(issue?.body ?? "", "compare/900d...badc0de");
  assertStringIncludes(first.summary, "issues/1 | opened |");

  await reportNight(github, 3, slow);
  const again = await reportNight(github, 3, slow);
  assertEquals(states(github), [[1, "open", null, 1]]);
  assertStringIncludes(again.summary, "already said in this run");
  assertStringIncludes(issue?.comments[0] ?? "", "Still there.");

  await reportNight(github, 4, measured({ 1: "INCONCLUSIVE", 4: "OK" }));
  assertEquals(states(github), [[1, "open", null, 1]]);

  await reportNight(github, 5, measured({ 1: "OK", 4: "OK" }));
  await reportNight(github, 6, measured({ 1: "OK", 4: "OK" }));
  assertEquals(states(github), [[1, "closed", "completed", 2]]);

  await reportNight(github, 7, slow);
  assertEquals(states(github), [[1, "closed", "completed", 2], [
    2,
    "open",
    null,
    0,
  ]]);
});

Deno.test("two regressions at once are two issues, which close one by one", async () => {
  await using github = new GitHubStandIn();
  await reportNight(github, 1, measured({ 1: "REGRESSION", 4: "REGRESSION" }));
  await reportNight(github, 2, measured({ 1: "REGRESSION", 4: "OK" }));
  assertEquals(states(github), [[1, "open", null, 1], [
    2,
    "closed",
    "completed",
    1,
  ]]);
});

Deno.test("an issue that people closed is opened again while it lasts, unless it was closed as not planned", async () => {
  for (const reason of ["completed", "not_planned"]) {
    await using github = new GitHubStandIn();
    await reportNight(github, 1, measured({ 1: "REGRESSION" }));
    Object.assign(github.issues[0] ?? {}, {
      "state": "closed",
      "state_reason": reason,
    });
    const { code } = await reportNight(
      github,
      2,
      measured({ 1: "REGRESSION" }),
    );
    assertEquals(code, 0);
    assertEquals(
      states(github),
      [
        reason === "completed"
          ? [1, "open", "reopened", 1]
          : [1, "closed", reason, 0],
      ],
    );
  }
});

Deno.test("two issues with one mark become one", async () => {
  await using github = new GitHubStandIn();
  await reportNight(github, 1, measured({ 1: "REGRESSION" }));
  github.addIssue({ body: github.issues[0]?.body ?? "" });
  await reportNight(github, 2, measured({ 1: "REGRESSION" }));
  assertEquals(states(github), [[1, "open", null, 1], [
    2,
    "closed",
    "not_planned",
    1,
  ]]);
  assertStringIncludes(github.issues[1]?.comments[0] ?? "", "#1");
});

Deno.test("a night that could not measure, a failed workflow and a failed stress test are issues of their own", async () => {
  await using github = new GitHubStandIn();
  await reportNight(github, 1, {
    bench: step(3, { lastWords: "Cannot reach the server" }),
  });
  await reportNight(github, 2, { bench: step(3) });
  await reportNight(github, 3, {});
  const { summary } = await reportNight(github, 4, {
    ...measured({ 1: "OK" }),
    stress: step(1),
  });
  assertEquals(
    github.issues.map(({ title, state }) => [title.split(":")[0], state]),
    [
      ["Nightly benchmark came to no verdict", "closed"],
      ["Nightly benchmark workflow failed", "closed"],
      ["Nightly stress tests failed", "open"],
    ],
  );
  assertStringIncludes(github.issues[0]?.body ?? "", "Cannot reach the server");
  assertEquals(github.issues[0]?.comments.length, 2);
  assert(summary.startsWith("## Nightly stress tests failed\n"));
});

Deno.test("the first run on new hardware fails nothing, and offers what it measured", async () => {
  await using github = new GitHubStandIn();
  const { code, summary } = await reportNight(github, 1, {
    bench: step(0, { isFirst: true }),
    run: exampleRun(),
  });
  assertEquals([code, github.writes()], [0, []]);
  assertStringIncludes(summary, "`new-baseline-12` holds one");
});

Deno.test("report waits for a limit, and fails when the API does, with the verdict in the summary", async () => {
  await using github = new GitHubStandIn();
  // The first call asks for the last run that passed; it is not needed.
  github.scripted.push(failure(404, "no such workflow"));
  github.scripted.push(
    failure(403, "secondary rate limit", { "retry-after": "0" }),
  );
  const limited = await reportNight(github, 1, measured({ 1: "REGRESSION" }));
  assertEquals(limited.code, 0);
  assertEquals(states(github), [[1, "open", null, 0]]);

  github.scripted.push(
    null,
    failure(403, "Resource not accessible by integration"),
  );
  const refused = await reportNight(github, 2, measured({ 1: "REGRESSION" }));
  assertEquals(refused.code, 1);
  assertMatch(
    refused.stderr,
    /^Cannot GET .*status 403, Resource not accessible by integration/m,
  );
  assert(refused.summary.startsWith("## Performance regression\n"));
});

/** Makes a project whose task stands in for a script: it shows its arguments, and ends with a code. */
async function makeProject(
  folder: string,
  task: string,
  code: number,
): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/script.ts`,
    `console.log(JSON.stringify(Deno.args)); console.error("last words"); Deno.exit(${code});`,
  );
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({
      "tasks": { [task]: "deno run script.ts" },
      // Its own, so that it is no member of the one around it.
      "workspace": [],
    }),
  );
}

Deno.test("bench passes everything on as single words, keeps how it ended, and exits alike", async () => {
  const launch = "serve --x '$(touch gone)' \"; touch gone\" {port}";
  for (const code of [0, 1, 3]) {
    await using folder = await makeTestFolder();
    await makeProject(folder.path, "bench", code);
    const outcome = await runStep("bench", folder.path, {
      "SCORE_LAUNCH": launch,
    });
    assertEquals([outcome.code, outcome.stderr.trim()], [code, "last words"]);
    const settings = readSettings((name) => ENVIRONMENT[name] ?? null);
    assertEquals(
      JSON.parse(outcome.stdout),
      benchFlags({ ...settings, launch }, { hasBaseline: false }),
    );
    assertEquals(
      JSON.parse(
        await Deno.readTextFile(`${folder.path}/results/bench-step.json`),
      ),
      {
        exitCode: code,
        lastWords: "last words",
        isFirst: true,
      },
    );
  }
});

Deno.test("stress runs the stress task", async () => {
  await using folder = await makeTestFolder();
  await makeProject(folder.path, "stress", 1);
  const outcome = await runStep("stress", folder.path, {
    "SCORE_URL": "http://127.0.0.1:1",
  });
  assertEquals(outcome.code, 1);
  assertEquals(JSON.parse(outcome.stdout), [
    "--scenario=all",
    "--output=results/stress-12.json",
  ]);
});

Deno.test("bench refuses to measure the simulated engine in place of a server", async () => {
  await using folder = await makeTestFolder();
  const { code, stderr } = await runStep("bench", folder.path, {});
  assertEquals(code, 2);
  assertStringIncludes(stderr, "set the repository variable SCORE_URL");
});

const ENVIRONMENT: Readonly<Record<string, string>> = {
  "PROFILE": "smoke",
  "SCORE_URL": "http://127.0.0.1:30000",
  "BENCHMARK_BASELINE": "baselines/tpu-v6e-baseline.csv",
  "REGRESSION_THRESHOLD": "10",
  "GITHUB_RUN_NUMBER": "12",
};

Deno.test("benchFlags() are flags of bench.ts, with and without a baseline", () => {
  const settings = {
    ...readSettings((name) => ENVIRONMENT[name] ?? null),
    launch: "serve --port {port}",
    hardware: "tpu-v6e-4",
  };
  const [compared, first] = [true, false].map((hasBaseline) => {
    const parsed = parseFlags(
      BENCH_COMMAND,
      benchFlags(settings, { hasBaseline }),
    );
    if (parsed.action !== "run") throw new Error(parsed.action);
    readBenchFlags(parsed.flags, null);
    return parsed.flags;
  });
  assertEquals(compared?.baseline, ["baselines/tpu-v6e-baseline.csv"]);
  assertEquals(compared?.regressionThreshold, 10);
  assertEquals(compared?.repeats, undefined);
  assertEquals([compared?.launch, compared?.hardware], [
    "serve --port {port}",
    "tpu-v6e-4",
  ]);
  assertEquals(compared?.output, [
    "results/benchmark-12.csv",
    "results/benchmark-12.json",
  ]);
  assertEquals(compared?.metadataOutput, "results/metadata-12.json");
  assertEquals(first?.baseline, []);
  assertEquals([first?.updateBaseline, first?.repeats], [
    "results/new-baseline/tpu-v6e-baseline.csv",
    5,
  ]);
  assertEquals(stressFlags(settings).slice(0, 2), [
    "--scenario=all",
    "--launch=serve --port {port}",
  ]);
});

Deno.test("readSettings() and requireServer() name all that is missing", () => {
  const messageOf = (read: () => void): string => {
    try {
      read();
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
    return "";
  };
  assertEquals(messageOf(() => readSettings(() => null)).split("\n").length, 4);
  assertStringIncludes(
    messageOf(() => requireServer(() => null)),
    "SCORE_LAUNCH",
  );
  assertEquals(
    messageOf(() => requireServer((name) => ENVIRONMENT[name] ?? null)),
    "",
  );
});
