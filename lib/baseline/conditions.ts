/**
 * The conditions of a run: what must be alike for two runs to be compared, and where they differ.
 *
 * @module
 */
import * as v from "valibot";
import type { CellKey, Run, RunOptions, ServerRecord } from "../record/run.ts";
import {
  compareServerArgs,
  type ServerArgs,
  serverArgsOf,
} from "./server_args.ts";
import { dataOfTokens, parseData } from "../record/run_file.ts";
import { parseShape } from "../record/shape.ts";
import { type DataRecord, describeData } from "../score/data.ts";
import { defaultLabelTokenIds } from "../score/workload.ts";

/** What can keep two runs from being compared; each can be let through by its name. */
export const MISMATCH_NAMES = [
  "hardware",
  "model",
  "dtype",
  "prefix-cache",
  "workload",
  "target",
  "server-args",
] as const;

/** One of {@linkcode MISMATCH_NAMES}. */
export type MismatchName = typeof MISMATCH_NAMES[number];

/** A difference that keeps two runs from being compared. */
export interface Mismatch {
  readonly name: MismatchName;
  readonly baseline: string;
  readonly result: string;
}

/** The conditions of a run; null where they are not known. */
export interface Conditions {
  readonly hardware: string | null;
  /** Devices that a model is spread over. */
  readonly tpSize: number | null;
  /** Whether a server answered or the simulated engine; a launched server and one at a URL are alike. */
  readonly target: "server" | "simulated engine" | null;
  readonly prefixCache: string | null;
  readonly applySoftmax: boolean | null;
  /** What was sent, in words, by its short name. */
  readonly data: Readonly<Record<string, string>> | null;
  readonly labelTokenIds: Readonly<Record<string, readonly number[]>> | null;
  /** The launch arguments of the servers that change what is measured. */
  readonly serverArgs: ServerArgs | null;
  readonly serverVersion: string | null;
  /** The versions of what they run on, as `jax`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The conditions of a run of which nothing but the numbers is known. */
export const UNKNOWN_CONDITIONS: Conditions = {
  hardware: null,
  tpSize: null,
  target: null,
  prefixCache: null,
  applySoftmax: null,
  data: null,
  labelTokenIds: null,
  serverArgs: null,
  serverVersion: null,
  versions: {},
};

/** What a metadata file tells. */
export interface StoredMetadata {
  readonly timestamp: string;
  readonly configurations: number;
  /** Whether the file describes several runs. */
  readonly isHistory: boolean;
  readonly conditions: Conditions;
}

/** Longer text is cut where it is shown: a file may hold thousands of label ids. */
const MAX_SHOWN = 200;

const text = v.string();

/** The specification's fields, and those of this tool where they are there. */
const metadataSchema = v.object({
  "timestamp": text,
  "profile": text,
  "hardware": text,
  "platform": text,
  "commit_hash": text,
  "model": text,
  "dtype": text,
  "tp_size": v.nullable(v.number()),
  "total_configurations": v.number(),
  "total_runtime_seconds": v.number(),
  "target": v.optional(text),
  "prefix_cache": v.optional(text),
  "apply_softmax": v.optional(v.boolean()),
  "tokens": v.optional(v.unknown()),
  "data": v.optional(v.unknown()),
  "label_token_ids": v.optional(v.record(text, v.array(v.number()))),
  "servers": v.optional(v.array(v.object({
    version: v.nullable(text),
    model: v.exactOptional(text),
    dtype: v.exactOptional(text),
    info: v.exactOptional(v.nullable(v.record(text, v.unknown()))),
    inForce: v.exactOptional(v.record(text, text)),
    versions: v.exactOptional(v.record(text, text)),
  }))),
  "runs": v.optional(v.array(v.unknown())),
});

/**
 * Reads the metadata of a result file: the specification's eleven fields, and further ones.
 *
 * @throws {SyntaxError} If it is not JSON or lacks a field; the message names it.
 */
export function parseMetadata(json: string): StoredMetadata {
  const fields = parseShape(
    json,
    (value) => v.parse(metadataSchema, value, { abortEarly: true }),
    "metadata were",
  );
  return {
    timestamp: fields.timestamp,
    configurations: fields["total_configurations"],
    isHistory: fields.runs !== undefined,
    conditions: {
      hardware: knownText(fields.hardware),
      tpSize: fields["tp_size"],
      target: targetOf(fields.target),
      prefixCache: fields["prefix_cache"] ?? null,
      applySoftmax: fields["apply_softmax"] ?? null,
      data: wordsOf(
        parseData(fields.data) ??
          (fields.tokens === undefined ? null : dataOfTokens(fields.tokens)),
      ),
      labelTokenIds: fields["label_token_ids"] ?? null,
      ...serverConditions(fields.servers ?? []),
    },
  };
}

/** Returns the conditions of a run record. */
export function conditionsOf({ metadata, options, cells }: Run): Conditions {
  return {
    hardware: knownText(metadata.hardware),
    tpSize: metadata["tp_size"],
    target: targetOfModels(cells.map(({ key }) => key)) ??
      targetOf(options.target),
    prefixCache: options.prefixCache,
    applySoftmax: options.applySoftmax,
    data: wordsOf(options.data),
    labelTokenIds: metadata["label_token_ids"],
    ...serverConditions(metadata.servers),
  };
}

/** Returns what is known of a run before it starts; a URL may turn out to be the simulated engine. */
export function plannedConditions(options: RunOptions): Conditions {
  const { numLabels, labelTokenIds } = options;
  return {
    ...UNKNOWN_CONDITIONS,
    target: options.target === "url" ? null : targetOf(options.target),
    prefixCache: options.prefixCache,
    applySoftmax: options.applySoftmax,
    data: wordsOf(options.data),
    labelTokenIds: Object.fromEntries(
      numLabels.map((count) => [
        count,
        labelTokenIds?.slice(0, count) ?? defaultLabelTokenIds(count),
      ]),
    ),
  };
}

/** Tells the simulated engine from the names of the models, before each of which it puts its own; null for others. */
export function targetOfModels(
  keys: readonly Pick<CellKey, "model">[],
): "simulated engine" | null {
  return keys.some(({ model }) => model.startsWith("simulated/"))
    ? "simulated engine"
    : null;
}

/** Lists where two runs differ so that they must not be compared; what either does not tell is no difference. */
export function findMismatches(
  baseline: Conditions,
  result: Conditions,
): Mismatch[] {
  const pairs: [MismatchName, (from: Conditions) => string | null][] = [
    ["hardware", ({ hardware }) => hardware],
    ["hardware", ({ tpSize }) => tpSize === null ? null : `tp_size ${tpSize}`],
    ["target", ({ target }) => target],
    ["prefix-cache", ({ prefixCache }) => prefixCache],
    ["workload", ({ applySoftmax }) => describeSoftmax(applySoftmax)],
  ];
  for (const count of labelCounts(baseline, result)) {
    pairs.push([
      "workload",
      ({ labelTokenIds }) =>
        `label ids ${labelTokenIds?.[count]?.join(",") ?? "unknown"}`,
    ]);
  }
  const ofData = dataDifferences(baseline.data, result.data).map((
    [was, is],
  ): Mismatch => ({ name: "workload", baseline: cut(was), result: cut(is) }));
  const { differing } = compareServerArgs(
    baseline.serverArgs,
    result.serverArgs,
  );
  const ofArgs: Mismatch[] = differing === null ? [] : [{
    name: "server-args",
    baseline: cut(differing[0]),
    result: cut(differing[1]),
  }];
  const ofOthers = pairs.flatMap(([name, value]) => {
    const [was, is] = [value(baseline), value(result)];
    return was === null || is === null || was === is
      ? []
      : [{ name, baseline: cut(was), result: cut(is) }];
  });
  return [...ofData, ...ofOthers, ...ofArgs];
}

/** What went under one name and is not the same, and what is gone while there is something new in its place. */
function dataDifferences(
  baseline: Conditions["data"],
  result: Conditions["data"],
): [was: string, is: string][] {
  if (baseline === null || result === null) return [];
  const other = (from: object, than: object) =>
    Object.entries(from).filter(([name]) => !Object.hasOwn(than, name))
      .map(([, words]) => words).join(", ");
  const [gone, fresh] = [other(baseline, result), other(result, baseline)];
  return [
    ...Object.entries(baseline).flatMap(([name, was]): [string, string][] => {
      const is = result[name];
      return is === undefined || is === was ? [] : [[was, is]];
    }),
    ...(gone === "" || fresh === "" ? [] : [[gone, fresh] as [string, string]]),
  ];
}

/** Lists, by their names for `--allow-mismatch`, the conditions that one of two runs does not tell. */
export function findUnknown(a: Conditions, b: Conditions): MismatchName[] {
  const fields: Readonly<Partial<Record<MismatchName, (keyof Conditions)[]>>> =
    {
      "hardware": ["hardware"],
      "target": ["target"],
      "prefix-cache": ["prefixCache"],
      "workload": ["applySoftmax", "data", "labelTokenIds"],
    };
  return MISMATCH_NAMES.filter((name) =>
    fields[name]?.some((field) => a[field] === null || b[field] === null)
  );
}

/** The label counts of which both runs tell the ids. */
function labelCounts(a: Conditions, b: Conditions): string[] {
  return Object.keys(a.labelTokenIds ?? {}).filter((count) =>
    Object.hasOwn(b.labelTokenIds ?? {}, count)
  );
}

function cut(shown: string): string {
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}...` : shown;
}

/** Returns a text, or null where it says that nothing is known. */
export function knownText(name: string): string | null {
  return name === "unknown" || name === "" ? null : name;
}

function targetOf(kind: string | undefined): Conditions["target"] {
  if (kind === undefined) return null;
  return kind === "simulated" ? "simulated engine" : "server";
}

function describeSoftmax(isApplied: boolean | null): string | null {
  if (isApplied === null) return null;
  return isApplied ? "softmax" : "no softmax";
}

function wordsOf(data: readonly DataRecord[] | null): Conditions["data"] {
  return data === null
    ? null
    : Object.fromEntries(data.map((one) => [one.name, describeData(one)]));
}

/** What the servers of a run tell of themselves. */
export function serverConditions(
  servers: readonly (
    & Pick<ServerRecord, "version">
    & Partial<ServerRecord>
  )[],
): Pick<Conditions, "serverArgs" | "serverVersion" | "versions"> {
  return {
    serverArgs: serverArgsOf(servers),
    serverVersion: describeVersions(servers),
    versions: Object.assign({}, ...servers.map(({ versions }) => versions)),
  };
}

function describeVersions(
  servers: readonly { readonly version: string | null }[],
): string | null {
  const versions = servers.flatMap(({ version }) => version ?? []);
  return versions.length === 0 ? null : [...new Set(versions)].join(", ");
}
