/**
 * stress.ts on a machine whose clock is a second ahead; `slurm:check` runs it as one of its tasks.
 *
 * @module
 */
import { startWallClock } from "../../lib/load/clock.ts";
import { main } from "../../stress.ts";

const AHEAD_MS = 1_000;

if (import.meta.main) {
  const clock = startWallClock();
  Deno.exit(await main(Deno.args, undefined, () => clock() + AHEAD_MS));
}
