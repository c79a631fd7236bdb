/**
 * Measures one cell on two servers, request by request in blocks A B B A.
 *
 * What drifts evenly over a block touches both servers alike, so that no noise between runs is
 * left. The requests never overlap: each server is alone while it works.
 *
 * @module
 */
import { findUnfitness } from "../baseline/fitness.ts";
import { type AbBlock, type AbCell, judgeAb } from "../gate/ab.ts";
import { levelOfSamples } from "../gate/spread.ts";
import { type GateOptions, limitsOf } from "../gate/verdict.ts";
import { mergeSamples, type Samples } from "../load/samples.ts";
import { type CellResult, goodLatenciesMs, type Run } from "../record/run.ts";
import { judgeCell } from "./cell.ts";
import type { CellPlan, CellWorld } from "./cell_plan.ts";
import { warmUp } from "./warming.ts";
import { askToSpeak, useOf } from "./watch.ts";
import { cellId } from "../record/cells.ts";
import { withDoubt } from "../record/doubts.ts";

/** The requests of a block, by the server that each goes to. */
const BLOCK = ["a", "b", "b", "a"] as const;

/** One cell on both servers. */
export interface AbResult {
  /** On the server that is compared with. */
  readonly a: CellResult;
  /** On the server that is judged. */
  readonly b: CellResult;
}

/**
 * Measures one cell on two servers.
 *
 * @param plan The cell; its timed requests are rounded up to whole blocks of two a server.
 * @param worlds How to send to each server.
 */
export async function measureAbCell(
  plan: CellPlan,
  worlds: { readonly a: CellWorld; readonly b: CellWorld },
): Promise<AbResult> {
  const blocks = Math.ceil(plan.numRuns / 2);
  const whole = { ...plan, numRuns: 2 * blocks };
  const warm = {
    a: await warmUp(plan, worlds.a),
    b: await warmUp(plan, worlds.b),
  };
  const parts: { a: Samples[]; b: Samples[] } = { a: [], b: [] };
  const isDead = warm.a.isDead || warm.b.isDead;
  for (const side of ["a", "b"] as const) {
    if (!isDead && plan.warmupRuns > 0) {
      await askToSpeak(worlds[side].watch);
    }
  }
  const windows = {
    a: await worlds.a.watch?.witness.open(),
    b: await worlds.b.watch?.witness.open(),
  };
  for (const side of ["a", "b"] as const) {
    parts[side].push(await worlds[side].send(0, warm[side].requests, "timed"));
  }
  for (let block = 0; block < blocks && !isDead; block++) {
    for (const side of BLOCK) {
      if (worlds[side].isInterrupted()) break;
      const index = warm[side].requests + parts[side].length - 1;
      parts[side].push(await worlds[side].send(1, index, "timed"));
    }
  }
  const result = async (side: "a" | "b") =>
    judgeCell(whole, warm[side], {
      samples: mergeSamples(parts[side]),
      world: worlds[side],
      findings: await windows[side]?.close(useOf(parts[side])) ?? null,
    });
  return { a: await result("a"), b: await result("b") };
}

/** Returns a run with its cells judged against those of the server that it was compared with. */
export function judgeAbRun(run: Run, options: GateOptions): Run {
  const reference = new Map(
    (run.reference ?? []).map((cell) => [cellId(cell.key), cell]),
  );
  const pairs = run.cells.map((cell) => {
    const key = cellId(cell.key);
    const other = reference.get(key);
    const onA = other === undefined ? null : findUnfitness(other);
    const unfit = findUnfitness(cell) ?? (onA === null ? null : `on A: ${onA}`);
    return {
      cell,
      key,
      unfit,
      blocks: unfit === null ? blocksOf(other, cell) : [],
    };
  });
  const fit = pairs.filter(({ blocks }) => blocks.length >= 2);
  const verdict = judgeAb(
    fit.map(({ key, blocks }): AbCell => ({ key, blocks })),
    options,
  );
  const verdicts = new Map(verdict.cells.map((one) => [one.key, one]));
  return {
    ...run,
    cells: pairs.map(({ cell, key, unfit }) => {
      const judged = verdicts.get(key);
      if (judged === undefined || judged.changePercent === null) {
        const text = unfit ?? "too few whole blocks";
        return {
          ...cell,
          status: "INVALID" as const,
          doubts: withDoubt({ kind: "not-compared", text }, cell.doubts),
        };
      }
      const { status, reason, changePercent, intervalPercent } = judged;
      const other = reference.get(key);
      return {
        ...cell,
        status,
        verdict: {
          changePercent,
          intervalPercent,
          ...(other === undefined
            ? {}
            : { levelsMs: [levelMs(other), levelMs(cell)] as const }),
          baselineRuns: 1,
          moreRuns: null,
          reason,
        },
      };
    }),
    comparison: {
      baseline: [`A, ${run.options.compareAddress}, block by block`],
      changePercent: verdict.runWide?.changePercent ?? null,
      intervalPercent: verdict.runWide?.intervalPercent ?? null,
      statistic: verdict.statistic,
      limitsPercent: limitsOf(options),
      missing: [],
      baselineCells: fit.length,
      notes: verdict.notes.map(({ message }) => message),
      failure: fit.length === 0
        ? "no cell was measured on both servers"
        : verdict.undecided,
    },
  };
}

/** What a cell is shown with beside the other server's; the change itself is that of the blocks. */
function levelMs({ samples }: CellResult): number {
  return Math.exp(levelOfSamples(goodLatenciesMs(samples)).log);
}

/** Pairs the samples of two cells into blocks; none where one is missing or INVALID, since a gap would shift them. */
function blocksOf(a: CellResult | undefined, b: CellResult): AbBlock[] {
  if (a === undefined || a.status === "INVALID" || b.status === "INVALID") {
    return [];
  }
  const [aMs, bMs] = [a, b].map(({ samples }) =>
    samples.doneMs.map((doneMs, i) => doneMs - (samples.sentMs[i] ?? 0))
  );
  const blocks: AbBlock[] = [];
  for (let i = 0; i + 1 < b.samples.outcome.length; i += 2) {
    const [a1Ms, a2Ms] = [aMs?.[i], aMs?.[i + 1]];
    const [b1Ms, b2Ms] = [bMs?.[i], bMs?.[i + 1]];
    if (
      a1Ms !== undefined && a2Ms !== undefined && b1Ms !== undefined &&
      b2Ms !== undefined
    ) blocks.push({ a1Ms, b1Ms, b2Ms, a2Ms });
  }
  return blocks;
}
