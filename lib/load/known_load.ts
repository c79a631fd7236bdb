/**
 * Loads of requests whose answers are known: which payload is sent when, and whether its answer is right.
 *
 * @module
 */
import type { HttpExchange } from "../http/exchange.ts";
import {
  checkAnswer,
  type ExpectedAnswer,
  expectedAnswer,
  judgeExchange,
  type Judgement,
} from "../score/answer.ts";
import { encodeScoreRequest, lethalReason } from "../score/request.ts";
import { scoreRequest, type WorkloadSpec } from "../score/workload.ts";
import type { Redactor } from "../secret.ts";
import { hash32, mix32 } from "../stats/rng.ts";
import {
  type Deviation,
  deviationOf,
  explainMismatch,
  NO_DEVIATION,
  referenceOf,
  type ReferenceTable,
  type Tolerance,
  worseOf,
} from "../score/truth.ts";

/** Payloads of one shape with their references. Plain data, fit to be sent to a worker. */
export interface KnownWorkload {
  /** The shape; its prefix-cache regime is not looked at. */
  readonly spec: WorkloadSpec;
  /** Distinct payloads, at least 1. */
  readonly payloads: number;
  /** The scores of all payloads: payloads x items x labels. */
  readonly references: Float64Array;
  /** How often this shape is sent, in relation to the others; above 0. */
  readonly weight: number;
}

/** The payloads of one load. */
export interface KnownLoad {
  /** The shapes, at least one. */
  readonly workloads: readonly KnownWorkload[];
  readonly tolerance: Tolerance;
}

/**
 * Returns the body of one payload. Queries and items all differ between payloads, so that rows and
 * answers that were mixed up show.
 *
 * @throws {RangeError} If the request is one that is known to end a server.
 */
export function knownBody(spec: WorkloadSpec, payload: number): Uint8Array {
  const { items } = scoreRequest({ ...spec, prefixCache: "shared" }, payload);
  const whole = scoreRequest({ ...spec, prefixCache: "cold" }, payload);
  const request = { ...whole, items };
  const lethal = lethalReason(request);
  if (lethal !== null) {
    throw new RangeError(
      `Cannot send a request that is known to end a server: ${lethal}`,
    );
  }
  return new TextEncoder().encode(encodeScoreRequest(request));
}

/** Which payload a request carries. */
export interface PickedPayload {
  readonly workload: number;
  readonly payload: number;
}

/** Returns the payload of the request with an index: in turn within one shape, by seeded chance between several. */
export function pickPayload(
  workloads: readonly Pick<KnownWorkload, "spec" | "payloads" | "weight">[],
  index: number,
): PickedPayload {
  const [first, ...others] = workloads;
  if (first === undefined) {
    throw new RangeError("Cannot pick a payload as there are no workloads");
  }
  if (others.length === 0) {
    return { workload: 0, payload: index % first.payloads };
  }
  const chance = mix32(index ^ hash32(String(first.spec.seed)));
  const total = workloads.reduce((sum, { weight }) => sum + weight, 0);
  let left = chance / 2 ** 32 * total;
  for (const [workload, { weight, payloads }] of workloads.entries()) {
    left -= weight;
    if (left < 0) return { workload, payload: mix32(chance) % payloads };
  }
  return { workload: 0, payload: 0 };
}

/** Mismatches beyond this number are counted and not explained, since the search takes time. */
const EXPLAINED_MISMATCHES = 20;

/** Makes the requests of a known load and judges their answers. */
export class KnownLoadJudge {
  /** The worst deviation of an answer of the right shape so far. */
  deviation: Deviation = NO_DEVIATION;
  readonly #load: KnownLoad;
  readonly #options: JudgeOptions;
  readonly #requests: readonly Uint8Array[][];
  readonly #expected: readonly ExpectedAnswer[];
  readonly #tables: readonly ReferenceTable[];
  #explained = 0;

  /** Encodes all payloads, so that no request waits for it. */
  constructor(load: KnownLoad, options: JudgeOptions) {
    this.#load = load;
    this.#options = options;
    const { workloads } = load;
    this.#requests = workloads.map(({ spec, payloads }) =>
      Array.from(
        { length: payloads },
        (_, payload) => options.encode(knownBody(spec, payload)),
      )
    );
    this.#expected = workloads.map(({ spec }) =>
      expectedAnswer(spec, options.dtype)
    );
    this.#tables = this.#expected.map(({ rows, labels }, i) => ({
      references: workloads[i]?.references ?? new Float64Array(),
      rows,
      labels,
    }));
  }

  /** Returns the bytes of the request with an index. */
  request(index: number): Uint8Array {
    const { workload, payload } = pickPayload(this.#load.workloads, index);
    return this.#requests[workload]?.[payload] ?? new Uint8Array();
  }

  /** Judges the exchange of the request with an index; an answer after its deadline is a timeout. */
  judge(exchange: HttpExchange, index: number): Judgement {
    const { workload, payload } = pickPayload(this.#load.workloads, index);
    const expected = this.#expected[workload];
    const table = this.#tables[workload];
    const { timeoutMs, redact } = this.#options;
    if (expected === undefined || table === undefined) {
      throw new RangeError(`Cannot judge request ${index}: it has no workload`);
    }
    if (exchange.kind === "failure" || exchange.status !== 200) {
      return judgeExchange(exchange, expected, redact);
    }
    const tookMs = exchange.doneMs - exchange.sentMs;
    if (tookMs > timeoutMs) {
      return {
        outcome: "timeout",
        message: `the answer came after ${
          tookMs.toFixed(0)
        } ms, past the deadline of ${timeoutMs} ms`,
      };
    }
    const { scores } = checkAnswer(exchange.body, expected);
    if (scores === null) return judgeExchange(exchange, expected, redact);
    const { tolerance } = this.#load;
    const found = deviationOf(scores, referenceOf(table, payload), tolerance);
    this.deviation = worseOf(this.deviation, found);
    if (found.share <= 1) return RIGHT;
    this.#explained++;
    return {
      outcome: "mismatch",
      message: this.#explained > EXPLAINED_MISMATCHES
        ? "scores differ from their reference"
        : explainMismatch(scores, table, { payload, tolerance }),
    };
  }
}

/** What judging needs beside the payloads. */
export interface JudgeOptions {
  readonly encode: (body: Uint8Array) => Uint8Array;
  readonly dtype: string;
  /** The deadline of a request in milliseconds. */
  readonly timeoutMs: number;
  readonly redact: Redactor;
}

const RIGHT: Judgement = { outcome: "ok", message: "" };
