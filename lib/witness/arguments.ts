/**
 * Reads the launch arguments that a server logs, as Python's `repr` writes them.
 *
 * @module
 */

/** A longer text, or one nested deeper, is none that a server logs. */
const MAX_ARGUMENTS = 2_000;
const MAX_DEPTH = 8;

/**
 * Reads `ServerArgs(name=value, ...)`; what is no literal is kept as text.
 *
 * @returns null where it is cut or of another form.
 */
export function parseServerArgs(
  text: string,
): Readonly<Record<string, unknown>> | null {
  const reader = new ReprReader(text);
  if (!reader.take("ServerArgs(")) return null;
  const found: [string, unknown][] = [];
  while (!reader.take(")")) {
    const name = reader.name();
    if (name === null || !reader.take("=") || found.length > MAX_ARGUMENTS) {
      return null;
    }
    const value = reader.value(0);
    if (value === undefined) return null;
    found.push([name, value]);
    if (!reader.take(",") && !reader.at(")")) return null;
  }
  return Object.fromEntries(found);
}

const SPACE_REGEXP = /\s*/y;
const NAME_REGEXP = /[A-Za-z_]\w*/y;
const NUMBER_REGEXP = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])/yi;
const STRING_REGEXP = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/ys;
const WORDS: Readonly<Record<string, unknown>> = {
  "None": null,
  "True": true,
  "False": false,
};

class ReprReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  at(token: string): boolean {
    this.#match(SPACE_REGEXP);
    return this.#text.startsWith(token, this.#at);
  }

  take(token: string): boolean {
    if (!this.at(token)) return false;
    this.#at += token.length;
    return true;
  }

  name(): string | null {
    this.#match(SPACE_REGEXP);
    return this.#match(NAME_REGEXP)?.[0] ?? null;
  }

  /** A value; undefined where the text ends inside it. */
  value(depth: number): unknown {
    if (depth > MAX_DEPTH) return undefined;
    if (this.take("[")) return this.#list("]", depth);
    if (this.take("(")) return this.#list(")", depth);
    const string = this.#match(STRING_REGEXP);
    if (string !== null) {
      return (string[1] ?? string[2] ?? "").replaceAll(/\\(.)/gs, "$1");
    }
    const number = this.#match(NUMBER_REGEXP);
    if (number !== null) return Number(number[0]);
    const start = this.#at;
    const word = this.#match(NAME_REGEXP)?.[0] ?? "";
    if (Object.hasOwn(WORDS, word) && !this.at("(")) return WORDS[word];
    this.#at = start;
    return this.#raw();
  }

  #list(end: string, depth: number): unknown {
    const values: unknown[] = [];
    while (!this.take(end)) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      values.push(value);
      if (!this.take(",") && !this.at(end)) return undefined;
    }
    return values;
  }

  /** What is none of these, up to the comma or bracket behind it. */
  #raw(): string | undefined {
    const start = this.#at;
    const open: string[] = [];
    for (; this.#at < this.#text.length; this.#at++) {
      const one = this.#text.charAt(this.#at);
      if (open.length === 0 && ",)]".includes(one)) {
        return this.#text.slice(start, this.#at);
      }
      if ("([{<".includes(one)) open.push(one);
      else if (")]}>".includes(one)) open.pop();
    }
    return undefined;
  }

  #match(regexp: RegExp): RegExpExecArray | null {
    regexp.lastIndex = this.#at;
    const match = regexp.exec(this.#text);
    if (match !== null) this.#at = regexp.lastIndex;
    return match;
  }
}
