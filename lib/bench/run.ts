/**
 * Runs a profile: opens each target, measures each cell, and keeps every cell as soon as it is done.
 *
 * @module
 */
import { MeasureError } from "../failure.ts";
import { UNKNOWN_CLIENT } from "../load/client_limit.ts";
import {
  checkAlike,
  checkResumed,
  isSameServer,
  keptCells,
} from "../record/resume.ts";
import {
  type Calibration,
  type CapacityRecord,
  type CellKey,
  type CellResult,
  goodLatenciesMs,
  type Run,
  type ServerRecord,
} from "../record/run.ts";
import { findTooLong } from "../server/longest.ts";
import type { Target, Wanted } from "../server/open.ts";
import { checkAlive } from "./alive.ts";
import { measureAbCell } from "./ab.ts";
import { measureCell } from "./cell.ts";
import { describePass, MAX_PASSES, planPass } from "./confirm.ts";
import { describeDrift, findDrift } from "./drift.ts";
import {
  batchesLeft,
  type BenchEnd,
  type BenchPlan,
  type BenchWorld,
  type CellName,
  describeLack,
  expectedCells,
  isLacking,
  labelOf,
} from "./plan.ts";
import { runsOfPass, searchShapes } from "./capacity.ts";
import { launchInTurn, type Targets, type What } from "./turns.ts";
import { recordRun } from "./record.ts";
import {
  cellLabelIds,
  type CellProgress,
  cellWorld,
  describeSent,
  ruledCell,
} from "./send.ts";
import {
  cellId,
  describeCell,
  plannedKeys,
  repeatId,
  withClients,
} from "../record/cells.ts";
import { type Doubt, type DoubtKind, withDoubt } from "../record/doubts.ts";

/** Runs a profile to its end, to the interrupt, or to the point where nothing more can be measured. */
export async function runBench(
  plan: BenchPlan,
  world: BenchWorld,
): Promise<BenchEnd> {
  const bench = new Bench(plan, world);
  let fatal: string | null = null;
  try {
    for (const wanted of plan.targets) {
      if (world.signal.aborted) break;
      await bench.measureTarget(wanted);
    }
  } catch (error) {
    if (!(error instanceof MeasureError)) throw error;
    if (!world.signal.aborted) fatal = error.message;
  }
  const run = bench.record();
  // Nothing measured must not replace what an earlier run left there.
  if (run.cells.length > 0) await world.save(run);
  return { run, fatal };
}

class Bench {
  readonly #plan: BenchPlan;
  readonly #world: BenchWorld;
  readonly #cells: CellResult[];
  readonly #reference: CellResult[];
  readonly #servers: ServerRecord[];
  readonly #doubts: Doubt[];
  readonly #startMs: number;
  readonly #calibrations: Calibration[];
  /** Decides the payloads. */
  readonly #seed: string;
  /** Payloads of each cell that were sent, so that a later pass sends new ones. */
  readonly #sent = new Map<string, number>();
  #number = 0;
  /** Cells that will have been measured, passes counted. */
  #total: number;
  #isCut = false;
  readonly #capacity: CapacityRecord[] = [];

  constructor(plan: BenchPlan, world: BenchWorld) {
    this.#plan = plan;
    this.#world = world;
    this.#startMs = world.now();
    this.#total = expectedCells(plan);
    const earlier = plan.resumed;
    const kept = keptCells(earlier);
    this.#reference = [...kept.reference];
    this.#cells = [...kept.cells];
    // A server may have the prompts of that cell in its cache: they must be new ones.
    this.#seed = earlier === null
      ? plan.options.seed
      : `${plan.options.seed}/${plan.timestamp}`;
    this.#servers = [...earlier?.metadata.servers ?? []];
    this.#doubts = [...earlier?.doubts ?? []];
    this.#calibrations = [...earlier?.calibration ?? []];
    world.listener.planned(batchesLeft(plan, this.#measured()), null);
  }

  /** Returns what the client adds to a cell; a server is idle meanwhile, and has been found to be there. */
  async #calibrate(key: CellKey): Promise<Calibration | null> {
    const { calibrate, listener, signal } = this.#world;
    if (signal.aborted) return null;
    const { options, files } = this.#plan;
    const found = await calibrate(
      await ruledCell({ key, options, files, seed: this.#seed }),
    );
    if (found === null) {
      if (!signal.aborted) this.#doubt("client", UNKNOWN_CLIENT);
    } else if (!this.#calibrations.includes(found)) {
      this.#calibrations.push(found);
      listener.calibrated(found);
    }
    return found;
  }

  /** Measures two servers of which only one can run at a time. */
  async #measureInTurn(wanted: Wanted): Promise<void> {
    const { options } = this.#plan;
    const kept = { a: [...this.#reference], b: [...this.#cells] };
    for await (
      const { target, side, repeat, isNew } of launchInTurn(this.#world, {
        ...{ options, wanted, kept },
      })
    ) {
      this.#note(target, wanted);
      // Where A and B are alike in name and version both are told, as their arguments may differ.
      const isTold = this.#servers.includes(target.server);
      if (isNew && !isTold) this.#servers.push(target.server);
      for (const key of plannedKeys(options, target.server)) {
        await this.#measureOnce({ target, compared: null, side }, key, repeat);
      }
      await this.#checkIdentity(target);
    }
  }

  async measureTarget(wanted: Wanted): Promise<void> {
    if (this.#plan.options.inTurn) return await this.#measureInTurn(wanted);
    await using target = await this.#world.openTarget(wanted);
    this.#note(target, wanted);
    const problem = this.#plan.findServerProblem(target.server);
    if (problem !== null) throw new MeasureError(problem);
    const { options, files } = this.#plan;
    const tooLong = findTooLong(options.data, files, target.server);
    if (tooLong !== null) throw new MeasureError(`Cannot send ${tooLong}`);
    await using compared = await this.#world.openCompared?.(wanted) ?? null;
    if (compared !== null) {
      this.#servers.push(compared.server);
      checkAlike(compared.server, target.server);
    }
    const keys = plannedKeys(options, target.server);
    if (options.slo !== null) {
      const measure = (key: CellKey, pass: number) =>
        this.#measurePass(target, key, pass);
      for await (const found of searchShapes(keys, options, measure)) {
        this.#capacity.push(found);
        await this.#world.save(this.record());
      }
      return await this.#checkIdentity(target);
    }
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      for (const key of keys) {
        await this.#measureOnce({ target, compared }, key, repeat);
      }
    }
    if (this.#plan.checksDrift) await this.#checkAgain(target, keys);
    await this.#checkIdentity(target);
  }

  /** Measures again what shows a drift, and what looks like a regression. */
  async #checkAgain(target: Target, keys: readonly CellKey[]): Promise<void> {
    await this.#checkDrift(target, keys);
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const slow = this.#plan.findSlowCells?.(this.record()) ?? [];
      const again = planPass(keys, slow);
      this.#announce(again, describePass(again, slow));
      for (const key of again) await this.#measureAgain(target, key);
    }
  }

  /** A server that was replaced during the run must not be measured under the name of the first. */
  async #checkIdentity(target: Target): Promise<void> {
    if (this.#world.signal.aborted) return;
    const { model, dtype } = target.server;
    const now = await target.identify();
    if (now.model === model && now.dtype === dtype) return;
    const reason =
      `the server was replaced during the run: it is ${now.model} (${now.dtype}) now`;
    this.#cells.forEach((cell) => {
      if (cell.key.model !== model || cell.key.dtype !== dtype) return;
      this.#invalidate(cell, reason);
    });
    throw new MeasureError(`Cannot trust what was measured: ${reason}`);
  }

  /** Measures a pass of a cell, or returns that of an earlier part of the run; null where the user ended it. */
  async #measurePass(
    target: Target,
    key: CellKey,
    pass: number,
  ): Promise<CellResult | null> {
    const passes = () =>
      this.#cells.filter((cell) => cellId(cell.key) === cellId(key));
    if (passes()[pass] === undefined && !this.#world.signal.aborted) {
      const label = `${labelOf(this.#plan, key, 0)}, pass ${pass + 1}`;
      this.#total = Math.max(this.#total, ++this.#number);
      const name = { label, number: this.#number, total: this.#total, key };
      await this.#measure({ target, compared: null }, { key, repeat: 0, name });
    }
    return this.#isCut ? null : passes()[pass] ?? null;
  }

  async #measureOnce(targets: Targets, key: CellKey, repeat: number) {
    if (this.#world.signal.aborted) return;
    const cells = targets.side === "a" ? this.#reference : this.#cells;
    const known = cells.find((cell) =>
      repeatId(cell) === repeatId({ key, repeat })
    );
    const name: CellName = {
      label: labelOf(this.#plan, key, repeat),
      number: ++this.#number,
      total: this.#total,
      key,
    };
    if (known !== undefined) return this.#world.listener.measured(name, known);
    await this.#measure(targets, { key, repeat, name });
  }

  /** Says which cells are measured again, and why. */
  #announce(keys: readonly CellKey[], why: string): void {
    if (keys.length === 0 || this.#world.signal.aborted) return;
    this.#total += keys.length;
    this.#world.listener.planned(keys.map(({ batchSize }) => batchSize), why);
  }

  /** Measures a cell of the last run once more; its samples count with the first ones. */
  async #measureAgain(target: Target, key: CellKey): Promise<void> {
    if (this.#world.signal.aborted) {
      this.#isCut = true;
      return;
    }
    const repeat = this.#plan.options.repeats - 1;
    const name = {
      label: `${labelOf(this.#plan, key, repeat)}, again`,
      number: ++this.#number,
      total: this.#total,
      key,
    };
    await this.#measure({ target, compared: null }, { key, repeat, name });
  }

  /** Measures the first and the last cell again: where they disagree, it was not the server alone that was measured. */
  async #checkDrift(target: Target, keys: readonly CellKey[]): Promise<void> {
    if (keys.length < 2) return;
    const ends = [keys[0], keys.at(-1)].filter((key) => key !== undefined);
    this.#announce(ends, "Measuring the first and the last cell again");
    for (const key of ends) await this.#measureAgain(target, key);
    const repeat = this.#plan.options.repeats - 1;
    for (const key of ends) {
      const passes = this.#cells.filter((cell) =>
        repeatId(cell) === repeatId({ key, repeat })
      );
      const [first = [], second = []] = passes.map(({ samples }) =>
        goodLatenciesMs(samples)
      );
      const drift = findDrift(first, second);
      if (drift === null) continue;
      const reason = describeDrift(drift);
      for (const cell of passes) this.#invalidate(cell, reason);
      this.#doubt(
        "changed",
        `The machine or the server drifted: ${describeCell(key)}, ${reason}`,
      );
    }
  }

  async #measure(targets: Targets, what: What): Promise<void> {
    const { target, compared, side = "b" } = targets;
    const { key, repeat, name } = what;
    const { options } = this.#plan;
    // Cells that differ by their clients alone would else send the same prompts.
    const id = cellId(withClients(key, 1));
    const offset = this.#sent.get(id) ?? 0;
    const plan = {
      key,
      repeat,
      labelTokenIds: cellLabelIds(key, options),
      sent: describeSent(key, options),
      numRuns: runsOfPass(key, options),
      warmupRuns: options.warmupRuns,
    };
    const progress: CellProgress = { requests: 0, p50Ms: null, name };
    const calibration = await this.#calibrate(key);
    const { load, signal, listener } = this.#world;
    const worldOf = (server: Target, suffix = "") => {
      const [{ files }, seed] = [this.#plan, `${this.#seed}${suffix}`];
      return cellWorld(
        { key, options, files, target: server, seed, load, signal },
        { offset, progress, calibration, listener, startMs: this.#startMs },
      );
    };
    const { a, b }: { readonly a?: CellResult; readonly b?: CellResult } =
      compared === null
        ? { [side]: await measureCell(plan, worldOf(target)) }
        // Other payloads: where A and B are one server, or share a cache, the second would else be answered from what
        // the first left there.
        : await measureAbCell(plan, {
          a: worldOf(compared, "/A"),
          b: worldOf(target),
        });
    if (a !== undefined) this.#reference.push(a);
    this.#sent.set(id, offset + progress.requests);
    if (b !== undefined) this.#cells.push(b);
    this.#isCut ||= this.#world.signal.aborted &&
      [a, b].some((cell) =>
        cell !== undefined &&
        cell.samples.outcome.length < cell.numRuns * (key.concurrency ?? 1)
      );
    await this.#world.save(this.record());
    const own = b ?? a;
    if (own === undefined) return;
    this.#world.listener.measured(name, own);
    if (this.#world.signal.aborted) return;
    await checkAlive(target, own);
    if (compared !== null && a !== undefined) await checkAlive(compared, a);
  }

  /** Keeps what the server says of itself, and says where it is not what was asked for. */
  #note(target: Target, wanted: Wanted): void {
    const { server, kind } = target;
    const earlier = this.#plan.resumed?.metadata.servers ?? [];
    checkResumed(earlier, this.#plan.options.target, server)
      .forEach((text) => this.#doubt("changed", text));
    if (!this.#servers.some((known) => isSameServer(known, server))) {
      this.#servers.push(server);
    }
    const lack = kind === "url" ? describeLack(server, wanted) : null;
    if (lack !== null) this.#doubt("server", lack);
  }

  #doubt(kind: DoubtKind, text: string): void {
    if (this.#doubts.some((known) => known.text === text)) return;
    this.#doubts.push({ kind, text });
    this.#world.listener.warning(text);
  }

  #invalidate(cell: CellResult, text: string): void {
    this.#cells[this.#cells.indexOf(cell)] = {
      ...cell,
      status: "INVALID",
      doubts: withDoubt({ kind: "invalid", text }, cell.doubts),
    };
  }

  /** The cells that were asked for: of two servers in turn those of both. */
  #measured(): CellResult[] {
    return this.#plan.options.inTurn
      ? [...this.#cells, ...this.#reference]
      : this.#cells;
  }

  record(): Run {
    const measured = new Set(this.#cells.map(repeatId)).size +
      new Set(
        this.#plan.options.inTurn ? this.#reference.map(repeatId) : [],
      ).size;
    return recordRun(this.#plan, {
      cells: this.#cells,
      reference: this.#reference,
      servers: this.#servers,
      calibration: this.#calibrations,
      doubts: this.#doubts,
      capacity: this.#capacity,
      elapsedMs: this.#world.now() - this.#startMs,
      isInterrupted: this.#isCut ||
        isLacking(this.#plan, measured, this.#capacity.length),
    });
  }
}
