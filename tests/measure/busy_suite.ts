/**
 * Runs the tests again and again while every core has four busy loops beside them: a test that asserts what only an idle
 * machine gives fails here.
 *
 * @module
 */
// deno-lint-ignore-file no-console

/** Busy loops for each core. */
const LOOPS_PER_CORE = 4;

/** Runs in a row that prove something. */
const DEFAULT_RUNS = 3;

/**
 * Runs the task `test` beside busy loops, until it has passed `runs` times in a row or failed.
 *
 * @returns How many times it passed.
 */
export async function runBusy(runs: number): Promise<number> {
  const loops = Array.from(
    { length: LOOPS_PER_CORE * navigator.hardwareConcurrency },
    () =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", "for (;;);"],
        stdin: "null",
      }).spawn(),
  );
  try {
    for (let passed = 0; passed < runs; passed++) {
      const startMs = performance.now();
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: ["task", "test"],
      }).spawn().status;
      const minutes = (performance.now() - startMs) / 60_000;
      console.log(
        `Run ${passed + 1} of ${runs} beside ${loops.length} busy loops: ${
          code === 0 ? "passed" : "FAILED"
        } in ${minutes.toFixed(1)} min`,
      );
      if (code !== 0) return passed;
    }
    return runs;
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await Promise.all(loops.map(({ status }) => status));
  }
}

if (import.meta.main) {
  const runs = Number(Deno.args[0] ?? DEFAULT_RUNS);
  Deno.exit(await runBusy(runs) < runs ? 1 : 0);
}
