import { assertEquals } from "@std/assert";
import { makeTestFolder } from "../support/bench_runner.ts";

Deno.test("checkBaselineUpdate() does not take a baseline that it may not read for a new one", async () => {
  await using folder = await makeTestFolder();
  const files = new URL("../../lib/baseline/files.ts", import.meta.url).href;
  const baseline = `${folder.path}/a.json`;
  await Deno.writeTextFile(baseline, "damaged");
  const script = `${folder.path}/check.ts`;
  await Deno.writeTextFile(
    script,
    `import { checkBaselineUpdate } from "${files}";
    const { stat } = Deno;
    // Only the baseline itself may not be read.
    Deno.stat = (path) => path === "${baseline}"
      ? Promise.reject(new Deno.errors.NotCapable("Requires read access"))
      : stat(path);
    await checkBaselineUpdate("${baseline}")
      .then(() => console.log("new"), (error) => console.log(error.message));`,
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-read"],
      ...[`--allow-write=${folder.path}`, script],
    ],
    stderr: "null",
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout),
    `Cannot write '${baseline}': Deno was not allowed to. Add --allow-read=${folder.path} to the deno command\n`,
  );
});
