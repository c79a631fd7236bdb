/**
 * The worker that sends and times: schedule, sockets and recording live here, away from the
 * thread that draws and writes.
 *
 * @module
 */
import { messageOf } from "../failure.ts";
import type { HttpClient } from "../http/client.ts";
import { createAnswerJudge, expectedAnswer } from "../score/answer.ts";
import { scoreTolerance } from "../score/truth.ts";
import { SCORE_PATH } from "../score/request.ts";
import { itemsOf } from "../score/workload.ts";
import { createRedactor } from "../secret.ts";
import { waitUntil } from "./clock.ts";
import { drive, type Loop, shareOf } from "./driver.ts";
import { createEndpointClient } from "./endpoint.ts";
import { collectGarbage } from "./garbage.ts";
import type { FromWorker, LoadPlan, ToWorker } from "./generator.ts";
import { KnownLoadJudge } from "./known_load.ts";
import { LoadObserver } from "./observer.ts";
import { numberInWhole } from "./pacing.ts";
import { RequestStore } from "./requests.ts";
import { SampleRecorder } from "./samples.ts";

/** How often this thread looks whether it stood still, in milliseconds. */
const HEARTBEAT_MS = 5;

/** A timer is up to 3 ms late by itself; later than this, in milliseconds, the thread stood still. */
const PAUSE_MS = 5;

/**
 * An open load opens connections ahead for the sends of so many milliseconds, which few servers exceed, but not more than
 * so many: each costs the server memory.
 */
const AHEAD_MS = 100;
const MOST_AHEAD = 16;

/**
 * How long the loop rests before answers that wait are judged, in milliseconds. Turns of `setImmediate` look for what
 * can be read only every 61st time (tokio's event interval); a timer lets the thread wait for it.
 */
const REST_MS = 1;

/** How often progress is told, in milliseconds: often enough for people, too rarely to disturb. */
const PROGRESS_INTERVAL_MS = 250;

const NO_BYTES = new Uint8Array(0);

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer: Transferable[]): void;
};
const clients = new Map<string, HttpClient>();
let abort = new AbortController();

scope.onmessage = (event) => {
  const message = event.data;
  if (message.type === "abort") abort.abort();
  else void run(onThisClock(message));
};

/** Times count from the start of a thread, which each has its own of. */
function onThisClock(
  { plan, timeOriginMs }: Extract<ToWorker, { readonly type: "run" }>,
): LoadPlan {
  const shiftMs = timeOriginMs - performance.timeOrigin;
  return plan.startMs === undefined
    ? plan
    : { ...plan, startMs: plan.startMs + shiftMs };
}

async function run(plan: LoadPlan): Promise<void> {
  abort = new AbortController();
  collectGarbage();
  const known = plan.known === undefined ? null : knownJudge(plan);
  const observer = known === null
    ? null
    : new LoadObserver(plan.startMs ?? performance.now());
  const recorder = new SampleRecorder((request, message) =>
    observer?.observe(request, message)
  );
  let beatMs = performance.now();
  const heart = setInterval(() => {
    const nowMs = performance.now();
    const lateMs = nowMs - beatMs - HEARTBEAT_MS;
    if (lateMs > PAUSE_MS) recorder.pause(nowMs - lateMs, lateMs);
    beatMs = nowMs;
  }, HEARTBEAT_MS);
  const ticker = setInterval(() => {
    const { planned, done, failed } = recorder;
    const pulse = observer?.pulse() ?? null;
    scope.postMessage({ type: "progress", planned, done, failed, pulse }, []);
  }, PROGRESS_INTERVAL_MS);
  try {
    await measure(plan, recorder, known);
    const finished = recorder.finish();
    const samples = known === null || observer === null ? finished : {
      ...finished,
      observed: observer.finish(known.deviation, recorder.standstills),
    };
    scope.postMessage({
      type: "done",
      samples,
      timeOriginMs: performance.timeOrigin,
    }, [
      samples.plannedMs.buffer,
      samples.sentMs.buffer,
      samples.doneMs.buffer,
      samples.outcome.buffer,
    ] as Transferable[]);
  } catch (error) {
    const text = messageOf(error);
    scope.postMessage({ type: "error", message: text }, []);
  } finally {
    clearInterval(ticker);
    clearInterval(heart);
  }
}

async function measure(
  plan: LoadPlan,
  recorder: SampleRecorder,
  known: KnownLoadJudge | null,
) {
  const { workload, loop, timeoutMs, firstIndex } = plan;
  const client = clientFor(plan);
  const redact = createRedactor(plan.endpoint.secrets);
  // No two threads or hosts that share a load send the same.
  const payloadOf = (index: number) =>
    firstIndex + numberInWhole(shareOf(loop), index);
  const store = known === null
    ? new RequestStore(workload, {
      encode: (body) => client.encode("POST", SCORE_PATH, body),
      inFlight: loop.kind === "closed" ? loop.concurrency : loop.maxInFlight,
      ahead: Array.from(
        { length: loop.kind === "closed" ? loop.count ?? 0 : 0 },
        (_, index) => payloadOf(index),
      ),
    })
    : null;
  // The requests of a file may each have their own number of items.
  const judges = new Map<number, ReturnType<typeof createAnswerJudge>>();
  const judgeOf = (payload: number) => {
    const batchSize = itemsOf(workload, payload);
    const known = judges.get(batchSize);
    if (known !== undefined) return known;
    const expected = expectedAnswer({ ...workload, batchSize }, plan.dtype);
    const judge = createAnswerJudge(expected, {
      redact,
      tolerance: workload.prefixCache === "hot"
        ? scoreTolerance(plan.dtype)
        : null,
    });
    judges.set(batchSize, judge);
    return judge;
  };
  // Connecting is no part of a latency. A failure shows in the requests themselves.
  await client.open(connectionsAhead(loop));
  const sendOptions = { timeoutMs, signal: abort.signal };
  await drive(loop, {
    now: () => performance.now(),
    waitUntil,
    prepare: (index) => {
      const payload = payloadOf(index);
      return known?.request(payload) ?? store?.take(payload) ?? NO_BYTES;
    },
    submit: (request, _signal, onResult) =>
      client.submit(request, sendOptions, onResult),
    release: (request, exchange) => {
      // Of any other answer or failure some of the request may still be on its way.
      const isOver = exchange.kind === "answer" && exchange.status === 200;
      if (isOver) store?.give(request);
    },
    judge: (exchange, index) =>
      known?.judge(exchange, payloadOf(index)) ??
        judgeOf(payloadOf(index))(exchange),
    defer: (task) => void setImmediate(task),
    rest: (task) => void setTimeout(() => setImmediate(task), REST_MS),
  }, {
    ...{ signal: abort.signal, recorder },
    ...plan.startMs === undefined ? {} : { startMs: plan.startMs },
  });
}

function connectionsAhead(loop: Loop): number {
  if (loop.kind === "closed") return loop.concurrency;
  const ratePerMs = loop.ratePerSec / loop.share.of / 1000;
  return Math.min(
    loop.maxInFlight,
    MOST_AHEAD,
    Math.ceil(ratePerMs * AHEAD_MS),
  );
}

function knownJudge(plan: LoadPlan): KnownLoadJudge | null {
  const { known, endpoint, dtype, timeoutMs } = plan;
  const client = clientFor(plan);
  return known === undefined ? null : new KnownLoadJudge(known, {
    encode: (body) => client.encode("POST", SCORE_PATH, body),
    dtype,
    timeoutMs,
    redact: createRedactor(endpoint.secrets),
  });
}

/** Returns the client of an endpoint: one for the warm-up and the timed requests of a cell, whatever their deadlines. */
function clientFor(
  { endpoint, timeoutMs: requestMs, connectTimeoutMs: timeoutMs = requestMs }:
    LoadPlan,
): HttpClient {
  const name = JSON.stringify([endpoint, timeoutMs]);
  const known = clients.get(name);
  if (known !== undefined) return known;
  const client = createEndpointClient(endpoint, { timeoutMs });
  clients.set(name, client);
  return client;
}
