import { assertEquals } from "@std/assert";

const COMMAND_LINE =
  new URL("../../lib/cli/command_line.ts", import.meta.url).href;

Deno.test("complain(), advise() and the progress go quiet when stderr is closed", async () => {
  const script =
    `import { advise, complain, startProgress } from "${COMMAND_LINE}";
    // stderr has no reader from here on.
    for await (const _ of Deno.stdin.readable) { /* until it is closed */ }
    const progress = startProgress(false);
    for (let i = 0; i < 3; i++) progress.note("step");
    advise("advice");
    console.log(complain("problem", 3));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stderr.cancel();
  await child.stdin.close();
  const said = await new Response(child.stdout).text();
  const { code } = await child.status;
  assertEquals([code, said], [0, "3\n"]);
});
