/**
 * Scores each payload alone before a load, until two answers agree: the reference of its answers under load.
 *
 * @module
 */
import type { HttpExchange } from "../http/client.ts";
import { knownBody, type KnownWorkload } from "../load/known_load.ts";
import {
  type Deviation,
  deviationOf,
  type Tolerance,
  worseOf,
} from "../score/truth.ts";
import type { Outcome } from "../outcome.ts";
import { mergeFailures } from "../record/cells.ts";
import type { FailureCount } from "../record/run.ts";
import {
  checkAnswer,
  DIFFERENT_ANSWERS,
  expectedAnswer,
  judgeExchange,
} from "../score/answer.ts";
import type { Redactor } from "../secret.ts";
import type { Shape } from "./scenarios.ts";

/** What scoring alone needs. */
export interface ReferenceWorld {
  /** Sends the body of a score request; never rejects. */
  readonly score: (body: Uint8Array) => Promise<HttpExchange>;
  readonly dtype: string;
  /** How far two answers to one payload may be apart. */
  readonly tolerance: Tolerance;
  readonly redact: Redactor;
  readonly signal: AbortSignal;
}

/** The references of one shape. */
export interface ShapeReferences {
  /** The payloads with their references; null where some payload got none. */
  readonly workload: KnownWorkload | null;
  readonly requests: number;
  readonly failures: readonly FailureCount[];
  /** The worst deviation between two answers to one payload. */
  readonly alone: Deviation | null;
  /** Latencies of the second and later answers, which no compile slows down, in milliseconds. */
  readonly latenciesMs: readonly number[];
}

/** A payload that failed so often, or got so many answers of which no two agree, has no reference. */
const MAX_FAILURES = 2;
const MAX_ANSWERS = 4;

/** Scores all payloads of a shape alone, one after another. */
export async function scoreReferences(
  shape: Shape,
  world: ReferenceWorld,
): Promise<ShapeReferences> {
  const scorer = new Scorer(shape, world);
  for (let payload = 0; payload < shape.payloads; payload++) {
    if (!await scorer.score(payload)) return scorer.finish("missing");
  }
  return scorer.finish("whole");
}

class Scorer {
  readonly #shape: Shape;
  readonly #world: ReferenceWorld;
  readonly #references: Float64Array;
  readonly #failures: FailureCount[] = [];
  readonly #latenciesMs: number[] = [];
  #requests = 0;
  #alone: Deviation | null = null;

  constructor(shape: Shape, world: ReferenceWorld) {
    this.#shape = shape;
    this.#world = world;
    const { batchSize, labelTokenIds } = shape.spec;
    this.#references = new Float64Array(
      shape.payloads * batchSize * labelTokenIds.length,
    );
  }

  /** Scores one payload; returns whether it has a reference. */
  async score(payload: number): Promise<boolean> {
    const { spec } = this.#shape;
    const world = this.#world;
    const answers: Float64Array[] = [];
    const expected = expectedAnswer(spec, world.dtype);
    const body = knownBody(spec, payload);
    let failures = 0;
    while (failures < MAX_FAILURES && answers.length < MAX_ANSWERS) {
      if (world.signal.aborted) return false;
      const exchange = await world.score(body);
      if (world.signal.aborted) return false;
      this.#requests++;
      const scores = exchange.kind === "answer" && exchange.status === 200
        ? checkAnswer(exchange.body, expected).scores
        : null;
      if (scores === null) {
        failures++;
        const judged = judgeExchange(exchange, expected, world.redact);
        this.#fail(judged.outcome, judged.message);
        continue;
      }
      if (answers.length > 0) {
        this.#latenciesMs.push(exchange.doneMs - exchange.sentMs);
      }
      const deviations = answers.map((answer) =>
        deviationOf(scores, answer, world.tolerance)
      );
      const agreeing = deviations.find(({ share }) => share <= 1);
      if (agreeing !== undefined) {
        this.#alone = worseOf(this.#alone ?? agreeing, agreeing);
        const size = scores.flat().length;
        this.#references.set(scores.flat(), payload * size);
        return true;
      }
      if (deviations.length > 0) {
        this.#fail("mismatch", `${DIFFERENT_ANSWERS}, sent alone`);
      }
      answers.push(Float64Array.from(scores.flat()));
    }
    return false;
  }

  finish(state: "whole" | "missing"): ShapeReferences {
    return {
      workload: state === "missing"
        ? null
        : { ...this.#shape, references: this.#references },
      requests: this.#requests,
      failures: mergeFailures(this.#failures),
      alone: this.#alone,
      latenciesMs: this.#latenciesMs,
    };
  }

  #fail(outcome: Outcome, example: string): void {
    this.#failures.push({ outcome, count: 1, example });
  }
}
