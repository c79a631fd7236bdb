import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../lib/failure.ts";
import { openShardFolder } from "../../lib/shards/folder.ts";
import { makeTestFolder } from "../support/bench_runner.ts";

Deno.test("openShardFolder() makes a folder whose files are made once, whole, and have the storage's time", async () => {
  await using parent = await makeTestFolder();
  const path = `${parent.path}/run/1`;
  const folder = await openShardFolder(path);
  assertEquals(await folder.names(), []);
  assertEquals(await folder.read("plan.json"), null);
  assertEquals(await folder.timeOf("plan.json"), null);
  await folder.write("plan.json", "{}");
  await folder.write("plan.json", "[]");
  assertEquals(await folder.read("plan.json"), "[]");
  const claims = await Promise.all(
    Array.from({ length: 8 }, () => folder.claim("claim-0")),
  );
  assertEquals(claims.filter((isMine) => isMine).length, 1);
  await folder.touch("clock-0");
  const { mtime } = await Deno.stat(`${path}/clock-0`);
  assertEquals(await folder.timeOf("clock-0"), mtime?.getTime());
  // No half of a file and no trial is left, and a folder is none.
  await Deno.mkdir(`${path}/shard-1.json`);
  assertEquals(await folder.names(), ["claim-0", "clock-0", "plan.json"]);
});

Deno.test("openShardFolder() refuses what is no folder before anything is sent", async () => {
  await using parent = await makeTestFolder();
  const path = `${parent.path}/file`;
  await Deno.writeTextFile(path, "");
  await assertRejects(() => openShardFolder(path), UsageError, "Cannot write");
});
