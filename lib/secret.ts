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

/** A flag, setting or variable that gives a secret a value, as a word of a command; its value follows `=` or is the next word. */
const SECRET_WORD_REGEXPS = [
  /^-{0,2}[\w.-]*(?:key|secret|password|token)s?(?:=(.*))?$/is,
  // The name is looked at once: of many that are secret each would else be gone through to its end.
  /^(?=\w*?(?:KEY|SECRET|PASSWORD|TOKEN(?!IZER)))\w+=(.*)$/s,
];

/** A number after a name of tokens counts them, and a short value also stands elsewhere: {@linkcode hideKeys} hides it by its name. */
function isSecretValue(value: string): boolean {
  return value.length >= LEAST_SECRET_LENGTH && !/^\d+$/.test(value);
}

/**
 * Returns the values of the key-like arguments and variables of a command, as of `--admin-api-key
 * VALUE`, `--admin-api-key=VALUE` and `HF_TOKEN=VALUE`, those of 8 characters and more; a command within
 * a word, as of `sh -c`, is looked through too.
 *
 * @param words The command, split.
 */
export function argumentSecrets(words: readonly string[]): string[] {
  return words.flatMap((word, i) => {
    const match = SECRET_WORD_REGEXPS.map((name) => name.exec(word))
      .find((found) => found !== null);
    if (match !== undefined) {
      const next = word.startsWith("-") ? words[i + 1] ?? "" : "";
      const value = match[1] ?? (next.startsWith("--") ? "" : next);
      return isSecretValue(value) ? [value] : [];
    }
    const inner = word.replace(/^--?[\w-]+=/, "").split(/[\s"']+/);
    return inner[0] === word ? [] : argumentSecrets(inner);
  });
}

/** So much of the beginning of a secret gives it away, in characters, where a text was cut within it. */
const PREFIX_LENGTH = 12;

/**
 * Makes a {@linkcode Redactor} for a list of secrets.
 *
 * Each is replaced in plain form, in the forms that JSON (once and twice), URLs, hex and base64 give it, and where a
 * text was cut within it.
 *
 * @param secrets The secrets; empty ones are passed over.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const known = secrets.filter((secret) => secret !== "");
  // Longest first, so that a secret inside another leaves no rest.
  const forms = [...new Set(known.flatMap(formsOf))]
    .toSorted((a, b) => b.length - a.length);
  const long = known.filter(({ length }) => length > PREFIX_LENGTH);
  return (text) => {
    const whole = forms.reduce(
      (rest, form) => rest.replaceAll(form, REDACTED),
      text,
    );
    return long.reduce(hideBeginnings, whole);
  };
}

/** Returns the forms in which a secret may be found; short ones would be found everywhere. */
function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const bytes = new TextEncoder().encode(secret);
  const each = (write: (byte: number) => string) =>
    [...bytes].map(write).join("");
  const hex = each((byte) => byte.toString(16).padStart(2, "0"));
  const escaped = [...secret].map((character) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  ).join("");
  const percent = each((byte) => `%${byte.toString(16).padStart(2, "0")}`);
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret),
    ...secret.length < LEAST_SECRET_LENGTH ? [] : [
      ...[hex, percent, escaped, escaped.replaceAll("\\", "\\\\")]
        .flatMap((form) => [form, form.toUpperCase().replaceAll("\\U", "\\u")]),
      ...[0, 1, 2].flatMap((before) => base64Of(bytes, before)),
    ],
  ];
}

/** Returns what base64 makes of bytes that have so many others before them, and any behind: what is theirs alone. */
function base64Of(bytes: Uint8Array, before: number): string[] {
  const whole = new Uint8Array([...new Uint8Array(before), ...bytes]);
  const text = whole.toBase64();
  const own = text.slice(
    before === 0 ? 0 : before + 1,
    Math.floor(whole.length * 4 / 3),
  );
  return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
}

function hideBeginnings(text: string, secret: string): string {
  const head = secret.slice(0, PREFIX_LENGTH);
  let shown = "";
  let from = 0;
  for (let at = text.indexOf(head); at >= 0; at = text.indexOf(head, from)) {
    let end = at + PREFIX_LENGTH;
    while (end < text.length && text[end] === secret[end - at]) end++;
    shown += text.slice(from, at) + REDACTED;
    from = end;
  }
  return shown + text.slice(from);
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
          SECRET_NAME_REGEXP.test(name) ? (text) => text && REDACTED : redact,
          depth + 1,
        ),
      ];
    }),
  );
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
  // The blanks are taken as a whole or not at all, or a long row of them is gone through for each.
  String.raw`(--[\w-]{0,64}(?:key|secret|password|token)s?(?:=|\s+(?=\S)))`,
  String.raw`((?:key|secret|password|token)s?=)`,
].map((name) => new RegExp(name + VALUE, "gi"));
const VARIABLE_REGEXP = new RegExp(
  String.raw`((?:KEY|SECRET|PASSWORD|TOKEN(?!IZER))\w{0,64}=)` + VALUE,
  "g",
);

/** A text under a name in quotes, as in JSON and in a dictionary of Python. */
const FIELD_REGEXP =
  /((["'])[\w-]{0,64}(?:key|secret|password|token)s?\2\s{0,8}:\s{0,8}(["']))(?:(?!\3)[^\\]|\\.)+(?=\3|$)/gis;

/** Hides the values of flags such as `--api-key`, of settings such as `api_key=` and `HF_TOKEN=`, and of fields such as `"api_key":`. */
export function hideKeys(command: string): string {
  return [...KEY_REGEXPS, VARIABLE_REGEXP, FIELD_REGEXP].reduce(
    (rest, name) => rest.replace(name, `$1${REDACTED}`),
    command,
  );
}
