/**
 * Finds out where a run happens: machine, commit, accelerator. What cannot be found is "unknown".
 *
 * @module
 */

/** What this machine is and runs, as far as Deno was allowed to look. */
export interface Environment {
  /** Operating system, release and processor, for example `linux 6.1.0 x86_64`. */
  readonly platform: string;
  /** The short commit of the working directory, or "unknown". */
  readonly commit: string;
  readonly denoVersion: string;
}

/** Describes this machine; needs `--allow-run=git` for the commit and `--allow-sys=osRelease` for the release. */
export async function describeEnvironment(): Promise<Environment> {
  const { os, arch } = Deno.build;
  const release = attempt(() => Deno.osRelease());
  return {
    platform: [os, release, arch].filter((part) => part !== null).join(" "),
    commit: await gitCommit() ?? "unknown",
    denoVersion: Deno.version.deno,
  };
}

/** Runs a program and returns what it prints, or null when it fails or may not be run. */
export type RunProgram = (
  program: string,
  args: readonly string[],
) => Promise<string | null>;

/**
 * Names the accelerator of a server.
 *
 * Looked for in this order: what the server's own information says of its device and number of
 * devices; where the server is on this machine, TPU variables, TPU device files and nvidia-smi.
 * The server's word for the kind ("tpu") is made finer by the machine's ("tpu-v6e-4") only when
 * the server is local. Deno reads nothing below /dev without all permissions, so `ls` is run.
 *
 * @param info The redacted answer of `/get_server_info`, or null.
 * @param isLocal Whether the server runs on this machine.
 * @param run Runs the programs that look.
 * @returns For example `tpu-v6e-4`, `gpu-NVIDIA H100-1x`, `cpu-1x`; null when it cannot be found.
 */
export async function detectHardware(
  info: Readonly<Record<string, unknown>> | null,
  isLocal: boolean,
  run: RunProgram = runProgram,
): Promise<string | null> {
  const device = typeof info?.device === "string" ? info.device : null;
  if (device === "simulated") return device;
  const local = isLocal && device !== "cpu"
    ? await localAccelerator(run)
    : null;
  if (local !== null && (device === null || local.startsWith(kindOf(device)))) {
    return local;
  }
  if (device === null) return null;
  const count = typeof info?.["tp_size"] === "number" ? info["tp_size"] : 1;
  return `${kindOf(device)}-${count}x`;
}

function kindOf(device: string): string {
  return device === "cuda" ? "gpu" : device;
}

async function localAccelerator(run: RunProgram): Promise<string | null> {
  const type = attempt(() => Deno.env.get("TPU_ACCELERATOR_TYPE")) ||
    attempt(() => Deno.env.get("ACCELERATOR_TYPE"));
  if (type) return `tpu-${type}`;
  const chips = linesOf(await run("ls", ["/dev", "/dev/vfio"]))
    .filter((name) => TPU_DEVICE_REGEXP.test(name)).length;
  if (chips > 0) return `tpu-${chips}x`;
  const gpus = linesOf(
    await run("nvidia-smi", ["--query-gpu=name", "--format=csv,noheader"]),
  );
  return gpus[0] === undefined ? null : `gpu-${gpus[0]}-${gpus.length}x`;
}

/** /dev/accel0 on TPUs up to v4, /dev/vfio/0 on later ones. */
const TPU_DEVICE_REGEXP = /^(accel)?\d+$/;

function linesOf(text: string | null): string[] {
  return (text ?? "").split("\n").map((line) => line.trim())
    .filter((line) => line !== "");
}

async function runProgram(
  program: string,
  args: readonly string[],
): Promise<string | null> {
  try {
    const { stdout } = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } catch {
    return null;
  }
}

/** The short commit of the working directory, or null outside a repository. */
async function gitCommit(): Promise<string | null> {
  const commit = (await runProgram("git", ["rev-parse", "--short", "HEAD"]))
    ?.trim() ?? "";
  return /^[0-9a-f]{4,40}$/.test(commit) ? commit : null;
}

/** Runs a look-up that Deno may refuse. */
function attempt<T>(look: () => T): T | null {
  try {
    return look() ?? null;
  } catch {
    return null;
  }
}
