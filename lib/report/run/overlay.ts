/**
 * Several servers, models, data types or runs side by side: one scale, and the ratio to the first.
 *
 * @module
 */
import { cellId, describeCell } from "../../record/cells.ts";
import type { CellKey } from "../../record/run.ts";
import { counted } from "../../wrap.ts";
import {
  labelCounts,
  legendSign,
  overlayChart,
  overlayValue,
} from "../charts/cells.ts";
import type { DrawChart } from "../charts/svg.ts";
import { figure, gallery, type Html, htmlTable } from "../page.ts";
import type { CellView, ReportView } from "../view.ts";

/** What is laid over the others. */
interface Series {
  readonly name: string;
  readonly cells: readonly CellView[];
}

/** The facts of a run by which it may be told from another, the plainest first. */
const TELLING_FACTS = ["Measured", "Commit", "Server version", "Started"];

/** More models and runs than this cannot be told apart in one chart. */
const MAX_SERIES = 20;

/** Returns charts in which all models and runs lie over each other, and a table of their ratios; nothing for one alone. */
export function overlay(
  views: readonly ReportView[],
  draw: DrawChart,
): Html[] {
  const found = seriesOf(views);
  if (found.length < 2) return [];
  const series = found.slice(0, MAX_SERIES);
  const all = series.flatMap(({ cells }) => cells);
  const legend = series.map(({ name }, index) => {
    const { sign, colour } = legendSign(index);
    return { sign, style: `s${colour}`, text: name };
  });
  const charts = (["throughput", "latency"] as const).flatMap((shown) => {
    const values = all.map((cell) => overlayValue(cell, shown))
      .filter((value) => value !== null);
    if (values.length === 0) return [];
    return labelCounts(all).map((count) =>
      figure(
        draw(overlayChart(
          series.map(({ cells }) =>
            cells.filter(({ key }) => key.numLabels === count)
          ),
          shown,
          Math.max(...values),
        )),
        {
          caption: `${
            shown === "throughput"
              ? "Throughput (items/s)"
              : "Median latency (ms)"
          }, ${counted(count, "label")}`,
          legend,
        },
      )
    );
  });
  const rest = found.length - series.length;
  return [
    gallery(charts),
    ratioTable(series),
    ...rest === 0
      ? []
      : [`<p>${rest} more models or runs are left out here.</p>`],
  ];
}

function seriesOf(views: readonly ReportView[]): Series[] {
  const names = namesOf(views);
  const keys = views.flatMap(({ cells }) => cells.map(({ key }) => key));
  const isSeveral = (name: "model" | "dtype") =>
    new Set(keys.map((key) => key[name])).size > 1;
  return views.flatMap((view, index) =>
    [
      ...Map.groupBy(
        view.cells,
        ({ key: { model, dtype } }) => JSON.stringify([model, dtype]),
      ).values(),
    ].map((cells): Series => {
      const key = cells[0]?.key;
      const parts = [
        ...(isSeveral("model") ? [key?.model ?? ""] : []),
        ...(isSeveral("dtype") ? [key?.dtype ?? ""] : []),
        ...(names[index] === "" ? [] : [names[index] ?? ""]),
      ];
      return { name: parts.join(", "), cells };
    })
  );
}

/** Names runs by the first fact in which all of them differ; empty for one alone; not escaped. */
export function namesOf(views: readonly ReportView[]): string[] {
  if (views.length === 1) return [""];
  const valuesOf = (fact: string) =>
    views.map(({ facts }) => facts.find(([name]) => name === fact)?.[1] ?? "");
  const telling = TELLING_FACTS.find((fact) =>
    new Set(valuesOf(fact)).size === views.length
  );
  return telling === undefined
    ? views.map((_, index) => `run ${index + 1}`)
    : valuesOf(telling).map((value) =>
      telling === "Measured" ? value : `${telling.toLowerCase()} ${value}`
    );
}

/** A cell without what tells the series apart. */
function placeOf(key: CellKey): CellKey {
  return { ...key, model: "", dtype: "" };
}

function ratioTable(series: readonly Series[]): Html {
  const places = new Map(
    series.flatMap(({ cells }) => cells).map(({ key }) => [
      cellId(placeOf(key)),
      placeOf(key),
    ]),
  );
  const [first, ...others] = series;
  const cellsOf = new Map(series.map((one) => [
    one,
    new Map(one.cells.map((cell) => [cellId(placeOf(cell.key)), cell])),
  ]));
  const valueOf = (one: Series | undefined, id: string) => {
    const cell = one && cellsOf.get(one)?.get(id);
    return cell === undefined ? null : overlayValue(cell, "throughput");
  };
  const ratios = [...places].map(([id, place]) => {
    const base = valueOf(first, id);
    return {
      place,
      base,
      others: others.map((one) => {
        const value = valueOf(one, id);
        return value === null || base === null
          ? { value, ratio: null }
          : { value, ratio: value / base };
      }),
    };
  });
  const number = (title: string) => ({ title, isNumber: true } as const);
  const shown = (value: number | null) => value?.toFixed(1) ?? "-";
  const times = (ratio: number | null) =>
    ratio === null ? "-" : `${ratio.toFixed(2)} x`;
  const geometricMean = (values: readonly number[]) =>
    values.length === 0 ? null : Math.exp(
      values.reduce((sum, value) => sum + Math.log(value), 0) / values.length,
    );
  return htmlTable(
    [
      { title: "Cell" },
      number(`${first?.name} (items/s)`),
      ...others.flatMap(({ name }) => [
        number(`${name} (items/s)`),
        number("of the first"),
      ]),
    ],
    [
      ...ratios.map(({ place, base, others }) => [
        describeCell(place),
        shown(base),
        ...others.flatMap(({ value, ratio }) => [shown(value), times(ratio)]),
      ]),
      [
        "Geometric mean of the ratios",
        "",
        ...others.flatMap((_, index) => [
          "",
          times(geometricMean(
            ratios.flatMap(({ others }) => others[index]?.ratio ?? []),
          )),
        ]),
      ],
    ],
  );
}
