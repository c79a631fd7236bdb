// Opens the pages in a real browser, where one is installed: Debian's chromium, or Chrome.
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { historyRun } from "../../lib/history/runs.ts";
import { renderJunit } from "../../lib/report/junit.ts";
import { renderHtml } from "../../lib/report/run/page.ts";
import { renderStressPage } from "../../lib/report/stress/page.ts";
import { renderTrend } from "../../lib/report/trend/page.ts";
import { viewOfRun } from "../../lib/report/view.ts";
import { makeTestFolder } from "../support/bench_runner.ts";
import { makeHistory, PLANTED } from "../support/example_history.ts";
import {
  BENCH_VIEW,
  COMPARED_VIEW,
  MODELS_VIEW,
  OTHER_VIEW,
} from "../support/example_views.ts";
import { exampleStressRun } from "../support/example_stress.ts";
import { hostileRun, NASTY } from "../support/hostile_run.ts";
import type { PageFindings, PageTask } from "../support/page_checker.ts";

const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const browser = BROWSERS.find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}) ?? null;

/** Screenshots stay there, to be looked at; those of the last run. */
const KEPT = "results/pages";

/** The pages, and how many charts each has. */
async function makePages(): Promise<Record<string, [string, number]>> {
  const runs = makeHistory("pages", PLANTED.shape)
    .flatMap((run, night) => historyRun(run, `${night}.json`) ?? []);
  const stress = exampleStressRun({ warnings: [NASTY] });
  const history = { runs, broken: [{ path: NASTY, reason: NASTY }], unfit: [] };
  return {
    // The changes, two charts of curves, and the samples of each of the six cells.
    run: [await renderHtml([viewOfRun(hostileRun())]), 9],
    // Each of the two label counts, throughput and latency; the samples of two times six cells.
    models: [await renderHtml([viewOfRun(MODELS_VIEW)]), 16],
    // The same of two runs.
    runs: [
      await renderHtml([viewOfRun(BENCH_VIEW), viewOfRun(OTHER_VIEW)]),
      16,
    ],
    // The forest plot, two charts of curves, six cells.
    compared: [await renderHtml([viewOfRun(COMPARED_VIEW)]), 9],
    // All cells together, and each of the 18.
    history: [(await renderTrend(history)).html, 19],
    // The ramp, and one load over time.
    stress: [await renderStressPage([stress]), 2],
  };
}

async function open(
  folder: string,
  tasks: readonly PageTask[],
): Promise<{ findings: PageFindings[]; xml: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-all",
      "tests/support/page_checker.ts",
      browser ?? "",
      JSON.stringify(tasks),
      folder,
    ],
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name:
    "pages are drawn, legible and quiet at 390, 900 and 1400 pixels, light and dark (needs chromium)",
  ignore: browser === null,
  async fn() {
    await using folder = await makeTestFolder();
    const pages = await makePages();
    const tasks: PageTask[] = [];
    for (const [name, [html]] of Object.entries(pages)) {
      await Deno.writeTextFile(`${folder.path}/${name}.html`, html);
      const path = await Deno.realPath(`${folder.path}/${name}.html`);
      for (const width of [390, 900, 1400]) {
        for (const scheme of ["light", "dark"] as const) {
          tasks.push({ path, name, width, scheme });
        }
      }
    }
    await Deno.writeTextFile(
      `${folder.path}/run.xml`,
      renderJunit([viewOfRun(hostileRun())]),
    );
    const { findings, xml } = await open(folder.path, tasks);
    await Deno.mkdir(KEPT, { recursive: true });
    for (const { name } of Deno.readDirSync(folder.path)) {
      await Deno.rename(`${folder.path}/${name}`, `${KEPT}/${name}`);
    }
    assertEquals(xml, "");
    assertEquals(findings.length, tasks.length);
    for (const { task, ...found } of findings) {
      const where = `${task.name} ${task.width} ${task.scheme}`;
      assertEquals(
        {
          messages: found.messages,
          requests: found.requests,
          overflow: Math.max(0, found.overflow),
          charts: found.charts,
          printedCharts: found.printedCharts,
          cut: found.cut,
          overlaps: found.overlaps,
          foreign: found.foreign,
        },
        {
          messages: [],
          requests: [],
          overflow: 0,
          charts: pages[task.name]?.[1] ?? 0,
          printedCharts: pages[task.name]?.[1] ?? 0,
          cut: [],
          overlaps: [],
          foreign: 0,
        },
        where,
      );
      assertGreaterOrEqual(found.smallestTextPx, 11.5, where);
      // WCAG 2.2, 1.4.3.
      assertGreaterOrEqual(found.lowestContrast, 4.5, where);
      assert(
        task.scheme === "dark"
          ? found.paperLightness < 0.05
          : found.paperLightness > 0.8,
        where,
      );
    }
  },
});
