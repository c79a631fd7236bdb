/**
 * Decides what is filed after a night: one issue for each alarm, kept up to date until it is cleared.
 *
 * The marks in the issues are the only memory. An issue that people closed as completed is opened again
 * while its alarm lasts; one that they closed as not planned is left alone until the alarm has been cleared
 * once.
 *
 * @module
 */
import type { GitHubIssue } from "./github_api.ts";
import { type Marks, readMarks, renewMarks } from "./mark.ts";
import type { Alarm, Night } from "./verdict.ts";

/** One thing to do, or to leave. */
export type Action =
  | { readonly type: "open"; readonly alarms: readonly Alarm[] }
  | { readonly issue: GitHubIssue }
    & (
      | {
        /** comment: it lasts. reopen: it lasts although the issue was closed as completed. */
        readonly type: "comment" | "reopen";
        readonly alarms: readonly Alarm[];
        /** The issue's text with new marks. */
        readonly body: string;
      }
      | {
        /**
         * close: it is over. renew: some of its alarms are over, or the issue is closed already.
         * absent: a cell that it speaks for was not measured.
         */
        readonly type: "close" | "renew" | "absent";
        readonly body: string;
      }
      /** Another issue stands for the same. */
      | { readonly type: "merge"; readonly into: number; readonly body: string }
      | {
        /** declined: closed as not planned. reported: this run has spoken there already. */
        readonly type: "declined" | "reported";
        readonly alarms: readonly Alarm[];
      }
    );

/** More new regressions than this in one night have one cause more likely than many, and share one issue. */
export const MAX_SINGLE_ISSUES = 3;

/**
 * Plans what is to be done.
 *
 * @param issues All issues that may hold marks, open and closed, in any order.
 * @param runId The run that speaks; it speaks at most once in each issue, however often its job is repeated.
 */
export function planNight(
  { alarms, cleared, absent }: Night,
  issues: readonly GitHubIssue[],
  { runId }: { readonly runId: string },
): Action[] {
  const owners = findOwners(issues);
  const fresh = alarms.filter(({ key }) => !owners.has(key));
  return [
    ...issues.toSorted((a, b) => a.number - b.number).flatMap((issue) => {
      const marks = readMarks(issue.body);
      const owned = marks.live.filter((key) => owners.get(key) === issue);
      return planIssue(issue, marks, {
        owned,
        raised: alarms.filter(({ key }) => owned.includes(key)),
        cleared: owned.filter((key) => cleared.includes(key)),
        isAbsent: owned.some((key) => absent.includes(key)),
        owner: owners.get(marks.live[0] ?? ""),
        runId,
      });
    }),
    ...grouped(fresh).map((group): Action => ({ type: "open", alarms: group })),
  ];
}

interface IssueFacts {
  /** The keys for which the issue speaks, of those that it is marked with. */
  readonly owned: readonly string[];
  readonly raised: readonly Alarm[];
  readonly cleared: readonly string[];
  /** Whether it speaks for a cell that was not measured. */
  readonly isAbsent: boolean;
  /** The issue that speaks for the first key. */
  readonly owner: GitHubIssue | undefined;
  readonly runId: string;
}

function planIssue(
  issue: GitHubIssue,
  { live, runId: lastRunId }: Marks,
  { owned, raised, cleared, isAbsent, owner, runId }: IssueFacts,
): Action[] {
  const past = live.filter((key) =>
    !owned.includes(key) || cleared.includes(key)
  );
  const body = renewMarks(issue.body, { past, runId });
  const target = { issue, body };
  const renew: Action[] = past.length > 0 ? [{ type: "renew", ...target }] : [];
  if (raised.length > 0) {
    if (issue.isDeclined) {
      return [...renew, { type: "declined", issue, alarms: raised }];
    }
    if (!issue.isOpen) return [{ type: "reopen", ...target, alarms: raised }];
    return lastRunId === runId
      ? [{ type: "reported", issue, alarms: raised }]
      : [{ type: "comment", ...target, alarms: raised }];
  }
  if (issue.isOpen && isAbsent && lastRunId !== runId) {
    return [{ type: "absent", ...target }];
  }
  if (!issue.isOpen || past.length === 0) return renew;
  if (owned.length === 0 && owner !== undefined) {
    return [{ type: "merge", ...target, into: owner.number }];
  }
  return owned.length === cleared.length
    ? [{ type: "close", ...target }]
    : renew;
}

/** Returns for each live key the issue that speaks for it: the oldest open one, else the newest closed one. */
function findOwners(
  issues: readonly GitHubIssue[],
): ReadonlyMap<string, GitHubIssue> {
  const rankOf = ({ isOpen, number }: GitHubIssue) =>
    isOpen ? -number : number - Number.MAX_SAFE_INTEGER;
  return new Map(
    issues.toSorted((a, b) => rankOf(a) - rankOf(b)).flatMap((issue) =>
      readMarks(issue.body).live.map((key) => [key, issue] as const)
    ),
  );
}

function grouped(alarms: readonly Alarm[]): (readonly Alarm[])[] {
  const regressions = alarms.filter(({ kind }) => kind === "regression");
  const others = alarms.filter(({ kind }) => kind !== "regression");
  return regressions.length > MAX_SINGLE_ISSUES
    ? [regressions, ...others.map((one) => [one])]
    : alarms.map((one) => [one]);
}
