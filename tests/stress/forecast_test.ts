import { assertEquals } from "@std/assert";
import { plannedLoads, StressForecast } from "../../lib/stress/forecast.ts";

const OPTIONS = {
  scenarios: ["large-batch", "concurrent", "sustained", "ramp"],
  batchSizes: [50, 100],
  concurrency: [4, 8, 16],
  durationSeconds: 10,
} as const;

Deno.test("plannedLoads() counts every load of every scenario", () => {
  assertEquals(
    plannedLoads(OPTIONS).map(({ scenario, expectedMs }) => [
      scenario,
      expectedMs,
    ]),
    [
      ["large-batch", 5000],
      ["large-batch", 5000],
      ["concurrent", 10_000],
      ["concurrent", 10_000],
      ["concurrent", 10_000],
      ["sustained", 10_000],
      ["ramp", 24_000],
    ],
  );
});

Deno.test("StressForecast says which load it is and how long the rest takes, and learns", () => {
  const forecast = new StressForecast(plannedLoads(OPTIONS), [
    { scenario: "large-batch" },
  ]);
  assertEquals([forecast.number, forecast.total], [2, 7]);
  assertEquals(forecast.leftMs(0), 69_000);
  assertEquals(forecast.leftMs(2000), 67_000);
  forecast.learn({ scenario: "large-batch", tookMs: 1000 });
  // The references of a load are scored before it.
  forecast.learn({ scenario: "concurrent", tookMs: 15_000 });
  assertEquals([forecast.number, forecast.leftMs(0)], [4, 30_000 + 34_000]);
});
