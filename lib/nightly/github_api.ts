/**
 * The part of GitHub's REST API that the nightly workflow needs: issues, comments, and the last run that passed.
 *
 * @module
 */
import * as v from "valibot";
import {
  callGitHub,
  type GitHubAccess,
  type GitHubCall,
  GitHubError,
} from "./github_request.ts";
import { escapeForTerminal } from "../escape.ts";

/** Where the API is, and who asks. */
export interface GitHubOptions extends GitHubAccess {
  /** The base address of the API, as `https://api.github.com`. */
  readonly apiUrl: string;
  /** The repository, as `owner/name`. */
  readonly repository: string;
}

/** An issue, as far as it is looked at. */
export interface GitHubIssue {
  readonly number: number;
  readonly url: string;
  /** Its text in Markdown, empty if it has none. */
  readonly body: string;
  readonly isOpen: boolean;
  /** Whether it was closed as not planned or as a duplicate, not as completed. */
  readonly isDeclined: boolean;
}

/** What of an issue is to be changed. */
export interface IssueChange {
  readonly body?: string;
  /** Whether it is to be open or closed, and as what. */
  readonly state?: "open" | "completed" | "not_planned";
}

/** A finished run of a workflow. */
export interface WorkflowRun {
  readonly commit: string;
  readonly url: string;
}

/** The calls, all on one repository; each rejects with a GitHubError if it fails for good. */
export interface GitHub {
  /** Lists the issues, open and closed, that have all of these labels; pull requests are left out. */
  listIssues(labels: readonly string[]): Promise<GitHubIssue[]>;
  /** Opens an issue. */
  createIssue(
    issue: { title: string; body: string; labels: readonly string[] },
  ): Promise<GitHubIssue>;
  /** Changes an issue. */
  updateIssue(number: number, change: IssueChange): Promise<void>;
  /** Adds a comment to an issue. */
  createComment(number: number, body: string): Promise<void>;
  /** Returns the newest successful run of a workflow file on a branch, or null. */
  lastPassed(workflow: string, branch: string): Promise<WorkflowRun | null>;
}

const PAGE_SIZE = 100;
/** So many pages are read at most; ten thousand issues of one kind are a fault somewhere. */
const MAX_PAGES = 100;
const MAX_MESSAGE_LENGTH = 300;

const ISSUE = v.object({
  "number": v.pipe(v.number(), v.integer(), v.minValue(1)),
  "html_url": v.string(),
  "body": v.nullish(v.string()),
  "state": v.picklist(["open", "closed"]),
  "state_reason": v.nullish(v.string()),
  "pull_request": v.optional(v.unknown()),
});
const RUNS = v.object({
  "workflow_runs": v.array(
    v.object({ "head_sha": v.string(), "html_url": v.string() }),
  ),
});

/** Returns the calls for one repository. */
export function createGitHub(options: GitHubOptions): GitHub {
  const { apiUrl, repository } = options;
  const base = `${apiUrl.replace(/\/$/, "")}/repos/${repository}`;
  const call = (method: GitHubCall["method"], url: string, body?: unknown) =>
    callGitHub(options, { method, url, body });
  const issueUrl = (number: number) => `${base}/issues/${number}`;
  return {
    async listIssues(labels) {
      const query = new URLSearchParams({
        "state": "all",
        "labels": labels.join(),
        "per_page": String(PAGE_SIZE),
      });
      const issues: GitHubIssue[] = [];
      let url: string | null = `${base}/issues?${query}`;
      for (let page = 0; url !== null; page++) {
        if (page === MAX_PAGES) {
          throw new GitHubError(
            `Cannot list the issues of ${repository}: more than ${
              MAX_PAGES * PAGE_SIZE
            } have the labels ${
              labels.join(", ")
            }; take the labels off old ones`,
          );
        }
        const { value, next } = await call("GET", url);
        const entries = check(v.array(ISSUE), value, `GET ${base}/issues`);
        issues.push(
          ...entries.filter((entry) => entry.pull_request === undefined)
            .map(toIssue),
        );
        url = next;
      }
      return issues;
    },
    async createIssue(issue) {
      const { value } = await call("POST", `${base}/issues`, issue);
      return toIssue(check(ISSUE, value, `POST ${base}/issues`));
    },
    async updateIssue(number, { body, state }) {
      const states = state === undefined
        ? {}
        : state === "open"
        ? { "state": "open" }
        : { "state": "closed", "state_reason": state };
      const bodies = body === undefined ? {} : { body };
      await call("PATCH", issueUrl(number), { ...bodies, ...states });
    },
    async createComment(number, body) {
      await call("POST", `${issueUrl(number)}/comments`, { body });
    },
    async lastPassed(workflow, branch) {
      const query = new URLSearchParams({
        branch,
        "status": "success",
        "per_page": "1",
      });
      const path = `${base}/actions/workflows/${encodeURIComponent(workflow)}`;
      const { value } = await call("GET", `${path}/runs?${query}`);
      const run = check(RUNS, value, `GET ${path}/runs`)["workflow_runs"][0];
      return run === undefined
        ? null
        : { commit: run["head_sha"], url: run["html_url"] };
    },
  };
}

function toIssue(entry: v.InferOutput<typeof ISSUE>): GitHubIssue {
  const reason = entry["state_reason"];
  return {
    number: entry.number,
    url: entry["html_url"],
    body: entry.body ?? "",
    isOpen: entry.state === "open",
    isDeclined: entry.state === "closed" &&
      (reason === "not_planned" || reason === "duplicate"),
  };
}

function check<Output>(
  schema: v.GenericSchema<unknown, Output>,
  value: unknown,
  what: string,
): Output {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new GitHubError(
    `Cannot read the answer to ${what}: at ${
      v.getDotPath(issue) ?? "the top"
    } ${
      escapeForTerminal(issue.message, MAX_MESSAGE_LENGTH)
    }; expected GitHub's REST API there`,
  );
}
