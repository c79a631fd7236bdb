import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
} from "../../lib/cli/secret_source.ts";
import { UsageError } from "../../lib/failure.ts";
import { makeTestFolder } from "../support/bench_runner.ts";

Deno.test("readApiKey() takes the line of a file without the spaces around it", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/key`;
  for (const text of ["sk-1/a+b=", "  sk-1/a+b=\r\n", "sk-1/a+b=\n\n"]) {
    await Deno.writeTextFile(path, text);
    assertEquals(await readApiKey(path), "sk-1/a+b=");
  }
});

Deno.test("readApiKey() refuses what cannot be a key and does not show it", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/key`;
  for (
    const [text, found] of [
      ["", "nothing"],
      [" \n", "nothing"],
      ["hunter2\nmore", "something else"],
      ["hunter2 two", "something else"],
      ["hunter2é", "something else"],
      ["hunter2\u0000", "something else"],
    ] as const
  ) {
    await Deno.writeTextFile(path, text);
    const error = await assertRejects(() => readApiKey(path));
    assertInstanceOf(error, UsageError);
    assertEquals(
      error.message,
      `Cannot take the key from --api-key-file '${path}': expected one line of visible ASCII characters, found ${found}`,
    );
    assertFalse(error.message.includes("hunter2"));
  }
});

Deno.test("readApiKey() refuses a file that is not there", async () => {
  const error = await assertRejects(() => readApiKey("results/none/key"));
  assertInstanceOf(error, UsageError);
  assertStringIncludes(error.message, "there is no such file");
});

Deno.test("readApiKey() and readEnvironment() find nothing where Deno may not look", async () => {
  assertEquals(readEnvironment("SCORE_API_KEY"), null);
  assertEquals(await readApiKey(undefined), null);
});

Deno.test("readEnvironment() takes an empty variable for an unset one", async () => {
  const source =
    new URL("../../lib/cli/secret_source.ts", import.meta.url).href;
  const script = `import { readEnvironment as r } from "${source}";
    console.log(JSON.stringify([r("SCORE_URL"), r("SCORE_API_KEY")]));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["eval", "--no-lock"],
      script,
    ],
    env: { "SCORE_URL": "", "SCORE_API_KEY": "sk" },
  }).output();
  assertEquals(new TextDecoder().decode(stdout), '[null,"sk"]\n');
});

Deno.test("readCertificates() refuses a file without a certificate", async () => {
  await using folder = await makeTestFolder();
  const path = `${folder.path}/ca.pem`;
  await Deno.writeTextFile(path, "hello");
  const error = await assertRejects(() => readCertificates(path));
  assertInstanceOf(error, UsageError);
  const text = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  await Deno.writeTextFile(path, text);
  assertEquals(await readCertificates(path), [text]);
  assertEquals(await readCertificates(undefined), []);
});

Deno.test("readEnvironment() says once which variable of this tool it may not read", async () => {
  const source =
    new URL("../../lib/cli/secret_source.ts", import.meta.url).href;
  const script = `import { readEnvironment as r } from "${source}";
    console.log(JSON.stringify([r("SCORE_URL"), r("SCORE_URL"), r("OTHER"), r("SCORE_API_KEY")]));`;
  await using folder = await makeTestFolder();
  const path = `${folder.path}/read.ts`;
  await Deno.writeTextFile(path, script);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-env=SCORE_API_KEY", path],
    env: { "SCORE_URL": "http://127.0.0.1:1", "SCORE_API_KEY": "sk" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), '[null,null,null,"sk"]\n');
  assertEquals(
    decoder.decode(stderr).split("\n").filter((line) =>
      line.includes("allowed")
    ),
    ["Deno was not allowed to read SCORE_URL; add --allow-env=SCORE_URL"],
  );
});
