import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { historyRun } from "../../../lib/history/runs.ts";
import type { Run } from "../../../lib/record/run.ts";
import { renderTrend } from "../../../lib/report/trend/page.ts";
import { makeHistory } from "../../support/example_history.ts";
import { NASTY } from "../../support/hostile_run.ts";

async function trendOf(runs: readonly Run[]) {
  return await renderTrend({
    runs: runs.flatMap((run, night) => historyRun(run, `${night}.json`) ?? []),
    broken: [],
    unfit: [],
  });
}

Deno.test("renderTrend() lets nothing of a record through as markup or control", async () => {
  const runs = makeHistory("nasty", {
    nights: 20,
    slowness: (night) => night < 10 ? 1 : 1.5,
  }).map((run, night): Run => ({
    ...run,
    metadata: {
      ...run.metadata,
      "timestamp": `${NASTY.slice(-12)}${NASTY}`,
      "commit_hash": NASTY,
      "hardware": NASTY,
      "tool_version": `${night}${NASTY}`,
    },
    cells: run.cells.map((cell, i) => ({
      ...cell,
      key: { ...cell.key, model: `${i % 2}${NASTY}`, dtype: NASTY },
    })),
  }));
  const { html } = await trendOf(runs);
  // deno-lint-ignore no-control-regex
  assertFalse(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800]/.test(html));
  assertFalse(/<(?:script|img|a|b>&|iframe)\b/i.test(html));
  assertStringIncludes(html, "&#60;img src=x onerror=alert(1)&#62;");
});

Deno.test("renderTrend() names the last good commit, the first bad one, and the versions where they changed", async () => {
  const runs = makeHistory("versions", {
    nights: 30,
    slowness: (night, { batchSize }) =>
      night >= 18 && batchSize === 8 ? 1.25 : 1,
  }).map((run, night): Run => ({
    ...run,
    metadata: {
      ...run.metadata,
      "tool_version": night < 18 ? "0.1.0" : "0.2.0",
    },
  }));
  const { html, lines } = await trendOf(runs);
  assertEquals(lines.length, 2);
  assertEquals(lines[0], "1 open regression, 1 change of level in 30 runs");
  assertStringIncludes(
    lines[1] ?? "",
    "first bad commit c0ffee018 (2026-01-19), last good c0ffee017 (2026-01-18); 12 runs since; before it server 0.0.2, scorebench 0.1.0, Deno 2.9.6, from it on server 0.0.2, scorebench 0.2.0",
  );
  assertStringIncludes(html, "15 cells without a change of their own");
  // 1 / 1.25 - 1 is -20 %, measured with noise.
  const marks = [...html.matchAll(/>(-(?:18|19|20|21)\.\d) %<\/text>/g)];
  assertEquals(marks.length, 3);
  // The list says what the charts say.
  const listed = [...html.matchAll(/<td class="number">(-[\d.]+) %<\/td>/g)]
    .map(([, percent]) => percent);
  assert(marks.some(([, percent]) => listed.includes(percent)), String(listed));
});

Deno.test("renderTrend() shows runs that are not alike as histories of their own", async () => {
  const runs = makeHistory("alike", { nights: 16 }).map((run, night): Run =>
    night % 2 === 0
      ? run
      : { ...run, options: { ...run.options, prefixCache: "hot" } }
  );
  const { html, lines } = await trendOf(runs);
  assertEquals(lines, ["0 open regressions, 0 changes of level in 16 runs"]);
  assertStringIncludes(html, "tpu-v6e-4, server, prefix cache cold");
  assertStringIncludes(html, "tpu-v6e-4, server, prefix cache hot");
});

Deno.test("renderTrend() links commits only where the repository is known, and only what is one", async () => {
  const runs = makeHistory("links", {
    nights: 30,
    slowness: (night) => night >= 18 ? 1.25 : 1,
  }).map((run, night): Run => ({
    ...run,
    metadata: {
      ...run.metadata,
      "commit_hash": night === 17 ? 'x"><b>' : `abcdef${10 + night}`,
    },
  }));
  const history = {
    runs: runs.flatMap((run, night) => historyRun(run, `${night}.json`) ?? []),
    broken: [],
    unfit: [],
  };
  const links = (html: string) =>
    [...html.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)]
      .map(([, href, text]) => [href, text]);
  assertEquals(links((await renderTrend(history)).html), []);
  const { html } = await renderTrend(history, "https://example.com/o/n");
  assertEquals(
    new Set(links(html).map(String)),
    new Set(["https://example.com/o/n/commit/abcdef28,abcdef28"]),
  );
});
