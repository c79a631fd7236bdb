// Deno allows the network at a Unix socket by its exact path alone, and every run has a path of its own:
// the tests run in a child that may use theirs.
import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { createHttpClient } from "../../lib/http/client.ts";
import { makeTestFolder, runMain } from "../support/bench_runner.ts";
import { bodyText, failed, OK, post } from "../support/client_probe.ts";
import {
  answerAll,
  httpAnswer,
  startScriptedServer,
} from "../support/scripted_server.ts";

const [unixSocketPath] = Deno.args;

if (unixSocketPath === undefined) {
  Deno.test("Unix sockets: the tests pass in a child that may use a path of this run", async () => {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    try {
      const path = `${folder}/server.sock`;
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["test", "--no-prompt", "--trace-leaks"],
          `--allow-net=127.0.0.1,unix:${path},unix:${path}.none`,
          ...["--allow-read", `--allow-write=results,${folder}`],
          ...["--allow-run", import.meta.url, "--", path],
        ],
        env: { "NO_COLOR": "1" },
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      const said = decoder.decode(stdout) + decoder.decode(stderr);
      assertEquals(code, 0, said);
      assertStringIncludes(said, "2 passed");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
} else {
  Deno.test("HttpClient.send() uses a Unix socket", async () => {
    await using server = startScriptedServer(answerAll(OK), { unixSocketPath });
    const url = new URL("http://engine/");
    await using client = createHttpClient({ url, unixSocketPath });
    assertEquals(bodyText(await post(client)), "ok");
    assertStringIncludes(
      server.requests[0]?.head ?? "",
      "\r\nhost: engine\r\n",
    );
    const nowhere = `${unixSocketPath}.none`;
    await using missing = createHttpClient({ url, unixSocketPath: nowhere });
    const failure = failed(await post(missing));
    assertEquals(failure.outcome, "connect");
    assertStringIncludes(failure.message, `Cannot connect to ${nowhere}`);
  });

  Deno.test("main() measures over a Unix socket", async () => {
    await using folder = await makeTestFolder();
    const answer = '{"scores":[[0.25,0.75]],"model":"m","object":"scoring"}';
    await using server = startScriptedServer(answerAll(httpAnswer(answer)), {
      unixSocketPath,
    });
    const output = `${folder.path}/run.json`;
    const { code, stderr } = await runMain([
      ..."--batch-sizes 1 --num-labels 2 --num-runs 3".split(" "),
      ...["--url", "http://score.internal", "--unix-socket", unixSocketPath],
      ...["-o", output],
    ]);
    assertEquals(code, 0, stderr);
    const run = JSON.parse(await Deno.readTextFile(output));
    assertEquals(run.cells[0]?.summary?.count, 3);
    assertGreater(server.requests.length, 3);
  });
}
