/**
 * A world for stress runs in which time is simulated: the engine without sockets, and the driver,
 * the judge and the scenarios as they are.
 *
 * @module
 */
import type { HttpExchange } from "../../lib/http/client.ts";
import { drive, shareOf } from "../../lib/load/driver.ts";
import type { LoadGenerator } from "../../lib/load/generator.ts";
import { KnownLoadJudge } from "../../lib/load/known_load.ts";
import { LoadObserver } from "../../lib/load/observer.ts";
import { numberInWhole } from "../../lib/load/pacing.ts";
import { SampleRecorder } from "../../lib/load/samples.ts";
import type { TransportFailure } from "../../lib/outcome.ts";
import type { Calibration } from "../../lib/record/run.ts";
import { SCORE_PATH } from "../../lib/score/request.ts";
import type { Target } from "../../lib/server/open.ts";
import { Engine, type EngineEvent } from "../../lib/simulator/engine.ts";
import type { EngineOptions } from "../../lib/simulator/options.ts";
import type { SeriesPoint } from "../../lib/stats/trend.ts";
import { readServerInfo } from "../../lib/stress/reading.ts";
import type { StressResult, StressRun } from "../../lib/stress/record.ts";
import {
  runStress,
  type StressEnd,
  type StressPlan,
  type StressRunWorld,
} from "../../lib/stress/run.ts";
import type { StressOptions } from "../../lib/stress/scenarios.ts";
import { TEXT_RECORD } from "../../lib/score/data.ts";

/** Runs events in the order of their times; promises settle after each. */
export class VirtualTime {
  nowMs = 0;
  readonly #turns: number;
  #events: { readonly dueMs: number; readonly run: () => void }[] = [];

  /** Lets promises settle for so many turns after each event. */
  constructor(turns = 30) {
    this.#turns = turns;
  }

  at(dueMs: number, run: () => void): void {
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.dueMs ?? 0) > dueMs) high = middle;
      else low = middle + 1;
    }
    this.#events.splice(low, 0, { dueMs, run });
  }

  sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    return this.until(this.nowMs + durationMs, signal);
  }

  until(dueMs: number, signal: AbortSignal): Promise<void> {
    if (dueMs <= this.nowMs || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.at(dueMs, resolve);
    });
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => void (isDone = true);
    work.then(end, end);
    for (;;) {
      for (let turn = 0; turn < this.#turns && !isDone; turn++) {
        await Promise.resolve();
      }
      if (isDone) return await work;
      const event = this.#events.shift();
      if (event === undefined) throw new Error("The run waits for nothing");
      this.nowMs = Math.max(this.nowMs, event.dueMs);
      event.run();
    }
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array | null;
}

/** An engine with a clock: sends replies when they are due. */
export class VirtualServer {
  readonly engine: Engine;
  readonly options: Partial<EngineOptions>;
  readonly #time: VirtualTime;
  readonly #open = new Map<number, (event: EngineEvent) => void>();

  constructor(time: VirtualTime, options: Partial<EngineOptions>) {
    this.#time = time;
    this.options = options;
    this.engine = new Engine(options);
  }

  submit(
    request: Request,
    options: { timeoutMs: number; signal: AbortSignal },
    onResult: (exchange: HttpExchange) => void,
  ): void {
    const time = this.#time;
    const sentMs = time.nowMs;
    let isOpen = true;
    const close = (exchange: HttpExchange) => {
      if (!isOpen) return;
      isOpen = false;
      onResult(exchange);
    };
    const fail = (outcome: TransportFailure) =>
      close({
        kind: "failure",
        outcome,
        message: `virtual ${outcome}`,
        sentMs,
        doneMs: time.nowMs,
        retries: 0,
      });
    if (options.signal.aborted) return fail("aborted");
    if (this.engine.crashed) {
      return time.at(sentMs + 1, () => fail("connect"));
    }
    options.signal.addEventListener("abort", () => fail("aborted"), {
      once: true,
    });
    time.at(sentMs + options.timeoutMs, () => fail("timeout"));
    const ticket = this.engine.handle({
      ...request,
      authorization: null,
      contentType: "application/json",
      body: new TextDecoder().decode(request.body ?? new Uint8Array()),
      unixTimeSec: 0,
    }, sentMs);
    this.#open.set(ticket, ({ reply }) => {
      if (reply.kind !== "answer") return fail("reset");
      if (reply.answer.delivery !== "whole") return fail("truncated");
      close({
        kind: "answer",
        status: reply.answer.status,
        headers: new Map(),
        body: typeof reply.answer.body === "string"
          ? new TextEncoder().encode(reply.answer.body)
          : reply.answer.body,
        sentMs,
        doneMs: time.nowMs,
        retries: 0,
      });
    });
    this.#pump();
  }

  #pump(): void {
    for (const event of this.engine.advance(this.#time.nowMs)) {
      if (event.reply.kind === "crash") {
        for (const open of this.#open.values()) open(event);
        this.#open.clear();
        return;
      }
      this.#open.get(event.ticket)?.(event);
      this.#open.delete(event.ticket);
    }
    const nextMs = this.engine.nextEventMs;
    if (nextMs !== null) {
      this.#time.at(Math.max(nextMs, this.#time.nowMs), () => this.#pump());
    }
  }
}

function generator(
  time: VirtualTime,
  server: () => VirtualServer,
  connectMs: number,
): LoadGenerator {
  return {
    async run(plan, { signal }) {
      const { known, timeoutMs, dtype, firstIndex } = plan;
      if (known === undefined) throw new Error("A known load was expected");
      const judge = new KnownLoadJudge(known, {
        encode: (body) => body,
        dtype,
        timeoutMs,
        redact: (text) => text,
      });
      const observer = new LoadObserver(plan.startMs ?? time.nowMs);
      const recorder = new SampleRecorder((request, message) =>
        observer.observe(request, message)
      );
      const target = server();
      const payloadOf = (index: number) =>
        firstIndex + numberInWhole(shareOf(plan.loop), index);
      await drive(plan.loop, {
        now: () => time.nowMs,
        waitUntil: (dueMs, ends) => time.until(dueMs, ends),
        prepare: (index) => judge.request(payloadOf(index)),
        submit: (body, ends, onResult) => {
          const send = () =>
            target.submit(
              { method: "POST", path: SCORE_PATH, body },
              { timeoutMs, signal: ends },
              onResult,
            );
          if (connectMs === 0) send();
          else time.at(time.nowMs + connectMs, send);
        },
        judge: (exchange, index) => judge.judge(exchange, payloadOf(index)),
        defer: (task) => queueMicrotask(task),
        rest: (task) => queueMicrotask(task),
      }, {
        ...{ signal, recorder },
        ...plan.startMs === undefined ? {} : { startMs: plan.startMs },
      });
      return {
        ...recorder.finish(),
        observed: observer.finish(judge.deviation, recorder.standstills),
      };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Token ids of so few tokens that a load takes no time to make. */
export const SIX_TOKENS: StressOptions["data"] = [{
  name: "query=6,item=6",
  tokens: { query: 6, item: 6 },
  file: null,
}];

/** The short form of every scenario, as `deno task stress:short` has it, but for times. */
export const SHORT_OPTIONS: StressOptions = {
  scenarios: ["sustained"],
  batchSizes: null,
  concurrency: [4],
  durationSeconds: 20,
  ratePerSec: 10,
  iterations: 2,
  arrival: "poisson",
  ramp: "rate",
  ladder: null,
  slo: "p99<500ms,errors<0.1%",
  tolerance: null,
  workers: 1,
  allowLethal: false,
  applySoftmax: true,
  numLabels: null,
  labelTokenIds: null,
  data: [TEXT_RECORD],
  timeoutMs: 5_000,
  warmupTimeoutMs: 0,
  loadWarmupMs: 0,
  seed: "virtual",
};

/** What the engine resides in without a leak, in bytes. */
const ENGINE_BYTES = 200 * 2 ** 20;

/** What a client adds and can do, and how it connects. */
export interface VirtualClient {
  /** What the client adds and can do; not measured by default. */
  readonly calibration?: Calibration;
  /** How long each request of a load waits for its connection, in milliseconds; 0 by default. */
  readonly connectMs?: number;
}

/** What stress.ts tells a run beside its options. */
export const VIRTUAL_PLAN: Omit<StressPlan, "options"> = {
  ...{ target: "simulated", targetAddress: "", resumed: null },
  timestamp: "2026-01-01T00:00:00Z",
  environment: { platform: "p", commit: "c", denoVersion: "d" },
  ...{ toolVersion: "t", warnings: [] },
};

/**
 * Makes a world against an engine in simulated time.
 *
 * @param time The time.
 * @param engine The engine; several worlds may share one that is there already.
 * @param client Its client.
 */
export function virtualWorld(
  time: VirtualTime,
  engine: Partial<EngineOptions> | VirtualServer,
  client: VirtualClient = {},
): Omit<StressRunWorld, "save" | "signal"> {
  const never = new AbortController().signal;
  let server = engine instanceof VirtualServer
    ? engine
    : new VirtualServer(time, engine);
  let isFirst = true;
  const { calibration = null, connectMs = 0 } = client;
  const load = generator(time, () => server, connectMs);
  const openTarget = (): Promise<Target> => {
    // Faults are those of the first server: a restart is a cure.
    if (!isFirst) {
      const { options } = server;
      server = new VirtualServer(time, { ...options, faults: [] });
    }
    isFirst = false;
    const opened = server;
    return Promise.resolve({
      kind: "simulated",
      endpoint: {
        url: "http://virtual",
        headers: {},
        caCerts: [],
        unixSocketPath: null,
        secrets: [],
      },
      server: {
        model: "virtual",
        dtype: "float32",
        tpSize: 1,
        version: null,
        hardware: "simulated",
        info: { "max_req_input_len": 8186, "skip_tokenizer_init": false },
      },
      identify: () => Promise.reject(new Error("not asked")),
      death: () =>
        Promise.resolve(opened.engine.crashed ? "the engine crashed" : null),
      started: {
        pid: null,
        kill: () => {
          // A lethal request is how an engine ends.
          opened.submit(
            {
              method: "POST",
              path: SCORE_PATH,
              body: new TextEncoder().encode(
                '{"query":"","items":[""],"label_token_ids":[1],"model":"m"}',
              ),
            },
            { timeoutMs: 1, signal: never },
            () => {},
          );
          return Promise.resolve();
        },
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  };
  return {
    openTarget,
    load,
    startProbes: () => generator(time, () => server, connectMs),
    connect: () => ({
      send: ({ timeoutMs, ...request }) =>
        new Promise((resolve) =>
          server.submit(request, { timeoutMs, signal: never }, resolve)
        ),
      close: () => {},
    }),
    watch: (_, durationMs) => {
      const lostTokens: SeriesPoint[] = [];
      const queuedRequests: SeriesPoint[] = [];
      const residentBytes: SeriesPoint[] = [];
      const ended = new AbortController();
      const watched = server;
      const watching = (async () => {
        while (!ended.signal.aborted) {
          await new Promise<void>((resolve) =>
            watched.submit(
              { method: "GET", path: "/get_server_info", body: null },
              { timeoutMs: 1000, signal: never },
              (exchange) => {
                if (exchange.kind === "answer") {
                  const info = JSON.parse(
                    new TextDecoder().decode(exchange.body),
                  );
                  const { spareTokens, queued } = readServerInfo(info);
                  const timeMs = time.nowMs;
                  lostTokens.push({ timeMs, value: -(spareTokens ?? NaN) });
                  queuedRequests.push({ timeMs, value: queued ?? NaN });
                  const leaked = watched.engine.leakedBytes(timeMs);
                  residentBytes.push({ timeMs, value: ENGINE_BYTES + leaked });
                }
                resolve();
              },
            )
          );
          await time.sleep(durationMs / 40, ended.signal);
        }
      })();
      return {
        stop: async () => {
          ended.abort();
          await watching;
          return {
            residentBytes,
            lostTokens,
            poolTokens: 65_536,
            queuedRequests,
          };
        },
      };
    },
    calibrate: () => Promise.resolve(calibration),
    sleep: (durationMs, signal) => time.sleep(durationMs, signal),
    onProgress: () => {},
    onResult: () => {},
    now: () => time.nowMs,
  };
}

/** Runs stress scenarios against the engine in simulated time. */
export async function runVirtualStress(
  options: Partial<StressOptions>,
  engine: Partial<EngineOptions> = {},
  client: VirtualClient = {},
): Promise<StressEnd & { readonly saved: readonly StressRun[] }> {
  const time = new VirtualTime();
  const saved: StressRun[] = [];
  const end = await time.run(runStress({
    ...VIRTUAL_PLAN,
    options: { ...SHORT_OPTIONS, ...options },
  }, {
    ...virtualWorld(time, engine, client),
    save: (run) => {
      saved.push(run);
      return Promise.resolve();
    },
    signal: new AbortController().signal,
  }));
  return { ...end, saved };
}

/** Returns what was found: kinds of findings, outcomes of failures, and notes by their first word. */
export function findingsOf(result: StressResult | undefined): {
  readonly findings: readonly string[];
  readonly failures: readonly string[];
  readonly notes: readonly string[];
} {
  return {
    findings: result?.findings.map(({ kind }) => kind) ?? ["no result"],
    failures: result?.failures.map(({ outcome }) => outcome) ?? [],
    notes: result?.notes.map((note) => note.split(":")[0] ?? "") ?? [],
  };
}
