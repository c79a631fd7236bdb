import { assertEquals } from "@std/assert";
import { type Guard, startGuard } from "../../lib/server/guard.ts";
import { GUARD_SCRIPT, MARK_VARIABLE } from "../../lib/server/guard_script.ts";
import {
  isAlive,
  makeTestFolder,
  readPids,
  survivorsOf,
  until,
} from "../support/bench_runner.ts";

const isLinux = Deno.build.os === "linux";

/** Above the highest id that Linux gives: killing them hurts nobody. */
const [LEADER, CHILD, GRANDCHILD, STRANGER] = [
  5_000_001,
  5_000_002,
  5_000_003,
  5_000_004,
];

async function mustGuard(
  options?: Parameters<typeof startGuard>[0],
): Promise<Guard> {
  const guard = await startGuard(options);
  if (guard === null) throw new Error("sh cannot be run");
  return guard;
}

/** Starts a shell in a group of its own, marked for the guard. */
function startMarked(guard: Guard, script: string): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", script],
    env: { ...guard.environment },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
}

/** Shell code that starts a stubborn process and tells its id. */
function sleeper(pidFile: string, before = ""): string {
  return `${before} sh -c 'trap "" TERM HUP; echo $$ >> ${pidFile}; exec sleep 600' &\n`;
}

async function untilPids(path: string, count: number): Promise<number[]> {
  await until(async () => {
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.split("\n").length > count;
  });
  return await readPids(path);
}

/** Writes what the system tells of a process, as Linux does. */
async function tellOf(
  folder: string,
  pid: number,
  told: {
    parent: number;
    group?: number;
    name?: string;
    state?: string;
    threads?: number;
    start?: number;
  },
): Promise<void> {
  const { parent, group = LEADER, name = "server", start = 100 } = told;
  const { state = "S", threads = 1 } = told;
  const zeros = (count: number) => Array(count).fill(0).join(" ");
  await Deno.mkdir(`${folder}/${pid}`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/${pid}/stat`,
    `${pid} (${name}) ${state} ${parent} ${group} ${
      zeros(14)
    } ${threads} 0 ${start} ${zeros(30)}\n`,
  );
}

/** Makes a folder that stands in for `/proc`, with a leader. */
async function tellOfLeader(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/self`);
  await Deno.writeTextFile(`${folder}/self/stat`, "");
  await tellOf(folder, LEADER, { parent: 1 });
}

Deno.test("startGuard() ends a group, and what has left it by session or environment", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const guard = await mustGuard();
  const server = startMarked(
    guard,
    sleeper(pidFile) +
      (isLinux ? sleeper(pidFile, "setsid") : "") +
      (isLinux ? sleeper(pidFile, "env -i setsid") : "") +
      "exec sleep 600",
  );
  await guard.watch(server.pid);
  const pids = [
    server.pid,
    ...await untilPids(pidFile, isLinux ? 3 : 1),
  ].toSorted();
  assertEquals((await guard.walk())?.toSorted(), pids);
  assertEquals(await guard.end(), []);
  await guard.close();
  assertEquals(await survivorsOf(pids), []);
  assertEquals((await server.status).signal, "SIGKILL");
});

Deno.test("startGuard() ends what was seen before its parent ended", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const guard = await mustGuard();
  // It empties its environment and leaves its group; only its parent tells whose it is.
  const server = startMarked(
    guard,
    sleeper(pidFile, isLinux ? "env -i setsid" : "env -i") + "wait",
  );
  await guard.watch(server.pid);
  const pids = await untilPids(pidFile, 1);
  await guard.walk();
  await guard.signal(server.pid, "SIGKILL");
  await server.status;
  assertEquals(await guard.walk(), pids);
  assertEquals(await guard.end(), []);
  await guard.close();
  assertEquals(await survivorsOf(pids), []);
});

Deno.test({
  name: "startGuard() ends what was forked twice, by its mark",
  ignore: !isLinux,
  fn: async () => {
    await using folder = await makeTestFolder();
    const pidFile = `${folder.path}/pids`;
    const guard = await mustGuard();
    const server = startMarked(
      guard,
      `setsid sh -c '(${sleeper(pidFile).trim().replaceAll("'", "'\\''")})'`,
    );
    await guard.watch(server.pid);
    const pids = await untilPids(pidFile, 1);
    await server.status;
    assertEquals(await guard.end(), []);
    await guard.close();
    assertEquals(await survivorsOf(pids), []);
  },
});

Deno.test("startGuard() ends all when its input ends, and nothing that is not of the launch", async () => {
  await using folder = await makeTestFolder();
  const other = await mustGuard();
  const bystander = startMarked(other, "exec sleep 600");
  await other.watch(bystander.pid);
  // As this tool starts it, without the tool: who closes its input is the system.
  const child = new Deno.Command("sh", {
    args: ["-c", GUARD_SCRIPT, "guard", "/proc", "10"],
    stdin: "piped",
    stdout: "null",
    detached: true,
  }).spawn();
  const mark = crypto.randomUUID();
  const writer = child.stdin.getWriter();
  const tell = (line: string) =>
    writer.write(new TextEncoder().encode(`${line}\n`));
  await tell(`${MARK_VARIABLE}=${mark}`);
  const pidFile = `${folder.path}/pids`;
  const server = new Deno.Command("sh", {
    args: ["-c", `${sleeper(pidFile)} exec sleep 600`],
    env: { [MARK_VARIABLE]: mark },
    detached: true,
  }).spawn();
  await tell(`leader ${server.pid}`);
  const pids = await untilPids(pidFile, 1);
  await writer.close();
  await child.status;
  assertEquals((await server.status).signal, "SIGKILL");
  assertEquals(await survivorsOf(pids), []);
  assertEquals(await isAlive(bystander.pid), true);
  await other.end();
  await other.close();
  await bystander.status;
});

for (const mark of ["", "x", `${MARK_VARIABLE}=`]) {
  Deno.test(`the guard ends nothing for the mark '${mark}'`, async () => {
    const bystander = new Deno.Command("sleep", {
      args: ["600"],
      env: { [MARK_VARIABLE]: "x" },
      detached: true,
    }).spawn();
    const child = new Deno.Command("sh", {
      args: ["-c", GUARD_SCRIPT, "guard", "/proc", "10"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      detached: true,
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${mark}\nend\n`)).catch(
      () => {},
    );
    await writer.close().catch(() => {});
    const { code, stdout } = await child.output();
    assertEquals([code, stdout.length], [0, 0]);
    assertEquals(await isAlive(bystander.pid), true);
    bystander.kill("SIGKILL");
    await bystander.status;
  });
}

Deno.test("startGuard() does its work with ps where the system has no /proc", async () => {
  await using folder = await makeTestFolder();
  const pidFile = `${folder.path}/pids`;
  const guard = await mustGuard({ processFolder: `${folder.path}/none` });
  const server = startMarked(guard, `${sleeper(pidFile)} exec sleep 600`);
  await guard.watch(server.pid);
  const pids = [server.pid, ...await untilPids(pidFile, 1)].toSorted();
  assertEquals((await guard.walk())?.toSorted(), pids);
  assertEquals(await guard.end(), []);
  await guard.close();
  assertEquals(await survivorsOf(pids), []);
  await server.status;
});

Deno.test("startGuard() names what it cannot end, and reads odd names", async () => {
  await using folder = await makeTestFolder();
  const proc = `${folder.path}/proc`;
  await Deno.mkdir(proc);
  await tellOfLeader(proc);
  await tellOf(proc, CHILD, { parent: LEADER, name: "a) S 1 (b" });
  await tellOf(proc, GRANDCHILD, { parent: CHILD, group: GRANDCHILD });
  await tellOf(proc, STRANGER, { parent: 1, group: STRANGER });
  const guard = await mustGuard({ processFolder: proc, endSeconds: 1 });
  await guard.watch(LEADER);
  const all = [LEADER, CHILD, GRANDCHILD];
  assertEquals((await guard.walk())?.toSorted(), all);
  assertEquals((await guard.end())?.toSorted(), all);
  // A dead process that nobody has waited for is gone, unless threads of it live on.
  await tellOf(proc, LEADER, { parent: 1, state: "Z", threads: 3 });
  await tellOf(proc, CHILD, { parent: 1, state: "Z" });
  assertEquals((await guard.end())?.toSorted(), [LEADER, GRANDCHILD]);
  await guard.close();
});

Deno.test("startGuard() takes an id that was given again for another process", async () => {
  await using folder = await makeTestFolder();
  const proc = `${folder.path}/proc`;
  await Deno.mkdir(proc);
  await tellOfLeader(proc);
  await tellOf(proc, CHILD, { parent: LEADER, group: CHILD });
  const guard = await mustGuard({ processFolder: proc, endSeconds: 1 });
  await guard.watch(LEADER);
  assertEquals((await guard.walk())?.toSorted(), [LEADER, CHILD]);
  await tellOf(proc, LEADER, { parent: 1, start: 200 });
  await tellOf(proc, CHILD, { parent: 1, group: CHILD, start: 200 });
  await tellOf(proc, GRANDCHILD, { parent: 1 });
  assertEquals(await guard.end(), []);
  await guard.close();
});

Deno.test("startGuard() says where it does not answer", async () => {
  const guard = await mustGuard();
  const server = startMarked(guard, "exec sleep 600");
  // Whoever is killed answers no more.
  Deno.kill(guard.pid, "SIGKILL");
  assertEquals(await guard.walk(), null);
  assertEquals(await guard.listener(1), { kind: "unknown" });
  assertEquals(await guard.signal(server.pid, "SIGKILL"), false);
  assertEquals(await guard.end(), null);
  await guard.close();
  server.kill("SIGKILL");
  await server.status;
});
