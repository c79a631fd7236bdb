/**
 * What the nightly workflow writes: titles, issues, comments and the job's summary, in GitHub's Markdown.
 *
 * @module
 */
import type { NightlySettings } from "./command.ts";
import type { Run } from "../record/run.ts";
import { AS_DATA, TEXT_DATA } from "../score/data.ts";
import { openQuestions, shownChange } from "../report/comparison.ts";
import { cutToBytes, renderMarkdown } from "../report/markdown.ts";
import { escapeMarkdown } from "../report/markup.ts";
import { viewOfRun } from "../report/view.ts";
import type { WorkflowRun } from "./github_api.ts";
import { writeMarks } from "./mark.ts";
import type { Action } from "./plan.ts";
import type { Alarm, AlarmKind, Night } from "./verdict.ts";
import { describeCell } from "../record/cells.ts";
import { escapeForTerminal } from "../escape.ts";

/** What is known of the workflow's run. */
export interface NightContext
  extends
    Pick<NightlySettings, "profile" | "baseline" | "threshold" | "runNumber"> {
  /** The web address of GitHub, as `https://github.com`. */
  readonly serverUrl: string;
  /** The repository, as `owner/name`. */
  readonly repository: string;
  readonly runId: string;
  readonly commit: string;
  /** The newest earlier run that passed; null if there is none, or it could not be found. */
  readonly lastPassed: WorkflowRun | null;
  readonly isFirst: boolean;
  /** The run record; null if there is none. */
  readonly run: Run | null;
}

/** GitHub takes 65,536 characters. */
const MAX_BODY_LENGTH = 65_000;
const MAX_TITLE_LENGTH = 200;
const MAX_ROWS = 20;
const MAX_NAME_LENGTH = 100;
const MAX_REASON_LENGTH = 300;
const MAX_WORDS_LENGTH = 500;

const HEADINGS: Readonly<Record<AlarmKind, string>> = {
  regression: "Performance regression",
  unmeasured: "Nightly benchmark came to no verdict",
  broken: "Nightly benchmark workflow failed",
  stress: "Nightly stress tests failed",
};

/** The title of a new issue. */
export function issueTitle(
  alarms: readonly Alarm[],
  { run, baseline }: NightContext,
): string {
  const [{ kind, cell }] = alarms as readonly [Alarm];
  const what = cell === null
    ? baseline
    : alarms.length > 1
    ? `${alarms.length} configurations on ${run?.metadata.hardware}`
    : `${
      describeCell(cell.key)
    }, ${cell.key.model} on ${run?.metadata.hardware}`;
  return escapeForTerminal(`${HEADINGS[kind]}: ${what}`, MAX_TITLE_LENGTH);
}

/** The text of a new issue. */
export function issueBody(
  alarms: readonly Alarm[],
  context: NightContext,
): string {
  const isRegression = alarms[0]?.kind === "regression";
  return joined([
    writeMarks(alarms.map(({ key }) => key), context.runId),
    isRegression
      ? "The nightly benchmark found throughput lower than in the baseline by more than chance explains. " +
        "The cells in doubt were measured again before this was filed, and judged on all of the data."
      : ADVICE[alarms[0]?.kind ?? "broken"],
    describeAlarms(alarms),
    origin(alarms, context),
    isRegression ? reproduction(alarms, context) : null,
    isRegression
      ? "**What to do**\n\n" +
        "- A fault: fix it. This issue is commented on while it lasts, and closed by the first run without it.\n" +
        "- An intended change: renew the baseline, as `baselines/README.md` says.\n" +
        "- Not worth it: close this issue as *not planned*; it is left alone then. Closed as *completed*, it is opened again while the regression lasts."
      : "This issue is commented on while it lasts, and closed by the first run without it.",
  ]);
}

/** The comment on an issue whose trouble lasts. */
export function lastingComment(
  action: Extract<Action, { type: "comment" | "reopen" }>,
  context: NightContext,
): string {
  return joined([
    action.type === "reopen"
      ? "Opened again: this was closed as completed, but it is still there."
      : "Still there.",
    describeAlarms(action.alarms),
    `In ${runLink(context)}, commit ${context.commit}.`,
  ]);
}

/** The comment on an issue whose trouble is over. */
export function recoveryComment(context: NightContext): string {
  return `Over, as ${
    runLink(context)
  } shows (commit ${context.commit}). Closed.`;
}

/** The comment on an issue that another one makes needless. */
export function mergeComment(into: number): string {
  return `Closed in favour of #${into}, which stands for the same.`;
}

/**
 * The job's summary: the verdict, what was filed, and the run.
 *
 * @param actions What was done, each with the page of its issue.
 */
export function nightSummary(
  night: Night,
  actions: readonly { readonly type: Action["type"]; readonly url: string }[],
  context: NightContext,
): string {
  const { alarms } = night;
  const kinds = [...new Set(alarms.map(({ kind }) => kind))];
  const verdict = kinds.length > 0
    ? kinds.map((kind) => HEADINGS[kind]).join("; ")
    : context.isFirst
    ? "Measured; there was no baseline to compare with"
    : ["Passed", ...openQuestionsOf(context.run)].join(", ");
  const others = alarms.filter(({ kind }) => kind !== "regression");
  const parts = [
    `## ${verdict}`,
    [
      `- **Profile:** ${escapeMarkdown(context.profile)}`,
      `- **Run:** ${runLink(context)}`,
      `- **Commit:** ${context.commit}`,
    ].join("\n"),
    context.isFirst
      ? `${
        bounded(context.baseline, MAX_NAME_LENGTH)
      } does not exist. The artifact \`new-baseline-${context.runNumber}\` holds one from this run, ready to commit.`
      : null,
    ...others.map((alarm) => describeAlarms([alarm])),
    actions.length === 0 ? null : [
      "| Issue | |",
      "| --- | --- |",
      ...actions.map(({ type, url }) => `| ${url} | ${DONE[type]} |`),
    ].join("\n"),
    context.run === null ? null : renderMarkdown([viewOfRun(context.run)]),
  ];
  return cutToBytes(
    `${parts.filter((part) => part !== null).join("\n\n").trimEnd()}\n`,
  );
}

/** What a run without an alarm leaves open. */
function openQuestionsOf(run: Run | null): string[] {
  return run?.comparison === undefined
    ? []
    : openQuestions(viewOfRun(run).cells, run.comparison);
}

/** The comment on an issue about cells that this night did not measure. */
export function absentComment(context: NightContext): string {
  return `Not measured in ${
    runLink(context)
  } (commit ${context.commit}): it is in the baseline, but not in the result, so nobody knows whether this lasts.`;
}

const ADVICE: Readonly<Record<AlarmKind, string>> = {
  regression: "",
  unmeasured:
    "The nightly benchmark came to no verdict: neither a pass nor a regression. Nothing watches performance until it does.",
  broken:
    "The nightly workflow itself failed; this says nothing about performance. Nothing watches performance until it runs.",
  stress: "The stress tests of the nightly workflow failed.",
};

const DONE: Readonly<Record<Action["type"], string>> = {
  open: "opened",
  comment: "lasts, commented on",
  reopen: "lasts, opened again",
  close: "over, closed",
  renew: "partly over, noted",
  merge: "a duplicate, closed",
  declined: "lasts, but was closed as not planned: left alone",
  reported: "lasts, already said in this run",
  absent: "not measured, commented on",
};

function describeAlarms(alarms: readonly Alarm[]): string {
  const regressions = alarms.filter(({ cell }) => cell !== null);
  if (regressions.length === 0) {
    const lines = alarms.flatMap(({ reason }) => reason.split("\n"));
    return lines.map((line) => `> ${bounded(line, MAX_WORDS_LENGTH)}`)
      .join("\n>\n");
  }
  const rest = regressions.length - MAX_ROWS;
  return joined([
    [
      "| Batch | Labels | Model | Dtype | Throughput, with bounds | Median latency | Baseline runs | How sure |",
      "| ---: | ---: | --- | --- | ---: | ---: | ---: | --- |",
      ...regressions.slice(0, MAX_ROWS).map(cellRow),
    ].join("\n"),
    rest > 0 ? `And ${rest} more.` : null,
    "The bounds hold with 95 % for all cells together.",
  ]);
}

function cellRow({ cell, reason }: Alarm): string {
  const { key, verdict, summary } = cell ?? {};
  const cells = [
    key?.batchSize ?? "",
    key?.numLabels ?? "",
    bounded(key?.model ?? "", MAX_NAME_LENGTH),
    bounded(key?.dtype ?? "", MAX_NAME_LENGTH),
    shownChange(verdict ?? null),
    summary ? `${summary.p50Ms.toFixed(2)} ms` : "-",
    verdict?.baselineRuns ?? "-",
    bounded(reason, MAX_REASON_LENGTH),
  ];
  return `| ${cells.join(" | ")} |`;
}

function origin(alarms: readonly Alarm[], context: NightContext): string {
  const { commit, lastPassed, serverUrl, repository, run, profile } = context;
  const servers = (run?.metadata.servers ?? []).map(({ model, version }) =>
    `${bounded(model, MAX_NAME_LENGTH)} ${
      version === null
        ? "of unknown version"
        : bounded(version, MAX_NAME_LENGTH)
    }`
  );
  const compare = `${serverUrl}/${repository}/compare/${lastPassed?.commit}`;
  return [
    `- **First seen:** ${runLink(context)}, commit ${commit}`,
    lastPassed === null
      ? "- **Last run that passed:** none known"
      : `- **Last run that passed:** commit ${lastPassed.commit} ([run](${lastPassed.url}), [what changed since](${compare}...${commit}))`,
    ...(run === null ? [] : [
      `- **Hardware:** ${bounded(run.metadata.hardware, MAX_NAME_LENGTH)}`,
    ]),
    ...(servers.length === 0 ? [] : [`- **Server:** ${servers.join(", ")}`]),
    `- **Profile:** ${escapeMarkdown(profile)}`,
    ...(alarms[0]?.kind === "regression"
      ? (run?.comparison?.notes ?? []).slice(0, MAX_ROWS).map((note) =>
        `- ${bounded(note, MAX_REASON_LENGTH)}`
      )
      : []),
  ].join("\n");
}

/** The smallest run that measures the cells again, and the way to the files of this one. */
function reproduction(
  alarms: readonly Alarm[],
  { repository, runId, runNumber, baseline, threshold, run }: NightContext,
): string {
  const keys = alarms.flatMap(({ cell }) => cell === null ? [] : [cell.key]);
  const list = (values: readonly number[]) =>
    [...new Set(values)].toSorted((a, b) => a - b).join();
  const path = escapeForTerminal(baseline, MAX_NAME_LENGTH);
  const { prefixCache = "cold", data = [] } = run?.options ?? {};
  const sent = data.filter(({ name }) => name !== TEXT_DATA)
    .map(({ name }) => ` --data '${escapeForTerminal(name, MAX_NAME_LENGTH)}'`)
    .join("");
  const cache = prefixCache === AS_DATA ? "" : ` --prefix-cache ${prefixCache}`;
  return [
    "**To reproduce**, on the same hardware:",
    "",
    "```sh",
    `deno task bench --url "$SCORE_URL" --batch-sizes ${
      list(keys.map(({ batchSize }) => batchSize))
    } --num-labels ${
      list(keys.map(({ numLabels }) => numLabels))
    }${sent}${cache} --baseline '${path}' --regression-threshold ${
      escapeForTerminal(threshold, MAX_NAME_LENGTH)
    }`,
    "# or judge the stored run again:",
    `gh run download ${runId} --repo ${repository} --name perf-results-${runNumber} --dir results`,
    `deno task report compare '${path}' results/benchmark-${runNumber}.json`,
    "```",
  ].join("\n");
}

function runLink({ serverUrl, repository, runId, runNumber }: NightContext) {
  return `[run ${runNumber}](${serverUrl}/${repository}/actions/runs/${runId})`;
}

function bounded(text: string, maxLength: number): string {
  return escapeMarkdown(escapeForTerminal(text, maxLength));
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join("\n\n")
    .slice(0, MAX_BODY_LENGTH);
}
