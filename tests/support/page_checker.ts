// deno-lint-ignore-file no-console
/**
 * Opens pages in a browser and prints as JSON what a reader would meet; run by a test, with all permissions.
 *
 * Arguments: the path of the browser, then JSON: pages and views, and a folder
 * for screenshots, in which run.xml lies.
 */
import { type Browser, chromium } from "playwright-core";

/** What is opened, and how. */
export interface PageTask {
  /** The file. */
  readonly path: string;
  /** Its name, for screenshots. */
  readonly name: string;
  /** Width of the window in pixels. */
  readonly width: number;
  /** The colour scheme. */
  readonly scheme: "light" | "dark";
}

/** What was found on a page. */
export interface PageFindings {
  /** The task. */
  readonly task: PageTask;
  /** All that the console said, and errors. */
  readonly messages: readonly string[];
  /** All that was loaded beside the page. */
  readonly requests: readonly string[];
  /** Width of the page minus width of the window, in pixels; above 0 it scrolls sideways. */
  readonly overflow: number;
  /** Charts that have a size. */
  readonly charts: number;
  /** The same on paper, where folds are open. */
  readonly printedCharts: number;
  /** Texts that leave their chart or the window. */
  readonly cut: readonly string[];
  /** Texts of charts that lie on each other. */
  readonly overlaps: readonly string[];
  /** The smallest text in pixels, as it is seen. */
  readonly smallestTextPx: number;
  /** The lowest contrast of text with the paper. */
  readonly lowestContrast: number;
  /** How light the paper is, 0 to 1. */
  readonly paperLightness: number;
  /** Elements that run, load or lead elsewhere. */
  readonly foreign: number;
}

async function check(
  browser: Browser,
  task: PageTask,
  folder: string,
): Promise<PageFindings> {
  const context = await browser.newContext({
    viewport: { width: task.width, height: 900 },
    colorScheme: task.scheme,
  });
  const page = await context.newPage();
  const messages: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  page.on("dialog", (dialog) => {
    messages.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`file://${task.path}`);
  await page.emulateMedia({ media: "print", colorScheme: task.scheme });
  const printedCharts = Number(await page.evaluate(COUNT_CHARTS));
  await page.emulateMedia({ media: "screen", colorScheme: task.scheme });
  await page.screenshot({
    path: `${folder}/${task.name}-${task.width}-${task.scheme}.png`,
    fullPage: true,
  });
  const found = await page.evaluate(MEASURE) as Omit<
    PageFindings,
    "task" | "messages" | "requests" | "printedCharts"
  >;
  await context.close();
  return {
    task,
    messages,
    requests: requests.slice(1),
    printedCharts,
    ...found,
  };
}

/** Runs in the page: counts the charts that have a size and something in them. */
const COUNT_CHARTS = String
  .raw`[...document.querySelectorAll("svg")].filter((svg) => {
  const box = svg.getBoundingClientRect();
  return box.width > 200 && box.height > 100 && svg.checkVisibility({ contentVisibilityAuto: true }) &&
    svg.querySelectorAll("path,circle").length > 3;
}).length`;

/** Runs in the page, with all folds open. */
const MEASURE = String.raw`(() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const lightness = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((part) => part / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [lightness(a), lightness(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const paperOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const cut = [], overlaps = [];
  let smallestTextPx = Infinity, lowestContrast = Infinity;
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    const scale = frame.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text")].map((text) => ({
      words: text.textContent, box: text.getBoundingClientRect(),
      style: getComputedStyle(text),
    }));
    for (const [i, { words, box, style }] of texts.entries()) {
      smallestTextPx = Math.min(smallestTextPx, scale * parseFloat(style.fontSize));
      lowestContrast = Math.min(lowestContrast, contrast(style.fill, paperOf(svg)));
      if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 1 || box.bottom > frame.bottom + 1) cut.push(words);
      for (const other of texts.slice(i + 1)) {
        const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (wide > 1 && high > 4) overlaps.push(words + " / " + other.words);
      }
    }
  }
  for (const element of document.querySelectorAll("main *, footer")) {
    const isText = [...element.childNodes].some((node) =>
      node.nodeType === 3 && node.textContent.trim() !== "");
    if (!isText || element.closest("svg")) continue;
    const style = getComputedStyle(element);
    smallestTextPx = Math.min(smallestTextPx, parseFloat(style.fontSize));
    if (element.className !== "band") {
      lowestContrast = Math.min(lowestContrast, contrast(style.color, paperOf(element)));
    }
    const box = element.getBoundingClientRect();
    const isCut = box.right > innerWidth + 1 && !element.closest(".scroll");
    if (isCut || element.scrollWidth > element.clientWidth + 1 &&
      style.display !== "inline" && !element.closest(".scroll")) {
      cut.push(element.textContent.slice(0, 60));
    }
  }
  // On a screen that is no phone's no column lies off the page.
  for (const box of document.querySelectorAll(".scroll")) {
    if (innerWidth >= 900 && box.scrollWidth > box.clientWidth + 1) {
      cut.push("table: " + box.textContent.slice(0, 60));
    }
  }
  return {
    overflow: document.documentElement.scrollWidth - innerWidth,
    charts: ${COUNT_CHARTS}, cut, overlaps, smallestTextPx, lowestContrast,
    paperLightness: lightness(getComputedStyle(document.body).backgroundColor),
    foreign: document.querySelectorAll("script,img,a,iframe,object,link,[style]").length,
  };
})()`;

/** Lets the browser read XML; returns what is wrong with it. */
async function parseXml(browser: Browser, path: string): Promise<string> {
  const page = await browser.newPage();
  const text = await Deno.readTextFile(path);
  const found = await page.evaluate(
    `new DOMParser().parseFromString(${
      JSON.stringify(text)
    }, "application/xml").querySelector("parsererror")?.textContent ?? ""`,
  );
  return String(found);
}

if (import.meta.main) {
  const [executablePath = "", json = "[]", folder = "."] = Deno.args;
  const tasks: PageTask[] = JSON.parse(json);
  const browser = await chromium.launch({
    executablePath,
    // Root, as in containers, has no sandbox; the pages are the project's own.
    args: ["--no-sandbox"],
  });
  try {
    const findings: PageFindings[] = [];
    const xml = await parseXml(browser, `${folder}/run.xml`);
    for (const task of tasks) findings.push(await check(browser, task, folder));
    console.log(JSON.stringify({ findings, xml }));
  } finally {
    await browser.close();
  }
}
