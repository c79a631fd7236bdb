/**
 * The command line of the stress tests as a table.
 *
 * @module
 */
import type { CommandSpec } from "../cli/command_spec.ts";
import { ARRIVALS } from "../load/pacing.ts";
import { SCENARIOS, STRESS_SCENARIOS } from "../stress/scenarios.ts";
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
        {
          name: "scenario",
          kind: "texts",
          choices: [...SCENARIOS, "all"],
          default: ["all"],
          placeholder: "LIST",
          help: "The scenarios to run; all runs those that the target allows",
        },
        {
          name: "model",
          kind: "text",
          default: "meta-llama/Llama-3.2-1B-Instruct",
          placeholder: "NAME",
          help:
            "The model to launch, or the name of a server's model that does not tell it",
        },
        {
          name: "dtype",
          kind: "text",
          placeholder: "NAME",
          help:
            "The data type to launch (default bfloat16), or that of a server that does not tell it",
        },
        {
          name: "batch-sizes",
          kind: "integers",
          min: 1,
          max: 100_000,
          default: STRESS_SCENARIOS["large-batch"].batchSizes,
          placeholder: "LIST",
          help: "large-batch: items in a request",
        },
        {
          name: "iterations",
          kind: "integer",
          min: 1,
          max: 100_000,
          default: STRESS_SCENARIOS["large-batch"].iterations,
          placeholder: "N",
          help: "large-batch: requests of each batch size",
        },
        {
          name: "concurrency",
          kind: "integers",
          min: 1,
          max: 10_000,
          placeholder: "LIST",
          help:
            "concurrent: clients of each level (4,8,16); mixed and ramp take the first",
        },
        {
          name: "duration",
          kind: "number",
          min: 0.5,
          max: 604_800,
          placeholder: "SECONDS",
          help:
            "Length of each load (concurrent 30, sustained 300, mixed 30, recovery 10); a step of the ramp takes a fifth (10)",
        },
        {
          name: "rate",
          kind: "number",
          min: 0.01,
          max: 1_000_000,
          placeholder: "N",
          help:
            "Requests a second of sustained and recovery, and of the first step of the ramp (10)",
        },
        {
          name: "arrival",
          kind: "text",
          choices: ARRIVALS,
          default: "constant",
          placeholder: "KIND",
          help: "How requests of open loads follow each other",
        },
        {
          name: "ramp",
          kind: "text",
          choices: ["rate", "concurrency"],
          default: "rate",
          placeholder: "WHAT",
          help: "What the ramp steps up",
        },
        {
          name: "slo",
          kind: "text",
          default: "p99<500ms,errors<0.1%",
          placeholder: "LIST",
          help:
            "ramp: what must hold: mean, p50, p95, p99, max below ms or s, errors below %",
        },
        {
          name: "tolerance",
          kind: "number",
          min: 0,
          max: 1,
          placeholder: "SHARE",
          help:
            "How far a score may be from its reference (float32 0.01, float16 0.02, else 0.14)",
        },
        {
          name: "workers",
          kind: "integer",
          min: 1,
          max: 64,
          default: 1,
          placeholder: "N",
          help: "Threads that send; one sends more than a core answers",
        },
        {
          name: "allow-lethal",
          kind: "switch",
          help:
            "poison: also send requests that are known to end a server, to one that was started here",
        },
        {
          name: "server-pid",
          kind: "integer",
          min: 1,
          placeholder: "PID",
          help: "The process of a local server, whose memory is watched",
        },
      ],
    },
    { title: "Target", flags: TARGET_FLAGS },
    {
      title: "Payload",
      flags: [
        {
          name: "query-tokens",
          kind: "integer",
          min: 5,
          max: 1_000_000,
          placeholder: "N",
          help: "Send token ids: N for the query (with --item-tokens)",
        },
        {
          name: "item-tokens",
          kind: "integer",
          min: 5,
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
          help: "Repeat the payloads and arrivals of an earlier run",
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
          help:
            "Write results: .json the whole run record, .csv, .md, .html or .xml (JUnit)",
        },
        {
          name: "json-output",
          kind: "text",
          placeholder: "FILE",
          help: "Write the specification's fields of each load as JSON",
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
          help: "Go on with an interrupted run record: run what is missing",
        },
        { name: "quiet", short: "q", kind: "switch", help: "No progress" },
      ],
    },
  ],
  examples: [
    {
      command: "deno task stress",
      help: "All scenarios, on the simulated engine",
    },
    {
      command:
        "deno task stress --url http://127.0.0.1:30000 --scenario sustained --rate 50 --duration 3600",
      help: "An hour at 50 requests a second",
    },
    {
      command:
        "deno task stress --url http://127.0.0.1:30000 --scenario ramp --slo 'p99<200ms,errors<0.1%'",
      help: "The highest rate that a server holds",
    },
  ],
  exits: [
    { code: 0, help: "all loads passed" },
    { code: 1, help: "a load failed" },
    { code: 2, help: "a flag, a file or a setting is wrong; nothing was sent" },
    {
      code: 3,
      help:
        "could not measure: unreachable, refused, or the client was the limit",
    },
    { code: 130, help: "interrupted; what was measured is on disk" },
  ],
} as const satisfies CommandSpec;
