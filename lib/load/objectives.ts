/**
 * Objectives such as `p99<500ms,errors<0.1%`: how they are written, and whether a load met them.
 *
 * @module
 */

/** Latency figures that an objective can name. */
export const LATENCY_NAMES = ["mean", "p50", "p95", "p99", "max"] as const;

/** One objective. */
export interface Objective {
  /** The figure: a latency from the planned time, or the share of requests that failed. */
  readonly name: typeof LATENCY_NAMES[number] | "errors";
  /** It must be below this: milliseconds, or a share from 0 to 1. */
  readonly limit: number;
  readonly text: string;
}

/** What a load came to. */
export interface MeasuredLoad {
  /** Latencies in milliseconds; null when no answer was right. */
  readonly latency:
    | Readonly<Record<"meanMs" | "p50Ms" | "p95Ms" | "p99Ms" | "maxMs", number>>
    | null;
  /** The share of requests that failed, 0 to 1; null when none ended. */
  readonly errorShare: number | null;
}

const OBJECTIVE_REGEXP =
  /^(mean|p50|p95|p99|max|errors)\s*<\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|%)$/;

/** So much of what was given is shown, in characters. */
const MAX_SHOWN_LENGTH = 100;

/**
 * Reads objectives, separated by commas.
 *
 * @throws {SyntaxError} If one has another form.
 */
export function parseObjectives(text: string): Objective[] {
  return text.split(",").map((part) => {
    const trimmed = part.trim();
    const [, name, number, unit] = OBJECTIVE_REGEXP.exec(trimmed) ?? [];
    const value = Number(number);
    if (name === "errors" && unit === "%" && value <= 100) {
      return { name, limit: value / 100, text: trimmed };
    }
    const latency = LATENCY_NAMES.find((one) => one === name);
    if (latency !== undefined && unit !== "%" && value > 0) {
      const limit = unit === "s" ? value * 1000 : value;
      return { name: latency, limit, text: trimmed };
    }
    throw new SyntaxError(
      `expected objectives such as p99<500ms or errors<0.1% of ${
        LATENCY_NAMES.join(", ")
      } and errors, found ${
        JSON.stringify(trimmed.slice(0, MAX_SHOWN_LENGTH))
      }${hintOf(trimmed)}`,
    );
  });
}

/** Says what is wrong with an objective that is nearly one; empty where that cannot be told. */
function hintOf(text: string): string {
  const [percentile] = /^p[\d.]{1,10}/i.exec(text) ?? [];
  const isKnown = LATENCY_NAMES.some((name) => name === percentile);
  if (percentile !== undefined && !isKnown) {
    return `: ${percentile} is not measured, take p99 or max`;
  }
  if (/[>=]/.test(text)) return ": a figure must be below its limit, with <";
  return /<\s*[\d.]+$/.test(text)
    ? ": the limit needs a unit, ms or s, for errors %"
    : "";
}

/** Returns the objectives that a load broke; no errors at all meet any limit on errors. */
export function brokenObjectives(
  objectives: readonly Objective[],
  load: MeasuredLoad,
): Objective[] {
  return objectives.filter(({ name, limit }) => {
    if (name === "errors") {
      const share = load.errorShare ?? 1;
      return share > 0 && share >= limit;
    }
    return load.latency === null || load.latency[`${name}Ms`] >= limit;
  });
}

/** Says which objectives a load broke, and by what figure. */
export function describeBroken(
  broken: readonly Objective[],
  { latency, errorShare }: MeasuredLoad,
): string {
  return broken.map(({ name, text }) => {
    const figure = name === "errors"
      ? errorShare === null ? null : `${(100 * errorShare).toFixed(2)} %`
      : latency === null
      ? null
      : `${latency[`${name}Ms`].toFixed(1)} ms`;
    return `${text} broken: ${figure ?? "no answer"}`;
  }).join("; ");
}
