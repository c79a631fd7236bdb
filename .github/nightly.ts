// deno-lint-ignore-file no-console
/**
 * The steps of nightly-perf.yaml: `bench` and `stress` measure, `report` files what came of it.
 *
 * `bench` and `stress` leave `results/bench-step.json` and `results/stress-step.json`, and exit as the
 * script that they run. Settings come from environment variables, as the workflow lists them.
 *
 * @module
 */
import * as v from "valibot";
import { complain } from "../lib/cli/command_line.ts";
import { listenForInterrupts } from "../lib/cli/interrupt.ts";
import { readEnvironment } from "../lib/cli/secret_source.ts";
import { UsageError } from "../lib/failure.ts";
import {
  benchFlags,
  readSettings,
  recordPath,
  requireServer,
  stemOf,
  stressFlags,
} from "../lib/nightly/command.ts";
import { createGitHub, type GitHub } from "../lib/nightly/github_api.ts";
import { GitHubError } from "../lib/nightly/github_request.ts";
import { type Action, planNight } from "../lib/nightly/plan.ts";
import {
  absentComment,
  issueBody,
  issueTitle,
  lastingComment,
  mergeComment,
  type NightContext,
  nightSummary,
  recoveryComment,
} from "../lib/nightly/text.ts";
import { judgeNight, type StepRecord } from "../lib/nightly/verdict.ts";
import type { Run } from "../lib/record/run.ts";
import { readRun } from "../lib/record/run_file.ts";
import { checkWritable, readText, writeWhole } from "../lib/store.ts";

/** By these the issues are found again; the specification's. */
const LABELS = ["performance", "automated"];
const MAX_LAST_WORDS = 2000;
const MAX_LAST_LINES = 10;

const STEP: v.GenericSchema<unknown, StepRecord> = v.object({
  exitCode: v.pipe(v.number(), v.integer()),
  lastWords: v.string(),
  isFirst: v.boolean(),
});

/** Runs the step that the first word names; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [step, ...rest] = args;
  try {
    if (rest.length > 0) {
      throw new UsageError([
        `Cannot take ${rest.length} more words: expected none`,
      ]);
    }
    if (step === "bench" || step === "stress") return await measure(step);
    if (step === "report") return await report();
    throw new UsageError([
      `Cannot run ${
        JSON.stringify(step ?? "")
      }: expected bench, stress or report`,
    ]);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, 2);
    if (error instanceof GitHubError) return complain(error.message, 1);
    throw error;
  }
}

async function measure(step: "bench" | "stress"): Promise<number> {
  requireServer(readEnvironment);
  const settings = readSettings(readEnvironment);
  const hasBaseline = await exists(settings.baseline);
  const flags = step === "bench"
    ? benchFlags(settings, { hasBaseline })
    : stressFlags(settings);
  const path = stepPath(step);
  await checkWritable(path);
  const { code, lastWords } = await runTask([step, ...flags]);
  const record: StepRecord = {
    exitCode: code,
    lastWords,
    isFirst: step === "bench" && !hasBaseline,
  };
  await writeWhole(path, `${JSON.stringify(record, null, 2)}\n`);
  return code;
}

/** Runs a task of deno.json; shows what it writes, and keeps the end of its stderr. */
async function runTask(
  args: readonly string[],
): Promise<{ code: number; lastWords: string }> {
  // By the name that --allow-run=deno allows; where Deno lies may be another path.
  const child = new Deno.Command("deno", {
    args: ["task", "--quiet", ...args],
    stdin: "null",
    stderr: "piped",
  }).spawn();
  // A cancelled job is told so by a signal; a launched server must not live on.
  using interrupts = listenForInterrupts();
  for (const signal of [interrupts.first, interrupts.second]) {
    signal.addEventListener("abort", () => child.kill("SIGTERM"));
  }
  const decoder = new TextDecoder();
  let lastWords = "";
  for await (const chunk of child.stderr) {
    await Deno.stderr.write(chunk);
    lastWords = (lastWords + decoder.decode(chunk, { stream: true }))
      .slice(-MAX_LAST_WORDS);
  }
  const { code } = await child.status;
  return {
    code,
    lastWords: lastWords.trim().split("\n").slice(-MAX_LAST_LINES).join("\n"),
  };
}

async function report(): Promise<number> {
  const settings = readSettings(readEnvironment);
  const { baseline, runNumber } = settings;
  const bench = await readStep("bench");
  const run = await readRecord(recordPath(runNumber));
  const night = judgeNight({
    bench,
    stress: await readStep("stress"),
    run,
    jobResult: need("JOB_RESULT"),
    lane: stemOf(baseline),
  });
  const github = createGitHub({
    apiUrl: need("GITHUB_API_URL"),
    repository: need("GITHUB_REPOSITORY"),
    token: need("GITHUB_TOKEN"),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => Date.now(),
  });
  const context: NightContext = {
    serverUrl: need("GITHUB_SERVER_URL"),
    repository: need("GITHUB_REPOSITORY"),
    runId: need("GITHUB_RUN_ID"),
    runNumber,
    commit: need("GITHUB_SHA"),
    profile: settings.profile,
    baseline,
    threshold: settings.threshold,
    lastPassed: night.alarms.length === 0 ? null : await findLastPassed(github),
    isFirst: bench?.isFirst ?? false,
    run: typeof run === "string" ? null : run,
  };
  const done: { type: Action["type"]; url: string }[] = [];
  try {
    const issues = await github.listIssues(LABELS);
    for (const action of planNight(night, issues, context)) {
      done.push({
        type: action.type,
        url: await carryOut(action, github, context),
      });
    }
  } finally {
    // Also where the API fails: the verdict is to be seen somewhere.
    const summary = nightSummary(night, done, context);
    console.log(summary);
    await Deno.writeTextFile(need("GITHUB_STEP_SUMMARY"), summary, {
      append: true,
    });
  }
  return 0;
}

/** Does one thing; returns the page of its issue. The marks go first, so that a repeated job does not speak twice. */
async function carryOut(
  action: Action,
  github: GitHub,
  context: NightContext,
): Promise<string> {
  if (action.type === "open") {
    const issue = await github.createIssue({
      title: issueTitle(action.alarms, context),
      body: issueBody(action.alarms, context),
      labels: LABELS,
    });
    return issue.url;
  }
  const { number, url } = action.issue;
  switch (action.type) {
    case "comment":
      await github.updateIssue(number, { body: action.body });
      await github.createComment(number, lastingComment(action, context));
      break;
    case "reopen":
      await github.updateIssue(number, { body: action.body, state: "open" });
      await github.createComment(number, lastingComment(action, context));
      break;
    case "close":
      await github.updateIssue(number, {
        body: action.body,
        state: "completed",
      });
      await github.createComment(number, recoveryComment(context));
      break;
    case "absent":
      await github.updateIssue(number, { body: action.body });
      await github.createComment(number, absentComment(context));
      break;
    case "merge":
      await github.updateIssue(number, {
        body: action.body,
        state: "not_planned",
      });
      await github.createComment(number, mergeComment(action.into));
      break;
    case "renew":
      await github.updateIssue(number, { body: action.body });
  }
  return url;
}

/** Finds the last run that passed; an issue without it is better than none. */
async function findLastPassed(
  github: GitHub,
): Promise<NightContext["lastPassed"]> {
  // As `owner/name/.github/workflows/nightly-perf.yaml@refs/heads/main`.
  const [, workflow] = /\/([^/@]+)@/.exec(need("GITHUB_WORKFLOW_REF")) ?? [];
  if (workflow === undefined) return null;
  try {
    return await github.lastPassed(workflow, need("GITHUB_REF_NAME"));
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    complain(error.message, 0);
    return null;
  }
}

/** Returns what a step left; null for nothing, or nothing whole. */
async function readStep(step: "bench" | "stress"): Promise<StepRecord | null> {
  try {
    const value = JSON.parse(await readText(stepPath(step)));
    const result = v.safeParse(STEP, value);
    return result.success ? result.output : null;
  } catch (error) {
    if (error instanceof UsageError || error instanceof SyntaxError) {
      return null;
    }
    throw error;
  }
}

async function readRecord(path: string): Promise<Run | string> {
  try {
    return await readRun(path);
  } catch (error) {
    if (error instanceof UsageError) {
      return `its record is not there: ${error.message}`;
    }
    throw error;
  }
}

function stepPath(step: "bench" | "stress"): string {
  return `results/${step}-step.json`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    // A baseline that may not be read is not a missing one.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function need(name: string): string {
  const value = readEnvironment(name);
  if (value !== null) return value;
  throw new UsageError([
    `Cannot run without the variable ${name}: it is not set`,
  ]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
