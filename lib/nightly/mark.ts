/**
 * Hidden marks in the text of an issue: what it stands for, and which run spoke last.
 *
 * A mark is an HTML comment on a line of its own, which GitHub does not show. Text that is escaped for
 * Markdown has no line feeds and no angle brackets, so none of it can pass for a mark.
 *
 * @module
 */

/** What the marks of an issue say. */
export interface Marks {
  /** The keys of the alarms that the issue stands for. */
  readonly live: readonly string[];
  /** The run that spoke last in the issue; null for none. */
  readonly runId: string | null;
}

/** Longer names are cut in a key; the longest on Hugging Face have 96 characters. */
const MAX_NAME_LENGTH = 100;

const LIVE_REGEXP = /^<!-- scorebench:live (\S+) -->(?=\r?$)/gm;
const RUN_REGEXP = /^<!-- scorebench:run (\S+) -->(?=\r?$)/m;

/** Makes a key of names and numbers; the same for the same ones, and fit to stand in a mark. */
export function markKey(parts: readonly (string | number)[]): string {
  return parts.map((part) =>
    encodeURIComponent(String(part).slice(0, MAX_NAME_LENGTH).toWellFormed())
  ).join("/");
}

/** Writes the marks of a new issue, a line each. */
export function writeMarks(live: readonly string[], runId: string): string {
  return [...live.map(liveMark), runMark(runId)].join("\n");
}

/** Reads the marks of an issue. */
export function readMarks(body: string): Marks {
  return {
    live: [...body.matchAll(LIVE_REGEXP)].map(([, key = ""]) => key),
    runId: RUN_REGEXP.exec(body)?.[1] ?? null,
  };
}

/** Returns the text of an issue with the marks of past alarms put out of use, and the run that speaks now. */
export function renewMarks(
  body: string,
  { past, runId }: { past: readonly string[]; runId: string },
): string {
  const retired = body.replace(
    LIVE_REGEXP,
    (mark, key: string) =>
      past.includes(key) ? mark.replace(":live ", ":past ") : mark,
  );
  return RUN_REGEXP.test(retired)
    ? retired.replace(RUN_REGEXP, () => runMark(runId))
    : `${runMark(runId)}\n${retired}`;
}

function liveMark(key: string): string {
  return `<!-- scorebench:live ${key} -->`;
}

function runMark(runId: string): string {
  return `<!-- scorebench:run ${runId} -->`;
}
