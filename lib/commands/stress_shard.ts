/**
 * What `stress.ts` does as one shard of several: it joins the others, and says how that ended.
 *
 * @module
 */
import { complain } from "../cli/command_line.ts";
import { sleep } from "../load/clock.ts";
import { openShardFolder } from "../shards/folder.ts";
import { ShardSession } from "../shards/session.ts";
import type { StressEnd } from "../stress/run.ts";
import type { ShardSetup } from "./shard_flags.ts";
import type { StressSetup } from "./stress_setup.ts";

/** One shard that runs. */
export interface Shard {
  readonly session: ShardSession;
  /** Opens the target; what shard 0 has started the others find where it tells them. */
  readonly openTarget: StressSetup["openTarget"];
  /** Ends it, and returns the exit code. */
  readonly finish: (end: StressEnd) => Promise<number>;
  /** Ends it where the tool itself failed; the others learn of it. */
  readonly fail: () => Promise<void>;
}

/**
 * Joins the others.
 *
 * @param wallMs The clock of this machine.
 * @throws {UsageError} If the folder was used before, or the others were started otherwise.
 * @throws {MeasureError} If they do not come.
 */
export async function joinShards(
  { share, folder, startTimeoutMs, isSeedGiven }: ShardSetup,
  setup: StressSetup,
  world: {
    readonly toolVersion: string;
    readonly wallMs: () => number;
    readonly signal: AbortSignal;
  },
): Promise<Shard> {
  const { toolVersion, wallMs, signal } = world;
  const { options, target, targetAddress } = setup;
  const session = await ShardSession.join({
    folder: await openShardFolder(folder),
    now: () => performance.now(),
    ...{ wallMs, sleep, signal },
    runId: () => crypto.randomUUID(),
    hash: sha256,
  }, {
    ...{ share, startTimeoutMs, isSeedGiven },
    request: { options, toolVersion, target, targetAddress },
  });
  let isOver = false;
  const name = `shard ${share.index} of ${share.of}`;
  return {
    session,
    async openTarget(interrupts, onWaiting) {
      if (target === "url") {
        return await setup.openTarget(interrupts, onWaiting);
      }
      if (share.index > 0) {
        const at = await session.shareTarget(null);
        return await setup.openTarget(interrupts, onWaiting, at);
      }
      const opened = await setup.openTarget(interrupts, onWaiting);
      await session.shareTarget(opened.endpoint.url);
      return opened;
    },
    async finish(end) {
      isOver = true;
      const problem = await session.finish(end.run, end.fatal);
      if (signal.aborted) return complain(`Interrupted: ${name}`, 130);
      if (problem !== null) {
        return complain(`${name}: ${problem}. The run is INVALID`, 3);
      }
      return complain(
        `Done: ${name}. When all are: report.ts merge ${folder}`,
        0,
      );
    },
    async fail() {
      if (isOver) return;
      await session.finish(null, "this shard ended with an error of its own");
    },
  };
}

/** Returns the SHA-256 of a text in hexadecimal. */
async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
