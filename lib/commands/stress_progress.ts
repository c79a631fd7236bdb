/**
 * What the stress tests say while they run.
 *
 * @module
 */
import type { Progress } from "../cli/progress.ts";
import { plannedLoads, StressForecast } from "../stress/forecast.ts";
import { startProgressLog } from "../stress/progress.ts";
import type { StressResult } from "../stress/record.ts";
import type { StressOptions } from "../stress/scenarios.ts";
import { SHARED_SCENARIOS } from "../stress/team.ts";
import { listed } from "../wrap.ts";

/** What hears of a stress run. */
export interface StressTalk extends Disposable {
  /** Something goes on before the first load. */
  readonly hear: (text: string) => void;
  readonly progress: (text: string) => void;
  readonly done: (result: StressResult) => void;
}

/** More findings of one load are counted. */
const MAX_FINDINGS = 3;

/**
 * Draws on a terminal what is heard, with the number of the load and the time left, and says it line by line elsewhere.
 *
 * @param known The loads of an earlier part of the run.
 * @param isShard Whether others share the loads: then only all parts have a verdict.
 */
export function startTalk(
  progress: Progress,
  isQuiet: boolean,
  { options, known, isShard }: {
    readonly options: StressOptions;
    readonly known: readonly StressResult[];
    readonly isShard: boolean;
  },
): StressTalk {
  const forecast = new StressForecast(
    plannedLoads(options),
    known.filter(({ verdict }) => verdict !== "INTERRUPTED"),
  );
  let begunMs = performance.now();
  const where = () => `load ${forecast.number} of ${forecast.total}`;
  const log = isQuiet || progress.isTerminal ? null : startProgressLog({
    note: (text) => progress.note(text),
    now: () => performance.now(),
    every: (task, intervalMs) => {
      const timer = setInterval(task, intervalMs);
      // A run that is over is not held up by its talk.
      Deno.unrefTimer(timer);
      return () => clearInterval(timer);
    },
  });
  return {
    hear: (text) => log === null ? progress.wait(text) : log.hear(text),
    progress: (text) =>
      log === null
        ? progress.update({
          where: where(),
          what: text,
          leftMs: forecast.leftMs(performance.now() - begunMs),
        })
        : log.hear(`${where()}: ${text}`),
    done: (result) => {
      const { scenario, configuration } = result;
      const isPart = isShard && SHARED_SCENARIOS.includes(scenario);
      const findings = isPart ? [] : result.findings;
      progress.note(
        [
          `${where()}: ${scenario}, ${configuration}: ${
            isPart ? describePart(result) : result.verdict
          }`,
          ...(findings.length === 0 ? [] : [
            listed(
              findings.map(({ kind, text }) => `${kind}: ${text}`),
              MAX_FINDINGS,
            ),
          ]),
        ].join("; "),
      );
      forecast.learn({ scenario, tookMs: performance.now() - begunMs });
      begunMs = performance.now();
    },
    [Symbol.dispose]: () => log?.[Symbol.dispose](),
  };
}

/** A load that several hosts share has a verdict when its parts are merged. */
function describePart({ goodRequests, failedRequests }: StressResult): string {
  return `this shard's part is sent, ${goodRequests} right answers, ${failedRequests} failed`;
}
