/**
 * The command line of the benchmark as a table.
 *
 * @module
 */
import type { CommandSpec } from "../cli/command_spec.ts";
import { EXACT_SAMPLES } from "../load/samples.ts";
import { PREFIX_CACHE_REGIMES } from "../score/workload.ts";
import { GATE_FLAGS } from "./gate_flags.ts";
import { TARGET_FLAGS } from "./target_flags.ts";

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
          name: "repeats",
          kind: "integer",
          min: 1,
          max: 100,
          default: 1,
          placeholder: "N",
          help: "Measure the whole profile N times, to make a baseline",
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
      title: "Two servers (A/B)",
      flags: [
        {
          name: "compare-url",
          kind: "text",
          placeholder: "URL",
          help:
            "Judge this server (B) against --url (A), request by request in blocks A B B A",
        },
        {
          name: "compare-launch",
          kind: "text",
          placeholder: "COMMAND",
          help: "The same for a server to launch, against that of --launch",
        },
      ],
    },
    {
      title: "Baseline",
      flags: [
        {
          name: "baseline",
          kind: "text",
          repeat: true,
          placeholder: "FILE",
          help:
            "Compare with this baseline: .csv, a run record, or a folder of them",
        },
        {
          name: "update-baseline",
          kind: "text",
          placeholder: "FILE",
          help: "Append the run to this baseline, or start it",
        },
        {
          name: "no-confirm",
          kind: "switch",
          help:
            "Do not measure suspected regressions again before they fail the run",
        },
      ],
    },
    GATE_FLAGS,
    {
      title: "Output",
      flags: [
        {
          name: "output",
          short: "o",
          kind: "text",
          repeat: true,
          placeholder: "FILE",
          help:
            "Write results: .csv the columns, .json the whole run record, .md, .html or .xml (JUnit); csv:- and the like to standard output",
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
        "deno task bench --profile full --launch './serve.sh {model} {dtype} {port}'",
      help: "A server for each model and dtype",
    },
    {
      command:
        "deno task bench --batch-sizes 1,2,4 --num-labels 2,4 --num-runs 30",
      help: "Other cells",
    },
  ],
  exits: [
    { code: 0, help: "measured, and no regression" },
    { code: 1, help: "a regression" },
    { code: 2, help: "a flag, a file or a setting is wrong; nothing was sent" },
    {
      code: 3,
      help:
        "could not measure (unreachable, died, refused, all failed), compare or judge",
    },
    { code: 130, help: "interrupted; what was measured is on disk" },
  ],
} as const satisfies CommandSpec;
