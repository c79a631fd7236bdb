import { assertEquals } from "@std/assert";
import { listenForInterrupts } from "../../lib/cli/interrupt.ts";

const INTERRUPT = new URL("../../lib/cli/interrupt.ts", import.meta.url).href;

/** Says the word of each signal that fires; ends at the second. */
const SCRIPT = `import { listenForInterrupts } from "${INTERRUPT}";
  using interrupts = listenForInterrupts();
  console.log("listening");
  interrupts.first.addEventListener("abort", () => console.log("first"));
  const left = Promise.withResolvers();
  interrupts.second.addEventListener("abort", () => left.resolve());
  const life = setInterval(() => {}, 1000);
  await left.promise;
  clearInterval(life);
  console.log("second");`;

/** Sends signals one after the other, the next when the script has said a line; returns what it said. */
async function answersTo(signals: readonly Deno.Signal[]): Promise<string[]> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", SCRIPT],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const said: string[] = [];
  const left = [...signals];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said.push(...text.trim().split("\n"));
    const next = left.shift();
    if (next !== undefined) child.kill(next);
  }
  return said;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
  Deno.test(`listenForInterrupts() hears ${signal}`, async () => {
    assertEquals(
      await answersTo([signal, "SIGINT"]),
      ["listening", "first", "second"],
    );
  });
}

Deno.test("listenForInterrupts() takes the second SIGHUP of a lost session for the first", () => {
  const heard: (() => void)[] = [];
  const { addSignalListener, removeSignalListener } = Deno;
  const removed: Deno.Signal[] = [];
  Deno.addSignalListener = (signal, hear) => {
    // As on a platform without it.
    if (signal === "SIGQUIT") throw new TypeError("no such signal");
    if (signal === "SIGHUP" || signal === "SIGINT") heard.push(hear);
  };
  Deno.removeSignalListener = (signal) => {
    removed.push(signal);
  };
  try {
    using interrupts = listenForInterrupts();
    const [interrupt, hangUp] = heard;
    hangUp?.();
    hangUp?.();
    assertEquals(
      [interrupts.first.aborted, interrupts.second.aborted],
      [true, false],
    );
    interrupt?.();
    assertEquals(interrupts.second.aborted, true);
  } finally {
    Object.assign(Deno, { addSignalListener, removeSignalListener });
  }
  assertEquals(removed, ["SIGINT", "SIGTERM", "SIGHUP"]);
});
