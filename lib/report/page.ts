/**
 * The frame of the HTML pages: one file, no script, a strict content security policy, light and dark.
 *
 * @module
 */
import { escapeHtml } from "./markup.ts";
import type { Tone } from "./view.ts";

/** HTML that is safe to put into a page: all text in it is escaped. */
export type Html = string;

/** What a page is made of. */
export interface Page {
  /** The title of the window; not escaped. */
  readonly title: string;
  readonly body: Html;
  /** What stands at its end, such as when it was made; not escaped. */
  readonly footer: string;
}

/**
 * Writes a page as one file. Nothing in it runs, and nothing is loaded: the policy allows one style, by its hash.
 */
export async function renderPage(
  { title, body, footer }: Page,
): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(STYLE),
  );
  const hash = new Uint8Array(digest).toBase64();
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>`,
    "</head>",
    "<body>",
    "<main>",
    body,
    "</main>",
    `<footer>${escapeHtml(footer)}</footer>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** Returns the head of a result: what it is, and the verdict in one sentence. */
export function banner(
  { title, headline, tone, note }: {
    readonly title: string;
    readonly headline: string;
    readonly tone: Tone;
    readonly note: string | null;
  },
): Html {
  return [
    "<header>",
    `<h1>${escapeHtml(title)}</h1>`,
    ...(note === null ? [] : [`<p class="simulated">${escapeHtml(note)}</p>`]),
    `<p class="verdict ${tone}"><span class="sign">${TONE_WORDS[tone]}</span> ${
      escapeHtml(headline)
    }</p>`,
    "</header>",
  ].join("\n");
}

const TONE_WORDS: Readonly<Record<Tone, string>> = {
  good: "PASS",
  doubtful: "LOOK",
  bad: "FAIL",
  none: "MEASURED",
};

/** Returns a section with a heading; nothing without content. */
export function section(heading: string, content: readonly Html[]): Html {
  return content.length === 0 ? "" : [
    "<section>",
    `<h2>${escapeHtml(heading)}</h2>`,
    ...content,
    "</section>",
  ].join("\n");
}

/** Returns charts or other blocks beside each other, as many as fit. */
export function gallery(blocks: readonly Html[]): Html {
  return `<div class="gallery">\n${blocks.join("\n")}\n</div>`;
}

/** Returns blocks with others at their right, below them where the screen is narrow. */
export function beside(
  left: readonly Html[],
  right: readonly Html[],
): Html {
  return `<div class="beside"><div>\n${left.join("\n")}\n</div><div>\n${
    right.join("\n")
  }\n</div></div>`;
}

/** Returns a chart with its caption, and what its curves are. */
export function figure(
  svg: Html,
  { caption, legend = [], note = "" }: {
    readonly caption: string;
    readonly legend?: readonly {
      readonly sign: string;
      readonly style: string;
      readonly text: string;
    }[];
    readonly note?: string;
  },
): Html {
  const entries = legend.map(({ sign, style, text }) =>
    `<span><i class="${style}">${sign}</i> ${escapeHtml(text)}</span>`
  );
  return [
    "<figure>",
    `<figcaption>${escapeHtml(caption)}${
      note === "" ? "" : `<small>${escapeHtml(note)}</small>`
    }</figcaption>`,
    svg,
    ...(entries.length === 0
      ? []
      : [`<p class="legend">${entries.join(" ")}</p>`]),
    "</figure>",
  ].join("\n");
}

/** One cell of a table: text, or HTML that is made already. */
export type TableCell = string | { readonly html: Html };

/** A column: numbers stand on the right, long texts take the room that is left. */
export interface HtmlColumn {
  /** The text at its head; not escaped. */
  readonly title: string;
  readonly isNumber?: true;
  /** Whether it holds sentences. */
  readonly isLong?: true;
}

/** Returns a table that scrolls by itself where the screen is narrow. */
export function htmlTable(
  columns: readonly HtmlColumn[],
  rows: readonly (readonly TableCell[])[],
): Html {
  const cell = (tag: "th" | "td", text: TableCell, index: number) => {
    const column = columns[index];
    const style = column?.isNumber
      ? ' class="number"'
      : column?.isLong
      ? ' class="long"'
      : "";
    return `<${tag}${style}>${
      typeof text === "string" ? escapeHtml(text) : text.html
    }</${tag}>`;
  };
  const row = (tag: "th" | "td", cells: readonly TableCell[]) =>
    `<tr>${cells.map((text, index) => cell(tag, text, index)).join("")}</tr>`;
  return [
    '<div class="scroll"><table>',
    `<thead>${row("th", columns.map(({ title }) => title))}</thead>`,
    "<tbody>",
    ...rows.map((cells) => row("td", cells)),
    "</tbody>",
    "</table></div>",
  ].join("\n");
}

/** Returns names and values below each other. */
export function factList(
  facts: readonly (readonly [name: string, value: string])[],
): Html {
  const entries = facts.map(([name, value]) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
  );
  return `<dl>\n${entries.join("\n")}\n</dl>`;
}

/** Returns a list of texts; nothing for none. */
export function textList(texts: readonly string[]): Html[] {
  const items = texts.map((text) => `<li>${escapeHtml(text)}</li>`);
  return items.length === 0 ? [] : [`<ul>\n${items.join("\n")}\n</ul>`];
}

/** Returns a part that is shown when it is asked for, and in print. */
export function fold(summary: string, content: readonly Html[]): Html {
  return [
    `<details><summary>${escapeHtml(summary)}</summary>`,
    ...content,
    "</details>",
  ].join("\n");
}

/** Returns a status as a mark whose words say what its colour says. */
export function statusMark(word: string, tone: Tone): { readonly html: Html } {
  return { html: `<b class="status ${tone}">${escapeHtml(word)}</b>` };
}

/** Colours: text at 4.5 to 1 and curves at 3 to 1 against the background or better (WCAG 2.2, 1.4.3 and 1.4.11). */
const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2126; --muted: #565d66;
  --line: #aab0b8; --grid: #e8e8e6; --bar: #b9c9e4; --band: #e3ece5;
  --good: #12713f; --doubtful: #8f5a00; --bad: #b3261e; --none: #3b5b8c;
  --good-paper: #e5f3ea; --doubtful-paper: #fdf1da; --bad-paper: #fdeae8;
  --none-paper: #e9eff8;
  --series0: #2f62b5; --series1: #b4530a; --series2: #2b7d4f;
  --series3: #8a3fa0; --series4: #a13a55; --series5: #4f6672;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1c2026; --ink: #e8eaed; --muted: #a9b1bb;
    --line: #5a626c; --grid: #2c323a; --bar: #34507f; --band: #1f3229;
    --good: #6ccf95; --doubtful: #efb04a; --bad: #ff8b80; --none: #8fb3ea;
    --good-paper: #17301f; --doubtful-paper: #35290f; --bad-paper: #3b1c1a;
    --none-paper: #1b2a42;
    --series0: #7aa7f0; --series1: #f0975a; --series2: #6cc796;
    --series3: #cf93e0; --series4: #ef8ba4; --series5: #9fb7c4;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere;
}
main, footer { max-width: 1360px; margin: 0 auto; padding: 16px; }
footer { color: var(--muted); font-size: 14px; padding-bottom: 32px; }
h1 { font-size: 24px; line-height: 1.25; margin: 8px 0 12px; }
h2 { font-size: 19px; line-height: 1.3; margin: 36px 0 12px; }
h3 { font-size: 16px; margin: 20px 0 8px; }
p { margin: 8px 0; }
.verdict {
  border-left: 6px solid; border-radius: 6px; padding: 12px 16px;
  font-size: 18px; line-height: 1.4;
}
.sign { font-weight: 700; letter-spacing: 0.04em; margin-right: 6px; }
.verdict.good { border-color: var(--good); background: var(--good-paper); }
.verdict.doubtful { border-color: var(--doubtful); background: var(--doubtful-paper); }
.verdict.bad { border-color: var(--bad); background: var(--bad-paper); }
.verdict.none { border-color: var(--none); background: var(--none-paper); }
.good .sign, .status.good, i.good { color: var(--good); }
.doubtful .sign, .status.doubtful, i.doubtful { color: var(--doubtful); }
.bad .sign, .status.bad, i.bad { color: var(--bad); }
.none .sign, .status.none, i.none { color: var(--none); }
i.s0 { color: var(--series0); } i.s1 { color: var(--series1); }
i.s2 { color: var(--series2); } i.s3 { color: var(--series3); }
i.s4 { color: var(--series4); } i.s5 { color: var(--series5); }
i.band { color: var(--band); -webkit-text-stroke: 1px var(--line); }
i.muted { color: var(--muted); }
.simulated {
  border: 2px dashed var(--doubtful); border-radius: 6px; padding: 6px 16px;
  font-weight: 600;
}
.gallery {
  display: grid; gap: 16px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 344px), 1fr));
}
figure {
  margin: 0; padding: 12px; background: var(--card);
  border: 1px solid var(--grid); border-radius: 8px; min-width: 0;
}
figcaption { font-weight: 600; font-size: 15px; line-height: 1.35; margin-bottom: 6px; }
figcaption small { display: block; font-weight: 400; font-size: 14px; color: var(--muted); }
svg { display: block; width: 100%; height: auto; max-width: 560px; margin: 0 auto; }
svg text { font-family: inherit; }
.wide svg { max-width: none; }
.legend { margin: 4px 0 0; font-size: 14px; color: var(--muted); }
.legend span { margin-right: 12px; display: inline-block; }
.legend i { font-style: normal; }
.beside { display: grid; gap: 24px; align-items: start; }
.beside > * { min-width: 0; }
@media (min-width: 1000px) { .beside { grid-template-columns: 430px 1fr; } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td {
  text-align: left; vertical-align: top; padding: 5px 14px 5px 0;
  border-bottom: 1px solid var(--grid); white-space: nowrap;
}
th { color: var(--muted); font-weight: 600; }
.number { text-align: right; }
th { white-space: normal; vertical-align: bottom; overflow-wrap: normal; }
@media (max-width: 1100px) {
  table { font-size: 14px; }
  th, td { padding-right: 9px; }
  td:not(.number) { white-space: normal; overflow-wrap: break-word; }
}
td.long { min-width: 12em; white-space: normal; }
a { color: inherit; }
dl { margin: 0; display: grid; gap: 10px 24px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); }
dt { color: var(--muted); font-size: 14px; }
dd { margin: 0; }
ul { margin: 8px 0; padding-left: 20px; }
.cards { list-style: none; padding: 0; margin: 0; }
.cards li { padding: 0 0 10px; margin: 0 0 10px; border-bottom: 1px solid var(--grid); }
.cards p { color: var(--muted); font-size: 15px; margin: 2px 0 0; }
details { margin: 12px 0; }
summary { cursor: pointer; font-weight: 600; margin-bottom: 12px; }
@media print {
  :root { --paper: #fff; }
  figure, tr, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
`;
