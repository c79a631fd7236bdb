/**
 * What the client adds to the loads of a stress run.
 *
 * @module
 */
import type { RuledLoad, Ruler } from "../load/ruler.ts";
import type { Calibration } from "../record/run.ts";
import { requestBody } from "../score/workload.ts";
import type { LoadStep } from "./scenarios.ts";

/** Measures what the client adds to each load, and keeps what was found. */
export class ClientRuler {
  readonly #measure: Ruler["measure"];
  readonly #found = new Set<Calibration>();
  readonly #signal: AbortSignal;
  #isUnknown = false;

  /** Starts with nothing measured. */
  constructor(measure: Ruler["measure"], signal: AbortSignal) {
    this.#measure = measure;
    this.#signal = signal;
  }

  /** What was found so far. */
  get found(): Calibration[] {
    return [...this.#found];
  }

  /** Whether something could not be measured. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /** Measures what the client adds to a load and can do; the server must be idle meanwhile. */
  async measure(
    { shapes }: Pick<LoadStep, "shapes">,
    loop: RuledLoad["loop"],
  ): Promise<Calibration | null> {
    const [largest] = shapes.map(({ spec }) => spec).toSorted((a, b) =>
      requestBody(b, 0).length - requestBody(a, 0).length
    );
    if (largest === undefined || this.#signal.aborted) return null;
    const found = await this.#measure({
      ...{ workload: largest, loop, isKnown: true },
    });
    if (found !== null) this.#found.add(found);
    else if (!this.#signal.aborted) this.#isUnknown = true;
    return found;
  }
}
