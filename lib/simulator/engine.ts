/**
 * The simulated engine: what a SGLang-JAX server answers on each path and when,
 * as a pure simulation in virtual time.
 *
 * Feed requests to {@linkcode Engine.handle} and collect answers from {@linkcode Engine.advance};
 * it waits for nothing and sends nothing.
 *
 * @module
 */
import {
  type Answer,
  bodyAnswer,
  busyAnswer,
  faultAnswer,
  flushedAnswer,
  internalErrorAnswer,
  isAuthorized,
  jsonAnswer,
  modelInfoAnswer,
  modelsAnswer,
  RecentScores,
  type Route,
  routeOf,
  scoredAnswer,
  scoreError,
} from "./answers.ts";
import { type ServiceJob, ServiceQueue } from "./cost.ts";
import {
  driftFactor,
  type Fault,
  type FaultName,
  faultsAt,
  leakedBytes,
  parseFault,
} from "./faults.ts";
import { serverInfo } from "./info.ts";
import { answerLine, type EngineLog, logBatch } from "./log.ts";
import { type EngineOptions, engineOptions } from "./options.ts";
import { composePrompts, refusalOf } from "./prompts.ts";
import { parseScoreCall, type ScoreCall } from "./request.ts";
import { PseudoModel } from "./scores.ts";

/** One HTTP request as the engine sees it. */
export interface EngineRequest {
  /** The method in capitals. */
  readonly method: string;
  /** The path, without the query string. */
  readonly path: string;
  readonly authorization: string | null;
  readonly contentType: string | null;
  readonly body: string;
  /** Seconds since 1970, for `/v1/models`. */
  readonly unixTimeSec: number;
}

/**
 * What becomes of a request: an answer; a connection that closes without one; or
 * the end of the server, with which all its connections and its port close.
 */
export type EngineReply =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "reset" }
  | { readonly kind: "crash" };

/** A reply that is due. */
export interface EngineEvent {
  /** The number that {@linkcode Engine.handle} returned for the request. */
  readonly ticket: number;
  /** When it is due, in ms of virtual time. */
  readonly atMs: number;
  readonly reply: EngineReply;
}

interface Pending {
  readonly ticket: number;
  readonly answer: Answer;
  readonly extraMs: number;
}

/** `/health_generate` polls for its token once a second, so it never answers sooner, in ms. */
const HEALTH_GENERATE_MS = 1000;

/** KV cache of one token of a model of a billion parameters, in bytes: a leak shows as lost tokens of the pool too. */
const LEAK_BYTES_PER_TOKEN = 32768;

/**
 * A simulated SGLang-JAX server in virtual time.
 *
 * The same options and the same requests at the same times give the same events. Time is any number of
 * milliseconds that never runs backwards.
 */
export class Engine {
  readonly options: EngineOptions;
  readonly #faults: readonly Fault[];
  readonly #model: PseudoModel;
  readonly #recent = new RecentScores();
  readonly #queue: ServiceQueue;
  readonly #pending = new Map<ServiceJob, Pending>();
  readonly #ready: EngineEvent[] = [];
  readonly #log: EngineLog | null;
  #dueLines: { readonly message: string; readonly atMs: number }[] = [];
  readonly #scoreTickets = new Set<number>();
  #tickets = 0;
  #scoreRequests = 0;
  #servingSinceMs: number | null = null;
  #crashed = false;

  /**
   * Starts an idle server.
   *
   * @param options Options that differ from the defaults.
   * @param log Takes what a server logs, in the order of time, as {@linkcode advance} gets there; null for no log.
   * @throws {TypeError | RangeError | SyntaxError} If an option is not valid.
   */
  constructor(
    options: Readonly<Partial<EngineOptions>> = {},
    log: EngineLog | null = null,
  ) {
    this.#log = log;
    this.options = engineOptions(options);
    this.#faults = this.options.faults.map(parseFault);
    this.#model = new PseudoModel(
      this.options.modelPath,
      this.options.vocabSize,
    );
    const later: EngineLog = (message, atMs) =>
      this.#dueLines.push({ message, atMs });
    this.#queue = log === null
      ? new ServiceQueue(this.options)
      : new ServiceQueue(this.options, (batch) => logBatch(later, batch));
  }

  /** Whether the server has died; every further request ends in a `crash` reply, which stands for a refused connection. */
  get crashed(): boolean {
    return this.#crashed;
  }

  /** The earliest time at which {@linkcode advance} has something to do, or null. */
  get nextEventMs(): number | null {
    const readyMs = this.#ready[0]?.atMs ?? Infinity;
    const queueMs = this.#crashed
      ? Infinity
      : this.#queue.nextEventMs ?? Infinity;
    const nextMs = Math.min(readyMs, queueMs);
    return nextMs === Infinity ? null : nextMs;
  }

  /** Bytes that the serving process should have leaked by the given time, under the fault `leak`. */
  leakedBytes(nowMs: number): number {
    return this.#servingSinceMs === null
      ? 0
      : leakedBytes(this.#faults, nowMs - this.#servingSinceMs);
  }

  /**
   * Takes a request that has arrived at the given time; returns the ticket under which its reply will come.
   * A request that the fault `hang` strikes never gets a reply.
   */
  handle(request: EngineRequest, nowMs: number): number {
    this.#serve(nowMs);
    const ticket = ++this.#tickets;
    if (this.#crashed) {
      this.#push({ ticket, atMs: nowMs, reply: { kind: "crash" } });
    } else if (!isAuthorized(request, this.options.apiKey)) {
      const answer = jsonAnswer(401, { error: "Unauthorized" });
      this.#answer(ticket, nowMs, answer);
    } else {
      const route = routeOf(request.method, request.path);
      if (route === "score") this.#score(ticket, request, nowMs);
      else {
        const delayMs = route === "health-generate" ? HEALTH_GENERATE_MS : 0;
        const answer = typeof route === "object"
          ? route
          : this.#inform(route, request, nowMs);
        this.#answer(ticket, nowMs + delayMs, answer);
      }
    }
    return ticket;
  }

  /** Runs the simulation up to the given time; returns the replies that were due by then, in order. */
  advance(nowMs: number): EngineEvent[] {
    this.#serve(nowMs);
    const firstLater = this.#ready.findIndex((event) => event.atMs > nowMs);
    const due = this.#ready.splice(
      0,
      firstLater === -1 ? this.#ready.length : firstLater,
    );
    if (this.#log === null) return due;
    for (const { ticket, atMs, reply } of due) {
      if (!this.#scoreTickets.delete(ticket) || reply.kind !== "answer") {
        continue;
      }
      this.#dueLines.push({ message: answerLine(reply.answer.status), atMs });
    }
    this.#writeLog(this.#log, nowMs);
    return due;
  }

  #writeLog(log: EngineLog, nowMs: number): void {
    const due = this.#dueLines.filter(({ atMs }) => atMs <= nowMs);
    if (due.length === 0) return;
    this.#dueLines = this.#dueLines.filter(({ atMs }) => atMs > nowMs);
    for (const { message, atMs } of due.toSorted((a, b) => a.atMs - b.atMs)) {
      log(message, atMs);
    }
  }

  #serve(nowMs: number): void {
    for (const { job, doneMs } of this.#queue.advance(nowMs)) {
      const pending = this.#pending.get(job);
      this.#pending.delete(job);
      if (pending === undefined) continue;
      const { ticket, answer, extraMs } = pending;
      this.#answer(ticket, doneMs + extraMs, answer);
    }
  }

  #push(event: EngineEvent): void {
    let place = this.#ready.length;
    while (place > 0 && (this.#ready[place - 1]?.atMs ?? 0) > event.atMs) {
      place--;
    }
    this.#ready.splice(place, 0, event);
  }

  #answer(ticket: number, atMs: number, answer: Answer): void {
    this.#push({ ticket, atMs, reply: { kind: "answer", answer } });
  }

  #inform(
    route: Exclude<Route, "score">,
    request: EngineRequest,
    nowMs: number,
  ): Answer {
    const status = this.#queue.status();
    switch (route) {
      case "health":
      case "health-generate":
        return bodyAnswer(200, "");
      case "model-info":
        return modelInfoAnswer(this.options);
      case "models":
        return modelsAnswer(request, this.options);
      case "flush":
        return this.#queue.flush() ? flushedAnswer(status) : busyAnswer(status);
      case "load":
        // Broken on a real server too: it raises KeyError 'load'.
        return internalErrorAnswer();
      case "server-info": {
        const leakedTokens = Math.floor(
          this.leakedBytes(nowMs) / LEAK_BYTES_PER_TOKEN,
        );
        const state = { ...status, leakedTokens };
        return jsonAnswer(200, serverInfo(this.options, state));
      }
    }
  }

  #score(ticket: number, request: EngineRequest, nowMs: number): void {
    this.#servingSinceMs ??= nowMs;
    if (this.#log !== null) this.#scoreTickets.add(ticket);
    const requestNumber = ++this.#scoreRequests;
    const { seed } = this.options;
    const struck = faultsAt(this.#faults, { requestNumber, seed });
    if (struck.has("crash")) return this.#crash(ticket, nowMs);
    if (struck.has("hang")) return;
    if (struck.has("reset")) {
      return this.#push({ ticket, atMs: nowMs, reply: { kind: "reset" } });
    }
    const fault = faultAnswer(struck);
    if (fault !== null) return this.#answer(ticket, nowMs, fault);
    const parsed = parseScoreCall(request.contentType, request.body);
    if (!parsed.ok) {
      const answer = scoreError(400, "Bad Request", parsed.message);
      return this.#answer(ticket, nowMs, answer);
    }
    this.#serveCall(ticket, parsed.call, { struck, requestNumber, nowMs });
  }

  #serveCall(
    ticket: number,
    call: ScoreCall,
    { struck, requestNumber, nowMs }: {
      struck: ReadonlyMap<FaultName, number>;
      requestNumber: number;
      nowMs: number;
    },
  ): void {
    const refuse = (message: string): void =>
      this.#answer(ticket, nowMs, scoreError(400, "BadRequestError", message));
    const prompts = composePrompts(call, this.options);
    if (typeof prompts === "string") return refuse(prompts);
    const labelTokenIds = call.labelTokenIds ?? [];
    const refusal = refusalOf(prompts, labelTokenIds, this.options);
    if (refusal === "lethal") return this.#crash(ticket, nowMs);
    if (refusal !== null) return refuse(refusal);
    // Scored now, not when the time has come, so that the answer is sent on time.
    const answer = scoredAnswer(call, {
      model: this.#model,
      prompts,
      struck,
      recent: this.#recent,
    });
    if (prompts.length === 0) return this.#answer(ticket, nowMs, answer);
    const job: ServiceJob = {
      prompts,
      labelTokenIds,
      stallMs: struck.get("stall") ?? 0,
      slowdown: driftFactor(this.#faults, requestNumber),
    };
    const extraMs = struck.get("slow") ?? 0;
    this.#pending.set(job, { ticket, answer, extraMs });
    this.#queue.submit(job, nowMs);
  }

  #crash(ticket: number, nowMs: number): void {
    this.#crashed = true;
    const due = this.#ready.filter(({ atMs }) => atMs <= nowMs);
    this.#ready.splice(0, this.#ready.length, ...due);
    this.#pending.clear();
    this.#push({ ticket, atMs: nowMs, reply: { kind: "crash" } });
  }
}
