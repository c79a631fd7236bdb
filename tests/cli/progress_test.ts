import { assertEquals } from "@std/assert";
import { formatDuration, Progress } from "../../lib/cli/progress.ts";

function start(isTerminal: boolean, terminalColumns = 80) {
  const written: string[] = [];
  const clock = { nowMs: 5000 };
  const progress = new Progress({
    write: (text) => void written.push(text),
    isTerminal,
    terminalColumns,
    now: () => clock.nowMs,
  });
  /** What was written since the last call. */
  const read = () => written.splice(0);
  return { progress, clock, read };
}

const CLEAR = "\r\x1b[K";

const at = (
  where: string,
  leftMs: number | null = null,
  what = "p50 5.00 ms",
) => ({
  where,
  what,
  leftMs,
});

Deno.test("Progress draws one living line on a terminal, with a bar and the time left", () => {
  const { progress, clock, read } = start(true);
  progress.update(at("cell 1 of 2"));
  assertEquals(read(), [`${CLEAR}[--------] cell 1 of 2: p50 5.00 ms`]);
  clock.nowMs += 10_000;
  progress.update(at("cell 1 of 2", 30_000));
  // A quarter of the time is over.
  assertEquals(read(), [
    `${CLEAR}[##------] cell 1 of 2, 30 s left: p50 5.00 ms`,
  ]);
  // A step that is done needs no line of its own.
  progress.step("cell 1 of 2: p50 5.00 ms");
  assertEquals(read(), []);
});

Deno.test("Progress draws the living line ten times a second at most", () => {
  const { progress, clock, read } = start(true);
  progress.wait("a");
  clock.nowMs += 99;
  progress.wait("b");
  assertEquals(read(), [`${CLEAR}a`]);
  clock.nowMs += 1;
  progress.wait("c");
  assertEquals(read(), [`${CLEAR}c`]);
  // After a line that stays the next one is due at once.
  progress.note("stays");
  progress.wait("d");
  assertEquals(read(), [CLEAR, "stays\n", `${CLEAR}d`]);
});

Deno.test("Progress writes a line a step without a terminal, and no time left", () => {
  const { progress, clock, read } = start(false);
  for (let i = 0; i < 50; i++) {
    clock.nowMs += 1000;
    progress.update(at("cell 1 of 2", 1000 * (50 - i)));
  }
  assertEquals(read(), []);
  progress.step("cell 1 of 2");
  progress.note("Warning: \u001b[31mred");
  progress.clear();
  progress.step("cell 2 of 2");
  assertEquals(read(), [
    "cell 1 of 2\n",
    "Warning: \\x1b[31mred\n",
    "cell 2 of 2\n",
  ]);
});

Deno.test("Progress keeps the living line on one line of the terminal", () => {
  const { progress, read } = start(true, 20);
  progress.wait(`\u001b[2J\n${"x".repeat(100)}`);
  const [line = ""] = read();
  assertEquals(line.startsWith(`${CLEAR}\\x1b[2J\\n`), true);
  const { progress: plain, read: readPlain } = start(true, 20);
  plain.wait("y".repeat(100));
  assertEquals(readPlain(), [`${CLEAR}${"y".repeat(16)}...`]);
});

Deno.test("Progress notes each line of a text by itself, escaped", () => {
  const { progress, read } = start(true);
  progress.note("died:\nline \u0007one\nline two");
  assertEquals(read(), ["died:\nline \\x07one\nline two\n"]);
});

Deno.test("Progress clears a line only where one was drawn", () => {
  const { progress, read } = start(true);
  progress.clear();
  assertEquals(read(), []);
  progress.wait("a");
  progress.clear();
  progress.clear();
  assertEquals(read(), [`${CLEAR}a`, CLEAR]);
});

Deno.test("formatDuration() writes seconds, minutes and hours", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [-5, "0 s"],
    [499, "0 s"],
    [500, "1 s"],
    [59_499, "59 s"],
    [59_500, "1 min 0 s"],
    [200_000, "3 min 20 s"],
    [3_599_499, "59 min 59 s"],
    [3_600_000, "1 h 0 min"],
    [3_900_000, "1 h 5 min"],
    [90_000_000, "25 h 0 min"],
  ];
  for (const [durationMs, text] of cases) {
    assertEquals(formatDuration(durationMs), text);
  }
});
