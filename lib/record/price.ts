/**
 * What scoring costs, where the user tells what the server does.
 *
 * @module
 */
import type { Run } from "./run.ts";

/** What is known of the price of a run. */
export interface Price {
  /** US dollars an hour of the whole server. */
  readonly usdPerHour: number;
  /** Chips that the model is spread over (`tp_size`); null where the server does not tell. */
  readonly chips: number | null;
}

/** Returns the price of a run; null where the user did not tell it. */
export function priceOf(
  { options, metadata }: Pick<Run, "options" | "metadata">,
): Price | null {
  const { pricePerHour } = options;
  return pricePerHour === null
    ? null
    : { usdPerHour: pricePerHour, chips: metadata["tp_size"] };
}

/** Returns US dollars a million items. */
export function usdPerMillion(
  { usdPerHour }: Price,
  itemsPerSec: number,
): number {
  return usdPerHour / (3600 * itemsPerSec) * 1e6;
}
