// deno-lint-ignore-file no-console
/**
 * What scripts say, and where: data on stdout, talk on stderr.
 *
 * @module
 */
import { messageOf } from "../failure.ts";
import { Progress } from "./progress.ts";
import { escapeForLog, escapeForTerminal } from "../escape.ts";

/** Writes text to stderr; where nobody reads it any more, nothing happens: a run goes on without its talk. */
function writeStderr(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(escapeForLog(text)));
  } catch {
    // It is closed.
  }
}

/** Starts the progress on stderr; nothing of it is shown when quiet. */
export function startProgress(isQuiet: boolean): Progress {
  const isTerminal = Deno.stderr.isTerminal();
  const isPainted = hasColour(Deno.stderr);
  return new Progress({
    write: (text) => {
      if (!isQuiet) writeStderr(isPainted ? colourVerdicts(text) : text);
    },
    isTerminal,
    terminalColumns: terminalColumns(),
    now: () => performance.now(),
  });
}

/** Bold with green, red or yellow: the sixteen colours that every terminal has, which follow its theme. */
const CODES: Readonly<Record<string, string>> = {
  PASS: "1;32",
  FAIL: "1;31",
  FAILED: "1;31",
  WARN: "1;33",
  INVALID: "1;33",
};

const VERDICT_REGEXP = /\b(?:PASS|FAIL|FAILED|WARN|INVALID)\b/g;

/** Colours the verdicts in a text; their words say the same without. */
export function colourVerdicts(text: string): string {
  return text.replace(
    VERDICT_REGEXP,
    (word) => `\x1b[${CODES[word] ?? "1"}m${word}\x1b[0m`,
  );
}

/**
 * Decides whether text is coloured: on a terminal that is not dumb, unless NO_COLOR asks for none
 * (https://no-color.org).
 */
export function isColoured(
  { isTerminal, noColour, term }: {
    readonly isTerminal: boolean;
    readonly noColour: boolean;
    /** The value of TERM; undefined where it is not set or may not be read. */
    readonly term: string | undefined;
  },
): boolean {
  return isTerminal && !noColour && term !== "dumb";
}

/** Tells whether verdicts are coloured on a stream. */
function hasColour(stream: { isTerminal(): boolean }): boolean {
  let term: string | undefined;
  try {
    term = Deno.env.get("TERM");
  } catch {
    // It may not be read.
  }
  return isColoured({
    isTerminal: stream.isTerminal(),
    noColour: Deno.noColor,
    term,
  });
}

/** Prints a result to stdout, or to stderr where data go to stdout; its verdicts have colours on a terminal. */
export function show(text: string, to: "stdout" | "stderr"): void {
  const stream = to === "stdout" ? Deno.stdout : Deno.stderr;
  const shown = hasColour(stream) ? colourVerdicts(text) : text;
  if (to === "stdout") say(shown);
  else writeStderr(`${shown.trimEnd()}\n`);
}

/** Returns the width of the terminal; 100 where there is none, which is the width of the specification's table. */
export function terminalColumns(): number {
  try {
    // Some pseudo-terminals say 0.
    return Deno.consoleSize().columns || 100;
  } catch {
    return 100;
  }
}

/** Prints text to stdout; returns the exit code 0. */
export function say(text: string): number {
  try {
    console.log(escapeForLog(text.trimEnd()));
  } catch (error) {
    // A full disk or a reader that went takes no result away: it is in the files, and in the exit code.
    complain(
      `Cannot write to standard output: ${messageOf(error)}`,
      0,
    );
  }
  return 0;
}

/** Prints a message to stderr, control characters escaped; returns the exit code, also where stderr is closed. */
export function complain(message: string, exitCode: number): number {
  const lines = message.split("\n").map((line) => escapeForTerminal(line));
  try {
    console.error(escapeForLog(lines.join("\n")));
  } catch {
    // Nobody reads it any more.
  }
  return exitCode;
}

/** Prints a line of advice to stderr. */
export function advise(line: string): void {
  writeStderr(`${escapeForTerminal(line)}\n`);
}
