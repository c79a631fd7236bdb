// Holds the layout: every module of lib/ has a row in the table below, imports
// go down the layers and never in a circle, and pure modules take time, chance
// and sending as parameters. To add a module, add its row.
import { assertEquals } from "@std/assert";

/** The layers from the bottom up; a module imports from its own layer and those before it. */
const LAYERS = ["foundation", "domain", "report", "io"] as const;
type Layer = typeof LAYERS[number];

/** The module of each layer, sorted by name; only `io` touches the world outside. */
const MODULES: Readonly<Record<string, Layer>> = {
  "ab_measure.ts": "domain",
  "answer.ts": "domain",
  "baseline.ts": "domain",
  "baseline_csv.ts": "domain",
  "baseline_files.ts": "io",
  "baseline_update.ts": "report",
  "bench_command.ts": "io",
  "bench_flags.ts": "io",
  "bench_outputs.ts": "io",
  "bench_plan.ts": "io",
  "bench_record.ts": "domain",
  "bench_run.ts": "io",
  "byte_store.ts": "foundation",
  "calibration.ts": "io",
  "change_points.ts": "foundation",
  "chart_svg.ts": "report",
  "client_limit.ts": "domain",
  "command_line.ts": "io",
  "command_spec.ts": "foundation",
  "comparison.ts": "domain",
  "completions.ts": "foundation",
  "conditions.ts": "domain",
  "confirm.ts": "domain",
  "distributions.ts": "foundation",
  "drift.ts": "domain",
  "driver.ts": "domain",
  "endpoint_client.ts": "io",
  "engine.ts": "domain",
  "engine_answers.ts": "domain",
  "engine_cost.ts": "domain",
  "engine_faults.ts": "domain",
  "engine_info.ts": "domain",
  "engine_options.ts": "domain",
  "engine_prompts.ts": "domain",
  "engine_request.ts": "domain",
  "engine_scores.ts": "domain",
  "environment.ts": "io",
  "escape.ts": "foundation",
  "escape_markup.ts": "foundation",
  "failure.ts": "foundation",
  "flag_value.ts": "foundation",
  "flags.ts": "foundation",
  "garbage.ts": "io",
  "gate.ts": "domain",
  "gate_ab.ts": "domain",
  "gate_flags.ts": "domain",
  "gate_noise.ts": "domain",
  "gate_notes.ts": "domain",
  "gate_rule.ts": "domain",
  "gate_spread.ts": "domain",
  "gate_verdict.ts": "domain",
  "github_api.ts": "io",
  "github_request.ts": "io",
  "health.ts": "domain",
  "help.ts": "foundation",
  "histogram.ts": "foundation",
  "history.ts": "domain",
  "history_files.ts": "io",
  "http_client.ts": "io",
  "http_connection.ts": "io",
  "http_counters.ts": "domain",
  "http_decode.ts": "domain",
  "http_dial.ts": "io",
  "http_dialer.ts": "io",
  "http_exchange.ts": "domain",
  "http_head.ts": "domain",
  "http_pool.ts": "io",
  "http_request.ts": "domain",
  "http_response.ts": "domain",
  "http_sweep.ts": "io",
  "interrupt.ts": "io",
  "intervals.ts": "foundation",
  "known_load.ts": "domain",
  "launch.ts": "io",
  "likeness.ts": "domain",
  "load.ts": "io",
  "load_figures.ts": "domain",
  "load_observer.ts": "domain",
  "load_worker.ts": "io",
  "measure.ts": "domain",
  "metrics.ts": "domain",
  "nightly_command.ts": "domain",
  "nightly_mark.ts": "domain",
  "nightly_plan.ts": "domain",
  "nightly_text.ts": "report",
  "nightly_verdict.ts": "domain",
  "null_server.ts": "io",
  "outcome.ts": "foundation",
  "pacing.ts": "domain",
  "passes.ts": "domain",
  "poison.ts": "domain",
  "profiles.ts": "domain",
  "progress.ts": "report",
  "ramp.ts": "domain",
  "report_charts.ts": "report",
  "report_command.ts": "domain",
  "report_comparison.ts": "report",
  "report_csv.ts": "report",
  "report_formats.ts": "report",
  "report_html.ts": "report",
  "report_junit.ts": "report",
  "report_markdown.ts": "report",
  "report_page.ts": "report",
  "report_run.ts": "report",
  "report_stress.ts": "report",
  "report_stress_page.ts": "report",
  "report_stress_text.ts": "report",
  "report_table.ts": "report",
  "report_trend.ts": "report",
  "report_view.ts": "report",
  "result.ts": "domain",
  "rng.ts": "foundation",
  "run_file.ts": "domain",
  "same_run.ts": "domain",
  "sample_charts.ts": "report",
  "samples.ts": "domain",
  "scenarios.ts": "domain",
  "score.ts": "domain",
  "secret.ts": "foundation",
  "secret_source.ts": "io",
  "server_reading.ts": "domain",
  "server_watch.ts": "io",
  "settle.ts": "domain",
  "simulator.ts": "io",
  "simulator_server.ts": "io",
  "simulator_worker.ts": "io",
  "slo.ts": "domain",
  "stats.ts": "foundation",
  "store.ts": "io",
  "stored_run.ts": "domain",
  "stress_charts.ts": "report",
  "stress_command.ts": "io",
  "stress_context.ts": "domain",
  "stress_file.ts": "domain",
  "stress_flags.ts": "io",
  "stress_health.ts": "domain",
  "stress_judge.ts": "domain",
  "stress_mixed.ts": "domain",
  "stress_outputs.ts": "io",
  "stress_poison.ts": "domain",
  "stress_progress.ts": "domain",
  "stress_ramp.ts": "domain",
  "stress_recovery.ts": "domain",
  "stress_reference.ts": "domain",
  "stress_result.ts": "domain",
  "stress_run.ts": "domain",
  "target.ts": "io",
  "target_flags.ts": "io",
  "timeline.ts": "domain",
  "trend.ts": "domain",
  "trend_charts.ts": "report",
  "trend_text.ts": "report",
  "truth.ts": "domain",
  "validity.ts": "domain",
  "wait.ts": "io",
  "workload.ts": "domain",
  "wrap.ts": "foundation",
};

/** Aim for 300 lines; at this many a file has to be split. */
const MAX_LINES = 400;

const OUTSIDE_REGEXP =
  /"node:|\b(?:Deno\.|fetch\(|console\.|Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|setInterval|new Worker)/;
const COMMENT_REGEXP = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm;
const IMPORT_REGEXP =
  /^(?:import|export)\s+(type\s)?[^;]*?from\s+"\.\/([^"]+)"/gm;
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

function readModules(folder: URL): Module[] {
  return [...Deno.readDirSync(folder)]
    .filter((entry) => entry.isFile && entry.name.endsWith(".ts"))
    .map(({ name }) => {
      const text = Deno.readTextFileSync(new URL(name, folder));
      return {
        name,
        code: text.replace(COMMENT_REGEXP, ""),
        lines: text.split("\n").length - 1,
        imports: [...text.matchAll(IMPORT_REGEXP)].map((
          [, type, target = ""],
        ) => ({
          name: target,
          isType: type !== undefined,
        })),
      };
    })
    .toSorted((left, right) => left.name < right.name ? -1 : 1);
}

const ROOT = new URL("../", import.meta.url);
const SCRIPTS = readModules(ROOT);
const LIBRARY = readModules(new URL("lib/", ROOT));

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
      .filter((target) => !target.isType && rankOf(target.name) > rankOf(name))
      .map((target) => `${name} imports ${target.name}`)
  );
  assertEquals(upward, []);
});

Deno.test("lib/ modules do not import each other in a circle", () => {
  const circles = LIBRARY.map((module) => circleFrom(module.name, []));
  assertEquals(circles.filter((circle) => circle !== undefined), []);
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
