/** A stand-in of GitHub's REST API on 127.0.0.1: issues, comments and workflow runs of one repository, in memory. */

/** An issue of the stand-in, with GitHub's field names. */
export interface StandInIssue {
  number: number;
  title: string;
  body: string | null;
  labels: string[];
  state: "open" | "closed";
  "state_reason": string | null;
  comments: string[];
  isPullRequest?: boolean;
}

/** One request as it came in. */
export interface StandInRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | null;
  readonly body: string;
}

/** The repository of the stand-in. */
export const REPOSITORY = "owner/name";
/** The token that it takes. */
export const TOKEN = "ghs_secretOfTheTest";

/** A running stand-in; disposing ends it. */
export class GitHubStandIn implements AsyncDisposable {
  readonly issues: StandInIssue[] = [];
  readonly requests: StandInRequest[] = [];
  /** Answers that are given in place of the next requests; null lets one through. */
  readonly scripted: (Response | null)[] = [];
  /** The commits of the runs that passed, newest first. */
  readonly passed: string[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => this.#answer(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Adds an issue with the labels of the nightly workflow. */
  addIssue(issue: Partial<StandInIssue> = {}): StandInIssue {
    const added = {
      number: this.issues.length + 1,
      title: "",
      body: "",
      labels: ["performance", "automated"],
      state: "open" as const,
      "state_reason": null,
      comments: [],
      ...issue,
    };
    this.issues.push(added);
    return added;
  }

  /** The requests that change something, as `METHOD path`. */
  writes(): string[] {
    return this.requests.filter(({ method }) => method !== "GET")
      .map(({ method, path }) =>
        `${method} ${path.replace(`/repos/${REPOSITORY}`, "")}`
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url);
    const body = await request.text();
    this.requests.push({
      method: request.method,
      path: pathname + search,
      authorization: request.headers.get("authorization"),
      body,
    });
    const scripted = this.scripted.shift();
    if (scripted) return scripted;
    if (request.headers.get("authorization") !== `Bearer ${TOKEN}`) {
      return failure(401, "Bad credentials");
    }
    const path = pathname.replace(`/repos/${REPOSITORY}`, "");
    const [, number, isComments] =
      /^\/issues\/(\d+)(\/comments)?$/.exec(path) ??
        [];
    const issue = this.issues.find((one) => String(one.number) === number);
    const given = body === "" ? {} : JSON.parse(body);
    if (path === "/issues" && request.method === "GET") {
      return this.#list(searchParams);
    }
    if (path === "/issues" && request.method === "POST") {
      return Response.json(this.#shown(this.addIssue(given)), { status: 201 });
    }
    if (issue !== undefined && isComments && request.method === "POST") {
      issue.comments.push(given.body);
      return Response.json({ "id": 1 }, { status: 201 });
    }
    if (issue !== undefined && request.method === "PATCH") {
      if (given.state === "open") given["state_reason"] = "reopened";
      return Response.json(this.#shown(Object.assign(issue, given)));
    }
    if (/^\/actions\/workflows\/[^/]+\/runs$/.test(path)) {
      return Response.json({
        "workflow_runs": this.passed.slice(0, 1).map((commit) => ({
          "head_sha": commit,
          "html_url": `https://github.com/${REPOSITORY}/actions/runs/1`,
        })),
      });
    }
    return failure(404, "Not Found");
  }

  #list(query: URLSearchParams): Response {
    const labels = (query.get("labels") ?? "").split(",");
    const size = Number(query.get("per_page"));
    const page = Number(query.get("page") ?? 1);
    // Newest first, as GitHub lists them.
    const found = this.issues.toReversed().filter((issue) =>
      (query.get("state") === "all" || issue.state === "open") &&
      labels.every((label) => issue.labels.includes(label))
    );
    const shown = found.slice((page - 1) * size, page * size);
    query.set("page", String(page + 1));
    const link =
      `<${this.url}/repos/${REPOSITORY}/issues?${query}>; rel="next", <x>; rel="last"`;
    return Response.json(
      shown.map((issue) => this.#shown(issue)),
      page * size < found.length ? { headers: { "link": link } } : {},
    );
  }

  #shown(issue: StandInIssue): Record<string, unknown> {
    const { comments: _, isPullRequest, ...rest } = issue;
    return {
      ...rest,
      "html_url": `https://github.com/${REPOSITORY}/issues/${issue.number}`,
      ...(isPullRequest ? { "pull_request": {} } : {}),
    };
  }
}

/** An answer that says what is wrong, as GitHub does. */
export function failure(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ message }, { status, headers });
}
