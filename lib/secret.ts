/**
 * Keeps secrets out of everything that is stored or shown.
 *
 * @module
 */

/** Returns a text with every known secret replaced. */
export type Redactor = (text: string) => string;

/** What stands where a secret was. */
export const REDACTED = "[redacted]";

/** Names of fields whose text is a secret, whatever it is. */
const SECRET_NAME_REGEXP =
  /key$|secret|password|credential|authorization|(^|_)token$/i;

/**
 * Makes a {@linkcode Redactor} for a list of secrets.
 *
 * Each is replaced in plain form and in the forms that JSON and URLs give it.
 *
 * @param secrets The secrets; empty ones are passed over.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const forms = secrets.filter((secret) => secret !== "").flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
  ]);
  // Longest first, so that a secret inside another leaves no rest.
  const ordered = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  return (text) =>
    ordered.reduce((rest, form) => rest.replaceAll(form, REDACTED), text);
}

/** How deep and how wide a server's answer is copied; the rest is left out. */
const MAX_DEPTH = 6;
const MAX_ENTRIES = 500;
const MAX_TEXT_LENGTH = 2_000;

/**
 * Copies a JSON value without secrets and within bounds.
 *
 * A text in a field whose name speaks of a key, a secret, a password or a credential is hidden;
 * every text goes through the redactor; depth, width and lengths are bounded.
 *
 * @param value Any value that came from `JSON.parse`.
 * @param redact Takes known secrets out of texts.
 * @param depth How deep the value lies in the whole; 0 for the whole itself.
 */
export function redactJson(
  value: unknown,
  redact: Redactor,
  depth = 0,
): unknown {
  if (typeof value === "string") return redact(value).slice(0, MAX_TEXT_LENGTH);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ENTRIES).map((entry) =>
      redactJson(entry, redact, depth + 1)
    );
  }
  return Object.fromEntries(
    Object.entries(value).slice(0, MAX_ENTRIES).map(([name, entry]) => {
      const hidden = SECRET_NAME_REGEXP.test(name) &&
        typeof entry === "string" && entry !== "";
      return [
        redact(name).slice(0, MAX_TEXT_LENGTH),
        hidden ? REDACTED : redactJson(entry, redact, depth + 1),
      ];
    }),
  );
}

/** A flag whose name speaks of a secret, and its value: pieces in quotes and without, as a shell joins them. */
const KEY_FLAG_REGEXP =
  /(--[\w-]*(?:key|secret|password|token)(?:=|\s+))(?:"[^"]*"|'[^']*'|\S)+/gi;

/** Hides the values of flags such as `--api-key` in a command line. */
export function hideKeys(command: string): string {
  return command.replace(KEY_FLAG_REGEXP, `$1${REDACTED}`);
}
