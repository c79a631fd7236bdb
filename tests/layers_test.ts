// Holds the layout: every module of lib/ has a row in the table below, imports
// go down the layers and never in a circle, and pure modules take time, chance
// and sending as parameters. To add a module, add its row.
import { assertEquals } from "@std/assert";

/** The layers from the bottom up; a module imports from its own layer and those before it. */
const LAYERS = ["foundation", "domain", "report", "io"] as const;
type Layer = typeof LAYERS[number];

/** The module of each layer, sorted by name; only `io` touches the world outside. */
const MODULES: Readonly<Record<string, Layer>> = {
  "answer.ts": "domain",
  "bench/ab_measure.ts": "domain",
  "bench/bench_plan.ts": "io",
  "bench/bench_record.ts": "domain",
  "bench/bench_run.ts": "io",
  "bench/measure.ts": "domain",
  "bench/profiles.ts": "domain",
  "bench/settle.ts": "domain",
  "cli/command_line.ts": "io",
  "cli/command_spec.ts": "foundation",
  "cli/completions.ts": "foundation",
  "cli/flag_value.ts": "foundation",
  "cli/flags.ts": "foundation",
  "cli/help.ts": "foundation",
  "cli/interrupt.ts": "io",
  "cli/progress.ts": "report",
  "cli/script.ts": "io",
  "cli/secret_source.ts": "io",
  "cli/wrap.ts": "foundation",
  "commands/bench_command.ts": "io",
  "commands/bench_flags.ts": "io",
  "commands/bench_outputs.ts": "io",
  "commands/report_command.ts": "domain",
  "commands/stress_command.ts": "io",
  "commands/stress_flags.ts": "io",
  "commands/stress_outputs.ts": "io",
  "engine/engine.ts": "domain",
  "engine/engine_answers.ts": "domain",
  "engine/engine_cost.ts": "domain",
  "engine/engine_faults.ts": "domain",
  "engine/engine_info.ts": "domain",
  "engine/engine_options.ts": "domain",
  "engine/engine_prompts.ts": "domain",
  "engine/engine_request.ts": "domain",
  "engine/engine_scores.ts": "domain",
  "engine/simulator.ts": "io",
  "engine/simulator_server.ts": "io",
  "engine/simulator_worker.ts": "io",
  "escape.ts": "foundation",
  "failure.ts": "foundation",
  "gate/baseline.ts": "domain",
  "gate/baseline_csv.ts": "domain",
  "gate/baseline_files.ts": "io",
  "gate/baseline_update.ts": "report",
  "gate/comparison.ts": "domain",
  "gate/conditions.ts": "domain",
  "gate/confirm.ts": "domain",
  "gate/drift.ts": "domain",
  "gate/gate.ts": "domain",
  "gate/gate_ab.ts": "domain",
  "gate/gate_flags.ts": "domain",
  "gate/gate_noise.ts": "domain",
  "gate/gate_notes.ts": "domain",
  "gate/gate_rule.ts": "domain",
  "gate/gate_spread.ts": "domain",
  "gate/gate_verdict.ts": "domain",
  "gate/likeness.ts": "domain",
  "gate/stored_run.ts": "domain",
  "gate/validity.ts": "domain",
  "http/byte_store.ts": "foundation",
  "http/http_client.ts": "io",
  "http/http_connection.ts": "io",
  "http/http_counters.ts": "domain",
  "http/http_decode.ts": "domain",
  "http/http_dial.ts": "io",
  "http/http_dialer.ts": "io",
  "http/http_exchange.ts": "domain",
  "http/http_head.ts": "domain",
  "http/http_pool.ts": "io",
  "http/http_request.ts": "domain",
  "http/http_response.ts": "domain",
  "http/http_sweep.ts": "io",
  "load/calibration.ts": "io",
  "load/client_limit.ts": "domain",
  "load/driver.ts": "domain",
  "load/garbage.ts": "io",
  "load/known_load.ts": "domain",
  "load/load.ts": "io",
  "load/load_observer.ts": "domain",
  "load/load_worker.ts": "io",
  "load/null_server.ts": "io",
  "load/pacing.ts": "domain",
  "load/samples.ts": "domain",
  "load/timeline.ts": "domain",
  "load/truth.ts": "domain",
  "load/wait.ts": "io",
  "metrics.ts": "domain",
  "nightly/github_api.ts": "io",
  "nightly/github_request.ts": "io",
  "nightly/nightly_command.ts": "domain",
  "nightly/nightly_mark.ts": "domain",
  "nightly/nightly_plan.ts": "domain",
  "nightly/nightly_text.ts": "report",
  "nightly/nightly_verdict.ts": "domain",
  "outcome.ts": "foundation",
  "passes.ts": "domain",
  "report/chart_svg.ts": "report",
  "report/escape_markup.ts": "foundation",
  "report/history.ts": "domain",
  "report/history_files.ts": "io",
  "report/report_charts.ts": "report",
  "report/report_comparison.ts": "report",
  "report/report_formats.ts": "report",
  "report/report_html.ts": "report",
  "report/report_junit.ts": "report",
  "report/report_markdown.ts": "report",
  "report/report_page.ts": "report",
  "report/report_run.ts": "report",
  "report/report_stress.ts": "report",
  "report/report_stress_page.ts": "report",
  "report/report_stress_text.ts": "report",
  "report/report_table.ts": "report",
  "report/report_trend.ts": "report",
  "report/report_view.ts": "report",
  "report/sample_charts.ts": "report",
  "report/stress_charts.ts": "report",
  "report/trend.ts": "domain",
  "report/trend_charts.ts": "report",
  "report/trend_text.ts": "report",
  "report_csv.ts": "report",
  "result.ts": "domain",
  "run_file.ts": "domain",
  "same_run.ts": "domain",
  "score.ts": "domain",
  "secret.ts": "foundation",
  "stats/change_points.ts": "foundation",
  "stats/distributions.ts": "foundation",
  "stats/histogram.ts": "foundation",
  "stats/humps.ts": "foundation",
  "stats/intervals.ts": "foundation",
  "stats/rng.ts": "foundation",
  "stats/stats.ts": "foundation",
  "store.ts": "io",
  "stress/health.ts": "domain",
  "stress/load_figures.ts": "domain",
  "stress/poison.ts": "domain",
  "stress/ramp.ts": "domain",
  "stress/scenarios.ts": "domain",
  "stress/server_reading.ts": "domain",
  "stress/server_watch.ts": "io",
  "stress/slo.ts": "domain",
  "stress/stress_context.ts": "domain",
  "stress/stress_file.ts": "domain",
  "stress/stress_health.ts": "domain",
  "stress/stress_judge.ts": "domain",
  "stress/stress_mixed.ts": "domain",
  "stress/stress_poison.ts": "domain",
  "stress/stress_progress.ts": "domain",
  "stress/stress_ramp.ts": "domain",
  "stress/stress_recovery.ts": "domain",
  "stress/stress_reference.ts": "domain",
  "stress/stress_result.ts": "domain",
  "stress/stress_run.ts": "domain",
  "target/endpoint_client.ts": "io",
  "target/environment.ts": "io",
  "target/launch.ts": "io",
  "target/target.ts": "io",
  "target/target_flags.ts": "io",
  "workload.ts": "domain",
};

/** Aim for 300 lines; at this many a file has to be split. */
const MAX_LINES = 400;

const OUTSIDE_REGEXP =
  /"node:|\b(?:Deno\.|fetch\(|console\.|Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|setInterval|new Worker)/;
const COMMENT_REGEXP = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm;
const IMPORT_REGEXP =
  /^(?:import|export)\s+(type\s)?[^;]*?from\s+"(\.{1,2}\/[^"]+)"/gm;
const LAST_LINE_REGEXP =
  /\nif \(import\.meta\.main\) Deno\.exit\(await main\(Deno\.args\)\);\n$/;

interface Module {
  readonly name: string;
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly {
    readonly name: string;
    readonly isType: boolean;
  }[];
}

/** Reads the modules of a folder and of those below it, named by their path from `root`. */
function readModules(root: URL, folder = ""): Module[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap((entry) => {
    const name = folder + entry.name;
    if (entry.isDirectory && root === LIB) {
      return readModules(root, `${name}/`);
    }
    if (!entry.isFile || !name.endsWith(".ts")) return [];
    const file = new URL(name, root);
    const text = Deno.readTextFileSync(file);
    return [{
      name,
      code: text.replace(COMMENT_REGEXP, ""),
      lines: text.split("\n").length - 1,
      imports: [...text.matchAll(IMPORT_REGEXP)].map((
        [, type, target = ""],
      ) => ({
        name: new URL(target, file).href.replace(root.href, ""),
        isType: type !== undefined,
      })),
    }];
  }).toSorted((left, right) => left.name < right.name ? -1 : 1);
}

const ROOT = new URL("../", import.meta.url);
const LIB = new URL("lib/", ROOT);
const SCRIPTS = readModules(ROOT);
const LIBRARY = readModules(LIB);

function rankOf(name: string): number {
  const layer = MODULES[name];
  return LAYERS.indexOf(layer ?? "io");
}

function circleFrom(name: string, path: readonly string[]): string | undefined {
  if (path.includes(name)) return [...path, name].join(" > ");
  const module = LIBRARY.find((one) => one.name === name);
  for (const target of module?.imports ?? []) {
    const circle = circleFrom(target.name, [...path, name]);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

Deno.test("lib/ has exactly the modules of the table", () => {
  const files = LIBRARY.map((module) => module.name);
  const rows = Object.keys(MODULES);
  assertEquals({
    filesWithoutRow: files.filter((name) => !rows.includes(name)),
    rowsWithoutFile: rows.filter((name) => !files.includes(name)),
  }, { filesWithoutRow: [], rowsWithoutFile: [] });
  assertEquals(rows, rows.toSorted());
});

Deno.test("lib/ modules import values only from their layer and below", () => {
  const upward = LIBRARY.flatMap(({ name, imports }) =>
    imports
      .filter((target) =>
        !target.isType && target.name in MODULES &&
        rankOf(target.name) > rankOf(name)
      )
      .map((target) => `${name} imports ${target.name}`)
  );
  assertEquals(upward, []);
});

Deno.test("lib/ modules do not import each other in a circle", () => {
  const circles = LIBRARY.map((module) => circleFrom(module.name, []));
  assertEquals(circles.filter((circle) => circle !== undefined), []);
});

Deno.test("lib/ folders do not import values from each other in a circle", () => {
  const folderOf = (name: string) => name.slice(0, name.lastIndexOf("/") + 1);
  const below = Map.groupBy(
    LIBRARY.flatMap(({ name, imports }) =>
      imports
        .filter((target) => !target.isType && target.name in MODULES)
        .map((target) => ({ from: folderOf(name), to: folderOf(target.name) }))
        .filter(({ from, to }) => from !== to)
    ),
    ({ from }) => from,
  );
  const circleOf = (
    folder: string,
    path: readonly string[],
  ): string | undefined =>
    path.includes(folder)
      ? [...path, folder].join(" > ")
      : (below.get(folder) ?? []).map(({ to }) =>
        circleOf(to, [...path, folder])
      ).find((circle) => circle !== undefined);
  assertEquals(
    [...below.keys()].map((folder) => circleOf(folder, [])),
    [...below.keys()].map(() => undefined),
  );
});

Deno.test("lib/ modules below io do not touch the world outside", () => {
  const io = LAYERS.indexOf("io");
  const touches = LIBRARY.filter((module) => rankOf(module.name) < io)
    .map(({ name, code }) => [name, OUTSIDE_REGEXP.exec(code)?.[0]])
    .filter(([, touched]) => touched !== undefined);
  assertEquals(touches, []);
});

Deno.test("files stay short", () => {
  const long = [...SCRIPTS, ...LIBRARY]
    .filter((module) => module.lines > MAX_LINES)
    .map(({ name, lines }) => [name, lines]);
  assertEquals(long, []);
});

Deno.test("Deno.exit() is the last line of each script and nowhere in lib/", () => {
  const exits = (module: Module) => module.code.split("Deno.exit").length - 1;
  const wrong = [
    ...LIBRARY.filter((module) => exits(module) > 0),
    ...SCRIPTS.filter((module) =>
      exits(module) !== 1 || !LAST_LINE_REGEXP.test(module.code)
    ),
  ];
  assertEquals(wrong.map((module) => module.name), []);
});
