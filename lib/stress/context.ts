/**
 * What the scenarios of a stress run share: the target, its references, and the loads themselves.
 *
 * @module
 */
import { isConnectionLost, isOfClient, type Outcome } from "../outcome.ts";
import type { HttpExchange } from "../http/client.ts";
import type {
  Endpoint,
  LoadGenerator,
  LoadProgress,
} from "../load/generator.ts";
import type { KnownWorkload } from "../load/known_load.ts";
import type { Samples } from "../load/samples.ts";
import { scoreTolerance, type Tolerance } from "../score/truth.ts";
import type { Calibration } from "../record/run.ts";
import { SCORE_PATH } from "../score/request.ts";
import { createRedactor } from "../secret.ts";
import type { Target } from "../server/open.ts";
import type { ServerSeries } from "./health.ts";
import { judgeLoad } from "./judge.ts";
import type { StressResult } from "./record.ts";
import { scoreReferences, type ShapeReferences } from "./references.ts";
import type { LoadStep, Shape, StressOptions } from "./scenarios.ts";

/** Sends single requests to a server, one after another. */
export interface Prober {
  /** Sends one; never rejects. */
  readonly send: (request: {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly body: Uint8Array | null;
    readonly timeoutMs: number;
  }) => Promise<HttpExchange>;
  /** Closes its connections. */
  readonly close: () => void;
}

/** A watch over a server while a load goes on. */
export interface ServerWatch {
  /** Ends it and returns what was measured. */
  readonly stop: () => Promise<ServerSeries>;
}

/** What a stress run needs from the world. */
export interface StressWorld {
  /** Opens the target; again after it was killed or died. */
  readonly openTarget: () => Promise<Target>;
  /** Sends the load. */
  readonly load: LoadGenerator;
  /** Starts what sends the probes that go along with a load. */
  readonly startProbes: () => LoadGenerator;
  /** Makes a sender of single requests. */
  readonly connect: (endpoint: Endpoint) => Prober;
  /** Watches a server during a load of a length. */
  readonly watch: (target: Target, durationMs: number) => ServerWatch;
  /** Waits, or returns at once when the signal fires. */
  readonly sleep: (durationMs: number, signal: AbortSignal) => Promise<void>;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Hears of a load as it goes. */
  readonly onProgress: (step: LoadStep, progress: LoadProgress | null) => void;
  /** Ends the run; what was measured is kept. */
  readonly signal: AbortSignal;
}

/** What a scenario works with. */
export class StressContext {
  /** What was asked for. */
  readonly options: StressOptions;
  /** The world. */
  readonly world: StressWorld;
  /** The start of the run on the clock of the world. */
  readonly startMs: number;
  readonly #calibration: Calibration | null;
  readonly #references = new Map<string, ShapeReferences>();
  #target: Target;

  /** Starts with an open target; times count from `startMs`, and loads are judged by the calibration. */
  constructor(
    options: StressOptions,
    world: StressWorld,
    open: {
      readonly target: Target;
      readonly startMs: number;
      readonly calibration?: Calibration | null;
    },
  ) {
    this.options = options;
    this.world = world;
    this.#target = open.target;
    this.startMs = open.startMs;
    this.#calibration = open.calibration ?? null;
  }

  /** The target that is open now. */
  get target(): Target {
    return this.#target;
  }

  /** The model, by the name that the server gives. */
  get model(): string {
    return this.#target.server.model;
  }

  /** How far a score may be from its reference. */
  get tolerance(): Tolerance {
    const byType = scoreTolerance(this.#target.server.dtype);
    const { tolerance } = this.options;
    return tolerance === null ? byType : { ...byType, relative: tolerance };
  }

  /** Whether the user ended the run. */
  get isInterrupted(): boolean {
    return this.world.signal.aborted;
  }

  /** Opens the target again after it was killed or died. */
  async reopen(): Promise<void> {
    await this.#target[Symbol.asyncDispose]();
    this.#target = await this.world.openTarget();
  }

  /** Sends one request with the run's deadline. */
  async ask(
    prober: Prober,
    request: Omit<Parameters<Prober["send"]>[0], "timeoutMs">,
  ): Promise<HttpExchange> {
    const { timeoutMs } = this.options;
    return await prober.send({ ...request, timeoutMs });
  }

  /** Scores the payloads of shapes alone, where that was not done before. */
  async reference(shapes: readonly Shape[]): Promise<ShapeReferences[]> {
    const { endpoint, server } = this.#target;
    const prober = this.world.connect(endpoint);
    const found: ShapeReferences[] = [];
    try {
      for (const shape of shapes) {
        const key = JSON.stringify(shape);
        const known = this.#references.get(key);
        const references = known === undefined
          ? await scoreReferences(shape, {
            score: (body) =>
              this.ask(prober, { method: "POST", path: SCORE_PATH, body }),
            dtype: server.dtype,
            tolerance: this.tolerance,
            redact: createRedactor(endpoint.secrets),
            signal: this.world.signal,
          })
          // What failed was told when it did.
          : { ...known, requests: 0, failures: [] };
        found.push(references);
        if (references.workload === null) break;
        this.#references.set(key, references);
      }
    } finally {
      prober.close();
    }
    return found;
  }

  /** Sends a load whose references are known; gives up where a server gives nothing but failures. */
  async send(
    step: LoadStep,
    workloads: readonly KnownWorkload[],
    options: SendLoadOptions = {},
  ): Promise<SentLoad> {
    const { load, signal, onProgress, now } = this.world;
    const [first] = workloads;
    if (first === undefined) {
      throw new RangeError("Cannot send a load as it has no payloads");
    }
    const { endpoint, server } = this.#target;
    const giveUp = new AbortController();
    let good = 0;
    let goodMs = now();
    const samples = await (options.generator ?? load).run({
      endpoint,
      workload: first.spec,
      known: { workloads, tolerance: this.tolerance },
      dtype: server.dtype,
      firstIndex: 0,
      timeoutMs: this.options.timeoutMs,
      loop: step.loop,
    }, {
      signal: AbortSignal.any([options.signal ?? signal, giveUp.signal]),
      onProgress: (progress) => {
        const { done, failed } = progress;
        if (done - failed > good) [good, goodMs] = [done - failed, now()];
        const isHopeless = failed >= HOPELESS_FAILURES &&
          now() - goodMs > HOPELESS_MS;
        if (isHopeless && options.signal === undefined) giveUp.abort();
        if (options.generator === undefined) onProgress(step, progress);
      },
    });
    return { samples, gaveUp: giveUp.signal.aborted };
  }

  /**
   * Runs one load to its verdict.
   *
   * @param step The load.
   * @param known The references of its shapes, where they were scored before.
   */
  async run(
    step: LoadStep,
    known: readonly ShapeReferences[] | null = null,
  ): Promise<StressResult> {
    this.world.onProgress(step, null);
    const references = known ?? await this.reference(step.shapes);
    const workloads = references.flatMap(({ workload }) => workload ?? []);
    const { now, watch } = this.world;
    const startMs = now();
    const isReady = workloads.length === step.shapes.length;
    const watching = step.judgesHealth && isReady
      ? watch(this.#target, step.loop.durationMs ?? 0)
      : null;
    const sent = isReady && !this.isInterrupted
      ? await this.send(step, workloads)
      : null;
    const samples = sent?.samples ?? null;
    const durationMs = now() - startMs;
    const result = judgeLoad({
      step,
      samples,
      references,
      tolerance: this.tolerance,
      startMs: startMs - this.startMs,
      durationMs,
      server: await watching?.stop() ?? null,
      death: await this.deathAfter([
        ...references.flatMap(({ failures }) => failures),
        ...samples?.failures ?? [],
      ]),
      isInterrupted: this.isInterrupted,
      calibration: this.#calibration,
    });
    return sent?.gaveUp
      ? { ...result, notes: [...result.notes, GAVE_UP_NOTE] }
      : result;
  }

  /** Says why the server is no longer there, where connections were lost; null otherwise. */
  async deathAfter(
    failures: readonly { readonly outcome: Outcome }[],
  ): Promise<string | null> {
    if (!failures.some(isConnectionLost) || this.isInterrupted) return null;
    const { endpoint, death } = this.#target;
    const known = await death();
    if (known !== null) return known;
    const prober = this.world.connect(endpoint);
    const exchange = await this.ask(prober, {
      method: "GET",
      path: "/health",
      body: null,
    });
    prober.close();
    return exchange.kind === "failure" && exchange.outcome === "connect" &&
        !isOfClient(exchange)
      ? `${endpoint.url} can no longer be reached: ${
        createRedactor(endpoint.secrets)(exchange.message)
      }`
      : null;
  }
}

/** A load that had only failures for this long, in milliseconds, and so many of them, is ended: it would only spin. */
const HOPELESS_MS = 3_000;
const HOPELESS_FAILURES = 100;

const GAVE_UP_NOTE = "The load was ended early: for 3 s every request failed";

/** How a load is sent. */
export interface SendLoadOptions {
  /** Who sends it; the main generator by default. */
  readonly generator?: LoadGenerator;
  /** Ends it, in place of the run's own signal. */
  readonly signal?: AbortSignal;
}

/** A load that was sent. */
export interface SentLoad {
  /** What was recorded. */
  readonly samples: Samples;
  /** Whether it was ended early, since every request failed. */
  readonly gaveUp: boolean;
}
