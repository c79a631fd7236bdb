/**
 * Reads result files in CSV strictly: the specification's 15 columns, from whatever tool, with or without further ones.
 *
 * @module
 */
import { parse } from "@std/csv/parse";
import { SPECIFIED_METRICS } from "../record/metrics.ts";
import {
  type CellKey,
  type CellSummary,
  type Status,
  STATUSES,
} from "../record/run.ts";
import { TEXT_DATA } from "../score/data.ts";
import { unescapeCsv } from "../escape.ts";

/** One row of a result file. */
export interface CsvRow {
  /** Its line in the file, from 1. */
  readonly line: number;
  readonly key: CellKey;
  /** The judgement, against whatever it was compared with then. */
  readonly status: Status;
  /** Why the status is what it is; empty in files without that column. */
  readonly reason: string;
  /** The figures; null in an INVALID row, which need not have any. */
  readonly figures: CsvFigures | null;
}

/** The figures of a row; latencies above 0. */
export type CsvFigures = Omit<
  CellSummary,
  "minMs" | "maxMs" | "totalItems" | "throughputRequestsPerSec"
>;

/** The columns of the specification, in its order. */
export const CSV_COLUMNS: readonly string[] = SPECIFIED_METRICS.map(
  ({ name }) => name,
);

/** A file of more characters is refused: 20 runs of the full profile have 0.3 million. */
const MAX_CHARACTERS = 32 * 1024 * 1024;
/** A longer name is none that a server has. */
const MAX_NAME_LENGTH = 2_000;
/** Larger numbers are none that were measured. */
const MAX_NUMBER = 1e15;
/** Values that follow from each other may differ by this share, since files may be rounded. */
const ROUNDING_SHARE = 0.01;
/** Text of a file that is shown in a message is cut after so many characters. */
const MAX_SHOWN = 60;

const INTEGER_REGEXP = /^\d{1,15}$/;
const NUMBER_REGEXP = /^(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Reads a result file whole, or not at all.
 *
 * @param text The whole file, decoded as UTF-8.
 * @returns At least one row, in the order of the file.
 * @throws {SyntaxError} If anything is not as expected; the message names line and column.
 */
export function parseResultCsv(text: string): CsvRow[] {
  checkKind(text);
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  while (lines.at(-1) === "") lines.pop();
  const header = parseLine(lines[0] ?? "", 1);
  checkHeader(header);
  if (lines.length === 1) {
    throw new SyntaxError("line 2: a row was expected, the file ends");
  }
  return lines.slice(1).map((line, index) =>
    parseRow(header, parseLine(line, index + 2), index + 2)
  );
}

function checkKind(text: string): void {
  const start = text.trimStart().charAt(0);
  const found = text.trim() === ""
    ? "an empty file"
    : text.length > MAX_CHARACTERS
    ? `more than ${MAX_CHARACTERS} characters`
    : /[\0\ufffd]/.test(text)
    ? "bytes that are not text"
    : start === "<"
    ? "HTML or XML"
    : start === "{" || start === "["
    ? "JSON"
    : null;
  if (found === null) return;
  throw new SyntaxError(
    `line 1: a CSV with the columns ${
      CSV_COLUMNS.join(",")
    } was expected, found ${found}`,
  );
}

function parseLine(line: string, number: number): string[] {
  try {
    const [cells = []] = parse(line);
    return cells;
  } catch {
    throw new SyntaxError(
      `line ${number}: a row of CSV was expected, found a quote that does not close on its line (a line feed inside quotes is not taken: take it out): ${
        shown(line)
      }`,
    );
  }
}

function checkHeader(header: readonly string[]): void {
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new SyntaxError(
      `line 1: each column once was expected, found ${shown(twice)} twice`,
    );
  }
  const [only = ""] = header;
  const separator = header.length === 1
    ? [";", "\t", "|"].find((one) => only.includes(one))
    : undefined;
  if (separator !== undefined) {
    throw new SyntaxError(
      `line 1: columns separated by commas were expected, found ${
        JSON.stringify(separator)
      } between them: save the file with commas, and with points in its numbers`,
    );
  }
  const missing = CSV_COLUMNS.filter((name) => !header.includes(name));
  if (missing.length > 0) {
    const other = header.filter((name) => !CSV_COLUMNS.includes(name));
    const unit = missing.flatMap((name) =>
      other.filter((one) =>
        /^latency_/.test(name) && one.startsWith(name.replace(/ms$/, ""))
      )
    );
    throw new SyntaxError(
      `line 1: column ${missing.join(", ")} was expected, not found${
        unit.length === 0
          ? ""
          : `; latencies are in milliseconds, found ${
            unit.map(shown).join(", ")
          }`
      }`,
    );
  }
  const wrong = CSV_COLUMNS.findIndex((name, i) => header[i] !== name);
  if (wrong < 0) return;
  throw new SyntaxError(
    `line 1: ${CSV_COLUMNS[wrong]} was expected as column ${wrong + 1}, found ${
      shown(header[wrong] ?? "")
    }`,
  );
}

/** Reads the cells of a row by the names of their columns, and says where one is wrong. */
class RowReader {
  readonly #header: readonly string[];
  readonly #cells: readonly string[];
  readonly #line: number;

  constructor(
    header: readonly string[],
    cells: readonly string[],
    line: number,
  ) {
    this.#header = header;
    this.#cells = cells;
    this.#line = line;
    if (cells.length !== header.length) {
      throw new SyntaxError(
        `line ${line}: ${header.length} cells were expected, found ${cells.length}`,
      );
    }
  }

  text(column: string): string {
    return this.#cells[this.#header.indexOf(column)] ?? "";
  }

  name(column: string): string {
    const text = this.text(column);
    if (text.trim() === "") throw this.problem(column, "a name");
    if (text.length > MAX_NAME_LENGTH) {
      throw this.problem(column, `at most ${MAX_NAME_LENGTH} characters`);
    }
    return unescapeCsv(text);
  }

  integer(column: string, min: number): number {
    const text = this.text(column);
    if (!INTEGER_REGEXP.test(text) || Number(text) < min) {
      throw this.problem(column, `a whole number from ${min} on`);
    }
    return Number(text);
  }

  amount(column: string): number {
    const value = this.#number(column);
    if (!(value > 0)) throw this.problem(column, "a number above 0");
    return value;
  }

  /** The standard deviation of one sample is empty or, from other tools, 0. */
  deviation(column: string, count: number): number | null {
    if (count === 1 && this.text(column) === "") return null;
    const value = this.#number(column);
    return count === 1 ? null : value;
  }

  status(column: string): Status {
    const text = this.text(column).toUpperCase();
    // Tables show REGRESSION as FAIL, and some tools write that.
    const wanted = text === "FAIL" ? "REGRESSION" : text;
    const status = STATUSES.find((one) => one === wanted);
    if (status === undefined) {
      throw this.problem(column, `one of ${STATUSES.join(", ")}`);
    }
    return status;
  }

  problem(column: string, expected: string): SyntaxError {
    return new SyntaxError(
      `line ${this.#line}, ${column}: ${expected} was expected, found ${
        shown(this.text(column))
      }`,
    );
  }

  #number(column: string): number {
    const text = this.text(column);
    const value = NUMBER_REGEXP.test(text) ? Number(text) : NaN;
    if (!Number.isFinite(value)) {
      throw this.problem(column, "a number, not below 0 and not infinite,");
    }
    if (value > MAX_NUMBER) {
      throw this.problem(column, `a number of at most ${MAX_NUMBER}`);
    }
    return value;
  }
}

function parseRow(
  header: readonly string[],
  cells: readonly string[],
  line: number,
): CsvRow {
  const row = new RowReader(header, cells, line);
  const data = header.includes("data") ? row.name("data") : TEXT_DATA;
  const clients = header.includes("concurrency")
    ? row.integer("concurrency", 1)
    : 1;
  const key: CellKey = {
    // The requests of a file may each have their own number of items: 0.
    batchSize: row.integer("batch_size", data === TEXT_DATA ? 1 : 0),
    numLabels: row.integer("num_labels", 1),
    model: row.name("model"),
    dtype: row.name("dtype"),
    ...(data === TEXT_DATA ? {} : { data }),
    ...(clients === 1 ? {} : { concurrency: clients }),
  };
  const status = row.status("status");
  const numRuns = clients * row.integer("num_runs", 1);
  row.integer("warmup_runs", 0);
  const totalItems = row.integer("total_items", 0);
  const reason = header.includes("reason")
    ? unescapeCsv(row.text("reason"))
    : "";
  if (status === "INVALID") {
    return { line, key, status, reason, figures: null };
  }
  if (key.batchSize > 0 && totalItems !== key.batchSize * numRuns) {
    throw row.problem(
      "total_items",
      `batch_size x num_runs${clients === 1 ? "" : " x concurrency"} = ${
        key.batchSize * numRuns
      }`,
    );
  }
  return {
    line,
    key,
    status,
    reason,
    figures: parseFigures(row, {
      items: totalItems / numRuns,
      count: numRuns,
      clients,
    }),
  };
}

function parseFigures(
  row: RowReader,
  { items, count, clients }: {
    readonly items: number;
    readonly count: number;
    readonly clients: number;
  },
): CsvFigures {
  const figures: CsvFigures = {
    count,
    throughputItemsPerSec: row.amount("throughput_ips"),
    meanMs: row.amount("latency_mean_ms"),
    standardDeviationMs: row.deviation("latency_std_ms", count),
    p50Ms: row.amount("latency_p50_ms"),
    p95Ms: row.amount("latency_p95_ms"),
    p99Ms: row.amount("latency_p99_ms"),
  };
  const { p50Ms, p95Ms, p99Ms, meanMs, standardDeviationMs } = figures;
  // No median is farther from the mean than the standard deviation (Mallows, The American Statistician 45, 1991).
  if (
    standardDeviationMs !== null &&
    Math.abs(p50Ms - meanMs) > standardDeviationMs + ROUNDING_SHARE * meanMs
  ) {
    throw row.problem(
      "latency_p50_ms",
      `${meanMs}, the mean, more or less the standard deviation of ${standardDeviationMs}`,
    );
  }
  if (p95Ms < p50Ms) {
    throw row.problem("latency_p95_ms", `the p50 of ${p50Ms} or more`);
  }
  if (p99Ms < p95Ms) {
    throw row.problem("latency_p99_ms", `the p95 of ${p95Ms} or more`);
  }
  const follows = (column: string, expected: number, rule: string) => {
    const found = row.amount(column);
    if (Math.abs(found / expected - 1) <= ROUNDING_SHARE) return;
    throw row.problem(
      column,
      `${Number(expected.toPrecision(6))} (${rule}; latencies in milliseconds)`,
    );
  };
  if (clients > 1) {
    const perSec = row.amount("throughput_rps");
    follows("throughput_ips", items * perSec, "throughput_rps x batch_size");
    // What one client takes for a request: the same as its latency where it loses no time.
    return { ...figures, meanMs: 1000 * clients / perSec };
  }
  follows(
    "throughput_ips",
    1000 * items / meanMs,
    "1000 x batch_size / latency_mean_ms",
  );
  follows("throughput_rps", 1000 / meanMs, "1000 / latency_mean_ms");
  return figures;
}

function shown(text: string): string {
  return JSON.stringify(
    text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text,
  );
}
