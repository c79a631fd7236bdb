/** Writes docs/flags.md: the help of every script. */
import type { CommandSpec } from "../lib/cli/command_spec.ts";
import { formatHelp } from "../lib/cli/help.ts";
import { BENCH_COMMAND } from "../lib/commands/bench.ts";
import {
  COMPARE_COMMAND,
  MERGE_COMMAND,
  RENDER_COMMAND,
  TREND_COMMAND,
} from "../lib/commands/report.ts";
import { SIM_COMMAND } from "../lib/commands/sim.ts";
import { STRESS_COMMAND } from "../lib/commands/stress.ts";

const SPECS: readonly CommandSpec[] = [
  BENCH_COMMAND,
  STRESS_COMMAND,
  RENDER_COMMAND,
  COMPARE_COMMAND,
  TREND_COMMAND,
  MERGE_COMMAND,
  SIM_COMMAND,
];

/** Returns the page. */
export function flagsPage(): string {
  const sections = SPECS.flatMap((spec) => [
    "",
    `## ${spec.name}`,
    "",
    "```text",
    formatHelp(spec).trimEnd(),
    "```",
  ]);
  return [
    "# Flags",
    "",
    "What `--help` of each script prints; `deno task flags` writes this page.",
    ...sections,
    "",
  ].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(
    new URL("../docs/flags.md", import.meta.url),
    flagsPage(),
  );
}
