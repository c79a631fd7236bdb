/**
 * Text from servers, files and command lines, made safe to stand in HTML, XML and Markdown.
 *
 * @module
 */
import { escapeForTerminal } from "../escape.ts";

/** More of one text than this is never shown; the longest that this tool keeps has 500 characters. */
const MAX_TEXT_LENGTH = 2000;

const MARKUP_REGEXP = /[&<>"']/g;

/** Not characters: XML 1.0 has no way to write them, section 2.2. */
const NONCHARACTER_REGEXP = /[\ufffe\uffff]/g;

/**
 * What some dialect of Markdown gives a meaning inside a line: signs by themselves; the end of a link's text, a footnote,
 * a box; a colon that makes a link or an emoji; an underscore that is not inside a word.
 */
const MARKDOWN_REGEXP =
  /\](?=[(\[:])|\[(?=\^|[ xX]\])|:(?=\/\/|(?:[\w+-]*[a-z][\w+-]*|100|1234):)|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|[^\p{L}\p{M}\p{N} ,;%'"/.=+?()[\]:_-]/giu;

/** What GitHub turns into a link or a notification after Markdown is done, where an entity is no hindrance. */
const REFERENCE_REGEXP = /&#(?:64|35);|\bGH(?=-)|\bwww(?=\.)/gi;

/** Escapes text for HTML, in elements and quoted attributes; control characters become visible escapes. */
export function escapeHtml(text: string): string {
  return escapeForTerminal(text, MAX_TEXT_LENGTH)
    .replace(MARKUP_REGEXP, entityOf);
}

/** Escapes text for XML 1.0, in elements and quoted attributes; what XML cannot hold becomes visible escapes. */
export function escapeXml(text: string): string {
  return escapeHtml(text).replace(NONCHARACTER_REGEXP, "?");
}

/**
 * Escapes text to stand inside a line of GitHub's Markdown: no markup, links, mentions, references or formulas.
 *
 * Signs that mean something become entities. GitHub looks for mentions and references after entities are resolved, so a
 * zero-width space follows `@` and `#`, as Renovate writes them.
 */
export function escapeMarkdown(text: string): string {
  return escapeForTerminal(text, MAX_TEXT_LENGTH)
    .replace(
      MARKDOWN_REGEXP,
      (sign) => sign === "*" ? "\\*" : entityOf(sign),
    )
    .replace(REFERENCE_REGEXP, "$&&#8203;");
}

function entityOf(character: string): string {
  return `&#${character.codePointAt(0)};`;
}
