// deno-lint-ignore-file no-console
import { assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../../lib/cli/script.ts";
import { MeasureError, UsageError } from "../../lib/failure.ts";
import { makeTestFolder } from "../support/bench_runner.ts";

Deno.test("runScript() gives each kind of error its exit code, never the 1 of a bad result", async () => {
  const said: string[] = [];
  const { error } = console;
  console.error = (text) => said.push(text);
  try {
    const codeOf = (thrown: unknown) => runScript(() => Promise.reject(thrown));
    assertEquals(await runScript(() => Promise.resolve(130)), 130);
    assertEquals(await codeOf(new UsageError(["one", "two"])), 2);
    assertEquals(await codeOf(new MeasureError("gone")), 3);
    assertEquals(await codeOf(new TypeError("slip")), 3);
    assertEquals(await codeOf("text"), 3);
  } finally {
    console.error = error;
  }
  assertEquals(said.slice(0, 2), ["one\ntwo", "gone"]);
  // What the tool does wrong is told with its place; what a user does wrong is not.
  assertStringIncludes(
    said[2] ?? "",
    "the tool itself failed: TypeError: slip",
  );
  assertStringIncludes(said[2] ?? "", "script_test.ts");
  assertEquals(said[3], "Cannot go on as the tool itself failed: text");
});

Deno.test("runScript() ends with 3 on what nobody waits for", async () => {
  const script = new URL("../../lib/cli/script.ts", import.meta.url).href;
  const code = `import { runScript } from "${script}";
    Deno.exit(await runScript(() => {
      Promise.reject(new Error("nobody waits"));
      return new Promise((resolve) => setTimeout(resolve, 60_000, 0));
    }));`;
  await using folder = await makeTestFolder();
  await Deno.writeTextFile(`${folder.path}/run.ts`, code);
  const { code: exitCode, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", `${folder.path}/run.ts`],
  }).output();
  assertEquals(exitCode, 3);
  assertStringIncludes(
    new TextDecoder().decode(stderr),
    "Cannot go on as the tool itself failed: Error: nobody waits",
  );
});
