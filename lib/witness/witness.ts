/**
 * Watches a server through its log: what a window of time shows, and whether the log would have shown more.
 *
 * Lines have whole seconds, come when a batch is done, and are dated by a clock that need not be ours. So nothing is told
 * by their times: what is in the log when a window opens lies before it, and what comes until it closes lies in it. A window
 * is covered only if the log shows the requests that were answered in it.
 *
 * @module
 */
import type { LogEvent } from "./patterns.ts";
import { LogReader } from "./reader.ts";

/** A log that grows. */
export interface LogSource extends Disposable {
  /** Returns what was appended since the last call; never rejects. */
  readonly read: () => Promise<LogPiece>;
}

/** What was appended to a log. */
export interface LogPiece {
  readonly text: string;
  /** Why something may be missing before it, in words; null where nothing is. */
  readonly gap: string | null;
}

/** What was sent in a window. */
export interface WindowUse {
  /** Score requests that were sent, warm-up, failures and probes included. */
  readonly sent: number;
  /** Those of them that were answered with 200. */
  readonly answered: number;
  /** When the last of them was sent, on the clock of the witness; null where that is not known. */
  readonly lastSentMs: number | null;
}

/** Prefill batches of a window. */
export interface BatchFigures {
  readonly batches: number;
  /** Those of them of whose tokens the prefix cache held at least half. */
  readonly cachedBatches: number;
  readonly newTokens: number;
  /** Tokens that the prefix cache held. */
  readonly cachedTokens: number;
  /** The most requests that waited. */
  readonly mostQueued: number;
}

/** What a window showed. */
export interface WindowFindings {
  /** Compiles that the log tells of. */
  readonly compiles: number;
  /** How long they took in seconds; null where the log does not tell. */
  readonly seconds: number | null;
  /** When each line of a compile was read, on the clock of the witness; the first thousand. */
  readonly compileTimesMs: readonly number[];
  /** The batches; null where the log shows none, or not all. */
  readonly batches: BatchFigures | null;
  /** Why more may have happened than the log shows, in words; null where it covers the window. */
  readonly gap: string | null;
  /** Whether what it shows is of this server: a log of another one proves and disproves nothing. */
  readonly isOurs: boolean;
}

/** A stretch of time; close it before the next is opened. */
export interface LogWindow {
  readonly compiles: () => Promise<number>;
  /** Ends it; waits a little for lines that are late. */
  readonly close: (use: WindowUse) => Promise<WindowFindings>;
}

/** What a witness needs. */
export interface WitnessWorld {
  /** A clock in milliseconds: that of the samples. */
  readonly now: () => number;
  readonly sleep: (durationMs: number) => Promise<void>;
}

/** How long late lines are waited for, in milliseconds. */
const GRACE_MS = 1_000;

/** How often it is looked for them. */
const LOOK_INTERVAL_MS = 20;

/** More times of compiles are not kept. */
const KEPT_TIMES = 1_000;

/** What was counted since the log was opened. */
interface Counts {
  readonly compiles: Map<string, number>;
  seconds: number | null;
  answers: number;
  batches: number;
  cachedBatches: number;
  newTokens: number;
  cachedTokens: number;
}

/** Watches one server through its log. */
export class Witness implements Disposable {
  readonly #source: LogSource;
  readonly #world: WitnessWorld;
  readonly #reader = new LogReader();
  readonly #counts: Counts = {
    ...{ compiles: new Map(), seconds: null, answers: 0 },
    ...{ batches: 0, cachedBatches: 0, newTokens: 0, cachedTokens: 0 },
  };
  readonly #facts = new Map<string, string>();
  #gap: string | null = null;
  #compileTimesMs: number[] = [];
  #mostQueued = 0;
  #lastLineMs = -Infinity;
  /** Whether all lines of the requests so far have come. */
  #isQuiet = true;
  /** Whether the log ever showed a request of ours; one that does not is not waited for. */
  #hasShown = true;
  #speaks = false;
  #showsRequests = false;
  /** Whether a compile was asked for to see whether it speaks; false again where something of it is missing. */
  wasAsked = false;
  #isOurs: boolean;
  #reading: Promise<void> = Promise.resolve();

  /**
   * Starts to watch a log from where it is.
   *
   * @param isOurs Whether the log is known to be that of the server, as that of a launched one is; else it has to show it.
   */
  constructor(source: LogSource, world: WitnessWorld, isOurs: boolean) {
    this.#source = source;
    this.#world = world;
    this.#isOurs = isOurs;
  }

  /** What the server says of itself: `server_args`, values in force and versions, by name. */
  get facts(): ReadonlyMap<string, string> {
    return this.#facts;
  }

  /**
   * Whether a compile of our own requests was seen in the log, and nothing of it is missing since: only then does its
   * silence say that nothing was compiled.
   */
  get speaks(): boolean {
    return this.#speaks;
  }

  /** Notes that requests were sent outside of a window: their lines are waited for before the next one is opened. */
  disturb(): void {
    this.#isQuiet = false;
  }

  /** Whether the log is known to be that of the server. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Whether the log showed the requests of the last window, so that more can be asked of it. */
  get showsRequests(): boolean {
    return this.#showsRequests;
  }

  /** Takes the log for that of the server. */
  identify(): void {
    this.#isOurs = true;
  }

  /** Takes what a log says of the server from text that was written before the watch began. */
  recall(text: string): void {
    for (const { event } of new LogReader().feed(`${text}\n`)) {
      if (event.kind === "fact") this.#facts.set(event.name, event.value);
    }
  }

  /** Reads what is there. */
  look(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  /** Opens a window; no request of ours may be in flight. */
  async open(): Promise<LogWindow> {
    await this.look();
    if (!this.#isQuiet) await this.#untilQuiet();
    this.#gap = null;
    this.#compileTimesMs = [];
    this.#mostQueued = 0;
    this.#lastLineMs = -Infinity;
    const before = copyOf(this.#counts);
    return {
      compiles: async () => {
        await this.look();
        return compilesOf(differenceOf(before, this.#counts));
      },
      close: (use) => this.#close(before, use),
    };
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }

  async #close(before: Counts, use: WindowUse): Promise<WindowFindings> {
    await this.look();
    const limitMs = this.#world.now() + (this.#hasShown ? GRACE_MS : 0);
    while (
      !this.#isCovered(before, use) && this.#gap === null &&
      this.#world.now() < limitMs
    ) {
      await this.#world.sleep(LOOK_INTERVAL_MS);
      await this.look();
    }
    const found = differenceOf(before, this.#counts);
    const isCovered = this.#isCovered(before, use);
    this.#isQuiet = isCovered;
    this.#showsRequests = isCovered;
    this.#hasShown = found.answers + found.batches > 0;
    const foreign = found.answers > use.sent
      ? `it shows ${found.answers} score requests where ${use.sent} were sent: others use this server, or it is the log of another`
      : null;
    // No other log shows exactly the requests that were sent here.
    if (isCovered && found.answers === use.sent) this.#isOurs = true;
    const isOurs = this.#isOurs && foreign === null;
    const gap = this.#gap ?? foreign ??
      (isCovered ? null : describeLack(found, use)) ??
      (isOurs
        ? null
        : "it cannot be told whether it is the log of this server, since it shows no single requests");
    const compiles = compilesOf(found);
    if (this.#gap !== null) this.#speaks = false;
    else if (gap === null && compiles > 0) this.#speaks = true;
    return {
      compiles,
      seconds: found.seconds,
      compileTimesMs: this.#compileTimesMs,
      batches: gap === null && found.batches > 0
        ? { ...found, mostQueued: this.#mostQueued }
        : null,
      gap,
      isOurs,
    };
  }

  /** Whether the log shows the requests that were answered, or was written to after the last of them was sent. */
  #isCovered(
    before: Counts,
    { answered, lastSentMs }: WindowUse,
  ): boolean {
    const { answers, batches } = differenceOf(before, this.#counts);
    if (answered === 0 || answers >= answered) return answered > 0;
    // Without lines of single requests, batches may hold several of them.
    return answers === 0 && (batches >= answered ||
      (batches > 0 && lastSentMs !== null && this.#lastLineMs >= lastSentMs));
  }

  /** Waits until no more lines come, since nothing is in flight. */
  async #untilQuiet(): Promise<void> {
    const limitMs = this.#world.now() + GRACE_MS;
    let seen = -1;
    while (this.#world.now() < limitMs) {
      const { answers, batches } = this.#counts;
      if (answers + batches === seen) break;
      seen = answers + batches;
      await this.#world.sleep(10 * LOOK_INTERVAL_MS);
      await this.look();
    }
    this.#isQuiet = true;
  }

  async #read(): Promise<void> {
    const { text, gap } = await this.#source.read();
    if (gap !== null) {
      this.#reader.restart();
      this.#gap ??= gap;
      this.#speaks = false;
      this.wasAsked = false;
    }
    if (text === "") return;
    const nowMs = this.#world.now();
    for (const { event } of this.#reader.feed(text)) this.#count(event, nowMs);
  }

  #count(event: LogEvent, nowMs: number): void {
    const counts = this.#counts;
    switch (event.kind) {
      case "compile": {
        const known = counts.compiles.get(event.source) ?? 0;
        counts.compiles.set(event.source, known + event.count);
        if (event.seconds !== null) {
          counts.seconds = (counts.seconds ?? 0) + event.seconds;
        }
        if (this.#compileTimesMs.length < KEPT_TIMES) {
          this.#compileTimesMs.push(nowMs);
        }
        return;
      }
      case "answer":
        counts.answers++;
        this.#lastLineMs = nowMs;
        return;
      case "batch": {
        const { newTokens, cachedTokens, queued } = event;
        counts.batches++;
        if (cachedTokens >= newTokens) counts.cachedBatches++;
        counts.newTokens += newTokens;
        counts.cachedTokens += cachedTokens;
        this.#mostQueued = Math.max(this.#mostQueued, queued);
        this.#lastLineMs = nowMs;
        return;
      }
      case "fact":
        this.#facts.set(event.name, event.value);
    }
  }
}

/** Several kinds of lines may tell of one compile: the kind that tells of the most counts. */
function compilesOf({ compiles }: Counts): number {
  return Math.max(0, ...compiles.values());
}

function copyOf(counts: Counts): Counts {
  return { ...counts, compiles: new Map(counts.compiles) };
}

function differenceOf(before: Counts, now: Counts): Counts {
  return {
    compiles: new Map(
      [...now.compiles].map(([source, count]) => [
        source,
        count - (before.compiles.get(source) ?? 0),
      ]),
    ),
    seconds: now.seconds === before.seconds
      ? null
      : (now.seconds ?? 0) - (before.seconds ?? 0),
    answers: now.answers - before.answers,
    batches: now.batches - before.batches,
    cachedBatches: now.cachedBatches - before.cachedBatches,
    newTokens: now.newTokens - before.newTokens,
    cachedTokens: now.cachedTokens - before.cachedTokens,
  };
}

function describeLack(
  { answers, batches }: Counts,
  { answered }: WindowUse,
): string {
  if (answered === 0) return "nothing was answered that it could show";
  return answers + batches === 0
    ? `it was silent while ${answered} requests were answered`
    : `it shows ${
      answers > 0 ? answers : `${batches} batches`
    } of ${answered} requests that were answered`;
}
