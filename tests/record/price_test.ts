import { assertAlmostEquals, assertEquals } from "@std/assert";
import { priceOf, usdPerMillion } from "../../lib/record/price.ts";
import { runsToCsv } from "../../lib/report/run/text.ts";
import { shownColumns } from "../../lib/report/columns.ts";
import { viewOfRun } from "../../lib/report/view.ts";
import { exampleRun } from "../support/example_run.ts";

Deno.test("usdPerMillion() is that of a v6e-1 at $0.64 an hour", () => {
  // 35.69 and 506.62 items/s were $4.98 and $0.35 a million.
  const price = { usdPerHour: 0.64, chips: 1 };
  assertAlmostEquals(usdPerMillion(price, 35.69), 4.98, 0.005);
  assertAlmostEquals(usdPerMillion(price, 506.62), 0.35, 0.005);
});

Deno.test("a price adds columns to the table and to the CSV, and nothing without one", () => {
  const run = exampleRun();
  const titles = (of: typeof run) =>
    shownColumns(viewOfRun(of)).map(({ title }) => title)
      .filter((title) => /USD|chip/.test(title));
  assertEquals(priceOf(run), null);
  assertEquals(titles(run), []);
  const priced = {
    ...run,
    options: { ...run.options, pricePerHour: 3.6 },
    metadata: { ...run.metadata, "tp_size": 4 },
  };
  assertEquals(titles(priced), ["USD/1M items", "IPS/chip"]);
  const [head, row] = runsToCsv([priced]).split("\r\n").map((line) =>
    line.split(",")
  );
  const ips = Number(row?.[head?.indexOf("throughput_ips") ?? 0]);
  const usd = Number(row?.[head?.indexOf("usd_per_million_items") ?? 0]);
  assertAlmostEquals(usd, 1000 / ips, 1e-9);
  const chip = Number(row?.[head?.indexOf("items_per_sec_per_chip") ?? 0]);
  assertAlmostEquals(chip, ips / 4, 1e-9);
});
