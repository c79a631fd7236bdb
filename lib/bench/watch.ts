/**
 * Measures under the eyes of a witness: what was sent in a window, and what the server's log says of it.
 *
 * @module
 */
import type { Samples } from "../load/samples.ts";
import { OUTCOMES } from "../outcome.ts";
import { type Compiles, NO_LOG, notWatched } from "../record/compiles.ts";
import type { PrefixCache } from "../score/workload.ts";
import type { WindowFindings, WindowUse, Witness } from "../witness/witness.ts";

/** What watches a server while it is measured. */
export interface Watch {
  readonly witness: Witness;
  /** What the payloads are to find in the prefix cache; null where that is not said. */
  readonly prefixCache: PrefixCache | null;
  /** Sends one request of a shape that the server has not met, so that its log shows whether it speaks. */
  readonly sendFresh: () => Promise<Samples>;
}

/** Returns what was sent, as the log should show it. */
export function useOf(parts: readonly Samples[]): WindowUse {
  let sent = 0;
  let answered = 0;
  let lastSentMs: number | null = null;
  for (const { outcome, sentMs, totals } of parts) {
    sent += Math.max(totals.planned, outcome.length);
    for (const [i, code] of outcome.entries()) {
      if (!WAS_ANSWERED.has(OUTCOMES[code] ?? "aborted")) continue;
      answered++;
      lastSentMs = Math.max(lastSentMs ?? -Infinity, sentMs[i] ?? -Infinity);
    }
    // Of what is not kept one by one only the good ones are known.
    answered += Math.max(0, totals.good - goodOf(outcome));
  }
  return { sent, answered, lastSentMs };
}

/** Outcomes of answers with status 200: what the log shows of the others depends on where they failed. */
const WAS_ANSWERED: ReadonlySet<string> = new Set(["ok", "mismatch"]);

function goodOf(outcomes: Uint8Array): number {
  return outcomes.filter((code) => OUTCOMES[code] === "ok").length;
}

/** Sends something while the log is watched; without a watch the findings are null. */
export async function watched(
  watch: Watch | undefined,
  send: () => Promise<Samples>,
): Promise<{
  readonly samples: Samples;
  readonly findings: WindowFindings | null;
}> {
  const window = await watch?.witness.open();
  const samples = await send();
  return { samples, findings: await window?.close(useOf([samples])) ?? null };
}

/**
 * Has the log show whether it speaks, where it has not shown yet: once for a log, since it costs a compile.
 */
export async function askToSpeak(watch: Watch | undefined): Promise<void> {
  if (watch === undefined || watch.witness.speaks) return;
  if (watch.witness.wasAsked || !watch.witness.showsRequests) return;
  watch.witness.wasAsked = true;
  await watched(watch, watch.sendFresh);
}

/** Returns what is known of compiles in a window. */
export function compilesIn(
  findings: WindowFindings | null,
  witness: Pick<Witness, "speaks"> | undefined,
): Compiles {
  if (findings === null || witness === undefined) return notWatched(NO_LOG);
  const { compiles: count, seconds, gap, isOurs } = findings;
  if (count > 0 && isOurs) {
    return { level: "found", count, seconds, reason: "" };
  }
  if (gap !== null) return notWatched(gap);
  return witness.speaks
    ? { level: "none", count: 0, seconds: null, reason: "" }
    : notWatched(
      "the log has shown no compile yet, so that its silence proves nothing",
    );
}

/** So many batches may be otherwise than the regime has it, as a share: a cache is emptied, or a prompt is short. */
const MAX_OTHER_SHARE = 0.1;

/**
 * Says where the log contradicts the regime of the prefix cache, or null.
 *
 * @param requests Timed requests, sent one after another.
 */
export function regimeProblem(
  findings: WindowFindings | null,
  regime: PrefixCache | null | undefined,
  requests: number,
): string | null {
  const batches = findings?.batches ?? null;
  if (batches === null || batches.batches < requests) return null;
  const { batches: all, cachedBatches, newTokens, cachedTokens } = batches;
  const share = (100 * cachedTokens / (newTokens + cachedTokens)).toFixed(0);
  const found =
    `by the log the prefix cache held ${share} % of the tokens, most of them in ${cachedBatches} of ${all} batches`;
  // Each request has a first batch, and what comes behind it may find the query that it left there.
  if (
    regime === "cold" &&
    all - cachedBatches < (1 - MAX_OTHER_SHARE) * requests
  ) return `not cold: ${found}`;
  return regime === "hot" && all - cachedBatches > MAX_OTHER_SHARE * all
    ? `not hot: ${found}`
    : null;
}
