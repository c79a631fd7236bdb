import { assertEquals } from "@std/assert";
import { Hope } from "../../lib/stress/hope.ts";

/** Says after how many milliseconds hope is lost; null for never. Progress is told four times a second. */
function lostAfterMs(
  progressAt: (ms: number) => { planned: number; done: number; failed: number },
): number | null {
  const hope = new Hope(1000);
  for (let ms = 250; ms <= 60_000; ms += 250) {
    if (hope.isLost(progressAt(ms), 1000 + ms)) return ms;
  }
  return null;
}

Deno.test("Hope is lost where for three seconds all that is sent fails", () => {
  const fast = (ms: number) => ({ planned: ms, done: ms, failed: ms });
  assertEquals(lostAfterMs(fast), 3250);
  // The last good answer came after ten seconds.
  const later = (ms: number) => ({
    ...{ planned: ms, done: ms },
    failed: Math.max(0, ms - 10_000),
  });
  assertEquals(lostAfterMs(later), 13_250);
  const few = (ms: number) => {
    const failed = Math.min(99, Math.floor(ms / 250));
    return { planned: failed, done: failed, failed };
  };
  assertEquals(lostAfterMs(few), null);
});

Deno.test("Hope is not lost at the end of a load, whose last requests have their deadlines", () => {
  // After 10 s nothing is sent any more: 300 requests hang, and 50 a second meet their deadline.
  const hung = (ms: number) => {
    const failed = Math.min(300, Math.max(0, (ms - 12_000) / 20));
    return { planned: Math.min(500, ms / 20), done: 200 + failed, failed };
  };
  assertEquals(lostAfterMs(hung), null);
});
