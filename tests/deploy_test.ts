import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { loadAll } from "js-yaml";
import config from "../deno.json" with { type: "json" };
import { startSimulator } from "../lib/simulator/start.ts";
import { ZERO_COST } from "../lib/simulator/options.ts";
import { parseStressRun } from "../lib/stress/file.ts";
import { makeTestFolder, outcomeOf } from "./support/bench_runner.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const MANIFEST = Deno.readTextFileSync(`${ROOT}deploy/kubernetes.yaml`);
// deno-lint-ignore no-explicit-any
const [CLAIM, JOB] = loadAll(MANIFEST) as any[];
const [CONTAINER] = JOB.spec.template.spec.containers;
const DENO = `${Deno.execPath()} run ${
  config.tasks.stress.command.split(" ")
    .filter((word) => /^--(?:no-prompt|v8|allow)/.test(word)).join(" ")
}`;

/** Says what Kubernetes' types have against objects, each of a type; its unknown fields too. */
async function typeErrors(claim: unknown, job: unknown): Promise<string> {
  // What lies in results/ is not checked.
  const path = await Deno.makeTempFile({ dir: "/tmp", suffix: ".ts" });
  await Deno.writeTextFile(
    path,
    [
      'import type { Job } from "kubernetes-types/batch/v1";',
      'import type { PersistentVolumeClaim } from "kubernetes-types/core/v1";',
      `export const claim: PersistentVolumeClaim = ${JSON.stringify(claim)};`,
      `export const job: Job = ${JSON.stringify(job)};`,
    ].join("\n"),
  );
  const { code, stderr } = await outcomeOf(
    new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", `${ROOT}deno.json`, path],
      env: { "NO_COLOR": "1" },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn(),
  );
  await Deno.remove(path);
  return code === 0 ? "" : stderr;
}

Deno.test("deploy/kubernetes.yaml is a claim and a Job as Kubernetes' types have them", async () => {
  assertEquals(await typeErrors(CLAIM, JOB), "");
  const { spec } = JOB;
  const errorsOf = (changes: object) =>
    typeErrors(CLAIM, { ...JOB, spec: { ...spec, ...changes } });
  assertStringIncludes(
    await errorsOf({ podFailurPolicy: {} }),
    "podFailurPolicy",
  );
  assertStringIncludes(
    await errorsOf({ backoffLimit: "0" }),
    "'string' is not assignable to type 'number'",
  );
});

Deno.test("deploy/kubernetes.yaml runs each shard once, without privileges, on a volume that all share", () => {
  const { spec } = JOB;
  const pod = spec.template.spec;
  assertEquals(
    [spec.completionMode, spec.backoffLimit, pod.restartPolicy],
    ["Indexed", 0, "Never"],
  );
  assertEquals(spec.completions, spec.parallelism);
  const { env, securityContext, resources } = CONTAINER;
  const variable = (wanted: string) =>
    env.find(({ name }: { name: string }) => name === wanted);
  assertEquals(variable("SHARDS").value, String(spec.completions));
  assertEquals(variable("SCORE_API_KEY").valueFrom.secretKeyRef.optional, true);
  assert(spec.podFailurePolicy.rules.length > 0);
  assertEquals(securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assertEquals(pod.securityContext.runAsNonRoot, true);
  assert(resources.requests.memory && resources.limits.memory);
  assertEquals(CLAIM.spec.accessModes, ["ReadWriteMany"]);
  assertEquals(
    pod.volumes[0].persistentVolumeClaim.claimName,
    CLAIM.metadata.name,
  );
});

Deno.test("the pods of deploy/kubernetes.yaml, played by processes, send one load and merge it", async () => {
  await using folder = await makeTestFolder();
  await using engine = await startSimulator({ ...ZERO_COST, seed: 1 });
  const [script, ...rest] = CONTAINER.args;
  const played = (script as string)
    .replace(/^cp -r .*$/m, `cd '${ROOT}' || exit 3`)
    .replace(
      "/shards/$JOB_NAME",
      () => `${ROOT}${folder.path}/shards/$JOB_NAME`,
    )
    .replaceAll("npx -y deno@2.9.6 task stress", `${DENO} stress.ts`)
    .replaceAll("npx -y deno@2.9.6 task report", `${DENO} report.ts`)
    .replaceAll("results/merged", `${folder.path}/merged`);
  const flags = [
    ...[`--url=${engine.url}`, "--scenario=sustained", "--rate=60"],
    ...["--duration=2", "--batch-sizes=1", "--start-timeout=600"],
  ];
  const pods = await Promise.all([0, 1, 2].map((index) =>
    outcomeOf(
      new Deno.Command(CONTAINER.command[0], {
        args: [...CONTAINER.command.slice(1), played, rest[0], ...flags],
        env: {
          ...{ "NO_COLOR": "1", "SCORE_URL": "", "SHARDS": "3" },
          ...{ "JOB_NAME": "scorebench", "JOB_UID": "uid" },
          "JOB_COMPLETION_INDEX": String(index),
        },
        ...{ stdin: "null", stdout: "piped", stderr: "piped" },
      }).spawn(),
    )
  ));
  const [first, ...others] = pods;
  for (const [i, { code, stderr }] of others.entries()) {
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, `Done: shard ${i + 1} of 3`);
  }
  const run = parseStressRun(
    await Deno.readTextFile(
      `${folder.path}/shards/scorebench-uid/merged.json`,
    ),
  );
  const [result] = run.results;
  assertEquals(result?.plannedRequests, 120);
  assertEquals(result?.goodRequests, 120);
  // On a machine whose cores are all busy a client, or its clock's reading, may be late.
  const kinds = result?.findings.map(({ kind }) => kind) ?? ["none"];
  const isBusy = kinds.length > 0 &&
    kinds.every((kind) =>
      kind === "client limit" || kind === "incomplete load"
    );
  assertEquals(result?.verdict, isBusy ? "INVALID" : "PASS");
  assertEquals(first?.code, isBusy ? 3 : 0, first?.stderr);
  assertMatch(first?.stdout ?? "", /SUSTAINED - duration=2s, target_rps=60/);
});

Deno.test("deploy/slurm.sh passes shellcheck, where that is installed", async (test) => {
  const check = () =>
    new Deno.Command("shellcheck", {
      args: ["deploy/slurm.sh"],
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).output();
  let output: Deno.CommandOutput;
  try {
    output = await check();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await test.step({ name: "is not installed", ignore: true, fn: () => {} });
    return;
  }
  assertEquals(new TextDecoder().decode(output.stdout), "");
  assertEquals(output.code, 0);
});
