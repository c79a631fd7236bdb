/**
 * The flags of the gate, shared by all commands that judge.
 *
 * @module
 */
import { type CompareOptions, GATES } from "../baseline/comparison.ts";
import { MISMATCH_NAMES } from "../baseline/conditions.ts";
import { flag, type FlagValues } from "../cli/command_spec.ts";
import { UsageError } from "../failure.ts";
import { DEFAULT_FAIL_PERCENT, DEFAULT_WARN_PERCENT } from "../gate/verdict.ts";

/** The flags, a group of a command. */
export const GATE_FLAGS = {
  title: "Gate",
  flags: [
    flag.text(
      "gate RULE",
      "statistical: the evidence must carry the verdict; threshold: mean throughput against the newest row, as the specification has it",
      { choices: GATES, default: "statistical" },
    ),
    flag.number(
      "regression-threshold PERCENT",
      "Smallest drop of throughput that fails a run",
      { min: 0.1, max: 99, default: DEFAULT_FAIL_PERCENT },
    ),
    flag.number(
      "warn-threshold PERCENT",
      "Smallest drop that warns; 5, or half of the regression threshold where that is less",
      { min: 0.05, max: 98 },
    ),
    flag.text("allow-mismatch NAME", "Compare although this differs", {
      repeat: true,
      choices: MISMATCH_NAMES,
    }),
    flag.integer(
      "max-invalid N",
      "INVALID cells to put up with before the exit code is 3",
      { default: 0 },
    ),
  ],
} as const;

/** The values of {@linkcode GATE_FLAGS}. */
export type GateFlags = FlagValues<
  {
    readonly name: "";
    readonly summary: "";
    readonly groups: readonly [typeof GATE_FLAGS];
  }
>;

/**
 * Reads how to compare from the flags.
 *
 * @throws {UsageError} If the warning threshold is not below the regression threshold.
 */
export function readGateFlags(flags: GateFlags): Required<CompareOptions> {
  const failPercent = flags.regressionThreshold;
  const warnPercent = flags.warnThreshold ??
    Math.min(DEFAULT_WARN_PERCENT, failPercent / 2);
  if (warnPercent >= failPercent) {
    throw new UsageError([
      `Cannot take --warn-threshold ${warnPercent}: expected less than --regression-threshold, which is ${failPercent}`,
    ]);
  }
  return {
    gate: flags.gate,
    failPercent,
    warnPercent,
    allowMismatch: flags.allowMismatch,
    maxInvalid: flags.maxInvalid,
  };
}
