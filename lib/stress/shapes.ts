/**
 * The shapes of the requests that a scenario sends.
 *
 * @module
 */
import type { KnownWorkload } from "../load/known_load.ts";
import { type DataRecord, fillItems, TEXT_DATA } from "../score/data.ts";
import {
  defaultLabelTokenIds,
  type OwnRequest,
  type TokenLengths,
} from "../score/workload.ts";

/** Every scenario, in the order in which they run; the first three are the specification's. */
export const SCENARIOS = [
  "large-batch",
  "concurrent",
  "sustained",
  "mixed",
  "ramp",
  "poison",
  "recovery",
] as const;

/** The name of one scenario. */
export type Scenario = typeof SCENARIOS[number];

/** What decides the shapes of requests, as it is stored. */
export interface ShapeOptions {
  /**
   * Items of a request: large-batch sends each, the others the first. Null for each scenario's own, and for those of
   * each request of a file.
   */
  readonly batchSizes: readonly number[] | null;
  /** Label ids of a request, or null for each scenario's own number. */
  readonly numLabels: number | null;
  /** The label ids that were given, or null for small ids. */
  readonly labelTokenIds: readonly number[] | null;
  readonly applySoftmax: boolean;
  /** What is sent; several are sent side by side. */
  readonly data: readonly DataRecord[];
  readonly seed: string;
}

/** Payloads of one shape, before their references are known. */
export type Shape = Omit<KnownWorkload, "references">;

/** The requests of files by their short names: as many as a load scores alone before it. */
export type OwnRequests = ReadonlyMap<string, readonly OwnRequest[]>;

/** Without files. */
export const NO_REQUESTS: OwnRequests = new Map();

/** What a scenario sends where the options name nothing else. */
export interface ShapeValues {
  readonly scenario: Scenario;
  readonly batchSize: number;
  readonly numLabels: number;
  readonly payloads: number;
  /** Lengths in tokens, or null for text. */
  readonly tokens?: TokenLengths | null;
  /** How often it is sent in relation to the others. @default {1} */
  readonly weight?: number;
}

/**
 * Returns the shapes of a scenario: one for what is made, and one for each number of items of a file, since answers of
 * one shape have one form.
 */
export function shapesOf(
  options: ShapeOptions,
  model: string,
  values: ShapeValues,
  own: OwnRequests = NO_REQUESTS,
): Shape[] {
  const { data } = options;
  return data.flatMap((record) => {
    const requests = own.get(record.name);
    const share = {
      ...values,
      payloads: Math.ceil(values.payloads / data.length),
    };
    return requests === undefined
      ? [madeShape(options, model, share, record)]
      : fileShapes(options, model, share, requests);
  });
}

function madeShape(
  options: ShapeOptions,
  model: string,
  values: ShapeValues,
  record: DataRecord,
): Shape {
  const { scenario, numLabels, payloads, weight = 1 } = values;
  const isDefault = record.name === TEXT_DATA && options.data.length === 1;
  return {
    spec: {
      batchSize: values.batchSize,
      labelTokenIds: labelsOf(options, numLabels),
      model,
      applySoftmax: options.applySoftmax,
      prefixCache: "cold",
      seed: `${options.seed}/${scenario}`,
      tokens: isDefault ? values.tokens ?? null : record.tokens,
    },
    payloads,
    weight,
  };
}

function fileShapes(
  options: ShapeOptions,
  model: string,
  values: ShapeValues,
  requests: readonly OwnRequest[],
): Shape[] {
  const { scenario, numLabels, weight = 1 } = values;
  const count = Math.min(values.payloads, requests.length);
  const sent = options.batchSizes === null
    ? requests.slice(0, count)
    : fillItems(requests, count, values.batchSize);
  const bySize = Map.groupBy(sent, ({ items }) => items.length);
  return [...bySize].map(([batchSize, group]) => ({
    spec: {
      batchSize,
      labelTokenIds: group[0]?.labelTokenIds ?? labelsOf(options, numLabels),
      model,
      applySoftmax: options.applySoftmax,
      prefixCache: "cold",
      seed: `${options.seed}/${scenario}`,
      tokens: null,
      requests: group,
    },
    payloads: group.length,
    weight: weight * group.length / sent.length,
  }));
}

function labelsOf(
  { labelTokenIds, numLabels }: ShapeOptions,
  ownCount: number,
): readonly number[] {
  const count = numLabels ?? ownCount;
  return labelTokenIds?.slice(0, numLabels ?? labelTokenIds.length) ??
    defaultLabelTokenIds(count);
}
