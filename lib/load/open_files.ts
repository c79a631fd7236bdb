/**
 * Whether this process may open as many connections as a load needs.
 *
 * @module
 */
import { messageOf, UsageError } from "../failure.ts";

/** Files that a run opens beside its connections: results, logs, probes, the connections of the ruler. */
const OTHERS = 32;

/** Opens one more file of this process, or throws; the file is kept open until it is disposed of. */
export type OpenFile = () => Disposable;

/**
 * Finds out how many more files this process may open, up to a number of them.
 *
 * Deno does not tell the limit, so they are opened: a thousand take 5 ms. Where the folder of this process may not be
 * read nothing is known.
 *
 * @returns `most` where the limit is not met before.
 */
export function countOpenable(
  most: number,
  openFile: OpenFile = () => Deno.openSync("."),
): number {
  using files = new DisposableStack();
  for (let count = 0; count < most; count++) {
    try {
      files.use(openFile());
    } catch (error) {
      return /too many open files|\bos error 2[34]\b/i.test(messageOf(error))
        ? count
        : most;
    }
  }
  return most;
}

/**
 * Refuses loads that need more connections than this process may have, before anything is sent.
 *
 * @param connections The most at a time.
 * @param isServedHere Whether the server is in this process too, where each takes a file of both.
 * @throws {UsageError} If it may have fewer.
 */
export function checkOpenFiles(
  connections: number,
  { isServedHere, openFile }: {
    readonly isServedHere: boolean;
    readonly openFile?: OpenFile;
  },
): void {
  const each = isServedHere ? 2 : 1;
  const needed = each * connections + OTHERS;
  const found = countOpenable(needed, openFile);
  if (found === needed) return;
  const most = Math.max(0, Math.floor((found - OTHERS) / each));
  throw new UsageError([
    `Cannot keep ${connections} connections open: this process may have ${most} at a time. Raise its limit of open files (ulimit -n) by ${
      needed - found
    } or more, or lower --concurrency`,
  ]);
}
