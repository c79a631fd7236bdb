/**
 * Says when the client, not the server, decides a figure.
 *
 * @module
 */
import type { Calibration, CellSummary } from "../record/run.ts";
import { sum } from "../stats/summary.ts";
import { askedPerSec, type Loop } from "./driver.ts";
import { EXACT_SAMPLES, type Samples } from "./samples.ts";

/** A doubt about a figure that the client itself gives reason for. */
export interface ClientDoubt {
  /** `warning`: the figure is blurred. `limit`: it is the client's, not the server's. */
  readonly kind: "warning" | "limit";
  /** The doubt in words, with its numbers. */
  readonly text: string;
}

/** A figure that the client adds more than this share to is marked. */
const ADDED_SHARE_WARNING = 0.05;

/** A latency of which the client makes up this share is the client's. */
const ADDED_SHARE_LIMIT = 0.8;

/** A load above this share of the ceiling is marked: its queue in the client shows in the latencies. */
const CEILING_SHARE_WARNING = 0.5;

/** A load above this share of the ceiling measures the ceiling. */
const CEILING_SHARE_LIMIT = 0.9;

/**
 * Compares a cell with what the client adds and can do.
 *
 * @param calibration What was measured before the run; without it nothing is said.
 * @param summary The figures of the cell.
 * @param concurrency Requests in flight.
 */
export function findClientDoubts(
  calibration: Calibration | null,
  summary: CellSummary | null,
  concurrency: number,
): ClientDoubt[] {
  if (summary === null) return [];
  return compareWithClient(calibration, {
    p50Ms: summary.p50Ms,
    reachedPerSec: concurrency < 2 ? null : summary.throughputRequestsPerSec,
    askedPerSec: null,
  });
}

function compareWithClient(
  calibration: Calibration | null,
  { p50Ms, reachedPerSec, askedPerSec }: {
    readonly p50Ms: number | null;
    readonly reachedPerSec: number | null;
    readonly askedPerSec: number | null;
  },
): ClientDoubt[] {
  if (calibration === null) return [];
  const addedShare = p50Ms === null ? 0 : calibration.addedP50Ms / p50Ms;
  const reached = reachedPerSec ?? 0;
  const ratePerSec = Math.max(reached, askedPerSec ?? 0);
  const shareOf = (rate: number) => rate / calibration.ceilingRequestsPerSec;
  const doubts: ClientDoubt[] = [];
  if (addedShare > ADDED_SHARE_WARNING) {
    doubts.push({
      kind: addedShare >= ADDED_SHARE_LIMIT ? "limit" : "warning",
      text: `the client adds up to ${calibration.addedP50Ms.toFixed(2)} ms, ${
        percent(addedShare)
      } of the p50`,
    });
  }
  if (shareOf(ratePerSec) > CEILING_SHARE_WARNING) {
    doubts.push({
      kind: shareOf(reached) >= CEILING_SHARE_LIMIT ? "limit" : "warning",
      text: describeShare(ratePerSec, shareOf(ratePerSec)),
    });
  }
  return doubts;
}

function describeShare(ratePerSec: number, share: number): string {
  return `${Math.round(ratePerSec)} requests/s is ${
    percent(share)
  } of the most that the client sends`;
}

/** A load as it was asked for and as it was sent. */
export interface ClientLoad {
  readonly loop: Loop;
  readonly samples: Samples;
  /** The median of right answers from sent to done, in milliseconds; null without any. */
  readonly p50Ms: number | null;
  /** Right answers a second; null where no time was measured. */
  readonly reachedPerSec: number | null;
  /** How late requests were sent, in milliseconds, and how many more than 10 ms; null in closed loops. */
  readonly lag: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly late: number;
  } | null;
}

/**
 * Finds every reason to take a load for the client's.
 *
 * @param calibration What was measured before the run; null where it was not.
 * @param load The load.
 */
export function findLoadDoubts(
  calibration: Calibration | null,
  load: ClientLoad,
): ClientDoubt[] {
  const { loop, samples, p50Ms, reachedPerSec } = load;
  const isAlone = loop.kind === "closed" && loop.concurrency === 1;
  const ratio = loop.kind === "closed"
    ? loadRatio(samples, loop.concurrency)
    : null;
  const warnings = [
    ratio === null ? null : closedLoopDoubt(ratio),
    describePauses(samples, p50Ms),
  ];
  return [
    ...compareWithClient(calibration, {
      p50Ms,
      reachedPerSec: isAlone ? null : reachedPerSec,
      askedPerSec: askedPerSec(loop),
    }),
    ...latenessDoubts(calibration, load),
    ...warnings.flatMap((text) =>
      text === null ? [] : [{ kind: "warning", text } as const]
    ),
  ];
}

/** Where more than this share was sent late, it is said who did not keep the rate. */
const LATE_SHARE_LIMIT = 0.1;

/** A client that stood still for more than this share of a load did not keep the rate. */
const PAUSED_SHARE_LIMIT = 0.1;

/** From this share on it is worth a note. */
const LATE_SHARE_WARNING = 0.01;

/** A p99 of the lag above this share of the time between sends blurs the arrivals. */
const LAG_SHARE_WARNING = 0.1;

/**
 * A slow server leaves many requests in flight, each of which needs a connection, and the time to
 * connect is in the lag: only near its ceiling is a late send the client's.
 */
function latenessDoubts(
  calibration: Calibration | null,
  { loop, samples, lag }: ClientLoad,
): ClientDoubt[] {
  const asked = askedPerSec(loop);
  if (lag === null || loop.kind === "closed" || asked === null) return [];
  const { planned } = samples.totals;
  const late =
    `${lag.late} of ${planned} requests were sent more than 10 ms late`;
  const lateShare = lag.late / planned;
  if (lateShare > LATE_SHARE_LIMIT) {
    const median = `${late} (median ${lag.p50Ms.toFixed(1)} ms)`;
    const ceilingPerSec = calibration?.ceilingRequestsPerSec ?? 0;
    const pausedMs = sum(pausesWithin(samples));
    const limit = calibration === null
      ? ": without a calibration it is unknown whether the client or a server that is slow to accept connections did not keep the rate"
      : asked / ceilingPerSec > CEILING_SHARE_WARNING
      ? `, and ${describeShare(asked, asked / ceilingPerSec)}`
      : pausedMs > PAUSED_SHARE_LIMIT * loop.durationMs
      ? `, and the client stood still for ${pausedMs.toFixed(0)} ms`
      : null;
    return [
      limit !== null ? { kind: "limit", text: median + limit } : {
        kind: "warning",
        text: `${median}, but the client sends up to ${
          Math.round(ceilingPerSec)
        } requests/s: the server took connections late; latencies count from the plan`,
      },
    ];
  }
  if (lateShare > LATE_SHARE_WARNING) return [{ kind: "warning", text: late }];
  const [p99, interval] = [lag.p99Ms, 1000 / asked].map((timeMs) =>
    `${timeMs.toFixed(2)} ms`
  );
  const text =
    `the p99 of the lag, ${p99}, is more than a tenth of the ${interval} between sends`;
  return lag.p99Ms > LAG_SHARE_WARNING * 1000 / asked
    ? [{ kind: "warning", text }]
    : [];
}

/** A closed load is compared with Little's law when it went on for so many milliseconds, and each client sent so many requests. */
const LEAST_WINDOW_MS = 1_000;
const LEAST_REQUESTS = 10;

/** Says that the clients of a closed load were not always busy, by Little's law; null where they were, or for one. */
export function findIdleClients(
  samples: Samples,
  concurrency: number,
): string | null {
  if (concurrency === 1) return null;
  const ratio = loadRatio(samples, concurrency);
  return ratio === null ? null : closedLoopDoubt(ratio);
}

/**
 * Up to the last send every client should be busy; after it they drain. Failures keep a client busy
 * as well. Null where the load was too short, or where several threads kept only a part of it each.
 */
function loadRatio(samples: Samples, concurrency: number): number | null {
  const { sentMs, doneMs, totals } = samples;
  const isPart = sentMs.length < totals.planned;
  if (isPart && sentMs.length > EXACT_SAMPLES) return null;
  if (sentMs.length < LEAST_REQUESTS * concurrency) return null;
  const [startMs, endMs] = sentMs.reduce(
    ([first, last], time) => [Math.min(first, time), Math.max(last, time)],
    [Infinity, -Infinity],
  );
  const windowMs = endMs - startMs;
  if (windowMs < LEAST_WINDOW_MS) return null;
  const latencySumMs = sum(
    sentMs.map((time, i) => Math.min(doneMs[i] ?? time, endMs) - time),
  );
  return closedLoopRatio({ latencySumMs, windowMs, concurrency });
}

/** A pause is told of when it is longer than this, in milliseconds, and than this share of the median. */
const LONG_PAUSE_MS = 10;
const LONG_PAUSE_SHARE = 0.1;

/** Returns the lengths of the pauses within a load, in milliseconds. */
function pausesWithin({ pausesMs, plannedMs }: Samples): number[] {
  const startMs = plannedMs[0] ?? Infinity;
  return Array.from(pausesMs).filter((lengthMs, i) =>
    i % 2 === 1 && (pausesMs[i - 1] ?? 0) + lengthMs > startMs
  );
}

/** Describes the pauses within a load, or returns null where none was long. */
function describePauses(
  samples: Samples,
  p50Ms: number | null,
): string | null {
  const lengthsMs = pausesWithin(samples);
  const longestMs = Math.max(0, ...lengthsMs);
  if (longestMs <= Math.max(LONG_PAUSE_MS, LONG_PAUSE_SHARE * (p50Ms ?? 0))) {
    return null;
  }
  const totalMs = sum(lengthsMs);
  return `pauses of the client: ${lengthsMs.length}, ${
    totalMs.toFixed(0)
  } ms in all, the longest ${longestMs.toFixed(0)} ms`;
}

/** How far a closed loop may be from Little's law before its figures are doubted. */
const CLOSED_LOOP_RANGE = [0.97, 1.03] as const;

/**
 * Returns requests/s x mean latency / connections, which is 1 in a closed loop that is always full.
 *
 * By Little's law the requests in flight are the rate times the latency. A client that loses time
 * between an answer and the next request, or that misses part of a latency, is below 1 (wrk is at
 * 0.6 to 0.7 when saturated).
 *
 * @param load The sum of the latencies and the length of the window, in milliseconds, and the clients.
 */
export function closedLoopRatio(
  load: {
    readonly latencySumMs: number;
    readonly windowMs: number;
    readonly concurrency: number;
  },
): number {
  return load.latencySumMs / load.windowMs / load.concurrency;
}

/** Says that a closed loop was not always full, or null where it was. */
export function closedLoopDoubt(ratio: number): string | null {
  return ratio >= CLOSED_LOOP_RANGE[0] && ratio <= CLOSED_LOOP_RANGE[1]
    ? null
    : `requests/s x mean latency / connections is ${
      ratio.toFixed(2)
    }, not 1: the client or the machine was busy with something else`;
}

/** What is said where the client could not be measured. */
export const UNKNOWN_CLIENT =
  "What the client adds is not known, as it could not be measured: allow the network of 127.0.0.1 (--allow-net)";

/** Says in one line what the client adds and can do; of several rulers, from the least to the most. */
export function describeClient(calibrations: readonly Calibration[]): string {
  const range = (values: readonly number[], digits: number) => {
    const texts = [Math.min(...values), Math.max(...values)]
      .map((value) => value.toFixed(digits));
    return [...new Set(texts)].join(" to ");
  };
  const added = calibrations.map(({ addedP50Ms }) => addedP50Ms);
  const slow = calibrations.map(({ addedP99Ms }) => addedP99Ms);
  const ceilings = calibrations.map((one) => one.ceilingRequestsPerSec);
  const sizes = calibrations.length > 1
    ? ", by size and clients"
    : calibrations.map(describeSize).join("");
  // One client is idle while its answer is judged.
  const doubt = calibrations.filter(({ clients }) => clients > 1)
    .flatMap((one) => closedLoopDoubt(one.closedLoopRatio) ?? [])[0];
  return `The client itself takes ${
    range(added, 2)
  } ms of a request at the median and ${
    range(slow, 2)
  } ms in 1 of 100, and can send ${range(ceilings, 0)} requests/s${sizes}${
    doubt === undefined ? "" : `; ${doubt}`
  }`;
}

function describeSize(
  { clients, requestBytes, answerBytes }: Calibration,
): string {
  if (requestBytes === null || answerBytes === null) return "";
  return ` (${describeBytes(requestBytes)} sent, ${
    describeBytes(answerBytes)
  } answered, ${clients} in flight)`;
}

function describeBytes(bytes: number): string {
  return bytes < 10_000 ? `${bytes} B` : `${Math.round(bytes / 1000)} KB`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
