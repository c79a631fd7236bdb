/**
 * Reads the body of a score request as FastAPI and pydantic do for SGLang-JAX:
 * lax coercions, all problems at once, and the message as the text of a Python list.
 *
 * Rules: pydantic's conversion table (https://docs.pydantic.dev/latest/concepts/conversion_table/).
 *
 * @module
 */

/** A score request after validation; null where the field was null or absent. */
export interface ScoreCall {
  /** Text or token ids that stand before (or after) each item. */
  query: string | readonly number[] | null;
  /** What is scored: one text, texts, or lists of token ids. */
  items: string | readonly string[] | readonly (readonly number[])[] | null;
  /** Token ids whose probability is asked for. */
  labelTokenIds: readonly number[] | null;
  applySoftmax: boolean;
  /** Whether the item stands before the query. */
  itemFirst: boolean;
  /** Echoed in the answer, never checked. */
  model: string;
}

/** The outcome of {@linkcode parseScoreCall}: the request, or the text of its problems. */
export type ParsedCall =
  | { ok: true; call: ScoreCall }
  | { ok: false; message: string };

type Path = readonly (string | number)[];

interface Problem {
  type: string;
  loc: Path;
  msg: string;
  input: unknown;
}

/** A reading of one value: the value, or what is wrong with it. */
type Reading<T> = { value: T } | { problems: Problem[] };

const INTEGER_TEXT_REGEXP = /^\s*[+-]?\d+(?:_\d+)*(?:\.0+)?\s*$/;
const TRUE_WORDS: readonly string[] = ["1", "on", "t", "true", "y", "yes"];
const FALSE_WORDS: readonly string[] = ["0", "off", "f", "false", "n", "no"];

/**
 * Validates the body of a `POST /v1/score`.
 *
 * Malformed JSON is found first, then the media type, then the fields in the order of
 * the schema. Where exactly the JSON broke is known only for a body that ends too early.
 *
 * @param contentType The `Content-Type` header, or null where there is none.
 * @param bodyText The body, decoded.
 */
export function parseScoreCall(
  contentType: string | null,
  bodyText: string,
): ParsedCall {
  const media = contentType?.toLowerCase().split(";")[0]?.trim();
  let body: unknown;
  if (
    bodyText !== "" &&
    (media === undefined || /^application\/(?:[^;]+\+)?json$/.test(media))
  ) {
    try {
      body = JSON.parse(bodyText);
    } catch {
      const ctx = { error: "Expecting value" };
      const problem = {
        type: "json_invalid",
        loc: ["body", bodyText.length] as const,
        msg: "JSON decode error",
        input: {},
      };
      return { ok: false, message: `[${problemText(problem, ctx)}]` };
    }
  }
  if (media !== "application/json") {
    return {
      ok: false,
      message:
        "[{'loc': ['header', 'content-type'], 'msg': \"Unsupported Media Type: Only 'application/json' is allowed\", 'type': 'value_error'}]",
    };
  }
  return readFields(body);
}

function readFields(body: unknown): ParsedCall {
  const problems: Problem[] = [];
  const take = <T>(reading: Reading<T>): T | undefined => {
    if ("value" in reading) return reading.value;
    problems.push(...reading.problems);
    return undefined;
  };
  const fail = (): ParsedCall => ({
    ok: false,
    message: `[${problems.map((p) => problemText(p)).join(", ")}]`,
  });
  if (body === undefined || body === null) {
    take(wrong("missing", ["body"], "Field required", null));
    return fail();
  }
  if (typeof body !== "object" || Array.isArray(body)) {
    const msg =
      "Input should be a valid dictionary or object to extract fields from";
    take(wrong("model_attributes_type", ["body"], msg, body));
    return fail();
  }
  const field = (name: string): unknown =>
    Object.hasOwn(body, name)
      ? (body as Record<string, unknown>)[name]
      : undefined;
  const query = take(readQuery(field("query") ?? null));
  const items = take(readItems(field("items") ?? null));
  const labels = field("label_token_ids") ?? null;
  const labelTokenIds = take<number[] | null>(
    labels === null
      ? { value: null }
      : readList(labels, ["body", "label_token_ids"], readInteger),
  );
  const applySoftmax = take(
    readBoolean(field("apply_softmax"), "apply_softmax"),
  );
  const itemFirst = take(readBoolean(field("item_first"), "item_first"));
  const model = take(
    field("model") === undefined
      ? wrong("missing", ["body", "model"], "Field required", body)
      : readText(field("model"), ["body", "model"]),
  );
  if (
    query === undefined || items === undefined || labelTokenIds === undefined ||
    applySoftmax === undefined || itemFirst === undefined || model === undefined
  ) return fail();
  return {
    ok: true,
    call: { query, items, labelTokenIds, applySoftmax, itemFirst, model },
  };
}

function readQuery(value: unknown): Reading<ScoreCall["query"]> {
  if (value === null) return { value };
  return firstOf<ScoreCall["query"]>([
    readText(value, ["body", "query", "str"]),
    readList(value, ["body", "query", "list[int]"], readInteger),
  ]);
}

function readItems(value: unknown): Reading<ScoreCall["items"]> {
  if (value === null) return { value };
  return firstOf<ScoreCall["items"]>([
    readText(value, ["body", "items", "str"]),
    readList(value, ["body", "items", "list[str]"], readText),
    readList(
      value,
      ["body", "items", "list[list[int]]"],
      (item, loc) => readList(item, loc, readInteger),
    ),
  ]);
}

/** The branches of these unions never accept the same value, but for `[]`, so the first that accepts decides. */
function firstOf<T>(readings: readonly Reading<T>[]): Reading<T> {
  const problems: Problem[] = [];
  for (const reading of readings) {
    if ("value" in reading) return reading;
    problems.push(...reading.problems);
  }
  return { problems };
}

function readText(value: unknown, loc: Path): Reading<string> {
  return typeof value === "string"
    ? { value }
    : wrong("string_type", loc, "Input should be a valid string", value);
}

function readList<T>(
  value: unknown,
  loc: Path,
  readItem: (item: unknown, loc: Path) => Reading<T>,
): Reading<T[]> {
  if (!Array.isArray(value)) {
    return wrong("list_type", loc, "Input should be a valid list", value);
  }
  const list: T[] = [];
  const problems: Problem[] = [];
  for (const [i, item] of value.entries()) {
    const reading = readItem(item, [...loc, i]);
    if ("value" in reading) list.push(reading.value);
    else problems.push(...reading.problems);
  }
  return problems.length === 0 ? { value: list } : { problems };
}

function readInteger(value: unknown, loc: Path): Reading<number> {
  const msg = "Input should be a valid integer";
  if (typeof value === "boolean") return { value: value ? 1 : 0 };
  if (typeof value === "number") {
    return Number.isInteger(value) ? { value } : wrong(
      "int_from_float",
      loc,
      `${msg}, got a number with a fractional part`,
      value,
    );
  }
  if (typeof value === "string") {
    return INTEGER_TEXT_REGEXP.test(value)
      ? { value: Number(value.replaceAll("_", "")) }
      : wrong(
        "int_parsing",
        loc,
        `${msg}, unable to parse string as an integer`,
        value,
      );
  }
  return wrong("int_type", loc, msg, value);
}

function readBoolean(value: unknown, name: string): Reading<boolean> {
  if (value === undefined) return { value: false };
  if (typeof value === "boolean") return { value };
  const loc = ["body", name];
  const msg = "Input should be a valid boolean";
  if (typeof value !== "string" && typeof value !== "number") {
    return wrong("bool_type", loc, msg, value);
  }
  const word = String(value).toLowerCase();
  if (TRUE_WORDS.includes(word)) return { value: true };
  if (FALSE_WORDS.includes(word)) return { value: false };
  return wrong("bool_parsing", loc, `${msg}, unable to interpret input`, value);
}

function wrong(
  type: string,
  loc: Path,
  msg: string,
  input: unknown,
): { problems: Problem[] } {
  return { problems: [{ type, loc, msg, input }] };
}

function problemText(problem: Problem, ctx?: unknown): string {
  const loc = problem.loc.map(pythonRepr).join(", ");
  const tuple = problem.loc.length === 1 ? `(${loc},)` : `(${loc})`;
  const tail = ctx === undefined ? "" : `, 'ctx': ${pythonRepr(ctx)}`;
  return `{'type': ${pythonRepr(problem.type)}, 'loc': ${tuple}, 'msg': ${
    pythonRepr(problem.msg)
  }, 'input': ${pythonRepr(problem.input)}${tail}}`;
}

/** Renders a JSON value as Python's `repr` does. */
function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return pythonTextRepr(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  const fields = Object.entries(value).map(([name, item]) =>
    `${pythonTextRepr(name)}: ${pythonRepr(item)}`
  );
  return `{${fields.join(", ")}}`;
}

function pythonTextRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    [quote]: `\\${quote}`,
  };
  // deno-lint-ignore no-control-regex
  const inner = text.replace(/[\\'"\x00-\x1f\x7f-\x9f]/g, (c) => {
    const known = escapes[c];
    if (known !== undefined) return known;
    if (c === "'" || c === '"') return c;
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return quote + inner + quote;
}
