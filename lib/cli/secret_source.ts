/**
 * Where the server's key and the environment's settings come from; never the command line.
 *
 * @module
 */
import { advise } from "./command_line.ts";
import { UsageError } from "../failure.ts";
import { readText } from "../store.ts";

/** What changes a measurement, so that a refusal must not pass in silence. */
const TOLD_NAMES: readonly string[] = [
  "SCORE_URL",
  "SCORE_API_KEY",
  "SCORE_COMPARE_API_KEY",
];

/** A key that can be sent in a header: visible ASCII. */
const KEY_REGEXP = /^[\x21-\x7e]+$/;

/** The variables that Deno refused to read, each told of once. */
const refused = new Set<string>();

/**
 * Reads an environment variable; null when it is unset, empty, or not allowed to be read.
 *
 * A refused variable of this tool, SCORE_*, is told of on stderr once: it may be set.
 */
export function readEnvironment(name: string): string | null {
  try {
    return Deno.env.get(name) || null;
  } catch {
    if (isRefused(name) && !refused.has(name)) {
      refused.add(name);
      advise(
        `Deno was not allowed to read ${name}; add --allow-env=${name}`,
      );
    }
    return null;
  }
}

function isRefused(name: string): boolean {
  return TOLD_NAMES.includes(name) &&
    Deno.permissions.querySync({ name: "env", variable: name }).state !==
      "granted";
}

/**
 * Reads the file of certificates that was given, if any.
 *
 * @returns Its text, or nothing.
 * @throws {UsageError} If it cannot be read or holds none.
 */
export async function readCertificates(
  path: string | undefined,
): Promise<string[]> {
  if (path === undefined) return [];
  const text = await readText(path);
  if (text.includes("-----BEGIN CERTIFICATE-----")) return [text];
  throw new UsageError([
    `Cannot take --ca-file '${path}': expected certificates in PEM form, found none`,
  ]);
}

/**
 * Returns the key: the first line of a file, else SCORE_API_KEY, else null.
 *
 * @throws {UsageError} If the file cannot be read, or what it holds cannot be a key; the message never holds it.
 */
export async function readApiKey(
  path: string | undefined,
): Promise<string | null> {
  const [source, text] = path === undefined
    ? ["SCORE_API_KEY", readEnvironment("SCORE_API_KEY")]
    : [`--api-key-file '${path}'`, await readText(path)];
  if (text === null) return null;
  const key = text.trim();
  if (KEY_REGEXP.test(key)) return key;
  throw new UsageError([
    `Cannot take the key from ${source}: expected one line of visible ASCII characters, found ${
      key === "" ? "nothing" : "something else"
    }`,
  ]);
}

/**
 * Refuses a key beside an `Authorization` header: a server would take either of them.
 *
 * @param headers The headers that were given, by name in any case.
 * @throws {UsageError} If there are both.
 */
export function refuseTwoKeys(
  apiKey: string | null,
  headers: Readonly<Record<string, string>>,
): void {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (apiKey === null || !names.includes("authorization")) return;
  throw new UsageError([
    "Cannot send two keys: give --header 'Authorization: ...' or the key (SCORE_API_KEY, --api-key-file), not both",
  ]);
}
