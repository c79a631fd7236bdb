/**
 * Turns Ctrl-C and SIGTERM into signals that a run can act on.
 *
 * @module
 */

/** The interrupts of a run; disposing stops listening. */
export interface Interrupts extends Disposable {
  /** Fires at the first interrupt: end what is in flight, write what there is. */
  readonly first: AbortSignal;
  /** Fires at the second: leave at once. A third ends the process. */
  readonly second: AbortSignal;
}

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/** Listens for interrupts. */
export function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  const stop = () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, hear);
  };
  function hear() {
    if (!first.signal.aborted) return first.abort();
    second.abort();
    stop();
  }
  for (const signal of SIGNALS) Deno.addSignalListener(signal, hear);
  return {
    first: first.signal,
    second: second.signal,
    [Symbol.dispose]: stop,
  };
}
