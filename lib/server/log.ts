/**
 * Keeps what a launched server prints, without secrets.
 *
 * @module
 */
import { messageOf } from "../failure.ts";
import type { Redactor } from "../secret.ts";

/** Lines of the log that are shown when a server dies. */
const SHOWN_LINES = 15;

/** A longer line of the log is broken here, so that a server cannot fill the memory. */
const MAX_LINE_LENGTH = 65_536;

/** What is kept of a broken line for its next part, longer than any key. */
const KEPT_LENGTH = 16_384;

/** How much of the end of a log is read to find them. */
const TAIL_BYTES = 16_384;

/** Writes the output of a server to its log, line by line, since the server may print its own key. */
export async function keepLog(
  child: Deno.ChildProcess,
  log: Deno.FsFile,
  redact: Redactor,
): Promise<void> {
  const encoder = new TextEncoder();
  // Not `log.writable`, which holds lines back until it has many.
  const writeLine = async (line: string) => {
    let bytes = encoder.encode(`${redact(line)}\n`);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(await log.write(bytes));
    } catch {
      // On a full disk the log ends; the server, whose output is still read, does not.
    }
  };
  const write = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE_LENGTH) {
        // A key that is whole is hidden before the cut; one that is not stays in what is kept.
        rest = redact(rest);
        lines.push(rest.slice(0, -KEPT_LENGTH));
        rest = rest.slice(-KEPT_LENGTH);
      }
      for (const line of lines) await writeLine(line);
    }
    if (rest !== "") await writeLine(rest);
  };
  await Promise.allSettled([write(child.stdout), write(child.stderr)]);
  log.close();
}

/** Reads the last lines of a log, each after a bar; never rejects. */
export async function lastLinesOf(path: string): Promise<string> {
  return tailLines(await readTail(path));
}

async function readTail(path: string): Promise<string> {
  try {
    using log = await Deno.open(path);
    const { size } = await log.stat();
    await log.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
    return await new Response(log.readable).text();
  } catch (error) {
    return `(the log cannot be read: ${messageOf(error)})`;
  }
}

function tailLines(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-SHOWN_LINES);
  return lines.map((line) => `  | ${line}`).join("\n");
}
