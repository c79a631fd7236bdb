/**
 * Keeps secrets out of everything that is stored or shown.
 *
 * @module
 */

/** Returns a text with every known secret replaced. */
export type Redactor = (text: string) => string;

/** What stands where a secret was. */
export const REDACTED = "[redacted]";

/** Names of fields whose texts are secrets, whatever they are. */
const SECRET_NAME_REGEXP =
  /keys?$|secret|password|credential|authorization|(^|_)tokens?$/i;

/** A shorter value of a header is a number or a word that also stands elsewhere, as in a model's name; no gateway's key is so short. */
const LEAST_SECRET_LENGTH = 8;

/**
 * Returns the values of headers that may be secrets, as a gateway's key is: those of 8 characters
 * and more, and of these the words, since a server may quote the key without its `Bearer`.
 */
export function headerSecrets(
  headers: Readonly<Record<string, string>>,
): string[] {
  return Object.values(headers)
    .flatMap((value) => [value, ...value.split(/[ \t]+/)])
    .filter((value) => value.length >= LEAST_SECRET_LENGTH);
}

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
 * All texts in a field whose name speaks of keys, secrets, passwords or credentials are hidden;
 * every other text goes through the redactor and {@linkcode hideKeys}; depth, width and lengths are
 * bounded.
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
  if (typeof value === "string") return shownText(value, redact);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ENTRIES).map((entry) =>
      redactJson(entry, redact, depth + 1)
    );
  }
  return Object.fromEntries(
    Object.entries(value).slice(0, MAX_ENTRIES).map(([name, entry]) => {
      return [
        redact(name).slice(0, MAX_TEXT_LENGTH),
        redactJson(
          entry,
          SECRET_NAME_REGEXP.test(name) ? hideAll : redact,
          depth + 1,
        ),
      ];
    }),
  );
}

function hideAll(text: string): string {
  return text === "" ? "" : REDACTED;
}

function shownText(text: string, redact: Redactor): string {
  // What the redactor knows is hidden before the cut; the value of a flag is hidden to the end.
  return hideKeys(redact(text).slice(0, MAX_TEXT_LENGTH))
    .slice(0, MAX_TEXT_LENGTH);
}

/** A value: pieces in quotes and without, as a shell joins them. A number of tokens is none. */
const VALUE =
  /(?!(?<=(?:tokens|TOKENS)\w{0,64}(?:=|\s+))\d+(?![^\s,;)\]}]))(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|\S)+/
    .source;

/** What gives a secret a value: flags, names as they end in settings, and variables of an environment. Names are bounded, as texts are hostile. */
const KEY_REGEXPS = [
  String.raw`(--[\w-]{0,64}(?:key|secret|password|token)s?(?:=|\s+))`,
  String.raw`((?:key|secret|password|token)s?=)`,
].map((name) => new RegExp(name + VALUE, "gi"));
const VARIABLE_REGEXP = new RegExp(
  String.raw`((?:KEY|SECRET|PASSWORD|TOKEN(?!IZER))\w{0,64}=)` + VALUE,
  "g",
);

/** Hides the values of flags such as `--api-key`, and of settings such as `api_key=` and `HF_TOKEN=`. */
export function hideKeys(command: string): string {
  return [...KEY_REGEXPS, VARIABLE_REGEXP].reduce(
    (rest, name) => rest.replace(name, `$1${REDACTED}`),
    command,
  );
}
