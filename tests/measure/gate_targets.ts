/**
 * What the gate is held to: how often it may fail a run in which nothing changed, and how often it must find a change.
 *
 * @module
 */

import { looksSlower } from "../../lib/bench/confirm.ts";
import { judgeAb } from "../../lib/gate/ab.ts";
import {
  type GateCell,
  type GateOptions,
  type GateVerdict,
  judge,
  type RunValue,
} from "../../lib/gate/judge.ts";
import { DEFAULT_WARN_PERCENT } from "../../lib/gate/verdict.ts";
import { simulateAb } from "../support/gate_ab_simulation.ts";
import {
  SCENARIOS,
  simulate,
  type SimulatedCells,
  valueOf,
  type Where,
} from "../support/gate_simulation.ts";

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
  readonly slower?: Exclude<Where, "none">;
  readonly slowdown?: number;
  readonly othersFaster?: number;
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
    othersFaster: options.othersFaster ?? 0,
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
    const again = new Set(
      verdict.cells.filter((cell) =>
        looksSlower(cell, options.warnPercent ?? DEFAULT_WARN_PERCENT)
      ).map(({ key }) => key),
    );
    cells = cells.map((cell, index) => {
      const value = simulated.passes[index]?.[pass];
      return value === undefined || !again.has(cell.key)
        ? cell
        : { ...cell, result: cell.result.map((run) => pooled(run, value)) };
    });
    verdict = judge(cells, options);
  }
  return { verdict, simulated };
}

function pooled(...passes: readonly RunValue[]): RunValue {
  return valueOf(passes.flatMap(({ latenciesMs }) => latenciesMs ?? []));
}

function withoutSamples(cell: GateCell): GateCell {
  return {
    ...cell,
    baseline: cell.baseline.map((value) =>
      value === null ? null : { ...value, latenciesMs: null }
    ),
    result: cell.result.map((value) => ({ ...value, latenciesMs: null })),
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

function falseImprovement(
  scenario: ScenarioName,
  atMostPercent: number,
  options: Case = {},
): Target {
  return {
    name: `false improvement: ${describe(scenario, options)}`,
    atMostPercent,
    happens: (seed, mode) =>
      judgeCase(scenario, options, { seed, mode }).verdict.cells.some((
        { status },
      ) => status === "IMPROVED"),
    modes: ALL_MODES,
  };
}

/** At least one of the slow cells is named, and no other. */
function found(
  scenario: ScenarioName,
  atLeastPercent: number,
  options: Case & { slower: Exclude<Where, "none">; slowdown: number },
): Target {
  const { slower, slowdown, othersFaster } = options;
  const where = slower === "all"
    ? "everywhere"
    : slower === "one"
    ? "in one cell, named"
    : `in ${
      slower === "half" ? "half" : `a ${slower}`.replace("a three", "three")
    } of the cells, named`;
  const others = othersFaster === undefined
    ? ""
    : `, the others ${100 * othersFaster} % faster`;
  return {
    name: `found: ${(100 * slowdown).toFixed(0)} % slower ${where}${others}: ${
      describe(scenario, options)
    }`,
    atLeastPercent,
    happens: (seed, mode) => {
      const { verdict, simulated } = judgeCase(scenario, options, {
        seed,
        mode,
      });
      const named = verdict.cells.filter(({ status }) =>
        status === "REGRESSION"
      );
      return named.length > 0 &&
        named.every(({ key }) => simulated.slowKeys.has(key));
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
    humps?: number;
  },
): Target {
  return {
    name: `A/B, ${options.blocks} blocks, threshold ${options.failPercent} %${
      options.humps === undefined ? "" : ", two humps"
    }: ${name}`,
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
  ...[1, 2].map((baselineRuns) =>
    found("quiet", 90, { slower: "all", slowdown: 0.15, baselineRuns })
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
  ...(["bi40", "bi50", "bi45all"] as const).flatMap((scenario) =>
    [5, 1].flatMap((baselineRuns) => {
      const most = baselineRuns === 5 ? 1 : 3;
      return [
        falseAlarm(scenario, most, { baselineRuns }),
        falseImprovement(scenario, most, { baselineRuns }),
        falseAlarm(scenario, 2, { baselineRuns, cells: 6 }),
        falseAlarm(scenario, 2, { baselineRuns, cells: 84 }),
      ];
    })
  ),
  ...(["quiet", "typ"] as const).flatMap((scenario) => [
    ...[24, 6].flatMap((cells) =>
      (["quarter", "half", "three quarters", "all"] as const).map((slower) =>
        found(scenario, 95, { slower, slowdown: 0.2, cells })
      )
    ),
    found(scenario, scenario === "quiet" ? 95 : 80, {
      slower: "one",
      slowdown: 0.2,
    }),
    found(scenario, 95, { slower: "one", slowdown: 0.25 }),
    found(scenario, 95, { slower: "half", slowdown: 1, othersFaster: 0.5 }),
    found(scenario, 95, { slower: "half", slowdown: 0.3, othersFaster: 0.15 }),
  ]),
  ...[24, 6].flatMap((cells) =>
    (["one", "quarter", "half", "three quarters", "all"] as const).map((
      slower,
    ) => found("quiet", 100, { slower, slowdown: 2, cells, baselineRuns: 1 }))
  ),
  found("typ", 99, { slower: "half", slowdown: 2, baselineRuns: 1 }),
  found("bi40", 95, { slower: "all", slowdown: 0.5 }),
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
  ...[0.2, 0.4, 0.5].map((humps) =>
    ab(`false alarm, ${100 * humps} % fast`, { atMostPercent: 1 }, {
      blocks: 25,
      slower: "none",
      slowdown: 0,
      failPercent: 10,
      humps,
    })
  ),
  ab("found: 20 % slower everywhere", { atLeastPercent: 95 }, {
    blocks: 25,
    slower: "all",
    slowdown: 0.2,
    failPercent: 10,
    humps: 0.45,
  }),
];
