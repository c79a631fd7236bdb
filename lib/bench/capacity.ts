/**
 * Finds how much a server holds: climbs the rungs, skips those beyond a broken objective, and halves the interval.
 *
 * @module
 */
import {
  brokenObjectives,
  describeBroken,
  type Objective,
  parseObjectives,
} from "../load/objectives.ts";
import { nextLoad, rampResult } from "../load/search.ts";
import { pooledLatenciesMs, shapesOf, withClients } from "../record/cells.ts";
import { findKnee } from "../record/capacity.ts";
import { summarisePasses } from "../record/passes.ts";
import type {
  CapacityRecord,
  CapacityRung,
  CellKey,
  CellResult,
  RunOptions,
} from "../record/run.ts";
import { summariseLatencies } from "../stats/summary.ts";

/** The interval is halved until its ends are as near as this: what is found is within 5 % of what is there. */
const NEAR = 1.05;

/** A rung counts when two passes agree; where they do not, a third decides with them. */
const PASSES = 2;

/** So many passes that broke with stalls or compiles among their samples are measured again: a new load brings new shapes. */
const MOST_UNSETTLED = 3;

/** Returns how many timed requests a client sends in a pass of a cell. */
export function runsOfPass(
  { concurrency = 1 }: CellKey,
  { numRuns, leastSamples, slo }: Pick<
    RunOptions,
    "numRuns" | "leastSamples" | "slo"
  >,
): number {
  const whole = Math.max(numRuns, Math.ceil(leastSamples / concurrency));
  return slo === null ? whole : Math.ceil(whole / PASSES);
}

/** What a search needs. */
export interface CapacitySearch {
  /** The shape: a cell without its clients. */
  readonly shape: CellKey;
  /** The clients to climb by. */
  readonly concurrency: readonly number[];
  /** The objectives, as they were given. */
  readonly slo: string;
  /** The same, read. */
  readonly objectives: readonly Objective[];
  /** Measures one pass of so many clients; null where the user ended the run. */
  readonly measure: (
    clients: number,
    pass: number,
  ) => Promise<CellResult | null>;
}

/**
 * Searches for the shapes of cells in turn how many clients hold the objectives of a run; ends where the user ended it.
 *
 * @param measure Measures one pass of a cell; null where the user ended the run.
 */
export async function* searchShapes(
  keys: readonly CellKey[],
  { concurrency, slo }: Pick<RunOptions, "concurrency" | "slo">,
  measure: (key: CellKey, pass: number) => Promise<CellResult | null>,
): AsyncGenerator<CapacityRecord> {
  const objectives = parseObjectives(slo ?? "");
  for (const shape of shapesOf(keys)) {
    const found = await searchCapacity({
      ...{ shape, concurrency, slo: slo ?? "", objectives },
      measure: (clients, pass) => measure(withClients(shape, clients), pass),
    });
    if (found === null) return;
    yield found;
  }
}

/** Searches the highest number of clients that holds; null where the user ended the run before. */
export async function searchCapacity(
  search: CapacitySearch,
): Promise<CapacityRecord | null> {
  const { shape, slo } = search;
  const rungs = search.concurrency.toSorted((a, b) => a - b);
  const [first = 1] = rungs;
  const plan = { first, whole: true, ladder: null, rungs, near: NEAR };
  const tried: CapacityRung[] = [];
  const trials = () =>
    tried.map(({ clients, verdict }) => ({ load: clients, verdict }));
  for (
    let clients = nextLoad(plan, trials());
    clients !== null;
    clients = nextLoad(plan, trials())
  ) {
    const rung = await judgeRung(search, clients);
    if (rung === null) return null;
    tried.push(rung);
  }
  const { highest, lowestBroken } = rampResult(trials());
  for (
    let clients = nextOfKnee(tried);
    clients !== null;
    clients = nextOfKnee(tried)
  ) {
    const rung = await judgeRung(search, clients);
    if (rung === null) return null;
    tried.push(rung);
  }
  const ordered = tried.toSorted((a, b) => a.clients - b.clients);
  return {
    key: shape,
    slo,
    rungs: ordered,
    highest,
    lowestBroken,
    goodputItemsPerSec: ordered.find(({ clients }) => clients === highest)
      ?.throughputItemsPerSec ?? null,
    knee: findKnee(
      ordered.flatMap(({ clients, throughputItemsPerSec }) =>
        throughputItemsPerSec === null ? [] : { clients, throughputItemsPerSec }
      ),
    ),
    skipped: rungs.filter((rung) =>
      !tried.some(({ clients }) => clients === rung)
    ),
  };
}

/** No more rungs than these are tried in all. */
const MOST_RUNGS = 24;

/** Returns the clients to try next where the knee is only known between two rungs; null where it is known. */
function nextOfKnee(tried: readonly CapacityRung[]): number | null {
  const points = pointsOf(tried);
  const knee = findKnee(points);
  const [first, last] = [points[0], points.at(-1)];
  if (
    knee === null || first === undefined || last === undefined ||
    tried.length >= MOST_RUNGS
  ) return null;
  const before = Math.min(knee.clients - 1, Math.round(knee.clients / NEAR));
  return [knee.clients, before].flatMap((clients) => [clients, 2 * clients])
    .find((clients) =>
      clients >= first.clients && clients <= last.clients &&
      !points.some((point) => point.clients === clients)
    ) ?? null;
}

function pointsOf(tried: readonly CapacityRung[]) {
  return tried.toSorted((a, b) => a.clients - b.clients)
    .flatMap(({ clients, throughputItemsPerSec }) =>
      throughputItemsPerSec === null ? [] : { clients, throughputItemsPerSec }
    );
}

async function judgeRung(
  { shape, objectives, measure }: CapacitySearch,
  clients: number,
): Promise<CapacityRung | null> {
  const passes: CellResult[] = [];
  const verdicts: CapacityRung["verdict"][] = [];
  let unsettled = 0;
  const isAgreed = () =>
    verdicts.length >= PASSES && new Set(verdicts).size === 1;
  while (!isAgreed() && passes.length <= PASSES) {
    const pass = await measure(clients, passes.length + unsettled);
    if (pass === null) return null;
    const { verdict } = judgePasses([pass], objectives);
    if (
      verdict === "broke" && pass.suspects.length > 0 &&
      unsettled < MOST_UNSETTLED
    ) {
      unsettled++;
      continue;
    }
    passes.push(pass);
    verdicts.push(verdict);
  }
  const summary = summarisePasses(
    passes.map(({ samples }) => samples),
    { ...shape, concurrency: clients },
  );
  return {
    clients,
    ...judgePasses(passes, objectives),
    throughputItemsPerSec: summary?.throughputItemsPerSec ?? null,
    p99Ms: summary?.p99Ms ?? null,
  };
}

/** Judges passes together by the objectives; a cell that is mostly client says nothing of the server. */
function judgePasses(
  passes: readonly CellResult[],
  objectives: readonly Objective[],
): Pick<CapacityRung, "verdict" | "reason"> {
  const ofClient = passes.find(({ summary, samples }) =>
    summary === null && samples.outcome.includes("ok")
  );
  if (ofClient !== undefined) {
    const reason = ofClient.doubts[0]?.text ?? "the client was the limit";
    return { verdict: "client", reason };
  }
  const outcomes = passes.flatMap(({ samples }) => samples.outcome);
  const failed = outcomes.filter((outcome) => outcome !== "ok").length;
  const load = {
    latency: summariseLatencies(pooledLatenciesMs(passes)),
    errorShare: outcomes.length === 0 ? null : failed / outcomes.length,
  };
  const broken = brokenObjectives(objectives, load);
  return broken.length === 0
    ? { verdict: "held", reason: "" }
    : { verdict: "broke", reason: describeBroken(broken, load) };
}
