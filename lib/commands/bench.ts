/**
 * The command line of the benchmark as a table.
 *
 * @module
 */
import { type CommandSpec, flag } from "../cli/command_spec.ts";
import { EXACT_SAMPLES } from "../load/samples.ts";
import { PREFIX_CACHE_REGIMES } from "../score/workload.ts";
import { DATA_FLAGS } from "./data_flags.ts";
import { GATE_FLAGS } from "./gate_flags.ts";
import { RUN_FLAGS } from "./outputs.ts";
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
        flag.text(
          "profile NAME",
          "smoke (6 cells), standard (18), full (28 a model and dtype), or capacity (1, 16 and 100 items, 1 to 64 clients, the most that hold p99<500ms)",
          {
            choices: ["smoke", "standard", "full", "capacity"],
            default: "standard",
          },
        ),
        flag.integers("batch-sizes LIST", "Items in a request, as 1,4,16", {
          min: 1,
          max: 100_000,
        }),
        flag.integers("num-labels LIST", "Label ids in a request, as 2,4", {
          min: 1,
          max: 10_000,
        }),
        flag.integers(
          "concurrency LIST",
          "Clients that send side by side, as 1,2,4; each is a cell of its own (1)",
          { min: 1, max: 10_000 },
        ),
        flag.text(
          "slo LIST",
          "Search for each shape the most clients that hold this, by the rungs of --concurrency and halving: mean, p50, p95, p99, max below ms or s, errors below %",
        ),
        flag.number(
          "price-per-hour USD",
          "What the server costs an hour: shows US dollars a million items, and items/s a chip",
          { min: 0, max: 1_000_000 },
        ),
        flag.integer("num-runs N", "Timed requests of each client of a cell", {
          min: 1,
          // A load keeps no more samples than this one by one.
          max: EXACT_SAMPLES,
        }),
        flag.integer(
          "repeats N",
          "Measure the whole profile N times, to make a baseline; of two launched servers, launch each N times (default 1; 3 with --compare-launch)",
          { min: 1, max: 100 },
        ),
        flag.integer(
          "warmup-runs N",
          "Least warm-up requests of each cell; more follow until latencies settle. 0 turns warm-up off",
          { min: 0, max: 10_000 },
        ),
        flag.texts(
          "model LIST",
          "Models to launch, or the name of a server's model that does not tell it",
        ),
        flag.texts(
          "dtype LIST",
          "Data types to launch, or that of a server that does not tell it",
        ),
      ],
    },
    { title: "Target", flags: TARGET_FLAGS },
    {
      title: "Payload",
      flags: [
        ...DATA_FLAGS,
        flag.text(
          "prefix-cache REGIME",
          "cold (default): every prompt begins anew; shared: one query, new items; hot: one payload again and again",
          { choices: PREFIX_CACHE_REGIMES },
        ),
        flag.integers(
          "label-token-ids LIST",
          "Label ids; the first N serve a cell of N labels. Default 1,2,3,...",
          { min: -Number.MAX_SAFE_INTEGER },
        ),
        flag.switch(
          "no-softmax",
          "Ask for probabilities over the vocabulary, not over the labels",
        ),
        flag.text(
          "seed TEXT",
          "Repeat the payloads of an earlier run; a new one by default. A server that saw them may have them in its cache",
        ),
      ],
    },
    {
      title: "Two servers (A/B)",
      flags: [
        flag.text(
          "compare-url URL",
          "Judge this server (B) against --url (A), request by request in blocks A B B A",
        ),
        flag.text(
          "compare-launch COMMAND",
          "Launch this server (B) and that of --launch (A) in turn, A B B A A B, as an accelerator belongs to one process, and judge B by A",
        ),
        flag.switch(
          "together",
          "Let the servers of --launch and --compare-launch run together and send request by request, where they share nothing",
        ),
      ],
    },
    {
      title: "Baseline",
      flags: [
        flag.text(
          "baseline FILE",
          "Compare with this baseline: .csv, a run record, or a folder of them",
          { repeat: true },
        ),
        flag.text(
          "update-baseline FILE",
          "Append the run to this baseline, or start it",
        ),
        flag.switch(
          "no-confirm",
          "Do not measure suspected regressions again before they fail the run",
        ),
      ],
    },
    GATE_FLAGS,
    {
      title: "Output",
      flags: [
        flag.text(
          "output FILE",
          "Write results: .csv the columns, .json the whole run record, .md, .html, .xml (JUnit) or .prom (OpenMetrics); csv:- and the like to standard output",
          { short: "o", repeat: true },
        ),
        flag.text("json-output FILE", "Write the rows of the CSV as JSON"),
        ...RUN_FLAGS,
      ],
    },
  ],
  examples: {
    "deno task bench:smoke": "A quick look, on the simulated engine",
    "deno task bench --url http://127.0.0.1:30000 --profile standard --output results/run.csv":
      "A running server",
    "deno task bench --profile full --launch './serve.sh {model} {dtype} {port}'":
      "A server for each model and dtype",
    "deno task bench --batch-sizes 1,2,4 --num-labels 2,4 --num-runs 30":
      "Other cells",
  },
  exits: {
    0: "measured, and no regression",
    1: "a regression",
    2: "a flag, a file or a setting is wrong; nothing was sent",
    3: "could not measure (unreachable, died, refused, all failed), compare or judge",
    130: "interrupted; what was measured is on disk",
  },
} as const satisfies CommandSpec;
