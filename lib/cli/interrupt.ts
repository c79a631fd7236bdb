/**
 * Turns Ctrl-C, SIGTERM, SIGQUIT and the loss of the terminal into signals that a run can act on.
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

const SIGNALS: readonly Deno.Signal[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
];

/** Listens for interrupts; a signal that the platform does not have is passed over. */
export function listenForInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  const heard = new Map<Deno.Signal, () => void>();
  const stop = () => {
    for (const [signal, hear] of heard) Deno.removeSignalListener(signal, hear);
    heard.clear();
  };
  for (const signal of SIGNALS) {
    const hear = () => {
      if (!first.signal.aborted) return first.abort();
      // A lost session sends it twice, by its shell and by the system: nobody asked a second time.
      if (signal === "SIGHUP") return;
      second.abort();
      stop();
    };
    try {
      Deno.addSignalListener(signal, hear);
      heard.set(signal, hear);
    } catch {
      // The platform does not have it.
    }
  }
  return {
    first: first.signal,
    second: second.signal,
    [Symbol.dispose]: stop,
  };
}
