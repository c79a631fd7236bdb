/**
 * Judges one load: what its samples, its truth and the health of the server come to.
 *
 * @module
 */
import { isOfClient } from "../outcome.ts";
import { type ClientDoubt, findLoadDoubts } from "../load/client_limit.ts";
import { askedPerSec } from "../load/driver.ts";
import { SHOWN_ERRORS } from "../load/observer.ts";
import type { Samples } from "../load/samples.ts";
import { timelineRows } from "../load/timeline.ts";
import { type Deviation, type Tolerance, worstOf } from "../score/truth.ts";
import { countOf, mergeFailures } from "../record/cells.ts";
import { sum } from "../stats/summary.ts";
import type { Calibration, FailureCount } from "../record/run.ts";
import { type LoadFigures, loadFigures } from "./figures.ts";
import { type Health, type HealthCheck, judgeHealth } from "./health.ts";
import type { ServerSeries } from "./health.ts";
import type {
  Finding,
  StressResult,
  StressVerdict,
  TruthRecord,
} from "./record.ts";
import type { ShapeReferences } from "./references.ts";
import type { LoadStep } from "./scenarios.ts";
import { describeSize } from "../score/sent.ts";
import { counted } from "../wrap.ts";
import { DIFFERENT_ANSWERS } from "../score/answer.ts";

/** What is known of a load when it has ended. */
export interface EndedLoad {
  readonly step: LoadStep;
  /** What was recorded; null where it was not sent, since references were missing. */
  readonly samples: Samples | null;
  readonly references: readonly ShapeReferences[];
  readonly tolerance: Tolerance;
  /** When it started, in milliseconds from the start of the run. */
  readonly startMs: number;
  /** How long it took, draining included. */
  readonly durationMs: number;
  /** What was measured of the server meanwhile; null where nothing was. */
  readonly server: ServerSeries | null;
  /** Why the server is no longer there, in words, or null. */
  readonly death: string | null;
  readonly isInterrupted: boolean;
  /** What the client gives reason for. */
  readonly doubts?: readonly ClientDoubt[];
  /** Which of several hosts saw failures, in words. */
  readonly failedAt?: string;
  /** Why the load that was asked for is not the one that was sent, in words. */
  readonly gaps?: readonly string[];
}

/** Judges a load. */
export function judgeLoad(load: EndedLoad): StressResult {
  const { step, samples } = load;
  const figures = samples === null
    ? null
    : loadFigures(samples, step.loop, load.durationMs);
  const observed = samples?.observed;
  const windowMs = Math.min(
    step.loop.durationMs ?? load.durationMs,
    load.durationMs,
  );
  const health = load.server === null || observed === undefined
    ? null
    : judgeHealth(observed, windowMs, load.server);
  const { doubts = [], gaps = [] } = load;
  const limits = doubts.filter(({ kind }) => kind === "limit");
  const findings = [
    ...referenceFindings(load.references),
    ...(figures === null ? [] : figureFindings(figures, load)),
    ...(health === null ? [] : healthFindings(health, step.loop.kind)),
    ...(load.death === null
      ? []
      : [{ kind: "server died", text: load.death } as const]),
    ...limits.map(({ text }) => ({ kind: "client limit", text } as const)),
    ...gaps.map((text) => ({ kind: "incomplete load", text } as const)),
  ];
  return {
    scenario: step.scenario,
    configuration: step.configuration,
    sent: describeSent(step),
    verdict: verdictOf(findings, load.isInterrupted),
    findings,
    notes: [
      ...doubts.filter(({ kind }) => kind === "warning").map(({ text }) =>
        text.charAt(0).toUpperCase() + text.slice(1)
      ),
      ...(health?.isStall ? [describeStall(health)] : []),
    ],
    startMs: load.startMs,
    durationMs: load.durationMs,
    plannedRequests: figures?.planned ?? 0,
    goodRequests: figures?.good ?? 0,
    failedRequests: figures?.failed ?? 0,
    unfinishedRequests: figures?.unfinished ?? 0,
    askedPerSec: askedPerSec(step.loop),
    // A rate of the client is none of the server, and neither is that of a part.
    reachedPerSec: limits.length + gaps.length > 0
      ? null
      : figures?.reachedPerSec ?? null,
    latency: figures?.latency ?? null,
    service: figures?.service ?? null,
    lag: figures?.lag ?? null,
    failures: mergeFailures([
      ...load.references.flatMap(({ failures }) => failures),
      ...figures?.failures ?? [],
    ]),
    errors: errorsOf(load),
    truth: truthOf(load),
    health,
    timeline: observed === undefined ? [] : timelineRows(observed.timeline),
    part: null,
  };
}

/** One of the loads that a scenario consists of, or what was asked beside them. */
export type Piece =
  & Pick<
    StressResult,
    "plannedRequests" | "goodRequests" | "failedRequests" | "failures"
  >
  & Pick<StressResult, "findings" | "errors">
  & Partial<Pick<StressResult, "unfinishedRequests" | "startMs" | "timeline">>
  & { readonly truth: { readonly underLoad: Deviation | null | undefined } };

/**
 * Puts the loads of a scenario together: numbers add up, and one timeline goes over all.
 *
 * @param result The load whose rates and latencies are those of the scenario.
 * @param pieces All loads in order, that one among them.
 */
export function combine(
  result: StressResult,
  pieces: readonly Piece[],
  isInterrupted: boolean,
): StressResult {
  const total = (name: keyof Piece & `${string}Requests`) =>
    sum(pieces.map((piece) => piece[name] ?? 0));
  const startMs = pieces[0]?.startMs ?? result.startMs;
  const findings = pieces.flatMap((piece) => piece.findings);
  return {
    ...result,
    findings,
    verdict: verdictOf(findings, isInterrupted),
    startMs,
    plannedRequests: total("plannedRequests"),
    goodRequests: total("goodRequests"),
    failedRequests: total("failedRequests"),
    unfinishedRequests: total("unfinishedRequests"),
    failures: mergeFailures(pieces.flatMap(({ failures }) => failures)),
    errors: pieces.flatMap(({ errors }) => errors).slice(0, SHOWN_ERRORS),
    truth: {
      ...result.truth,
      underLoad: worstOf(pieces.map(({ truth }) => truth.underLoad)),
    },
    timeline: pieces.flatMap((piece) =>
      (piece.timeline ?? []).map((row) => ({
        ...row,
        startMs: row.startMs + (piece.startMs ?? startMs) - startMs,
      }))
    ),
  };
}

/** Says what a load sends: each payload again and again, so that prompts are in the cache after the first round. */
export function describeSent({ shapes }: LoadStep): string {
  return shapes.map(({ spec, payloads }) =>
    `${describeSize(spec)} (${counted(payloads, "payload")} in turn)`
  ).join("; ");
}

/** What makes a load INVALID, not failed. */
const INVALID_KINDS: readonly Finding["kind"][] = [
  "client limit",
  "incomplete load",
];

/** What is a fault under any load; the rest says nothing where not the whole load was sent. */
const FAULT_KINDS: readonly Finding["kind"][] = [
  "failed requests",
  "server died",
  "poison accepted",
  "not recovered",
];

/** Returns the verdict that findings come to. */
export function verdictOf(
  findings: readonly Finding[],
  isInterrupted: boolean,
): StressVerdict {
  const isPart = findings.some(({ kind }) => kind === "incomplete load");
  const isFault = ({ kind }: Finding) =>
    isPart ? FAULT_KINDS.includes(kind) : !INVALID_KINDS.includes(kind);
  if (findings.some(isFault)) return "FAIL";
  if (isInterrupted) return "INTERRUPTED";
  return findings.length > 0 ? "INVALID" : "PASS";
}

function isRefusedHere({ outcome, example }: FailureCount): boolean {
  return isOfClient({ outcome, message: example });
}

/** Describes failures: their number, and how many of each kind. */
export function describeFailures(
  failures: readonly FailureCount[],
  total: number,
): string {
  const failed = countOf(failures);
  const kinds = failures.map(({ outcome, count }) => `${count} x ${outcome}`);
  return `${failed} of ${total} requests failed: ${kinds.join(", ")}`;
}

function referenceFindings(references: readonly ShapeReferences[]): Finding[] {
  return references.flatMap(({ failures, requests, workload }): Finding[] => {
    if (failures.length === 0) return [];
    const said = failures.some(({ outcome }) => outcome === "mismatch")
      ? `${DIFFERENT_ANSWERS}; `
      : "";
    const what = said + describeFailures(failures, requests);
    const end = workload === null
      ? "; without references no load was sent"
      : "";
    return [{
      kind: "failed requests",
      text: `alone, before the load, ${what}${end}`,
    }];
  });
}

function figureFindings(
  figures: LoadFigures,
  { isInterrupted, failedAt = "" }: EndedLoad,
): Finding[] {
  const { good, planned } = figures;
  const findings: Finding[] = [];
  // What this machine refused never reached the server.
  const refused = countOf(figures.failures.filter(isRefusedHere));
  if (refused > 0) {
    findings.push({
      kind: "client limit",
      text:
        `this machine could open no further connections for ${refused} requests (ulimit -n, or no free ports)`,
    });
  }
  const failures = figures.failures.filter((one) => !isRefusedHere(one));
  const failed = figures.failed - refused;
  if (failed > 0) {
    const text = describeFailures(failures, good + failed);
    findings.push({ kind: "failed requests", text: text + failedAt });
  } else if (good === 0 && refused === 0 && !isInterrupted) {
    findings.push({
      kind: "no right answer",
      text: planned === 0 ? "no request was due" : "no request came to an end",
    });
  }
  return findings;
}

/**
 * Returns what the client gives reason for to doubt a load.
 *
 * @param step The load, or the part of it that this client sent.
 * @param calibration What the client adds and can do; null where it was not measured.
 */
export function loadDoubts(
  { loop }: LoadStep,
  { samples, durationMs }: Pick<EndedLoad, "samples" | "durationMs">,
  calibration: Calibration | null,
): ClientDoubt[] {
  if (samples === null) return [];
  const { service, reachedPerSec, lag } = loadFigures(
    samples,
    loop,
    durationMs,
  );
  return findLoadDoubts(calibration, {
    ...{ loop, samples, reachedPerSec, lag },
    p50Ms: service?.p50Ms ?? null,
  });
}

const GROWTH_KINDS = {
  "latency": "latency drift",
  "resident memory": "memory leak",
  "KV cache tokens lost": "memory leak",
  "queued requests": "growing queue",
} as const;

/** The queue of a closed load is as long as its clients make it, so that its growth is no fault. */
function healthFindings(
  { checks }: Health,
  loop: "open" | "closed",
): Finding[] {
  const grown = checks.filter(({ grew, watched }) =>
    grew && (watched !== "queued requests" || loop === "open")
  );
  return grown.map((check) => ({
    kind: GROWTH_KINDS[check.watched],
    text: `${check.watched} rose by ${describeTrend(check)}`,
  }));
}

/** Describes a trend: its change over the run, the interval, and the quarters. */
export function describeTrend({ trend, unit }: HealthCheck): string {
  if (trend === null) return "unobserved";
  const [low = "?", high = "?"] =
    trend.interval?.map((bound) => formatAmount(bound, unit)) ?? [];
  return `${formatAmount(trend.change, unit)} in ${
    (trend.spanMs / 1000).toFixed(0)
  } s (99 %: ${low} to ${high}; first quarter ${
    formatAmount(trend.firstQuarter, unit)
  }, last ${formatAmount(trend.lastQuarter, unit)})`;
}

function formatAmount(value: number, unit: HealthCheck["unit"]): string {
  switch (unit) {
    case "ms":
      return `${value.toFixed(2)} ms`;
    case "bytes":
      return `${(value / 2 ** 20).toFixed(1)} MiB`;
    case "tokens":
      return `${value.toFixed(0)} tokens`;
    case "requests":
      return `${value.toFixed(0)} requests`;
  }
}

function describeStall({ standstill }: Health): string {
  return `Stall: nothing was answered for ${
    (standstill.durationMs / 1000).toFixed(2)
  } s, ${(standstill.startMs / 1000).toFixed(1)} s after the start`;
}

/** The specification shows ten errors; those of the references come first, one of a kind. */
function errorsOf({ references, samples }: EndedLoad): string[] {
  const alone = references.flatMap(({ failures }) =>
    failures.map(({ outcome, example }) => `alone: ${outcome}: ${example}`)
  );
  const seen = samples?.observed?.errors ?? [];
  return [...alone, ...seen.map(({ text }) => text)].slice(0, SHOWN_ERRORS);
}

function truthOf(
  { references, samples, tolerance }: EndedLoad,
): TruthRecord {
  return {
    payloads: sum(references.map(({ workload }) => workload?.payloads ?? 0)),
    tolerance,
    requests: sum(references.map(({ requests }) => requests)),
    alone: worstOf(references.map(({ alone }) => alone)),
    underLoad: samples?.observed?.deviation ?? null,
  };
}
