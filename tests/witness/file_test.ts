import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UsageError } from "../../lib/failure.ts";
import { followFile } from "../../lib/witness/file.ts";

/** A log file in a folder of its own. */
async function makeLog(text: string) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/server.log`;
  await Deno.writeTextFile(path, text);
  return {
    path,
    append: (more: string) => Deno.writeTextFile(path, more, { append: true }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("followFile() reads from the start, and what is appended, each once", async () => {
  await using log = await makeLog("one\n");
  using source = await followFile(log.path, "start");
  assertEquals(await source.read(), { text: "one\n", gap: null });
  assertEquals(await source.read(), { text: "", gap: null });
  await log.append("tw");
  assertEquals(await source.read(), { text: "tw", gap: null });
  await log.append(`o ü ${"x".repeat(3_000_000)}\n`);
  const { text, gap } = await source.read();
  assertEquals([text.length, text.slice(0, 4), gap], [3_000_005, "o ü ", null]);
});

Deno.test("followFile() reads from the end on, and shows the start", async () => {
  await using log = await makeLog("server_args=ServerArgs(port=1)\nold\n");
  using source = await followFile(log.path, "end");
  assertEquals(source.head, "server_args=ServerArgs(port=1)\nold\n");
  await log.append("new\n");
  assertEquals(await source.read(), { text: "new\n", gap: null });
});

Deno.test("followFile() keeps characters whole that are written in two pieces", async () => {
  await using log = await makeLog("");
  using source = await followFile(log.path, "start");
  const bytes = new TextEncoder().encode("→");
  await Deno.writeFile(log.path, bytes.subarray(0, 1), { append: true });
  assertEquals((await source.read()).text, "");
  await Deno.writeFile(log.path, bytes.subarray(1), { append: true });
  assertEquals((await source.read()).text, "→");
});

Deno.test("followFile() tells a log that was rotated, and goes on with the new one", async () => {
  await using log = await makeLog("one\n");
  using source = await followFile(log.path, "start");
  await source.read();
  await Deno.rename(log.path, `${log.path}.1`);
  await Deno.writeTextFile(log.path, "two\n");
  assertEquals(await source.read(), {
    text: "two\n",
    gap: "it was replaced (rotated)",
  });
  await log.append("three\n");
  assertEquals(await source.read(), { text: "three\n", gap: null });
});

Deno.test("followFile() tells a log that was cut short, also where it has grown again", async () => {
  await using log = await makeLog("one and two\n");
  using source = await followFile(log.path, "start");
  await source.read();
  const cut = { gap: "it was cut short or written anew" };
  await Deno.writeTextFile(log.path, "new\n");
  assertEquals(await source.read(), { text: "new\n", ...cut });
  await Deno.writeTextFile(log.path, "longer than it was before\n");
  assertEquals(await source.read(), {
    text: "longer than it was before\n",
    ...cut,
  });
  await Deno.truncate(log.path);
  assertEquals(await source.read(), { text: "", ...cut });
  assertEquals(await source.read(), { text: "", gap: null });
});

Deno.test("followFile() tells a log that is gone, and one that comes back", async () => {
  await using log = await makeLog("one\n");
  using source = await followFile(log.path, "start");
  await source.read();
  await Deno.remove(log.path);
  assertMatch((await source.read()).gap ?? "", /^it cannot be read: /);
  await Deno.writeTextFile(log.path, "two\n");
  const back = await source.read();
  assertEquals([back.text, back.gap === null], ["two\n", false]);
});

Deno.test("followFile() refuses what is no file", async () => {
  for (const path of ["/tmp/none/such.log", "/tmp", "/dev/null"]) {
    const error = await assertRejects(
      () => followFile(path, "end"),
      UsageError,
    );
    assertMatch(error.message, /^Cannot read the log of the server '\//);
  }
});
