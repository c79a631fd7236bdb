/**
 * Waits for a point in time more finely than a timer can.
 *
 * @module
 */

/**
 * A timer of Deno wakes 1 ms late at the median and 2 ms at the 90th percentile; it is set this
 * much before the due time, in milliseconds.
 */
const TIMER_LEAD_MS = 3.2;

/** The last stretch is spun, in milliseconds; longer would hold up the answers that arrive meanwhile. */
const SPIN_MS = 0.05;

/**
 * Returns at a due time on the clock of `performance.now()`, or at once when it has passed or the signal fires.
 *
 * A timer to 3.2 ms before, then turns of the event loop, then a spin of 50 us: half of the waits
 * end within a microsecond of the due time, while answers are still read.
 *
 * @param dueMs The due time in milliseconds.
 * @param signal Ends the wait early.
 */
export async function waitUntil(
  dueMs: number,
  signal: AbortSignal,
): Promise<void> {
  const leftMs = dueMs - performance.now();
  if (leftMs > TIMER_LEAD_MS) await sleep(leftMs - TIMER_LEAD_MS, signal);
  await new Promise<void>((resolve) => {
    const turn = () => {
      const isSoon = dueMs - performance.now() <= SPIN_MS;
      if (isSoon || signal.aborted) resolve();
      else setImmediate(turn);
    };
    turn();
  });
  while (performance.now() < dueMs && !signal.aborted) { /* spin */ }
}

/** Returns after a number of milliseconds, or at once when the signal fires; never rejects. */
export async function sleep(
  durationMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, durationMs);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
    signal.addEventListener("abort", finish);
  });
}

/** Returns what comes of work, or null when it takes longer than a number of milliseconds or the signal fires. */
export async function within<T>(
  work: Promise<T>,
  limitMs: number,
  signal?: AbortSignal,
): Promise<T | null> {
  const done = new AbortController();
  const late = sleep(
    limitMs,
    signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]),
  ).then(() => null);
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

/** Between two looks at the clock of the machine, which may be set right meanwhile, in milliseconds. */
const LOOK_AGAIN_MS = 10_000;

/** Whole milliseconds that pass in one look. */
const TICKS = 3;

/** Returns the clock of the machine in milliseconds since 1970, finer than the whole ones of `Date.now()`. */
export function startWallClock(): () => number {
  let offsetMs = 0;
  let lookedMs = -Infinity;
  return () => {
    if (performance.now() - lookedMs > LOOK_AGAIN_MS) {
      offsetMs = findOffset();
      lookedMs = performance.now();
    }
    return performance.now() + offsetMs;
  };
}

/** `Date.now()` is cut off, so that the difference is right at a tick and too small between two: the greatest counts. */
function findOffset(): number {
  let greatestMs = -Infinity;
  let lastMs = Date.now();
  for (let ticks = 0; ticks < TICKS;) {
    const wallMs = Date.now();
    greatestMs = Math.max(greatestMs, wallMs - performance.now());
    if (wallMs !== lastMs) ticks++;
    lastMs = wallMs;
  }
  return greatestMs;
}
