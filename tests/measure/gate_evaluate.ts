/**
 * Evaluates the gate on simulated runs and prints what it reaches as a Markdown table.
 *
 *     deno run tests/measure/gate_evaluate.ts [repetitions] [seed] [part of the names of targets]
 *
 * The same seed gives the same table; 300 repetitions take twenty minutes.
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { judge } from "../../lib/gate/judge.ts";
import { median } from "../../lib/stats/summary.ts";
import { SCENARIOS, simulate } from "../support/gate_simulation.ts";
import { ALL_MODES, type Mode, type Target, TARGETS } from "./gate_targets.ts";

function reachedPercent(target: Target, mode: Mode, { repetitions, seed }: {
  repetitions: number;
  seed: string;
}): number {
  let total = 0;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    total += Number(target.happens(`${seed}/${repetition}`, mode));
  }
  return 100 * total / repetitions;
}

function main(args: readonly string[]): number {
  const repetitions = Number(args[0] ?? 1000);
  if (!(repetitions >= 1)) {
    throw new RangeError(
      `Cannot evaluate the gate as the number of repetitions must be 1 or more: current value is ${
        args[0]
      }`,
    );
  }
  const seed = args[1] ?? "scorebench";
  const targets = TARGETS.filter(({ name }) => name.includes(args[2] ?? ""));
  console.log(
    `${repetitions} repetitions, seed \`${seed}\`, 24 cells of 20 samples where not stated; percent of runs.\n`,
  );
  console.log(`| target | required | ${ALL_MODES.join(" | ")} | holds |`);
  console.log(
    `| --- | --- | ${ALL_MODES.map(() => "---").join(" | ")} | --- |`,
  );
  let missed = 0;
  for (const target of targets) {
    const { atMostPercent = 100, atLeastPercent = 0 } = target;
    const reached = target.modes.map((mode) =>
      reachedPercent(target, mode, { repetitions, seed })
    );
    const holds = reached.every((percent) =>
      percent <= atMostPercent && percent >= atLeastPercent
    );
    if (!holds) missed++;
    const required = target.atMostPercent === undefined
      ? `>= ${atLeastPercent}`
      : `<= ${atMostPercent}`;
    const columns = ALL_MODES.map((mode) =>
      reached[target.modes.indexOf(mode)]?.toFixed(1) ?? ""
    );
    console.log(
      `| ${
        [target.name, required, ...columns, holds ? "yes" : "NO"].join(" | ")
      } |`,
    );
  }
  console.log(
    `\n${targets.length - missed} of ${targets.length} targets hold.`,
  );
  console.log(
    `Judging 84 cells with samples against 20 baseline runs takes ${
      judgingMs(seed).toFixed(0)
    } ms (median of 9).`,
  );
  return missed === 0 ? 0 : 1;
}

function judgingMs(seed: string): number {
  const { cells } = simulate(SCENARIOS.vm, {
    cells: 84,
    samples: 20,
    baselineRuns: 20,
    slower: "none",
    slowdown: 0,
  }, seed);
  return median(Array.from({ length: 9 }, () => {
    const startMs = performance.now();
    judge(cells);
    return performance.now() - startMs;
  }));
}

if (import.meta.main) Deno.exit(main(Deno.args));
