/**
 * The command line of the stress tests as a table.
 *
 * @module
 */
import { type CommandSpec, flag } from "../cli/command_spec.ts";
import { ARRIVALS } from "../load/pacing.ts";
import { SCENARIOS, STRESS_SCENARIOS } from "../stress/scenarios.ts";
import { DATA_FLAGS } from "./data_flags.ts";
import { RUN_FLAGS } from "./outputs.ts";
import { SHARD_FLAGS } from "./shard_flags.ts";
import { TARGET_FLAGS } from "./target_flags.ts";

/** The flags of stress.ts. */
export const STRESS_COMMAND = {
  name: "stress.ts",
  summary:
    "Stresses POST /v1/score of an SGLang or SGLang-JAX server and checks every answer. Without --url and --launch it stresses the embedded simulated engine, and says so.",
  groups: [
    {
      title: "What is run",
      flags: [
        flag.texts(
          "scenario LIST",
          "The scenarios to run; all runs those that the target allows",
          { choices: [...SCENARIOS, "all"], default: ["all"] },
        ),
        flag.text(
          "model NAME",
          "The model to launch, or the name of a server's model that does not tell it",
          { default: "meta-llama/Llama-3.2-1B-Instruct" },
        ),
        flag.text(
          "dtype NAME",
          "The data type to launch (default bfloat16), or that of a server that does not tell it",
        ),
        flag.integers(
          "batch-sizes LIST",
          "Items in a request: large-batch (50,100,200) and mixed send each, the others the first; without it each scenario has its own",
          { min: 1, max: 100_000 },
        ),
        flag.integer(
          "num-labels N",
          "Label ids in a request; without it each scenario has its own number",
          { min: 1, max: 10_000 },
        ),
        flag.integer(
          "iterations N",
          "large-batch: requests of each batch size",
          {
            min: 1,
            max: 100_000,
            default: STRESS_SCENARIOS["large-batch"].iterations,
          },
        ),
        flag.integers(
          "concurrency LIST",
          "concurrent: clients of each level (4,8,16); mixed and ramp take the first",
          { min: 1, max: 10_000 },
        ),
        flag.number(
          "duration SECONDS",
          "Length of each load (concurrent 30, sustained 300, mixed 30, recovery 10); a step of the ramp takes a fifth (10)",
          { min: 0.5, max: 604_800 },
        ),
        flag.number(
          "load-warmup SECONDS",
          "Longest warm-up of a load at its own concurrency or rate; it ends when a window of it is quiet. 0 for none",
          { min: 0, max: 3_600, default: 120 },
        ),
        flag.number(
          "rate N",
          "Requests a second of sustained and recovery, and of the first step of the ramp (10)",
          { min: 0.01, max: 1_000_000 },
        ),
        flag.text(
          "arrival KIND",
          "How requests of open loads follow each other",
          { choices: ARRIVALS, default: "constant" },
        ),
        flag.text("ramp WHAT", "What the ramp steps up", {
          choices: ["rate", "concurrency"],
          default: "rate",
        }),
        flag.integers(
          "ladder LIST",
          "ramp: the loads to try, each once, in place of a search",
          { min: 1, max: 1_000_000 },
        ),
        flag.text(
          "slo LIST",
          "ramp: what must hold: mean, p50, p95, p99, max below ms or s, errors below %",
          { default: "p99<500ms,errors<0.1%" },
        ),
        flag.number(
          "tolerance SHARE",
          "How far a score may be from its reference (float32 0.01, float16 0.02, else 0.14)",
          { min: 0, max: 1 },
        ),
        flag.integer(
          "workers N",
          "Threads that send; one sends more than a core answers",
          { min: 1, max: 64, default: 1 },
        ),
        flag.switch(
          "allow-lethal",
          "poison: also send requests that are known to end a server, to one that was started here",
        ),
        flag.integer(
          "server-pid PID",
          "The process of a local server, whose memory is watched",
          { min: 1 },
        ),
      ],
    },
    { title: "Target", flags: TARGET_FLAGS },
    {
      title: "Payload",
      flags: [
        ...DATA_FLAGS,
        flag.integers(
          "label-token-ids LIST",
          "Label ids of every request. Default 1,2,3,...",
          { min: -Number.MAX_SAFE_INTEGER },
        ),
        flag.switch(
          "no-softmax",
          "Ask for probabilities over the vocabulary, not over the labels",
        ),
        flag.text(
          "seed TEXT",
          "Repeat the payloads and arrivals of an earlier run",
        ),
      ],
    },
    SHARD_FLAGS,
    {
      title: "Output",
      flags: [
        flag.text(
          "output FILE",
          "Write results: .json the whole run record, .csv, .md, .html, .xml (JUnit) or .prom (OpenMetrics)",
          { short: "o", repeat: true },
        ),
        flag.text(
          "json-output FILE",
          "Write the specification's fields of each load as JSON",
        ),
        ...RUN_FLAGS,
      ],
    },
  ],
  examples: {
    "deno task stress": "All scenarios, on the simulated engine",
    "deno task stress --url http://127.0.0.1:30000 --scenario sustained --rate 50 --duration 3600":
      "An hour at 50 requests a second",
    "deno task stress --url http://127.0.0.1:30000 --scenario ramp --slo 'p99<200ms,errors<0.1%'":
      "The highest rate that a server holds",
    "srun --ntasks 4 deno task stress --shard auto --shard-dir /shared/run1 --url http://10.0.0.7:30000 --scenario sustained --rate 4000":
      "4,000 requests a second from four hosts; then: report merge /shared/run1",
  },
  exits: {
    0: "all loads passed",
    1: "a load failed",
    2: "a flag, a file or a setting is wrong; nothing was sent",
    3: "could not measure: unreachable, refused, or the client was the limit",
    130: "interrupted; what was measured is on disk",
  },
} as const satisfies CommandSpec;
