/**
 * What the gate is held to: how often it may fail a run in which nothing changed, and how often it must find a change.
 *
 * @module
 */

import {
  type GateCell,
  type GateOptions,
  type GateVerdict,
  judge,
  suspects,
} from "../lib/gate/gate.ts";
import { judgeAb } from "../lib/gate/gate_ab.ts";
import { SCENARIOS, simulate, type SimulatedCells } from "./gate_simulation.ts";
import { simulateAb } from "./gate_ab_simulation.ts";

type ScenarioName = keyof typeof SCENARIOS;

/** How a comparison is judged: summaries alone, with samples, or with the suspects measured up to twice more. */
export type Mode = "summaries" | "samples" | "measured again";

/** One line of the table: how often something happens, and how often it may or must. */
export interface Target {
  /** What happens, and in which scenario of `gate_simulation.ts`. */
  readonly name: string;
  /** It may happen in so many of 100 runs. */
  readonly atMostPercent?: number;
  /** It must happen in so many of 100 runs. */
  readonly atLeastPercent?: number;
  /** Judges one repetition; true, false, or the share of cells for which it happened. */
  readonly happens: (seed: string, mode: Mode) => boolean | number;
  /** The ways to judge that it is tried in. */
  readonly modes: readonly Mode[];
}

interface Case extends GateOptions {
  readonly cells?: number;
  readonly samples?: number;
  readonly baselineRuns?: number;
  readonly slower?: "all" | "one";
  readonly slowdown?: number;
}

/** In the order of the columns. */
export const ALL_MODES: readonly Mode[] = [
  "summaries",
  "samples",
  "measured again",
];
const STEADY: readonly ScenarioName[] = [
  "quiet",
  "typ",
  "vm",
  "a5",
  "a15",
  "b5",
  "c5",
  "d1",
  "d3",
  "impr",
];
const DRIFTING: readonly ScenarioName[] = ["e1", "e2"];
const SIZES: readonly ScenarioName[] = ["quiet", "typ", "vm", "a15", "c5"];

function judgeCase(
  scenario: ScenarioName,
  options: Case,
  { seed, mode }: { seed: string; mode: Mode },
): { verdict: GateVerdict; simulated: SimulatedCells } {
  const shape = {
    cells: options.cells ?? 24,
    samples: options.samples ?? 20,
    baselineRuns: options.baselineRuns ?? 5,
    slower: options.slower ?? "none",
    slowdown: options.slowdown ?? 0,
  } as const;
  const label = JSON.stringify(options);
  const simulated = simulate(
    SCENARIOS[scenario],
    shape,
    `${seed}/${scenario}/${label}`,
  );
  let cells = mode === "summaries"
    ? simulated.cells.map(withoutSamples)
    : simulated.cells;
  let verdict = judge(cells, options);
  for (let pass = 0; mode === "measured again" && pass < 2; pass++) {
    const again = new Set(suspects(verdict, options));
    cells = cells.map((cell, index) => {
      const value = simulated.passes[index]?.[pass];
      return value === undefined || !again.has(cell.key)
        ? cell
        : { ...cell, result: cell.result.map((run) => [...run, value]) };
    });
    verdict = judge(cells, options);
  }
  return { verdict, simulated };
}

function withoutSamples(cell: GateCell): GateCell {
  return {
    ...cell,
    baseline: cell.baseline.map((value) =>
      value === null ? null : { ...value, latenciesMs: null }
    ),
    result: cell.result.map((run) =>
      run.map((value) => ({ ...value, latenciesMs: null }))
    ),
  };
}

function isRegression({ cells }: GateVerdict): boolean {
  return cells.some(({ status }) => status === "REGRESSION");
}

function describe(scenario: string, options: Case): string {
  const { cells = 24, samples = 20, baselineRuns = 5, failPercent = 10 } =
    options;
  const baseline = `${baselineRuns} baseline ${
    baselineRuns === 1 ? "run" : "runs"
  }`;
  const threshold = failPercent === 10 ? "" : `, threshold ${failPercent} %`;
  const size = cells === 24 && samples === 20
    ? ""
    : `, ${cells} ${cells === 1 ? "cell" : "cells"} of ${samples}`;
  return `${scenario}, ${baseline}${size}${threshold}`;
}

function falseAlarm(
  scenario: ScenarioName,
  atMostPercent: number,
  options: Case = {},
): Target {
  return {
    name: `false alarm: ${describe(scenario, options)}`,
    atMostPercent,
    happens: (seed, mode) =>
      isRegression(judgeCase(scenario, options, { seed, mode }).verdict),
    modes: ALL_MODES,
  };
}

function found(
  scenario: ScenarioName,
  atLeastPercent: number,
  options: Case & { slower: "all" | "one"; slowdown: number },
): Target {
  const { slower, slowdown } = options;
  const where = slower === "all" ? "everywhere" : "in one cell, named";
  return {
    name: `found: ${100 * slowdown} % slower ${where}: ${
      describe(scenario, options)
    }`,
    atLeastPercent,
    happens: (seed, mode) => {
      const { verdict, simulated } = judgeCase(scenario, options, {
        seed,
        mode,
      });
      return slower === "all" ? isRegression(verdict) : verdict.cells.some(
        ({ key, status }) =>
          key === simulated.slowKey && status === "REGRESSION",
      );
    },
    modes: ALL_MODES,
  };
}

/** Cells called OK although they are slower by more than the threshold: what the confidence of OK promises. */
function wronglyOk(scenario: ScenarioName, options: Case): Target {
  const slow = { ...options, slower: "all", slowdown: 0.15 } as const;
  return {
    name: `cells called OK though 15 % slower: ${describe(scenario, options)}`,
    atMostPercent: 5,
    happens: (seed, mode) => {
      const { cells } = judgeCase(scenario, slow, { seed, mode }).verdict;
      return cells.filter(({ status }) => status === "OK").length /
        cells.length;
    },
    modes: ALL_MODES,
  };
}

function noted(
  scenario: ScenarioName,
  kind: "tail" | "odd-baseline-run",
  limit: { atMostPercent: number } | { atLeastPercent: number },
): Target {
  return {
    name: `${
      kind === "tail" ? "tail reported" : "slow baseline run named"
    }: ${scenario}`,
    ...limit,
    happens: (seed, mode) => {
      const { verdict, simulated } = judgeCase(scenario, {}, { seed, mode });
      return verdict.notes.some((note) =>
        note.kind === kind &&
        (kind === "tail" || note.baselineRun === simulated.badRun)
      );
    },
    modes: ["summaries"],
  };
}

function ab(
  name: string,
  limit: { atMostPercent: number } | { atLeastPercent: number },
  options: GateOptions & {
    blocks: number;
    slower: "none" | "all" | "one";
    slowdown: number;
  },
): Target {
  return {
    name:
      `A/B, ${options.blocks} blocks, threshold ${options.failPercent} %: ${name}`,
    ...limit,
    happens: (seed) => {
      const { cells, slowKey } = simulateAb(
        options,
        `${seed}/${JSON.stringify(options)}`,
      );
      const verdict = judgeAb(cells, options);
      return options.slower !== "one"
        ? isRegression(verdict)
        : verdict.cells.some(
          ({ key, status }) => key === slowKey && status === "REGRESSION",
        );
    },
    modes: ["samples"],
  };
}

/** All that the gate is held to. */
export const TARGETS: readonly Target[] = [
  ...STEADY.map((scenario) => falseAlarm(scenario, 1)),
  ...DRIFTING.map((scenario) => falseAlarm(scenario, 5)),
  ...STEADY.map((scenario) => falseAlarm(scenario, 3, { baselineRuns: 1 })),
  ...DRIFTING.map((scenario) => falseAlarm(scenario, 5, { baselineRuns: 1 })),
  falseAlarm("bad", 1),
  noted("bad", "odd-baseline-run", { atLeastPercent: 95 }),
  noted("vm", "odd-baseline-run", { atMostPercent: 1 }),
  ...(["quiet", "typ", "a5", "b5", "d1"] as const).map((scenario) =>
    found(scenario, 95, { slower: "all", slowdown: 0.15 })
  ),
  ...(["quiet", "typ"] as const).map((scenario) =>
    found(scenario, 90, { slower: "one", slowdown: 0.25 })
  ),
  found("quiet", 90, {
    slower: "all",
    slowdown: 0.1,
    failPercent: 5,
    warnPercent: 2.5,
  }),
  ...[5, 1].flatMap((baselineRuns) =>
    SIZES.flatMap((scenario) => [
      falseAlarm(scenario, 2, { cells: 84, baselineRuns }),
      falseAlarm(scenario, 2, { cells: 1, samples: 5, baselineRuns }),
    ])
  ),
  wronglyOk("typ", { baselineRuns: 1 }),
  wronglyOk("vm", { cells: 1, samples: 5 }),
  wronglyOk("a15", { cells: 1, samples: 5, baselineRuns: 1 }),
  noted("tail", "tail", { atLeastPercent: 60 }),
  ...(["quiet", "typ", "vm", "b5", "a15"] as const).map((scenario) =>
    noted(scenario, "tail", { atMostPercent: 0.5 })
  ),
  ab("false alarm", { atMostPercent: 1 }, {
    blocks: 10,
    slower: "none",
    slowdown: 0,
    failPercent: 5,
    warnPercent: 2.5,
  }),
  ab("found: 10 % slower everywhere", { atLeastPercent: 95 }, {
    blocks: 10,
    slower: "all",
    slowdown: 0.1,
    failPercent: 5,
    warnPercent: 2.5,
  }),
  ab("found: 15 % slower in one cell, named", { atLeastPercent: 90 }, {
    blocks: 25,
    slower: "one",
    slowdown: 0.15,
    failPercent: 10,
  }),
];
