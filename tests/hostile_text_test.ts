// No step on the text of a stranger is more than linear in its length: what a server answers and logs, what a file of
// another machine holds, what stands in an issue. What reads such a text anew gets a line here.
import { CSV_COLUMNS, parseResultCsv } from "../lib/baseline/csv.ts";
import {
  escapeForCsv,
  escapeForLog,
  escapeForTerminal,
  unescapeCsv,
} from "../lib/escape.ts";
import { parseHeaders } from "../lib/http/head.ts";
import { toJson } from "../lib/json.ts";
import { nextPage } from "../lib/nightly/github_request.ts";
import { readMarks, renewMarks } from "../lib/nightly/mark.ts";
import { escapeHtml, escapeMarkdown, escapeXml } from "../lib/report/markup.ts";
import { renderTable } from "../lib/report/table.ts";
import { quoteBody } from "../lib/score/answer.ts";
import { parseDataSource, parseJsonLine } from "../lib/score/data.ts";
import {
  argumentSecrets,
  createRedactor,
  hideKeys,
  redactJson,
} from "../lib/secret.ts";
import { parseObjectives } from "../lib/load/objectives.ts";
import { readMetrics } from "../lib/stress/reading.ts";
import { readLine, readMessage } from "../lib/witness/patterns.ts";
import { wrapCharacters, wrapWords } from "../lib/wrap.ts";
import { assertLinear } from "./support/growth.ts";

const KEY = "sk-7f3a-secret";
const redact = createRedactor([KEY]);
const encode = (text: string) => new TextEncoder().encode(text);

/** Writes a row of a result file with a text as its number of items a second, and as its model. */
const csvWith = (text: string) =>
  [
    CSV_COLUMNS.join(","),
    ...[["m", text], [text, "1"]].map(([model, number]) =>
      `1,2,${model},d,3,1,3,${number},50,20,29,29.8,20,10,OK`
    ),
  ].join("\r\n");

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  hideKeys,
  "argumentSecrets of a word": (text) => argumentSecrets([text]),
  "argumentSecrets of words": (text) => argumentSecrets(text.split(" ")),
  "a redactor": redact,
  redactJson: (text) => redactJson({ a: text, [text]: [text] }, redact),
  escapeForTerminal,
  escapeForLog,
  escapeForCsv,
  unescapeCsv,
  toJson,
  escapeHtml,
  escapeXml,
  escapeMarkdown,
  wrapWords: (text) => wrapWords(text, 80),
  wrapCharacters: (text) => wrapCharacters(text, 80),
  renderTable: (text) =>
    renderTable(
      [
        { title: "Model", align: "left" },
        { title: "Status", align: "left" },
      ],
      // Names are bounded where they are read.
      [[text.slice(0, 2_000), text.slice(-2_000)]],
      { title: [], terminalColumns: 80 },
    ),
  "parseResultCsv of a row": (text) => parseResultCsv(csvWith(text)),
  "parseResultCsv of a file": parseResultCsv,
  parseHeaders: (text) => parseHeaders(encode(`HTTP/1.1 200 OK\r\nX: ${text}`)),
  quoteBody: (text) => quoteBody(encode(text), redact),
  readMetrics: (text) => readMetrics(`a{${text}\na ${text}\n${text}`),
  nextPage: (text) => nextPage(text, "http://127.0.0.1/"),
  readMarks,
  "readMarks of a mark": (text) => readMarks(`<!-- scorebench:live ${text}`),
  renewMarks: (text) => renewMarks(text, { past: ["a"], runId: "1" }),
  parseObjectives: (text) => parseObjectives(`p99${text}`),
  parseDataSource: (text) => {
    try {
      parseDataSource(`query=${text}`);
    } catch {
      // Refused.
    }
  },
  parseJsonLine: (text) => parseJsonLine(JSON.stringify({ query: text })),
  "a line of a log": (text) => readMessage(readLine(text).message),
  "a line of a log that is nearly known": (text) =>
    [
      "Prefill batch",
      "[2026-02-13 23:31:31 TP0] ",
      "W0610 23:50:44.1 ",
      '"POST /v1/score',
      "Finished XLA compilation of ",
      "server_args=ServerArgs(",
      "[EXTEND] Begin to precompile bs_paddings=[",
    ].map((begin) => readMessage(readLine(begin + text).message)),
};

for (const [name, read] of Object.entries(READERS)) {
  Deno.test(`${name} takes time in proportion to a hostile text`, () =>
    assertLinear(read));
}
