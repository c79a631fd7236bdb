/**
 * The command line of the simulated engine.
 *
 * @module
 */
import {
  type CommandSpec,
  flag,
  type FlagValues,
} from "../cli/command_spec.ts";
import { formatHelp } from "../cli/help.ts";
import { messageOf, UsageError } from "../failure.ts";
import { faultTable } from "../simulator/faults.ts";
import {
  ENGINE_DEFAULTS,
  type EngineOptions,
  engineOptions,
  ZERO_COST,
} from "../simulator/options.ts";

/** SGLang's own default. */
const DEFAULT_PORT = 30000;

/** What `--set` changes: the options that are no texts and have no flag of their own. */
const SETTINGS = Object.entries(ENGINE_DEFAULTS).filter(([name, value]) =>
  name !== "seed" && (typeof value === "number" || typeof value === "boolean")
);

/** The flags of sim.ts. */
export const SIM_COMMAND = {
  name: "deno task sim",
  summary:
    "Serve a simulated SGLang-JAX engine: real HTTP, made-up scores and times",
  groups: [
    {
      title: "Server",
      flags: [
        flag.integer("port N", "Port to listen on, 0 for a free one", {
          default: DEFAULT_PORT,
          max: 65535,
        }),
        flag.text("host TEXT", "Address to listen on", {
          default: "127.0.0.1",
        }),
        flag.text("model TEXT", "Model name to show; scores depend on it", {
          default: ENGINE_DEFAULTS.modelPath,
        }),
        flag.text(
          "dtype TEXT",
          "Dtype to show; scores are float32 whatever it says",
          { default: ENGINE_DEFAULTS.dtype },
        ),
        flag.text("api-key KEY", "Key that requests must carry"),
        flag.switch(
          "log",
          "Write to stderr what a server logs: batches, compiles, answers",
        ),
        flag.integer(
          "accelerator PORT",
          "Hold this port as if it were the accelerator: a second server that asks for it is refused",
          { min: 1, max: 65535 },
        ),
      ],
    },
    {
      title: "Simulation",
      flags: [
        flag.integer("seed N", "Seed of noise and faults", {
          default: ENGINE_DEFAULTS.seed,
        }),
        flag.switch("zero-cost", "Answer as fast as this machine can"),
        flag.text(
          "set NAME=VALUE",
          "Change a setting of the cost model, see below",
          { repeat: true },
        ),
        flag.text(
          "fault FAULT",
          "Add a fault, NAME[=VALUE][@RATE|#INDEX|/EVERY], see below",
          { repeat: true },
        ),
      ],
    },
  ],
  examples: {
    "deno task sim --port 0 --zero-cost": "A null server on a free port",
    "deno task sim --fault slow=800@1% --fault 'crash#500'":
      "1 % of the answers 800 ms late; the 500th request ends the server",
  },
  exits: {
    0: "stopped by Ctrl-C or SIGTERM",
    2: "usage",
    3: "could not listen, or died of a lethal request or a crash fault",
  },
} as const satisfies CommandSpec;

/** Returns the help of sim.ts, with its settings and faults. */
export function simHelp(): string {
  const settings = SETTINGS.map(([name, value]) => `  ${name}=${value}`);
  const faults = faultTable().split("\n").map((line) => `  ${line}`);
  return [
    formatHelp(SIM_COMMAND).trimEnd(),
    "",
    "Settings and their defaults (times in milliseconds):",
    ...settings,
    "",
    "Faults strike every score request, or with @RATE (0.01 or 1%) by chance,",
    "with #INDEX that request alone (from 1), with /EVERY one in so many:",
    ...faults,
  ].join("\n");
}

function readSettings(texts: readonly string[]): Partial<EngineOptions> {
  const values = texts.map((text) => {
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    const isBoolean = value === "true" || value === "false";
    if (
      !SETTINGS.some(([known]) => known === name) ||
      !(isBoolean || /^-?[0-9.]+(?:e-?[0-9]+)?$/i.test(value))
    ) {
      throw new UsageError([
        `Cannot take --set ${
          JSON.stringify(text)
        }: expected NAME=NUMBER with NAME one of ${
          SETTINGS.map(([known]) => known).join(", ")
        }`,
      ]);
    }
    return [name, isBoolean ? value === "true" : Number(value)];
  });
  return Object.fromEntries(values);
}

/** Where the simulator listens, and its engine. */
export interface SimOptions extends Partial<EngineOptions> {
  /** Port, 0 for a free one. */
  readonly port: number;
  readonly hostname: string;
}

/** What of the flags is no option of the simulator. */
export interface SimRequest {
  readonly options: SimOptions;
  readonly logs: boolean;
  /** The port that stands for the accelerator; null for none. */
  readonly accelerator: number | null;
}

/**
 * Returns what the flags ask for.
 *
 * @throws {UsageError} If a setting or a fault is wrong.
 */
export function readSimFlags(
  flags: FlagValues<typeof SIM_COMMAND>,
): SimRequest {
  const { port, host, model, dtype, apiKey, seed, zeroCost, set, fault } =
    flags;
  const settings = readSettings(set);
  try {
    const engine = engineOptions({
      modelPath: model,
      dtype,
      apiKey: apiKey ?? null,
      seed,
      faults: fault,
      ...(zeroCost ? ZERO_COST : {}),
      ...settings,
    });
    return {
      options: { port, hostname: host, ...engine },
      logs: flags.log,
      accelerator: flags.accelerator ?? null,
    };
  } catch (error) {
    throw new UsageError([
      messageOf(error),
    ]);
  }
}
