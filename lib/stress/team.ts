/**
 * What a stress run needs of the others where several hosts share its loads.
 *
 * @module
 */
import type { EndedLoad } from "./judge.ts";
import type { ClientDoubt } from "../load/client_limit.ts";
import type { Share } from "../load/pacing.ts";
import type { ShapeReferences } from "./references.ts";
import type { LoadStep, Scenario, Shape } from "./scenarios.ts";

/** The scenarios that all shards run together; shard 0 runs the others alone. */
export const SHARED_SCENARIOS: readonly Scenario[] = [
  "concurrent",
  "sustained",
  "mixed",
  "ramp",
];

/** What one shard knows of a load when it has ended. */
export interface LoadPart
  extends
    Pick<LoadStep, "scenario" | "configuration">,
    Omit<EndedLoad, "step" | "tolerance" | "doubts" | "failedAt" | "gaps"> {
  readonly sent: string;
  /** The load itself, or the probes that go along with it. */
  readonly role: "load" | "probes";
  /** What the client of this shard gives reason for. */
  readonly doubts: readonly ClientDoubt[];
  /** Whether it was ended early, since every request failed. */
  readonly gaveUp: boolean;
}

/** The shards of one run, as one of them sees them. */
export interface Team {
  /** Which part of each load is this shard's. */
  readonly share: Share;
  /**
   * Returns the references of a shape, which shard 0 alone scores and tells the others.
   *
   * @throws {MeasureError} If they do not come.
   */
  readonly references: (
    shape: Shape,
    score: () => Promise<ShapeReferences>,
  ) => Promise<ShapeReferences>;
  /**
   * Waits until all shards are ready for a load.
   *
   * @returns When it starts for all, on the clock of the run in milliseconds.
   * @throws {MeasureError} If one of them does not come, or shard 0 ended the run.
   */
  readonly start: (load: string) => Promise<number>;
  /**
   * Says that this shard has sent its last load; shard 0 waits for the others, who may need what it has started.
   *
   * @throws {MeasureError} If one of them does not come.
   */
  readonly end: () => Promise<void>;
  /** Keeps what this shard saw of a load. */
  readonly keep: (part: LoadPart) => void;
}
