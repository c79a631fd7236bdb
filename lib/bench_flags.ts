/**
 * The command line of the benchmark: its flags, and what they mean together.
 *
 * @module
 */
import type { FlagValues } from "./command_spec.ts";
import { UsageError } from "./flags.ts";
import { type Profile, PROFILES } from "./profiles.ts";
import { EXACT_SAMPLES } from "./samples.ts";
import { lethalReason } from "./score.ts";
import {
  readTargetFlags,
  TARGET_FLAGS,
  type TargetRequest,
} from "./target_flags.ts";
import {
  PREFIX_CACHE_REGIMES,
  type PrefixCache,
  type TokenLengths,
  UNIQUE_TOKENS,
} from "./workload.ts";

/** The flags of bench.ts. */
export const BENCH_COMMAND = {
  name: "bench.ts",
  summary:
    "Measures POST /v1/score of an SGLang or SGLang-JAX server. Without --url and --launch it measures the embedded simulated engine, and says so.",
  groups: [
    {
      title: "What is measured",
      flags: [
        {
          name: "profile",
          kind: "text",
          choices: ["smoke", "standard", "full"],
          default: "standard",
          placeholder: "NAME",
          help: "smoke (6 cells), standard (18) or full (28 a model and dtype)",
        },
        {
          name: "batch-sizes",
          kind: "integers",
          min: 1,
          max: 100_000,
          placeholder: "LIST",
          help: "Items in a request, as 1,4,16",
        },
        {
          name: "num-labels",
          kind: "integers",
          min: 1,
          max: 10_000,
          placeholder: "LIST",
          help: "Label ids in a request, as 2,4",
        },
        {
          name: "num-runs",
          kind: "integer",
          min: 1,
          // A load keeps no more samples than this one by one.
          max: EXACT_SAMPLES,
          placeholder: "N",
          help: "Timed requests of each cell",
        },
        {
          name: "warmup-runs",
          kind: "integer",
          min: 0,
          max: 10_000,
          placeholder: "N",
          help:
            "Least warm-up requests of each cell; more follow until latencies settle. 0 turns warm-up off",
        },
        {
          name: "model",
          kind: "texts",
          placeholder: "LIST",
          help:
            "Models to launch, or the name of a server's model that does not tell it",
        },
        {
          name: "dtype",
          kind: "texts",
          placeholder: "LIST",
          help:
            "Data types to launch, or that of a server that does not tell it",
        },
      ],
    },
    { title: "Target", flags: TARGET_FLAGS },
    {
      title: "Payload",
      flags: [
        {
          name: "prefix-cache",
          kind: "text",
          choices: PREFIX_CACHE_REGIMES,
          default: "cold",
          placeholder: "REGIME",
          help:
            "cold: every prompt begins anew; shared: one query, new items; hot: one payload again and again",
        },
        {
          name: "label-token-ids",
          kind: "integers",
          min: -Number.MAX_SAFE_INTEGER,
          placeholder: "LIST",
          help:
            "Label ids; the first N serve a cell of N labels. Default 1,2,3,...",
        },
        {
          name: "query-tokens",
          kind: "integer",
          min: 1,
          max: 1_000_000,
          placeholder: "N",
          help: "Send token ids: N for the query (with --item-tokens)",
        },
        {
          name: "item-tokens",
          kind: "integer",
          min: 1,
          max: 1_000_000,
          placeholder: "N",
          help: "Send token ids: N for each item (with --query-tokens)",
        },
        {
          name: "no-softmax",
          kind: "switch",
          help:
            "Ask for probabilities over the vocabulary, not over the labels",
        },
        {
          name: "seed",
          kind: "text",
          placeholder: "TEXT",
          help:
            "Repeat the payloads of an earlier run; a new one by default. A server that saw them may have them in its cache",
        },
      ],
    },
    {
      title: "Output",
      flags: [
        {
          name: "output",
          short: "o",
          kind: "text",
          repeat: true,
          placeholder: "FILE",
          help: "Write results: .csv the columns, .json the whole run record",
        },
        {
          name: "json-output",
          kind: "text",
          placeholder: "FILE",
          help: "Write the rows of the CSV as JSON",
        },
        {
          name: "metadata-output",
          kind: "text",
          placeholder: "FILE",
          help: "Write what reproduction needs as JSON",
        },
        {
          name: "resume",
          kind: "text",
          placeholder: "FILE",
          help: "Go on with an interrupted run record: measure what is missing",
        },
        {
          name: "quiet",
          short: "q",
          kind: "switch",
          help: "No progress",
        },
      ],
    },
  ],
  examples: [
    {
      command: "deno task bench:smoke",
      help: "A quick look, on the simulated engine",
    },
    {
      command:
        "deno task bench --url http://127.0.0.1:30000 --profile standard --output results/run.csv",
      help: "A running server",
    },
    {
      command:
        "deno task bench --launch 'python3 -m sgl_jax.launch_server --model-path {model} --dtype {dtype} --port {port}' --profile full",
      help: "A server for each model and dtype",
    },
    {
      command:
        "deno task bench --batch-sizes 1,2,4 --num-labels 2,4 --num-runs 30",
      help: "Other cells",
    },
  ],
  exits: [
    { code: 0, help: "measured" },
    { code: 2, help: "a flag, a file or a setting is wrong; nothing was sent" },
    {
      code: 3,
      help: "could not measure: unreachable, died, refused, all failed",
    },
    { code: 130, help: "interrupted; what was measured is on disk" },
  ],
} as const;

/** The values of the flags. */
export type BenchFlags = FlagValues<typeof BENCH_COMMAND>;

/** What the command line asks for, checked. */
export interface BenchRequest extends TargetRequest {
  /** The cells: the profile with its overrides. */
  readonly profile: Profile;
  /** Exact lengths, or null for text. */
  readonly tokens: TokenLengths | null;
  /** The regime of the prefix cache. */
  readonly prefixCache: PrefixCache;
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
  };
  const target = readTargetFlags(flags, environmentUrl, problems);
  if (target.launch !== null) {
    problems.push(...placeholderProblems(target.launch, profile));
  }
  problems.push(...labelProblems(flags.labelTokenIds, profile.numLabels));
  problems.push(...tokenProblems(flags));
  if (problems.length > 0) throw new UsageError(problems);
  const { queryTokens, itemTokens, prefixCache } = flags;
  return {
    profile,
    tokens: queryTokens === undefined || itemTokens === undefined
      ? null
      : { query: queryTokens, item: itemTokens },
    prefixCache,
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

function labelProblems(
  ids: readonly number[] | undefined,
  numLabels: readonly number[],
): string[] {
  if (ids === undefined) return [];
  const most = Math.max(...numLabels);
  const lethal = lethalReason({
    query: " ",
    items: [" "],
    labelTokenIds: ids,
    applySoftmax: true,
    model: "",
  });
  return [
    ...(ids.length < most
      ? [
        `Cannot take --label-token-ids: the cells need ${most} of them, found ${ids.length}. Give more, or fewer with --num-labels`,
      ]
      : []),
    ...(lethal === null ? [] : [
      `Cannot take --label-token-ids: ${lethal}, and such a request ends the server`,
    ]),
  ];
}

function tokenProblems(flags: BenchFlags): string[] {
  const { queryTokens, itemTokens, prefixCache } = flags;
  if ((queryTokens === undefined) !== (itemTokens === undefined)) {
    return [
      "Cannot take --query-tokens without --item-tokens, or the other way round: give both",
    ];
  }
  if (queryTokens === undefined || itemTokens === undefined) return [];
  const [name, length] = prefixCache === "cold"
    ? ["--query-tokens", queryTokens]
    : ["--item-tokens", itemTokens];
  return prefixCache !== "hot" && length < UNIQUE_TOKENS
    ? [
      `Cannot take ${name} ${length} with --prefix-cache ${prefixCache}: ${UNIQUE_TOKENS} or more are needed so that each is new`,
    ]
    : [];
}
