/**
 * Runs deploy/slurm.sh on a real Slurm of four nodes on this machine, against the simulated engine: four tasks beside
 * one process, a planted swap, a task that is killed, a clock that is off, an array. Needs slurm-wlm, munge and root,
 * and a quiet machine. Words on the command line name single checks: swap, kill, clock, array, compare.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import config from "../../deno.json" with { type: "json" };
import { parseStressRun } from "../../lib/stress/file.ts";
import type { StressRun } from "../../lib/stress/record.ts";
import { type SlurmCluster, startSlurm } from "../support/slurm_cluster.ts";

const RATE = 1_000;
const SECONDS = 20;
const ROUNDS = 3;
const START_TIMEOUT_SECONDS = 60;

/** What is found does not hang on the rate, and a slow machine keeps this one. */
const CALM_RATE = 200;

function load(ratePerSec: number, url: string): string[] {
  return [
    ...["--scenario", "sustained", "--rate", `${ratePerSec}`, "--url", url],
    ...["--duration", `${SECONDS}`, "--batch-sizes", "4", "--quiet"],
    ...["--seed", "slurm"],
  ];
}

function shardLoad(ratePerSec: number, url: string): string[] {
  const wait = ["--start-timeout", `${START_TIMEOUT_SECONDS}`];
  return [...load(ratePerSec, url), ...wait];
}

/** What Deno may do for `stress.ts` it may do for all that the jobs run. */
const PERMISSIONS = config.tasks.stress.command.split(" ")
  .filter((word) => /^--(?:no-prompt|v8|allow)/.test(word));

let failures = 0;

function check(what: string, holds: boolean, found: string): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}: ${found}`);
  if (!holds) failures++;
}

interface Job {
  readonly code: number;
  readonly run: StressRun | null;
}

/** Runs deploy/slurm.sh to its end; `onStart` hears the job's number. */
async function submit(
  cluster: SlurmCluster,
  options: readonly string[],
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
  onStart: (job: string) => Promise<void> = () => Promise.resolve(),
): Promise<Job> {
  const child = new Deno.Command("sbatch", {
    args: [
      ...["--parsable", "--wait", "--output", `${cluster.path}/%A_%a.log`],
      ...[...options, "deploy/slurm.sh", ...flags],
    ],
    env: {
      ...cluster.env,
      "SCOREBENCH": `${cluster.path}/scorebench`,
      "SHARD_ROOT": `${cluster.path}/runs`,
      ...env,
    },
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const job = (await reader.read()).value?.trim() ?? "";
  await reader.cancel();
  await onStart(job);
  const { code } = await child.status;
  const path = `results/stress-${job}`;
  const text = await Deno.readTextFile(`${path}.json`).catch(() => null);
  for (const extension of ["json", "html"]) {
    await Deno.remove(`${path}.${extension}`).catch(() => {});
  }
  return { code, run: text === null ? null : parseStressRun(text) };
}

/**
 * An engine that holds the rate: a batch takes 20 ms, whatever is in it. Four tasks and the engine share the cores of
 * one machine, which costs milliseconds that four hosts would not lose.
 */
const SETTINGS = [
  ...["fixedMs=20", "perTokenMs=0", "perItemMs=0", "perLabelMs=0"],
  ...["compileMs=0", "maxRunningRequests=1000"],
  ...["maxPrefillTokens=1000000", "kvPoolTokens=2000000"],
];

/** Starts the simulated engine; its URL is told by its first line. */
async function startEngine(...faults: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"],
      ...["--allow-env", "sim.ts", "--port", "0"],
      ...SETTINGS.flatMap((setting) => ["--set", setting]),
      ...faults.flatMap((fault) => ["--fault", fault]),
    ],
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/http:\S+\d/.test(said)) said += (await reader.read()).value ?? "";
  reader.releaseLock();
  const [url = ""] = /http:\/\/[\d.]+:\d+/.exec(said) ?? [];
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.stdout.cancel().catch(() => {});
      await child.status;
    },
  };
}

/** Runs the load in one process. */
async function runAlone(cluster: SlurmCluster, url: string): Promise<Job> {
  const path = `${cluster.path}/alone.json`;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", ...PERMISSIONS, "main.ts", "stress", ...load(RATE, url)],
      ...["--output", path],
    ],
    ...{ stdin: "null", stdout: "null", stderr: "inherit" },
  }).output();
  return { code, run: parseStressRun(await Deno.readTextFile(path)) };
}

/** The program of the tasks: it notes its process, and one task may have a clock that is off. */
async function writeProgram(cluster: SlurmCluster): Promise<void> {
  const run = `exec '${Deno.execPath()}' run ${PERMISSIONS.join(" ")}`;
  const path = `${cluster.path}/scorebench`;
  await Deno.mkdir(`${cluster.path}/pids`);
  await Deno.writeTextFile(
    path,
    [
      "#!/bin/sh",
      `echo $$ > "${cluster.path}/pids/$SLURM_JOB_ID.$1.$SLURM_PROCID"`,
      'if [ "$1 $SLURM_PROCID" = "stress ${SKEWED:-}" ]; then',
      `  shift; ${run} tests/measure/skewed_stress.ts "$@"`,
      "fi",
      `${run} main.ts "$@"`,
      "",
    ].join("\n"),
  );
  await Deno.chmod(path, 0o755);
}

const FOUR = ["--ntasks", "4", "--ntasks-per-node", "1"];

function figuresOf({ run }: Job) {
  const result = run?.results[0];
  return {
    verdict: result?.verdict ?? "none",
    findings: (result?.findings ?? []).map(({ text }) => text).join("; "),
    perSec: result?.reachedPerSec ?? NaN,
    p50Ms: result?.latency?.p50Ms ?? NaN,
    p99Ms: result?.latency?.p99Ms ?? NaN,
    planned: result?.plannedRequests ?? NaN,
  };
}

async function compare(cluster: SlurmCluster): Promise<void> {
  await using engine = await startEngine();
  const flags = shardLoad(RATE, engine.url);
  const rounds: Record<"one" | "four", ReturnType<typeof figuresOf>>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const one = figuresOf(await runAlone(cluster, engine.url));
    const four = figuresOf(await submit(cluster, FOUR, flags));
    rounds.push({ one, four });
    for (const [name, figures] of Object.entries({ one, four })) {
      const { verdict, perSec, p50Ms, p99Ms, findings } = figures;
      console.log(
        `round ${round + 1}, ${name}: ${verdict} ${perSec.toFixed(2)}/s, p50 ${
          p50Ms.toFixed(3)
        } ms, p99 ${p99Ms.toFixed(3)} ms ${findings}`,
      );
    }
  }
  check(
    "the rate of four is within 0.1 %",
    rounds.every(({ four }) => Math.abs(four.perSec / RATE - 1) <= 0.001),
    rounds.map(({ four }) => four.perSec.toFixed(2)).join(", "),
  );
  check(
    "four plan what one plans",
    rounds.every(({ one, four }) => one.planned === four.planned),
    rounds.map(({ four }) => four.planned).join(", "),
  );
  for (const name of ["p50Ms", "p99Ms"] as const) {
    const median = (which: "one" | "four") =>
      rounds.map((round) => round[which][name])
        .toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? NaN;
    const ones = rounds.map(({ one }) => one[name]);
    const noise = (Math.max(...ones) - Math.min(...ones)) / median("one");
    const change = median("four") / median("one") - 1;
    check(
      `${name} of four is within 2 % or the noise of one`,
      Math.abs(change) <= Math.max(0.02, noise),
      `${(100 * change).toFixed(2)} %, noise between runs of one ${
        (100 * noise).toFixed(2)
      } %`,
    );
  }
}

async function findSwap(cluster: SlurmCluster): Promise<void> {
  // References are some hundred requests; this is one in the load.
  await using engine = await startEngine("swap-rows#2500");
  const flags = shardLoad(CALM_RATE, engine.url);
  const job = await submit(cluster, FOUR, flags);
  const { verdict, findings } = figuresOf(job);
  const swapped = job.run?.results[0]?.failures.find(({ outcome }) =>
    outcome === "mismatch"
  );
  const { count = 0, example = "" } = swapped ?? {};
  check(
    "a swap in one answer is found and its shard named",
    job.code === 1 && verdict === "FAIL" && count === 1 &&
      /^shard \d: row \d holds the scores of row \d/.test(example),
    `exit ${job.code}, ${verdict}: ${findings}; ${example}`,
  );
}

async function killOne(cluster: SlurmCluster): Promise<void> {
  await using engine = await startEngine();
  let killedMs = NaN;
  let folder = "";
  const job = await submit(
    cluster,
    FOUR,
    shardLoad(CALM_RATE, engine.url),
    {},
    async (id) => {
      folder = `${cluster.path}/runs/${id}`;
      const start = `${folder}/start-0.json`;
      while (await Deno.stat(start).then(() => false, () => true)) {
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      // Three seconds to the start, and some of the load.
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      const pid = await Deno.readTextFile(
        `${cluster.path}/pids/${id}.stress.2`,
      );
      Deno.kill(Number(pid), "SIGKILL");
      killedMs = Date.now();
    },
  );
  const waited = ((Date.now() - killedMs) / 1000).toFixed(1);
  const { mtime } = await Deno.stat(`${folder}/stop.json`);
  const seconds = ((mtime?.getTime() ?? NaN) - killedMs) / 1000;
  const { verdict, findings } = figuresOf(job);
  check(
    "kill -9 of one task: INVALID, named",
    job.code === 3 && verdict === "INVALID" &&
      findings.includes("shard 2 of 4 is missing"),
    `exit ${job.code}, ${verdict}: ${findings}`,
  );
  check(
    "the run ends within the start time-out after the kill",
    // A sign of life is as old as a twentieth of it when the shard dies.
    seconds <= START_TIMEOUT_SECONDS + 2,
    `${
      seconds.toFixed(1)
    } s, --start-timeout ${START_TIMEOUT_SECONDS}; sbatch --wait returned after ${waited} s, merged`,
  );
}

async function skewOne(cluster: SlurmCluster): Promise<void> {
  await using engine = await startEngine();
  const flags = shardLoad(CALM_RATE, engine.url);
  const job = await submit(cluster, FOUR, flags, { "SKEWED": "1" });
  const { verdict, findings } = figuresOf(job);
  check(
    "a clock that is a second off: INVALID, named",
    job.code === 3 && verdict === "INVALID" &&
      /shard 1: its clock was (?:99\d|100\d)/.test(findings),
    `exit ${job.code}, ${verdict}: ${findings}`,
  );
}

async function runArray(cluster: SlurmCluster): Promise<void> {
  await using engine = await startEngine();
  const job = await submit(
    cluster,
    ["--array", "1-4", "--cpus-per-task", "2"],
    shardLoad(CALM_RATE, engine.url),
  );
  const { verdict, perSec, findings } = figuresOf(job);
  check(
    "an array of four jobs passes",
    job.code === 0 && verdict === "PASS",
    `exit ${job.code}, ${verdict} ${perSec.toFixed(2)}/s ${findings}`,
  );
}

/** The checks; the command line may name some. */
const CHECKS = {
  swap: findSwap,
  kill: killOne,
  clock: skewOne,
  array: runArray,
  compare,
};

if (import.meta.main) {
  await using cluster = await startSlurm();
  await writeProgram(cluster);
  for (const [name, run] of Object.entries(CHECKS)) {
    if (Deno.args.length === 0 || Deno.args.includes(name)) await run(cluster);
  }
  Deno.exitCode = failures === 0 ? 0 : 1;
}
