import { assertEquals } from "@std/assert";
import { JudgingQueue } from "../../lib/load/judging.ts";

/** A queue on a fake clock, on which judging one takes `judgeMs`. */
function setUp(judgeMs: number) {
  const judged: number[] = [];
  const soon: (() => void)[] = [];
  const quiet: (() => void)[] = [];
  const state = { nowMs: 0, isExpecting: true };
  const queue = new JudgingQueue<number>({
    now: () => state.nowMs,
    defer: (task) => soon.push(task),
    rest: (task) => quiet.push(task),
    judge: (ended) => {
      state.nowMs += judgeMs;
      judged.push(ended);
    },
    isExpecting: () => state.isExpecting,
  });
  const runAll = (tasks: (() => void)[]) =>
    tasks.splice(0).forEach((task) => task());
  return {
    queue,
    judged,
    state,
    /** What was read is handed on; returns how many were judged by it. */
    turn: () => {
      const before = judged.length;
      runAll(soon);
      return judged.length - before;
    },
    /** A time has gone by; returns how many were judged in it, or null where nobody asked for it. */
    pause: () => {
      if (quiet.length === 0) return null;
      const before = judged.length;
      runAll(quiet);
      return judged.length - before;
    },
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("JudgingQueue judges what takes no time right after it was read, in order", () => {
  const { queue, judged, turn, pause } = setUp(0.001);
  for (const i of numbers(5)) queue.add(i, 300);
  assertEquals(judged, []);
  assertEquals(turn(), 5);
  assertEquals(judged, numbers(5));
  assertEquals(pause(), null);
  assertEquals(queue.size, 0);
});

Deno.test("JudgingQueue lets what takes long wait until nothing is read", () => {
  const { queue, judged, turn, pause } = setUp(0.12);
  queue.add(0, 20_000);
  // How long it takes is not known before the first.
  assertEquals(turn(), 1);
  for (const i of numbers(4)) queue.add(i + 1, 20_000);
  assertEquals(turn(), 0);
  queue.add(5, 20_000);
  // Something was read in this very turn.
  assertEquals(pause(), 0);
  assertEquals(turn(), 0);
  assertEquals(pause(), 2);
  assertEquals(pause(), 2);
  assertEquals(pause(), 1);
  assertEquals(pause(), null);
  assertEquals(judged, numbers(6));
});

Deno.test("JudgingQueue judges all at once when nothing can arrive any more", () => {
  const { queue, judged, state, turn } = setUp(0.5);
  queue.add(0, 20_000);
  turn();
  for (const i of numbers(50)) queue.add(i + 1, 20_000);
  state.isExpecting = false;
  assertEquals(turn(), 50);
  assertEquals(judged, numbers(51));
});

Deno.test("JudgingQueue keeps no more than a thousand answers or 32 MiB, whatever arrives", () => {
  for (
    const { bytes, most } of [
      { bytes: 100, most: 1_024 },
      { bytes: 1_048_576, most: 32 },
    ]
  ) {
    const { queue, judged, turn, pause } = setUp(1);
    const count = 3_000;
    for (const i of numbers(count)) {
      queue.add(i, bytes);
      if (i % 7 === 0) turn();
    }
    turn();
    assertEquals(queue.size, most);
    while (pause() !== null);
    assertEquals(judged, numbers(count));
  }
});

Deno.test("JudgingQueue judges at once again when answers are judged faster", () => {
  let judgeMs = 0.2;
  const soon: (() => void)[] = [];
  const quiet: (() => void)[] = [];
  let nowMs = 0;
  let judged = 0;
  const queue = new JudgingQueue<null>({
    now: () => nowMs,
    defer: (task) => soon.push(task),
    rest: (task) => quiet.push(task),
    judge: () => {
      nowMs += judgeMs;
      judged++;
    },
    isExpecting: () => true,
  });
  const addAndTurn = () => {
    queue.add(null, 1);
    soon.pop()?.();
    return judged;
  };
  assertEquals([1, 2, 3].map(addAndTurn), [1, 1, 1]);
  judgeMs = 0.001;
  for (let i = 0; i < 20; i++) {
    addAndTurn();
    quiet.pop()?.();
  }
  const before = judged;
  assertEquals(addAndTurn(), before + 1);
});
