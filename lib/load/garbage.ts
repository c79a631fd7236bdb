/**
 * Collects garbage between measurements, so that collections seldom fall inside one.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collector: (() => void) | null | undefined;

/**
 * Runs a full collection of this thread now, where V8 allows it.
 *
 * @returns Whether it did.
 */
export function collectGarbage(): boolean {
  collector ??= findCollector();
  collector?.();
  return collector !== null;
}

/** The function `gc` appears in contexts that are made after the flag is set, with no permission. */
function findCollector(): (() => void) | null {
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as () => void;
  } catch {
    return null;
  }
}
