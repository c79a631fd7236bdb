/**
 * One call of GitHub's REST API: bounded, repeated where that is safe, within the limits of its rate.
 *
 * Source: https://docs.github.com/en/rest, API version 2022-11-28.
 *
 * @module
 */
import { messageOf } from "../failure.ts";
import * as v from "valibot";
import { createRedactor } from "../secret.ts";
import { escapeForTerminal } from "../escape.ts";

/** Who asks, and how it is waited for. */
export interface GitHubAccess {
  /** The token; it stands in no message. */
  readonly token: string;
  /** Resolves after so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** Milliseconds since 1970, for limits that end at a time of day. */
  readonly now: () => number;
  /** Deadline of one request. @default {30_000} */
  readonly timeoutMs?: number;
}

/** A call that failed for good; the message says which, why, and what to do. */
export class GitHubError extends Error {
  override readonly name = "GitHubError";
}

const API_VERSION = "2022-11-28";
/** A page of issues, each with the 65,536 characters that GitHub allows, in UTF-8 and escaped, fits. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ATTEMPTS = 5;
/** The first wait before another attempt; it doubles each time. */
const FIRST_WAIT_MS = 1000;
/** GitHub asks for a minute where a secondary limit names no time. */
const SECONDARY_WAIT_MS = 60_000;
/** A limit that ends later than this fails the call, so that a job does not sleep until it is killed. */
const MAX_WAIT_MS = 15 * 60_000;
const MAX_REASON_LENGTH = 300;

/** A request. */
export interface GitHubCall {
  readonly method: "GET" | "POST" | "PATCH";
  readonly url: string;
  /** What is sent as JSON; nothing if it is undefined. */
  readonly body?: unknown;
}

/** A successful answer. */
export interface GitHubAnswer {
  /** The JSON value, not checked. */
  readonly value: unknown;
  /** The address of the next page, or null. */
  readonly next: string | null;
}

/** How an attempt ended that was no success. */
interface Failure {
  readonly reason: string;
  /** How long to wait before another attempt, in milliseconds; null where another would not help. */
  readonly waitMs: number | null;
}

/**
 * Sends a request until it succeeds or no further attempt would help.
 *
 * @throws {GitHubError} If it fails for good.
 */
export async function callGitHub(
  options: GitHubAccess,
  call: GitHubCall,
): Promise<GitHubAnswer> {
  const redact = createRedactor([options.token]);
  for (let attempt = 1;; attempt++) {
    const result = await sendOnce(options, call, attempt);
    if (!("reason" in result)) return result;
    const { reason, waitMs } = result;
    const shown = redact(escapeForTerminal(reason, MAX_REASON_LENGTH));
    const problem = `Cannot ${call.method} ${call.url}: ${shown}`;
    if (waitMs === null || attempt === MAX_ATTEMPTS) {
      throw new GitHubError(`${problem} (attempt ${attempt})`);
    }
    if (waitMs > MAX_WAIT_MS) {
      throw new GitHubError(
        `${problem}; the limit ends in ${
          Math.ceil(waitMs / 60_000)
        } minutes, later than is waited for: run the job again then`,
      );
    }
    await options.wait(waitMs);
  }
}

async function sendOnce(
  { token, timeoutMs = 30_000, now }: GitHubAccess,
  { method, url, body }: GitHubCall,
  attempt: number,
): Promise<GitHubAnswer | Failure> {
  const backoffMs = FIRST_WAIT_MS * 2 ** (attempt - 1);
  // A POST whose answer was lost may have been carried out: a second would do it twice.
  const unclearWaitMs = method === "POST" ? null : backoffMs;
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers: {
        "accept": "application/vnd.github+json",
        "authorization": `Bearer ${token}`,
        "content-type": "application/json",
        "user-agent": "scorebench",
        "x-github-api-version": API_VERSION,
      },
      body: body === undefined ? null : JSON.stringify(body),
      // A redirect could carry the token elsewhere, or make a GET of a POST.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await readBounded(response);
  } catch (error) {
    const reason = messageOf(error);
    return { reason, waitMs: unclearWaitMs };
  }
  const value = parseJson(text);
  if (response.ok && value !== undefined) {
    return { value, next: nextPage(response.headers.get("link"), url) };
  }
  const reason = `status ${response.status}, ${describe(value)}`;
  const limitMs = rateLimitMs(response, { now, backoffMs, reason });
  if (limitMs !== null) return { reason, waitMs: limitMs };
  const isUnclear = response.status >= 500 || response.ok;
  return { reason, waitMs: isUnclear ? unclearWaitMs : null };
}

/**
 * Returns how long a rate limit asks to wait, or null where the answer is no limit.
 *
 * Source: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api,
 * "Handle rate limit errors appropriately".
 */
function rateLimitMs(
  { status, headers }: Response,
  { now, backoffMs, reason }: {
    now: () => number;
    backoffMs: number;
    reason: string;
  },
): number | null {
  if (status !== 403 && status !== 429) return null;
  const retryAfter = Number(headers.get("retry-after") ?? NaN);
  if (retryAfter >= 0) return 1000 * retryAfter;
  const reset = Number(headers.get("x-ratelimit-reset") ?? NaN);
  if (headers.get("x-ratelimit-remaining") === "0" && reset >= 0) {
    // Clocks differ; a second more costs less than another refusal.
    return Math.max(0, 1000 * reset - now()) + 1000;
  }
  const isSecondary = status === 429 || /rate limit|abuse/i.test(reason);
  return isSecondary ? SECONDARY_WAIT_MS * backoffMs / FIRST_WAIT_MS : null;
}

function describe(value: unknown): string {
  const parsed = v.safeParse(v.object({ "message": v.string() }), value);
  return parsed.success ? parsed.output.message : "an answer without a message";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (length > MAX_ANSWER_BYTES) {
      throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Reads the next page's address from a Link header (RFC 8288); one elsewhere is not followed, it would get the token. */
export function nextPage(link: string | null, url: string): string | null {
  const [, next] = /<([^<>]+)>;\s{0,8}rel="next"/.exec(link ?? "") ?? [];
  if (next === undefined) return null;
  const address = URL.canParse(next, url) ? new URL(next, url) : null;
  return address?.origin === new URL(url).origin ? address.href : null;
}
