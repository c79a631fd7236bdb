/**
 * What is doubtful about a cell or a run: a list of kinds and texts, which each view shows in its own way.
 *
 * @module
 */

/**
 * The kinds of doubts. Of a cell: `invalid`, its figures are not those of the server; `not-compared`, why it was not;
 * `warm-up`, requests of it failed; `unsettled`, latencies had not settled; `stall`, odd samples; `again`, it was
 * measured again for a compile; `pause`, the client stood still; `retry`, requests were sent again; `client`, what the
 * client adds matters; `humps`, two kinds of answers. Of a run: `server`, it is not what was asked for; `changed`, the
 * server or the machine changed meanwhile; `client`. `other`: of a record of an older version, which has no kinds.
 */
export const DOUBT_KINDS = [
  "invalid",
  "not-compared",
  "warm-up",
  "unsettled",
  "stall",
  "again",
  "pause",
  "retry",
  "client",
  "humps",
  "server",
  "changed",
  "other",
] as const;

/** One of {@linkcode DOUBT_KINDS}. */
export type DoubtKind = typeof DOUBT_KINDS[number];

/** One doubt. */
export interface Doubt {
  readonly kind: DoubtKind;
  /** The doubt in words, with its numbers; not escaped. */
  readonly text: string;
  /** How many samples or requests it is about; absent where it is not about some of them. */
  readonly count?: number;
}

/** Returns doubts in one line, without repeating a text; empty for none. */
export function joinDoubts(doubts: readonly Doubt[]): string {
  return [...new Set(doubts.map(({ text }) => text))].join("; ");
}

/** Returns doubts with one more before them; as they are where they hold its text already. */
export function withDoubt(
  doubt: Doubt,
  doubts: readonly Doubt[],
): readonly Doubt[] {
  return doubts.some(({ text }) => text === doubt.text)
    ? doubts
    : [doubt, ...doubts];
}

/**
 * Returns the doubts of several passes of one cell, each once: `3 timed look like a stall` and `1 timed look like a
 * stall` become one of 4.
 */
export function mergeDoubts(
  passes: readonly (readonly Doubt[])[],
): Doubt[] {
  const merged = new Map<string, Doubt>();
  for (const doubt of passes.flat()) {
    const rest = textAfterCount(doubt);
    const id = JSON.stringify([doubt.kind, rest ?? doubt.text]);
    const known = merged.get(id);
    if (known === undefined) merged.set(id, doubt);
    else if (rest !== null) {
      const count = (known.count ?? 0) + (doubt.count ?? 0);
      merged.set(id, { ...known, text: `${count}${rest}`, count });
    }
  }
  return [...merged.values()];
}

/** The text of a doubt that begins with its count, without it; null for another. */
function textAfterCount({ text, count }: Doubt): string | null {
  const start = String(count);
  return count !== undefined && text.startsWith(`${start} `)
    ? text.slice(start.length)
    : null;
}
