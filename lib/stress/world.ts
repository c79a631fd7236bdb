/**
 * What a stress run needs from the world.
 *
 * @module
 */
import type { HttpExchange } from "../http/client.ts";
import type {
  Endpoint,
  LoadGenerator,
  LoadProgress,
} from "../load/generator.ts";
import type { Target } from "../server/open.ts";
import type { Ruler } from "../load/ruler.ts";
import type { Samples } from "../load/samples.ts";
import type { ServerSeries } from "./health.ts";
import type { LoadStep } from "./scenarios.ts";
import type { Team } from "./team.ts";

/** Sends single requests to a server, one after another. */
export interface Prober {
  /** Sends one; never rejects. */
  readonly send: (request: {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly body: Uint8Array | null;
    readonly timeoutMs: number;
  }) => Promise<HttpExchange>;
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
  readonly load: LoadGenerator;
  /** Starts what sends the probes that go along with a load. */
  readonly startProbes: () => LoadGenerator;
  readonly connect: (endpoint: Endpoint) => Prober;
  /** Watches a server during a load of a length. */
  readonly watch: (target: Target, durationMs: number) => ServerWatch;
  /** Measures what the client adds to a load and can do; null when it cannot. */
  readonly calibrate: Ruler["measure"];
  /** Waits, or returns at once when the signal fires. */
  readonly sleep: (durationMs: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
  readonly onProgress: (step: LoadStep, progress: LoadProgress | null) => void;
  /** Ends the run; what was measured is kept. */
  readonly signal: AbortSignal;
  /** The others, where several hosts share the loads. */
  readonly team?: Team;
}

/** How a load is sent. */
export interface SendLoadOptions {
  /** Who sends it; the main generator by default. */
  readonly generator?: LoadGenerator;
  /** When it starts on the clock of the world; at once without it. */
  readonly startMs?: number;
  /** Ends it, in place of the run's own signal. */
  readonly signal?: AbortSignal;
  /** The deadline of its requests in milliseconds, in place of the run's own. */
  readonly timeoutMs?: number;
}

/** A load that was sent. */
export interface SentLoad {
  readonly samples: Samples;
  /** Whether it was ended early, since every request failed. */
  readonly gaveUp: boolean;
}
