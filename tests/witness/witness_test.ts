import { assert, assertEquals, assertFalse } from "@std/assert";
import type { WindowUse } from "../../lib/witness/witness.ts";
import {
  ANSWER_LINE,
  batchLine,
  LineLog,
  missLine,
  watchMemory,
} from "../support/log_lines.ts";

function use(answered: number, changes: Partial<WindowUse> = {}): WindowUse {
  return { sent: answered, answered, lastSentMs: null, ...changes };
}

/** One window in which a server writes lines. */
async function windowOf(
  lines: readonly string[],
  { answered = 2, isOurs = true, changes = {} as Partial<WindowUse> } = {},
) {
  const log = new LineLog();
  const { witness } = watchMemory(log, isOurs);
  const window = await witness.open();
  log.write(...lines);
  return { ...await window.close(use(answered, changes)), witness };
}

const QUIET = [batchLine(), ANSWER_LINE, batchLine(), ANSWER_LINE];

Deno.test("Witness finds the compiles of a window, and not those before and after it", async () => {
  const log = new LineLog();
  const { witness } = watchMemory(log);
  log.write(missLine(1), ANSWER_LINE);
  const window = await witness.open();
  assertEquals(await window.compiles(), 0);
  log.write(batchLine(), missLine(2, 2), ANSWER_LINE);
  assertEquals(await window.compiles(), 2);
  log.write(missLine(3, 1), ANSWER_LINE);
  const found = await window.close(use(2));
  assertEquals([found.compiles, found.gap, found.isOurs], [3, null, true]);
  log.write(missLine(4));
  const next = await witness.open();
  log.write(...QUIET);
  assertEquals((await next.close(use(2))).compiles, 0);
});

Deno.test("Witness adds up the seconds where the log has them, and takes lines of two kinds for one compile", async () => {
  const xla = (seconds: number) =>
    `[2026-02-13 23:31:31] Finished XLA compilation of jit(f${seconds}) in ${seconds} sec`;
  const found = await windowOf([xla(1.5), xla(0.25), missLine(1, 2), ...QUIET]);
  assertEquals([found.compiles, found.seconds], [2, 1.75]);
  assertEquals((await windowOf([missLine(1, 2), ...QUIET])).seconds, null);
});

Deno.test("Witness speaks only after a compile in a window that is covered", async () => {
  assertFalse((await windowOf(QUIET)).witness.speaks);
  assertFalse((await windowOf([missLine(1)])).witness.speaks);
  const { witness } = await windowOf([missLine(1), ...QUIET]);
  assert(witness.speaks);
});

Deno.test("Witness is covered by the requests that the log shows", async () => {
  const gapOf = async (...args: Parameters<typeof windowOf>) =>
    (await windowOf(...args)).gap;
  assertEquals(await gapOf(QUIET), null);
  assertEquals(await gapOf([ANSWER_LINE, ANSWER_LINE]), null);
  assertEquals(await gapOf([batchLine(), batchLine()]), null);
  assertEquals(
    await gapOf([]),
    "it was silent while 2 requests were answered",
  );
  assertEquals(
    await gapOf([batchLine(), batchLine(), ANSWER_LINE]),
    "it shows 1 of 2 requests that were answered",
  );
  assertEquals(
    await gapOf([batchLine()]),
    "it shows 1 batches of 2 requests that were answered",
  );
  assertEquals(
    await gapOf(QUIET, { answered: 0, changes: { sent: 2 } }),
    "nothing was answered that it could show",
  );
  // A request that timed out here may be answered there.
  assertEquals(await gapOf(QUIET, { answered: 1, changes: { sent: 2 } }), null);
});

Deno.test("Witness takes batches of several requests where lines came after the last was sent", async () => {
  const lines = [batchLine({ items: 2 })];
  const late = await windowOf(lines, { changes: { lastSentMs: 0 } });
  assertEquals(late.gap, null);
  const early = await windowOf(lines, { changes: { lastSentMs: 5_000 } });
  assertEquals(
    early.gap,
    "it shows 1 batches of 2 requests that were answered",
  );
});

Deno.test("Witness waits for lines that are late, and not for ever", async () => {
  const log = new LineLog();
  const { witness, clock } = watchMemory(log);
  const window = await witness.open();
  log.onRead = () => {
    if (clock.nowMs !== 400) return;
    log.write(missLine(1), ...QUIET);
  };
  const found = await window.close(use(2));
  assertEquals([found.gap, found.compiles], [null, 2]);
  assertEquals(clock.nowMs, 400);
  log.onRead = () => {};
  await (await witness.open()).close(use(2));
  assertEquals(clock.nowMs, 1_400);
  // One that shows nothing is not waited for again.
  const open = await witness.open();
  const startMs = clock.nowMs;
  await open.close(use(2));
  assertEquals(clock.nowMs, startMs);
});

Deno.test("Witness keeps lines that come too late out of the next window", async () => {
  const log = new LineLog();
  const { witness, clock } = watchMemory(log);
  const window = await witness.open();
  const first = await window.close(use(2));
  assertEquals(first.gap, "it was silent while 2 requests were answered");
  const dueMs = clock.nowMs + 200;
  log.onRead = () => {
    if (clock.nowMs < dueMs) return;
    log.onRead = () => {};
    log.write(missLine(1), ...QUIET);
  };
  const next = await witness.open();
  log.write(...QUIET);
  const second = await next.close(use(2));
  assertEquals([second.compiles, second.gap], [0, null]);
});

Deno.test("Witness tells a log of another server", async () => {
  // It is busy with requests of its own.
  const busy = await windowOf([...QUIET, missLine(9), ...QUIET]);
  assertEquals(
    busy.gap,
    "it shows 4 score requests where 2 were sent: others use this server, or it is the log of another",
  );
  assertFalse(busy.isOurs);
  assertFalse(busy.witness.speaks);
  // It shows no single requests.
  const other = await windowOf([missLine(9), batchLine(), batchLine()], {
    isOurs: false,
  });
  assertFalse(other.isOurs);
  assertEquals(
    other.gap,
    "it cannot be told whether it is the log of this server, since it shows no single requests",
  );
  assertFalse(other.witness.speaks);
  // One that shows exactly what was sent is ours.
  const ours = await windowOf([missLine(1), ...QUIET], { isOurs: false });
  assertEquals([ours.gap, ours.isOurs, ours.witness.speaks], [
    ...[null, true, true],
  ]);
});

Deno.test("Witness is not sure of a window in which the log was replaced, and learns anew that it speaks", async () => {
  const log = new LineLog();
  const { witness } = watchMemory(log);
  const warm = await witness.open();
  log.write(missLine(1), ...QUIET);
  await warm.close(use(2));
  assert(witness.speaks);
  const window = await witness.open();
  log.write(ANSWER_LINE);
  log.lose("it was replaced (rotated)");
  log.write(...QUIET);
  const found = await window.close(use(2));
  assertEquals(found.gap, "it was replaced (rotated)");
  assertFalse(witness.speaks);
  // Between two windows likewise.
  const again = await witness.open();
  log.write(missLine(2), ...QUIET);
  assertEquals((await again.close(use(2))).gap, null);
  assert(witness.speaks);
  log.lose("it was cut short or written anew");
  const after = await witness.open();
  log.write(...QUIET);
  assertEquals((await after.close(use(2))).gap, null);
  assertFalse(witness.speaks);
});

Deno.test("Witness counts cached batches, tokens and the queue", async () => {
  const { batches } = await windowOf([
    batchLine({ items: 2, newTokens: 40, cachedTokens: 0, queued: 2 }),
    batchLine({ newTokens: 1, cachedTokens: 19, queued: 7 }),
    ANSWER_LINE,
    ANSWER_LINE,
  ]);
  assertEquals([batches?.batches, batches?.cachedBatches], [2, 1]);
  assertEquals([batches?.newTokens, batches?.cachedTokens], [41, 19]);
  assertEquals(batches?.mostQueued, 7);
  assertEquals((await windowOf([])).batches, null);
});

Deno.test("Witness keeps what the server says of itself", async () => {
  const { witness } = await windowOf([
    "[2026-02-13 23:30:39] server_args=ServerArgs(page_size=1)",
    "[2026-02-13 23:30:50]   → Final max_running_requests: 3",
  ]);
  assertEquals([...witness.facts], [
    ["server_args", "ServerArgs(page_size=1)"],
    ["max_running_requests", "3"],
  ]);
});
