/**
 * What the flags of the benchmark mean together.
 *
 * @module
 */
import { type Profile, PROFILES } from "../bench/profiles.ts";
import type { FlagValues } from "../cli/command_spec.ts";
import { messageOf, UsageError } from "../failure.ts";
import { parseObjectives } from "../load/objectives.ts";
import { EXACT_SAMPLES } from "../load/samples.ts";
import type { DataSource } from "../score/data.ts";
import { labelProblems, readDataSources } from "./data_flags.ts";
import { UNKNOWN, type Wanted } from "../server/open.ts";
import type { BENCH_COMMAND } from "./bench.ts";
import {
  launchProblems,
  readTargetFlags,
  type TargetRequest,
  urlProblems,
} from "./target_flags.ts";

/** The values of the flags. */
export type BenchFlags = FlagValues<typeof BENCH_COMMAND>;

/** What the command line asks for, checked. */
export interface BenchRequest extends TargetRequest {
  /** The cells: the profile with its overrides. */
  readonly profile: Profile;
  readonly data: readonly DataSource[];
  /** The server that is judged against the target, block by block, or null. */
  readonly compared: {
    readonly url: string | null;
    readonly launch: string | null;
    /** Whether the two are launched in turn, not together. */
    readonly inTurn: boolean;
  } | null;
}

/**
 * Checks what no single flag can be wrong about.
 *
 * @param flags The parsed flags.
 * @param environmentUrl The value of SCORE_URL, or null; `--url` and `--launch` go before it.
 * @throws {UsageError} With all problems.
 */
export function readBenchFlags(
  flags: BenchFlags,
  environmentUrl: string | null,
): BenchRequest {
  const problems: string[] = [];
  const base = PROFILES[flags.profile];
  const profile: Profile = {
    batchSizes: flags.batchSizes ?? base.batchSizes,
    numLabels: flags.numLabels ?? base.numLabels,
    numRuns: flags.numRuns ?? base.numRuns,
    warmupRuns: flags.warmupRuns ?? base.warmupRuns,
    models: flags.model ?? base.models,
    dtypes: flags.dtype ?? base.dtypes,
    concurrency: flags.concurrency ?? base.concurrency,
    // Who says how many wants no more.
    leastSamples: flags.numRuns === undefined ? base.leastSamples : 0,
    slo: flags.slo ?? base.slo,
  };
  const target = readTargetFlags(flags, environmentUrl, problems);
  if (target.launch !== null) {
    problems.push(...placeholderProblems(target.launch, profile));
  }
  problems.push(...labelProblems(flags.labelTokenIds, profile.numLabels));
  const data = readDataSources(flags.data, flags.prefixCache, problems);
  problems.push(...comparedProblems(flags, target));
  problems.push(...sloProblems(flags, profile));
  const { concurrency } = profile;
  const most = profile.numRuns * Math.max(...concurrency);
  if (most > EXACT_SAMPLES) {
    problems.push(
      `Cannot take --num-runs ${profile.numRuns} with ${
        Math.max(...concurrency)
      } clients: a cell keeps at most ${EXACT_SAMPLES} samples, found ${most}`,
    );
  }
  if (problems.length > 0) throw new UsageError(problems);
  return {
    profile,
    data,
    compared: flags.compareUrl === undefined &&
        flags.compareLaunch === undefined
      ? null
      : {
        url: flags.compareUrl ?? null,
        launch: flags.compareLaunch ?? null,
        inTurn: isInTurn(flags),
      },
    ...target,
  };
}

/** Several servers that are started alike would be one server, measured under several names. */
function placeholderProblems(command: string, profile: Profile): string[] {
  const lists = [["model", profile.models], ["dtype", profile.dtypes]] as const;
  return lists
    .filter(([name, values]) =>
      values.length > 1 && !command.includes(`{${name}}`)
    )
    .map(([name, values]) =>
      `Cannot take --launch without {${name}} as ${values.length} of them are to be started: ${
        values.join(", ")
      }. Put it into the command, or name one with --${name}`
    );
}

function sloProblems(
  { baseline, updateBaseline, repeats = 1, compareUrl, compareLaunch, profile }:
    BenchFlags,
  { slo }: Pick<Profile, "slo">,
): string[] {
  if (slo === null) return [];
  const others = [
    ["--baseline", baseline.length > 0],
    ["--update-baseline", updateBaseline !== undefined],
    ["--repeats", repeats > 1],
    ["--compare-url", compareUrl !== undefined],
    ["--compare-launch", compareLaunch !== undefined],
  ] as const;
  const problems = others.flatMap(([name, isGiven]) =>
    isGiven
      ? [
        `Cannot take ${name} with ${
          profile === "capacity" ? "--profile capacity" : "--slo"
        }: which clients are measured is then up to the server. Give --concurrency alone`,
      ]
      : []
  );
  try {
    parseObjectives(slo);
    return problems;
  } catch (error) {
    return [...problems, `Cannot take --slo: ${messageOf(error)}`];
  }
}

/** Two servers that are launched are so in turn, unless they may run together. */
function isInTurn({ compareLaunch, together }: BenchFlags): boolean {
  return compareLaunch !== undefined && !together;
}

function comparedProblems(flags: BenchFlags, target: TargetRequest): string[] {
  const { compareUrl, compareLaunch } = flags;
  if (flags.together && compareLaunch === undefined) {
    return ["Cannot take --together without --compare-launch"];
  }
  const inTurn = isInTurn(flags);
  if (compareUrl === undefined && compareLaunch === undefined) return [];
  const [name, other, isThere] = compareUrl !== undefined
    ? ["--compare-url", "--url", target.url !== null]
    : ["--compare-launch", "--launch", target.launch !== null];
  return [
    ...(isThere ? [] : [`Cannot take ${name} without ${other}`]),
    ...(compareUrl !== undefined && compareLaunch !== undefined
      ? [
        "Cannot take both --compare-url and --compare-launch: give one of them",
      ]
      : []),
    ...(compareUrl === undefined
      ? []
      : urlProblems(compareUrl, "--compare-url")),
    ...(compareLaunch === undefined ? [] : launchProblems(compareLaunch)),
    ...(flags.baseline.length > 0 || flags.updateBaseline !== undefined
      ? [
        `Cannot take ${name} with a baseline: two servers are judged against each other`,
      ]
      : []),
    ...(flags.unixSocket !== undefined
      ? [`Cannot take ${name} with --unix-socket: both would be that socket`]
      : []),
    ...(compareUrl !== undefined && flags.header.length > 0 &&
        target.url !== null && !isSameHost(target.url, compareUrl)
      ? [
        "Cannot take --header with a --compare-url on another host: what it holds goes to no other host",
      ]
      : []),
    ...(!inTurn && (flags.concurrency ?? []).some((clients) => clients > 1)
      ? [
        `Cannot take ${name} with --concurrency: the requests of two servers go one after another`,
      ]
      : []),
    ...(!inTurn && (flags.repeats ?? 1) > 1
      ? [`Cannot take ${name} with --repeats: give more --num-runs`]
      : []),
    ...(!inTurn && flags.gate === "threshold"
      ? [
        `Cannot take ${name} with --gate threshold: blocks are judged by statistics`,
      ]
      : []),
  ];
}

/** Tells whether two URLs name one host; an ill-formed one names none. */
export function isSameHost(a: string, b: string): boolean {
  const host = URL.parse(a)?.hostname;
  return host !== undefined && host === URL.parse(b)?.hostname;
}

/** Returns what to open targets for; a URL has one, whose server names itself, and only the user's own words fill in. */
export function wantedTargets(
  flags: BenchFlags,
  request: BenchRequest,
): Wanted[] {
  if (request.url !== null) {
    const only = (values: readonly string[] | undefined) =>
      values?.length === 1 ? values[0] ?? UNKNOWN : UNKNOWN;
    return [{ model: only(flags.model), dtype: only(flags.dtype) }];
  }
  const { models, dtypes } = request.profile;
  return models.flatMap((model) => dtypes.map((dtype) => ({ model, dtype })));
}
