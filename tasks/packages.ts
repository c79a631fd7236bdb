// deno-lint-ignore-file no-console
/**
 * Chooses where `@std/*` and `@cliffy/table` come from: JSR, or the folder `stand_ins/` where JSR does not serve them.
 *
 * The stand-ins are in use while `results/offline` is a link to them: deno.json takes what is in it as members of the
 * workspace, which go before packages of the same names. Nothing is imported here that comes from JSR.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };

/** For how long JSR is asked, unless it is forced; a host that swallows packets never answers. */
const LIMIT_MS = 10_000;
const ROOT = new URL("../", import.meta.url);
const LINK = new URL("results/offline", ROOT);

/** Takes `jsr` or `stand-ins`, or no word to try JSR first; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const choice = args.join(" ");
  if (!["", "jsr", "stand-ins"].includes(choice)) {
    console.error(
      `Cannot take the packages of ${
        JSON.stringify(choice)
      }: SCORE_PACKAGES is jsr, stand-ins or not set`,
    );
    return 2;
  }
  const problem = choice === "stand-ins"
    ? "SCORE_PACKAGES asks for them"
    : await fetchPackages(choice === "jsr" ? null : LIMIT_MS);
  if (problem === null) {
    await unlink();
    return 0;
  }
  if (choice === "jsr") {
    console.error(`Cannot take the packages of JSR: ${problem}`);
    return 3;
  }
  await link();
  console.error(`Packages: the stand-ins of stand_ins/ (${problem})`);
  return 0;
}

/** Fetches the packages from JSR and completes deno.lock; returns null, or why they are not there. */
async function fetchPackages(limitMs: number | null): Promise<string | null> {
  // Without the workspace, so that a link that is there may stay: a task beside this one may read by it.
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const { imports } = config;
    await Deno.writeTextFile(path, JSON.stringify({ imports }));
    const signal = limitMs === null ? null : AbortSignal.timeout(limitMs);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--config", path, "--lock=deno.lock", "tasks/imports.ts"],
      cwd: ROOT,
      env: { "NO_COLOR": "1" },
      stdin: "null",
      stdout: "null",
      ...(signal === null ? {} : { signal }),
    }).output();
    if (success) return null;
    if (signal?.aborted) {
      return `JSR did not answer within ${
        LIMIT_MS / 1000
      } s; SCORE_PACKAGES=stand-ins does not ask it`;
    }
    const said = new TextDecoder().decode(stderr);
    return /^error: (.+)$/m.exec(said)?.[1] ?? said.trim();
  } finally {
    await Deno.remove(path);
  }
}

/** Puts the link there in one step, also where a task beside this one does the same. */
async function link(): Promise<void> {
  await Deno.mkdir(new URL("./", LINK), { recursive: true });
  const next = new URL(`${LINK.href}-${crypto.randomUUID()}`);
  await Deno.symlink("../stand_ins", next);
  await Deno.rename(next, LINK);
}

async function unlink(): Promise<void> {
  try {
    await Deno.remove(LINK);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
