/**
 * What a server's log says of JIT compiles while something was measured.
 *
 * @module
 */

/**
 * What is known of compiles: `none`, proved by a log that covers the whole time and is known to speak; `found`, so many
 * at least; `not watched`, nothing is known.
 */
export const COMPILE_LEVELS = ["none", "found", "not watched"] as const;

/** The compiles while something was measured. */
export interface Compiles {
  readonly level: typeof COMPILE_LEVELS[number];
  /** How many were found, at least 1; 0 at another level. */
  readonly count: number;
  /** How long they took in seconds; null where the log does not tell. */
  readonly seconds: number | null;
  /** Why nothing is known, in words; empty at another level. */
  readonly reason: string;
}

/** Compiles of which nothing is known. */
export function notWatched(reason: string): Compiles {
  return { level: "not watched", count: 0, seconds: null, reason };
}

/** What is said where there is no log. */
export const NO_LOG = "no log of the server";

/** Says what is known in a few words: `none`, `found 3 (1.2 s)`, `not watched`. */
export function describeCompiles(
  { level, count, seconds }: Compiles,
): string {
  if (level !== "found") return level;
  return `found ${count}${
    seconds === null ? "" : ` (${Number(seconds.toPrecision(3))} s)`
  }`;
}

/** Returns what is known of several stretches together: one that was not watched leaves the whole unwatched. */
export function addCompiles(
  first: Compiles | undefined,
  second: Compiles | undefined,
): Compiles {
  const parts = [first, second].map((one) => one ?? notWatched(NO_LOG));
  const found = parts.filter(({ level }) => level === "found");
  if (found.length > 0) {
    const known = found.flatMap(({ seconds }) => seconds ?? []);
    return {
      level: "found",
      count: found.reduce((sum, { count }) => sum + count, 0),
      seconds: known.length === 0 ? null : known.reduce((a, b) => a + b, 0),
      reason: "",
    };
  }
  return parts.find(({ level }) => level === "not watched") ??
    { level: "none", count: 0, seconds: null, reason: "" };
}

/**
 * Says what is known of all cells or loads of a run: a line, or none where it is a record of an older version, which does not
 * tell.
 */
export function compileNotes(
  measured: readonly { readonly compiles?: Compiles }[],
): string[] {
  const all = measured.flatMap(({ compiles }) => compiles ?? []);
  if (all.length === 0) return [];
  const of = (level: Compiles["level"]) =>
    all.filter((one) => one.level === level);
  const [none = [], found = [], not = []] = COMPILE_LEVELS.map(of);
  const reasons = [...new Set(not.map(({ reason }) => reason))];
  const more = reasons.length > SHOWN_REASONS ? "; ..." : "";
  const texts = [
    ...(none.length === 0
      ? []
      : [`none in ${none.length}, proved by the log of the server`]),
    ...(found.length === 0 ? [] : [
      `${describeCompiles(found.reduce(addCompiles))} in ${found.length}`,
    ]),
    ...(not.length === 0 ? [] : [
      `${not.length} not watched (${
        reasons.slice(0, SHOWN_REASONS).join("; ")
      }${more})`,
    ]),
  ];
  return [`Compiles in ${all.length} measured: ${texts.join(", ")}`];
}

/** More reasons for one level are not shown in one line. */
const SHOWN_REASONS = 3;
