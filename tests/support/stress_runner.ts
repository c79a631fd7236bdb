/**
 * Runs stress.ts for tests, in this process, and reads what it left.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { assertEquals, assertGreater } from "@std/assert";
import type { Calibration } from "../../lib/record/run.ts";
import { parseStressRun } from "../../lib/stress/file.ts";
import type { StressResult, StressRun } from "../../lib/stress/record.ts";
import { main } from "../../stress.ts";
import { makeTestFolder, QUICK_CLIENT, rulerOf } from "./bench_runner.ts";

/** What a run of stress.ts came to. */
export interface StressOutcome {
  /** The exit code. */
  readonly code: number;
  /** All of stdout. */
  readonly stdout: string;
  /** All of stderr. */
  readonly stderr: string;
  /** The record that it wrote; null without one. */
  readonly run: StressRun | null;
}

/** Runs stress.ts in this process, without progress, and reads its record; the client is one that is never the limit. */
export async function stress(
  args: readonly string[],
  client: Calibration = QUICK_CLIENT,
): Promise<StressOutcome> {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/run.json`;
  const { log, error } = console;
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  console.log = (...words) => lines.stdout.push(words.join(" "));
  console.error = (...words) => lines.stderr.push(words.join(" "));
  try {
    const code = await main(
      // Requests are counted: what a load is warmed up with would go before them.
      [
        ...(args.includes("--load-warmup") ? [] : ["--load-warmup", "0"]),
        ...[...args, "--output", path, "--quiet"],
      ],
      () => rulerOf(client),
    );
    const text = await Deno.readTextFile(path).catch(() => null);
    return {
      code,
      stdout: lines.stdout.join("\n"),
      stderr: lines.stderr.join("\n"),
      run: text === null ? null : parseStressRun(text),
    };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** How often each failure was counted in the only load of a run. */
export function countsOf(run: StressRun | null): Record<string, number> {
  const { failures } = run?.results[0] as StressResult;
  return Object.fromEntries(
    failures.map(({ outcome, count }) => [outcome, count]),
  );
}

/** The kinds of what was found of the server, without what was found of the client. */
export function serverFindings(result: StressResult | undefined): string[] {
  return result?.findings.map(({ kind }) => kind)
    .filter((kind) => kind !== "client limit") ?? ["no result"];
}

/**
 * Asserts that nothing was found of the server: each load passed, or was one of this machine, since
 * it was too busy to send it as planned, and says so.
 */
export function assertPassedOrBusy({ code, stderr, run }: StressOutcome): void {
  const results = run?.results ?? [];
  assertGreater(results.length, 0, stderr);
  for (const result of results) {
    assertEquals(serverFindings(result), []);
    assertEquals(
      result.verdict,
      result.findings.length === 0 ? "PASS" : "INVALID",
    );
  }
  const isBusy = results.some(({ verdict }) => verdict === "INVALID");
  assertEquals(code, isBusy ? 3 : 0, stderr);
}
