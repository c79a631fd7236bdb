/**
 * The flags that name a target, and what they mean together.
 *
 * @module
 */
import { messageOf } from "../failure.ts";
import { type Flag, flag } from "../cli/command_spec.ts";
import { createRequestEncoder } from "../http/request.ts";
import { hideKeys } from "../secret.ts";
import { launchWords } from "../server/launch.ts";

/** The flags of every script that sends requests. */
export const TARGET_FLAGS = [
  flag.text("url URL", "The server to measure; SCORE_URL is used without it"),
  flag.text(
    "launch COMMAND",
    "Start a server for each model and dtype, without a shell; {model}, {dtype} and {port} are replaced",
  ),
  flag.number(
    "launch-timeout SECONDS",
    "How long a launched server may take to answer",
    { min: 1, max: 86_400, default: 1800 },
  ),
  flag.text(
    "api-key-file FILE",
    "File that holds the server's key; SCORE_API_KEY is used without it",
  ),
  flag.text(
    "header 'NAME: VALUE'",
    "A further header of every request, for gateways; its value, and each word in it, of 8 characters or more is hidden wherever text is shown",
    { repeat: true },
  ),
  flag.text("ca-file FILE", "Certificates (PEM) to trust beside the system's"),
  flag.text(
    "unix-socket PATH",
    "Connect to this socket instead of the host of --url",
  ),
  flag.text(
    "hardware NAME",
    "The accelerator, where it cannot be found, as tpu-v6e-4",
  ),
  flag.number("timeout SECONDS", "Deadline of one request", {
    min: 0.001,
    max: 86_400,
    default: 120,
  }),
  flag.number(
    "warmup-timeout SECONDS",
    "Deadline of a warm-up request, where that is longer: a first compile takes minutes",
    { min: 0.001, max: 86_400, default: 600 },
  ),
  flag.text(
    "server-log FILE",
    "The file that the server at --url writes its log to: it proves what was compiled. That of a launched server is known",
  ),
] as const satisfies readonly Flag[];

/** The values of these flags that need a look together. */
export interface TargetFlags {
  readonly url: string | undefined;
  readonly launch: string | undefined;
  readonly unixSocket: string | undefined;
  readonly serverLog: string | undefined;
  readonly header: readonly string[];
}

/** What is asked for as a target; with neither URL nor command the engine is simulated. */
export interface TargetRequest {
  /** The URL, checked, or null. */
  readonly url: string | null;
  /** The launch command, checked, or null. */
  readonly launch: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Checks the flags that name a target.
 *
 * @param flags Their values.
 * @param environmentUrl The value of SCORE_URL, or null; `--url` and `--launch` go before it.
 * @param problems What is wrong is added here, a line each.
 */
export function readTargetFlags(
  flags: TargetFlags,
  environmentUrl: string | null,
  problems: string[],
): TargetRequest {
  if (flags.url !== undefined && flags.launch !== undefined) {
    problems.push("Cannot take both --url and --launch: give one of them");
  }
  const launch = flags.launch ?? null;
  const url = launch !== null ? null : flags.url ?? environmentUrl;
  if (url !== null) {
    problems.push(
      ...urlProblems(url, flags.url === undefined ? "SCORE_URL" : "--url"),
    );
  }
  if (launch !== null) problems.push(...launchProblems(launch));
  if (flags.unixSocket !== undefined && url === null) {
    problems.push("Cannot take --unix-socket without --url");
  }
  if (flags.serverLog !== undefined && url === null) {
    problems.push(
      "Cannot take --server-log without --url: the log of a launched server is known",
    );
  }
  return { url, launch, headers: readHeaders(flags.header, problems) };
}

/** A header as `NAME: VALUE`; which names and values can be sent is the client's own check. */
const HEADER_REGEXP = /^([^\s:]+):\s*(\S.*)$/;

function readHeaders(
  texts: readonly string[],
  problems: string[],
): Record<string, string> {
  const pairs = texts.flatMap((text) => {
    const [, name, value] = HEADER_REGEXP.exec(text) ?? [];
    if (name !== undefined && value !== undefined) return [[name, value]];
    problems.push("Cannot take --header: expected 'NAME: VALUE'");
    return [];
  });
  const names = pairs.map(([name = ""]) => name.toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    problems.push(`Cannot take --header ${twice} twice: give one value`);
    return {};
  }
  const headers: Record<string, string> = Object.fromEntries(pairs);
  try {
    createRequestEncoder(new URL("http://host"), headers);
  } catch (error) {
    problems.push(
      `Cannot take --header: ${messageOf(error)}`,
    );
  }
  return headers;
}

/** Says what is wrong with a URL that was given under a name. */
export function urlProblems(text: string, name: string): string[] {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    return [
      `Cannot take ${name}: expected a URL such as http://127.0.0.1:30000, found ${
        JSON.stringify(hideUserInfo(text))
      }`,
    ];
  }
  const api = /\/v1(?:\/score)?\/*$/.exec(url.pathname)?.[0];
  return [
    ...(api === undefined ? [] : [
      `Cannot take ${name} that ends in ${api}: leave it off, requests go to /v1/score below the URL`,
    ]),
    ...(url.username !== "" || url.password !== ""
      ? [
        `Cannot take ${name} with a user or password in it: put the key into SCORE_API_KEY or --api-key-file`,
      ]
      : []),
    ...(url.search !== "" || url.hash !== ""
      ? [
        `Cannot take ${name} with a query or fragment: expected the base URL alone, such as ${url.origin}`,
      ]
      : []),
  ];
}

function hideUserInfo(text: string): string {
  return text.replace(/^(\w+:\/\/)?.*@/s, "$1[hidden]@");
}

/** Says what is wrong with a launch command, without its secrets. */
export function launchProblems(command: string): string[] {
  try {
    launchWords(command, { model: "", dtype: "", port: "" });
    return [];
  } catch (error) {
    return [hideKeys(messageOf(error))];
  }
}
