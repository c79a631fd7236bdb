/**
 * Replays recorded requests against the rule by time and against the server's log, and prints what each says.
 *
 *     deno task compiles:replay [--at-least SHARE] FILE...
 *
 * A FILE that ends in .csv holds requests, one a row, with `items`, `status`, `latency_ms`, `started_at_unix` and
 * `ended_at_unix` (Unix seconds; `expected_item_count` is taken for `items`); any other is the log of a server, in UTC.
 * Which request a line belongs to is told by time alone: a line has whole seconds and comes when its batch is done.
 * Exit code 3 without requests or logs, 1 where a slow request with a line is not called a compile, or fewer lines than SHARE (0 to 1) are placed.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { parse } from "@std/csv/parse";
import { findSuspects } from "../../lib/bench/warm_up.ts";
import { median } from "../../lib/stats/summary.ts";
import { LogReader } from "../../lib/witness/reader.ts";

/** One recorded request; times in Unix milliseconds. */
interface RecordedRequest {
  readonly file: string;
  readonly items: string;
  readonly isGood: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly latencyMs: number;
}

/** A compile of a log; Unix milliseconds. */
interface LoggedCompile {
  readonly timeMs: number;
  readonly count: number;
}

/** A log: its span in Unix milliseconds, and its compiles. */
interface RecordedLog {
  readonly file: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly compiles: readonly LoggedCompile[];
}

/** What a replay came to. */
export interface Replay {
  /** Good requests. */
  readonly requests: number;
  /** Those of them whose log is there. */
  readonly logged: number;
  /** Of the logged ones: slow by three times their median, by what the log says and what the rule by time calls them. */
  readonly slow: Readonly<
    Record<
      "compile" | "no line",
      Readonly<Record<"compile" | "stall" | "nothing", number>>
    >
  >;
  /** Compile lines that lie inside a request, and all of the time in which requests were recorded. */
  readonly placed: readonly [placed: number, total: number];
  /** The marks of the rule by time in what has no log. */
  readonly marked: Readonly<Record<"compile" | "stall", number>>;
  /** A line for each slow request. */
  readonly lines: readonly string[];
}

/** A line of a second may be of a request that ended in that second, or one later. */
const PLACE_MS = 1000;

/** From this many times the median on a request is slow. */
const SLOW = 3;

/** Reads requests; rows without a latency are left out. */
function readRequests(file: string, text: string): RecordedRequest[] {
  const [header = [], ...rows] = parse(text);
  return rows.flatMap((values) => {
    const row = Object.fromEntries(
      header.map((name, i) => [name, values[i] ?? ""]),
    );
    const startMs = 1000 * Number(row["started_at_unix"]);
    const endMs = 1000 * Number(row["ended_at_unix"]);
    const latencyMs = Number(row["latency_ms"]);
    if (!(startMs > 0 && endMs > 0 && latencyMs > 0)) return [];
    const items = row["items"] ?? row["expected_item_count"] ?? "";
    const isGood = row["status"] === "ok";
    return [{ file, items, isGood, startMs, endMs, latencyMs }];
  });
}

function readLog(file: string, text: string): RecordedLog {
  const timesMs = [...text.matchAll(/^\[(\d{4}-\d\d-\d\d) ([\d:]{8})/gm)]
    .map(([, date, time]) => Date.parse(`${date}T${time}Z`));
  const records = new LogReader().feed(`${text}\n`);
  return {
    file,
    fromMs: timesMs[0] ?? Infinity,
    toMs: timesMs.at(-1) ?? -Infinity,
    compiles: records.flatMap(({ event, timeMs }) =>
      event.kind === "compile" && timeMs !== null
        ? [{ timeMs, count: event.count }]
        : []
    ),
  };
}

/** Replays files. */
export function replay(
  files: readonly { readonly name: string; readonly text: string }[],
): Replay {
  const isCsv = (name: string) => name.toLowerCase().endsWith(".csv");
  const requests = files.filter(({ name }) => isCsv(name))
    .flatMap(({ name, text }) => readRequests(name, text));
  const logs = files.filter(({ name }) => !isCsv(name))
    .map(({ name, text }) => readLog(name, text));
  const hits = (request: RecordedRequest, { timeMs }: LoggedCompile) =>
    timeMs + PLACE_MS >= request.startMs && timeMs <= request.endMs + PLACE_MS;
  const logOf = (request: RecordedRequest) =>
    logs.find(({ fromMs, toMs }) =>
      fromMs <= request.startMs && request.endMs <= toMs + PLACE_MS
    );
  const count = () => ({ compile: 0, stall: 0, nothing: 0 });
  const slow = { "compile": count(), "no line": count() };
  const marked = { compile: 0, stall: 0 };
  const lines: string[] = [];
  let logged = 0;
  const good = requests.filter(({ isGood }) => isGood);
  const groups = Map.groupBy(good, ({ file, items }) => `${file} ${items}`);
  for (const group of groups.values()) {
    const latenciesMs = group.map(({ latencyMs }) => latencyMs);
    const middleMs = median(latenciesMs);
    const marks = new Map(
      findSuspects(latenciesMs).map(({ index, kind }) => [index, kind]),
    );
    group.forEach((request, i) => {
      const log = logOf(request);
      const mark = marks.get(i) ?? "nothing";
      if (log === undefined) {
        if (mark !== "nothing") marked[mark]++;
        return;
      }
      logged++;
      if (request.latencyMs < SLOW * middleMs) return;
      const isHit = log.compiles.some((one) => hits(request, one));
      slow[isHit ? "compile" : "no line"][mark]++;
      lines.push(
        `${request.latencyMs.toFixed(0)} ms, ${
          (request.latencyMs / middleMs).toFixed(2)
        } times ${middleMs.toFixed(1)} ms, ${request.items} items: ${
          isHit ? "compiles in the log" : "no line in the log"
        }, by time ${mark} (${request.file})`,
      );
    });
  }
  // A line of a time of which no requests were kept belongs to none that could be found.
  const spans = [...Map.groupBy(requests, ({ file }) => file).values()].map(
    (all) => ({
      fromMs: Math.min(...all.map(({ startMs }) => startMs)),
      toMs: Math.max(...all.map(({ endMs }) => endMs)),
    }),
  );
  const judged = logs.flatMap(({ compiles }) => compiles).filter(({ timeMs }) =>
    spans.some(({ fromMs, toMs }) =>
      timeMs + PLACE_MS >= fromMs && timeMs <= toMs + PLACE_MS
    )
  );
  const placed =
    judged.filter((one) => requests.some((request) => hits(request, one)))
      .length;
  return {
    requests: good.length,
    logged,
    slow,
    placed: [placed, judged.length],
    marked,
    lines,
  };
}

/** Says what a replay came to. */
export function describeReplay(replayed: Replay): string[] {
  const { requests, logged, slow, placed, marked, lines } = replayed;
  const sum = (of: Readonly<Record<string, number>>) =>
    Object.values(of).reduce((total, one) => total + one, 0);
  const { compile, "no line": none } = slow;
  return [
    ...lines,
    `${requests} requests, ${logged} with a log`,
    `Slow with a line in the log: ${
      sum(compile)
    }, by time ${compile.compile} compiles, ${compile.stall} stalls, ${compile.nothing} nothing`,
    `Slow without a line in the log: ${
      sum(none)
    }, by time ${none.compile} compiles, ${none.stall} stalls, ${none.nothing} nothing`,
    `Without a log, by time: ${marked.compile} compiles, ${marked.stall} stalls`,
    `Compile lines inside a request: ${placed[0]} of ${placed[1]}`,
  ];
}

async function main(args: readonly string[]): Promise<number> {
  const at = args.indexOf("--at-least");
  const share = at < 0 ? 0 : Number(args[at + 1]);
  const paths = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
  if (paths.length === 0 || !(share >= 0 && share <= 1)) {
    console.error(
      "Cannot replay: expected [--at-least SHARE] FILE..., requests in .csv and logs of servers",
    );
    return 2;
  }
  const files = await Promise.all(
    paths.map(async (name) => ({ name, text: await Deno.readTextFile(name) })),
  );
  const replayed = replay(files);
  for (const line of describeReplay(replayed)) console.log(line);
  const { slow, placed, logged } = replayed;
  if (logged === 0) {
    console.error("Cannot replay: no request of these files has a log");
    return 3;
  }
  const isFound = slow.compile.stall + slow.compile.nothing === 0;
  return isFound && placed[0] >= share * placed[1] ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
