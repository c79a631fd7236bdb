import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createGitHub, type GitHub } from "../../lib/nightly/github_api.ts";
import { GitHubError } from "../../lib/nightly/github_request.ts";
import {
  failure,
  GitHubStandIn,
  REPOSITORY,
  TOKEN,
} from "../support/github_stand_in.ts";

/** Milliseconds since 1970 on the fake clock. */
const NOW = 1_800_000_000_000;

/** The client of a stand-in, and how long it waited. */
function connect(
  url: string,
  token = TOKEN,
): { github: GitHub; waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    github: createGitHub({
      apiUrl: url,
      repository: REPOSITORY,
      token,
      wait: (ms) => {
        waits.push(ms);
        return Promise.resolve();
      },
      now: () => NOW,
    }),
  };
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, GitHubError)).message;
}

Deno.test("listIssues() reads all pages, open and closed, without pull requests and other labels", async () => {
  await using server = new GitHubStandIn();
  for (let i = 0; i < 250; i++) {
    server.addIssue({ state: i % 2 ? "open" : "closed" });
  }
  server.addIssue({ isPullRequest: true });
  server.addIssue({ labels: ["performance"] });
  const { github } = connect(`${server.url}/`);
  const issues = await github.listIssues(["performance", "automated"]);
  assertEquals(issues.length, 250);
  assertEquals(issues.filter(({ isOpen }) => isOpen).length, 125);
  assertEquals(server.requests.length, 3);
  assert(
    server.requests.every((one) => one.authorization === `Bearer ${TOKEN}`),
  );
});

Deno.test("listIssues() does not follow a page elsewhere, which would get the token", async () => {
  await using server = new GitHubStandIn();
  await using other = new GitHubStandIn();
  server.scripted.push(
    Response.json([], { headers: { "link": `<${other.url}/x>; rel="next"` } }),
  );
  assertEquals(await connect(server.url).github.listIssues(["x"]), []);
  assertEquals(other.requests.length, 0);
});

Deno.test("listIssues() tells issues closed as not planned from completed ones", async () => {
  await using server = new GitHubStandIn();
  for (const reason of ["completed", "not_planned", "duplicate", null]) {
    server.addIssue({ state: "closed", "state_reason": reason, body: null });
  }
  server.addIssue({ "state_reason": "reopened" });
  const issues = await connect(server.url).github.listIssues(["performance"]);
  assertEquals(
    issues.map(({ isOpen, isDeclined, body }) => [isOpen, isDeclined, body]),
    [
      [true, false, ""],
      [false, false, ""],
      [false, true, ""],
      [false, true, ""],
      [false, false, ""],
    ],
  );
});

Deno.test("calls wait as long as a limit asks, then go on", async () => {
  const reset = String(NOW / 1000 + 90);
  const cases = [
    [failure(429, "slow down", { "retry-after": "7" }), 7000],
    [failure(403, "secondary rate limit", { "retry-after": "60" }), 60_000],
    [
      failure(403, "API rate limit exceeded", {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": reset,
      }),
      91_000,
    ],
    [failure(403, "You have exceeded a secondary rate limit"), 60_000],
    [failure(429, "no header"), 60_000],
  ] as const;
  for (const [answer, waitMs] of cases) {
    await using server = new GitHubStandIn();
    server.scripted.push(answer);
    const { github, waits } = connect(server.url);
    await github.createIssue({ title: "t", body: "b", labels: [] });
    assertEquals(waits, [waitMs]);
    assertEquals(server.issues.length, 1);
  }
});

Deno.test("calls fail when a limit ends too late, and say when", async () => {
  await using server = new GitHubStandIn();
  server.scripted.push(failure(429, "slow", { "retry-after": "3600" }));
  const { github, waits } = connect(server.url);
  assertStringIncludes(
    await messageOf(github.createComment(1, "x")),
    "status 429, slow; the limit ends in 60 minutes",
  );
  assertEquals(waits, []);
});

Deno.test("reading and changing is repeated after a fault of the server, at most five times", async () => {
  await using server = new GitHubStandIn();
  server.addIssue();
  server.scripted.push(failure(502, "Bad gateway"), new Response("<html>"));
  const { github, waits } = connect(server.url);
  assertEquals((await github.listIssues(["performance"])).length, 1);
  assertEquals(waits, [1000, 2000]);
  server.scripted.push(...Array.from({ length: 5 }, () => failure(500, "no")));
  assertStringIncludes(
    await messageOf(github.updateIssue(1, { state: "completed" })),
    "status 500, no (attempt 5)",
  );
  assertEquals(server.issues[0]?.state, "open");
});

Deno.test("createIssue() is not repeated when it may have been carried out", async () => {
  await using server = new GitHubStandIn();
  server.scripted.push(failure(502, "Bad gateway"));
  const { github, waits } = connect(server.url);
  await messageOf(github.createIssue({ title: "t", body: "b", labels: [] }));
  assertEquals([server.requests.length, waits], [1, []]);
});

Deno.test("calls fail at once when they are refused, and follow no redirect", async () => {
  await using server = new GitHubStandIn();
  const { github, waits } = connect(server.url, "wrong");
  assertStringIncludes(
    await messageOf(github.listIssues(["x"])),
    "status 401, Bad credentials (attempt 1)",
  );
  server.scripted.push(Response.redirect(`${server.url}/elsewhere`, 301));
  assertStringIncludes(
    await messageOf(github.createComment(1, "x")),
    "status 301",
  );
  assertEquals([server.requests.length, waits], [2, []]);
});

Deno.test("messages hold no token and no control characters", async () => {
  await using server = new GitHubStandIn();
  server.scripted.push(failure(422, `\x1b[2J${TOKEN} \n::error::x`));
  const message = await messageOf(connect(server.url).github.listIssues(["x"]));
  assertFalse(message.includes(TOKEN));
  assertStringIncludes(message, "\\x1b[2J[redacted] \\n::error::x");
});

Deno.test("calls fail when nothing listens or the answer is of another shape", async () => {
  const gone = new GitHubStandIn();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  const { github, waits } = connect(url);
  await messageOf(github.listIssues(["x"]));
  assertEquals(waits, [1000, 2000, 4000, 8000]);
  await using server = new GitHubStandIn();
  server.scripted.push(Response.json([{ "number": 0 }]));
  assertStringIncludes(
    await messageOf(connect(server.url).github.listIssues(["x"])),
    "at 0.number",
  );
});

Deno.test("lastPassed() returns the newest run, or null", async () => {
  await using server = new GitHubStandIn();
  const { github } = connect(server.url);
  assertEquals(await github.lastPassed("nightly-perf.yaml", "main"), null);
  server.passed.push("good", "older");
  assertEquals(
    (await github.lastPassed("nightly-perf.yaml", "main"))?.commit,
    "good",
  );
  assertEquals(
    server.requests.at(-1)?.path,
    `/repos/${REPOSITORY}/actions/workflows/nightly-perf.yaml/runs?branch=main&status=success&per_page=1`,
  );
});
