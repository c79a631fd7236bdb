/**
 * What the stress tests say while they run.
 *
 * @module
 */
import type { Progress } from "../cli/progress.ts";
import { type ProgressLog, startProgressLog } from "../stress/progress.ts";

/** Draws on a terminal what is heard, and says it line by line elsewhere. */
export function startTalk(progress: Progress, isQuiet: boolean): ProgressLog {
  if (isQuiet || Deno.stderr.isTerminal()) {
    return { hear: (text) => progress.update(text), [Symbol.dispose]() {} };
  }
  return startProgressLog({
    note: (text) => progress.note(text),
    now: () => performance.now(),
    every: (task, intervalMs) => {
      const timer = setInterval(task, intervalMs);
      // A run that is over is not held up by its talk.
      Deno.unrefTimer(timer);
      return () => clearInterval(timer);
    },
  });
}
