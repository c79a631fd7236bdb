/**
 * Charts as SVG text for pages without scripts: drawn by Apache ECharts, then freed of all that a strict content
 * security policy would block.
 *
 * ECharts is loaded when the first chart is asked for, so that a tool that draws none does not wait for it. Its
 * bundle is used, since its modules read the environment. Colours are CSS variables of the page, for light and dark.
 *
 * @module
 */
import type { CustomSeriesRenderItem, EChartsOption } from "echarts";
import { escapeHtml } from "../markup.ts";

/** What ECharts takes, as plain data. */
export type ChartOption = Readonly<Record<string, unknown>>;

/** One chart: what is in it, and what it is called. */
export interface Chart {
  /** What ECharts takes; text in it is escaped when it is drawn. */
  readonly option: ChartOption;
  /** In pixels of the drawing, which is scaled to its place on the page. */
  readonly height: number;
  /** What it shows, for those who do not see it; not escaped. */
  readonly label: string;
  /** What is shown for a point that is pointed at; not escaped, null for nothing. */
  readonly tooltip?: (seriesIndex: number, dataIndex: number) => string | null;
}

/** Draws charts, each with names of its own, so that many stand on one page. */
export type DrawChart = (chart: Chart) => string;

/** A page has no more charts: nobody looks at more, and each takes some hundredths of a second. */
const MAX_CHARTS = 400;

/** What stands in the place of a chart beyond them. */
const NOT_DRAWN =
  `<p>Not drawn: a page has at most ${MAX_CHARTS} charts. The figures are in the table.</p>`;

/** Loads the chart library, for one page. */
export async function loadCharts(): Promise<DrawChart> {
  const echarts: typeof import("echarts") = await import(
    "echarts/dist/echarts.esm.min.mjs"
  );
  let count = 0;
  return ({ option, height, label, tooltip }) => {
    if (count >= MAX_CHARTS) return NOT_DRAWN;
    const instance = echarts.init(null, null, {
      renderer: "svg",
      ssr: true,
      width: CHART_WIDTH,
      height,
    });
    instance.setOption({
      animation: false,
      textStyle: { fontFamily: "" },
      ...option,
    } as EChartsOption);
    const svg = instance.renderToSVGString();
    instance.dispose();
    count++;
    return cleanSvg(svg, { id: `chart${count}`, label, tooltip });
  };
}

/** The width of a drawing: that of a phone's screen, so that text is as large as it says. */
const CHART_WIDTH = 360;

/** The height of text in charts, in pixels of the drawing. */
const FONT_SIZE = 13;

/** Returns the options of an axis: quiet lines, readable labels. */
export function axis(options: ChartOption): ChartOption {
  const line = { lineStyle: { color: "var(--line)" } };
  const { axisLabel = {}, ...rest } = options;
  return {
    axisLine: { show: true, ...line },
    axisTick: { show: false },
    splitLine: { show: false },
    nameLocation: "middle",
    nameTextStyle: { color: "var(--muted)", fontSize: FONT_SIZE },
    ...rest,
    axisLabel: {
      color: "var(--muted)",
      fontSize: FONT_SIZE,
      ...axisLabel as ChartOption,
    },
  };
}

/** Returns the options of the axis of values, with lines across the chart. */
export function valueAxis(options: ChartOption): ChartOption {
  return axis({
    type: "value",
    splitNumber: 4,
    ...options,
    axisLine: { show: false },
    splitLine: { show: true, lineStyle: { color: "var(--grid)" } },
  });
}

/** Returns lines across a chart, each with a text, for `markLine` of a series. */
export function markLine(
  marks: readonly {
    /** Where it lies: `xAxis` or `yAxis`. */
    readonly at: ChartOption;
    readonly text: string;
    readonly color: string;
    readonly type: "solid" | "dashed";
    /** Further options of the text. */
    readonly label: ChartOption;
  }[],
): ChartOption {
  return {
    silent: true,
    symbol: "none",
    data: marks.map(({ at, text, color, type, label }) => ({
      ...at,
      lineStyle: { color, type, width: 1.5 },
      label: { formatter: text, color, fontSize: FONT_SIZE, ...label },
    })),
  };
}

/** Returns a number of an axis, short. */
export function shownTick(value: number): string {
  if (Math.abs(value) >= 10_000) return `${value / 1000}k`;
  return String(Number(value.toPrecision(3)));
}

/** A line or a rectangle in units of the axes. */
export interface Mark {
  /** One end, or one corner. */
  readonly from: readonly [x: number, y: number];
  /** The other end, or the corner across. */
  readonly to: readonly [x: number, y: number];
}

/** Returns a series of straight lines, each between two points in units of the axes. */
export function lines(
  data: readonly Mark[],
  style: ChartOption,
): ChartOption {
  return marks(data, (from, to) => ({
    type: "line",
    shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] },
    style: { lineWidth: 1.5, ...style },
  }));
}

/** Returns a series of rectangles, each between two corners in units of the axes. */
export function rectangles(
  data: readonly Mark[],
  style: ChartOption,
): ChartOption {
  return marks(data, (from, to) => ({
    type: "rect",
    shape: {
      x: Math.min(from[0], to[0]),
      y: Math.min(from[1], to[1]),
      width: Math.abs(to[0] - from[0]),
      height: Math.abs(to[1] - from[1]),
    },
    style,
  }));
}

function marks(
  data: readonly Mark[],
  shapeOf: (from: Mark["from"], to: Mark["to"]) => ChartOption,
): ChartOption {
  const renderItem: CustomSeriesRenderItem = (_params, api) => {
    const place = (first: number): Mark["from"] => {
      const [x = 0, y = 0] = api.coord([
        api.value(first),
        api.value(first + 1),
      ]);
      return [x, y];
    };
    return shapeOf(place(0), place(2)) as unknown as ReturnType<
      CustomSeriesRenderItem
    >;
  };
  return {
    type: "custom",
    clip: true,
    silent: true,
    renderItem,
    encode: { x: [0, 2], y: [1, 3] },
    data: data.map(({ from, to }) => [...from, ...to]),
  };
}

/** The hover styles that ECharts adds, which do nothing in a page without scripts. */
const STYLE_REGEXP = /<style[^]*?<\/style>\n?/g;
const NOISE_REGEXP =
  / (?:class|pointer-events|ecmeta_\w+|xmlns:xlink|version|baseProfile)="[^"]*"/g;
/** The style of texts; styles in attributes would need 'unsafe-inline'. */
const TEXT_STYLE_REGEXP = / style="([^"]*)"/g;
const NUMBER_REGEXP = /-?\d+\.\d{2,}/g;
const CIRCLE_REGEXP =
  /<path d="M1 0A1 1 0 1 1 1 -0\.1A1 1 0 0 1 1 0" transform="matrix\(([\d.]+),0,0,[\d.]+,([-\d.]+),([-\d.]+)\)"([^>]*)><\/path>/g;
const POINT_REGEXP =
  /<(path|circle)([^>]*) ecmeta_series_index="(\d+)" ecmeta_data_index="(\d+)"([^>]*)><\/(?:path|circle)>/g;

function cleanSvg(
  svg: string,
  { id, label, tooltip }: {
    readonly id: string;
    readonly label: string;
    readonly tooltip: Chart["tooltip"];
  },
): string {
  return svg
    .replace(STYLE_REGEXP, "")
    .replace(CIRCLE_REGEXP, '<circle r="$1" cx="$2" cy="$3"$4></circle>')
    .replace(
      POINT_REGEXP,
      (whole, tag, before, seriesIndex, dataIndex, after) => {
        const text = tooltip?.(Number(seriesIndex), Number(dataIndex)) ?? null;
        return text === null
          ? whole
          : `<${tag}${before}${after}><title>${
            escapeHtml(text)
          }</title></${tag}>`;
      },
    )
    .replace(NOISE_REGEXP, "")
    .replace(TEXT_STYLE_REGEXP, (_, style: string) => attributesOf(style))
    .replace(
      NUMBER_REGEXP,
      (number) => String(Number(Number(number).toFixed(1))),
    )
    .replaceAll(/zr\d+-/g, `${id}-`)
    .replaceAll(/(?<!<\/title)><\/(?:path|rect|circle)>/g, "/>")
    .replace(
      /^<svg width="\d+" height="\d+"/,
      `<svg role="img" aria-label="${escapeHtml(label)}"`,
    );
}

/** Turns the declarations of a style into attributes, of which SVG has one for each that ECharts uses. */
function attributesOf(style: string): string {
  return style.split(";").flatMap((declaration) => {
    const [name = "", value = ""] = declaration.split(":");
    const isWanted = name.startsWith("font-") && name !== "font-family";
    return isWanted ? ` ${name}="${value.trim()}"` : [];
  }).join("");
}
