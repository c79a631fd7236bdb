/**
 * The scenario poison: bad requests that a server must refuse, with right scores in between.
 *
 * @module
 */
import { firstLine } from "../wrap.ts";
import type { HttpExchange } from "../http/client.ts";
import { knownBody, type KnownLoadJudge } from "../load/known_load.ts";
import type { Deviation } from "../score/truth.ts";
import type { Outcome } from "../outcome.ts";
import type { FailureCount } from "../record/run.ts";
import { scoreRequest } from "../score/workload.ts";
import type { StressContext } from "./context.ts";
import type { Prober } from "./world.ts";
import { combine, judgeLoad } from "./judge.ts";
import {
  type Poison,
  type PoisonedServer,
  poisonRequests,
} from "./poison_requests.ts";
import type { Finding, PoisonRecord, StressResult } from "./record.ts";
import type { ShapeReferences } from "./references.ts";
import { closedLoop, type LoadStep, scenarioShapes } from "./scenarios.ts";

/** Sends each bad request, and a good one after it whose scores must be right. */
export async function runPoison(context: StressContext): Promise<StressResult> {
  const { options, model, world } = context;
  const [shape] = scenarioShapes("poison", options, model, context.own);
  if (shape === undefined) throw new RangeError("Cannot run poison: no shape");
  const step: LoadStep = {
    scenario: "poison",
    configuration: options.allowLethal ? "with lethal requests" : "",
    shapes: [shape],
    loop: closedLoop(1, 0),
    judgesHealth: false,
  };
  const startMs = world.now();
  world.onProgress(step, null);
  const references = await context.reference([shape]);
  const base = judgeLoad({
    ...{ step, references, samples: null, server: null, death: null },
    ...{ startMs: 0, durationMs: 0 },
    tolerance: context.tolerance,
    isInterrupted: context.isInterrupted,
  });
  const [reference] = references;
  if (reference === undefined || reference.workload === null) return base;
  const poisoner = new Poisoner(context, reference);
  const { requests: _, ...made } = shape.spec;
  const good = scoreRequest({ ...made, tokens: null }, 0);
  const poisons = poisonRequests(good, describeServer(context))
    .filter(({ isLethal }) => !isLethal || options.allowLethal);
  const named = { ...step, configuration: `${poisons.length} bad requests` };
  for (const [done, poison] of poisons.entries()) {
    if (context.isInterrupted || poisoner.isOver) break;
    world.onProgress(named, {
      planned: poisons.length,
      done,
      failed: poisoner.failures.length,
      pulses: [],
    });
    await poisoner.send(poison);
  }
  poisoner.close();
  const { records, findings, good: goodRequests, failures } = poisoner;
  return {
    ...combine(base, [base, {
      plannedRequests: 2 * poisons.length,
      goodRequests,
      failedRequests: failures.length,
      findings,
      failures,
      errors: failures.map(({ outcome, example }) => `${outcome}: ${example}`),
      truth: { underLoad: poisoner.deviation },
    }], context.isInterrupted),
    configuration: named.configuration,
    startMs: startMs - context.startMs,
    durationMs: world.now() - startMs,
    part: { scenario: "poison", requests: records },
  };
}

/** What the server's own information says of the requests that are safe to send. */
function describeServer({ target }: StressContext): PoisonedServer {
  const info = target.server.info;
  const most = info?.["max_req_input_len"];
  return {
    maxInputTokens: typeof most === "number" && !info?.["allow_auto_truncate"]
      ? most
      : null,
    checksLabels: info !== null && info["skip_tokenizer_init"] !== true,
  };
}

class Poisoner {
  readonly records: PoisonRecord[] = [];
  readonly findings: Finding[] = [];
  /** One of each request that failed, good ones among them. */
  readonly failures: FailureCount[] = [];
  /** Requests that were answered as they should. */
  good = 0;
  /** Whether the server is gone. */
  isOver = false;
  readonly #context: StressContext;
  readonly #judge: KnownLoadJudge;
  readonly #spec;
  readonly #payloads: number;
  #prober: Prober;
  #sent = 0;

  constructor(context: StressContext, { workload }: ShapeReferences) {
    if (workload === null) throw new RangeError("Cannot go on: no references");
    this.#context = context;
    this.#spec = workload.spec;
    this.#payloads = workload.payloads;
    this.#prober = context.connect();
    this.#judge = context.judgeOf([workload]);
  }

  /** The worst deviation of the good requests in between; null before the first. */
  get deviation(): Deviation | null {
    return this.#sent === 0 ? null : this.#judge.deviation;
  }

  close(): void {
    this.#prober.close();
  }

  async send(poison: Poison): Promise<void> {
    const { name, isLethal, method, path, body } = poison;
    const context = this.#context;
    const exchange = await context.ask(this.#prober, {
      method,
      path,
      body: body === null ? null : new TextEncoder().encode(body),
    });
    if (context.isInterrupted) return;
    const death = exchange.kind === "failure"
      ? await context.deathAfter([exchange])
      : null;
    const own = poisonFault(exchange);
    const after = own === null ? await this.#faultAfter() : null;
    if (context.isInterrupted) return;
    this.good += own !== null ? 0 : after !== null ? 1 : 2;
    const fault = death ?? own?.text ?? after?.text ?? null;
    const outcome = own?.outcome ?? after?.outcome;
    // What the server wrote before it died stands in the record, once.
    const text = `${name}: ${firstLine(fault ?? "")}`;
    if (fault !== null && outcome !== undefined) {
      this.failures.push({ outcome, count: 1, example: text });
    }
    this.records.push({
      name,
      isLethal,
      status: exchange.kind === "answer" ? exchange.status : null,
      fault: fault ?? "",
    });
    if (fault === null) return;
    this.findings.push({
      kind: death !== null
        ? "server died"
        : exchange.kind === "answer" && exchange.status < 400
        ? "poison accepted"
        : "failed requests",
      text,
    });
    if (death !== null) await this.#startAgain();
  }

  /** Only after a lethal request that was allowed: another death ends the scenario. */
  async #startAgain(): Promise<void> {
    if (!this.#context.options.allowLethal) {
      this.isOver = true;
      return;
    }
    this.#prober.close();
    await this.#context.reopen();
    this.#prober = this.#context.connect();
  }

  /** Sends a good request; returns what is wrong with its answer, or null. */
  async #faultAfter(): Promise<Fault | null> {
    const index = this.#sent++;
    const exchange = await this.#context.score(
      this.#prober,
      knownBody(this.#spec, index % this.#payloads),
    );
    const { outcome, message } = this.#judge.judge(exchange, index);
    return outcome === "ok" ? null : {
      outcome,
      text: `a good request right after it failed: ${outcome}: ${message}`,
    };
  }
}

/** What was wrong with one answer. */
interface Fault {
  readonly outcome: Outcome;
  readonly text: string;
}

function poisonFault(exchange: HttpExchange): Fault | null {
  if (exchange.kind === "failure") {
    const { outcome, message } = exchange;
    return { outcome, text: `no error answer: ${outcome}: ${message}` };
  }
  return exchange.status >= 400 ? null : {
    outcome: "http-status",
    text: `it was answered with status ${exchange.status}, not with an error`,
  };
}
