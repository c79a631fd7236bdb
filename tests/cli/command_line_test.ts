import { assertEquals } from "@std/assert";
import { colourVerdicts, isColoured } from "../../lib/cli/command_line.ts";

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

Deno.test("colourVerdicts() colours whole words and leaves the text as it is", () => {
  const text = " 1 | FAIL\n 2 | OK\n 3 | INVALID; WARNING, PASSED, 1 FAILED";
  const coloured = colourVerdicts(text);
  assertEquals(
    coloured,
    " 1 | \x1b[1;31mFAIL\x1b[0m\n 2 | OK\n 3 | \x1b[1;33mINVALID\x1b[0m; WARNING, PASSED, 1 \x1b[1;31mFAILED\x1b[0m",
  );
  // deno-lint-ignore no-control-regex
  assertEquals(coloured.replaceAll(/\x1b\[[\d;]*m/g, ""), text);
});

Deno.test("isColoured() wants a terminal, no NO_COLOR and a TERM that is not dumb", () => {
  const all = { isTerminal: true, noColour: false, term: "xterm" };
  assertEquals(isColoured(all), true);
  assertEquals(isColoured({ ...all, term: undefined }), true);
  assertEquals(isColoured({ ...all, isTerminal: false }), false);
  assertEquals(isColoured({ ...all, noColour: true }), false);
  assertEquals(isColoured({ ...all, term: "dumb" }), false);
});
