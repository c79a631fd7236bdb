/**
 * What the scenarios of a stress run share: the target, its references, and the loads themselves.
 *
 * @module
 */
import { isConnectionLost, isOfClient, type Outcome } from "../outcome.ts";
import type { HttpExchange } from "../http/client.ts";
import { KnownLoadJudge, type KnownWorkload } from "../load/known_load.ts";
import type { Samples } from "../load/samples.ts";
import { partOf } from "../load/driver.ts";
import type { Tolerance } from "../score/truth.ts";
import type { Calibration } from "../record/run.ts";
import { SCORE_PATH } from "../score/request.ts";
import { createRedactor } from "../secret.ts";
import type { Target } from "../server/open.ts";
import { ClientRuler } from "./client.ts";
import { describeSent, judgeLoad, loadDoubts } from "./judge.ts";
import type { WindowUse } from "../witness/witness.ts";
import { warmUpStep, withWarmUp } from "./warm_up.ts";
import type { LoadWarmUp, StressResult } from "./record.ts";
import { useOf } from "../bench/watch.ts";
import {
  logFigures,
  useOfReferences,
  type WatchedLoad,
  watchLoad,
} from "./log.ts";
import { scoreReferences, type ShapeReferences } from "./references.ts";
import {
  type LoadStep,
  type OwnRequests,
  type Shape,
  type StressOptions,
  toleranceOf,
} from "./scenarios.ts";
import type {
  Prober,
  SendLoadOptions,
  SentLoad,
  ServerWatch,
  StressWorld,
} from "./world.ts";
import { type LoadPart, SHARED_SCENARIOS, type Team } from "./team.ts";
import { GAVE_UP_NOTE, Hope } from "./hope.ts";

/** What a scenario works with. */
export class StressContext {
  readonly options: StressOptions;
  readonly world: StressWorld;
  /** The start of the run on the clock of the world. */
  readonly startMs: number;
  readonly own: OwnRequests;
  /** What the client adds to its loads. */
  readonly client: ClientRuler;
  readonly #references = new Map<string, ShapeReferences>();
  #target: Target;

  /** Starts with an open target; times count from `startMs`. */
  constructor(
    options: StressOptions,
    world: StressWorld,
    open: {
      readonly target: Target;
      readonly startMs: number;
      readonly own?: OwnRequests;
    },
  ) {
    this.own = open.own ?? new Map();
    this.options = options;
    this.world = world;
    this.client = new ClientRuler(world.calibrate, world.signal);
    this.#target = open.target;
    this.startMs = open.startMs;
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
    return toleranceOf(this.options, this.#target.server.dtype);
  }

  /** Whether the user ended the run. */
  get isInterrupted(): boolean {
    return this.world.signal.aborted;
  }

  /** The deadline of a request that may be compiled for first, in milliseconds. */
  get warmUpTimeoutMs(): number {
    return Math.max(this.options.timeoutMs, this.options.warmupTimeoutMs);
  }

  /** Watches the log of the server while a load is sent. */
  watched<Sent>(
    work: () => Promise<Sent>,
    usedBy: (sent: Sent) => WindowUse,
  ): Promise<{ readonly sent: Sent; readonly log: WatchedLoad }> {
    const [{ team }, { witness }] = [this.world, this.#target];
    return watchLoad({ witness, isShared: team !== undefined }, work, usedBy);
  }

  /** Opens the target again after it was killed or died. */
  async reopen(): Promise<void> {
    await this.#target[Symbol.asyncDispose]();
    this.#target = await this.world.openTarget();
  }

  /** Sends one request with the run's deadline, or with that of the warm-up. */
  async ask(
    prober: Prober,
    request: Omit<Parameters<Prober["send"]>[0], "timeoutMs">,
    timeoutMs = this.options.timeoutMs,
  ): Promise<HttpExchange> {
    this.#target.witness?.disturb();
    return await prober.send({ ...request, timeoutMs });
  }

  /** Sends one score request with the run's deadline. */
  async score(
    prober: Prober,
    body: Uint8Array,
    timeoutMs = this.options.timeoutMs,
  ): Promise<HttpExchange> {
    const request = { method: "POST", path: SCORE_PATH, body } as const;
    return await this.ask(prober, request, timeoutMs);
  }

  /** Opens connections to the target for single requests. */
  connect(): Prober {
    return this.world.connect(this.#target.endpoint);
  }

  /** Returns what judges single answers to known payloads. */
  judgeOf(workloads: readonly KnownWorkload[]): KnownLoadJudge {
    const { endpoint, server } = this.#target;
    return new KnownLoadJudge({ workloads, tolerance: this.tolerance }, {
      encode: (body) => body,
      dtype: server.dtype,
      timeoutMs: this.options.timeoutMs,
      redact: createRedactor(endpoint.secrets),
    });
  }

  /** Scores the payloads of shapes alone, where that was not done before. */
  async reference(shapes: readonly Shape[]): Promise<ShapeReferences[]> {
    const { endpoint, server } = this.#target;
    const prober = this.connect();
    const found: ShapeReferences[] = [];
    try {
      for (const shape of shapes) {
        const key = JSON.stringify(shape);
        const known = this.#references.get(key);
        const score = () =>
          scoreReferences(shape, {
            // What was not scored before may be compiled first.
            score: (body) => this.score(prober, body, this.warmUpTimeoutMs),
            dtype: server.dtype,
            tolerance: this.tolerance,
            redact: createRedactor(endpoint.secrets),
            signal: this.world.signal,
          });
        const references = known === undefined
          // What is compiled for the first requests of a shape shows that the log speaks.
          ? (await this.watched(
            () => this.world.team?.references(shape, score) ?? score(),
            useOfReferences,
          )).sent
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

  /** Returns what the client adds to a load and can do; the server must be idle meanwhile. */
  async calibrate(step: LoadStep): Promise<Calibration | null> {
    return await this.client.measure(step, this.ownPart(step).loop);
  }

  /** Returns the part of a load that is sent from here: all of it, unless other hosts share it. */
  ownPart(step: LoadStep): LoadStep {
    const team = this.#teamOf(step);
    return team === null
      ? step
      : { ...step, loop: partOf(step.loop, team.share) };
  }

  /** Returns when a load starts, on the clock of the world: now, or when all that share it are ready. */
  async start({ scenario, configuration }: LoadStep): Promise<number> {
    const team = this.#teamOf({ scenario });
    return await team?.start(`${scenario}, ${configuration}`) ??
      this.world.now();
  }

  /** Tells the others what came of this part of a load. */
  keep(
    step: LoadStep,
    load: Omit<LoadPart, "scenario" | "configuration" | "sent">,
  ): void {
    const { scenario, configuration } = step;
    const sent = describeSent(step);
    this.#teamOf(step)?.keep({ scenario, configuration, sent, ...load });
  }

  #teamOf({ scenario }: Pick<LoadStep, "scenario">): Team | null {
    return SHARED_SCENARIOS.includes(scenario) ? this.world.team ?? null : null;
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
    const { startMs } = options;
    const giveUp = new AbortController();
    const own = this.ownPart(step);
    const hope = new Hope(startMs ?? now());
    const samples = await (options.generator ?? load).run({
      endpoint,
      workload: first.spec,
      known: { workloads, tolerance: this.tolerance },
      dtype: server.dtype,
      firstIndex: 0,
      timeoutMs: options.timeoutMs ?? this.options.timeoutMs,
      loop: own.loop,
      ...startMs === undefined ? {} : { startMs },
    }, {
      signal: AbortSignal.any([options.signal ?? signal, giveUp.signal]),
      onProgress: (progress) => {
        const isLost = hope.isLost(progress, now());
        if (isLost && options.signal === undefined) giveUp.abort();
        if (options.generator === undefined) onProgress(own, progress);
      },
    });
    return { samples, gaveUp: giveUp.signal.aborted };
  }

  /**
   * Runs one load to its verdict; where several hosts share it, that of its own part.
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
    const isReady = this.#isReady(step, references);
    const calibration = isReady ? await this.calibrate(step) : null;
    const workloads = references.flatMap(({ workload }) => workload ?? []);
    const warmUp = !isReady
      ? null
      : await this.warmUp(step, async (one, timeoutMs) => {
        return [(await this.send(one, workloads, { timeoutMs })).samples];
      });
    const startMs = isReady ? await this.start(step) : this.world.now();
    const { sent: { result, samples }, log } = await this.watched(
      () => this.runBeside(step, references, { startMs, calibration }),
      (one) => useOf(one.samples),
    );
    return isReady
      ? {
        ...withWarmUp(result, warmUp),
        ...logFigures(log, {
          timeline: samples[0]?.observed?.timeline ?? null,
          startMs,
          lengthMs: step.loop.durationMs ?? result.durationMs,
        }),
      }
      : result;
  }

  /** Warms up a load, but for one that several hosts share: their windows would not meet. */
  async warmUp(
    step: LoadStep,
    send: (step: LoadStep, timeoutMs: number) => Promise<readonly Samples[]>,
  ): Promise<LoadWarmUp | null> {
    if (this.#teamOf(step) !== null) return null;
    return await warmUpStep(step, this.options.loadWarmupMs, {
      send: (one) => send(one, this.warmUpTimeoutMs),
      watched: (work, usedBy) => this.watched(work, usedBy),
      now: this.world.now,
      isInterrupted: () => this.isInterrupted,
    });
  }

  #isReady(step: LoadStep, references: readonly ShapeReferences[]): boolean {
    return references.every(({ workload }) => workload !== null) &&
      references.length === step.shapes.length && !this.isInterrupted;
  }

  /** Runs one load beside which others are sent, from a time that was named; the log is watched by who sends all of them. */
  async runBeside(
    step: LoadStep,
    references: readonly ShapeReferences[],
    { startMs, calibration }: {
      readonly startMs: number;
      readonly calibration: Calibration | null;
    },
  ): Promise<{
    readonly result: StressResult;
    readonly samples: readonly Samples[];
  }> {
    const workloads = references.flatMap(({ workload }) => workload ?? []);
    const { now } = this.world;
    const isReady = this.#isReady(step, references);
    const watching = isReady ? this.#watch(step, startMs) : null;
    const sent = isReady
      ? await this.send(
        step,
        workloads,
        this.#teamOf(step) === null ? {} : { startMs },
      )
      : null;
    const { samples = null, gaveUp = false } = sent ?? {};
    const ended = {
      samples,
      references,
      startMs: startMs - this.startMs,
      durationMs: now() - startMs,
      server: await (await watching)?.stop() ?? null,
      death: await this.deathAfter([
        ...references.flatMap(({ failures }) => failures),
        ...samples?.failures ?? [],
      ]),
      isInterrupted: this.isInterrupted,
    };
    const own = this.ownPart(step);
    const doubts = loadDoubts(own, ended, calibration);
    this.keep(step, { role: "load", ...ended, doubts, gaveUp });
    const result = judgeLoad({
      ...ended,
      ...{ step: own, tolerance: this.tolerance, doubts },
    });
    return {
      result: gaveUp
        ? { ...result, notes: [...result.notes, GAVE_UP_NOTE] }
        : result,
      samples: samples === null ? [] : [samples],
    };
  }

  /** Watches the server from the start of a load on; of several hosts one does. */
  async #watch(step: LoadStep, startMs: number): Promise<ServerWatch | null> {
    const { now, sleep, signal, watch } = this.world;
    const team = this.#teamOf(step);
    if (!step.judgesHealth || (team?.share.index ?? 0) > 0) return null;
    if (team !== null) await sleep(startMs - now(), signal);
    return watch(this.#target, step.loop.durationMs ?? 0);
  }

  /** Says why the server is no longer there, where connections were lost; null otherwise. */
  async deathAfter(
    failures: readonly { readonly outcome: Outcome }[],
  ): Promise<string | null> {
    if (!failures.some(isConnectionLost) || this.isInterrupted) return null;
    const { endpoint, death } = this.#target;
    const known = await death();
    if (known !== null) return known;
    const prober = this.connect();
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
