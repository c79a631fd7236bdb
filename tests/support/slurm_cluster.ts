/**
 * A real Slurm on this machine, for as long as a test needs it: munged, slurmctld and four slurmd on 127.0.0.1, with a
 * key, ports and folders of their own. Needs Debian's slurm-wlm and munge, and root.
 *
 * @module
 */

/** A cluster that runs; disposing ends its processes and removes its folder. */
export interface SlurmCluster extends AsyncDisposable {
  /** Its folder, which all its nodes see. */
  readonly path: string;
  /** What Slurm's commands need to find it. */
  readonly env: Readonly<Record<string, string>>;
}

const NODES = 4;
const FIRST_PORT = 27_817;
/** The daemons need a second or two; a busy machine more. */
const PATIENCE_MS = 60_000;

/**
 * Starts a cluster.
 *
 * @throws {Error} If a program is missing, or the nodes do not come up.
 */
export async function startSlurm(): Promise<SlurmCluster> {
  const path = await Deno.makeTempDir({ dir: "/tmp", prefix: "slurm-" });
  const socket = `${path}/munge.socket`;
  const config = `${path}/slurm.conf`;
  const env = { "SLURM_CONF": config };
  const daemons: Deno.ChildProcess[] = [];
  const start = (program: string, ...args: string[]) => {
    const daemon = new Deno.Command(program, {
      ...{ args, env, stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    daemons.push(daemon);
  };
  const cluster: SlurmCluster = {
    ...{ path, env },
    async [Symbol.asyncDispose]() {
      for (const daemon of daemons.toReversed()) {
        try {
          daemon.kill("SIGTERM");
        } catch {
          // It has ended.
        }
        await daemon.status;
      }
      await Deno.remove(path, { recursive: true });
    },
  };
  try {
    const key = crypto.getRandomValues(new Uint8Array(128));
    await Deno.writeFile(`${path}/munge.key`, key, { mode: 0o400 });
    await Deno.mkdir(`${path}/state`);
    await Deno.chmod(path, 0o755);
    await Deno.writeTextFile(config, await describeCluster(path, socket));
    start(
      "munged",
      ...["--foreground", "--force", `--key-file=${path}/munge.key`],
      ...[`--socket=${socket}`, `--pid-file=${path}/munged.pid`],
      ...[`--log-file=${path}/munged.log`, `--seed-file=${path}/munged.seed`],
    );
    await until(async () =>
      await Deno.stat(socket).then(() => true, () => false)
    );
    start("slurmctld", "-D", "-f", config);
    for (let node = 0; node < NODES; node++) {
      start("slurmd", "-D", "-f", config, "-N", `n${node}`);
    }
    await until(async () => {
      const { stdout } = await new Deno.Command("sinfo", {
        ...{ args: ["-h", "-N", "-o", "%T"], env, stderr: "null" },
      }).output();
      const states = new TextDecoder().decode(stdout).trim().split("\n");
      return states.filter((state) => state === "idle").length === NODES;
    });
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() > limitMs) throw new Error(`Never came: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function describeCluster(path: string, socket: string): Promise<string> {
  const { stdout } = await new Deno.Command("hostname", { args: ["-s"] })
    .output();
  const host = new TextDecoder().decode(stdout).trim();
  const nodes = Array.from(
    { length: NODES },
    (_, node) =>
      `NodeName=n${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${
        FIRST_PORT + 1 + node
      } CPUs=2 State=UNKNOWN`,
  );
  return [
    "ClusterName=scorebench",
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${FIRST_PORT}`,
    ...["SlurmUser=root", "SlurmdUser=root", "AuthType=auth/munge"],
    `AuthInfo=socket=${socket}`,
    `StateSaveLocation=${path}/state`,
    `SlurmdSpoolDir=${path}/spool-%n`,
    `SlurmctldPidFile=${path}/slurmctld.pid`,
    `SlurmdPidFile=${path}/slurmd-%n.pid`,
    `SlurmctldLogFile=${path}/slurmctld.log`,
    `SlurmdLogFile=${path}/slurmd-%n.log`,
    ...["ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none"],
    ...["SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU"],
    ...["SlurmdParameters=config_overrides", "MpiDefault=none"],
    ...["ReturnToService=2", "SwitchType=switch/none", "KillWait=2"],
    ...nodes,
    `PartitionName=all Nodes=n[0-${NODES - 1}] Default=YES State=UP`,
    "",
  ].join("\n");
}
