/**
 * Makes the pictures of README.md from a real run on the simulated engine: a recording of the terminal, and a page.
 *
 * It needs `script` of util-linux, which gives a program a terminal and notes when it writes, and chromium.
 */
import { escapeHtml } from "../lib/report/markup.ts";

const COLUMNS = 80;
const [CHARACTER_WIDTH, LINE_HEIGHT, PADDING] = [8.4, 18, 14];
const FOLDER = "docs/pictures";
const TEMPORARY = "results/pictures";

/** What stands in a row from one time to another. */
interface Shown {
  readonly row: number;
  readonly text: string;
  readonly fromMs: number;
  toMs: number | null;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  throw new Error(
    `${command} ended with ${code}: ${new TextDecoder().decode(stderr)}`,
  );
}

/** Runs a command in a terminal of its own; returns what it wrote, and when. */
async function record(
  command: string,
): Promise<{ readonly atMs: number; readonly text: string }[]> {
  const [log, timing] = [`${TEMPORARY}/log`, `${TEMPORARY}/timing`];
  const inTerminal = `stty cols ${COLUMNS} rows 40; ${command}`;
  await run("script", [
    ...["--quiet", "--flush", "--command", inTerminal],
    ...["--log-out", log, "--log-timing", timing],
  ]);
  const bytes = await Deno.readFile(log);
  // A line of script's own comes first.
  let offset = bytes.indexOf(10) + 1;
  let atMs = 0;
  const decoder = new TextDecoder();
  return (await Deno.readTextFile(timing)).trim().split("\n").map((line) => {
    const [delay, count] = line.split(" ").map(Number);
    atMs += 1000 * (delay ?? 0);
    const part = bytes.subarray(offset, offset + (count ?? 0));
    offset += count ?? 0;
    return { atMs, text: decoder.decode(part, { stream: true }) };
  });
}

/** Plays what was written on a terminal that knows carriage returns, line feeds and the erasing of a line. */
function play(
  written: readonly { readonly atMs: number; readonly text: string }[],
): Shown[] {
  const shown: Shown[] = [];
  const rows: string[] = [""];
  let row = 0;
  const current = new Map<number, Shown>();
  for (const { atMs, text } of written) {
    // deno-lint-ignore no-control-regex
    for (const part of text.split(/(\r\n|\n|\r|\x1b\[K)/)) {
      if (part === "\r\n" || part === "\n") rows[++row] ??= "";
      else if (part === "\r" || part === "\x1b[K") rows[row] = "";
      else rows[row] = `${rows[row] ?? ""}${part}`;
    }
    rows.forEach((text, index) => {
      const known = current.get(index);
      if (known?.text === text) return;
      if (known !== undefined) known.toMs = atMs;
      const next = { row: index, text, fromMs: atMs, toMs: null };
      current.set(index, next);
      if (text !== "") shown.push(next);
    });
  }
  return shown.filter(({ fromMs, toMs }) => toMs === null || toMs > fromMs);
}

const CLASSES: Readonly<Record<string, string>> = {
  "1;31": "bad",
  "1;32": "good",
  "1;33": "doubtful",
};

/** Returns a line as SVG, its colours as classes. */
function spans(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.split(/(\x1b\[[\d;]*m)/).reduce(
    ({ out, style }, part) => {
      // deno-lint-ignore no-control-regex
      const code = /^\x1b\[([\d;]*)m$/.exec(part)?.[1];
      if (code !== undefined) return { out, style: CLASSES[code] ?? "" };
      const safe = escapeHtml(part);
      return {
        out: out +
          (style === "" || safe === ""
            ? safe
            : `<tspan class="${style}">${safe}</tspan>`),
        style,
      };
    },
    { out: "", style: "" },
  ).out;
}

function toSvg(shown: readonly Shown[], label: string): string {
  const rows = 1 + Math.max(...shown.map(({ row }) => row));
  const width = Math.ceil(COLUMNS * CHARACTER_WIDTH + 2 * PADDING);
  const height = rows * LINE_HEIGHT + 2 * PADDING;
  const seconds = (timeMs: number) => `${(timeMs / 1000).toFixed(2)}s`;
  const lines = shown.map(({ row, text, fromMs, toMs }) => {
    const y = PADDING + (row + 0.8) * LINE_HEIGHT;
    // What stays is there without animation too; it is hidden until its time comes.
    const [visibility, to, begin, end] = toMs === null
      ? ["visible", "hidden", 0, fromMs]
      : ["hidden", "visible", fromMs, toMs];
    return `<text x="${PADDING}" y="${y}" visibility="${visibility}">${
      spans(text)
    }<set attributeName="visibility" to="${to}" begin="${
      seconds(Number(begin))
    }" end="${seconds(Number(end))}"/></text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${
      escapeHtml(label)
    }">`,
    `<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e8eaed;white-space:pre}.good{fill:#6ccf95;font-weight:bold}.bad{fill:#ff8b80;font-weight:bold}.doubtful{fill:#efb04a;font-weight:bold}</style>`,
    `<rect width="100%" height="100%" rx="8" fill="#14171b"/>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

/** Starts a simulated engine with settings of its cost model. */
function simulate(
  port: number,
  settings: readonly string[],
): Disposable & { readonly url: string } {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "sim.ts", "--port", String(port)],
      ...settings.flatMap((setting) => ["--set", setting]),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => child.kill("SIGTERM"),
  };
}

if (import.meta.main) {
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.mkdir(TEMPORARY, { recursive: true });
  const baseline = `${TEMPORARY}/baseline.csv`;
  for (const name of [baseline, baseline.replace(".csv", "-metadata.json")]) {
    await Deno.remove(name).catch(() => {});
  }
  // Long requests, which a busy machine disturbs little; the second engine is slower with each token.
  using before = simulate(30_801, ["fixedMs=30", "perTokenMs=0.1"]);
  using after = simulate(30_802, ["fixedMs=30", "perTokenMs=0.15"]);
  const bench = (url: string) =>
    `'${Deno.execPath()}' run -A bench.ts --url ${url} --profile smoke --num-runs 20`;
  await run("sh", [
    "-c",
    `${bench(before.url)} --repeats 5 --update-baseline ${baseline} --quiet`,
  ]);
  const page = `${TEMPORARY}/run.html`;
  const written = await record(
    `${bench(after.url)} --baseline ${baseline} --output ${page}`,
  );
  const typed =
    `$ deno task -q bench --url ${after.url} --profile smoke --num-runs 20 \\\r\n    --baseline baseline.csv --output run.html\r\n`;
  const svg = toSvg(
    play([{ atMs: 0, text: typed }, ...written]),
    "A run on the simulated engine that is compared with a baseline: two cells are slower",
  );
  await Deno.writeTextFile(`${FOLDER}/bench.svg`, svg);
  await run("chromium", [
    ...["--headless", "--no-sandbox", "--hide-scrollbars"],
    "--window-size=1100,1500",
    `--screenshot=${FOLDER}/page.png`,
    `file://${await Deno.realPath(page)}`,
  ]);
}
