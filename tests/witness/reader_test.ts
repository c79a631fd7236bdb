import { assertEquals } from "@std/assert";
import { LogReader } from "../../lib/witness/reader.ts";

const MISS = "Prefill batch. #bid: 2, #cache_miss: 2";
const LOGGED = `INFO:sgl_jax.srt.managers.mixin:${MISS}`;
const TIMED = `[2026-02-13 23:31:31] ${MISS}`;
const TIME_MS = Date.UTC(2026, 1, 13, 23, 31, 31);

/** The times of the compiles that a log tells. */
function compileTimes(...pieces: readonly string[]) {
  const reader = new LogReader();
  return pieces.flatMap((piece) => reader.feed(piece))
    .filter(({ event }) => event.kind === "compile")
    .map(({ timeMs }) => timeMs);
}

Deno.test("LogReader counts a line that is written twice once", () => {
  assertEquals(compileTimes(`${LOGGED}\n${TIMED}\n`), [TIME_MS]);
  assertEquals(compileTimes(`${TIMED}\n${LOGGED}\n`), [TIME_MS]);
  // Two processes whose copies cross.
  const other = "Prefill batch. #bid: 3, #cache_miss: 1";
  assertEquals(
    compileTimes(
      `${LOGGED}\nINFO:a.b:${other}\n${TIMED}\n[2026-02-13 23:31:32] ${other}\n`,
    ),
    [TIME_MS, TIME_MS],
  );
  // In JAX's own form, and once more by the root logger.
  const xla = "Finished XLA compilation of jit(f) in 1.25 sec";
  assertEquals(
    compileTimes(
      `WARNING:2026-02-13 23:31:31,5:jax._src.dispatch:206: ${xla}\n[2026-02-13 23:31:31] ${xla}\n`,
    ).length,
    1,
  );
});

Deno.test("LogReader counts two equal lines of one form twice", () => {
  assertEquals(compileTimes(`${TIMED}\n${TIMED}\n`), [TIME_MS, TIME_MS]);
  assertEquals(
    compileTimes(`${LOGGED}\n${TIMED}\n${LOGGED}\n${TIMED}\n`).length,
    2,
  );
  assertEquals(compileTimes(`${LOGGED}\n${LOGGED}\n`), [null, null]);
});

Deno.test("LogReader reads a line that comes in pieces, and none that has not ended", () => {
  assertEquals(
    compileTimes(TIMED.slice(0, 30), TIMED.slice(30), "", "\n"),
    [TIME_MS],
  );
  assertEquals(compileTimes(TIMED), []);
  const reader = new LogReader();
  reader.feed("[2026-02-13 23:31:31] Prefill batch. #bid: ");
  reader.restart();
  assertEquals(reader.feed("2, #cache_miss: 2\n"), []);
});

Deno.test("LogReader bears a line without an end, and messages without number", () => {
  const reader = new LogReader();
  for (let i = 0; i < 300; i++) reader.feed("x".repeat(10_000));
  assertEquals(reader.feed(`\n${TIMED}\n`).length, 1);
  for (let bid = 0; bid < 5_000; bid++) {
    const line = `Prefill batch. #bid: ${bid}, #cache_miss: 1`;
    assertEquals(reader.feed(`INFO:a.b:${line}\n${line}\n`).length, 1);
  }
});
